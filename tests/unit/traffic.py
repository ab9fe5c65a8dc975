#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# traffic.py: checks the captures of berth-traffic, and what it expects of them, with scapy.
import collections
import contextlib
import json
import logging
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
try:
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                    IPv6ExtHdrRouting)
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.utils import RawPcapReader, rdpcap
except ImportError:
    print("skip: python3-scapy is not installed")
    sys.exit(77)

TRAFFIC = os.environ["BERTH_TRAFFIC"]
COUNTERS = pathlib.Path(__file__).resolve().parents[2] / "common/abi/counters.h"
LOCAL = {"192.0.2.10": 0, "2001:db8::10": 0, "198.51.100.10": 100, "2001:db8:100::10": 100}


def generate(folder, *options):
    """Makes a capture; returns its path and its expectation."""
    capture = os.path.join(folder, "capture.pcap")
    expectation = os.path.join(folder, "expect.json")
    subprocess.run([TRAFFIC, *options, "--expect", expectation, capture], check=True)
    with open(expectation, encoding="utf-8") as file:
        return capture, json.load(file)


def ip_of(frame):
    """The IP layer without Ethernet's padding, and the VLAN; None where the lengths are wrong."""
    tags = 0
    layer = frame.payload
    vlan = 0
    while isinstance(layer, Dot1Q):
        vlan = vlan or layer.vlan
        tags += 1
        layer = layer.payload
    if tags > 1 or vlan not in (0, 100):
        return None, 0
    raw = bytes(layer)
    if isinstance(layer, IP) and layer.version == 4 and layer.ihl and 20 <= layer.ihl * 4:
        return (layer, vlan) if layer.ihl * 4 <= layer.len <= len(raw) else (None, 0)
    if isinstance(layer, IPv6) and layer.version == 6:
        return (layer, vlan) if 40 + layer.plen <= len(raw) else (None, 0)
    return None, 0


def checksums_hold(ip):
    """Whether scapy, asked to compute them anew, arrives at the same checksums."""
    length = ip.len if isinstance(ip, IP) else 40 + ip.plen
    raw = bytes(ip)[:length]
    again = ip.__class__(raw)
    layer = again
    while layer:
        for field in ("chksum", "dataofs") if isinstance(layer, TCP) else ("chksum",):
            if field in layer.fields:
                delattr(layer, field)
        layer = layer.payload
    return bytes(again) == raw


def transport_of(ip):
    """The TCP or UDP layer, past harmless options and extension headers only; else None."""
    if isinstance(ip, IP):
        kinds = [bytes(option)[0] for option in ip.options]
        if ip.flags.MF or ip.frag or 131 in kinds or 7 in kinds:
            return None
    layer = ip.payload
    first = True
    while isinstance(layer, (IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt)):
        if isinstance(layer, IPv6ExtHdrHopByHop) and not first:
            return None
        first = False
        layer = layer.payload
    if isinstance(layer, (IPv6ExtHdrFragment, IPv6ExtHdrRouting)):
        return None
    return layer if isinstance(layer, (TCP, UDP)) else None


def transport_is_sound(ip, l4):
    if 0 in (l4.sport, l4.dport) or (ip.src, l4.sport) == (ip.dst, l4.dport):
        return False
    if isinstance(l4, UDP):
        return l4.len >= 8 and (l4.chksum != 0 or isinstance(ip, IP))
    return l4.dataofs is not None and l4.dataofs >= 5 and not (l4.flags.S and l4.flags.F)


def socket_of(raw):
    """(proto, address, vlan, port), source and IP bytes of a valid frame; None for others."""
    if len(raw) < 14:
        return None
    ip, vlan = ip_of(Ether(raw))
    if ip is None or LOCAL.get(ip.dst) != vlan:
        return None
    if ip.src.startswith("127.") or ip.src.startswith("ff"):
        return None
    l4 = transport_of(ip)
    if l4 is None or not transport_is_sound(ip, l4) or not checksums_hold(ip):
        return None
    name = "tcp" if isinstance(l4, TCP) else "udp"
    length = ip.len if isinstance(ip, IP) else 40 + ip.plen
    return (name, ip.dst, vlan, l4.dport), (ip.src, l4.sport), length


def sockets_of(capture):
    """What scapy finds in a capture: packets, bytes and flows by socket; and how many else."""
    found = collections.defaultdict(lambda: [0, 0, set()])
    others = 0
    with contextlib.closing(RawPcapReader(capture)) as reader:
        frames = [raw for raw, _ in reader]
    for raw in frames:
        seen = socket_of(raw)
        if seen is None:
            others += 1
            continue
        count = found[seen[0]]
        count[0] += 1
        count[1] += seen[2]
        count[2].add(seen[1])
    return {key: (c[0], c[1], len(c[2])) for key, c in found.items()}, others


class Traffic(unittest.TestCase):
    """Goal: tests that compare berthd with an expectation may believe the expectation."""

    def compare(self, *options):
        with tempfile.TemporaryDirectory() as folder:
            capture, expected = generate(folder, *options)
            sockets = {(s["proto"], s["address"], s["vlan"], s["port"]):
                       (s["packets"], s["bytes"], s["flows"]) for s in expected["sockets"]}
            found, others = sockets_of(capture)
        self.assertEqual(found, sockets)
        self.assertEqual(others, sum(expected["drops"].values()))
        self.assertEqual(expected["packets"],
                         others + sum(count[0] for count in sockets.values()))
        return expected

    def test_demo(self):
        """Method: an independent parser counts a capture with scans; both families occur."""
        expected = self.compare("--mix", "demo", "--packets", "2000", "--flows", "100")
        self.assertEqual(expected["drops"], {})
        self.assertEqual({s["family"] for s in expected["sockets"] if s["open"]}, {4, 6})
        self.assertEqual({s["port"] for s in expected["sockets"] if s["open"]}, {53, 443, 50000})
        classes = {(s["port"] > 1023) + (s["port"] > 49151)
                   for s in expected["sockets"] if not s["open"]}
        self.assertEqual(classes, {0, 1, 2})

    def test_e2e(self):
        """Method: the same with VLAN, options, extension headers; every drop is one of berth's."""
        expected = self.compare("--mix", "e2e", "--packets", "2500", "--flows", "60", "--seed", "7")
        known = re.findall(r'^\tX\([A-Z0-9_]+, "([a-z0-9_]+)"', COUNTERS.read_text(), re.MULTILINE)
        self.assertGreater(len(expected["drops"]), 25)
        self.assertEqual(set(expected["drops"]) - set(known), set())
        self.assertEqual({s["vlan"] for s in expected["sockets"]}, {0, 100})

    def test_bench(self):
        """Method: 60-byte frames, and every flow once before any comes twice."""
        with tempfile.TemporaryDirectory() as folder:
            capture, expected = generate(folder, "--mix", "bench", "--packets", "600",
                                         "--flows", "300")
            packets = rdpcap(capture)
        self.assertEqual({len(p) for p in packets}, {60})
        for half in (packets[:300], packets[300:]):
            self.assertEqual(len({(p[IP].src, p[UDP].sport) for p in half}), 300)
        self.assertEqual(expected["sockets"][0]["flows"], 300)

    def test_seed(self):
        """Method: a seed gives the same bytes twice, another seed gives others."""
        with tempfile.TemporaryDirectory() as folder:
            captures = []
            for seed in ("5", "5", "6"):
                capture, _ = generate(folder, "--mix", "e2e", "--packets", "500", "--seed", seed)
                captures.append(pathlib.Path(capture).read_bytes())
        self.assertEqual(captures[0], captures[1])
        self.assertNotEqual(captures[0], captures[2])

    def test_refusals(self):
        """Method: each kind of wrong option ends with status 2 and one line."""
        wrong = (["--mix", "udp/0=1"], ["--mix", "udp/5"], ["--mix", "udp/5=1,"],
                 ["--mix", "scan=1"], ["--mix", "udp/9-5=1"], ["--mix", "udp/5=1:59"],
                 ["--flows", "0"], ["--flows", "2"], ["--packets", "x"], ["--ipv6", "101"],
                 ["--dst4", "::1"], ["--dst-mac", "02:00"], ["--order", "none"], ["second"])
        for options in wrong:
            done = subprocess.run([TRAFFIC, *options, "/dev/null"], capture_output=True, text=True,
                                  check=False)
            with self.subTest(options=options):
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
