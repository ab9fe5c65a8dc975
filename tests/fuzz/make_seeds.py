#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make_seeds.py: writes the fuzzers' first inputs, one file each, to OUTPUT/parse, OUTPUT/identity
and OUTPUT/fragment. Usage: make_seeds.py OUTPUT"""
import pathlib
import struct
import sys

MACS = bytes.fromhex("02000000000b02000000000a")
IPV4_A, IPV4_B = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 2])
IPV6_A = bytes.fromhex("20010db8000000000000000000000000")[:15] + b"\x0a"
IPV6_B = IPV6_A[:15] + b"\x0b"
CHECKSUM_AT = {1: 2, 6: 16, 17: 6, 58: 2, 136: 6}


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def with_checksum(proto, pseudo, l4):
    if proto not in CHECKSUM_AT:
        return l4
    at = CHECKSUM_AT[proto]
    return l4[:at] + checksum(pseudo + l4) + l4[at + 2:]


def ipv4(proto, l4, options=b"", fragment=0x4000):
    if proto != 1:
        l4 = with_checksum(proto, IPV4_A + IPV4_B + struct.pack("!HH", proto, len(l4)), l4)
    else:
        l4 = with_checksum(proto, b"", l4)
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(l4),
                         1, fragment, 64, proto, 0) + IPV4_A + IPV4_B + options
    return header[:10] + checksum(header) + header[12:] + l4


def ipv6(proto, l4, chain=b"", first=None):
    pseudo = IPV6_A + IPV6_B + struct.pack("!II", len(l4), proto)
    l4 = with_checksum(proto, pseudo, l4)
    return struct.pack("!IHBB", 0x60000000, len(chain) + len(l4),
                       proto if first is None else first, 255) + IPV6_A + IPV6_B + chain + l4


def ethernet(kind, payload, tags=()):
    head = MACS
    for tpid, tci in tags:
        head += struct.pack("!HH", tpid, tci)
    return head + struct.pack("!H", kind) + payload


def tcp(flags, payload=b""):
    return struct.pack("!HHIIBBHHH", 40000, 443, 1, 2, 0x60, flags, 512, 0, 0) \
        + b"\x02\x04\x05\xb4" + payload


def udp(payload, port=53):
    return struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def icmp(kind, code, rest, body):
    return struct.pack("!BBHI", kind, code, 0, rest) + body


def frames():
    quote4 = struct.pack("!BBHHHBBH", 0x45, 0, 1500, 0, 0x4000, 64, 17, 0) + IPV4_B + IPV4_A \
        + struct.pack("!HHHH", 40000, 53, 1480, 0)
    quote6 = struct.pack("!IHBB", 0x60000000, 16, 58, 64) + IPV6_B + IPV6_A \
        + icmp(128, 0, 0x12340001, b"")
    chain = bytes.fromhex("3c00050200000100" "2b00010400000000" "3300040000000000"
                          "2c040000000000010000000100000000" "0000000000000000"
                          "1100000000000009")
    solicit = IPV6_B + bytes.fromhex("010102000000000a")
    arp = bytes.fromhex("0001080006040001") + MACS[6:] + IPV4_A + bytes(6) + IPV4_B
    yield "arp", ethernet(0x0806, arp)
    yield "tcp4", ethernet(0x0800, ipv4(6, tcp(0x18, b"data")))
    yield "syn4_vlan", ethernet(0x0800, ipv4(6, tcp(0x02)), [(0x8100, 100)])
    yield "tcp4_options", ethernet(0x0800, ipv4(6, tcp(0x10), bytes.fromhex("0107070400000000")))
    yield "udp4", ethernet(0x0800, ipv4(17, udp(b"query")))
    yield "fragment4", ethernet(0x0800, ipv4(17, udp(b"query"), fragment=0x2000))
    yield "echo4", ethernet(0x0800, ipv4(1, icmp(8, 0, 0x12340001, b"ping")))
    yield "error4", ethernet(0x0800, ipv4(1, icmp(3, 3, 0, quote4)))
    yield "tcp6_qinq", ethernet(0x86DD, ipv6(6, tcp(0x02)), [(0x88A8, 1), (0x8100, 2)])
    yield "udp6", ethernet(0x86DD, ipv6(17, udp(b"query")))
    yield "udp6_chain", ethernet(0x86DD, ipv6(17, udp(b"query"), chain, 0))
    yield "echo6", ethernet(0x86DD, ipv6(58, icmp(128, 0, 0x12340001, b"ping")))
    yield "error6", ethernet(0x86DD, ipv6(58, icmp(1, 4, 0, quote6)))
    yield "solicit6", ethernet(0x86DD, ipv6(58, icmp(135, 0, 0, solicit)))
    yield "advertise6", ethernet(0x86DD, ipv6(58, icmp(136, 0, 0x60000000, IPV6_A)))
    inner = ipv4(17, udp(b"inner"))
    bridged = ethernet(0x0800, inner)
    yield "mpls4", ethernet(0x8847, bytes.fromhex("003e904000012140") + inner)
    yield "pppoe4", ethernet(0x8864, struct.pack("!HHHH", 0x1100, 7, len(inner) + 2, 0x21) + inner)
    yield "llc", ethernet(0x0026, bytes.fromhex("aaaa030000000800") + inner)
    yield "syn4_options", ethernet(0x0800, ipv4(6, struct.pack(
        "!HHIIBBHHH", 40000, 443, 1, 0, 0xA0, 2, 512, 0, 0)
        + bytes.fromhex("020405b40402080a000000010000000001030307")))
    yield "timestamp4", ethernet(0x0800, ipv4(6, struct.pack(
        "!HHIIBBHHH", 40000, 443, 1, 2, 0x80, 16, 512, 0, 0)
        + bytes.fromhex("0101080a0000000100000002")))
    yield "udplite4", ethernet(0x0800, ipv4(136, struct.pack("!HHHH", 40000, 53, 0, 0) + b"lite"))
    yield "sctp4", ethernet(0x0800, ipv4(132, struct.pack("!HHII", 40000, 53, 1, 0)
                                         + bytes.fromhex("00030013000000010000000000000000616263"
                                                         "00" "03000010000000090000100000000000")))
    init = bytes.fromhex("01000014aabbccdd00001000000a000a00000001")
    yield "init4", ethernet(0x0800, ipv4(132, struct.pack("!HHII", 40000, 53, 0, 0) + init))
    yield "igmp4", ethernet(0x0800, ipv4(2, bytes.fromhex("160009fee0000001")))
    yield "later4", ethernet(0x0800, ipv4(17, b"datagram", fragment=0x0003))
    yield "later6", ethernet(0x86DD, ipv6(17, udp(b"query"), bytes.fromhex("1100001800010203"), 44))
    vxlan = bytes.fromhex("0800000000138900") + bridged
    yield "vxlan", ethernet(0x0800, ipv4(17, udp(vxlan, 4789)))
    yield "geneve", ethernet(0x0800, ipv4(17, udp(
        bytes.fromhex("010065580013890001020300") + bridged, 6081)))
    yield "gtpu", ethernet(0x0800, ipv4(17, udp(
        struct.pack("!BBHI", 0x36, 255, len(inner) + 8, 7) + bytes.fromhex("0007008501090900")
        + inner, 2152)))
    yield "gre", ethernet(0x0800, ipv4(47, bytes.fromhex("30000800deadbeef00000001") + inner))
    yield "ipip", ethernet(0x0800, ipv4(4, inner))
    yield "6in4", ethernet(0x0800, ipv4(41, ipv6(17, udp(b"inner"))))


def cut(packet, header, unit, family):
    """The fragments of an IP packet whose cut part follows `header` bytes (RFC 791, RFC 8200)."""
    data = packet[header:]
    for at in range(0, len(data), unit):
        piece, more = data[at:at + unit], at + unit < len(data)
        if family == 4:
            head = packet[:2] + struct.pack("!H", header + len(piece)) + packet[4:6] \
                + struct.pack("!H", more << 13 | at // 8) + packet[8:10] + b"\0\0" \
                + packet[12:header]
            yield head[:10] + checksum(head) + head[12:] + piece, header
        else:
            head = packet[:4] + struct.pack("!H", 8 + len(piece)) + b"\x2c" + packet[7:header]
            yield head + struct.pack("!BBHI", packet[6], 0, at | more, 7) + piece, header + 8


def reassembler_input(fragments, family):
    flags = 2 if family == 6 else 0
    return b"\1" + b"".join(struct.pack("!HHHB", len(f) - 1, flags, l4, 1) + f
                            for f, l4 in fragments)


def stage_input(*steps):
    """Steps: source, id, offset in units of 8, bytes, flags, milliseconds."""
    return b"\0" + b"".join(struct.pack("!BBHHBB", *step) for step in steps)


def fragments():
    whole4 = list(cut(ipv4(17, udp(bytes(range(200))), fragment=0), 20, 64, 4))
    whole6 = list(cut(ipv6(6, tcp(0x18, bytes(range(200)))), 40, 64, 6))
    yield "whole4", reassembler_input(whole4, 4)
    yield "whole6", reassembler_input(whole6, 6)
    yield "reversed4", reassembler_input(whole4[::-1], 4)
    yield "twice6", reassembler_input(whole6 + whole6, 6)
    yield "overlap4", reassembler_input(
        whole4[:2] + list(cut(ipv4(17, udp(bytes(range(200))), fragment=0), 20, 72, 4)), 4)
    yield "stage_order", stage_input((1, 1, 0, 64, 1, 0), (1, 1, 8, 64, 1, 0), (1, 1, 16, 5, 0, 0))
    yield "stage_reversed", stage_input((1, 1, 16, 5, 0, 0), (1, 1, 8, 64, 1, 0),
                                        (1, 1, 0, 64, 1, 0))
    yield "stage_overlap", stage_input((1, 1, 8, 64, 3, 0), (1, 1, 9, 64, 3, 0),
                                       (1, 1, 0, 64, 3, 0))
    yield "stage_flood", stage_input(*((n % 5, n, 8, 64, 1 + n % 2 * 2, 9) for n in range(60)))
    yield "stage_timeout", stage_input((1, 1, 8, 64, 1, 0), (1, 2, 0, 64, 1, 255),
                                       (255, 0, 0, 0, 8, 255), (1, 1, 0, 64, 1, 1))


IDENTITIES = [
    "tcp/192.0.2.10:443", "udp/[2001:db8::1]:domain", "udp/*:49152-65535", "tcp/*:http",
    "udp/198.51.100.0/24:*", "tcp/[2001:db8::]/32:443@7", "tcp/[2001:db8::/32]:443",
    "tcp/[::]:80", "tcp/0.0.0.0:80", "tcp/[::ffff:192.0.2.1]:1@4095", "udp/0.0.0.0/0:1-65535",
]


def main():
    output = pathlib.Path(sys.argv[1])
    for kind in ("parse", "identity", "fragment", "config"):
        (output / kind).mkdir(parents=True, exist_ok=True)
    for name, frame in frames():
        # fuzz_parse.c reads flags and a tag before the frame: look into tunnels, no checksums.
        (output / "parse" / name).write_bytes(b"\x7e\x08\0\0" + frame)
    for name, content in fragments():
        (output / "fragment" / name).write_bytes(content)
    example = pathlib.Path(__file__).parents[2] / "config" / "berth.yaml"
    (output / "config" / "example").write_bytes(example.read_bytes())
    for number, text in enumerate(IDENTITIES):
        (output / "identity" / f"{number:02}").write_text(text)


if __name__ == "__main__":
    main()
