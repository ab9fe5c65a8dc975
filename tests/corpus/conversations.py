#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""conversations.py: flows of berth-replay beside tshark's conversations, over the corpus.

Packets between two ends, per direction, must be as many as tshark counts (-z conv), IP bytes as
many as its ip.len and ipv6.plen add up to; and two runs must print the same bytes. Compared are TCP
and UDP packets in Ethernet frames that the parser accepts: compare.py compares what it refuses.
tshark is told not to look into tunnels, and neither is berth-replay.
Exits 77 where the captures or tshark are not there."""
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import captures
import references

REPLAY = os.environ["BERTH_REPLAY"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(os.environ.get("BERTH_CORPUS", ROOT / "../shared/corpus"))
PROTOS = {6: "tcp", 17: "udp"}
IPV6_HEADER = 40
# Protocols that carry other packets, of which tshark would count conversations as well.
TUNNELS = ("vxlan", "geneve", "gtp", "l2tp", "teredo", "lisp-data", "udpencap", "capwap.data",
           "sflow", "openflow")
ROW = re.compile(r"^(\S+):(\d+)\s+<->\s+(\S+):(\d+)\s+(\d+) .*?\s{2,}(\d+) .*?\s{2,}(\d+) ")


def run(*command):
    return subprocess.run(command, capture_output=True, check=True, timeout=600).stdout


def replay(path, *options):
    return run(REPLAY, "--checksum", "ignore", "--sources", "any", "--capacity", "16384", *options,
               path)


def tshark(path, *options):
    command = ["tshark", "-n", "-r", path]
    for preference in references.TSHARK_PREFERENCES:
        command += ["-o", preference]
    for name in TUNNELS:
        command += ["--disable-protocol", name]
    return run(*command, *options).decode()


def read_twice(path, wrong):
    """The lines of a run, which another run repeats."""
    text = replay(path, "--flows", "--packets")
    if text != replay(path, "--flows", "--packets"):
        wrong.append(f"{path.name}: two runs differ")
    lines = [json.loads(line) for line in text.splitlines()]
    return [p for p in lines if "n" in p], [f for f in lines if "n" not in f]


def ends(source, sport, destination, dport):
    """Who talks to whom, as one key for both directions, and whether the source comes first."""
    pair = [(source, int(sport)), (destination, int(dport))]
    return tuple(sorted(pair)), pair[0] <= pair[1]


def add(table, proto, source, sport, destination, dport, amount):
    """Adds what a source sent: the place in the sum is the source's among the sorted ends."""
    key, forward = ends(source, sport, destination, dport)
    sums = table[(proto, *key)]
    sums[0 if forward else 1] += amount


def tables():
    return collections.defaultdict(lambda: [0, 0])


def ours(flows):
    packets, octets = tables(), tables()
    for f in flows:
        o, r = f["orig"], f["reply"]
        for key, table in (("packets", packets), ("bytes", octets)):
            for a, b in ((o, r), (r, o)):
                add(table, PROTOS[f["proto"]], a["addr"], a["port"], b["addr"], b["port"], a[key])
    return packets, octets


def conversations(path):
    """Packets by tshark's own statistics."""
    packets = tables()
    for proto in PROTOS.values():
        for line in tshark(path, "-q", "-z", f"conv,{proto}").splitlines():
            row = ROW.match(line)
            if row:
                a, aport, b, bport, back, there, _ = row.groups()
                add(packets, proto, a, aport, b, bport, int(there))
                add(packets, proto, b, bport, a, aport, int(back))
    return packets


def lengths(path):
    """IP bytes by the outermost IP headers that tshark reads."""
    octets = tables()
    fields = ("ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "udp.srcport",
              "tcp.dstport", "udp.dstport", "ip.len", "ipv6.plen")
    options = [word for field in fields for word in ("-e", field)]
    for line in tshark(path, "-T", "fields", "-E", "occurrence=f", *options).splitlines():
        src4, src6, dst4, dst6, ts, us, td, ud, length, payload = line.split("\t")
        add(octets, "tcp" if ts else "udp", src4 or src6, ts or us, dst4 or dst6, td or ud,
            int(length) if src4 else int(payload) + IPV6_HEADER)
    return octets


def differences(what, one, other):
    return [f"{what}: {key}: {one.get(key)}, tshark: {other.get(key)}"
            for key in sorted(set(one) | set(other)) if one.get(key) != other.get(key)]


def main():
    if shutil.which("tshark") is None:
        print("skipped: tshark is not installed")
        return 77
    if not (CORPUS / "tcpdump").is_dir():
        print(f"skipped: no captures at {CORPUS}; set BERTH_CORPUS")
        return 77
    wrong, kept, left_out = [], [], collections.Counter()
    for path in sorted((CORPUS / "tcpdump").iterdir()):
        try:
            lines, _ = read_twice(path, wrong)
        except subprocess.CalledProcessError:  # a broken file; compare.py looks at what it tells
            continue
        for line, packet in zip(sorted(lines, key=lambda p: p["n"]), captures.read(path)):
            if line.get("proto") not in PROTOS:
                continue
            if packet.link_type != captures.ETHERNET:
                left_out["in other frames than Ethernet's"] += 1
            elif line["verdict"] != "ok":
                left_out[f"{line['verdict']}: {line['reason']}"] += 1
            elif line["frag"] != "none":
                left_out["fragments, of which tshark sees no ports"] += 1
            else:
                kept.append(packet)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "kept.pcap")
        captures.write_ethernet(path, kept)
        lines, flows = read_twice(path, wrong)
        packets, octets = ours(flows)
        wrong += differences("packets", packets, conversations(path))
        wrong += differences("bytes", octets, lengths(path))
    counted = sum(map(sum, packets.values()))
    if counted != len(kept):
        wrong.append(f"{counted} packets in flows, of {len(kept)}")
    print(f"{len(kept)} packets, {len(flows)} flows, {len(packets)} pairs of ends, "
          f"{len(wrong)} differences")
    for why, count in sorted(left_out.items()):
        print(f"{count:6}  left out: {why}")
    for line in wrong[:20]:
        print("WRONG", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
