#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# replay.py: checks berth-replay on captures made here: file formats, link types, broken files, and
# that the simulated offloads change nothing.
import collections
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

REPLAY = os.environ["BERTH_REPLAY"]
TRAFFIC = os.environ["BERTH_TRAFFIC"]
ETHERNET, NULL, RAW, LOOP, SLL, IPV4, SLL2, RADIOTAP = 1, 0, 101, 108, 113, 228, 276, 127
DLT = {RAW: 12}  # where libpcap's number is not the file's
MACS = bytes.fromhex("02000000000b02000000000a")
PROGRESS_PACKETS = 65536
# The worker says so, not the parser.
LATER = ("vlan_unknown", "not_local", "icmp_unrelated", "fragment", "protocol_unknown")


def replay(*arguments, data=None):
    """Runs berth-replay --packets. Returns its lines as objects, its messages, its status."""
    run = subprocess.run([REPLAY, "--packets", *arguments], input=data, capture_output=True,
                         check=False, timeout=120)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return lines, run.stderr.decode(), run.returncode


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def ipv4_syn_ack():
    addresses = socket.inet_aton("192.0.2.1") + socket.inet_aton("198.51.100.2")
    tcp = struct.pack("!HHIIBBHHH", 443, 40000, 1, 2, 0x50, 0x12, 512, 0, 0)
    tcp = tcp[:16] + checksum(addresses + struct.pack("!HH", 6, len(tcp)) + tcp) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0x4000, 64, 6, 0) + addresses
    return ip[:10] + checksum(ip) + ip[12:] + tcp


def ipv6_udp():
    addresses = socket.inet_pton(socket.AF_INET6, "2001:db8::a") * 2
    udp = struct.pack("!HHHH", 40000, 53, 13, 0) + b"query"
    udp = udp[:6] + checksum(addresses + struct.pack("!II", len(udp), 17) + udp) + udp[8:]
    return struct.pack("!IHBB", 0x60000000, len(udp), 17, 64) + addresses + udp


def outer_ipv4(proto, payload):
    addresses = socket.inet_aton("203.0.113.1") + socket.inet_aton("203.0.113.2")
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0) + addresses
    return MACS + b"\x08\x00" + ip[:10] + checksum(ip) + ip[12:] + payload


def vxlan(vni, frame):
    header = struct.pack("!II", 0x08000000, vni << 8)
    return outer_ipv4(17, struct.pack("!HHHH", 50000, 4789, 16 + len(frame), 0) + header + frame)


def pcap(link_type, packets, order="<", nano=False, times=((1, 5),)):
    """A pcap file; a packet is its bytes, or its bytes and its length on the wire."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)]
    for number, packet in enumerate(packets):
        data, wire = packet if isinstance(packet, tuple) else (packet, len(packet))
        seconds, fraction = times[number % len(times)]
        out.append(struct.pack(order + "IIII", seconds, fraction, len(data), wire) + data)
    return b"".join(out)


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def pcapng(link_type, packets, ticks):
    """A pcapng file whose clock counts nanoseconds."""
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", link_type, 0, 65535)
                 + struct.pack("<HHB3xI", 9, 1, 9, 0))
    for data in packets:
        out += block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data),
                                    len(data)) + data)
    return out


class Formats(unittest.TestCase):
    syn = MACS + b"\x08\x00" + ipv4_syn_ack()

    def test_shape(self):
        """The line of a plain packet, key by key."""
        run = subprocess.run([REPLAY, "--packets", "-"], input=pcap(ETHERNET, [self.syn]),
                             capture_output=True, check=True, timeout=60)
        self.assertEqual(run.stdout.decode(), (
            '{"n":1,"ts":"1.000005","link":1,"l3":"ipv4","src":"192.0.2.1","dst":"198.51.100.2",'
            '"proto":6,"sport":443,"dport":40000,"frag":"none","tcp_flags":"SA",'
            '"verdict":"ok","reason":null}\n'))
        self.assertEqual(run.stderr, b"")

    def test_times(self):
        """Both byte orders, both resolutions, and pcapng's own."""
        for order in "<>":
            lines, _, status = replay("-", data=pcap(ETHERNET, [self.syn] * 2, order,
                                                     times=((2147483648, 999999), (0, 0))))
            self.assertEqual((status, [line["ts"] for line in lines]),
                             (0, ["2147483648.999999", "0.000000"]))
            lines, _, _ = replay("-", data=pcap(ETHERNET, [self.syn], order, nano=True,
                                                times=((7, 123456789),)))
            self.assertEqual(lines[0]["ts"], "7.123456789")
        lines, _, _ = replay("-", data=pcapng(ETHERNET, [self.syn], 1700000000000000001))
        self.assertEqual((lines[0]["ts"], lines[0]["sport"]), ("1700000000.000000001", 443))

    def test_link_types(self):
        """One packet reads the same behind each link type; link types without IP are skipped."""
        ipv4, ipv6 = ipv4_syn_ack(), ipv6_udp()
        sll = struct.pack("!HHH8sH", 0, 1, 6, b"", 0x0800)
        sll2 = struct.pack("!HHIHBB8s", 0x86DD, 0, 1, 1, 0, 6, b"")
        captures = [
            (ETHERNET, [MACS + b"\x08\x00" + ipv4, MACS + b"\x86\xdd" + ipv6]),
            (RAW, [ipv4, ipv6]),
            (NULL, [b"\2\0\0\0" + ipv4, b"\x1e\0\0\0" + ipv6]),
            (LOOP, [b"\0\0\0\2" + ipv4, b"\0\0\0\x18" + ipv6]),
            (IPV4, [ipv4]),
            (SLL, [sll + ipv4]),
            (SLL2, [sll2[:0] + b"\x08\0" + sll2[2:] + ipv4, sll2 + ipv6]),
        ]
        reference = replay("-", data=pcap(*captures[0]))[0]
        self.assertEqual([line["verdict"] for line in reference], ["ok", "ok"])
        for link_type, packets in captures:
            lines, messages, status = replay("-", data=pcap(link_type, packets))
            self.assertEqual((status, messages, len(lines)), (0, "", len(packets)))
            for line, expected in zip(lines, reference):
                self.assertEqual(line, expected | {"link": DLT.get(link_type, link_type)})
        lines, messages, status = replay("-", data=pcap(RADIOTAP, [ipv4] * 3))
        self.assertEqual((status, {(line["verdict"], line["reason"]) for line in lines}),
                         (0, {("skip", "link_type")}))
        self.assertIn("3 packets skipped: link type 127", messages)

    def test_link_types_that_are_short_or_strange(self):
        for link_type, data, reason in ((NULL, b"\2\0\0", "frame_truncated"),
                                        (NULL, b"\7\0\0\0" + ipv4_syn_ack(), "ethertype_unknown"),
                                        (SLL, b"\0" * 15, "frame_truncated"),
                                        (SLL2, b"\0" * 20, "ethertype_unknown"),
                                        (RAW, b"", "frame_truncated"),
                                        (RAW, b"\x40", "ipv4_truncated")):
            lines, _, _ = replay("-", data=pcap(link_type, [data]))
            self.assertEqual((lines[0]["verdict"], lines[0]["reason"]), ("drop", reason))

    def test_snap_length(self):
        """What the capture left out is not held against the packet."""
        for kept in (4, 20, 40):
            lines, messages, status = replay(
                "-", data=pcap(ETHERNET, [(self.syn[:kept], len(self.syn))]))
            self.assertEqual((status, lines[0]["verdict"], lines[0]["reason"]),
                             (0, "skip", "snap_length"))
            self.assertIn("1 packets skipped: headers not captured", messages)
            lines, _, _ = replay("-", data=pcap(ETHERNET, [self.syn[:kept]]))
            self.assertEqual(lines[0]["verdict"], "drop")


class Files(unittest.TestCase):
    syn = MACS + b"\x08\x00" + ipv4_syn_ack()

    def test_broken(self):
        """What can be read is printed, then said why there is no more."""
        whole = pcap(ETHERNET, [self.syn] * 3)
        for data, packets in ((whole[:-1], 2), (whole + b"\0" * 7, 3), (whole[:24], 0),
                              (whole[:10], None), (b"nonsense", None), (b"", None)):
            lines, messages, status = replay("-", data=data)
            self.assertEqual(len(lines), packets or 0)
            self.assertEqual(status, 0 if packets == 0 else 1)
            if packets:
                self.assertIn(f"standard input: broken after packet {packets}: ", messages)
            elif packets is None:
                self.assertIn("berth-replay: -: ", messages)

    def test_several(self):
        """Lines name their file; one that is missing does not hide the others."""
        with tempfile.TemporaryDirectory() as folder:
            first, second = (os.path.join(folder, name) for name in ("a\"\n.pcap", "b.pcap"))
            for path in (first, second):
                with open(path, "wb") as file:
                    file.write(pcap(ETHERNET, [self.syn] * 2))
            lines, messages, status = replay(first, os.path.join(folder, "none"), second)
            self.assertEqual([(line["file"], line["n"]) for line in lines],
                             [(first, 1), (first, 2), (second, 1), (second, 2)])
            self.assertEqual(status, 1)
            self.assertIn("none: No such file", messages)

    def test_labels_and_sessions(self):
        ip = ipv4_syn_ack()
        frames = [MACS + b"\x88\x47" + struct.pack("!II", 1001 << 12 | 64, 18 << 12 | 0x140) + ip,
                  MACS + b"\x88\x64" + struct.pack("!HHHH", 0x1100, 7, len(ip) + 2, 0x21) + ip]
        lines, _, status = replay("-", data=pcap(ETHERNET, frames))
        self.assertEqual(status, 0)
        self.assertEqual([(p.get("mpls"), p.get("pppoe"), p["sport"], p["verdict"]) for p in lines],
                         [({"label": 18, "labels": 2}, None, 443, "ok"), (None, 7, 443, "ok")])

    def test_tunnels(self):
        inner = MACS + b"\x08\x00" + ipv4_syn_ack()
        data = pcap(1, [vxlan(5, inner), outer_ipv4(4, ipv4_syn_ack())], times=((1, 5), (1, 6)))
        outside, _, status = replay("-", data=data)
        self.assertEqual(status, 0)
        self.assertEqual([(p["proto"], p["src"], "tunnel" in p) for p in outside],
                         [(17, "203.0.113.1", False), (4, "203.0.113.1", False)])
        for choice, tunnels in (("all", [{"type": "vxlan", "id": 5}, {"type": "ipip"}]),
                                ("ipip,vxlan", [{"type": "vxlan", "id": 5}, {"type": "ipip"}]),
                                ("gre,ipip", [None, {"type": "ipip"}])):
            inside, _, status = replay("--tunnels", choice, "-", data=data)
            self.assertEqual(status, 0)
            self.assertEqual([p.get("tunnel") for p in inside], tunnels)
            for p in inside:
                self.assertEqual((p["src"], p["verdict"]), ("203.0.113.1", "ok"))
                if "tunnel" in p:
                    self.assertEqual((p["inner"]["src"], p["inner"]["sport"],
                                      p["inner"]["tcp_flags"]), ("192.0.2.1", 443, "SA"))

    def test_usage(self):
        for arguments, status in (([], 2), (["--packets"], 2), (["x.pcap"], 2), (["--nonsense"], 2),
                                  (["--packets", "--checksum", "maybe", "x"], 2),
                                  (["--packets", "--tunnels", "vxlan,", "x"], 2),
                                  (["--packets", "--tunnels", "vx", "x"], 2), (["--help"], 0),
                                  (["--version"], 0)):
            run = subprocess.run([REPLAY, *arguments], capture_output=True, check=False, timeout=60)
            self.assertEqual(run.returncode, status)
            self.assertTrue(run.stderr if status else run.stdout)

    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            run = subprocess.run([REPLAY, "--packets", "-"], input=pcap(ETHERNET, [self.syn]),
                                 stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"cannot be written", run.stderr)

    def test_progress(self):
        """Shown to a terminal, and to nobody else."""
        data = pcap(ETHERNET, [self.syn] * (PROGRESS_PACKETS + 1))
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            ours, theirs = pty.openpty()
            run = subprocess.run([REPLAY, "--packets", file.name], stdout=subprocess.DEVNULL,
                                 stderr=theirs, check=False, timeout=120)
            os.close(theirs)
            shown = os.read(ours, 4096).decode()
            os.close(ours)
            _, messages, _ = replay(file.name)
        self.assertEqual(run.returncode, 0)
        self.assertIn(f"{PROGRESS_PACKETS} packets, 99 %", shown)
        self.assertEqual(messages, "")


class Traffic(unittest.TestCase):
    """Generated traffic, whose generator says what is in it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.capture = os.path.join(self.folder.name, "capture.pcap")
        expectation = os.path.join(self.folder.name, "expect.json")
        subprocess.run([TRAFFIC, "--mix", "e2e", "--packets", "20000", "--expect", expectation,
                        self.capture], check=True, timeout=120)
        with open(expectation, encoding="utf-8") as file:
            self.expected = json.load(file)

    def test_tuples_and_reasons(self):
        lines, messages, status = replay(self.capture)
        self.assertEqual((len(lines), messages, status), (20000, "", 0))
        drops = collections.Counter(line["reason"] for line in lines if line["verdict"] == "drop")
        sockets = collections.Counter((line["proto"], line["dst"], line["dport"]) for line in lines
                                      if line["verdict"] == "ok" and "dport" in line)
        wanted = collections.Counter()
        for entry in self.expected["sockets"]:
            wanted[({"udp": 17, "tcp": 6}[entry["proto"]], entry["address"],
                    entry["port"])] += entry["packets"]
        later = {reason: self.expected["drops"].pop(reason) for reason in LATER}
        self.assertEqual(drops, collections.Counter(self.expected["drops"]))
        # The generator does not count the packets of these as of a socket.
        extra = later["vlan_unknown"] + later["not_local"] + later["fragment"]
        self.assertEqual((wanted - sockets, (sockets - wanted).total()),
                         (collections.Counter(), extra))

    def test_offload_changes_nothing(self):
        plain = replay(self.capture)
        self.assertEqual(plain, replay("--offload", self.capture))

    def test_checksum_ignore(self):
        """Only the refusals of checksums go away."""
        for strict, loose in zip(replay(self.capture)[0],
                                 replay("--checksum", "ignore", self.capture)[0]):
            if "checksum" in (strict["reason"] or ""):
                self.assertNotIn("checksum", loose["reason"] or "")
            else:
                self.assertEqual(strict, loose)


if __name__ == "__main__":
    sys.exit(unittest.main())
