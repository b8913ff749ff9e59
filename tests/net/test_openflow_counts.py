# SPDX-License-Identifier: Apache-2.0
"""Flows are changed, removed, counted and told of as OpenFlow 1.3.5, 6.4 and 6.5 have it."""

import pytest

from support.of_lab import openflow_lab
from support.packets import build
from support.patience import wait_for

IPV4 = {"eth_type": 0x0800}
TCP = {**IPV4, "ip_proto": 6}
UDP = {**IPV4, "ip_proto": 17}
ALL_BITS = 2**64 - 1


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with openflow_lab(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.reset()
    return module_lab


def cookies(rows):
    return sorted(row.cookie for row in rows if row.cookie != 0xfeed)


def row_of(c, cookie):
    row, = c.flows(cookie=cookie, cookie_mask=ALL_BITS)
    return row


def counts(c, cookie):
    row = row_of(c, cookie)
    return row.packet_count, row.byte_count


# ---- adding, changing, taking away


def test_a_flow_that_takes_anothers_place(lab):
    c = lab.controller
    packet = build("tcp")
    c.do(c.flow(TCP, [c.output(lab.ports[1])], cookie=1, priority=9))
    lab.send(packet, packet)
    c.do(c.flow(TCP, [c.output(lab.ports[2])], cookie=2, priority=9, idle_timeout=60))
    assert counts(c, 2) == (2, 2 * len(packet))
    assert cookies(c.flows()) == [2]
    assert lab.send(packet) == [[], [], [packet]]
    assert counts(c, 2) == (3, 3 * len(packet)) and row_of(c, 2).idle_timeout == 60
    c.do(c.flow(TCP, [c.output(lab.ports[1])], cookie=3, priority=9,
                flags=c.ofp.OFPFF_RESET_COUNTS))
    assert counts(c, 3) == (0, 0)
    c.do(c.flow(TCP, [], cookie=4, priority=10))
    assert cookies(c.flows()) == [3, 4]


def test_flows_are_modified(lab):
    c = lab.controller
    ofp = c.ofp
    packet = build("tcp")
    c.do(c.flow(TCP, [c.output(lab.ports[1])], cookie=1, priority=9, hard_timeout=90),
         c.flow(UDP, [c.output(lab.ports[1])], cookie=2, priority=8),
         c.flow({}, [], cookie=3, priority=1))
    lab.send(packet)
    c.do(c.flow(IPV4, [c.output(lab.ports[2])], command=ofp.OFPFC_MODIFY, cookie=77, priority=1,
                hard_timeout=5))
    assert cookies(c.flows()) == [1, 2, 3]  # neither cookies nor timeouts are changed
    assert counts(c, 1) == (1, len(packet)) and row_of(c, 1).hard_timeout == 90
    assert lab.send(packet, build("udp")) == [[], [], [packet, build("udp")]]
    c.do(c.flow(TCP, [c.output(lab.ports[1])], command=ofp.OFPFC_MODIFY_STRICT, priority=8))
    assert lab.send(packet) == [[], [], [packet]]
    c.do(c.flow(TCP, [c.output(lab.ports[1])], command=ofp.OFPFC_MODIFY_STRICT, priority=9,
                flags=ofp.OFPFF_RESET_COUNTS))
    assert counts(c, 1) == (0, 0)
    assert lab.send(packet) == [[], [packet], []]
    # what modifies nothing adds nothing
    c.do(c.flow({"eth_type": 0x86dd}, [], command=ofp.OFPFC_MODIFY, cookie=9))
    c.do(c.flow({"eth_type": 0x86dd}, [], command=ofp.OFPFC_MODIFY_STRICT, cookie=9))
    assert cookies(c.flows()) == [1, 2, 3]
    # a cookie and a mask say which of them
    c.do(c.flow({}, [], command=ofp.OFPFC_MODIFY, cookie=2, cookie_mask=3))
    assert lab.send(build("udp"), packet) == [[], [packet], []]


@pytest.mark.parametrize("match, strict, more, left", [
    ({}, False, {}, []),
    (IPV4, False, {}, [4, 5]),
    (TCP, False, {}, [2, 3, 4, 5]),
    ({"eth_type": 0x86dd}, False, {}, [1, 2, 3, 4]),
    (IPV4, True, {"priority": 3}, [1, 2, 4, 5]),
    (IPV4, True, {"priority": 4}, [1, 2, 3, 4, 5]),
    ({**TCP, "tcp_dst": 80}, False, {}, [1, 2, 3, 4, 5]),
    ({}, False, {"out_port": 1}, [2, 3, 5]),
    ({}, False, {"out_group": 6}, [1, 3, 4, 5]),
    ({}, False, {"out_port": 1, "out_group": 6}, [1, 2, 3, 4, 5]),
    ({}, False, {"cookie": 1, "cookie_mask": 1}, [2, 4]),
    ({}, False, {"cookie": 4, "cookie_mask": 6}, [1, 2, 3]),
    ({}, False, {"table_id": 7}, [1, 2, 3, 4]),
    ({}, False, {"table_id": 8}, [1, 2, 3, 4, 5]),
], ids=str)
def test_flows_are_deleted_and_listed_by_the_same_words(lab, match, strict, more, left):
    c = lab.controller
    ofp, p = c.ofp, c.parser
    one, two, _ = lab.ports
    c.do(p.OFPGroupMod(c.datapath, ofp.OFPGC_ADD, ofp.OFPGT_ALL, 6,
                       [p.OFPBucket(0, ofp.OFPP_ANY, ofp.OFPG_ANY, [c.output(two)])]))
    c.do(c.flow(TCP, [c.output(one)], cookie=1, priority=1),
         c.flow(UDP, [p.OFPActionGroup(6)], cookie=2, priority=2),
         c.flow(IPV4, [c.output(two)], cookie=3, priority=3),
         c.flow({}, instructions=[c.write(c.output(one))], cookie=4, priority=4),
         c.flow({"eth_type": 0x86dd}, [], cookie=5, priority=5, table_id=7))
    more = {name: one if name == "out_port" else value for name, value in more.items()}
    if not strict:
        filters = {name: value for name, value in more.items() if name != "priority"}
        listed = cookies(c.flows(match=match, **filters))
        assert listed == sorted({1, 2, 3, 4, 5} - set(left))
        asked = {"table_id": ofp.OFPTT_ALL, "out_port": ofp.OFPP_ANY, "out_group": ofp.OFPG_ANY,
                 "cookie": 0, "cookie_mask": 0, **filters}
        told, = c.entries(p.OFPAggregateStatsRequest(c.datapath, 0, match=p.OFPMatch(**match),
                                                     **asked))
        markers = len(c.flows(match=match, **filters)) - len(listed)
        assert told.flow_count == 5 - len(left) + markers
    command = ofp.OFPFC_DELETE_STRICT if strict else ofp.OFPFC_DELETE
    c.do(c.flow(match, command=command, **{"table_id": 0 if strict else ofp.OFPTT_ALL, **more}))
    assert cookies(c.flows()) == left


def test_a_flow_is_told_of_as_it_was_said(lab):
    """Orders, lengths and flags included: so os-ken's switch tester knows its flow again."""
    c = lab.controller
    p, ofp = c.parser, c.ofp
    c.do(p.OFPMeterMod(c.datapath, ofp.OFPMC_ADD, 0, 4, [p.OFPMeterBandDrop(100, 7),
                                                         p.OFPMeterBandDscpRemark(50, 3, 2)]))
    said = c.flow({**TCP, "in_port": lab.ports[0], "eth_dst": ("02:00:00:00:00:00",
                                                               "ff:ff:00:00:00:00"),
                   "vlan_vid": 0x1005, "vlan_pcp": 3, "tcp_dst": 80, "ip_dscp": 5},
                  instructions=[
                      p.OFPInstructionMeter(4),
                      c.apply(c.output(lab.ports[1], 0xffe5), p.OFPActionPopVlan(),
                              p.OFPActionSetField(tcp_dst=5), p.OFPActionSetQueue(3),
                              c.output(ofp.OFPP_CONTROLLER, 77), p.OFPActionDecNwTtl()),
                      c.write(c.output(lab.ports[2], 9), p.OFPActionSetField(eth_src="02:00:00:00:00:04"),
                              p.OFPActionPushMpls(0x8847), p.OFPActionPushVlan(0x8100)),
                      p.OFPInstructionWriteMetadata(5, 0xff), p.OFPInstructionGotoTable(9)],
                  priority=3, cookie=8, idle_timeout=100, hard_timeout=200, flags=0b11100)
    c.do(said)
    told = row_of(c, 8)
    for name in ("table_id", "priority", "idle_timeout", "hard_timeout", "flags", "cookie"):
        assert getattr(told, name) == getattr(said, name), name
    assert dict(told.match.items()) == dict(said.match.items())
    assert sorted(map(str, told.instructions)) == sorted(map(str, said.instructions))
    meter, = c.entries(p.OFPMeterConfigStatsRequest(c.datapath, 0, 4))
    assert meter.flags == 0
    assert [(b.type, b.rate, b.burst_size) for b in meter.bands] == [(1, 100, 7), (2, 50, 3)]


# ---- what has gone


def test_what_goes_is_told(lab):
    c = lab.controller
    p, ofp = c.parser, c.ofp
    packet = build("udp6")
    match = {"eth_type": 0x86dd, "ip_proto": 17}
    flags = ofp.OFPFF_SEND_FLOW_REM
    c.do(p.OFPGroupMod(c.datapath, ofp.OFPGC_ADD, ofp.OFPGT_INDIRECT, 3, [
        p.OFPBucket(0, ofp.OFPP_ANY, ofp.OFPG_ANY, [c.output(lab.ports[1])])]))
    took = {
        ofp.OFPRR_DELETE: lambda: c.do(c.flow(match, command=ofp.OFPFC_DELETE)),
        ofp.OFPRR_GROUP_DELETE: lambda: c.do(
            p.OFPGroupMod(c.datapath, ofp.OFPGC_DELETE, 0, 3, [])),
        ofp.OFPRR_HARD_TIMEOUT: lambda: None,
        ofp.OFPRR_IDLE_TIMEOUT: lambda: None,
    }
    for reason in (ofp.OFPRR_DELETE, ofp.OFPRR_HARD_TIMEOUT, ofp.OFPRR_IDLE_TIMEOUT,
                   ofp.OFPRR_GROUP_DELETE):
        idle, hard = int(reason == ofp.OFPRR_IDLE_TIMEOUT), int(reason == ofp.OFPRR_HARD_TIMEOUT)
        c.do(c.flow(match, [p.OFPActionGroup(3)], cookie=reason + 50, priority=44, flags=flags,
                    idle_timeout=idle, hard_timeout=hard))
        lab.send(packet, packet, packet)
        took[reason]()
        told = c.wait_told(p.OFPFlowRemoved, lambda m: m.cookie == reason + 50)
        assert (told.reason, told.cookie, told.priority, told.table_id) == (reason, reason + 50,
                                                                            44, 0)
        assert (told.packet_count, told.byte_count) == (3, 3 * len(packet))
        assert (told.idle_timeout, told.hard_timeout) == (idle, hard)
        assert dict(told.match.items()) == match
        assert told.duration_sec >= idle + hard
    # replaced, or without the flag, nobody is told
    c.do(c.flow(match, [], flags=flags, priority=44), c.flow(match, [], priority=44),
         c.flow(match, command=ofp.OFPFC_DELETE))
    c.do(c.flow(match, [], flags=flags, cookie=99), c.flow(match, command=ofp.OFPFC_DELETE))
    assert c.wait_told(p.OFPFlowRemoved).cookie == 99


@pytest.mark.slow
def test_a_flow_in_use_is_not_idle(lab):
    c = lab.controller
    packet = build("tcp")
    c.do(c.flow(TCP, [c.output(lab.ports[1])], cookie=1, idle_timeout=2, hard_timeout=5))

    def used():
        lab.send(packet)
        return not c.flows(cookie=1, cookie_mask=ALL_BITS)

    told = row_of(c, 1)
    wait_for("the hard timeout", used)
    assert told.duration_sec < 2


# ---- counters


def table_row(c, table):
    rows = c.entries(c.parser.OFPTableStatsRequest(c.datapath, 0))
    return next((row.lookup_count, row.matched_count, row.active_count) for row in rows
                if row.table_id == table)


def port_row(c, port):
    row, = c.entries(c.parser.OFPPortStatsRequest(c.datapath, 0, port))
    return row.rx_packets, row.rx_bytes, row.tx_packets, row.tx_bytes


def test_tables_count_look_ups_and_hits(lab):
    c = lab.controller
    c.do(c.flow(TCP, instructions=[c.parser.OFPInstructionGotoTable(50)]),
         c.flow({**TCP, "tcp_dst": 80}, [c.output(lab.ports[1])], table_id=50))
    before = [table_row(c, n) for n in (0, 50, 51)]
    packets = [build("tcp")] * 5 + [build("udp")] * 3 + [build("tcp", tcp_dst=81)] * 2
    lab.send(*packets)
    after = [table_row(c, n) for n in (0, 50, 51)]
    grown = [tuple(x - y for x, y in zip(a, b)) for a, b in zip(after, before)]
    assert grown == [(12, 9, 0), (7, 5, 0), (0, 0, 0)]  # two markers are of table 0
    assert after[1][2] == 1


def test_ports_count_packets_and_bytes(lab):
    c = lab.controller
    one, two, three = lab.ports
    packet = build("udp6")
    c.do(c.flow({"in_port": one}, [c.output(two)], priority=5))
    markers = 120
    before = [port_row(c, port) for port in lab.ports]
    lab.send(*[packet] * 9)
    after = [port_row(c, port) for port in (one, two, three)]
    grown = [tuple(x - y for x, y in zip(a, b)) for a, b in zip(after, before)]
    assert grown == [(11, 9 * len(packet) + markers, 2, markers),
                     (0, 0, 11, 9 * len(packet) + markers), (0, 0, 2, markers)]


@pytest.mark.parametrize("packets", [1, 2, 65])
def test_flows_count_whatever_becomes_of_their_packets(lab, packets):
    """Dropped, passed by the host, copied by a program, walked one by one, told to the controller."""
    c = lab.controller
    p = c.parser
    sent = {kind: build(kind) for kind in ("tcp", "udp", "arp", "solicit", "vlan-tcp", "ether")}
    c.do(c.flow(TCP, [], cookie=1, priority=5),
         c.flow(UDP, [c.output(lab.ports[1])], cookie=2),
         c.flow({"eth_type": 0x0806, "arp_sha": "02:00:00:00:00:0a"}, [c.output(lab.ports[1])],
                cookie=3),
         c.flow({"eth_type": 0x86dd}, [c.output(lab.ports[1]), c.output(lab.ports[2])], cookie=4),
         c.flow({"eth_type": 0x88b6}, [c.output(c.ofp.OFPP_CONTROLLER)], cookie=5),
         c.flow({**TCP, "vlan_vid": (0x1000, 0x1000)},
                [p.OFPActionPushMpls(0x8847), c.output(lab.ports[1])], cookie=6, priority=6))
    for packet in sent.values():
        lab.send(*[packet] * packets)
    assert [counts(c, n) for n in (1, 2, 3, 4, 5, 6)] == [
        (packets, packets * len(sent[kind]))
        for kind in ("tcp", "udp", "arp", "solicit", "ether", "vlan-tcp")]
