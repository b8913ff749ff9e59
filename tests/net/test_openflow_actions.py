# SPDX-License-Identifier: Apache-2.0
"""Tags, labels, times to live and outputs: what comes out is compared byte by byte."""

import struct

import pytest

from support.of_lab import openflow_lab
from support.packets import KINDS, PRESENT, build
from test_openflow_set_field import outcome, wanted, ways


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with openflow_lab(tmp_path_factory.mktemp("of")) as made:
        yield made


def tagged(packet, tci, tpid=0x8100):
    return packet[:12] + struct.pack("!HH", tpid, tci) + packet[12:]


def labelled(packet, label, tc, bos, ttl, ethertype=0x8847, at=12):
    word = label << 12 | tc << 9 | bos << 8 | ttl
    return packet[:at] + struct.pack("!HI", ethertype, word) + packet[at + 2:]


TAGGED = {"vlan_vid": (PRESENT, PRESENT)}
MPLS = {"eth_type": 0x8847}
NO_MATCH = 0


def action(parser, name, *arguments):
    if arguments and isinstance(arguments[0], tuple):
        return parser.OFPActionSetField(**dict(arguments))
    return getattr(parser, "OFPAction" + name)(*arguments)


def field(name, value):
    return ("SetField", (name, value))


def push_cases():
    for kind in KINDS:
        packet = build(kind)
        values = KINDS[kind]
        is_mpls = "mpls_label" in values
        if "vlan_vid" not in values:
            yield kind, "push", {}, [("PushVlan", 0x8100)], tagged(packet, 0)
            yield (kind, "push-set", {}, [("PushVlan", 0x8100), field("vlan_vid", PRESENT | 7),
                                          field("vlan_pcp", 6)], tagged(packet, 6 << 13 | 7))
            yield kind, "push-88a8", {}, [("PushVlan", 0x88a8)], tagged(packet, 0, 0x88a8)
            yield kind, "push-pop", {}, [("PushVlan", 0x8100), ("PopVlan",)], packet
            yield (kind, "push-push", {}, [("PushVlan", 0x8100), field("vlan_vid", PRESENT | 7),
                                           ("PushVlan", 0x88a8), field("vlan_vid", PRESENT | 9)],
                   tagged(tagged(packet, 7), 9, 0x88a8))
        elif kind != "qinq-tcp":
            pcp, vid = values["vlan_pcp"], values["vlan_vid"] & 0xfff
            if vid:  # no tag stands behind one that says a priority alone
                yield kind, "push-second", {}, [("PushVlan", 0x8100)], tagged(packet,
                                                                              pcp << 13 | vid)
            yield (kind, "push-second-88a8", {}, [("PushVlan", 0x88a8),
                                                  field("vlan_vid", PRESENT | 9)],
                   tagged(packet, pcp << 13 | 9, 0x88a8))
            yield kind, "pop", TAGGED, [("PopVlan",)], packet[:12] + packet[16:]
            yield (kind, "pop-push", TAGGED, [("PopVlan",), ("PushVlan", 0x8100)],
                   packet[:12] + b"\x81\0\0\0" + packet[16:])
        at = 16 if "vlan_vid" in values else 12
        if kind == "qinq-tcp":
            at = 20
        ttl = values.get("ttl", 0)
        for ethertype in (0x8847, 0x8848):
            made = (labelled(packet, 70000, 5, 0, 33, ethertype, at) if is_mpls else
                    labelled(packet, 0, 0, 1, ttl, ethertype, at))
            yield kind, f"push-{ethertype:x}", {}, [("PushMpls", ethertype)], made
        if not is_mpls:
            yield (kind, "push-label", {},
                   [("PushMpls", 0x8847), field("mpls_label", 99), field("mpls_tc", 3),
                    ("SetMplsTtl", 12)], labelled(packet, 99, 3, 1, 12, at=at))
        if values["eth_type"] in (0x0800, 0x86dd):
            yield (kind, "push-pop-label", {}, [("PushMpls", 0x8847),
                                                ("PopMpls", values["eth_type"])], packet)


def single_cases():
    yield "qinq-tcp", "pop", TAGGED, [("PopVlan",)], build("vlan-tcp", vlan_vid=PRESENT | 200,
                                                           vlan_pcp=1)
    yield "mpls", "pop", MPLS, [("PopMpls", 0x0800)], build("tcp")
    yield "mpls6", "pop", MPLS, [("PopMpls", 0x86dd)], build("udp6")
    yield ("mpls-mpls", "pop", MPLS, [("PopMpls", 0x8847)],
           build("mpls-mpls", labels=[(17, 2, 44)]))
    yield "vlan-mpls", "pop", MPLS, [("PopMpls", 0x0800)], build("vlan-tcp")
    yield ("mpls-mpls", "pop-pop", MPLS, [("PopMpls", 0x8847), ("PopMpls", 0x0800)],
           build("tcp"))
    yield "vlan-mpls", "pop-both", {**TAGGED, **MPLS}, [("PopVlan",), ("PopMpls", 0x0800)], build(
        "tcp")
    for kind in ("mpls", "mpls6", "vlan-mpls", "mpls-mpls"):
        yield kind, "set-ttl", MPLS, [("SetMplsTtl", 200)], build(kind, mpls_ttl=200)
        yield kind, "dec-ttl", MPLS, [("DecMplsTtl",)], build(kind, mpls_ttl=32)
    yield "mpls", "ttl-out", MPLS, [("CopyTtlOut",)], build("mpls", mpls_ttl=64)
    yield "mpls6", "ttl-out", MPLS, [("CopyTtlOut",)], build("mpls6", mpls_ttl=64)
    yield "mpls-mpls", "ttl-out", MPLS, [("CopyTtlOut",)], build("mpls-mpls", mpls_ttl=44)
    yield "mpls", "ttl-in", MPLS, [("CopyTtlIn",)], build("mpls", ip_ttl=33)
    yield "mpls6", "ttl-in", MPLS, [("CopyTtlIn",)], build("mpls6", ip_ttl=33)
    yield "mpls-mpls", "ttl-in", MPLS, [("CopyTtlIn",)], build("mpls-mpls", inner_ttl=33)
    for kind, values in KINDS.items():
        if "ttl" not in values:
            continue
        match = {"eth_type": values["eth_type"]}
        yield kind, "set-nw-ttl", match, [("SetNwTtl", 5)], build(kind, ttl=5)
        yield kind, "dec-nw-ttl", match, [("DecNwTtl",)], build(kind, ttl=63)


CASES = [*push_cases(), *single_cases()]


@pytest.mark.parametrize("kind", KINDS)
def test_headers_come_and_go(lab, kind):
    packet = build(kind)
    wrong = {}
    for _, name, match, actions, made in (case for case in CASES if case[0] == kind):
        actions = [action(lab.controller.parser, *a) for a in actions]
        flows = ways(lab, match, actions)
        # a set has one action of each kind, so what is done twice is no matter for it
        in_set = len({type(a) for a in actions}) == len(actions) and name not in (
            "push-pop", "pop-push", "push-pop-label")
        lab.install(*(flows if in_set else [flows[0], flows[2]]))
        got = outcome(lab, packet, actions)
        want = wanted(packet, made)
        if not in_set:
            got["write"] = want["write"]
        if got != want:
            wrong[name] = [way for way in got if got[way] != want[way]]
    assert not wrong


@pytest.mark.parametrize("kind, match, actions", [
    ("tcp", {"eth_type": 0x0800}, [("DecNwTtl",)]),
    ("udp6", {"eth_type": 0x86dd}, [("DecNwTtl",)]),
    ("mpls", MPLS, [("DecMplsTtl",)]),
], ids=str)
@pytest.mark.parametrize("ttl", [0, 1])
def test_a_packet_whose_time_has_ended_is_dropped(lab, kind, match, actions, ttl):
    packet = build(kind, **{"mpls_ttl" if kind == "mpls" else "ttl": ttl})
    actions = [action(lab.controller.parser, *a) for a in actions]
    lab.install(*ways(lab, match, actions))
    got = outcome(lab, packet, actions)
    assert got == {"packet-out": [], "apply": [], "write": [], "program": [[packet] * 2, []]}


def test_what_is_under_a_label_is_matched_by_the_next_table(lab):
    c = lab.controller
    parser = c.parser
    for kind, ethertype, inner, match in (
            ("mpls", 0x0800, "tcp", {"eth_type": 0x0800, "ip_proto": 6, "tcp_dst": 80}),
            ("vlan-mpls", 0x0800, "vlan-tcp", {"eth_type": 0x0800, "ipv4_src": "10.1.2.3"}),
            ("mpls6", 0x86dd, "udp6", {"eth_type": 0x86dd, "ip_proto": 17, "udp_src": 5353})):
        lab.install(
            c.flow(MPLS, instructions=[c.apply(parser.OFPActionPopMpls(ethertype)),
                                       parser.OFPInstructionGotoTable(1)]),
            c.flow(match, [c.output(lab.ports[1])], table_id=1))
        assert lab.send(build(kind), build(kind)) == [[], [build(inner)] * 2, []], kind


@pytest.mark.parametrize("kind", ["tcp", "udp6", "tcp6-options", "first-fragment6", "sctp",
                                  "later-fragment", "solicit", "qinq-tcp"])
def test_a_packet_is_what_it_was_when_its_label_has_gone(lab, kind):
    """Pushed and popped; then all of its fields are matched."""
    c = lab.controller
    parser = c.parser
    values = KINDS[kind]
    match = {k: v for k, v in values.items() if k not in ("ttl", "inner_ttl")}
    push = parser.OFPActionPushMpls(0x8847)
    pop = parser.OFPActionPopMpls(values["eth_type"])
    lab.install(
        c.flow({"eth_type": values["eth_type"]}, instructions=[
            c.apply(push, pop), parser.OFPInstructionGotoTable(1)]),
        c.flow(match, [c.output(lab.ports[1])], table_id=1))
    assert lab.send(build(kind), build(kind)) == [[], [build(kind)] * 2, []]


def test_an_action_set_has_its_own_order(lab):
    """1.3.5, 5.10: pop, push, set-field, output, whatever the order of writing."""
    c = lab.controller
    parser = c.parser
    packet = build("vlan-tcp")
    lab.install(c.flow({**TAGGED, "eth_type": 0x0800}, instructions=[c.write(
        c.output(lab.ports[1]), parser.OFPActionSetField(ipv4_dst="1.2.3.4"),
        parser.OFPActionDecNwTtl(), parser.OFPActionPopVlan())]))
    made = build("tcp", ipv4_dst="1.2.3.4", ttl=63)
    assert lab.send(packet, packet) == [[], [made] * 2, []]
    lab.install(c.flow({"eth_type": 0x0800}, instructions=[c.write(
        parser.OFPActionSetField(mpls_label=5), parser.OFPActionSetMplsTtl(9),
        parser.OFPActionPushVlan(0x8100), c.output(lab.ports[1]),
        parser.OFPActionPushMpls(0x8847))]))
    packet = build("tcp")
    made = tagged(labelled(packet, 5, 0, 1, 9), 0)
    assert lab.send(packet, packet) == [[], [made] * 2, []]


def test_later_tables_write_into_the_same_set(lab):
    c = lab.controller
    parser = c.parser
    packet = build("tcp")
    goto = parser.OFPInstructionGotoTable
    lab.install(
        c.flow({"eth_type": 0x0800}, instructions=[
            c.write(c.output(lab.ports[2]), parser.OFPActionSetField(eth_src="02:00:00:00:00:07"),
                    parser.OFPActionSetField(ipv4_src="9.9.9.9")), goto(1)]),
        c.flow({"eth_type": 0x0800}, table_id=1, instructions=[
            c.write(c.output(lab.ports[1]), parser.OFPActionSetField(ipv4_src="8.8.8.8")),
            goto(2)]),
        c.flow({}, table_id=2, instructions=[c.apply(c.output(lab.ports[2]))]))
    made = build("tcp", ipv4_src="8.8.8.8", eth_src="02:00:00:00:00:07")
    assert lab.send(packet, packet) == [[], [made] * 2, [packet] * 2]
    lab.install(
        c.flow({}, instructions=[c.write(c.output(lab.ports[2])), goto(1)]),
        c.flow({}, table_id=1, instructions=[
            parser.OFPInstructionActions(c.ofp.OFPIT_CLEAR_ACTIONS, []), goto(2)]),
        c.flow({}, table_id=2, instructions=[c.write(c.output(lab.ports[1]))]))
    assert lab.send(packet, packet) == [[], [packet] * 2, []]
    lab.install(
        c.flow({}, instructions=[c.write(c.output(lab.ports[2])), goto(1)]),
        c.flow({}, table_id=1, instructions=[
            parser.OFPInstructionActions(c.ofp.OFPIT_CLEAR_ACTIONS, []),
            c.write(c.output(lab.ports[1]))]))
    assert lab.send(packet, packet) == [[], [packet] * 2, []]


def test_each_output_sends_the_packet_as_it_is_then(lab):
    c = lab.controller
    parser = c.parser
    packet = build("udp")
    set_field = parser.OFPActionSetField
    lab.install(c.flow({"eth_type": 0x0800, "ip_proto": 17}, [
        c.output(lab.ports[1]), set_field(udp_dst=1), c.output(lab.ports[2]),
        parser.OFPActionPushVlan(0x8100), c.output(lab.ports[1]), parser.OFPActionPopVlan(),
        set_field(udp_dst=53), c.output(c.ofp.OFPP_IN_PORT)]))
    one = build("udp", udp_dst=1)
    for _ in range(2):
        assert lab.send(packet) == [[packet], [packet, tagged(one, 0)], [one]]


@pytest.mark.parametrize("port, wanted_at", [
    ("OFPP_ALL", [0, 1, 1]), ("OFPP_FLOOD", [0, 1, 1]), ("OFPP_IN_PORT", [1, 0, 0]),
    ("OFPP_NORMAL", [0, 1, 0]), ("OFPP_LOCAL", [0, 0, 0]), (0, [0, 0, 0]),
])
def test_reserved_ports(lab, port, wanted_at):
    """0: the port that it came in by, which an output does not send back to."""
    c = lab.controller
    packet = build("tcp")
    number = lab.ports[0] if port == 0 else getattr(c.ofp, port)
    reply = build("arp", eth_src="52:54:00:00:00:02", eth_dst="52:54:00:00:00:01")
    for instructions in ([c.apply(c.output(number))], [c.write(c.output(number))]):
        lab.install(c.flow({}, instructions=instructions))
        lab.send(reply, at=1)  # the built-in switch learns where vm2 is
        assert lab.send(packet, packet) == [[packet] * 2 * n for n in wanted_at]


@pytest.mark.parametrize("way, metadata, reasons", [("apply", None, {4: 1, 5: 1}),
                                                    ("write", 5, {4: 1, 5: 3})])
def test_packets_to_the_controller(lab, way, metadata, reasons):
    """Metadata is written behind what is applied, and before the action set is carried out, which 1.4
    has a reason of its own for."""
    c = lab.controller
    packet = build("vlan-tcp")
    lab.reset()
    lab.install(c.flow({"vlan_vid": PRESENT | 100}, instructions=[
        c.parser.OFPInstructionWriteMetadata(5, 7),
        getattr(c, way)(c.output(c.ofp.OFPP_CONTROLLER))], cookie=77))
    lab.send(packet)
    told = c.wait_told(c.parser.OFPPacketIn)
    assert (told.data, told.total_len, told.buffer_id) == (packet, len(packet), 0xffffffff)
    assert (told.reason, told.table_id, told.cookie) == (reasons[c.version], 0, 77)
    assert told.match.get("in_port") == lab.ports[0]
    assert told.match.get("metadata") == metadata


def test_a_miss_goes_to_the_controller_by_the_entry_for_it(lab):
    c = lab.controller
    lab.reset()
    lab.install(c.flow({}, [c.output(c.ofp.OFPP_CONTROLLER)], priority=0, table_id=3),
                c.flow({}, instructions=[c.parser.OFPInstructionGotoTable(3)]))
    lab.send(build("udp6"))
    told = c.wait_told(c.parser.OFPPacketIn)
    assert (told.reason, told.table_id, told.data) == (NO_MATCH, 3, build("udp6"))


@pytest.mark.parametrize("kind", ["tcp", "vlan-tcp"])
def test_copies_are_in_the_vlan_that_their_tag_says(lab, kind):
    c = lab.controller
    p = c.parser
    packet = build(kind)
    push = [] if kind == "vlan-tcp" else [p.OFPActionPushVlan(0x8100)]
    lab.install(c.flow({"vlan_vid": KINDS[kind].get("vlan_vid", 0)}, [
        *push, p.OFPActionSetField(vlan_vid=PRESENT | 6), c.output(lab.ports[1]),
        p.OFPActionSetField(vlan_vid=PRESENT | 7), c.output(lab.ports[2]),
        p.OFPActionPopVlan(), c.output(c.ofp.OFPP_IN_PORT)]))
    pcp = KINDS[kind].get("vlan_pcp", 0)
    six, seven = (build("vlan-tcp", vlan_vid=PRESENT | n, vlan_pcp=pcp) for n in (6, 7))
    assert lab.send(packet, packet) == [[build("tcp")] * 2, [six] * 2, [seven] * 2]
