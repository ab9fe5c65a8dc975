# SPDX-License-Identifier: BSD-3-Clause
"""frame.py: just enough of a frame, read without any library, to judge a refusal."""
import ipaddress
import struct

VLANS = {0x8100, 0x88A8, 0x9100}
MPLS = {0x8847, 0x8848}
PPPOE = 0x8864
EXTENSIONS = {0, 43, 44, 51, 60}
NOWHERE = [ipaddress.ip_network(n) for n in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/128",
                                             "::1/128", "ff00::/8", "::ffff:0:0/96")]


def be16(data, at):
    """The number at `at`; None where the data ends before."""
    return struct.unpack_from("!H", data, at)[0] if 0 <= at <= len(data) - 2 else None


class Frame:
    """Where IP begins (`l3`, None where it cannot be found), and what stands there."""

    def __init__(self, data, wire_bytes):
        self.data, self.end = data, max(len(data), wire_bytes)
        self.tags, self.labels = 0, []
        at = 14
        self.ethertype = be16(data, 12)
        while self.ethertype in VLANS:
            self.tags += 1
            self.ethertype = be16(data, at + 2)
            at += 4
        self.l3 = at
        if self.ethertype in MPLS:
            self._stack()
        elif self.ethertype == PPPOE:
            self.l3 = at + 8

    def _stack(self):
        while self.l3 + 4 <= len(self.data):
            label, = struct.unpack_from("!I", self.data, self.l3)
            self.labels.append(label >> 12)
            self.l3 += 4
            if label & 0x100:
                break

    @property
    def room(self):
        """Bytes on the wire from IP on."""
        return self.end - self.l3

    @property
    def version(self):
        return self.data[self.l3] >> 4 if self.l3 < len(self.data) else None

    @property
    def header(self):
        return (self.data[self.l3] & 15) * 4 if self.l3 < len(self.data) else 0

    @property
    def total(self):
        """Bytes of the IP packet by its own length; None where that was not captured."""
        if self.version == 4:
            return be16(self.data, self.l3 + 2)
        plen = be16(self.data, self.l3 + 4)
        return None if plen is None else plen + 40

    def options(self):
        """IPv4 options as (kind, value), ending with (None, b"") where they are malformed."""
        area = self.data[self.l3 + 20:self.l3 + self.header]
        while area and area[0] != 0:
            length = 1 if area[0] == 1 else area[1] if len(area) > 1 else 0
            if length == 0 or length > len(area) or (area[0] != 1 and length < 2):
                yield None, b""
                return
            yield area[0], area[:length]
            area = area[length:]

    def chain(self):
        """IPv6: (protocol, offset, whether it lies within the packet) of each header."""
        proto, at, total = self.data[self.l3 + 6], 40, self.total
        while proto in EXTENSIONS:
            length = be16(self.data, self.l3 + at)
            units = 0 if length is None else length & 0xFF
            size = 8 if proto == 44 else (units + 2) * 4 if proto == 51 else (units + 1) * 8
            inside = length is not None and at + max(size, 8) <= total
            yield proto, at, inside
            if not inside:
                return
            proto, at = length >> 8, at + size
        yield proto, at, at <= total

    def l4(self):
        """Offset of the transport header in the IP packet, and bytes from there to its end."""
        at = self.header if self.version == 4 else list(self.chain())[-1][1]
        return at, self.total - at


def source_is_nowhere(text):
    """Whether no sender may have this address (RFC 1122 3.2.1.3, RFC 4291 2.5, 2.7)."""
    address = ipaddress.ip_address(text)
    return any(address in network for network in NOWHERE if network.version == address.version)
