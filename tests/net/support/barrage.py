# SPDX-License-Identifier: Apache-2.0
"""Frames that no honest host sends: random ones, and honest ones with bytes changed."""

import logging
import random
import struct

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR, fragment
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit

SHORTEST, LONGEST = 14, 1514
logging.getLogger("scapy").setLevel(logging.ERROR)


def honest(src, dst):
    """One of each kind, between two adapters."""
    eth = Ether(src=src, dst=dst)
    ip = IP(src="10.77.0.1", dst="10.77.0.2")
    ip6 = IPv6(src="fd00::1", dst="fd00::2")
    packets = [
        eth / ARP(psrc="10.77.0.1", pdst="10.77.0.2"),
        eth / ip / UDP(sport=1, dport=53) / b"question",
        eth / ip / TCP(sport=1, dport=80, flags="S", options=[("MSS", 1460), ("WScale", 7)]),
        eth / ip / TCP(sport=1, dport=80, flags="A") / (b"x" * 800),
        eth / ip / ICMP() / b"ping",
        eth / ip / ICMP(type=3, code=3) / IP(src="10.77.0.2", dst="10.77.0.1") / UDP(),
        eth / IP(src="10.77.0.1", dst="10.77.0.2", options=[IPOption_RR()]) / UDP(),
        eth / ip / SCTP(sport=1, dport=2) / SCTPChunkInit(),
        eth / ip / UDP(sport=67, dport=68) / BOOTP(op=2) / DHCP(options=[("message-type", 2)]),
        eth / Dot1Q(vlan=10) / ip / UDP(),
        eth / Dot1Q(vlan=10) / Dot1Q(vlan=20) / ip / TCP(),
        eth / ip6 / UDP(dport=53) / b"six",
        eth / ip6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt() / TCP(),
        eth / ip6 / IPv6ExtHdrFragment(m=1, id=7) / UDP() / (b"y" * 64),
        eth / ip6 / ICMPv6ND_NS(tgt="fd00::2"),
        eth / ip6 / ICMPv6ND_NA(tgt="fd00::1"),
        eth / ip6 / ICMPv6ND_RA(),
    ]
    packets += [eth / part for part in fragment(ip / UDP(dport=9) / (b"z" * 3000), 1000)]
    return [bytes(packet) for packet in packets]


def mutated(rng, made):
    """Some bytes changed, cut out, or put in."""
    data = bytearray(made)
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at:at + rng.randint(1, 16)]
        else:
            data[at:at] = rng.randbytes(rng.randint(1, 40))
        if len(data) < SHORTEST:
            data += rng.randbytes(SHORTEST)
    return bytes(data[:LONGEST])


def barrage(seed, count, src, dst):
    """'count' frames, always the same for a seed."""
    rng = random.Random(seed)
    models = honest(src, dst)
    for _ in range(count):
        if rng.random() < 0.2:
            yield rng.randbytes(rng.randint(SHORTEST, LONGEST))
        else:
            yield mutated(rng, rng.choice(models))


def write_pcap(path, frames):
    """A capture in the classic format, microseconds, little endian."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, made in enumerate(frames):
            out.write(struct.pack("<IIII", number // 1000000, number % 1000000, len(made),
                                  len(made)))
            out.write(made)
