# SPDX-License-Identifier: Apache-2.0
"""Every field that can be set, in packets of every kind; checksums are what scapy says.

    in vm1: apply-actions, one output      the host writes it, packet by packet without us
    in vm2: write-actions                  by the action set
    in vm3: output, set-field, output      each packet runs a program
    packet-out                             walks by itself
"""

import pytest

from support.of_lab import openflow_lab
from support.packets import KINDS, build
from test_openflow_matches import NO_FIELD, number, prerequisites, said

NEVER = {"ipv6_exthdr"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with openflow_lab(tmp_path_factory.mktemp("of")) as made:
        yield made


def other_value(field, value):
    if field == "eth_type":
        return 0x88b7
    if field == "vlan_vid":
        return 0x1000 | 4001
    n, bits = number(value)
    if bits:
        return said(n ^ (1 << bits // 2 | 0x7), bits)
    if field == "icmpv4_type":
        return n ^ 8  # another one with a number and a sequence
    return n ^ 1 if field in ("mpls_bos", "icmpv6_type", "arp_op") else n ^ 3


def settable(kind):
    return [(field, other_value(field, value)) for field, value in KINDS[kind].items()
            if field not in NO_FIELD and field not in NEVER]


def expected(kind, field, value):
    return build(kind, proto_says=value) if field == "ip_proto" else build(kind, **{field: value})


def ways(lab, match, actions):
    """Flows that carry out the same actions in three ways."""
    c = lab.controller
    one, two, three = lab.ports
    return [
        c.flow({"in_port": one, **match}, [*actions, c.output(two)]),
        c.flow({"in_port": two, **match}, instructions=[c.write(c.output(three), *actions)]),
        c.flow({"in_port": three, **match}, [c.output(one), *actions, c.output(two)]),
    ]


def packet_out(lab, packet, actions):
    c = lab.controller
    return c.parser.OFPPacketOut(c.datapath, 0xffffffff, c.ofp.OFPP_CONTROLLER,
                                 [*actions, c.output(lab.ports[1])], packet)


def outcome(lab, packet, actions):
    """What comes out, by each of the four ways; twice where flows are remembered."""
    lab.controller.do(packet_out(lab, packet, actions))
    return {"packet-out": lab.send()[1], "apply": lab.send(packet, packet)[1],
            "write": lab.send(packet, packet, at=1)[2],
            "program": lab.send(packet, packet, at=2)[:2]}


def wanted(packet, made):
    return {"packet-out": [made], "apply": [made] * 2, "write": [made] * 2,
            "program": [[packet] * 2, [made] * 2]}


def needs_of(kind, field):
    values = KINDS[kind]
    return prerequisites(field if field != "vlan_vid" else "vlan_pcp", values)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_is_set(lab, kind):
    packet = build(kind)
    wrong = {}
    for field, value in settable(kind):
        actions = [lab.controller.parser.OFPActionSetField(**{field: value})]
        lab.install(*ways(lab, needs_of(kind, field), actions))
        made = expected(kind, field, value)
        got = outcome(lab, packet, actions)
        if got != wanted(packet, made):
            wrong[field] = [way for way in got if got[way] != wanted(packet, made)[way]]
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
def test_all_fields_are_set_at_once(lab, kind):
    """But those by which others are there."""
    packet = build(kind)
    fields = [(field, value) for field, value in settable(kind)
              if field not in ("eth_type", "ip_proto", "mpls_bos")
              and not (field == "icmpv6_type" and "ipv6_nd_target" in KINDS[kind])]
    match = {}
    for field, _ in fields:
        match.update(needs_of(kind, field))
    actions = [lab.controller.parser.OFPActionSetField(**{field: value})
               for field, value in fields]
    lab.install(*ways(lab, match, actions))
    assert outcome(lab, packet, actions) == wanted(packet, build(kind, **dict(fields)))


def test_fields_that_a_packet_has_not_are_left_alone(lab):
    """By one rule for many kinds of packets: a packet-out is not checked against a match."""
    c = lab.controller
    for kind, field, value in (("tcp", "udp_src", 9), ("tcp", "vlan_vid", 0x1005),
                               ("arp", "ipv4_src", "1.2.3.4"), ("tcp", "arp_op", 1),
                               ("udp6", "tcp_dst", 9), ("udp6", "ipv4_dst", "1.2.3.4"),
                               ("ether", "ip_dscp", 9), ("tcp", "mpls_label", 9),
                               ("icmp6", "ipv6_nd_target", "::1"), ("solicit", "ipv6_nd_tll",
                                                                   "02:00:00:00:00:01"),
                               ("later-fragment", "udp_src", 7)):
        packet = build(kind)
        lab.reset()
        c.do(packet_out(lab, packet, [c.parser.OFPActionSetField(**{field: value})]))
        assert lab.send() == [[], [packet], []], (kind, field)
