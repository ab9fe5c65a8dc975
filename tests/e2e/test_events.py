#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_events.py: what is told of flows agrees with what was delivered.
#
#   berth-traffic ──▶ captures ──▶ net_pcap ──▶ berthd ──▶ sink udp | sink tcp
#                                                 └─ control.sock ──▶ readers of events
#
# The capture is played again and again; once the applications have left, nothing is counted to a
# flow any more, and each idles until it ends.
import json
import os
import socket
import tempfile

from events import FRAME_BYTES, Reader, capture
from lib import DEADLINE_S, Application, Daemon, wait_for

FLOWS = 500
ROUNDS = 4  # a reader that does not read misses the events of the last ones
ETHERNET_BYTES = 14
SYN_BYTES = 40
TIMEOUTS = "{tcp-opening: 1, tcp-established: 1, tcp-closing: 1, udp-new: 1, udp-stream: 1}"


def listen(daemon):
    """A connection that listens and does not read on."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(DEADLINE_S)
    peer.connect(daemon.control_socket)
    peer.sendall(b'{"command":"events"}\n')
    assert peer.recv(12) == b'{"ok":true}\n'
    return peer


def flow(event):
    return tuple((event[side]["address"], event[side]["port"]) for side in ("orig", "reply"))


def check_sums(daemon, destroyed):
    """Every packet that was delivered, or found its ring full, is in exactly one record."""
    stats = daemon.conserved()
    counted = stats["counters"]["delivered"] + stats["drops"]["ring_full"]
    assert sum(e["orig"]["packets"] for e in destroyed) == counted, stats
    assert sum(e["reply"]["packets"] for e in destroyed) == 0
    for e in destroyed:
        size = FRAME_BYTES[e["proto"]] - ETHERNET_BYTES
        short = e["orig"]["packets"] * size - e["orig"]["bytes"]
        # A TCP flow's SYN has no data.
        assert short == 0 or (e["proto"] == "tcp" and short % (size - SYN_BYTES) == 0), e
        assert e["first"] <= e["last"] and e["end"] == "unbound", e
        # The capture's TCP flows are a SYN and data.
        assert e["proto"] != "tcp" or set(e["orig"]["tcp_flags"]) <= set("SPA"), e


def slow_counts(peer, total):
    """Reads what waits for a slow reader; the events it got and missed, `total` together."""
    got = missed = 0
    with peer, peer.makefile() as stream:
        while got + missed < total:
            event = json.loads(stream.readline())
            if event["event"] == "lost":
                missed += event["events"]
            else:
                got += 1
    return got, missed


def live_and_die(daemon, reader, n):
    """Lets every flow begin and end, for the `n`th time; `reader` sees all of it."""
    apps = [Application(daemon, "sink", "--name", name, identities=[identity])
            for name, identity in (("dns", "udp/*:9000"), ("web", "tcp/*:443"))]
    wait_for(lambda: daemon.ctl("status")["flows"] == FLOWS, "every flow to live")
    wait_for(lambda: reader.count("new") == n * FLOWS, "the last beginning")
    for app in apps:
        app.stop()
    wait_for(lambda: daemon.ctl("status")["flows"] == 0, "every flow to end")
    wait_for(lambda: reader.count("destroy") == n * FLOWS, "the last end")


def run(daemon):
    everything = Reader(daemon)
    udp = Reader(daemon, "--proto", "udp", "--type", "destroy")
    web = Reader(daemon, "--port", "443", "--type", "new")
    slow = listen(daemon)
    wait_for(lambda: daemon.ctl("status")["listeners"] == 4, "all readers to listen")
    for n in range(1, ROUNDS + 1):
        live_and_die(daemon, everything, n)
    stats = daemon.conserved()["counters"]
    assert stats["flow_events_lost"] == 0, stats

    status, events = everything.interrupt()
    assert status == 0, status
    by = {kind: [e for e in events if e["event"] == kind] for kind in
          ("new", "update", "destroy", "lost")}
    assert not by["lost"] and not by["update"], by["lost"]
    assert len(by["new"]) == stats["flows_created"] == ROUNDS * FLOWS, stats
    assert len(by["destroy"]) == stats["flows_ended"] == ROUNDS * FLOWS, stats
    assert {flow(e) for e in by["new"]} == {flow(e) for e in by["destroy"]}
    check_sums(daemon, by["destroy"])
    for reader, kind, proto in ((udp, "destroy", "udp"), (web, "new", "tcp")):
        status, events = reader.interrupt()
        wanted = [e for e in by[kind] if e["proto"] == proto]
        assert status == 0 and {flow(e) for e in events} == {flow(e) for e in wanted}
        assert len(events) == len(wanted) and {e["event"] for e in events} == {kind}
    got, missed = slow_counts(slow, 2 * ROUNDS * FLOWS)
    assert missed > 0, (got, missed)
    wait_for(lambda: daemon.ctl("status")["listeners"] == 0, "all readers to be gone")


def shutdown(daemon):
    """Flows that live when berthd stops end by shutdown, and its readers are told."""
    reader = Reader(daemon, "--type", "destroy")
    wait_for(lambda: daemon.ctl("status")["listeners"] == 1, "the reader to listen")
    app = Application(daemon, "sink", identities=["udp/*:9000"])
    wait_for(lambda: daemon.ctl("status")["flows"] == FLOWS // 2, "every flow to live")
    daemon.process.terminate()
    daemon.process.wait(DEADLINE_S)
    status, events = reader.end()
    app.kill()
    assert status == 3, status
    told = sum(e.get("events", 1) for e in events)
    assert told == FLOWS // 2, told
    assert all(e["end"] == "shutdown" for e in events if e["event"] != "lost"), events[-1]


def main():
    with tempfile.TemporaryDirectory() as folder:
        cores = sorted(os.sched_getaffinity(0))[:2]
        captures = [f"rx_pcap={capture(folder, 1 + i, FLOWS // len(cores))}"
                    for i in range(len(cores))]
        nics = (f'  - name: wire\n    vdev: "net_pcap0,{",".join(captures)},infinite_rx=1"\n'
                f"    queues: {len(cores)}\n    addresses: [192.0.2.10/24]\n")
        extra = (f"workers: {{cores: {cores}}}\nmemory: {{mode: ordinary, buffers: 24000}}\n"
                 f"flows: {{capacity: 16384, timeouts: {TIMEOUTS}}}\n")
        with Daemon(nics, extra) as daemon:
            run(daemon)
            shutdown(daemon)


main()
