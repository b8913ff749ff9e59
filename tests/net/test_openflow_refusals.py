# SPDX-License-Identifier: Apache-2.0
"""What is wrong is refused with the type and the code that OpenFlow 1.3.5, 7.4.4 has for it, nothing
is changed by it, and the connection goes on."""

import struct

import pytest

from support.judge import Judge
from support.of_lab import openflow_lab
from support.packets import KINDS, PRESENT, build
from test_openflow_matches import NO_FIELD, prerequisites

BAD_REQUEST, BAD_ACTION, BAD_INSTRUCTION, BAD_MATCH, FLOW_MOD, GROUP_MOD = range(1, 7)
PORT_MOD, TABLE_MOD, QUEUE_OP, SWITCH_CONFIG, ROLE, METER_MOD = range(7, 13)
IPV4 = {"eth_type": 0x0800}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with openflow_lab(tmp_path_factory.mktemp("of"), version=4) as made:
        yield made


@pytest.fixture
def c(lab):
    lab.reset()
    return lab.controller


def refused(c, cases):
    """Those that were answered otherwise than they should be."""
    before = len(c.flows())
    found = {}
    for name, message, wanted in cases:
        got = c.fault_raw(message) if isinstance(message, bytes) else c.fault(message)
        if got != wanted:
            found[name] = (got, wanted)
    assert len(c.flows()) == before
    return found


def resized(data, length):
    """With so many bytes, and a header that says so."""
    data = data[:length].ljust(length, b"\0")
    return data[:2] + struct.pack("!H", length) + data[4:]


def oxm(field, *parts, oxm_class=0x8000, mask=False):
    body = b"".join(parts)
    return struct.pack("!HBB", oxm_class, field << 1 | mask, len(body)) + body


def match(*fields, kind=1, length=None):
    body = b"".join(fields)
    said = 4 + len(body) if length is None else length
    return struct.pack("!HH", kind, said) + body + bytes(-(4 + len(body)) % 8)


def flow_mod(match_bytes=None, instructions=b"", table=0, command=0, flags=0, buffer=0xffffffff):
    if match_bytes is None:
        match_bytes = match()
    body = struct.pack("!QQBBHHHIIIHH", 0, 0, table, command, 0, 0, 5, buffer, 0xffffffff,
                       0xffffffff, flags, 0) + match_bytes + instructions
    return struct.pack("!BBHI", 4, 14, 8 + len(body), 77) + body


def apply(actions, kind=4):
    return struct.pack("!HH4x", kind, 8 + len(actions)) + actions


def output(port, max_len=0):
    return struct.pack("!HHIH6x", 0, 16, port, max_len)


def set_field(field):
    return struct.pack("!HH", 25, (len(field) + 4 + 7) & ~7) + field + bytes(-(4 + len(field)) % 8)


TYPE_IPV4 = oxm(5, b"\x08\x00")
TYPE_IPV6 = oxm(5, b"\x86\xdd")


def test_messages_that_are_none(c):
    header = struct.Struct("!BBHI")
    unknown = [(f"type {n}", header.pack(4, n, 8, 5), (BAD_REQUEST, 1))
               for n in (6, 8, 10, 11, 12, 19, 21, 23, 25, 27, 30, 99, 255)]
    assert not refused(c, unknown + [
        ("version 1.0", header.pack(1, 5, 8, 5), (BAD_REQUEST, 0)),
        ("version 1.4", header.pack(5, 5, 8, 5), (BAD_REQUEST, 0)),
        ("version 0", header.pack(0, 5, 8, 5), (BAD_REQUEST, 0)),
        ("an experimenter", header.pack(4, 4, 16, 5) + b"\0\x12\x34\x56\0\0\0\1",
         (BAD_REQUEST, 3)),
        ("a question unknown", header.pack(4, 18, 16, 5) + b"\0\x63\0\0\0\0\0\0", (BAD_REQUEST, 2)),
        ("an experimenter's question", header.pack(4, 18, 24, 5) + b"\xff\xff\0\0\0\0\0\0" +
         b"\0\x12\x34\x56\0\0\0\1", (BAD_REQUEST, 3)),
    ])


def fixed_messages(c):
    """Messages of a length that is always the same."""
    p, d, ofp = c.parser, c.datapath, c.ofp
    return [
        p.OFPFeaturesRequest(d), p.OFPGetConfigRequest(d), p.OFPSetConfig(d, 0, 128),
        p.OFPTableMod(d, 0, 0), p.OFPBarrierRequest(d), p.OFPGetAsyncRequest(d),
        p.OFPRoleRequest(d, ofp.OFPCR_ROLE_NOCHANGE, 0), p.OFPQueueGetConfigRequest(d, 1),
        p.OFPSetAsync(d, [7, 0], [7, 7], [15, 0]), p.OFPDescStatsRequest(d, 0),
        p.OFPTableStatsRequest(d, 0), p.OFPPortStatsRequest(d, 0, ofp.OFPP_ANY),
        p.OFPQueueStatsRequest(d, 0, ofp.OFPP_ANY, ofp.OFPQ_ALL),
        p.OFPGroupStatsRequest(d, 0, ofp.OFPG_ALL), p.OFPGroupDescStatsRequest(d, 0),
        p.OFPGroupFeaturesStatsRequest(d, 0), p.OFPMeterStatsRequest(d, 0, ofp.OFPM_ALL),
        p.OFPMeterConfigStatsRequest(d, 0, ofp.OFPM_ALL), p.OFPMeterFeaturesStatsRequest(d, 0),
        p.OFPPortDescStatsRequest(d, 0),
    ]


def test_messages_that_are_too_short_or_too_long(c):
    cases = []
    for message in fixed_messages(c):
        data = c.encode(message)
        name = type(message).__name__
        for length in {8 + n for n in range(0, len(data) - 8, 4)} - {len(data)}:
            cases.append((f"{name} {length}", resized(data, length), (BAD_REQUEST, 6)))
        cases.append((f"{name} longer", resized(data, len(data) + 8), (BAD_REQUEST, 6)))
    cases += [(f"flow-mod {n}", resized(flow_mod(), n), (BAD_REQUEST, 6))
              for n in range(8, 51, 3)]
    for kind, least in ((13, 24), (15, 16), (29, 16), (16, 40)):
        data = struct.pack("!BBHI", 4, kind, 8, 5)
        cases += [(f"type {kind} {n}", resized(data, n), (BAD_REQUEST, 6))
                  for n in range(8, least, 4)]
    assert not refused(c, cases)


def test_no_message_is_taken_when_cut(c, lab):
    """A flow with all sorts of parts, cut anywhere: some fault, and never a flow."""
    p = c.parser
    whole = c.encode(c.flow(
        {"eth_type": 0x0800, "ip_proto": 6, "tcp_dst": 80, "ipv4_src": ("10.0.0.0", "255.0.0.0")},
        instructions=[p.OFPInstructionWriteMetadata(1, 1), p.OFPInstructionGotoTable(3),
                      c.write(p.OFPActionSetField(ipv4_dst="1.2.3.4"), c.output(lab.ports[1])),
                      c.apply(p.OFPActionPushVlan(0x8100),
                              p.OFPActionSetField(vlan_vid=PRESENT | 5), c.output(lab.ports[1]))]))
    before = len(c.flows())
    ends = {88, 112, 120, 160}  # where an instruction ends, a flow may, too
    for length in range(8, len(whole)):
        if length not in ends:
            assert c.fault_raw(resized(whole, length)), length
    assert len(c.flows()) == before
    assert c.fault_raw(whole) is None


def test_flow_mods_that_cannot_be(c):
    assert not refused(c, [
        ("command", flow_mod(command=5), (FLOW_MOD, 6)),
        ("flags", flow_mod(flags=0x20), (FLOW_MOD, 7)),
        ("table 254", flow_mod(table=254), (FLOW_MOD, 2)),
        ("every table", flow_mod(table=255), (FLOW_MOD, 2)),
        ("match of 1.0", flow_mod(match(kind=0)), (BAD_MATCH, 0)),
        ("match type", flow_mod(match(kind=2)), (BAD_MATCH, 0)),
        ("match longer than the message", flow_mod(match(length=60)), (BAD_MATCH, 1)),
        ("match without a header", flow_mod(match(length=2)), (BAD_MATCH, 1)),
        ("field 77", flow_mod(match(oxm(77, b"\0"))), (BAD_MATCH, 6)),
        ("class", flow_mod(match(oxm(5, b"\x08\0", oxm_class=0x8001))), (BAD_MATCH, 6)),
        ("eth_type of 4 bytes", flow_mod(match(oxm(5, b"\x08\0\0\0"))), (BAD_MATCH, 1)),
        ("in_port of 2 bytes", flow_mod(match(oxm(0, b"\0\1"))), (BAD_MATCH, 1)),
        ("a field that is cut", flow_mod(match(struct.pack("!HBB", 0x8000, 5 << 1, 2))),
         (BAD_MATCH, 1)),
        ("twice", flow_mod(match(TYPE_IPV4, TYPE_IPV4)), (BAD_MATCH, 10)),
        ("twice, differently", flow_mod(match(TYPE_IPV4, TYPE_IPV6)), (BAD_MATCH, 10)),
        ("prerequisite behind", flow_mod(match(oxm(10, b"\6"), TYPE_IPV4)), (BAD_MATCH, 9)),
        ("mask of eth_type", flow_mod(match(oxm(5, b"\x08\0", b"\xff\0", mask=True))),
         (BAD_MATCH, 8)),
        ("mask of in_port", flow_mod(match(oxm(0, b"\0\0\0\1", b"\0\0\0\1", mask=True))),
         (BAD_MATCH, 8)),
        ("value beyond its mask",
         flow_mod(match(oxm(3, b"\1\2\3\4\5\6", b"\xff\xff\0\0\0\0", mask=True))), (BAD_MATCH, 5)),
        ("vlan_vid without its bit", flow_mod(match(oxm(6, b"\0\5"))), (BAD_MATCH, 7)),
        ("vlan_vid of 14 bits", flow_mod(match(oxm(6, b"\x30\5"))), (BAD_MATCH, 7)),
        ("vlan_pcp of 4 bits", flow_mod(match(oxm(6, b"\x10\0", b"\x10\0", mask=True),
                                              oxm(7, b"\x08"))), (BAD_MATCH, 7)),
        ("vlan_pcp without a tag", flow_mod(match(oxm(6, b"\0\0"), oxm(7, b"\1"))),
         (BAD_MATCH, 9)),
        ("ip_dscp of 7 bits", flow_mod(match(TYPE_IPV4, oxm(8, b"\x40"))), (BAD_MATCH, 7)),
        ("ip_ecn of 3 bits", flow_mod(match(TYPE_IPV4, oxm(9, b"\4"))), (BAD_MATCH, 7)),
        ("flow label of 21 bits", flow_mod(match(TYPE_IPV6, oxm(28, b"\0\x10\0\0"))),
         (BAD_MATCH, 7)),
        ("label of 21 bits", flow_mod(match(oxm(5, b"\x88\x47"), oxm(34, b"\0\x10\0\0"))),
         (BAD_MATCH, 7)),
        ("mpls_tc of 4 bits", flow_mod(match(oxm(5, b"\x88\x47"), oxm(35, b"\x08"))),
         (BAD_MATCH, 7)),
        ("mpls_bos of 2 bits", flow_mod(match(oxm(5, b"\x88\x47"), oxm(36, b"\2"))),
         (BAD_MATCH, 7)),
    ])


def test_every_field_needs_its_prerequisites(c):
    """Also with those of another protocol."""
    cases = []
    for kind, values in KINDS.items():
        for field, value in values.items():
            if field in NO_FIELD or not prerequisites(field, values):
                continue
            cases.append((f"{kind} {field} alone", c.flow({field: value}), (BAD_MATCH, 9)))
            if field == "vlan_pcp":
                continue
            other = 0x88cc if field != "ip_proto" else 0x0806
            cases.append((f"{kind} {field} elsewhere", c.flow({"eth_type": other, field: value}),
                          (BAD_MATCH, 9)))
            if "ip_proto" in prerequisites(field, values):
                wrong = {"eth_type": values["eth_type"], "ip_proto": 99, field: value}
                cases.append((f"{kind} {field} protocol", c.flow(wrong), (BAD_MATCH, 9)))
    assert len(cases) > 200
    assert not refused(c, cases)


def test_instructions_that_cannot_be(c):
    goto = struct.pack("!HHB3x", 1, 8, 5)
    wrong_goto = [(f"goto {n}", flow_mod(None, struct.pack("!HHB3x", 1, 8, n), table=7),
                   (BAD_INSTRUCTION, 2)) for n in (0, 6, 7, 254, 255)]
    assert not refused(c, wrong_goto + [
        ("type 7", flow_mod(None, struct.pack("!HH4x", 7, 8)), (BAD_INSTRUCTION, 0)),
        ("type 0", flow_mod(None, struct.pack("!HH4x", 0, 8)), (BAD_INSTRUCTION, 0)),
        ("experimenter", flow_mod(None, struct.pack("!HHI", 0xffff, 8, 1)), (BAD_INSTRUCTION, 5)),
        ("length 4", flow_mod(None, struct.pack("!HH4x", 1, 4)), (BAD_INSTRUCTION, 7)),
        ("length 12", flow_mod(None, struct.pack("!HHB7x4x", 1, 12, 5)), (BAD_INSTRUCTION, 7)),
        ("goto of 16", flow_mod(None, struct.pack("!HHB11x", 1, 16, 5)), (BAD_INSTRUCTION, 7)),
        ("longer than the message", flow_mod(None, struct.pack("!HHB3x", 4, 64, 5)),
         (BAD_INSTRUCTION, 7)),
        ("goto twice", flow_mod(None, goto + goto), (BAD_INSTRUCTION, 1)),
        ("metadata of 16", flow_mod(None, struct.pack("!HH12x", 2, 16)), (BAD_INSTRUCTION, 7)),
        ("meter 0", flow_mod(None, struct.pack("!HHI", 6, 8, 0)), (METER_MOD, 2)),
        ("no such meter", flow_mod(None, struct.pack("!HHI", 6, 8, 9)), (METER_MOD, 3)),
    ])


def action_cases(kind):
    def flow(actions, *fields):
        return flow_mod(match(*fields), apply(actions, kind))

    yield "type 99", flow(struct.pack("!HH4x", 99, 8)), (BAD_ACTION, 0)
    yield "experimenter", flow(struct.pack("!HHI", 0xffff, 8, 1)), (BAD_ACTION, 2)
    yield "length 4", flow(struct.pack("!HH4x", 0, 4)), (BAD_ACTION, 1)
    yield "length 12", flow(struct.pack("!HH12x", 0, 12)), (BAD_ACTION, 1)
    yield "output of 8", flow(struct.pack("!HHI", 0, 8, 1)), (BAD_ACTION, 1)
    yield "pop of 16", flow(struct.pack("!HH12x", 18, 16), oxm(6, b"\x10\5")), (BAD_ACTION, 1)
    yield "longer", flow(struct.pack("!HH4x", 0, 24)), (BAD_ACTION, 1)
    for port in (0, 0xfffffff9, 0xffffffff, 0xfffffff0, 0x7fffff01):
        yield f"output {port:x}", flow(output(port)), (BAD_ACTION, 4)
    yield "group 9", flow(struct.pack("!HHI", 22, 8, 9)), (BAD_ACTION, 9)
    yield "every group", flow(struct.pack("!HHI", 22, 8, 0xfffffffc)), (BAD_ACTION, 9)
    yield "push of IPv4", flow(struct.pack("!HHH2x", 17, 8, 0x0800)), (BAD_ACTION, 5)
    yield "label of IPv4", flow(struct.pack("!HHH2x", 19, 8, 0x0800)), (BAD_ACTION, 5)
    for name, number in (("pop", 18), ("set ttl", 23), ("dec ttl", 24), ("mpls ttl", 15),
                         ("dec mpls ttl", 16), ("ttl out", 11), ("ttl in", 12), ("pop label", 20)):
        yield f"{name} of anything", flow(struct.pack("!HHH2x", number, 8, 0x0800)), (BAD_ACTION,
                                                                                     10)
    for name, field, code in (
            ("in_port", oxm(0, b"\0\0\0\1"), 13), ("in_phy_port", oxm(1, b"\0\0\0\1"), 13),
            ("metadata", oxm(2, bytes(8)), 13), ("exthdr", oxm(39, b"\0\1"), 13),
            ("field 77", oxm(77, b"\0"), 13), ("class", oxm(3, bytes(6), oxm_class=0x8002), 13),
            ("length", oxm(3, bytes(5)), 14), ("nothing", oxm(3), 14)):
        yield f"set {name}", flow(set_field(field)), (BAD_ACTION, code)
    for name, field, under in (
            ("dscp", oxm(8, b"\x40"), [TYPE_IPV4]), ("ecn", oxm(9, b"\4"), [TYPE_IPV4]),
            ("pcp", oxm(7, b"\x08"), [oxm(6, b"\x10\5")]),
            ("flow label", oxm(28, b"\0\x10\0\0"), [TYPE_IPV6]),
            ("label", oxm(34, b"\0\x10\0\0"), [oxm(5, b"\x88\x47")])):
        yield f"set {name} too large", flow(set_field(field), *under), (BAD_ACTION, 15)
    for name, field, under in (
            ("ipv4_src", oxm(11, bytes(4)), [TYPE_IPV6]), ("ipv6_src", oxm(26, bytes(16)),
                                                           [TYPE_IPV4]),
            ("tcp_dst", oxm(14, b"\0\1"), [TYPE_IPV4]), ("dscp", oxm(8, b"\1"), []),
            ("tcp_dst of UDP", oxm(14, b"\0\1"), [TYPE_IPV4, oxm(10, b"\x11")]),
            ("arp_op", oxm(21, b"\0\1"), [TYPE_IPV4]), ("label", oxm(34, bytes(4)), [TYPE_IPV4]),
            ("vid", oxm(6, b"\x10\5"), []), ("pcp", oxm(7, b"\1"), []),
            ("target", oxm(31, bytes(16)), [TYPE_IPV6, oxm(10, b"\x3a")])):
        yield f"set {name} where none is", flow(set_field(field), *under), (BAD_ACTION, 10)


@pytest.mark.parametrize("kind", [4, 3], ids=["applied", "written"])
def test_actions_that_cannot_be(c, kind):
    assert not refused(c, list(action_cases(kind)))


def test_groups_that_cannot_be(c, lab):
    p, d, ofp = c.parser, c.datapath, c.ofp
    one, two, _ = lab.ports

    def bucket(*actions, weight=0, port=0xffffffff, group=0xffffffff):
        return p.OFPBucket(weight, port, group, list(actions) or [c.output(two)])

    def group(command, kind, number, *buckets):
        return p.OFPGroupMod(d, command, kind, number, list(buckets))

    add, modify, delete = ofp.OFPGC_ADD, ofp.OFPGC_MODIFY, ofp.OFPGC_DELETE
    whole, select, indirect, failover = (ofp.OFPGT_ALL, ofp.OFPGT_SELECT, ofp.OFPGT_INDIRECT,
                                         ofp.OFPGT_FF)
    c.do(group(add, whole, 1, bucket()), group(add, whole, 2, bucket(p.OFPActionGroup(1))),
         group(add, whole, 3, bucket(p.OFPActionGroup(2))))
    cut = c.encode(group(add, whole, 9, bucket()))
    assert not refused(c, [
        ("again", group(add, whole, 1, bucket()), (GROUP_MOD, 0)),
        ("number", group(add, whole, 0xffffff01, bucket()), (GROUP_MOD, 1)),
        ("every group", group(add, whole, ofp.OFPG_ALL, bucket()), (GROUP_MOD, 1)),
        ("two of indirect", group(add, indirect, 9, bucket(), bucket()), (GROUP_MOD, 1)),
        ("none of indirect", group(add, indirect, 9), (GROUP_MOD, 1)),
        ("weight", group(add, whole, 9, bucket(weight=1)), (GROUP_MOD, 1)),
        ("nothing watched", group(add, failover, 9, bucket()), (GROUP_MOD, 1)),
        ("watched for nothing", group(add, whole, 9, bucket(port=one)), (GROUP_MOD, 6)),
        ("watched port", group(add, failover, 9, bucket(port=0xfffffff8)), (GROUP_MOD, 13)),
        ("modify what is not", group(modify, whole, 9, bucket()), (GROUP_MOD, 8)),
        ("itself", group(modify, whole, 1, bucket(p.OFPActionGroup(1))), (GROUP_MOD, 7)),
        ("a circle", group(modify, whole, 1, bucket(p.OFPActionGroup(3))), (GROUP_MOD, 7)),
        ("in use", group(delete, whole, 1), (GROUP_MOD, 9)),
        ("type", group(add, 4, 9, bucket()), (GROUP_MOD, 10)),
        ("command", group(3, whole, 9, bucket()), (GROUP_MOD, 11)),
        ("bucket too long", cut[:16] + b"\0\x40" + cut[18:], (GROUP_MOD, 12)),
        ("bucket too short", cut[:16] + b"\0\x08" + cut[18:], (GROUP_MOD, 12)),
        ("no such group", group(add, whole, 9, bucket(p.OFPActionGroup(8))), (BAD_ACTION, 9)),
        ("port 0", group(add, whole, 9, bucket(c.output(0))), (BAD_ACTION, 4)),
        ("delete what is not", group(delete, whole, 9), None),
        ("weights", group(add, select, 10, bucket(weight=1), bucket(weight=7)), None),
        ("no buckets", group(add, whole, 11), None),
    ])


def test_meters_that_cannot_be(c):
    p, d, ofp = c.parser, c.datapath, c.ofp
    add, modify, delete = ofp.OFPMC_ADD, ofp.OFPMC_MODIFY, ofp.OFPMC_DELETE
    band = p.OFPMeterBandDrop(5, 0)

    def meter(command, number, flags=ofp.OFPMF_KBPS, *bands):
        return p.OFPMeterMod(d, command, flags, number, list(bands) or [band])

    c.do(meter(add, 1))
    data = c.encode(meter(add, 9))
    assert not refused(c, [
        ("again", meter(add, 1), (METER_MOD, 1)),
        ("number 0", meter(add, 0), (METER_MOD, 2)),
        ("number", meter(add, 0xffff0001), (METER_MOD, 2)),
        ("every meter", meter(add, ofp.OFPM_ALL), (METER_MOD, 2)),
        ("modify what is not", meter(modify, 9), (METER_MOD, 3)),
        ("command", meter(3, 9), (METER_MOD, 4)),
        ("both units", meter(add, 9, 3), (METER_MOD, 5)),
        ("flags", meter(add, 9, 0x11), (METER_MOD, 5)),
        ("band", data[:16] + b"\0\7" + data[18:], (METER_MOD, 8)),
        ("experimenter's band", data[:16] + b"\xff\xff" + data[18:], (METER_MOD, 8)),
        ("band of 8", resized(data[:16] + b"\0\1\0\x08" + data[20:], 24), (BAD_REQUEST, 6)),
        ("delete what is not", meter(delete, 9), None),
    ])


def test_ports_tables_roles_and_packets_that_cannot_be(c, lab):
    p, d, ofp = c.parser, c.datapath, c.ofp
    one = lab.ports[0]
    mac = "52:54:00:00:00:01"
    packet = build("tcp")

    def out(in_port=ofp.OFPP_CONTROLLER, buffer=ofp.OFP_NO_BUFFER, actions=None, data=packet):
        actions = [c.output(one)] if actions is None else actions
        return p.OFPPacketOut(d, buffer, in_port, actions, data)

    c.do(p.OFPRoleRequest(d, ofp.OFPCR_ROLE_MASTER, 10))
    long_actions = bytearray(c.encode(out()))
    long_actions[16:18] = b"\x10\0"
    assert not refused(c, [
        ("no such port", p.OFPPortMod(d, 999, mac, 0, 0, 0), (PORT_MOD, 0)),
        ("every port", p.OFPPortMod(d, ofp.OFPP_ALL, mac, 0, 0, 0), (PORT_MOD, 0)),
        ("address", p.OFPPortMod(d, one, "52:54:00:00:00:09", 0, 0, 0), (PORT_MOD, 1)),
        ("configuration", p.OFPPortMod(d, one, mac, 2, 2, 0), (PORT_MOD, 2)),
        ("advertise", p.OFPPortMod(d, one, mac, 0, 0, 1 << 20), (PORT_MOD, 3)),
        ("no speed of its own", p.OFPPortMod(d, one, mac, 0, 0, ofp.OFPPF_10MB_HD),
         (PORT_MOD, 3)),
        ("table 254", p.OFPTableMod(d, 254, 0), (TABLE_MOD, 0)),
        ("table's configuration", p.OFPTableMod(d, 0, 1 << 8), (TABLE_MOD, 1)),
        ("flags", p.OFPSetConfig(d, 3, 128), (SWITCH_CONFIG, 0)),
        ("role", p.OFPRoleRequest(d, 4, 11), (ROLE, 2)),
        ("stale", p.OFPRoleRequest(d, ofp.OFPCR_ROLE_SLAVE, 9), (ROLE, 0)),
        ("statistics of no port", p.OFPPortStatsRequest(d, 0, 999), (BAD_REQUEST, 11)),
        ("statistics of no meter", p.OFPMeterStatsRequest(d, 0, 99), (METER_MOD, 3)),
        ("statistics of table 254", p.OFPFlowStatsRequest(
            d, 0, 254, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, p.OFPMatch()), (BAD_REQUEST, 9)),
        ("queues of no port", p.OFPQueueGetConfigRequest(d, 999), (QUEUE_OP, 0)),
        ("buffer", out(buffer=7, data=None), (BAD_REQUEST, 8)),
        ("from no port", out(in_port=999), (BAD_REQUEST, 11)),
        ("from every port", out(in_port=ofp.OFPP_ALL), (BAD_REQUEST, 11)),
        ("to no port", out(actions=[c.output(0)]), (BAD_ACTION, 4)),
        ("to no group", out(actions=[p.OFPActionGroup(5)]), (BAD_ACTION, 9)),
        ("long actions", bytes(long_actions), (BAD_REQUEST, 6)),
    ])
    c.do(p.OFPRoleRequest(d, ofp.OFPCR_ROLE_EQUAL, 10))


def test_what_overlaps_is_refused_if_so_asked(c):
    flag = c.ofp.OFPFF_CHECK_OVERLAP
    c.do(c.flow({"eth_type": 0x0800, "ipv4_src": ("10.0.0.0", "255.0.0.0")}, priority=5))
    assert not refused(c, [
        ("wider", c.flow(IPV4, priority=5, flags=flag), (FLOW_MOD, 3)),
        ("narrower", c.flow({**IPV4, "ipv4_src": "10.1.1.1"}, priority=5, flags=flag),
         (FLOW_MOD, 3)),
        ("across", c.flow({**IPV4, "ip_proto": 6}, priority=5, flags=flag), (FLOW_MOD, 3)),
        ("the same", c.flow({**IPV4, "ipv4_src": ("10.0.0.0", "255.0.0.0")}, priority=5,
                            flags=flag), (FLOW_MOD, 3)),
    ])
    assert c.fault(c.flow(IPV4, priority=6, flags=flag)) is None
    assert c.fault(c.flow(IPV4, priority=5, flags=flag, table_id=1)) is None
    assert c.fault(c.flow({**IPV4, "ipv4_src": "11.0.0.1"}, priority=5, flags=flag)) is None
    assert c.fault(c.flow({"eth_type": 0x86dd}, priority=5, flags=flag)) is None


def test_a_flow_whose_packet_is_unknown_is_there_all_the_same(c):
    before = len(c.flows())
    assert c.fault_raw(flow_mod(buffer=5)) == (BAD_REQUEST, 8)
    assert len(c.flows()) == before + 1


def test_what_a_slave_may_not_do(lab):
    lab.reset()
    with Judge(lab.socket) as slave:
        p, d, ofp = slave.parser, slave.datapath, slave.ofp
        slave.do(p.OFPRoleRequest(d, ofp.OFPCR_ROLE_SLAVE, 50))
        assert not refused(slave, [(type(m).__name__, m, (BAD_REQUEST, 10)) for m in (
            slave.flow({}), p.OFPGroupMod(d, ofp.OFPGC_ADD, 0, 1, []),
            p.OFPMeterMod(d, ofp.OFPMC_ADD, 1, 1, []), p.OFPTableMod(d, 0, 0),
            p.OFPPortMod(d, lab.ports[0], "52:54:00:00:00:01", 0, 0, 0),
            p.OFPPacketOut(d, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, [], build("tcp")))])
