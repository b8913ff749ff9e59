# SPDX-License-Identifier: Apache-2.0
"""Packets of many kinds, said by the names of their match fields; scapy makes the bytes.

    build("tcp", tcp_src=99)  ->  bytes of a TCP segment over IPv4 that is like the others else

What a kind has is in KINDS; pseudo-fields that no match has are 'ttl' and 'labels', a list of
(label, class, ttl) of which mpls_* change the first.
"""

import struct

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Raw, bind_layers

bind_layers(Ether, MPLS, type=0x8848)

PRESENT = 0x1000
PAYLOAD = bytes(range(60))

ETHER = {"eth_dst": "52:54:00:00:00:02", "eth_src": "52:54:00:00:00:01"}
IP4 = {**ETHER, "eth_type": 0x0800, "ipv4_src": "10.1.2.3", "ipv4_dst": "192.168.7.9",
       "ip_dscp": 10, "ip_ecn": 1, "ttl": 64}
IP6 = {**ETHER, "eth_type": 0x86dd, "ipv6_src": "2001:db8::1:2", "ipv6_dst": "fe80::9:8:7",
       "ipv6_flabel": 0xabcde, "ip_dscp": 46, "ip_ecn": 2, "ttl": 64, "ipv6_exthdr": 0}
TCP_PORTS = {"ip_proto": 6, "tcp_src": 1234, "tcp_dst": 80}
UDP_PORTS = {"ip_proto": 17, "udp_src": 5353, "udp_dst": 53}
SCTP_PORTS = {"ip_proto": 132, "sctp_src": 7, "sctp_dst": 9999}
TAG = {"vlan_vid": PRESENT | 100, "vlan_pcp": 3}
LABEL = {"mpls_label": 70000, "mpls_tc": 5, "mpls_bos": 1}

KINDS = {
    "ether": {**ETHER, "eth_type": 0x88b6},
    "arp": {**ETHER, "eth_type": 0x0806, "arp_op": 2, "arp_spa": "10.0.0.1", "arp_tpa": "10.0.0.2",
            "arp_sha": "02:00:00:00:00:0a", "arp_tha": "02:00:00:00:00:0b"},
    "tcp": {**IP4, **TCP_PORTS},
    "udp": {**IP4, **UDP_PORTS},
    "udp-no-sum": {**IP4, **UDP_PORTS},
    "sctp": {**IP4, **SCTP_PORTS},
    "icmp": {**IP4, "ip_proto": 1, "icmpv4_type": 8, "icmpv4_code": 0},
    "gre": {**IP4, "ip_proto": 47},
    "tcp-options": {**IP4, **TCP_PORTS},
    "first-fragment": {**IP4, **UDP_PORTS},
    "later-fragment": {**IP4, "ip_proto": 17},
    "tcp6": {**IP6, **TCP_PORTS},
    "udp6": {**IP6, **UDP_PORTS},
    "sctp6": {**IP6, **SCTP_PORTS},
    "icmp6": {**IP6, "ip_proto": 58, "icmpv6_type": 128, "icmpv6_code": 0},
    "solicit": {**IP6, "ip_proto": 58, "icmpv6_type": 135, "icmpv6_code": 0,
                "ipv6_nd_target": "fe80::77", "ipv6_nd_sll": "02:00:00:00:00:11"},
    "advertise": {**IP6, "ip_proto": 58, "icmpv6_type": 136, "icmpv6_code": 0,
                  "ipv6_nd_target": "fe80::78", "ipv6_nd_tll": "02:00:00:00:00:12"},
    "tcp6-options": {**IP6, **TCP_PORTS, "ipv6_exthdr": 8 | 64},
    "first-fragment6": {**IP6, **UDP_PORTS, "ipv6_exthdr": 16},
    "later-fragment6": {**IP6, "ip_proto": 17, "ipv6_exthdr": 16},
    "priority-tcp": {**IP4, **TCP_PORTS, "vlan_vid": PRESENT, "vlan_pcp": 5},
    "vlan-tcp": {**IP4, **TCP_PORTS, **TAG},
    "vlan-udp6": {**IP6, **UDP_PORTS, **TAG},
    "vlan-arp": {**ETHER, **TAG, "eth_type": 0x0806, "arp_op": 1, "arp_spa": "10.0.0.1",
                 "arp_tpa": "10.0.0.2", "arp_sha": "02:00:00:00:00:0a",
                 "arp_tha": "00:00:00:00:00:00"},
    "vlan-ether": {**ETHER, **TAG, "eth_type": 0x88b6},
    "qinq-tcp": {**IP4, **TCP_PORTS, **TAG},
    "mpls": {**ETHER, "eth_type": 0x8847, **LABEL},
    "mpls-multicast": {**ETHER, "eth_type": 0x8848, **LABEL},
    "mpls-mpls": {**ETHER, "eth_type": 0x8847, **LABEL, "mpls_bos": 0},
    "mpls6": {**ETHER, "eth_type": 0x8847, **LABEL},
    "vlan-mpls": {**ETHER, **TAG, "eth_type": 0x8847, **LABEL},
}

SCTP_CHUNK = SCTPChunkData(data=b"chunk of data!!!", beginning=1, ending=1)


def _inner4(v):
    proto = v.get("ip_proto", 6)
    ip = IP(src=v["ipv4_src"], dst=v["ipv4_dst"], tos=v["ip_dscp"] << 2 | v["ip_ecn"],
            ttl=v["ttl"], proto=proto, id=77)
    if proto == 6:
        return ip / TCP(sport=v.get("tcp_src", 1), dport=v.get("tcp_dst", 2), seq=5) / PAYLOAD
    if proto == 17:
        return ip / UDP(sport=v.get("udp_src", 1), dport=v.get("udp_dst", 2)) / PAYLOAD
    if proto == 132:
        return ip / SCTP(sport=v["sctp_src"], dport=v["sctp_dst"], tag=9) / SCTP_CHUNK
    if proto == 1:
        return ip / ICMP(type=v["icmpv4_type"], code=v["icmpv4_code"], id=3, seq=4) / PAYLOAD
    return ip / PAYLOAD


def _neighbour(v, kind):
    if kind == "solicit":
        return (ICMPv6ND_NS(tgt=v["ipv6_nd_target"], type=v["icmpv6_type"], code=v["icmpv6_code"]) /
                ICMPv6NDOptSrcLLAddr(lladdr=v["ipv6_nd_sll"]))
    return (ICMPv6ND_NA(tgt=v["ipv6_nd_target"], type=v["icmpv6_type"], code=v["icmpv6_code"]) /
            ICMPv6NDOptDstLLAddr(lladdr=v["ipv6_nd_tll"]))


def _layer4_6(v, kind):
    proto = v["ip_proto"]
    if proto == 6:
        return TCP(sport=v["tcp_src"], dport=v["tcp_dst"], seq=5) / PAYLOAD
    if proto == 17:
        return UDP(sport=v["udp_src"], dport=v["udp_dst"]) / PAYLOAD
    if proto == 132:
        return SCTP(sport=v["sctp_src"], dport=v["sctp_dst"], tag=9) / SCTP_CHUNK
    if kind in ("solicit", "advertise"):
        return _neighbour(v, kind)
    return ICMPv6EchoRequest(id=3, seq=4, type=v["icmpv6_type"], code=v["icmpv6_code"],
                             data=PAYLOAD)


def _ip6(v):
    return IPv6(src=v["ipv6_src"], dst=v["ipv6_dst"], fl=v["ipv6_flabel"], hlim=v["ttl"],
                tc=v["ip_dscp"] << 2 | v["ip_ecn"])


def _fragment4(v, later):
    ip = IP(src=v["ipv4_src"], dst=v["ipv4_dst"], tos=v["ip_dscp"] << 2 | v["ip_ecn"],
            ttl=v["ttl"], proto=v["ip_proto"], id=77, flags=0 if later else "MF",
            frag=10 if later else 0)
    if later:
        return ip / Raw(PAYLOAD)
    # its sum is that of the whole datagram, so it moves as the fields do
    return ip / Raw(_udp_of_whole(v, "!4s4s", _words4(v)))


def _fragment6(v, later):
    ip = _ip6(v)
    head = IPv6ExtHdrFragment(nh=17, offset=10 if later else 0, m=0 if later else 1, id=5)
    if later:
        return ip / head / Raw(PAYLOAD)
    return ip / head / Raw(_udp_of_whole(v, "!16s16s", _words6(v)))


def _words4(v):
    return bytes(IP(src=v["ipv4_src"], dst=v["ipv4_dst"]))[12:20]


def _words6(v):
    return bytes(IPv6(src=v["ipv6_src"], dst=v["ipv6_dst"]))[8:40]


def _udp_of_whole(v, _, addresses):
    """UDP of 100 bytes more than are here, whose missing bytes sum up to a number of our choice."""
    length = 8 + len(PAYLOAD) + 100
    head = struct.pack("!HHHH", v["udp_src"], v["udp_dst"], length, 0)
    pseudo = addresses + struct.pack("!HH", 17, length)
    data = pseudo + head + PAYLOAD + b"\x12\x34"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return head[:6] + struct.pack("!H", ~total & 0xffff or 0xffff) + PAYLOAD


def _layer3(v, kind):
    if "fragment" in kind:
        make = _fragment6 if kind.endswith("6") else _fragment4
        return make(v, kind.startswith("later"))
    if v["eth_type"] == 0x0806 or "arp" in kind:
        return ARP(op=v["arp_op"], psrc=v["arp_spa"], pdst=v["arp_tpa"], hwsrc=v["arp_sha"],
                   hwdst=v["arp_tha"])
    if "ipv4_src" in v:
        made = _inner4(v)
        if kind == "udp-no-sum":
            made[UDP].chksum = 0
        if kind == "tcp-options":
            made[IP].options = IPOption(b"\x01\x01\x01\x00")
        return made
    if "ipv6_src" in v:
        options = (IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")]) /
                   IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0\0\0")]))
        made = _layer4_6(v, kind)
        return _ip6(v) / options / made if kind == "tcp6-options" else _ip6(v) / made
    return Raw(PAYLOAD)


def _labels(v, kind):
    """The stack, with what is under it."""
    stack = v.get("labels")
    if stack is None:
        stack = [(v["mpls_label"], v["mpls_tc"], v.get("mpls_ttl", 33))]
        if kind == "mpls-mpls":
            stack.append((17, 2, v.get("inner_ttl", 44)))
    inner = KINDS["udp6" if kind == "mpls6" else "tcp"]
    made = _layer3({**inner, "ttl": v.get("ip_ttl", 64)}, "inner")
    for n, (label, tc, ttl) in enumerate(reversed(stack)):
        made = MPLS(label=label, cos=tc, s=int(n == 0), ttl=ttl) / made
    if "labels" not in v:
        made.s = v["mpls_bos"]
    return made


def _say_proto(layer3, kind, proto):
    """What follows stays what it is."""
    if layer3.haslayer(IP):
        layer3[IP].proto = proto
    elif kind == "tcp6-options":
        layer3[IPv6ExtHdrDestOpt].nh = proto
    elif "fragment" in kind:
        layer3[IPv6ExtHdrFragment].nh = proto
    else:
        layer3[IPv6].nh = proto


def build(kind, **changes):
    """Bytes as they are on the wire; 'vlan_vid' None: without the tag."""
    v = {**KINDS[kind], **changes}
    made = Ether(dst=v["eth_dst"], src=v["eth_src"])
    if v.get("vlan_vid") is not None:
        outer = Dot1AD if v.get("tpid") == 0x88a8 else Dot1Q
        made = made / outer(vlan=v["vlan_vid"] & 0xfff, prio=v.get("vlan_pcp", 0))
    if kind == "qinq-tcp" and not v.get("no_inner"):
        made = made / Dot1Q(vlan=200, prio=1)
    if v.get("second_tag"):
        made = made / Dot1Q(vlan=v["second_tag"] & 0xfff, prio=v["second_tag"] >> 13)
    depth = len(made.layers())
    is_mpls = v.get("labels") or "mpls_label" in v
    layer3 = _labels(v, kind) if is_mpls else _layer3(v, kind)
    if "proto_says" in v:
        _say_proto(layer3, kind, v["proto_says"])
    made = made / layer3
    made[depth - 1].type = v["eth_type"]
    return bytes(made)
