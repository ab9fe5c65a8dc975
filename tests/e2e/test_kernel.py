#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_kernel.py: the kernel keeps its network through the kernel port, beside berthd's bindings.
#
#   namespace "client"            this namespace               namespace "host"
#
#   ping, nc, dig, curl           berthd ── dns, http
#          │                       │    │
#       vclient ══ veth ═══ vberth ┘    └ kernel port ═ tap ═ berth0 ── the kernel: ping, TCP 22
#       198.51.100.1               (af_packet)                198.51.100.2
#       2001:db8:5::1                                         2001:db8:5::2
#
# The tap is moved to a namespace of its own because af_packet only listens beside the kernel: one
# that had both ends would see each packet twice.
import os
import socket

from clients import CLIENT, FAMILIES, IPV4, IPV6, configuration, network, url
from lib import Application, Daemon, skip
from net import Namespace, enter, sh


def exchange(a, b):
    """Half a megabyte from one socket to the other, in full."""
    message = os.urandom(1 << 19)
    received = bytearray()
    sent = 0
    a.setblocking(False)
    while len(received) < len(message):
        try:
            sent += a.send(message[sent:])
        except BlockingIOError:
            pass
        received += b.recv(1 << 16)
    a.setblocking(True)
    assert bytes(received) == message


def check_tcp(client, host):
    """A conversation with something on the kernel's side, opened from either end."""
    for (address, family), peer in zip(FAMILIES, CLIENT):
        peer = peer.split("/")[0]
        for asking, serving, at in ((client, host, address), (host, client, peer)):
            with serving.socket(family, socket.SOCK_STREAM) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((at, 22))
                listener.listen()
                with asking.socket(family, socket.SOCK_STREAM) as one:
                    one.connect((at, 22))
                    with listener.accept()[0] as other:
                        other.settimeout(one.gettimeout())
                        exchange(one, other)
                        exchange(other, one)


def run(client, host, responder):
    extra = f"unmatched: kernel\nresponder: {responder}\nkernel: {{interface: berth0}}\n"
    with Daemon(*configuration(extra)) as daemon:
        sh("ip", "link", "set", "berth0", "netns", host.pid)
        host.address("berth0", f"{IPV4}/24", f"{IPV6}/64")
        dns = Application(daemon, "dns", identities=["udp/*:domain"])
        http = Application(daemon, "http", identities=["tcp/*:http"])
        before = daemon.ctl("stats")["counters"]
        for address, _ in FAMILIES:
            ping = client.run("ping", "-c", "10", "-i", "0.02", address)
            assert " 10 received" in ping.stdout, ping.stdout
        between = daemon.ctl("stats")["counters"]
        answered = between["answered"] - before["answered"]
        assert answered >= 20 if responder == "true" else answered == 0, (responder, answered)
        check_tcp(client, host)
        for address, _ in FAMILIES:
            dig = client.run("dig", f"@{address}", "+short", "+tries=2", "AAAA",
                             "www.example.test")
            assert dig.stdout.strip() == "2001:db8::80", dig.stdout
            page = client.run("curl", "-sS", "-g", "-m", "30", url(address))
            assert "came through berthd" in page.stdout, page.stdout
        after = daemon.ctl("stats")["counters"]
        assert after["kernel"] - between["kernel"] > 1000, after
        assert after["forwarded"] - between["forwarded"] > 1000, after
        for app in (dns, http):
            app.stop()
        daemon.conserved()


def main():
    enter("ping", "dig", "curl")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        skip("/dev/net/tun is not there, or not ours to open")
    client, host = network(), Namespace()
    # The kernel or the responder answers for the addresses: both arrangements are complete.
    run(client, host, "false")
    run(client, host, "true")


main()
