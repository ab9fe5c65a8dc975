#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_live.py: real clients of the kernel against applications on berthd, over a veth pair.
#
#   namespace "client"                       this namespace
#   ping, dig, nc ── vclient ════ vberth ── af_packet ── berthd ── echo, dns
#   198.51.100.1                                        198.51.100.2
#   2001:db8:5::1                                       2001:db8:5::2
#
# All of it lives in a namespace of this process, which takes it along when it ends.
import ctypes
import json
import os
import shutil
import subprocess
import sys

from lib import Application, Daemon, skip

INSIDE = "BERTH_TEST_INSIDE"
OFFLOADS = "rx off tx off tso off gso off gro off".split()


def sh(*words, check=True, **more):
    r = subprocess.run(words, capture_output=True, text=True, timeout=60, **more)
    if check and r.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {r.stdout}{r.stderr}")
    return r


def enter():
    """Runs this script anew in namespaces of its own; killed with its parent."""
    for tool in ("unshare", "ip", "ethtool", "ping", "nc", "dig"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    words = ["unshare", *user, "--net", "--mount", "--fork", "--kill-child"]
    if subprocess.run([*words, "ip", "link", "add", "vtest", "type", "veth"],
                      capture_output=True).returncode != 0:
        skip("network namespaces or veth are not permitted here")
    os.environ[INSIDE] = "1"
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


def network():
    """Two ends of a wire; the client's is in a namespace that a sleeping process holds."""
    holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
    ours = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{holder.pid}/ns/net") == ours:
        os.sched_yield()
    client = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "vberth", "type", "veth", "peer", "name", "vclient", "netns",
       str(holder.pid))
    for prefix, name in (([], "vberth"), (client, "vclient")):
        sh(*prefix, "ethtool", "-K", name, *OFFLOADS)
        sh(*prefix, "ip", "link", "set", name, "up")
    sh("ip", "addr", "flush", "dev", "vberth")
    sh(*client, "ip", "addr", "add", "198.51.100.1/24", "dev", "vclient")
    sh(*client, "ip", "addr", "add", "2001:db8:5::1/64", "dev", "vclient", "nodad")
    return holder, client


def check_fragments(daemon, client):
    """What the kernel has to cut arrives whole."""
    sink = Application(daemon, "sink", "--json", "--expect", "2", identities=["udp/*:9000"])
    for family, address in (("-4", "198.51.100.2"), ("-6", "2001:db8:5::2")):
        sh(*client, "nc", family, "-u", "-w", "1", address, "9000", input="x" * 4000)
    output = sink.process.communicate(timeout=60)[0]
    assert json.loads(output) == {"packets": 2, "bytes": 4028 + 4048}, output


def check_clients(daemon, client):
    echo = Application(daemon, "echo", identities=["udp/*:7"])
    dns = Application(daemon, "dns", identities=["udp/*:domain"])
    for family, address in (("-4", "198.51.100.2"), ("-6", "2001:db8:5::2")):
        ping = sh(*client, "ping", family, "-c", "10", "-i", "0.02", address)
        assert " 10 received" in ping.stdout, ping.stdout
        answer = sh(*client, "nc", family, "-u", "-w", "1", address, "7", input="berth\n")
        assert answer.stdout == "berth\n", answer
        for kind, record in (("A", "192.0.2.80"), ("AAAA", "2001:db8::80")):
            dig = sh(*client, "dig", f"@{address}", "+short", "+tries=1", kind,
                     "www.example.test")
            assert dig.stdout.strip() == record, dig
    flows = daemon.ctl("flows")["flows"]
    assert any(f["reply"]["packets"] > 0 for f in flows), flows
    closed = sh(*client, "nc", "-z", "-w", "2", "198.51.100.2", "81", check=False)
    assert closed.returncode != 0
    assert daemon.ctl("stats")["counters"]["rejected"] > 0
    echo.stop()
    dns.stop()
    daemon.conserved()


def main():
    if INSIDE not in os.environ:
        enter()
    # PR_SET_PDEATHSIG, SIGKILL: what this script starts does not outlive it.
    ctypes.CDLL(None).prctl(1, 9)
    holder, client = network()
    cores = sorted(os.sched_getaffinity(0))[:2]
    nics = (f"  - name: wire\n    interface: vberth\n    queues: {len(cores)}\n"
            '    addresses: [198.51.100.2/24, "2001:db8:5::2/64"]\n')
    extra = (f"workers: {{cores: {cores}}}\nflows: {{capacity: 16384}}\nunmatched: reject\n"
             "memory: {mode: ordinary}\n")
    try:
        with Daemon(nics, extra) as daemon:
            check_clients(daemon, client)
            check_fragments(daemon, client)
    finally:
        holder.kill()
        holder.wait()


main()
