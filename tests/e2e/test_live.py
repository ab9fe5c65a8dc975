#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_live.py: real clients of the kernel against applications on berthd, over a veth pair.
#
#   namespace "client"                       this namespace
#
#   ping, dig, curl, nc                      berthd, two workers and queues ── echo, dns, http
#          │                                    │
#       vclient ═══════════ veth ═══════════ vberth (af_packet)
#       198.51.100.1                            198.51.100.2
#       2001:db8:5::1                           2001:db8:5::2
import hashlib
import json
import socket

from clients import FAMILIES, IPV4, MEGABYTE, RECORDS, configuration, megabyte, network, url
from lib import Application, Daemon, wait_for
from net import enter


def dig(client, address, *words):
    return client.run("dig", f"@{address}", "+norecurse", "+tries=2", *words).stdout


def check_ping(client):
    for address, _ in FAMILIES:
        ping = client.run("ping", "-c", "10", "-i", "0.02", address)
        assert " 10 received" in ping.stdout, ping.stdout
    # Full frames, and two of different sizes: what berthd answers, it answers byte for byte.
    for address, _ in FAMILIES:
        ping = client.run("ping", "-c", "2", "-i", "0.02", "-s", "1400", address)
        assert " 2 received" in ping.stdout, ping.stdout


def check_echo(client):
    for address, _ in FAMILIES:
        answer = client.run("nc", "-u", "-w", "1", address, "7", input="berth\n")
        assert answer.stdout == "berth\n", answer


def check_dig(client):
    for address, _ in FAMILIES:
        for kind, record in RECORDS:
            short = dig(client, address, "+short", kind, "www.example.test")
            assert short.strip() == record, short
        full = dig(client, address, "www.example.test")
        assert "status: NOERROR" in full and "EDNS: version: 0" in full, full
        assert "WARNING" not in full and "Warning" not in full, full
        for words, status, section in (
                (["SOA", "example.test"], "NOERROR", "ANSWER: 1, AUTHORITY: 0"),
                (["TXT", "www.EXAMPLE.test"], "NOERROR", "ANSWER: 0, AUTHORITY: 1"),
                (["nothing.example.test"], "NXDOMAIN", "ANSWER: 0, AUTHORITY: 1"),
                (["www.example.net"], "REFUSED", "ANSWER: 0, AUTHORITY: 0"),
                (["+edns=1", "+noednsneg", "www.example.test"], "BADVERS", "ANSWER: 0"),
                (["+opcode=NOTIFY", "www.example.test"], "NOTIMP", "ANSWER: 0")):
            answer = dig(client, address, *words)
            assert f"status: {status}" in answer and section in answer, answer


def check_curl(client):
    digest = hashlib.sha256(megabyte()).hexdigest()
    for address, _ in FAMILIES:
        page = client.run("curl", "-sS", "-g", "-m", "30", url(address, "/"))
        assert "came through berthd" in page.stdout, page.stdout
        body = client.run("curl", "-sS", "-g", "-m", "30", "-o", "-", url(address, "/1m"),
                          text=False).stdout
        assert len(body) == MEGABYTE and hashlib.sha256(body).hexdigest() == digest, len(body)
        status = client.run("curl", "-sS", "-g", "-m", "30", "-o", "/dev/null", "-w",
                            "%{http_code}", url(address, "/missing"))
        assert status.stdout == "404", status.stdout


def check_closed(daemon, client):
    """Closed ports are refused at once, in the words of each protocol."""
    before = daemon.ctl("stats")["counters"]["rejected"]
    for address, family in FAMILIES:
        with client.socket(family, socket.SOCK_STREAM) as s:
            assert s.connect_ex((address, 81)) == 111, "no RST"
        with client.socket(family, socket.SOCK_DGRAM) as s:
            s.connect((address, 82))
            s.send(b"knock")
            try:
                s.recv(1)
            except ConnectionRefusedError:
                continue
            raise AssertionError("no port unreachable")
    assert daemon.ctl("stats")["counters"]["rejected"] == before + 4
    knocked = {(c["proto"], c["port"]) for c in daemon.ctl("drops")["closed_ports"]}
    assert {("tcp", 81), ("udp", 82)} <= knocked, knocked


def check_fragments(daemon, client):
    """What the kernel has to cut arrives whole. In front of af_packet the kernel puts IPv4 together
    again itself: what is larger than a frame of the ring would come truncated."""
    sink = Application(daemon, "sink", "--json", "--expect", "2", identities=["udp/*:9000"])
    for (address, family), size in zip(FAMILIES, (1800, 4000)):
        with client.socket(family, socket.SOCK_DGRAM) as s:
            s.connect((address, 9000))
            s.send(bytes(size))
    wait_for(lambda: sink.process.poll() is not None, "two datagrams")
    assert json.loads(sink.stop()) == {"packets": 2, "bytes": 1828 + 4048}


def web_flow(daemon, address):
    """The flow of a curl that runs."""
    flows = daemon.ctl("flows", "--proto", "tcp", "--port", "80")["flows"]
    return next((f for f in flows if f["reply"]["address"] == address and
                 f["port"] == "http" and f["state"] == "established" and
                 f["reply"]["packets"] > 3), None)


def check_death(daemon, client, dns):
    """A killed application takes nobody along, and a new one takes its place."""
    curls = [client.start("curl", "-sS", "-g", "-m", "50", "--limit-rate", "300k", "-o",
                          "/dev/null", url(address, "/1m")) for address, _ in FAMILIES]
    for address, _ in FAMILIES:
        wait_for(lambda: web_flow(daemon, address), f"the flow of curl to {address}")
    dns.kill()
    wait_for(lambda: all(p["name"] != "dns" for p in daemon.ctl("ports")["ports"]),
             "the dead application's port to go")
    lost = client.run("dig", f"@{IPV4}", "+tries=1", "+time=1", "www.example.test", check=False)
    assert lost.returncode != 0, lost.stdout
    check_echo(client)
    dns = Application(daemon, "dns", identities=["udp/*:domain"])
    check_dig(client)
    for curl in curls:
        errors = curl.communicate()[1]
        assert curl.returncode == 0, errors
    return dns


def main():
    enter("ping", "nc", "dig", "curl")
    client = network()
    with Daemon(*configuration("unmatched: reject\n")) as daemon:
        echo = Application(daemon, "echo", identities=["udp/*:echo"])
        dns = Application(daemon, "dns", identities=["udp/*:domain"])
        http = Application(daemon, "http", identities=["tcp/*:http"])
        check_ping(client)
        check_echo(client)
        check_dig(client)
        check_curl(client)
        check_closed(daemon, client)
        check_fragments(daemon, client)
        dns = check_death(daemon, client, dns)
        for app in (echo, dns, http):
            assert "answered" in app.stop()
        daemon.conserved()


main()
