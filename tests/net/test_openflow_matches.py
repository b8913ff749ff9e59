# SPDX-License-Identifier: Apache-2.0
"""Every field of a match on packets of every kind: right, wrong by one bit, masked, absent.

    rule of the wrong value, priority 3 -> vm3
    rule of the right value, priority 2 -> vm2
    everything else,         priority 1 -> back to vm1

Each packet is sent twice: the first one walks through the tables, the next one finds its flow.
"""

import ipaddress

import pytest

from support.of_lab import openflow_lab
from support.packets import KINDS, PRESENT, build

MASKABLE = {"eth_dst", "eth_src", "vlan_vid", "ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa",
            "arp_sha", "arp_tha", "ipv6_src", "ipv6_dst", "ipv6_flabel", "ipv6_nd_target",
            "ipv6_nd_sll", "ipv6_nd_tll", "ipv6_exthdr"}
BITS = {"eth_type": 16, "vlan_vid": 12, "vlan_pcp": 3, "ip_dscp": 6, "ip_ecn": 2, "ip_proto": 8,
        "tcp_src": 16, "tcp_dst": 16, "udp_src": 16, "udp_dst": 16, "sctp_src": 16,
        "sctp_dst": 16, "icmpv4_type": 8, "icmpv4_code": 8, "icmpv6_type": 8, "icmpv6_code": 8,
        "arp_op": 16, "ipv6_flabel": 20, "mpls_label": 20, "mpls_tc": 3, "mpls_bos": 1,
        "ipv6_exthdr": 9}
NO_FIELD = ("ttl", "inner_ttl")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with openflow_lab(tmp_path_factory.mktemp("of")) as made:
        yield made


def prerequisites(field, values):
    """Fields that must be matched with it: 1.3.5, table 11."""
    if field in ("eth_dst", "eth_src", "eth_type", "vlan_vid"):
        return {}
    if field == "vlan_pcp":
        return {"vlan_vid": (PRESENT, PRESENT)}
    needs = {"eth_type": values["eth_type"]}
    if field[:3] in ("tcp", "udp", "sct", "icm") or "_nd_" in field:
        needs["ip_proto"] = values["ip_proto"]
    if "_nd_" in field:
        needs["icmpv6_type"] = values["icmpv6_type"]
    return needs


def number(value):
    """An address or a number, and how many bits it has."""
    if isinstance(value, int):
        return value, None
    if value.count(":") == 5 and "::" not in value:
        return int(value.replace(":", ""), 16), 48
    address = ipaddress.ip_address(value)
    return int(address), address.max_prefixlen


def said(n, bits):
    """A number as os-ken wants it."""
    if bits == 48:
        return ":".join(f"{n:012x}"[i:i + 2] for i in range(0, 12, 2))
    if bits == 32:
        return str(ipaddress.IPv4Address(n))
    return str(ipaddress.IPv6Address(n))


def variants(field, value):
    """(name, match of the right value, match of a wrong one)."""
    n, bits = number(value)
    width = bits or BITS[field]
    made = (lambda x: x) if bits is None else (lambda x: said(x, bits))
    found = [("exact", made(n), made(n ^ 1)), ("exact-high", made(n), made(n ^ 1 << width - 1))]
    if field in MASKABLE:
        ones = (1 << width) - 1
        keep = PRESENT if field == "vlan_vid" else 0
        for name, mask in (("prefix", ones & ~(ones >> width // 2)), ("low", ones >> width // 2),
                           ("odd", int("5" * 32, 16) & ones)):
            low = mask & -mask
            found.append((name, (made(n & (mask | keep)), made(mask | keep)),
                          (made((n ^ low) & (mask | keep)), made(mask | keep))))
    return found


def cases(kind, names):
    for field, value in KINDS[kind].items():
        if field in NO_FIELD:
            continue
        for name, right, wrong in variants(field, value):
            if name in names:
                yield field, right, wrong


def match_with(field, value, values):
    return {**prerequisites(field, values), field: value}


@pytest.mark.parametrize("names", [("exact", "prefix"), pytest.param(
    ("exact-high", "low", "odd"), marks=pytest.mark.slow)], ids=" ".join)
@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_compared(lab, kind, names):
    """Right and wrong values of each field that a packet has."""
    c = lab.controller
    packet = build(kind)
    wrongs = []
    for field, right, wrong in cases(kind, names):
        lab.install(
            c.flow({}, [c.output(c.ofp.OFPP_IN_PORT)], priority=1, cookie=1),
            c.flow(match_with(field, right, KINDS[kind]), [c.output(lab.ports[1])], priority=2,
                   cookie=2),
            c.flow(match_with(field, wrong, KINDS[kind]), [c.output(lab.ports[2])], priority=3,
                   cookie=3))
        got = lab.send(packet, packet)
        counted = [lab.count(cookie) for cookie in (1, 2, 3)]
        if got != [[], [packet, packet], []] or counted != [0, 2, 0]:
            wrongs.append((field, right, wrong, [len(g) for g in got], counted))
    assert not wrongs


@pytest.mark.parametrize("kind", KINDS)
def test_fields_of_other_packets_do_not_match(lab, kind):
    """Rules for fields that this kind of packet has not, of each other kind, all at once."""
    c = lab.controller
    packet = build(kind)
    others = []
    for other, values in KINDS.items():
        for field, value in values.items():
            match = prerequisites(field, values) if field not in NO_FIELD else {}
            differs = any(KINDS[kind].get(name) != v for name, v in match.items()
                          if not isinstance(v, tuple))
            differs |= "vlan_vid" in match and "vlan_vid" not in KINDS[kind]
            if match and differs:
                others.append(({**match, field: value}, other))
    mods = [c.flow(match, [c.output(lab.ports[2])], priority=2, cookie=2) for match, _ in others]
    lab.install(c.flow({}, [c.output(lab.ports[1])], priority=1, cookie=1), *mods)
    assert lab.send(packet, packet) == [[], [packet, packet], []]
    assert lab.count(1) == 2
    assert all(row.packet_count == 0 for row in c.flows(cookie=2, cookie_mask=2**64 - 1))


@pytest.mark.parametrize("match, kinds", [
    ({"vlan_vid": 0}, ["tcp", "arp", "mpls", "udp6", "ether"]),
    ({"vlan_vid": (PRESENT, PRESENT)}, ["vlan-tcp", "vlan-arp", "qinq-tcp", "vlan-mpls"]),
    ({"eth_type": 0x0800, "ip_proto": 17}, ["udp", "udp-no-sum", "first-fragment",
                                               "later-fragment"]),
    ({"eth_type": 0x86dd, "ip_proto": 17}, ["udp6", "vlan-udp6", "first-fragment6",
                                            "later-fragment6"]),
    ({"eth_dst": ("00:00:00:00:00:00", "01:00:00:00:00:00")}, ["tcp", "arp"]),
], ids=str)
def test_matches_that_many_kinds_have(lab, match, kinds):
    c = lab.controller
    lab.install(c.flow({}, [c.output(c.ofp.OFPP_IN_PORT)], priority=1),
                c.flow(match, [c.output(lab.ports[1])], priority=2))
    sent = {kind: build(kind) for kind in KINDS}
    _, got, _ = lab.send(*sent.values(), *sent.values())
    passed = {kind for kind, packet in sent.items() if packet in got}
    wanted = set(kinds) if match.get("eth_dst") is None else set(sent)
    if "vlan_vid" in match:
        wanted = {kind for kind, v in KINDS.items() if ("vlan_vid" in v) == bool(match["vlan_vid"])}
    assert passed == wanted
    assert len(got) == 2 * len(wanted)


def test_ports_of_entry(lab):
    c = lab.controller
    packet = build("tcp")
    for n, port in enumerate(lab.ports):
        lab.install(c.flow({"in_port": port}, [c.output(c.ofp.OFPP_IN_PORT)], priority=2),
                    c.flow({"in_port": lab.ports[n - 1]}, [], priority=3))
        wanted = [[], [], []]
        wanted[n] = [packet, packet]
        assert lab.send(packet, packet, at=n) == wanted
    lab.install(c.flow({"in_port": lab.ports[0], "in_phy_port": lab.ports[0]},
                       [c.output(lab.ports[1])], priority=2))
    assert lab.send(packet, packet) == [[], [packet, packet], []]


def test_metadata_and_tunnel_ids_are_carried_from_table_to_table(lab):
    c = lab.controller
    parser = c.parser
    packet = build("udp6")
    for field in ("metadata", "tunnel_id"):
        set_it = {"metadata": [parser.OFPInstructionWriteMetadata(0xff00ff00ff00ff01,
                                                                  2**64 - 1)],
                  "tunnel_id": [c.apply(parser.OFPActionSetField(tunnel_id=0xff00ff00ff00ff01))]}
        lab.install(
            c.flow({}, instructions=[*set_it[field], parser.OFPInstructionGotoTable(7)]),
            c.flow({field: 0xff00ff00ff00ff00}, [c.output(lab.ports[2])], priority=3, table_id=7),
            c.flow({field: (0x0100ff0000000000, 0x0100ff0000000000)}, [c.output(lab.ports[1])],
                   priority=4, table_id=7),
            c.flow({field: (0x0000000000000001, 0x00000000000000f1)}, [c.output(lab.ports[1])],
                   priority=2, table_id=7))
        assert lab.send(packet, packet) == [[], [packet, packet], []]
    lab.install(
        c.flow({}, instructions=[parser.OFPInstructionWriteMetadata(0xab, 0xff),
                                 parser.OFPInstructionGotoTable(1)]),
        c.flow({}, table_id=1, instructions=[parser.OFPInstructionWriteMetadata(0xc0, 0xf0),
                                             parser.OFPInstructionGotoTable(2)]),
        c.flow({"metadata": 0xcb}, [c.output(lab.ports[1])], table_id=2))
    assert lab.send(packet, packet) == [[], [packet, packet], []]
