# SPDX-License-Identifier: Apache-2.0
"""Scripts of two ends: lists of labelled frames, from which pcap files are made.

Every script talks between ports of its own, so that none meets another's connections.
"""

import itertools

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from support.replay import LEFT, LEFT4, LEFT6, RIGHT, RIGHT4, RIGHT6

OPTIONS_PLAIN = [("MSS", 1460)]
_ports = itertools.count(20000)


def scaled(shift):
    return [("MSS", 1460), ("NOP", None), ("WScale", shift)]


class Script:
    """left is outside and may open TCP 80, UDP 53, SCTP 80 and echo; right is the guarded port."""

    def __init__(self, ipv6=False, opener="left"):
        self.ipv6 = ipv6
        self.port = next(_ports)
        self.opener = opener
        self.labels = []
        self.frames = []

    # ---- layers

    def add(self, label, frame):
        assert label not in self.labels, label
        self.labels.append(label)
        self.frames.append(bytes(frame))

    def network(self, side, **fields):
        ends = (LEFT6, RIGHT6) if self.ipv6 else (LEFT4, RIGHT4)
        source, target = ends if side == "left" else reversed(ends)
        fields = {"src": source, "dst": target, **fields}
        return IPv6(**fields) if self.ipv6 else IP(**fields)

    @staticmethod
    def ether(side):
        ends = (LEFT, RIGHT) if side == "left" else (RIGHT, LEFT)
        return Ether(src=ends[0], dst=ends[1])

    def frame(self, side, payload, **fields):
        return self.ether(side) / self.network(side, **fields) / payload

    def ports(self, side, service):
        """The opener's port is its own, the other's is the service."""
        if side == self.opener:
            return {"sport": self.port, "dport": service}
        return {"sport": service, "dport": self.port}

    # ---- transports

    def segment(self, side, flags, seq, ack=0, data=b"", window=1000, options=(), **fields):
        made = TCP(**self.ports(side, 80), flags=flags, seq=seq % 2**32, ack=ack % 2**32,
                   window=window, options=list(options), **fields)
        return made / data if data else made

    def tcp(self, label, side, flags, seq, ack=0, data=b"", **fields):
        self.add(label, self.frame(side, self.segment(side, flags, seq, ack, data, **fields)))

    def udp(self, label, side, data=b"datagram", service=53, **fields):
        self.add(label, self.frame(side, UDP(**self.ports(side, service), **fields) / data))

    # ---- openings

    def other(self):
        return "right" if self.opener == "left" else "left"

    def open(self, options=(OPTIONS_PLAIN, OPTIONS_PLAIN), isn=(1000, 5000), window=1000):
        """Both ends with windows of 1000; the opener goes on at isn[0] + 1."""
        self.tcp("SYN", self.opener, "S", isn[0], options=options[0], window=window)
        self.tcp("SYN-ACK", self.other(), "SA", isn[1], isn[0] + 1, options=options[1],
                 window=window)
        self.tcp("ACK", self.opener, "A", isn[0] + 1, isn[1] + 1, window=window)
        return self

    def close(self, a, b):
        """The opener, who is at a, closes first; the other is at b."""
        self.tcp("FIN", self.opener, "FA", a, b)
        self.tcp("FIN of the other", self.other(), "FA", b, a + 1)
        self.tcp("last ACK", self.opener, "A", a + 1, b + 1)


def quoted(packet, length=None):
    """As an ICMP error quotes it: the IP packet, or its beginning."""
    data = bytes(packet)
    return data if length is None else data[:length]


def unreachable(code=3, kind=3, **fields):
    return ICMP(type=kind, code=code, **fields)
