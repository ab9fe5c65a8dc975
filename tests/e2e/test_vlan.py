#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_vlan.py: a tagged network is a zone: same addresses, same ports, other applications.
#
#   namespace "plain"       namespace "tagged"                  this namespace
#
#   nc, dig, curl           nc, dig, curl                       berthd ─┬─ zone 0:  echo
#       │                       │                                  │    └─ zone 10: dns, http
#    vclient ─────────────── vclient.10 ═════════ veth ═════════ vberth (af_packet)
#    198.51.100.1            198.51.100.1                          198.51.100.2 in both,
#    2001:db8:5::1           2001:db8:5::1                         2001:db8:5::2 in both
import socket

import vlan
from clients import ADDRESSES, CLIENT, FAMILIES, configuration, network, url
from lib import Application, Daemon
from net import Namespace, enter


def refused(client, family, address, port):
    """Whether a closed port is refused to `client`."""
    with client.socket(family, socket.SOCK_STREAM) as s:
        return s.connect_ex((address, port)) == 111


def check(daemon, plain, tagged):
    for address, family in FAMILIES:
        for client in (plain, tagged):
            ping = client.run("ping", "-c", "3", "-i", "0.02", "-s", "1472" if "." in address else
                              "1452", address)
            assert " 3 received" in ping.stdout, ping.stdout
        echo = plain.run("nc", "-u", "-w", "1", address, "7", input="plain\n")
        assert echo.stdout == "plain\n", echo
        dig = tagged.run("dig", f"@{address}", "+short", "+tries=2", "www.example.test")
        assert dig.stdout.strip() == "192.0.2.80", dig.stdout
        page = tagged.run("curl", "-sS", "-g", "-m", "30", "-o", "/dev/null", "-w",
                          "%{http_code} %{size_download}", url(address, "/1m"))
        assert page.stdout == "200 1000000", page.stdout
        # What one zone has is closed in the other, and the refusal finds its way back.
        assert refused(plain, family, address, 80)
        assert refused(tagged, family, address, 81)
    zones = {p: {f["zone"] for f in daemon.ctl("flows")["flows"] if f["port"] == p}
             for p in ("echo", "dns", "http")}
    assert zones == {"echo": {0}, "dns": {10}, "http": {10}}, zones


def main():
    enter("ping", "nc", "dig", "curl")
    plain, tagged = network(), Namespace()
    vlan.add(tagged, plain, "vclient", 10)
    tagged.address("vclient.10", *CLIENT)
    nic = f"    vlans:\n      - {{id: 10, addresses: {ADDRESSES}}}\n"
    with Daemon(*configuration("unmatched: reject\n", nic)) as daemon:
        apps = [Application(daemon, "echo", identities=["udp/*:7"]),
                Application(daemon, "dns", identities=["udp/*:domain@10"]),
                Application(daemon, "http", identities=["tcp/*:http@10"])]
        check(daemon, plain, tagged)
        for app in apps:
            app.stop()
        daemon.conserved()


main()
