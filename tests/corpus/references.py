# SPDX-License-Identifier: BSD-3-Clause
"""references.py: how tshark and Open vSwitch read an Ethernet capture, in berth-replay's words.

A reading is a dict with the keys of berth-replay --packets that describe the packet (FACTS), as far
as the reference sees them, and with keys of its own that begin with an underscore."""
import re
import subprocess

FACTS = ("vlan", "l3", "src", "dst", "proto", "sport", "dport", "frag", "tcp_flags", "icmp_type",
         "icmp_code", "inner", "tunnel")
TCP_FLAGS = "FSRPAUEC"

# --- tshark ---

# No state between packets, no guessing; checksums looked at.
TSHARK_PREFERENCES = (
    "ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE",
    "ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE",
    "sctp.checksum:CRC 32c", "ip.tso_support:FALSE")
TSHARK_FIELDS = (
    "frame.protocols", "eth.type", "vlan.id", "ieee8021ad.id", "ieee8021ad.svid",
    "vlan.etype", "ip.version", "ip.src", "ip.dst", "ip.proto", "ip.hdr_len", "ip.len",
    "ip.flags.mf", "ip.frag_offset", "ip.checksum.status", "ip.opt.type", "ipv6.version",
    "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.nxt", "ipv6.hopopts.nxt", "ipv6.routing.nxt",
    "ipv6.fraghdr.nxt", "ipv6.dstopts.nxt", "ah.next_header", "ipv6.fraghdr.offset",
    "ipv6.fraghdr.more", "ipv6.routing.type", "ipv6.routing.segleft", "tcp.srcport",
    "tcp.dstport", "tcp.flags", "tcp.hdr_len", "tcp.checksum.status", "udp.srcport", "udp.dstport",
    "udp.length", "udp.checksum", "udp.checksum.status", "sctp.srcport", "sctp.dstport",
    "sctp.checksum.status", "icmp.type", "icmp.code", "icmp.checksum.status", "icmpv6.type",
    "icmpv6.code", "icmpv6.checksum.status", "arp.hw.type", "arp.proto.type", "arp.hw.size",
    "arp.proto.size", "_ws.malformed")
LINK_LAYERS = {"eth", "ethertype", "vlan", "ieee8021ad", "mpls", "pppoes", "ppp", "llc"}
# What may stand between the IPv6 header and the transport, and the field that says what follows.
EXTENSIONS = {"ipv6.hopopts": "ipv6.hopopts.nxt", "ipv6.routing": "ipv6.routing.nxt",
              "ipv6.fraghdr": "ipv6.fraghdr.nxt", "ipv6.dstopts": "ipv6.dstopts.nxt",
              "ah": "ah.next_header"}
TRANSPORTS = {"tcp": 6, "udp": 17, "udplite": 136, "sctp": 132, "icmp": 1, "icmpv6": 58}


def _numbers(values):
    """Fields are printed in decimal, in hexadecimal, or as truth values."""
    words = {"True": 1, "False": 0}
    return [words[v] if v in words else int(v, 0) for v in values]


class _Tree:
    """One packet as tshark prints it: a list of layers, and of each field the values in order."""

    def __init__(self, line):
        values = line.rstrip("\n").split("\t")
        self.fields = dict(zip(TSHARK_FIELDS, values))
        self.layers = self.fields["frame.protocols"].split(":")
        self.taken = {}

    def all(self, name):
        return [v for v in self.fields[name].split(",") if v != ""]

    def next(self, name):
        """The value of a field in the next layer that has it; None where there is none."""
        at = self.taken.get(name, 0)
        self.taken[name] = at + 1
        values = self.all(name)
        return values[at] if at < len(values) else None

    def number(self, name):
        value = self.next(name)
        return None if value is None else _numbers([value])[0]


def _present(**facts):
    return {key: value for key, value in facts.items() if value is not None}


def _fragment(offset, more):
    return "later" if offset else "first" if more else "none"


def _ip(tree, at):
    """Reads the IP packet at layer `at`. Returns the reading and the layer behind it."""
    if tree.layers[at] == "ip":
        facts = _present(l3="ipv4", src=tree.next("ip.src"), dst=tree.next("ip.dst"),
                         proto=tree.number("ip.proto"))
        more, offset = tree.number("ip.flags.mf"), tree.number("ip.frag_offset")
        if offset is not None:
            facts["frag"] = _fragment(offset, more)
        facts |= {"_length": tree.number("ip.len"), "_header": tree.number("ip.hdr_len"),
                  "_l3_checksum": tree.number("ip.checksum.status")}
        return facts, at + 1
    facts = _present(l3="ipv6", src=tree.next("ipv6.src"), dst=tree.next("ipv6.dst"),
                     proto=tree.number("ipv6.nxt"))
    facts |= {"frag": "none", "_length": tree.number("ipv6.plen"), "_extensions": []}
    at += 1
    while at < len(tree.layers) and tree.layers[at] in EXTENSIONS:
        name = tree.layers[at]
        facts["_extensions"].append(name)
        following = tree.number(EXTENSIONS[name])
        if following is not None:
            facts["proto"] = following
        if name == "ipv6.fraghdr":
            offset, more = tree.number("ipv6.fraghdr.offset"), tree.number("ipv6.fraghdr.more")
            facts["frag"] = _fragment(offset, more)
        elif name == "ipv6.routing":
            facts["_routing"] = (tree.number("ipv6.routing.type"),
                                 tree.number("ipv6.routing.segleft"))
        at += 1
    return facts, at


def _letters(flags):
    return "".join(letter for bit, letter in enumerate(TCP_FLAGS) if flags >> bit & 1)


def _transport(tree, at):
    """Reads the transport header at layer `at`, and what an ICMP error quotes."""
    name = tree.layers[at] if at < len(tree.layers) else ""
    if name == "tcp":
        flags = tree.number("tcp.flags")
        return _present(sport=tree.number("tcp.srcport"), dport=tree.number("tcp.dstport"),
                        tcp_flags=None if flags is None else _letters(flags & 0xFF),
                        _l4_checksum=tree.number("tcp.checksum.status"),
                        _l4_header=tree.number("tcp.hdr_len"))
    if name in ("udp", "udplite"):
        return _present(sport=tree.number("udp.srcport"), dport=tree.number("udp.dstport"),
                        _l4_checksum=tree.number("udp.checksum.status"),
                        _l4_length=tree.number("udp.length"),
                        _l4_sum=tree.number("udp.checksum"))
    if name == "sctp":
        return _present(sport=tree.number("sctp.srcport"), dport=tree.number("sctp.dstport"),
                        _l4_checksum=tree.number("sctp.checksum.status"))
    if name in ("icmp", "icmpv6"):
        facts = _present(icmp_type=tree.number(name + ".type"),
                         icmp_code=tree.number(name + ".code"),
                         _l4_checksum=tree.number(name + ".checksum.status"))
        if at + 1 < len(tree.layers) and tree.layers[at + 1] in ("ip", "ipv6"):
            facts["inner"] = _packet(tree, at + 1)
        return facts
    return {}


def _packet(tree, at):
    facts, behind = _ip(tree, at)
    l4 = _transport(tree, behind)
    facts["_next"] = tree.layers[behind] if behind < len(tree.layers) else ""
    return facts | l4


def _tshark_reading(line):
    tree = _Tree(line)
    tags = []
    at = next((n for n, layer in enumerate(tree.layers) if layer not in LINK_LAYERS), None)
    for layer in tree.layers[:at]:
        if layer == "vlan":
            tags.append(tree.number("vlan.id"))
        elif layer == "ieee8021ad":
            tags.append(tree.number("ieee8021ad.id"))
    facts = {"_layers": tree.layers, "_tree": tree.fields, "_malformed": "_ws.malformed" in
             tree.layers or tree.fields["_ws.malformed"] != ""}
    tags = [tag for tag in tags if tag is not None]
    if tags:
        facts["vlan"] = tags
    types = [_numbers([t])[0] for t in tree.all("eth.type")[:1] + tree.all("vlan.etype")]
    facts["_ethertypes"] = types
    if at is not None and tree.layers[at] in ("ip", "ipv6"):
        facts |= _packet(tree, at)
    elif at is not None and tree.layers[at] == "arp":
        facts["l3"] = "arp"
    return facts


def tshark(path):
    """One reading for each packet of the capture."""
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=a", "-E",
               "aggregator=,", "-E", "separator=/t"]
    for preference in TSHARK_PREFERENCES:
        command += ["-o", preference]
    for field in TSHARK_FIELDS:
        command += ["-e", field]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return [_tshark_reading(line) for line in run.stdout.splitlines()]


# --- Open vSwitch ---

OVS_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}
# Names at the start of a flow stand for several fields.
OVS_NAMES = {"ip": ("ipv4", None), "ipv6": ("ipv6", None), "arp": ("arp", None),
             "tcp": ("ipv4", 6), "udp": ("ipv4", 17), "sctp": ("ipv4", 132), "icmp": ("ipv4", 1),
             "tcp6": ("ipv6", 6), "udp6": ("ipv6", 17), "sctp6": ("ipv6", 132),
             "icmp6": ("ipv6", 58)}


def _ovs_flags(text):
    """"syn|ack" or a number in hexadecimal."""
    if re.fullmatch(r"(0x[0-9a-f]+|\d+)", text):
        return int(text, 0)
    flags = 0
    for name in text.split("|"):
        flags |= OVS_FLAGS.get(name, 0)
    return flags


def _ovs_reading(line):
    words = line.strip().split(",")
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    facts = {"_flow": fields}
    tags = [int(fields[key], 0) for key in ("dl_vlan", "dl_vlan1") if key in fields]
    if "vlan_tci" in fields and int(fields["vlan_tci"], 0) & 0x1000:
        tags.insert(0, int(fields["vlan_tci"], 0) & 0xFFF)
    if tags:
        facts["vlan"] = tags
    l3, proto = OVS_NAMES.get(words[0], (None, None))
    if l3 is None:
        return facts
    facts["l3"] = l3
    if l3 == "arp":
        return facts
    facts["src"] = fields.get("nw_src" if l3 == "ipv4" else "ipv6_src")
    facts["dst"] = fields.get("nw_dst" if l3 == "ipv4" else "ipv6_dst")
    facts["proto"] = proto if proto is not None else int(fields.get("nw_proto", "0"))
    if {facts["src"], facts["dst"]} <= {"0.0.0.0", "::"} and facts["proto"] == 0:
        # Its own sanity check of the IP header or length failed: it knows the EtherType only.
        return facts | {"src": None, "dst": None, "proto": None, "_stopped": True}
    frag = fields.get("nw_frag", "no")
    facts["frag"] = "none" if frag == "no" else frag
    if "icmp_type" in fields:
        facts |= {"icmp_type": int(fields["icmp_type"]), "icmp_code": int(fields["icmp_code"])}
    elif "tp_src" in fields:
        facts |= {"sport": int(fields["tp_src"]), "dport": int(fields["tp_dst"])}
    if "tcp_flags" in fields:
        facts["tcp_flags"] = _letters(_ovs_flags(fields["tcp_flags"]))
    return facts


def ovs(path):
    """One reading for each packet of the capture, which must be pcap without empty packets."""
    run = subprocess.run(["ovs-ofctl", "parse-pcap", path], capture_output=True, text=True,
                         check=True, timeout=600)
    return [_ovs_reading(line) for line in run.stdout.splitlines()]
