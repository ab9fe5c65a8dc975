#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_ipfix.py: collectors that others wrote read what berthd exports, and count the same.
#
#   berth-traffic ──▶ capture ──▶ net_pcap ──▶ berthd ──▶ echo udp | sink tcp
#                                                ├─ UDP ──▶ nfcapd ──▶ nfdump
#                                                ├─ TCP ──▶ a file ──▶ ipfixDump
#                                                └─ control.sock ──▶ berthctl events
import ipaddress
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections import Counter

from events import Reader, capture
from lib import DEADLINE_S, Application, Daemon, die_with_parent, skip, wait_for

FLOWS = 400
PROTOS = {"6": "tcp", "17": "udp"}
TIMEOUTS = "{tcp-opening: 1, tcp-established: 1, tcp-closing: 1, udp-new: 1, udp-stream: 1}"


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nfcapd:
    """nfdump's collector on UDP."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "nfcapd")
        os.mkdir(self.folder)
        self.port = free_port(socket.SOCK_DGRAM)
        self.log = open(os.path.join(folder, "nfcapd.log"), "w+")
        self.process = subprocess.Popen(
            ["nfcapd", "-b", "127.0.0.1", "-p", str(self.port), "-w", self.folder, "-t", "3600",
             "-B", "4000000"], stdout=self.log, stderr=self.log, preexec_fn=die_with_parent)
        wait_for(self.listens, "nfcapd")

    def listens(self):
        assert self.process.poll() is None, "nfcapd ended"
        with open("/proc/net/udp") as f:
            return f"0100007F:{self.port:04X}" in f.read()

    def flows(self):
        """What it collected, by tuple: packets and bytes there and back."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE_S)
        self.log.close()
        text = subprocess.run(
            ["nfdump", "-R", self.folder, "-q", "-6", "-N", "-o",
             "fmt:%pr;%sa;%sp;%da;%dp;%ipkt;%ibyt;%opkt;%obyt"],
            capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout
        rows = [[cell.strip() for cell in line.split(";")] for line in text.splitlines()
                if line.count(";") == 8]
        return Counter((PROTOS[r[0]], r[1], int(r[2]), r[3], int(r[4]), *map(int, r[5:]))
                       for r in rows)


class TcpCollector(threading.Thread):
    """Writes what one connection brings into a file: that is an IPFIX file (RFC 5655)."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.path = os.path.join(folder, "stream.ipfix")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        peer, _ = self.listener.accept()
        with peer, open(self.path, "wb") as f:
            while data := peer.recv(65536):
                f.write(data)

    def flows(self):
        return Counter(values_of(record) for record in self.records())

    def records(self):
        """The values of each record, by the names of their elements."""
        self.join(DEADLINE_S)
        self.listener.close()
        text = subprocess.run(["ipfixDump", "--data", "--in", self.path], capture_output=True,
                              text=True, check=True, timeout=DEADLINE_S).stdout
        return [dict(re.findall(r"\) +(\w+) : (\S+)", record))
                for record in text.split("--- data record")[1:]]


def address_of(text):
    return str(ipaddress.ip_address(text))


def values_of(v):
    return (PROTOS[v["protocolIdentifier"]],
            address_of(v.get("sourceIPv4Address", v.get("sourceIPv6Address"))),
            int(v["sourceTransportPort"]),
            address_of(v.get("destinationIPv4Address", v.get("destinationIPv6Address"))),
            int(v["destinationTransportPort"]), int(v["packetDeltaCount"]),
            int(v["octetDeltaCount"]), int(v["reversePacketDeltaCount"]),
            int(v["reverseOctetDeltaCount"]))


def told(events):
    """The same from events."""
    return Counter((e["proto"], e["orig"]["address"], e["orig"]["port"], e["reply"]["address"],
                    e["reply"]["port"], e["orig"]["packets"], e["orig"]["bytes"],
                    e["reply"]["packets"], e["reply"]["bytes"]) for e in events)


def run(folder, collector, name):
    """Lets flows live and end with one collector. What berthd and the collector say of them."""
    path = capture(folder, 7, FLOWS, ipv6=30)
    nics = (f'  - name: wire\n    vdev: "net_pcap0,rx_pcap={path},infinite_rx=1"\n'
            '    addresses: [192.0.2.10/24, "2001:db8::10/64"]\n')
    extra = (f"memory: {{mode: ordinary, buffers: 24000}}\n"
             f"flows: {{capacity: 16384, timeouts: {TIMEOUTS}}}\n"
             f"ipfix: {{collector: {name}/127.0.0.1:{collector.port}, domain: 7}}\n")
    with Daemon(nics, extra) as daemon:
        reader = Reader(daemon, "--type", "destroy")
        wait_for(lambda: daemon.ctl("status")["listeners"] == 2, "the reader to listen")
        apps = [Application(daemon, program, identities=[identity])
                for program, identity in (("echo", "udp/*:9000"), ("sink", "tcp/*:443"))]
        wait_for(lambda: daemon.ctl("status")["flows"] == FLOWS, "every flow to live")
        for app in apps:
            app.stop()
        wait_for(lambda: daemon.ctl("status")["flows"] == 0, "every flow to end")
        wait_for(lambda: daemon.ctl("status")["ipfix_exported"] == FLOWS, "every record to leave")
        assert daemon.ctl("status")["ipfix_lost"] == 0
        wait_for(lambda: reader.count("destroy") == FLOWS, "the last event")
        _, events = reader.interrupt()
    return told(events), collector.flows()


def flows_that_last(folder):
    """A flow that lasts is told in parts, and the parts add up to what is told of it at its end."""
    collector = TcpCollector(folder)
    path = capture(folder, 9, FLOWS, ipv6=30)
    nics = (f'  - name: wire\n    vdev: "net_pcap0,rx_pcap={path},infinite_rx=1"\n'
            '    addresses: [192.0.2.10/24, "2001:db8::10/64"]\n')
    extra = (f"memory: {{mode: ordinary, buffers: 24000}}\n"
             f"flows: {{capacity: 16384, timeouts: {TIMEOUTS}}}\n"
             f"ipfix: {{collector: 'tcp/127.0.0.1:{collector.port}', active-seconds: 1}}\n")
    with Daemon(nics, extra) as daemon:
        reader = Reader(daemon, "--type", "destroy")
        wait_for(lambda: daemon.ctl("status")["listeners"] == 2, "the reader to listen")
        apps = [Application(daemon, program, identities=[identity])
                for program, identity in (("echo", "udp/*:9000"), ("sink", "tcp/*:443"))]
        wait_for(lambda: daemon.ctl("status")["flows"] == FLOWS, "every flow to live")
        wait_for(lambda: daemon.ctl("status")["ipfix_exported"] >= 2 * FLOWS, "parts of all")
        for app in apps:
            app.stop()
        wait_for(lambda: reader.count("destroy") == FLOWS, "every flow to end")
        _, events = reader.interrupt()
        status = daemon.ctl("status")
        assert status["ipfix_lost"] == 0, status
    records = collector.records()
    assert sum(r["flowEndReason"] == "2" for r in records) >= 2 * FLOWS, len(records)
    sums, spans = {}, {}
    for record in records:
        *tuple_, packets, octets, back, back_octets = values_of(record)
        total = sums.setdefault(tuple(tuple_), [0, 0, 0, 0])
        for i, count in enumerate((packets, octets, back, back_octets)):
            total[i] += count
        spans.setdefault(tuple(tuple_), []).append(
            (record["flowStartMilliseconds"], record["flowEndMilliseconds"]))
    assert Counter((*key, *total) for key, total in sums.items()) == told(events)
    for parts in spans.values():
        assert all(end == start for (_, end), (start, _) in zip(parts, parts[1:])), parts


def nobody_collects(folder):
    """A collector that is down costs records, by count, and nothing else."""
    path = capture(folder, 8, FLOWS, ipv6=0)
    nics = (f'  - name: wire\n    vdev: "net_pcap0,rx_pcap={path},infinite_rx=1"\n'
            "    addresses: [192.0.2.10/24]\n")
    extra = (f"memory: {{mode: ordinary, buffers: 24000}}\n"
             f"flows: {{capacity: 16384, timeouts: {TIMEOUTS}}}\n"
             f"ipfix: {{collector: 'tcp/127.0.0.1:{free_port(socket.SOCK_STREAM)}'}}\n")
    with Daemon(nics, extra) as daemon:
        app = Application(daemon, "sink", identities=["udp/*:9000"])
        wait_for(lambda: daemon.ctl("status")["flows"] == FLOWS // 2, "every flow to live")
        app.stop()
        wait_for(lambda: daemon.ctl("status")["ipfix_lost"] == FLOWS // 2, "records to be lost")
        assert daemon.ctl("status")["ipfix_exported"] == 0
        daemon.conserved()


def main():
    with tempfile.TemporaryDirectory() as folder:
        nobody_collects(folder)
        missing = [p for p in ("nfcapd", "nfdump", "ipfixDump") if shutil.which(p) is None]
        if missing:
            skip(" and ".join(missing) + " not installed")
        flows_that_last(folder)
        for name, kind in (("udp", Nfcapd), ("tcp", TcpCollector)):
            ours, theirs = run(folder, kind(folder), name)
            assert sum(ours.values()) == FLOWS, ours
            assert any(flow[-1] > 0 for flow in ours), "no flow was answered"
            assert ours == theirs, (name, list((ours - theirs).items())[:3],
                                    list((theirs - ours).items())[:3])


main()
