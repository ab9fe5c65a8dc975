#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# test_handover.py: a port goes from an old process to a new one and no packet is lost; a process
# that dies takes along only what it had received already.
#
#   namespace "client"                        this namespace
#
#   numbered UDP datagrams and TCP segments   berthd, two workers ── old, new: members of one group
#          │                                     │
#       vclient ═══════════ veth ════════════ vberth (af_packet)
#
# Every packet has a number; each member prints those that it got.
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from clients import configuration, network
from lib import BUILD, DEADLINE_S, Daemon, die_with_parent, sound, wait_for
from net import enter, sh

MEMBER = os.path.join(BUILD, "tests/e2e/handover-member")
SHARED = "1"
IDENTITIES = ["udp/*:7000", "tcp/*:7000"]
PORT = 7000
PACE_S = 0.0005
UDP, TCP = 17, 6


class Member:
    """A member that is ready; what it printed is in `numbers` and `words`."""

    def __init__(self, daemon):
        self.process = subprocess.Popen([MEMBER, daemon.app_socket, SHARED, *IDENTITIES],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)
        self.numbers, self.words = [], []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.wait("ready")

    def read(self):
        for line in self.process.stdout:
            if line.startswith("packet "):
                self.numbers.append(int(line.split()[1]))
            else:
                self.words.append(line.strip())

    def wait(self, word):
        wait_for(lambda: word in self.words or self.process.poll() is not None, word)
        assert word in self.words, (word, self.words, self.process.stderr.read())

    def signal(self, number, word):
        self.process.send_signal(number)
        self.wait(word)

    def end(self):
        """Asks it to leave in order, unless it was asked; all that it got."""
        if "end" not in self.words:
            self.signal(signal.SIGTERM, "end")
        self.reader.join(DEADLINE_S)
        sound(self.process.wait(DEADLINE_S), self.process.stderr.read())
        return self.numbers


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(proto, source_port, number):
    """An IPv4 packet of 198.51.100.1 with `number` as its payload."""
    source, destination = (socket.inet_aton(f"198.51.100.{host}") for host in (1, 2))
    payload = struct.pack("=I", number)
    if proto == UDP:
        head = struct.pack("!HHHH", source_port, PORT, 8 + len(payload), 0)
        at = 6
    else:
        head = struct.pack("!HHIIBBHHH", source_port, PORT, number, 1, 5 << 4, 0x18, 512, 0, 0)
        at = 16
    pseudo = source + destination + struct.pack("!BBH", 0, proto, len(head) + len(payload))
    head = head[:at] + struct.pack("!H", checksum(pseudo + head + payload)) + head[at + 2:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(head) + len(payload), number & 0xffff, 0,
                     64, proto, 0, source, destination)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ip + head + payload


def mac(run, device):
    link = json.loads(run("ip", "-json", "link", "show", device).stdout)[0]
    return bytes.fromhex(link["address"].replace(":", ""))


class Sender:
    """Sends one packet of every flow in turn, at a pace; new flows join all the time."""

    def __init__(self, client):
        self.wire = client.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.wire.bind(("vclient", 0))
        self.head = mac(sh, "vberth") + mac(client.run, "vclient") + b"\x08\x00"
        self.flow_of = []  # by number
        self.flows = 0

    def send(self, flow):
        number = len(self.flow_of)
        self.flow_of.append(flow)
        proto, port = (UDP, TCP)[flow % 2], 20000 + flow
        self.wire.send(self.head + packet(proto, port, number))
        time.sleep(PACE_S)

    def rounds(self, n, fresh):
        """Sends of all flows n times, adding `fresh` flows each time."""
        for _ in range(n):
            self.flows += fresh
            for flow in range(self.flows):
                self.send(flow)

    def mark(self):
        """The number of the next packet."""
        return len(self.flow_of)


def delivered(daemon):
    return daemon.ctl("stats")["counters"]["delivered"]


def settle(daemon, sender, before):
    """Waits until everything is in some member's ring."""
    wait_for(lambda: delivered(daemon) - before == sender.mark(), "packets")


def flows_of(sender, numbers):
    return {sender.flow_of[n] for n in numbers}


def check_handover(daemon, sender):
    before = delivered(daemon)
    old = Member(daemon)
    sender.rounds(5, 12)
    settle(daemon, sender, before)
    new = Member(daemon)
    joined = sender.mark()
    sender.rounds(5, 12)
    old.signal(signal.SIGUSR1, "drained")
    drained = sender.mark()
    known = sender.flows
    sender.rounds(5, 12)
    settle(daemon, sender, before)
    bindings = {b["pid"]: b["draining"] for b in daemon.ctl("bindings")["bindings"]}
    assert bindings == {old.process.pid: True, new.process.pid: False}, bindings
    # It leaves while packets come.
    leaving = threading.Thread(target=old.signal, args=(signal.SIGTERM, "end"))
    leaving.start()
    sender.rounds(3, 4)
    leaving.join()
    gone = sender.mark()
    sender.rounds(2, 4)
    settle(daemon, sender, before)
    of_old, of_new = old.end(), new.end()

    everything = sorted(of_old + of_new)
    assert everything == list(range(len(sender.flow_of))), (
        len(everything), len(sender.flow_of), set(range(len(sender.flow_of))) - set(everything))
    # Who joins takes new flows only, and takes some.
    first = flows_of(sender, range(joined))
    assert not flows_of(sender, [n for n in of_new if n < drained]) & first
    both = flows_of(sender, range(drained)) - first
    taken = flows_of(sender, [n for n in of_new if n < drained])
    assert taken and taken < both, (taken, both)
    # Who drains keeps its flows and gets no new ones.
    kept = flows_of(sender, [n for n in of_old if n < drained])
    stayed = [n for n in of_old if n >= drained]
    assert flows_of(sender, stayed) == kept, kept ^ flows_of(sender, stayed)
    assert all(flow < known for flow in kept)
    assert not [n for n in of_old if n >= gone]
    assert daemon.conserved()["drops"]["binding_drains"] == 0
    print(f"hand-over: {len(everything)} packets of {sender.flows} flows, {len(of_old)} to the "
          f"old, {len(of_new)} to the new, 0 lost, 0 twice")


def check_death(daemon, client):
    """Flows of a member that was killed go to the other at once; all the others stay."""
    sender = Sender(client)
    before = delivered(daemon)
    one, other = Member(daemon), Member(daemon)
    sender.rounds(3, 30)
    settle(daemon, sender, before)
    one.process.kill()
    wait_for(lambda: len(daemon.ctl("ports")["ports"]) == 1, "the dead member's port to go")
    dead = sender.mark()
    sender.rounds(2, 0)
    settle(daemon, sender, before)
    numbers = other.end()
    assert sorted(n for n in numbers if n >= dead) == list(range(dead, len(sender.flow_of)))
    # The other's own stayed with it throughout.
    own = flows_of(sender, [n for n in numbers if n < dead])
    assert own and all(n in numbers for n, f in enumerate(sender.flow_of) if f in own)
    daemon.conserved()


def main():
    enter()
    client = network()
    with Daemon(*configuration()) as daemon:
        check_handover(daemon, Sender(client))
        check_death(daemon, client)


if __name__ == "__main__":
    main()
