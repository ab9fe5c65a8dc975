#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_run.py: unmodified UDP programs under berth-run, driven by their own clients.
#
#   namespace "client"            this namespace                     namespace "host"
#
#   dig, iperf3 -c, sockets       berthd ── dnsmasq, iperf3 -s        kernel port: the TCP
#        │                          │ └──── kernel port ═ tap berth0  connections of iperf3
#     vclient ═══ veth ═══ vberth ──┘
#     198.51.100.1                 (af_packet)
#     2001:db8:5::1                198.51.100.2, 2001:db8:5::2
import os
import socket
import subprocess
import sys

from clients import FAMILIES, IPV4, IPV6, RECORDS, configuration, iperf3, network
from lib import BUILD, DEADLINE_S, Daemon, skip, sound, wait_for
from net import Namespace, enter, sh

RUN = os.path.join(BUILD, "client/run/berth-run")
EXTRA = "unmatched: kernel\nkernel: {interface: berth0}\n"


class Program:
    """A program under berth-run in a namespace."""

    def __init__(self, daemon, namespace, *words, options=()):
        self.process = namespace.start(RUN, "--socket", daemon.app_socket, *options, *words)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        output, errors = self.process.communicate(timeout=DEADLINE_S)
        sound(self.process.returncode, errors)
        return output, errors


def bound(daemon, identity):
    return any(b["identity"] == identity for b in daemon.ctl("bindings")["bindings"])


def check_dnsmasq(daemon, client, host):
    words = [f"--address=/www.example.test/{value}" for _, value in RECORDS]
    dnsmasq = Program(daemon, host, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
                      "--no-resolv", "--no-hosts", "--user=root", "--log-facility=-",
                      "--pid-file=", *words)
    wait_for(lambda: bound(daemon, "udp/0.0.0.0:53") and bound(daemon, "udp/[::]:53"), "dnsmasq")
    for address, _ in FAMILIES:
        for kind, record in RECORDS:
            dig = client.run("dig", f"@{address}", "+tries=2", "+short", kind, "www.example.test")
            assert dig.stdout.strip() == record, dig.stdout
        refused = client.run("dig", f"@{address}", "+tries=2", "other.example")
        assert "REFUSED" in refused.stdout, refused.stdout
    ports = {p["name"]: p for p in daemon.ctl("ports")["ports"]}
    assert ports["udp/53"]["app"] == "dnsmasq", ports
    dnsmasq.stop()
    wait_for(lambda: not bound(daemon, "udp/0.0.0.0:53"), "the end of dnsmasq's bindings")


def check_iperf3(daemon, client, host):
    """The control connection is TCP and goes to the kernel, the datagrams come through berthd."""
    server = Program(daemon, host, "iperf3", "-s")
    wait_for(lambda: ":5201 " in host.run("ss", "-Hltn").stdout, "iperf3")
    for address, _ in FAMILIES:
        before = daemon.ctl("stats")["counters"]
        for words in ([], ["-R"]):
            total = iperf3(client, address, "-u", "-b", "40M", "-n", "2M", *words)["sum"]
            assert total["packets"] > 1000 and total["lost_percent"] < 50, total
        after = daemon.ctl("stats")["counters"]
        assert after["delivered"] - before["delivered"] > 500, (before, after)
        assert after["transmitted"] - before["transmitted"] > 500, (before, after)
    server.stop()


def main():
    enter("dig", "dnsmasq", "iperf3", "ss")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        skip("/dev/net/tun is not there, or not ours to open")
    client, host = network(), Namespace()
    with Daemon(*configuration(EXTRA)) as daemon:
        sh("ip", "link", "set", "berth0", "netns", host.pid)
        host.address("berth0", f"{IPV4}/24", f"{IPV6}/64")
        check_dnsmasq(daemon, client, host)
        check_iperf3(daemon, client, host)
        daemon.conserved()


main()
