# SPDX-License-Identifier: Apache-2.0
"""What tables may hold is a controller's to say, and how full they are it is told.

    [vm1..3] --tap--- [ lab: org.xvs.openflow ] --- punix: --- os-ken's messages, ovs-ofctl
"""

import contextlib
import struct

import pytest

from support.controller import Controller
from support.openflow import MACS, lab_at
from support.wire import frame

FEATURES_FAILED, BAD_TABLE, BAD_ARGUMENT = 13, 0, 4
BAD_ACTION, BAD_INSTRUCTION, BAD_MATCH, FLOW_MOD = 2, 3, 4, 5
BAD_PROPERTY, BAD_VALUE = 14, 2
TABLE_FULL, BAD_TABLE_ID = 1, 2
VACANCY_DOWN, VACANCY_UP = 3, 4


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture(params=[4, 5], ids=["1.3", "1.4"])
def peer(lab, request):
    yield from speaker(lab, request.param)


@pytest.fixture
def peer14(lab):
    yield from speaker(lab, 5)


def speaker(lab, version):
    with contextlib.closing(Controller(lab.calls(), version)) as made:
        whole = entries(made)
        yield made
        assert set_entries(made, whole) is None
    lab.clear()


def entries(peer):
    """What each table may hold, as bytes: os-ken needs long to read them all."""
    xid = peer.say("TableFeaturesStatsRequest", body=[])
    found = []
    more = 1
    while more:
        message = peer.receive_bytes()
        assert struct.unpack_from("!I", message, 4) == (xid,)
        more, = struct.unpack_from("!H", message, 10)
        at = 16
        while at < len(message):
            size, = struct.unpack_from("!H", message, at)
            found.append(message[at:at + size])
            at += size
    return found


def set_entries(peer, tables, per_message=30):
    """Asks for these and no others, in messages of so many; type and code of the refusal."""
    peer.xid += 1
    for at in range(0, len(tables), per_message):
        body = b"".join(tables[at:at + per_message])
        more = at + per_message < len(tables)
        peer.socket.sendall(struct.pack("!BBHIHH4x", peer.version, 18, 16 + len(body), peer.xid,
                                        12, more) + body)
    more = 1
    while more:
        message = peer.receive_bytes()
        if struct.unpack_from("!I", message, 4) != (peer.xid,):
            continue
        if message[1] == peer.ofproto.OFPT_ERROR:
            return struct.unpack_from("!HH", message, 8)
        more, = struct.unpack_from("!H", message, 10)
    return None


def features(peer, count):
    """Of the first tables, for people."""
    return [peer.parser.OFPTableFeaturesStats.parser(raw, 0) for raw in entries(peer)[:count]]


def set_features(peer, tables):
    return set_entries(peer, [bytes(table.serialize()) for table in tables])


def prop(table, name, miss=False):
    number = {"instructions": 0, "next": 2, "write": 4, "apply": 6, "match": 8, "wildcards": 10,
              "write_set": 12, "apply_set": 14}[name] + miss
    found, = [p for p in table.properties if p.type == number]
    return found


def keep(table, name, wanted):
    """Of a property only these; 'wanted' says of each whether it stays."""
    for miss in (False, True) if name not in ("match", "wildcards") else (False,):
        p = prop(table, name, miss)
        for list_name in ("instruction_ids", "table_ids", "action_ids", "oxm_ids"):
            if hasattr(p, list_name):
                setattr(p, list_name, [x for x in getattr(p, list_name) if wanted(x)])


def flow(peer, table=0, match=None, instructions=None, priority=1, **more):
    p = peer.parser
    return p.OFPFlowMod(peer.datapath, table_id=table, priority=priority,
                        match=p.OFPMatch(**(match or {})), instructions=instructions or [],
                        **more)


def apply(peer, *actions):
    return [peer.parser.OFPInstructionActions(peer.ofproto.OFPIT_APPLY_ACTIONS, list(actions))]


def test_what_a_switch_tells_it_can_be_told(peer, lab):
    lab.flow("table=9,priority=5,actions=drop")
    whole = entries(peer)
    assert len(whole) == 254
    assert set_entries(peer, whole) is None
    assert "table=9" in lab.ofctl("dump-flows")  # nothing has changed


def test_tables_that_are_not_named_are_no_longer_there(peer, lab):
    lab.flow("table=0,priority=5,actions=goto_table:1")
    lab.flow("table=7,priority=5,actions=drop")
    few = features(peer, 3)
    few[1].name = b"routes"
    assert set_features(peer, few) is None
    assert [(t.table_id, t.name) for t in features(peer, 9)] == [
        (0, b"table0"), (1, b"routes"), (2, b"table2")]
    assert [t.table_id for t in peer.entries("TableStatsRequest", 0)] == [0, 1, 2]
    assert "table=7" not in lab.ofctl("dump-flows")
    assert peer.refusal(flow(peer, table=2)) is None
    assert peer.refusal(flow(peer, table=7)) == (FLOW_MOD, BAD_TABLE_ID)
    beyond = [peer.parser.OFPInstructionGotoTable(7)]
    assert peer.refusal(flow(peer, instructions=beyond)) == (BAD_INSTRUCTION, 2)
    # its capabilities have changed, since it could go to table 7
    assert "goto_table" not in lab.ofctl("dump-flows")


def test_flows_are_checked_against_what_their_table_may_hold(peer):
    p = peer.parser
    tables = features(peer, 2)
    keep(tables[1], "match", lambda x: x.type in ("in_port", "eth_type", "ipv4_dst"))
    keep(tables[1], "wildcards", lambda x: x.type != "in_port")
    for one in prop(tables[1], "match").oxm_ids:
        one.hasmask = one.hasmask and one.type != "ipv4_dst"
    keep(tables[1], "instructions", lambda x: x.type == peer.ofproto.OFPIT_APPLY_ACTIONS)
    keep(tables[1], "apply", lambda x: x.type in (
        peer.ofproto.OFPAT_OUTPUT, peer.ofproto.OFPAT_SET_FIELD))
    keep(tables[1], "apply_set", lambda x: x.type == "eth_src")
    tables[1].max_entries = 2
    assert set_features(peer, tables) is None

    def fault(match=None, *actions, **more):
        return peer.refusal(flow(peer, 1, match, apply(peer, *actions) if actions else [], **more))

    host = {"in_port": 1, "eth_type": 0x800, "ipv4_dst": "10.0.0.1"}
    assert fault(host, p.OFPActionOutput(1)) is None
    assert fault({"in_port": 1, "eth_src": MACS["vm1"]}) == (BAD_MATCH, 6)
    assert fault({"in_port": 1, "eth_type": 0x800, "ipv4_dst": ("10.0.0.0", "255.0.0.0")}
                 ) == (BAD_MATCH, 8)
    assert fault({"eth_type": 0x800}) == (BAD_MATCH, 5)
    assert fault(host, p.OFPActionPushVlan(0x8100)) == (BAD_ACTION, 0)
    assert fault(host, p.OFPActionSetField(eth_dst=MACS["vm1"])) == (BAD_ACTION, 13)
    assert fault(host, p.OFPActionSetField(eth_src=MACS["vm1"])) is None
    metadata = [p.OFPInstructionWriteMetadata(1, 1)]
    assert peer.refusal(flow(peer, 1, host, metadata)) == (BAD_INSTRUCTION, 1)
    assert fault({"in_port": 2}) is None
    assert fault({"in_port": 3}) == (FLOW_MOD, TABLE_FULL)
    # the entry for misses matches everything whatever the table must be told
    assert peer.refusal(p.OFPFlowMod(peer.datapath, table_id=1, command=3, out_port=0xffffffff,
                                   out_group=0xffffffff)) is None
    assert fault({}, priority=0) is None


def test_misses_may_have_capabilities_of_their_own(peer):
    tables = features(peer, 1)
    prop(tables[0], "apply", miss=True).action_ids = []
    assert set_features(peer, tables) is None
    output = apply(peer, peer.parser.OFPActionOutput(1))
    assert peer.refusal(flow(peer, instructions=output)) is None
    assert peer.refusal(flow(peer, instructions=output, priority=0)) == (BAD_ACTION, 0)


def test_what_cannot_be_is_refused_and_changes_nothing(peer, lab):
    lab.flow("table=3,priority=5,actions=drop")
    old = peer.version == 4
    argument = (FEATURES_FAILED, BAD_ARGUMENT) if old else (BAD_PROPERTY, BAD_VALUE)
    whole = features(peer, 3)
    assert set_features(peer, whole[:2] + whole[1:2]) == (FEATURES_FAILED, BAD_TABLE)
    assert set_features(peer, whole[1:3]) == (FEATURES_FAILED, BAD_TABLE)  # no table 0
    fresh = features(peer, 1)
    fresh[0].properties = [p for p in fresh[0].properties if p.type != 8]
    assert set_features(peer, fresh) == argument
    fresh = features(peer, 2)
    prop(fresh[1], "next").table_ids = [0]
    assert set_features(peer, fresh) == argument
    fresh = features(peer, 1)
    fresh[0].max_entries = 0xffffffff
    assert set_features(peer, fresh) == argument
    assert len(entries(peer)) == 254
    assert "table=3" in lab.ofctl("dump-flows")


def test_a_slave_cannot_end_what_it_began_as_master(peer, lab):
    before = entries(peer)

    def part(body, more):
        peer.socket.sendall(struct.pack("!BBHIHH4x", peer.version, 18, 16 + len(body), 7777,
                                        12, more) + body)
    part(before[0], 1)
    peer.ask("RoleRequest", peer.ofproto.OFPCR_ROLE_SLAVE, 1)
    part(b"", 0)
    refusal = peer.answer(7777)
    assert (refusal.msg_type, refusal.type, refusal.code) == (peer.ofproto.OFPT_ERROR, 1, 10)
    peer.ask("RoleRequest", peer.ofproto.OFPCR_ROLE_EQUAL, 1)
    assert entries(peer) == before


def test_packets_go_through_tables_that_were_set_up(peer, lab):
    vm1, vm2, _ = lab.wires()
    tables = features(peer, 2)
    assert set_features(peer, tables) is None
    lab.flow("priority=1,actions=goto_table:1")
    lab.flow("table=1,priority=1,in_port=@vm1,actions=output:@vm2")
    sent = frame(MACS["vm2"], MACS["vm1"], b"set %d" % peer.version)
    vm1.send(sent)
    assert vm2.wait(sent)
    assert set_features(peer, tables[:1]) is None
    gone = frame(MACS["vm2"], MACS["vm1"], b"gone %d" % peer.version)
    vm1.send(gone)
    lab.daemon.wait_for_drop("no-match", "lab/vm1")
    assert not vm2.has_seen(gone)


# ---- 1.4: how full they are ------------------------------------------------------------------------


def of_table_1(peer, tables):
    found, = [t for t in tables if t.table_id == 1]
    return found


def test_a_table_tells_when_it_is_full_soon_and_when_it_is_not(peer14, lab):
    peer, p = peer14, peer14.parser
    limited = features(peer, 2)
    limited[1].max_entries = 10
    assert set_features(peer, limited) is None
    lab.ofctl("mod-table", "1", "vacancy:30,60", version=14)
    desc = of_table_1(peer, peer.entries("TableDescStatsRequest", 0))
    vacancy, = [x for x in desc.properties if x.type == peer.ofproto.OFPTMPT_VACANCY]
    assert desc.config == peer.ofproto.OFPTC_VACANCY_EVENTS
    assert (vacancy.vacancy_down, vacancy.vacancy_up, vacancy.vacancy) == (30, 60, 100)
    for n in range(8):
        assert peer.refusal(flow(peer, 1, {"in_port": n + 1})) is None
    told, = peer.silence()
    assert isinstance(told, p.OFPTableStatus)
    assert told.reason == VACANCY_DOWN and told.table.table_id == 1
    assert [x.vacancy for x in told.table.properties if hasattr(x, "vacancy")] == [20]
    lab.ofctl("del-flows", "table=1", version=14)
    told, = peer.silence()
    assert told.reason == VACANCY_UP and told.table.table_id == 1
    lab.ofctl("mod-table", "1", "novacancy", version=14)
    for n in range(10):
        assert peer.refusal(flow(peer, 1, {"in_port": n + 1})) is None
    assert peer.refusal(flow(peer, 1, {"in_port": 11})) == (FLOW_MOD, TABLE_FULL)
    assert not peer.silence()


def test_the_least_important_makes_room_where_that_is_wanted(peer14, lab):
    peer, p = peer14, peer14.parser
    limited = features(peer, 2)
    limited[1].max_entries = 2
    assert set_features(peer, limited) is None
    lab.ofctl("mod-table", "1", "evict", version=14)
    desc = of_table_1(peer, peer.entries("TableDescStatsRequest", 0))
    assert desc.config == peer.ofproto.OFPTC_EVICTION
    for n, importance in enumerate((5, 3, 4)):
        assert peer.refusal(flow(peer, 1, {"in_port": n + 1}, importance=importance)) is None
    left = lab.ofctl("dump-flows", "table=1", version=14)
    assert "in_port=1" in left and "in_port=2" not in left and "in_port=3" in left
    assert peer.refusal(flow(peer, 1, {"in_port": 9}, importance=1)) == (FLOW_MOD, TABLE_FULL)
    otherwise = p.OFPTableMod(peer.datapath, 1, peer.ofproto.OFPTC_EVICTION,
                              [p.OFPTableModPropEviction(2, flags=4)])
    assert peer.refusal(otherwise) == (8, 1)
    assert peer.refusal(p.OFPTableMod(peer.datapath, 9, 0, [])) == (8, 0)
