#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_track_linux.py: our trackers say of each packet what this machine's conntrack says, or differ
# in a way that an RFC asks for.
#
#   track-linux -- bertha --[ a namespace: forwarding, conntrack, nftables ]-- berthb -- track-linux
#
# BERTH_TRACK_PACKETS packets (100000; a full run: 1000000), half of them with picking up.
import os
import pathlib
import shutil
import subprocess

from lib import BUILD, die_with_parent, skip
from net import enter, sh

PROGRAM = os.path.join(BUILD, "tests/e2e/track-linux")
PACKETS = int(os.environ.get("BERTH_TRACK_PACKETS", "100000"))
SEED = os.environ.get("BERTH_SEED", "1")
MARKS = {"new": 1, "established": 2, "related": 3, "invalid": 4, "untracked": 5}
SYSCTLS = {"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1,
           "net/ipv4/conf/all/rp_filter": 0, "net/ipv4/conf/default/rp_filter": 0,
           "net/ipv4/icmp_ratelimit": 0}


def sysctl(name, value):
    try:
        pathlib.Path("/proc/sys", name).write_text(f"{value}\n", encoding="ascii")
    except OSError as error:
        skip(f"/proc/sys/{name} cannot be set: {error}")


def rules():
    """The forward chain comes behind conntrack, and writes what that says into the packet."""
    lines = ["add table inet berth",
             "add chain inet berth marks { type filter hook forward priority 0; }"]
    lines += [f"add rule inet berth marks meta nfproto {family} ct state {state} {word} dscp set "
              f"{mark} accept" for state, mark in MARKS.items()
              for family, word in (("ipv4", "ip"), ("ipv6", "ip6"))]
    return "\n".join(lines) + "\n"


def prepare():
    for side, name in enumerate(("bertha", "berthb"), 1):
        r = sh("ip", "tuntap", "add", name, "mode", "tun", check=False)
        if r.returncode != 0:
            skip(f"no tun device can be made: {r.stderr.strip()}")
        sh("ip", "link", "set", name, "addrgenmode", "none", "mtu", "1600", "up")
        sh("ip", "route", "add", f"10.{side}.0.0/16", "dev", name)
        sh("ip", "-6", "route", "add", f"fd00:{side}::/32", "dev", name)
    for name, value in SYSCTLS.items():
        sysctl(name, value)
    for name in ("bertha", "berthb"):
        sysctl(f"net/ipv4/conf/{name}/rp_filter", 0)
    r = sh("nft", "-f", "-", input=rules(), check=False)
    if r.returncode != 0:
        skip(f"nftables cannot mark packets: {r.stderr.strip()}")


def compare(mode):
    sysctl("net/netfilter/nf_conntrack_tcp_loose", int(mode == "loose"))
    r = subprocess.run([PROGRAM, str(PACKETS // 2), SEED, mode], capture_output=True, text=True,
                       preexec_fn=die_with_parent)
    print(r.stdout + r.stderr, flush=True)
    assert r.returncode == 0, f"track-linux {mode}: exit status {r.returncode}"


def main():
    if shutil.which("nft") is None:
        skip("nft is not installed")
    enter()
    prepare()
    for mode in ("strict", "loose"):
        compare(mode)


if __name__ == "__main__":
    main()
