#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_fragments.py: an endless capture of datagrams in fragments, in every disorder.
#
#   scapy ──▶ capture ──▶ net_pcap ──▶ berthd, two workers ──▶ sink (puts them together)
#
# All frames come by one queue, so that most fragments have to change worker once or twice. Exact
# counts are the unit tests' matter: here every packet is accounted for by an expected name.
import json
import os
import random
import tempfile

from lib import Application, Daemon, skip, wait_for

try:
    from scapy.all import (Ether, IP, IPv6, IPv6ExtHdrFragment, Raw, UDP, fragment, fragment6,
                           wrpcap)
except ImportError:
    skip("python3-scapy is not installed")

MACS = {"src": "02:00:00:00:00:0a", "dst": "02:00:00:00:00:0b"}
PORT = 5000
DATAGRAMS = 120
EXPECTED = {"fragment_duplicate", "fragment_overlap", "port_closed"}
# What a busy machine may add: the capture comes faster than anybody can be. A first fragment that
# the hand-over lost is missed by the others.
TOLERATED = {"ring_full", "handover_full", "fragment_no_flow", "fragment_timeout",
             "fragment_source_full", "fragment_held_full"}


def cut(number, port=PORT):
    """The fragments of a datagram of its own; families take turns."""
    data = UDP(sport=10000 + number, dport=port) / Raw(bytes(range(256)) * (4 + number % 9))
    if number % 2:
        packet = IPv6(src="2001:db8::1", dst="2001:db8::10") / IPv6ExtHdrFragment(id=number) / data
        return fragment6(packet, 600)
    return fragment(IP(src="192.0.2.1", dst="192.0.2.10", id=number) / data, 552)


def overlapped(number):
    """The same with a fragment before it whose first 8 bytes are another one's last."""
    parts = cut(number)
    first = parts[1].copy()
    first[IP].frag -= 1
    del first[IP].len, first[IP].chksum
    return [first, *parts]


def traffic(randomly):
    packets = []
    for number in range(DATAGRAMS):
        parts = cut(number)
        if number % 3 == 0:
            randomly.shuffle(parts)
        if number % 5 == 0:
            parts.insert(1, parts[0])
        packets += parts
        packets.append(IP(src="192.0.2.2", dst="192.0.2.10") /
                       UDP(sport=20000 + number, dport=PORT) / Raw(b"whole"))
    for number in range(DATAGRAMS, DATAGRAMS + 10):
        packets += cut(number, port=9)  # nobody is there
    for number in range(DATAGRAMS + 10, DATAGRAMS + 16, 2):
        packets += overlapped(number)
    return [Ether(**MACS) / p for p in packets]


def check(daemon):
    sink = Application(daemon, "sink", "--json", "--ring-bytes", "8388608",
                       identities=[f"udp/*:{PORT}"])
    wait_for(lambda: daemon.ctl("stats")["counters"]["delivered"] > 20000, "traffic")
    counted = json.loads(sink.stop())
    stats = daemon.conserved()
    # Whole datagrams are longer than any packet that came.
    assert counted["packets"] > 0 and counted["bytes"] > 100 * counted["packets"], counted
    drops = {name for name, n in daemon.ctl("drops")["drops"].items() if n > 0}
    assert EXPECTED <= drops <= EXPECTED | TOLERATED, drops
    assert stats["counters"]["flows_created"] >= 2 * DATAGRAMS, stats


def main():
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fragments.pcap")
        wrpcap(path, traffic(random.Random(1)))
        nics = (f'  - name: wire\n    vdev: "net_pcap0,rx_pcap={path},infinite_rx=1"\n'
                '    addresses: [192.0.2.10/24, "2001:db8::10/64"]\n')
        extra = (f"workers: {{cores: {cores}}}\nflows: {{capacity: 16384}}\n"
                 "memory: {mode: ordinary, megabytes: 192, buffers: 24000}\n")
        with Daemon(nics, extra) as daemon:
            check(daemon)


main()
