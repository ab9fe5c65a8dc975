#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# vlan.py: the tagged side of a wire: a sub-interface, or what stands in for one.
#
#   namespace of the tagged network          namespace of the wire
#
#   tap device ══ this script, adding and taking the tag ══ packet socket on the device
#
# The second way is for kernels that were built without 802.1Q.
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys

from lib import skip
from net import CLONE_NEWNET

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 0x0002, 0x1000
ETH_P_ALL, ETH_P_8021Q = 3, 0x8100
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
VLAN_VALID = 1 << 4  # of the auxiliary data's status
FRAME_BYTES_MAX = 16384


def add(tagged, plain, device, tag):
    """Makes `device`.`tag` of the namespace `plain` appear in the namespace `tagged`."""
    name = f"{device}.{tag}"
    made = plain.run("ip", "link", "add", "link", device, "name", name, "type", "vlan", "id",
                     str(tag), check=False)
    if made.returncode == 0:
        plain.run("ip", "link", "set", name, "netns", tagged.pid)
        return
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        skip("the kernel has neither 802.1Q nor a tap for us")
    relay = tagged.start(sys.executable, os.path.abspath(__file__), name, plain.path, device,
                         str(tag))
    line = relay.stdout.readline()
    assert line == "ready\n", relay.stderr.read()
    # The tap has an Ethernet address of its own.
    plain.run("ip", "link", "set", device, "promisc", "on")


def tap_open(name):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def wire_open(namespace, device):
    there = os.open(namespace, os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(there, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    wire.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    wire.bind((device, ETH_P_ALL))
    return wire


def frame_of(wire, tag):
    """The next frame without its tag, which the kernel has taken out; None: another network's."""
    frame, notes, _, _ = wire.recvmsg(FRAME_BYTES_MAX, 64)
    for level, kind, data in notes:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
            if status & VLAN_VALID and tci & 0xfff == tag:
                return frame
    return None


def relay(tap, wire, tag):
    while True:
        for ready in select.select([tap, wire], [], [])[0]:
            if ready is wire:
                frame = frame_of(wire, tag)
                if frame is not None:
                    os.write(tap, frame)
            else:
                frame = os.read(tap, FRAME_BYTES_MAX)
                wire.send(frame[:12] + struct.pack("!HH", ETH_P_8021Q, tag) + frame[12:])


def main():
    name, namespace, device, tag = sys.argv[1:]
    tap = tap_open(name)
    wire = wire_open(namespace, device)
    print("ready", flush=True)
    relay(tap, wire, int(tag))


if __name__ == "__main__":
    main()
