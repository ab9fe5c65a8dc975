#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# replay_flows.py: checks berth-replay --flows on captures made here: what becomes of each flow, and
# when, by the capture's clock alone.
import collections
import csv
import io
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from replay import ETHERNET, MACS, REPLAY, TRAFFIC, checksum, pcap

A, B = "192.0.2.1", "198.51.100.2"
A6, B6 = "2001:db8::a", "2001:db8:1::b"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP, ICMP = 6, 17, 1


def run(*arguments, data=None, status=0):
    """Runs berth-replay; its output as bytes, and its messages."""
    r = subprocess.run([REPLAY, *arguments], input=data, capture_output=True, check=False,
                       timeout=120)
    if r.returncode != status:
        raise AssertionError(f"exit status {r.returncode}: {r.stderr.decode()}")
    return r.stdout, r.stderr.decode()


def flows(data, *arguments, status=0):
    out, _ = run("--flows", *arguments, "-", data=data, status=status)
    return [json.loads(line) for line in out.splitlines()]


def packets(data, *arguments):
    """Lines of packets and of flows, apart."""
    out, _ = run("--flows", "--packets", *arguments, "-", data=data)
    lines = [json.loads(line) for line in out.splitlines()]
    return [p for p in lines if "n" in p], [f for f in lines if "n" not in f]


def pseudo(source, destination, proto, length):
    if ":" in source:
        return (socket.inet_pton(socket.AF_INET6, source)
                + socket.inet_pton(socket.AF_INET6, destination)
                + struct.pack("!II", length, proto))
    return (socket.inet_aton(source) + socket.inet_aton(destination)
            + struct.pack("!HH", proto, length))


def sealed(payload, at, head=b""):
    """The payload with its checksum written at offset `at`."""
    payload = payload[:at] + b"\0\0" + payload[at + 2:]
    return payload[:at] + checksum(head + payload) + payload[at + 2:]


def ip(source, destination, proto, payload, ident=1, fragment=0):
    """`fragment`: the field of IPv4, offset in units of 8 and flags."""
    if ":" in source:
        return (MACS + b"\x86\xdd" + struct.pack("!IHBB", 0x60000000, len(payload), proto, 64)
                + pseudo(source, destination, proto, 0)[:32] + payload)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, 64, proto, 0)
    header += pseudo(source, destination, proto, 0)[:8]
    return MACS + b"\x08\x00" + sealed(header, 10) + payload


def tcp(source, sport, destination, dport, flags, seq, ack=0, data=b""):
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 8192, 0, 0) + data
    return ip(source, destination, TCP,
              sealed(segment, 16, pseudo(source, destination, TCP, len(segment))))


def udp_datagram(source, sport, destination, dport, data=b""):
    datagram = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    return sealed(datagram, 6, pseudo(source, destination, UDP, len(datagram)))


def udp(source, sport, destination, dport, data=b""):
    return ip(source, destination, UDP, udp_datagram(source, sport, destination, dport, data))


def capture(timed):
    """A capture of (seconds, frame) pairs."""
    times = tuple((int(t), round(t % 1 * 10 ** 6)) for t, _ in timed)
    return pcap(ETHERNET, [frame for _, frame in timed], times=times)


def conversation(a=A, b=B, sport=40000, start=1.0):
    """A TCP flow from its first SYN to its last ACK, a tenth of a second per segment."""
    segments = [(a, b, SYN, 100, 0, b""), (b, a, SYN | ACK, 500, 101, b""),
                (a, b, ACK, 101, 501, b""), (a, b, ACK | PSH, 101, 501, b"question"),
                (b, a, ACK | PSH, 501, 109, b"answer"), (a, b, FIN | ACK, 109, 507, b""),
                (b, a, FIN | ACK, 507, 110, b""), (a, b, ACK, 110, 508, b"")]
    return [(start + i / 10, tcp(source, sport if source == a else 443, destination,
                                 443 if source == a else sport, flags, seq, ack, data))
            for i, (source, destination, flags, seq, ack, data) in enumerate(segments)]


class Forms(unittest.TestCase):
    def test_json(self):
        out, messages = run("--flows", "-", data=capture(conversation()))
        self.assertEqual(out.decode(), (
            '{"id":1,"first":"1.000000","last":"1.700000","l3":"ipv4","proto":6,'
            '"orig":{"addr":"192.0.2.1","port":40000,"packets":5,"bytes":208},'
            '"reply":{"addr":"198.51.100.2","port":443,"packets":3,"bytes":126},'
            '"state":"time_wait","history":"syn_sent>syn_received>established>fin_wait>last_ack>'
            'time_wait","end":"fin"}\n'))
        self.assertEqual(messages, "")

    def test_packets_name_their_flow(self):
        lines, ended = packets(capture(conversation(A6, B6)))
        self.assertEqual([(p["n"], p["ct"], p["flow"]) for p in lines],
                         [(1, "new", 1)] + [(n, "established", 1) for n in range(2, 9)])
        self.assertEqual([(f["l3"], f["orig"]["addr"], f["end"]) for f in ended],
                         [("ipv6", A6, "fin")])

    def test_csv_says_what_json_says(self):
        data = capture(conversation() + [(9, udp(B, 53, A, 40001, b"x"))])
        out, _ = run("--flows", "--format", "csv", "-", data=data)
        rows = list(csv.DictReader(io.StringIO(out.decode())))
        self.assertEqual(len(rows), 2)
        for row, flow in zip(rows, flows(data)):
            flat = {key: str(value) for key, value in flow.items() if not isinstance(value, dict)}
            for side in ("orig", "reply"):
                flat |= {f"{side}_{key}": str(value) for key, value in flow[side].items()}
            self.assertEqual(row, flat)

    def test_usage(self):
        for arguments in (["--flows"], ["--flows", "--format", "xml", "x"],
                          ["--flows", "--tracking", "maybe", "x"],
                          ["--flows", "--timers", "bsd", "x"], ["--flows", "--capacity", "10", "x"],
                          ["--flows", "--capacity", "2000x", "x"],
                          ["--flows", "--sources", "none", "x"],
                          ["--flows", "--packets", "--format", "csv", "x"]):
            _, messages = run(*arguments, status=2)
            self.assertIn("berth-replay: ", messages)


class Time(unittest.TestCase):
    def ends(self, silence, *arguments):
        """How many flows two datagrams so far apart make."""
        data = capture([(5, udp(A, 1, B, 2)), (5 + silence, udp(A, 1, B, 2))])
        return [(f["id"], f["first"], f["end"]) for f in flows(data, *arguments)]

    def test_profiles(self):
        """A timer runs on the capture's clock, exact to a second."""
        one, two = [(1, "5.000000", "active")], [(1, "5.000000", "timeout")]
        for profile, timeout in (("rfc", 120), ("linux", 30)):
            self.assertEqual(self.ends(timeout - 1, "--timers", profile), one)
            late = self.ends(timeout + 1, "--timers", profile)
            self.assertEqual((late[:1], len(late)), (two, 2))

    def test_long_silence(self):
        """Years pass in no time; what came before has ended."""
        data = capture([(5, udp(A, 1, B, 2)), (4 * 10 ** 9, udp(A, 1, B, 2)),
                        (4 * 10 ** 9 + 100, udp(B, 2, A, 1))])
        self.assertEqual([(f["end"], f["orig"]["packets"], f["reply"]["packets"])
                          for f in flows(data)], [("timeout", 1, 0), ("active", 1, 1)])

    def test_time_does_not_go_back(self):
        data = capture([(1000, udp(A, 1, B, 2)), (5, udp(B, 2, A, 1)), (1001, udp(A, 1, B, 2))])
        self.assertEqual([(f["first"], f["last"], f["orig"]["packets"]) for f in flows(data)],
                         [("1000.000000", "1001.000000", 2)])

    def test_ends_in_order_of_their_numbers(self):
        timed = [(1, udp(A, port, B, 53)) for port in range(1, 1001)]
        ended = flows(capture(timed + [(600, udp(A, 1, B, 53))]))
        self.assertEqual([(f["id"], f["orig"]["port"]) for f in ended],
                         [(n, n) for n in range(1, 1001)] + [(1001, 1)])

    def test_reused_ends(self):
        """A SYN after the end begins anew, within one flow while its entry lives."""
        data = capture(conversation() + conversation(start=3.0))
        ended = flows(data)
        self.assertEqual([(f["orig"]["packets"], f["end"]) for f in ended], [(10, "fin")])
        ended = flows(capture(conversation() + conversation(start=300.0)))
        self.assertEqual([(f["orig"]["packets"], f["end"]) for f in ended],
                         [(5, "fin"), (5, "fin")])


class Verdicts(unittest.TestCase):
    middle = [(1, tcp(A, 40000, B, 443, ACK, 100, 500, b"x")),
              (1.1, tcp(B, 443, A, 40000, ACK, 500, 101, b"y"))]

    def test_modes(self):
        """What a flow that was seen from its middle on is to each mode."""
        for mode, verdicts, count in (("loose", ["new", "established"], 1),
                                      ("strict", ["invalid", "invalid"], 0),
                                      ("off", ["untracked", "untracked"], 1)):
            lines, ended = packets(capture(self.middle), "--tracking", mode)
            self.assertEqual(([p["ct"] for p in lines], len(ended)), (verdicts, count))
            reasons = {p["reason"] for p in lines}
            self.assertEqual(reasons, {"track_invalid" if mode == "strict" else None})

    def test_invalid_is_counted_and_prolongs_nothing(self):
        wild = tcp(A, 40000, B, 443, ACK, 10 ** 9, 501, b"z")
        lines, ended = packets(capture(conversation()[:3] + [(60, wild)]))
        self.assertEqual([p["ct"] for p in lines][3:], ["invalid"])
        self.assertEqual((ended[0]["last"], ended[0]["orig"]["packets"]), ("1.200000", 3))

    def test_icmp_error_is_related_to_what_it_quotes(self):
        quoted = udp(A, 1000, B, 53, b"query")[14:]
        errors = [ip(B, A, ICMP, sealed(b"\3\3" + b"\0" * 6 + packet, 2))
                  for packet in (quoted, quoted.replace(struct.pack("!HH", 1000, 53),
                                                        struct.pack("!HH", 1001, 53)))]
        lines, ended = packets(capture([(1, udp(A, 1000, B, 53, b"query"))]
                                       + [(2, error) for error in errors]))
        self.assertEqual([(p["ct"], p.get("flow"), p["reason"]) for p in lines],
                         [("new", 1, None), ("related", 1, None),
                          ("invalid", None, "icmp_unrelated")])
        self.assertEqual([(f["proto"], f["reply"]["packets"]) for f in ended], [(17, 0)])

    def test_icmp_query(self):
        echo = [ip(s, d, ICMP, sealed(bytes((kind, 0, 0, 0)) + struct.pack("!HH", 7, 1), 2))
                for s, d, kind in ((A, B, 8), (B, A, 0))]
        lines, ended = packets(capture([(1, echo[0]), (2, echo[1])]))
        self.assertEqual([p["ct"] for p in lines], ["new", "established"])
        self.assertEqual([(f["orig"]["port"], f["state"]) for f in ended], [(7, "replied")])

    def test_what_has_no_flow(self):
        arp = MACS + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + b"\0" * 20
        refused = tcp(A, 1, B, 2, SYN | FIN, 1)
        lines, ended = packets(capture([(1, arp), (2, refused)]))
        self.assertEqual([(p["verdict"], p.get("ct"), "flow" in p) for p in lines],
                         [("ok", "untracked", False), ("drop", None, False)])
        self.assertEqual(ended, [])


class Fragments(unittest.TestCase):
    def setUp(self):
        datagram = udp_datagram(A, 1000, B, 53, b"d" * 40)
        self.first = ip(A, B, UDP, datagram[:24], 9, 0x2000)
        self.later = ip(A, B, UDP, datagram[24:], 9, 3)

    def test_in_order(self):
        lines, ended = packets(capture([(1, self.first), (2, self.later)]))
        self.assertEqual([(p["n"], p["ct"], p["flow"]) for p in lines],
                         [(1, "new", 1), (2, "untracked", 1)])
        self.assertEqual([(f["orig"]["packets"], f["orig"]["bytes"]) for f in ended], [(2, 88)])

    def test_held_until_the_first_comes(self):
        lines, ended = packets(capture([(1, self.later), (2, self.first)]))
        self.assertEqual([(p["n"], p["verdict"], p["flow"]) for p in lines],
                         [(2, "ok", 1), (1, "ok", 1)])
        self.assertEqual([(f["first"], f["orig"]["packets"]) for f in ended], [("2.000000", 2)])

    def test_first_never_comes(self):
        for timed in ([(1, self.later)], [(1, self.later), (70, self.first)]):
            lines, _ = packets(capture(timed))
            self.assertEqual([(p["n"], p["reason"]) for p in lines if p["verdict"] == "drop"],
                             [(1, "fragment_timeout")])


class Bounds(unittest.TestCase):
    def test_full_table(self):
        """What found no room is counted, said, and in the exit status; flows there are go on."""
        many = 3000
        timed = [(1, udp(A, port, B, 53)) for port in range(1, many + 1)]
        timed += [(2, udp(B, 53, A, port)) for port in range(1, many + 1)]
        out, messages = run("--flows", "--capacity", "1024", "-", data=capture(timed), status=1)
        ended = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(ended), 1024)
        self.assertTrue(all(f["reply"]["packets"] == 1 for f in ended[:1000]))
        self.assertIn(f"berth-replay: {2 * (many - 1024)} packets belong to no flow", messages)
        self.assertEqual(len(flows(capture(timed), "--capacity", "4096")), many)

    def test_random_traffic_is_all_accounted(self):
        """Each packet with a flow is counted there, in its direction."""
        rng = random.Random(5)
        timed, now = [], 1.0
        for _ in range(5000):
            now += rng.random() * rng.choice((0.01, 1, 50))
            a, b = (A, B) if rng.random() < 0.5 else (A6, B6)
            if rng.random() < 0.5:
                a, b = b, a
            ports = (rng.randrange(1, 20), rng.randrange(1, 20))
            if rng.random() < 0.5:
                frame = udp(a, ports[0], b, ports[1], b"x" * rng.randrange(100))
            else:
                flags = rng.choice((SYN, SYN | ACK, ACK, ACK | PSH, FIN | ACK, RST, RST | ACK))
                frame = tcp(a, ports[0], b, ports[1], flags, rng.randrange(4) * 1000,
                            rng.randrange(4) * 1000, b"x" * rng.randrange(3))
            timed.append((now, frame))
        for mode in ("strict", "off"):
            lines, ended = packets(capture(timed), "--tracking", mode)
            seen = collections.Counter((p["flow"], p["src"], p["sport"], p["dst"], p["dport"])
                                       for p in lines if "flow" in p)
            told = collections.Counter()
            for f in ended:
                o, r = f["orig"], f["reply"]
                told[f["id"], o["addr"], o["port"], r["addr"], r["port"]] += o["packets"]
                told[f["id"], r["addr"], r["port"], o["addr"], o["port"]] += r["packets"]
            self.assertEqual(+told, seen)
            self.assertEqual(sorted(f["id"] for f in ended), list(range(1, len(ended) + 1)))


class Again(unittest.TestCase):
    def test_generated_traffic_reads_the_same_twice(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "capture.pcap")
            subprocess.run([TRAFFIC, "--mix", "e2e", "--packets", "20000", "--expect",
                            os.path.join(folder, "expect.json"), path], check=True, timeout=120)
            for arguments in (["--packets"], ["--format", "csv"], ["--format", "ipfix"],
                              ["--tracking", "strict", "--timers", "linux"]):
                first, _ = run("--flows", *arguments, path)
                self.assertEqual(first, run("--flows", *arguments, path)[0])
                self.assertGreater(len(first), 1000)


if __name__ == "__main__":
    sys.exit(unittest.main())
