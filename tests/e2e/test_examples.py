#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_examples.py: dns and http under what only a hostile peer sends.
#
#   namespace "client"                       this namespace
#
#   sockets of this script                   berthd ── dns, http
#          │                                    │
#       vclient ═══════════ veth ═══════════ vberth (af_packet)
#       198.51.100.1                            198.51.100.2
#       2001:db8:5::1                           2001:db8:5::2
import contextlib
import os
import random
import socket
import struct

from clients import FAMILIES, IPV4, IPV6, configuration, network
from lib import Application, Daemon, wait_for
from net import enter

FORMERR, NXDOMAIN, NOTIMP, REFUSED = 1, 3, 4, 5
WWW = b"\3www\7example\4test\0"
OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
LAST_ID = 0xfeed


def query(name=WWW, kind=1, klass=1, extra=b"", identifier=7, flags=0x0100, counts=(1, 0, 0, 0)):
    return (struct.pack("!6H", identifier, flags, *counts) + name +
            struct.pack("!HH", kind, klass) + extra)


GOOD = query(extra=OPT, counts=(1, 0, 0, 1))

# What is sent, and the response code; None: no answer.
HOSTILE = [
    (b"", None),
    (query(flags=0x8100), None),                        # an answer, not a question
    (query(flags=0x2100), NOTIMP),
    (query(counts=(0, 0, 0, 0)), FORMERR),
    (query(counts=(2, 0, 0, 0)), FORMERR),
    (query(counts=(1, 1, 0, 0)), FORMERR),
    (query(counts=(1, 0, 1, 0)), FORMERR),
    (query(counts=(1, 0, 0, 1)), FORMERR),              # promises a record that is not there
    (query(counts=(1, 0, 0, 65535), extra=OPT), FORMERR),
    (query(name=b"\xc0\x0c"), FORMERR),                 # points to itself
    (query(name=b"\3www\xc0\x0c"), FORMERR),
    (query(name=b"\xc0\xff"), FORMERR),
    (query(name=b"\x40" + 64 * b"a" + b"\0"), FORMERR),
    (query(name=b"\x3fabc"), FORMERR),
    (query(name=128 * b"\1a" + b"\0"), FORMERR),        # 257 bytes
    (query(name=4 * (b"\x3f" + 63 * b"a") + WWW), FORMERR),
    (query(extra=2 * OPT, counts=(1, 0, 0, 2)), FORMERR),
    (query(extra=b"\1a" + OPT, counts=(1, 0, 0, 1)), FORMERR),
    (query(klass=3), REFUSED),
    (query(name=b"\0"), REFUSED),
    (query(name=b"\x0bwww.example\4test\0"), REFUSED),  # a dot inside a label
    (query(name=b"\3www\7example\4test\1a\0"), REFUSED),
    (query(name=b"\1\0" + WWW), NXDOMAIN),
    (query(name=116 * b"\1a" + b"\7example\4test\0" + b""), NXDOMAIN),
    (query(extra=os.urandom(1300)), 0),                 # bytes behind the message are nobody's
    (query(name=b"\3wWw\7EXAMPLE\4tesT\0"), 0),
]
HOSTILE += [(GOOD[:n], None if n < 12 else FORMERR) for n in range(len(GOOD))]


def answers_before(s, last):
    """The answers that come before that to a last, good query."""
    s.send(last)
    answers = []
    while True:
        answer = s.recv(4096)
        if struct.unpack("!H", answer[:2])[0] == LAST_ID:
            return answers
        answers.append(answer)


def check_dns(client):
    good = query(identifier=LAST_ID)
    generator = random.Random(1)
    for address, family in FAMILIES:
        with client.socket(family, socket.SOCK_DGRAM) as s:
            s.connect((address, 53))
            for message, expected in HOSTILE:
                s.send(message)
                answers = answers_before(s, good)
                assert len(answers) == (expected is not None), (message, answers)
                for answer in answers:
                    identifier, flags = struct.unpack("!HH", answer[:4])
                    assert identifier == 7 and flags & 0x8000 and len(answer) <= 512, answer
                    assert flags & 15 == expected, (message, answer)
            # Whatever else comes, the server is there for the next.
            for _ in range(500):
                message = bytearray(GOOD)
                message[:2] = b"\0\7"
                for _ in range(generator.randrange(1, 5)):
                    message[generator.randrange(2, len(message))] = generator.randrange(256)
                s.send(message)
                for answer in answers_before(s, good):
                    assert len(answer) >= 12, answer


def exchange(client, family, address, request):
    """All that http answers to a request."""
    with client.socket(family, socket.SOCK_STREAM) as s:
        s.connect((address, 80))
        s.sendall(request)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while part := s.recv(65536):
            answer += part
        return answer


def check_http(client):
    for address, family in FAMILIES:
        for request, status in (
                (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"200"),
                (b"HEAD /1m HTTP/1.0\r\n\r\n", b"200"),
                (b"GET /1m/ HTTP/1.1\r\n\r\n", b"404"),
                (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
                (b"POST / HTTP/1.1\r\n\r\n", b"501"),
                (b"\r\n\r\n", b"400"),
                (b" GET /\r\n\r\n", b"400"),
                (b"GET / GOPHER/1.0\r\n\r\n", b"400"),
                (b"GET /\0/ HTTP/1.1\r\n\r\n", b""),      # no text: not a request yet
                (b"GET /" + 5000 * b"a", b"431"),
                (b"GET / HTTP/1.1\r\n", b"")):
            answer = exchange(client, family, address, request)
            assert answer[9:12] == status, (request[:40], answer[:80])
            if request.startswith(b"HEAD"):
                assert answer.endswith(b"\r\n\r\n") and b"Length: 1000000" in answer, answer
        # More at once than it serves: the rest is refused, nobody is forgotten.
        sockets = [client.socket(family, socket.SOCK_STREAM) for _ in range(300)]
        for s in sockets:
            with contextlib.suppress(ConnectionError):
                s.connect((address, 80))
        for s in sockets:
            s.close()
        assert wait_for(lambda: exchange_works(client, family, address), "http to serve again")


def exchange_works(client, family, address):
    try:
        return b"200 OK" in exchange(client, family, address, b"GET / HTTP/1.1\r\n\r\n")
    except ConnectionError:
        return False


def check_spoofed(daemon, client):
    """SYNs that claim to come from the server's own addresses."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    mac = daemon.ctl("nics")["nics"][0]["mac"]
    before = daemon.ctl("stats")["counters"]["received"]
    with client.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("vclient", 0))
        for ip in (IP(src=IPV4, dst=IPV4), IPv6(src=IPV6, dst=IPV6)):
            for port in (1024, 1025, 80):
                s.send(bytes(Ether(dst=mac) / ip / TCP(sport=port, dport=80, flags="S")))
    wait_for(lambda: daemon.ctl("stats")["counters"]["received"] >= before + 6, "the SYNs")
    for address, family in FAMILIES:
        assert exchange_works(client, family, address)


def main():
    enter()
    client = network()
    with Daemon(*configuration()) as daemon:
        dns = Application(daemon, "dns", identities=["udp/*:domain"])
        http = Application(daemon, "http", identities=["tcp/*:http"])
        check_dns(client)
        check_http(client)
        check_spoofed(daemon, client)
        for app in (dns, http):
            assert "answered" in app.stop()
        daemon.conserved()


main()
