#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""compare.py: berth-replay beside Open vSwitch, tshark and flowgen's own answers, over the corpus.

Every Ethernet packet must read alike, or differ by a class of classes.py. Prints what was compared.
Exits 77 where the captures or the references are not there."""
import collections
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

import captures
import classes
import frame
import references

REPLAY = os.environ["BERTH_REPLAY"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(os.environ.get("BERTH_CORPUS", ROOT / "../shared/corpus"))
COUNTERS = ROOT / "common/abi/counters.h"
OVS_BYTES_MAX = 65535
SHOWN = 20  # unexplained differences that are printed
FLOW = struct.Struct("!IH6s6sHBxHBBxx4s4sHH")  # ofp_match of OpenFlow 1.0
NO_VLAN = 0xFFFF


def replay(path, *options):
    """The lines of berth-replay as objects, and its exit status."""
    run = subprocess.run([REPLAY, "--packets", *options, path], capture_output=True, check=False,
                         timeout=600)
    return [json.loads(line) for line in run.stdout.splitlines()], run.returncode


def read_files():
    """Reads each file by berth-replay and by captures.py. Returns the Ethernet packets with their
    names, the count of others by link type, and what is wrong."""
    ethernet, others, wrong = [], collections.Counter(), []
    for path in sorted((CORPUS / "tcpdump").iterdir()):
        packets = captures.read(path)
        lines, _ = replay(path)
        if replay(path, "--offload")[0] != lines:
            wrong.append(f"{path.name}: --offload changes the reading")
        if len(lines) != len(packets):
            wrong.append(f"{path.name}: {len(lines)} packets, not {len(packets)}")
        for line, packet in zip(lines, packets):
            seconds, fraction = line["ts"].split(".")
            time = int(seconds) * captures.NANOSECONDS + int(fraction.ljust(9, "0"))
            # libpcap takes fractions of 2^31 and more, which no clock gives, for negative ones.
            if time != packet.time and not packet.strange_time:
                wrong.append(f"{path.name}: packet {line['n']}: time {line['ts']}")
            if packet.link_type == captures.ETHERNET:
                ethernet.append((f"{path.name}:{line['n']}", packet))
            else:
                others[packet.link_type] += 1
    return ethernet, others, wrong


def reference_readings(packets):
    """berth's, tshark's and Open vSwitch's readings of the same packets."""
    with tempfile.TemporaryDirectory() as folder:
        whole, small = (os.path.join(folder, name) for name in ("whole.pcap", "small.pcap"))
        captures.write_ethernet(whole, packets)
        readable = [p for p in packets if 0 < len(p.data) <= OVS_BYTES_MAX]
        captures.write_ethernet(small, readable)
        ours, status = replay(whole)
        tshark, ovs = references.tshark(whole), references.ovs(small)
    if status != 0 or not len(ours) == len(tshark) == len(packets) or len(ovs) != len(readable):
        raise SystemExit(f"not all packets were read: {len(ours)}, {len(tshark)}, {len(ovs)}")
    ovs = iter(ovs)
    return ours, tshark, [next(ovs) if 0 < len(p.data) <= OVS_BYTES_MAX else {} for p in packets]


class Comparison:
    """Counts refusals and differences by class, and keeps what none explains."""

    def __init__(self):
        self.sources = drop_sources()
        self.equal = 0
        self.explained = 0
        self.refusals = collections.Counter()
        self.differences = collections.Counter()
        self.unexplained = []

    def _verdict(self, case):
        """What is wrong with the verdict as such; None: nothing. Counts refusals."""
        verdict, reason = case.ours["verdict"], case.ours["reason"]
        if verdict == "drop":
            right = classes.REFUSALS.get(reason)
            if right is None or not right(case):
                return f"refused as {reason}, which nobody else sees"
            self.refusals[f"{reason} ({self.sources[reason]})"] += 1
        elif verdict == "skip" and not case.cut:
            return "skipped, although it is whole"
        elif verdict == "ok" and not case.cut and classes.BAD in (
                case.tshark.get("_l3_checksum"), case.tshark.get("_l4_checksum")):
            return "accepted with a wrong checksum"
        return None

    def _difference(self, case, reference, key):
        """The class of a difference in one key, or None."""
        theirs = case.tshark if reference == "tshark" else case.ovs
        verdict, reason = case.ours["verdict"], case.ours["reason"]
        if verdict == "skip":
            return classes.CUT
        if verdict == "drop" and key not in case.ours and key in classes.BEHIND.get(reason, ()):
            return f"refused as {reason}: what lies behind is not read", self.sources[reason]
        if verdict == "drop" and theirs.get(key) is None and \
                (theirs.get("_stopped") or theirs.get("_malformed")):
            return (f"refused as {reason}: the reference gave up on it even earlier",
                    self.sources[reason])
        for rule in classes.DIFFERENCES:
            if rule.reference == reference and (not rule.keys or key in rule.keys) and \
                    rule.test(case):
                return rule.name, rule.source
        return None

    def add(self, name, case):
        wrong = self._verdict(case)
        if wrong is not None:
            self.unexplained.append(f"{name}: {wrong}")
            return
        found = set()
        if not case.ovs:
            found.add(classes.UNREADABLE)
        for reference, theirs in (("tshark", case.tshark), ("ovs", case.ovs)):
            for key in references.FACTS:
                if not theirs or same(case.ours.get(key), theirs.get(key), key, reference):
                    continue
                why = self._difference(case, reference, key)
                if why is None:
                    self.unexplained.append(
                        f"{name}: {key}: {case.ours.get(key)}, {reference}: {theirs.get(key)}; "
                        f"{case.ours['verdict']} {case.ours['reason']}")
                    return
                found.add(why)
        self.differences.update(f"{text} ({source})" for text, source in found)
        if found:
            self.explained += 1
        else:
            self.equal += 1


QUOTED = ("l3", "src", "dst", "proto", "sport", "dport")


def same(ours, theirs, key, reference):
    """Whether a key has the same value. Open vSwitch does not read quotes, and no tunnel is looked
    into here. Of a quote, only what berth shows of it is compared."""
    if key == "tunnel" or (key == "inner" and reference == "ovs"):
        return True
    if key == "inner" and ours is not None and theirs is not None:
        return all(ours.get(quoted) == theirs.get(quoted) for quoted in QUOTED)
    return ours == theirs


def drop_sources():
    """The section that demands each refusal, from the list that the code has."""
    text = re.sub(r"\\\n", " ", COUNTERS.read_text())
    return dict(re.findall(r'X\([A-Z0-9_]+,\s*"([a-z0-9_]+)",\s*"[^"]*",\s*"([^"]*)"\)', text))


def flowgen():
    """Compares with flows.bin. Returns the flows that are equal, all, and what is wrong."""
    folder = CORPUS / "flowgen"
    lines, _ = replay(folder / "packets.pcap", "--checksum", "ignore")
    flows = list(FLOW.iter_unpack((folder / "flows.bin").read_bytes()))
    wrong = []
    for line, flow in zip(lines, flows):
        _, _, _, _, vlan, _, ethertype, _, proto, source, destination, tp_src, tp_dst = flow
        want = {} if vlan == NO_VLAN else {"vlan": [vlan]}
        if ethertype == 0x0806:
            want["l3"] = "arp"
        elif ethertype == 0x0800:
            want |= {"l3": "ipv4", "src": socket.inet_ntoa(source),
                     "dst": socket.inet_ntoa(destination), "proto": proto}
            if tp_src or tp_dst:
                want |= {"icmp_type": tp_src, "icmp_code": tp_dst} if proto == 1 else \
                    {"sport": tp_src, "dport": tp_dst}
        have = {key: line[key] for key in references.FACTS if key in line}
        have.pop("tcp_flags", None)
        have.pop("frag", None)
        if have != want:
            wrong.append(f"flowgen:{line['n']}: {have}, not {want}")
    if len(lines) != len(flows):
        wrong.append(f"flowgen: {len(lines)} packets, not {len(flows)}")
    return len(flows) - len(wrong), len(flows), wrong


def table(title, counts):
    print(title)
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"{count:6}  {name}")


def main():
    for tool in ("tshark", "ovs-ofctl"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            return 77
    if not (CORPUS / "flowgen/flows.bin").is_file():
        print(f"skipped: no captures at {CORPUS}; set BERTH_CORPUS")
        return 77
    equal, flows, wrong = flowgen()
    print(f"flowgen: {equal}/{flows} flows equal")
    ethernet, others, problems = read_files()
    wrong += problems
    comparison = Comparison()
    packets = [packet for _, packet in ethernet]
    for (name, packet), ours, tshark, ovs in zip(ethernet, *reference_readings(packets)):
        comparison.add(name, classes.Case(ours, tshark, ovs,
                                          frame.Frame(packet.data, packet.wire_bytes),
                                          len(packet.data)))
    print(f"tcpdump: {len(packets)} Ethernet packets beside tshark and Open vSwitch: "
          f"{comparison.equal} equal, {comparison.explained} differ as explained, "
          f"{len(comparison.unexplained)} unexplained; "
          f"skipped {sum(others.values())} packets of {len(others)} other link types")
    table("differences", comparison.differences)
    table("refusals, each confirmed by a reference or the frame", comparison.refusals)
    wrong += comparison.unexplained
    for line in wrong[:SHOWN]:
        print("WRONG", line)
    if len(wrong) > SHOWN:
        print(f"... and {len(wrong) - SHOWN} more")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
