# SPDX-License-Identifier: Apache-2.0
"""Groups of every type and meters of every kind: which packets come out where, and what is counted."""

import collections

import pytest

from support.of_lab import openflow_lab
from support.packets import PRESENT, build

NOBODY = 0xffffffff


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with openflow_lab(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.reset()
    return module_lab


def bucket(c, *actions, weight=0, port=NOBODY, group=NOBODY):
    return c.parser.OFPBucket(weight, port, group, list(actions))


def group(c, kind, number, *buckets, command="ADD"):
    kind = getattr(c.ofp, "OFPGT_" + kind)
    return c.parser.OFPGroupMod(c.datapath, getattr(c.ofp, "OFPGC_" + command), kind, number,
                                list(buckets))


def to_group(c, number):
    return c.parser.OFPActionGroup(number)


def group_row(c, number):
    row, = c.entries(c.parser.OFPGroupStatsRequest(c.datapath, 0, number))
    return (row.packet_count, row.byte_count, row.ref_count,
            [(b.packet_count, b.byte_count) for b in row.bucket_stats])


@pytest.mark.parametrize("way", ["apply", "write"])
def test_all_buckets_get_the_packet_as_it_came_to_the_group(lab, way):
    c = lab.controller
    p = c.parser
    one, two, three = lab.ports
    packet = build("tcp")
    c.do(group(c, "ALL", 1,
               bucket(c, p.OFPActionPushVlan(0x8100), p.OFPActionSetField(vlan_vid=PRESENT | 5),
                      c.output(two)),
               bucket(c, p.OFPActionDecNwTtl(), c.output(three)),
               bucket(c, c.output(c.ofp.OFPP_IN_PORT)),
               bucket(c, c.output(one)), bucket(c)))
    c.do(c.flow({"eth_type": 0x0800}, instructions=[getattr(c, way)(
        p.OFPActionSetField(ipv4_dst="1.1.1.1"), to_group(c, 1))], cookie=1))
    base = build("tcp", ipv4_dst="1.1.1.1")
    lower = build("tcp", ipv4_dst="1.1.1.1", ttl=63)
    tagged = build("vlan-tcp", vlan_vid=PRESENT | 5, vlan_pcp=0, ipv4_dst="1.1.1.1")
    assert lab.send(packet, packet) == [[base] * 2, [tagged] * 2, [lower] * 2]
    size = len(packet)
    assert group_row(c, 1) == (2, 2 * size, 1, [(2, 2 * size)] * 5)
    assert lab.count(1) == 2


def test_a_bucket_is_an_action_set(lab):
    """Of two outputs the last; a group takes the place of an output: 1.3.5, 5.10."""
    c = lab.controller
    one, two, three = lab.ports
    packet = build("tcp")
    c.do(group(c, "INDIRECT", 1, bucket(c, c.output(two), c.output(three))),
         group(c, "INDIRECT", 2, bucket(c, c.output(two), to_group(c, 1))),
         c.flow({}, [to_group(c, 2)]))
    assert lab.send(packet, packet) == [[], [], [packet] * 2]
    lab.install(c.flow({}, instructions=[c.write(c.output(two), to_group(c, 1))]))
    assert lab.send(packet, packet) == [[], [], [packet] * 2]
    lab.install(c.flow({}, [to_group(c, 1), c.output(two), to_group(c, 1)]))
    assert lab.send(packet) == [[], [packet], [packet] * 2]


def test_groups_behind_groups(lab):
    c = lab.controller
    p = c.parser
    _, two, three = lab.ports
    packet = build("udp")
    c.do(group(c, "ALL", 10, bucket(c, c.output(two)), bucket(c, c.output(three))),
         group(c, "INDIRECT", 11, bucket(c, p.OFPActionSetField(udp_dst=9), to_group(c, 10))),
         group(c, "ALL", 12, bucket(c, to_group(c, 11)), bucket(c, c.output(two))),
         c.flow({"eth_type": 0x0800, "ip_proto": 17}, [to_group(c, 12)]))
    changed = build("udp", udp_dst=9)
    assert [sorted(got) for got in lab.send(packet)] == [[], sorted([changed, packet]), [changed]]
    assert [group_row(c, n)[0] for n in (10, 11, 12)] == [1, 1, 1]


def many(count):
    return [build("udp", udp_src=1000 + n, ipv4_src=f"10.0.{n >> 8}.{n & 255}")
            for n in range(count)]


def test_select_keeps_a_flow_to_its_bucket_and_weights_count(lab):
    c = lab.controller
    _, two, three = lab.ports
    c.do(group(c, "SELECT", 1, bucket(c, c.output(two), weight=3),
               bucket(c, c.output(three), weight=1), bucket(c, c.output(c.ofp.OFPP_IN_PORT))),
         c.flow({}, [to_group(c, 1)]))
    packets = many(240)
    first = lab.send(*packets)
    assert [len(got) for got in first][0] == 0  # a weight of 0 gets none
    assert sum(len(got) for got in first) == 240
    assert 140 < len(first[1]) < 220  # 180, by six times the deviation
    assert lab.send(*packets) == first
    rows = group_row(c, 1)
    assert rows[0] == 480 and [b[0] for b in rows[3]] == [2 * len(first[1]),
                                                             2 * len(first[2]), 0]


def port_mod(lab, at, down):
    c = lab.controller
    flag = c.ofp.OFPPC_PORT_DOWN
    c.do(c.parser.OFPPortMod(c.datapath, lab.ports[at], f"52:54:00:00:00:0{at + 1}",
                             flag if down else 0, flag, 0))


@pytest.mark.parametrize("kind", ["FF", "SELECT"])
def test_buckets_that_are_not_live_get_nothing(lab, kind):
    c = lab.controller
    _, two, three = lab.ports
    weight = int(kind == "SELECT")
    packets = many(40)
    c.do(group(c, kind, 1, bucket(c, c.output(two), port=two, weight=weight),
               bucket(c, c.output(three), port=three, weight=weight)),
         c.flow({}, [to_group(c, 1)]))
    if kind == "FF":
        assert lab.send(*packets) == [[], packets, []]
    port_mod(lab, 1, True)
    got = lab.send_without_marker_at(1, *packets)
    assert got == [[], [], packets]
    port_mod(lab, 1, False)
    port_mod(lab, 2, True)
    assert lab.send_without_marker_at(2, *packets) == [[], packets, []]
    port_mod(lab, 2, False)


def test_failover_by_groups(lab):
    c = lab.controller
    _, two, three = lab.ports
    packet = build("tcp")
    c.do(group(c, "FF", 1, bucket(c, c.output(two), port=two)),
         group(c, "FF", 2, bucket(c, to_group(c, 1), group=1),
               bucket(c, c.output(three), port=three)),
         c.flow({}, [to_group(c, 2)]))
    assert lab.send(packet, packet) == [[], [packet] * 2, []]
    port_mod(lab, 1, True)
    assert lab.send_without_marker_at(1, packet, packet) == [[], [], [packet] * 2]
    port_mod(lab, 1, False)
    assert lab.send(packet, packet) == [[], [packet] * 2, []]


def test_groups_change_under_traffic(lab):
    c = lab.controller
    _, two, three = lab.ports
    packet = build("tcp")
    c.do(group(c, "ALL", 1, bucket(c, c.output(two))), c.flow({}, [to_group(c, 1)], cookie=1))
    assert lab.send(packet) == [[], [packet], []]
    c.do(group(c, "SELECT", 1, bucket(c, c.output(three), weight=1), command="MODIFY"))
    assert lab.send(packet) == [[], [], [packet]]
    c.do(group(c, "ALL", 1, command="MODIFY"))
    assert lab.send(packet) == [[], [], []]
    assert lab.count(1) == 3
    c.do(group(c, "ALL", 1, command="DELETE"))
    assert [row.cookie for row in c.flows()] == [0xfeed]


def test_groups_are_told_of_as_they_were_said(lab):
    c = lab.controller
    p = c.parser
    _, two, three = lab.ports
    said = group(c, "SELECT", 9, bucket(c, c.output(two, 0xffe5), p.OFPActionDecNwTtl(), weight=5),
                 bucket(c, p.OFPActionSetField(eth_src="02:00:00:00:00:01"), c.output(three, 3),
                        weight=7, port=three))
    c.do(said)
    told, = c.entries(p.OFPGroupDescStatsRequest(c.datapath, 0))
    assert (told.type, told.group_id) == (said.type, 9)
    assert [str(b) for b in told.buckets] == [str(b) for b in said.buckets]


# ---- meters


def meter(c, number, flags, *bands, command="ADD"):
    return c.parser.OFPMeterMod(c.datapath, getattr(c.ofp, "OFPMC_" + command), flags, number,
                                list(bands))


def metered(c, number, *actions):
    return [c.parser.OFPInstructionMeter(number), c.apply(*actions)]


def meter_row(c, number):
    row, = c.entries(c.parser.OFPMeterStatsRequest(c.datapath, 0, number))
    return (row.packet_in_count, row.byte_in_count, row.flow_count,
            [(b.packet_band_count, b.byte_band_count) for b in row.band_stats])


@pytest.mark.parametrize("unit, burst", [("pktps", 5), ("kbps", 10)])
def test_a_meter_drops_what_is_beyond_its_burst(lab, unit, burst):
    """10 kb are ten packets of 114 bytes and a bit; what a second brings may come to it."""
    c = lab.controller
    packet = build("tcp")
    flags = (c.ofp.OFPMF_PKTPS if unit == "pktps" else c.ofp.OFPMF_KBPS) | c.ofp.OFPMF_BURST | 8
    c.do(meter(c, 1, flags, c.parser.OFPMeterBandDrop(1, burst)),
         c.flow({"eth_type": 0x0800}, instructions=metered(c, 1, c.output(lab.ports[1])),
                cookie=1))
    got = lab.send(*[packet] * 60)[1]
    assert burst <= len(got) <= burst + 5 and set(got) == {packet}
    row = meter_row(c, 1)
    assert row[:3] == (60, 60 * len(packet), 1)
    assert row[3] == [(60 - len(got), (60 - len(got)) * len(packet))]
    assert lab.count(1) == 60


@pytest.mark.parametrize("kind, dscp, level, wanted", [
    ("tcp", 10, 1, 12), ("tcp", 10, 2, 14), ("tcp", 12, 1, 14), ("tcp", 14, 1, 14),
    ("udp6", 10, 1, 12), ("udp6", 34, 1, 36), ("vlan-tcp", 18, 1, 20), ("tcp", 0, 1, 0),
    ("tcp", 46, 1, 46), ("sctp6", 26, 2, 30)])
def test_a_meter_raises_the_drop_precedence(lab, kind, dscp, level, wanted):
    c = lab.controller
    packet = build(kind, ip_dscp=dscp)
    flags = c.ofp.OFPMF_PKTPS | c.ofp.OFPMF_BURST
    c.do(meter(c, 1, flags, c.parser.OFPMeterBandDscpRemark(1, 2, level)),
         c.flow({}, instructions=metered(c, 1, c.output(lab.ports[1])), priority=1))
    got = collections.Counter(lab.send(*[packet] * 20)[1])
    remarked = build(kind, ip_dscp=wanted)
    assert set(got) <= {packet, remarked} and sum(got.values()) == 20
    assert got[remarked] >= 15


def test_the_band_of_the_highest_rate_that_is_exceeded_acts(lab):
    c = lab.controller
    packet = build("tcp", ip_dscp=10)
    flags = c.ofp.OFPMF_PKTPS | c.ofp.OFPMF_BURST
    c.do(meter(c, 1, flags, c.parser.OFPMeterBandDscpRemark(1, 5, 1),
               c.parser.OFPMeterBandDrop(2, 20)),
         c.flow({}, instructions=metered(c, 1, c.output(lab.ports[1])), priority=1))
    got = lab.send(*[packet] * 50)[1]
    plain = got.count(packet)
    remarked = got.count(build("tcp", ip_dscp=12))
    assert plain + remarked == len(got)
    assert 5 <= plain <= 8 and 20 <= len(got) <= 26
    rows = meter_row(c, 1)[3]
    assert [n for n, _ in rows] == [remarked, 50 - len(got)]


def test_a_meter_is_shared_changed_and_taken_away_with_its_flows(lab):
    c = lab.controller
    flags = c.ofp.OFPMF_PKTPS | c.ofp.OFPMF_BURST
    c.do(meter(c, 1, flags, c.parser.OFPMeterBandDrop(1, 10)),
         c.flow({"eth_type": 0x0800}, instructions=metered(c, 1, c.output(lab.ports[1]))),
         c.flow({"eth_type": 0x86dd}, instructions=metered(c, 1, c.output(lab.ports[2]))))
    got = lab.send(*[build("tcp"), build("udp6")] * 20)
    assert 10 <= len(got[1]) + len(got[2]) <= 13
    assert meter_row(c, 1)[0] == 40 and meter_row(c, 1)[2] == 2
    c.do(meter(c, 1, flags, c.parser.OFPMeterBandDrop(1, 1000), command="MODIFY"))
    packets = [build("tcp")] * 50
    assert lab.send(*packets) == [[], packets, []]
    c.do(meter(c, 1, 0, command="DELETE"))
    assert [row.cookie for row in c.flows()] == [0xfeed]
