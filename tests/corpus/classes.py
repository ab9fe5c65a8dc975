# SPDX-License-Identifier: BSD-3-Clause
"""classes.py: why berth may read a packet otherwise than a reference does, and who is right.

REFUSALS: by reason, when a refusal is right, said from the frame or from a reference, never from
berth. BEHIND: by reason, the keys that such a packet may lack, since what lies behind the fault is
not read. DIFFERENCES: of keys that both, or only one, have."""
from dataclasses import dataclass
from typing import Callable

import frame

BAD = 0  # tshark's verdict on a checksum
ERRORS = {("ipv4", n) for n in (3, 11, 12)} | {("ipv6", n) for n in (1, 2, 3, 4)}
KNOWN_ETHERTYPES = {0x0800, 0x86DD, 0x0806, 0x8847, 0x8848, 0x8864}


@dataclass
class Case:
    """One packet, as all see it."""
    ours: dict
    tshark: dict
    ovs: dict  # empty where Open vSwitch cannot read the packet
    frame: frame.Frame
    kept: int  # bytes in the capture

    @property
    def cut(self):
        return self.kept < self.frame.end


def _flags_are_wrong(letters):
    kinds = sum(letter in letters for letter in "SFR")
    return kinds > 1 or not set(letters) & set("SRA")


def _arp_is_wrong(case):
    tree = case.tshark["_tree"]
    layout = [tree["arp.hw.type"], tree["arp.proto.type"], tree["arp.hw.size"],
              tree["arp.proto.size"]]
    return case.frame.room < 28 or layout != ["1", "0x0800", "6", "4"]


def _quote_is_wrong(case):
    inner = case.tshark.get("inner", {})
    return inner.get("src") != case.tshark.get("dst") or inner.get("frag") == "later" or \
        not {"sport", "icmp_type"} & set(inner)


def _reaches_too_far(case):
    """What is longer than its frame, or than the 65535 bytes that a buffer of the nic holds."""
    return case.frame.total > min(case.frame.room, 65535 - case.frame.l3)


def _chain_ends_early(case):
    return not all(inside for _, _, inside in case.frame.chain())


def _less_than(count):
    return lambda case: case.frame.l4()[1] < count


def _ports(case):
    return case.tshark.get("sport"), case.tshark.get("dport")


REFUSALS: dict[str, Callable[[Case], bool]] = {
    "frame_truncated": lambda c: c.frame.ethertype is None or c.kept <= c.frame.l3,
    "ethertype_unknown": lambda c: c.frame.ethertype >= 0x600 and
                         c.frame.ethertype not in KNOWN_ETHERTYPES,
    "llc": lambda c: c.frame.ethertype < 0x600,
    "vlan_too_deep": lambda c: c.frame.tags > 2,
    "mpls_stack": lambda c: len(c.frame.labels) > 8 or 3 in c.frame.labels,
    "mpls_payload": lambda c: bool(c.frame.labels) and c.frame.version not in (4, 6),
    "pppoe_protocol": lambda c: frame.be16(c.frame.data, c.frame.l3 - 2) not in (0x21, 0x57),
    "arp_malformed": _arp_is_wrong,
    "ipv4_version": lambda c: c.frame.version != 4,
    "ipv4_header_length": lambda c: c.frame.header < 20 or c.frame.total < c.frame.header,
    "ipv4_truncated": lambda c: c.frame.room < 20 or _reaches_too_far(c),
    "ipv4_checksum": lambda c: c.tshark.get("_l3_checksum") == BAD,
    "ipv4_options": lambda c: None in dict(c.frame.options()),
    "ipv4_source_route": lambda c: {131, 137} & set(dict(c.frame.options())),
    "ipv6_version": lambda c: c.frame.version != 6,
    "ipv6_truncated": lambda c: c.frame.room < 40 or _reaches_too_far(c),
    "ipv6_ext_truncated": _chain_ends_early,
    "ipv6_routing_0": lambda c: c.tshark.get("_routing", (None, 0))[0] == 0,
    "ipv6_routing": lambda c: c.tshark.get("_routing", (0, 0))[1] != 0,
    "source_invalid": lambda c: frame.source_is_nowhere(c.ours["src"]),
    "fragment_headers": lambda c: c.tshark.get("frag") == "first",
    "tcp_truncated": _less_than(20),
    "tcp_data_offset": lambda c: not 20 <= c.tshark["_l4_header"] <= c.frame.l4()[1],
    "tcp_checksum": lambda c: c.tshark.get("_l4_checksum") == BAD,
    "tcp_flags": lambda c: _flags_are_wrong(c.tshark["tcp_flags"]),
    "udp_truncated": _less_than(8),
    "udp_length": lambda c: not 8 <= c.tshark["_l4_length"] <= c.frame.l4()[1],
    "udp_checksum": lambda c: c.tshark.get("_l4_checksum") == BAD or
                    (c.frame.version == 6 and c.tshark.get("_l4_sum") == 0),
    "sctp_checksum": lambda c: c.tshark.get("_l4_checksum") == BAD,
    "icmp_checksum": lambda c: c.tshark.get("_l4_checksum") == BAD,
    "icmp_truncated": lambda c: c.frame.l4()[1] < 8 or "inner" in c.tshark,
    "icmp_quote": _quote_is_wrong,
    "port_zero": lambda c: 0 in _ports(c),
    "land": lambda c: c.ours["src"] == c.ours["dst"] and _ports(c)[0] == _ports(c)[1],
}


TRANSPORT = {"frag", "sport", "dport", "tcp_flags", "icmp_type", "icmp_code", "inner"}
CHAIN = TRANSPORT | {"proto"}
PACKET = CHAIN | {"l3", "src", "dst"}
BEHIND = {
    "ethertype_unknown": PACKET,
    "ipv4_version": PACKET,
    "ipv4_header_length": PACKET,
    "ipv4_truncated": PACKET,
    "ipv6_version": PACKET,
    "ipv6_truncated": PACKET,
    "ipv4_checksum": TRANSPORT,
    "ipv4_options": TRANSPORT,
    "source_invalid": TRANSPORT,
    "ipv6_ext_truncated": CHAIN,
    "ipv6_routing_0": CHAIN,
    "ipv6_routing": CHAIN,
    "icmp_truncated": {"icmp_type", "icmp_code", "inner"},
}


@dataclass
class Difference:
    """A rule for some keys, or all, of one reference ("tshark" or "ovs")."""
    name: str
    source: str
    reference: str
    keys: tuple
    test: Callable[[Case], bool]


DIFFERENCES = (
    Difference("captured in part: Open vSwitch takes the end of the capture for that of the packet",
               "RFC 791 3.1, RFC 8200 3", "ovs", (), lambda c: c.cut),
    Difference("captured in part: tshark does not read the rest of an extension header",
               "RFC 8200 4", "tshark", ("proto",),
               lambda c: c.cut and c.tshark["proto"] in frame.EXTENSIONS),
    Difference("what redirects and other ICMP messages that are no errors quote is not looked at",
               "RFC 1122 3.2.2.2, RFC 6633 3", "tshark", ("inner",),
               lambda c: "inner" not in c.ours and (
                   c.ours["l3"], c.ours["icmp_type"]) not in ERRORS),
    Difference("IGMP: Open vSwitch shows type and code as ports", "RFC 3376 4", "ovs",
               ("sport", "dport"), lambda c: c.tshark.get("proto") == 2 and c.ovs["proto"] == 2),
    Difference("MPLS: Open vSwitch does not look behind the labels", "RFC 3032 2.2", "ovs", (),
               lambda c: c.frame.labels and "l3" not in c.ovs),
    Difference("PPPoE: Open vSwitch does not look inside", "RFC 2516 4", "ovs", (),
               lambda c: c.frame.ethertype == frame.PPPOE and "l3" not in c.ovs),
    Difference("tag protocol 0x9100: Open vSwitch does not know it", "IEEE 802.1Q 9.5", "ovs", (),
               lambda c: c.frame.tags and "vlan" not in c.ovs and c.frame.data[12] == 0x91),
)
UNREADABLE = ("empty, or longer than 65535 bytes: Open vSwitch does not read it", "RFC 791 3.1")
CUT = ("captured in part: the headers that decide are missing", "RFC 791 3.1, RFC 8200 3")
