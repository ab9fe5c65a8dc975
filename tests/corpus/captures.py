# SPDX-License-Identifier: BSD-3-Clause
"""captures.py: reads pcap and pcapng without libpcap, and writes plain pcap."""
import struct
from dataclasses import dataclass

ETHERNET = 1
PACKET_BYTES_MAX = 262144  # libpcap takes longer ones for nonsense
SECTION, INTERFACE, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 3, 6
NANOSECONDS = 10 ** 9


@dataclass
class Packet:
    link_type: int  # LINKTYPE_ number
    time: int  # nanoseconds
    data: bytes
    wire_bytes: int
    strange_time: bool = False  # a fraction of 2^31 or more


def _pcap(data):
    """Packets of a pcap file, until it ends or makes no sense."""
    for order in "<>":
        magic, = struct.unpack(order + "I", data[:4])
        if magic in (0xA1B2C3D4, 0xA1B23C4D):
            break
    else:
        return
    unit = 1 if magic == 0xA1B23C4D else 1000
    if len(data) < 24:
        return
    snap, link_type = struct.unpack(order + "II", data[16:24])
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, wire = struct.unpack(order + "IIII", data[at:at + 16])
        at += 16
        if kept > PACKET_BYTES_MAX or at + kept > len(data):
            return
        # What passes the file's own snapshot length is read and left out.
        shown = min(kept, snap) if 0 < snap < 2 ** 31 else kept
        yield Packet(link_type & 0xFFFF, seconds * NANOSECONDS + fraction * unit,
                     data[at:at + shown], wire, fraction >= 2 ** 31)
        at += kept


def _resolution(options, order):
    """Ticks per second and seconds to add, from the options of an interface."""
    ticks, offset = 10 ** 6, 0
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack(order + "HH", options[at:at + 4])
        value = options[at + 4:at + 4 + length]
        if code == 0 or len(value) < length:
            break
        if code == 9 and length == 1:
            ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == 14 and length == 8:
            offset, = struct.unpack(order + "q", value)
        at += 4 + length + -length % 4
    return ticks, offset


def _pcapng(data):
    """Packets of a pcapng file, until it ends or makes no sense."""
    at, order, interfaces = 0, "<", []
    while at + 12 <= len(data):
        kind, = struct.unpack(order + "I", data[at:at + 4])
        if kind == SECTION:
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        length, = struct.unpack(order + "I", data[at + 4:at + 8])
        if length < 12 or at + length > len(data):
            return
        body = data[at + 8:at + length - 4]
        at += length
        if kind == INTERFACE and len(body) >= 8:
            link_type, snap = struct.unpack(order + "HxxI", body[:8])
            interfaces.append((link_type, snap, *_resolution(body[8:], order)))
            if link_type != interfaces[0][0]:
                return  # libpcap gives up on two link types
        elif kind == ENHANCED and len(body) >= 20:
            number, high, low, kept, wire = struct.unpack(order + "IIIII", body[:20])
            if number >= len(interfaces) or 20 + kept > len(body):
                return
            link_type, _, ticks, offset = interfaces[number]
            time = ((high << 32) + low) * NANOSECONDS // ticks + offset * NANOSECONDS
            yield Packet(link_type, time, body[20:20 + kept], wire)
        elif kind == SIMPLE and len(body) >= 4 and interfaces:
            wire, = struct.unpack(order + "I", body[:4])
            link_type, snap, _, _ = interfaces[0]
            kept = min(wire, snap) if snap else wire
            yield Packet(link_type, 0, body[4:4 + kept], wire)


def read(path):
    """The packets of a capture file as a list, as many as can be read."""
    with open(path, "rb") as file:
        data = file.read()
    pcapng = data[:4] == struct.pack("<I", SECTION)
    return list((_pcapng if pcapng else _pcap)(data))


def write_ethernet(path, packets):
    """Writes one pcap file whose clock counts the packets."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, PACKET_BYTES_MAX, ETHERNET))
        for number, packet in enumerate(packets):
            kept = len(packet.data)
            file.write(struct.pack("<IIII", number, 0, kept, max(kept, packet.wire_bytes)))
            file.write(packet.data)
