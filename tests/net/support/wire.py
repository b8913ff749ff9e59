# SPDX-License-Identifier: Apache-2.0
"""Frames, byte for byte, at a device.

That something does not arrive is shown without waiting: what must not come is sent first, then a
marker that must.  The switch keeps the order of what it takes from one port.
"""

import itertools
import socket
import struct

from support.patience import PATIENCE_S

SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
TP_STATUS_VLAN_VALID = 1 << 4
ETH_P_ALL = 3
EXPERIMENTAL = 0x88B5  # IEEE 802, local experimental ethertype 1
BROADCAST = "ff:ff:ff:ff:ff:ff"

_numbers = itertools.count(1)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def frame(dst, src, payload=None, ethertype=EXPERIMENTAL, vlan=None):
    """A frame of at least 60 bytes; without a payload it is one of a kind."""
    if payload is None:
        payload = b"frame %d " % next(_numbers)
    tag = struct.pack("!HH", 0x8100, vlan) if vlan is not None else b""
    made = mac_bytes(dst) + mac_bytes(src) + tag + struct.pack("!H", ethertype) + payload
    return made.ljust(60, b"\0")


class Wire:
    """A packet socket; made inside the namespace of the device."""

    def __init__(self, device):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((device, ETH_P_ALL))
        self.socket.settimeout(PATIENCE_S)
        self.seen = []

    def close(self):
        self.socket.close()

    def send(self, made):
        self.socket.send(bytes(made))

    def receive(self):
        """The next frame, with its VLAN tag where it had one."""
        data, ancillary, _, _ = self.socket.recvmsg(1 << 17, 256)
        for level, kind, value in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
                if status & TP_STATUS_VLAN_VALID:
                    data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
        self.seen.append(data)
        return data

    def wait(self, wanted):
        """Until a frame with the bytes of 'wanted', or one for which it says yes."""
        is_it = wanted if callable(wanted) else lambda data: data == bytes(wanted)
        while True:
            data = self.receive()
            if is_it(data):
                return data

    def has_seen(self, made):
        return bytes(made) in self.seen
