# SPDX-License-Identifier: BSD-3-Clause
# clients.py: the network that real clients are shown on, what they ask, and what is right.
#
#   namespace "client"                       this namespace
#
#   ping, dig, curl, nc                      berthd ── echo, dns, http
#          │                                    │
#       vclient ═══════════ veth ═══════════ vberth (af_packet)
#       198.51.100.1                            198.51.100.2
#       2001:db8:5::1                           2001:db8:5::2
import json
import os
import socket

from lib import wait_for
from net import Namespace, wire

IPV4, IPV6 = "198.51.100.2", "2001:db8:5::2"
FAMILIES = ((IPV4, socket.AF_INET), (IPV6, socket.AF_INET6))
CLIENT = ("198.51.100.1/24", "2001:db8:5::1/64")
ADDRESSES = f'[{IPV4}/24, "{IPV6}/64"]'
RECORDS = (("A", "192.0.2.80"), ("AAAA", "2001:db8::80"))
MEGABYTE = 1000000


def network(mtu=1500):
    """The client's namespace, wired to vberth in this one."""
    client = Namespace()
    wire("vberth", "vclient", client, mtu)
    client.address("vclient", *CLIENT)
    return client


def configuration(extra="", nic=""):
    """What berthd is told: nics and the rest. Two workers, where there are two cores."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    nics = (f"  - name: wire\n    interface: vberth\n    queues: {len(cores)}\n"
            f"    addresses: {ADDRESSES}\n{nic}")
    return nics, (f"workers: {{cores: {cores}}}\nflows: {{capacity: 16384}}\n"
                  f"memory: {{mode: ordinary}}\n{extra}")


def url(address, path="/"):
    return f"http://[{address}]{path}" if ":" in address else f"http://{address}{path}"


def megabyte():
    """The body of http's /1m, made here a second time."""
    body, x = bytearray(), 1
    for _ in range(MEGABYTE):
        x = (x * 1664525 + 1013904223) & 0xffffffff
        body.append(x >> 24)
    return bytes(body)


def iperf3(client, address, *words):
    """What iperf3's client says at its end. The server refuses it while it ends the test before."""
    def run():
        r = client.run("iperf3", "-c", address, "-J", *words, check=False)
        said = json.loads(r.stdout)
        if "server is busy" in said.get("error", ""):
            return None
        assert r.returncode == 0 and "error" not in said, r.stdout
        return said["end"]
    return wait_for(run, "iperf3's server to be free")
