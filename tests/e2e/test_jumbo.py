#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_jumbo.py: packets of every size up to an mtu of 9000, in both directions.
#
#   namespace "client"                       this namespace
#
#   ping, sockets of this script             berthd ── echo, http
#          │                                    │
#       vclient ═══════════ veth ═══════════ vberth (af_packet)
#       198.51.100.1        mtu 9000            198.51.100.2
#       2001:db8:5::1                           2001:db8:5::2
import os
import socket

from clients import FAMILIES, configuration, network, url
from lib import Application, Daemon
from net import enter, sh

MTU = 9000


def check(daemon, client):
    for address, family in FAMILIES:
        header = 20 if family == socket.AF_INET else 40
        ping = client.run("ping", "-c", "3", "-i", "0.02", "-M", "do", "-s",
                          str(MTU - header - 8), address)
        assert " 3 received" in ping.stdout, ping.stdout
        with client.socket(family, socket.SOCK_DGRAM) as s:
            s.connect((address, 7))
            for size in (0, 1, 1472, 1900, 2000, 2048, 4000, 8191, MTU - header - 8):
                message = os.urandom(size)
                s.send(message)
                assert s.recv(2 * MTU) == message, size
        page = client.run("curl", "-sS", "-g", "-m", "30", "-o", "/dev/null", "-w",
                          "%{http_code} %{size_download}", url(address, "/1m"))
        assert page.stdout == "200 1000000", page.stdout
    assert not daemon.ctl("drops")["drops"].get("frame_multi_segment"), daemon.ctl("drops")


def main():
    enter("ping", "curl")
    client = network(MTU)
    # A count of descriptors that is no multiple of anything, and small: af_packet locks its rings
    # into memory, of which an ordinary user may have 8 MiB.
    settings = configuration(nic=f"    mtu: {MTU}\n    rx-descriptors: 125\n")
    with Daemon(*settings) as daemon:
        apps = [Application(daemon, "echo", identities=["udp/*:7"]),
                Application(daemon, "http", identities=["tcp/*:http"])]
        check(daemon, client)
        for app in apps:
            app.stop()
        daemon.conserved()
    sh("ip", "link", "set", "dev", "vberth", "mtu", str(MTU - 1))
    try:
        Daemon(*settings).stop()
    except AssertionError as refusal:
        assert f"ip link set dev vberth mtu {MTU}" in str(refusal), refusal
    else:
        raise AssertionError("berthd took an mtu that its interface has not")


main()
