#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check_words.py OPENFLOW_SAY: what we say in each version of OpenFlow is what others hear.

OPENFLOW_SAY writes every message of a switch with numbers that say where they are (say.c).  The
parsers of os-ken (python3-os-ken) and of Open vSwitch (openvswitch-common) read them.
"""

import struct
import subprocess
import sys
import tempfile

from os_ken.ofproto import ofproto_parser, ofproto_protocol

XID = 0x11223344
COOKIE = 0x1122334455667788
OLD, NEW = 1, 4  # 1.0; 1.3 and later


def split(stream):
    """The messages of a stream, each with its header."""
    while stream:
        length = struct.unpack_from("!H", stream, 2)[0]
        assert 8 <= length <= len(stream), "a length beyond what is there"
        yield stream[:length]
        stream = stream[length:]


def heard(version, message):
    dp = ofproto_protocol.ProtocolDesc(version=version)
    _, kind, length, xid = ofproto_parser.header(message)
    result = ofproto_parser.msg(dp, version, kind, length, xid, message)
    assert result is not None and xid == XID, message[:16].hex()
    return result


class Words:
    """Messages in the order in which they were said, taken one by one."""

    def __init__(self, version, stream):
        self.version = version
        self.messages = [heard(version, m) for m in split(stream)]

    def take(self, name):
        message = self.messages.pop(0)
        found = type(message).__name__
        assert found == name, f"version {self.version}: {found}, not {name}"
        return message

    def body(self, name):
        """Of an answer of one message."""
        message = self.take(name)
        assert message.flags == 0
        return message.body


def same(thing, **expected):
    for key, value in expected.items():
        got = getattr(thing, key)
        got = got.rstrip(b"\0") if isinstance(got, bytes) else got
        assert got == value, f"{type(thing).__name__}.{key}: {got!r}, not {value!r}"


# ---- one part of say.c each -----------------------------------------------------------------------

def check_basics(words):
    v = words.version
    hello = words.take("OFPHello")
    if v != OLD:
        same(hello.elements[0], versions=[1, 4, 5])
    same(words.take("OFPErrorMsg"), type=3 if v == OLD else 5, code=1 if v == OLD else 3,
         data=bytes.fromhex("0402000c0000000901020304"))
    same(words.take("OFPErrorMsg"), type=0, code=0, data=b"no version in common")
    same(words.take("OFPEchoRequest"), data=b"ping")
    same(words.take("OFPEchoReply"), data=bytes.fromhex("0402000c0000000901020304"))
    features = words.take("OFPSwitchFeatures")
    same(features, datapath_id=COOKIE, n_buffers=256, n_tables=254,
         capabilities=0xc1 if v == OLD else 0x49)
    if v == OLD:
        same(features, actions=0xfff)
        assert sorted(features.ports) == [3, 0xfffe]
        check_port(v, features.ports[3])
    same(words.take("OFPGetConfigReply"), flags=1, miss_send_len=256)
    words.take("OFPBarrierReply")


def check_port(version, port):
    same(port, port_no=3, hw_addr="02:00:00:00:00:03", name=b"web-1-with-a-lo",
         config=0x11 if version == OLD else 1, state=1)
    if version == OLD:
        same(port, curr=0x140, advertised=0x440, supported=0xa0, peer=0x200)
        return
    ethernet = port if version == NEW else port.properties[0]
    same(ethernet, curr=0x1040, advertised=0x4040, supported=0x820, peer=0x2000,
         curr_speed=10000000, max_speed=20000000)


def check_match(version, match):
    if version == OLD:
        same(match, in_port=3, dl_type=0x800, nw_proto=6, nw_dst=10 << 24, tp_dst=80)
        assert match.wildcards == 0x3820ff & ~(1 | 0x10 | 0x20 | 0x80) & ~(0x3f << 14) | 24 << 14
        return
    assert dict(match.items()) == {"in_port": 3, "eth_type": 0x800, "ip_proto": 6, "tcp_dst": 80,
                                   "ipv4_dst": ("10.0.0.0", "255.0.0.0")}, match


def check_events(words):
    v = words.version
    packet = words.take("OFPPacketIn")
    same(packet, buffer_id=0x77, total_len=1500, reason=1)
    assert packet.data == bytes([1, 2, 3]) + bytes(17)
    if v == OLD:
        same(packet, in_port=3)
    else:
        same(packet, table_id=4, cookie=0x8899)
        assert dict(packet.match.items()) == {"in_port": 3, "metadata": 0x55, "reg1": 0x66}
    removed = words.take("OFPFlowRemoved")
    same(removed, cookie=COOKIE, priority=1005, reason=1, duration_sec=1003, duration_nsec=1004,
         idle_timeout=1006, packet_count=1001, byte_count=1002)
    check_match(v, removed.match)
    status = words.take("OFPPortStatus")
    same(status, reason=2)
    check_port(v, status.desc)
    check_roles(words)


def check_roles(words):
    v = words.version
    if v == OLD:
        same(words.take("OFPVendor").data, role=2)
        return
    same(words.take("OFPRoleReply"), role=3, generation_id=0x123456789)
    if v == NEW:
        return
    same(words.take("OFPRoleStatus"), role=2, reason=0, generation_id=0x123456789)
    status = words.take("OFPTableStatus")
    same(status, reason=4)
    check_table_desc(status.table)


def check_table_desc(table):
    same(table, table_id=3, config=0xc)
    same(table.properties[0], flags=2)
    same(table.properties[1], vacancy_down=20, vacancy_up=80, vacancy=50)


def check_settings(words):
    v = words.version
    if v != OLD:
        check_async(v, words.take("OFPGetAsyncReply"))
        bundle = words.messages.pop(0)
        same(bundle, **({"bundle_id": 5, "type": 5, "flags": 3} if v > NEW else
                        {"experimenter": 0x4f4e4600, "exp_type": 2300}))
    if v > NEW:
        return
    reply = words.take("OFPQueueGetConfigReply")
    same(reply, port=3)
    same(reply.queues[0], queue_id=7)
    same(reply.queues[0].properties[0], property=1, rate=120)
    if v == NEW:
        same(reply.queues[0], port=3)
        same(reply.queues[0].properties[1], property=2, rate=130)


def check_async(version, reply):
    if version == NEW:
        same(reply, packet_in_mask=[10, 20], port_status_mask=[11, 21],
             flow_removed_mask=[12, 22])
        return
    assert {p.type: p.mask for p in reply.properties} == {
        2 * kind + (who == 10): who + kind for kind in range(6) for who in (10, 20)}


def check_flow(version, flow):
    same(flow, table_id=3, duration_sec=1003, duration_nsec=1004, priority=1005,
         idle_timeout=1006, hard_timeout=1007, cookie=COOKIE, packet_count=1001, byte_count=1002)
    check_match(version, flow.match)
    if version == OLD:
        check_actions(version, flow.actions)
        return
    same(flow, flags=5)
    if version > NEW:
        same(flow, importance=1008)
    meter, apply, write, metadata, goto = flow.instructions
    same(meter, meter_id=5)
    check_actions(version, apply.actions)
    same(write, type=3)
    same(write.actions[0], group_id=7)
    same(metadata, metadata=0x10, metadata_mask=0xf0)
    same(goto, table_id=9)


def check_actions(version, actions):
    if version == OLD:
        same(actions[0], dl_addr=bytes.fromhex("020000000009"))
    else:
        same(actions[0], key="eth_dst", value="02:00:00:00:00:09")
    same(actions[1], port=2, max_len=128)
    same(actions[2], port=0xfffd if version == OLD else 0xfffffffd, max_len=0xffff)
    assert len(actions) == 3


def check_flows(words):
    flows = words.body("OFPFlowStatsReply")
    assert len(flows) == 2
    for flow in flows:
        check_flow(words.version, flow)
    aggregate = words.body("OFPAggregateStatsReply")
    same(aggregate[0] if words.version == OLD else aggregate, packet_count=1501, byte_count=1502,
         flow_count=1503)
    assert words.body("OFPFlowStatsReply") == []
    seen, more = 0, True
    while more:  # 1,000 flows do not fit in one message
        part = words.take("OFPFlowStatsReply")
        seen, more = seen + len(part.body), part.flags == 1
        check_flow(words.version, part.body[-1])
    assert seen == 1000


def check_ports(words):
    v = words.version
    desc = words.body("OFPDescStatsReply")
    same(desc, mfr_desc=b"maker", hw_desc=b"hardware",
         sw_desc=b"software", serial_num=b"serial", dp_desc=b"path")
    port = words.body("OFPPortStatsReply")[0]
    names = ["rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_dropped", "tx_dropped",
             "rx_errors", "tx_errors"]
    line = ["rx_frame_err", "rx_over_err", "rx_crc_err", "collisions"]
    same(port, port_no=3, **{name: 1603 + nr for nr, name in enumerate(names)})
    same(port.properties[0] if v > NEW else port, **{n: 1611 + nr for nr, n in enumerate(line)})
    if v != OLD:
        same(port, duration_sec=1601, duration_nsec=1602)
    table = words.body("OFPTableStatsReply")[0]
    same(table, table_id=3, active_count=1103, lookup_count=1101, matched_count=1102)
    if v == OLD:
        same(table, name=b"three", max_entries=1104, wildcards=0x3fffff)
    queue = words.body("OFPQueueStatsReply")[0]
    same(queue, port_no=3, queue_id=7, tx_bytes=1201, tx_packets=1202, tx_errors=1203)
    if v != OLD:
        same(queue, duration_sec=1204, duration_nsec=1205)


def check_groups(words):
    group = words.body("OFPGroupStatsReply")[0]
    same(group, group_id=8, ref_count=1305, packet_count=1306, byte_count=1307,
         duration_sec=1308, duration_nsec=1309)
    same(group.bucket_stats[1], packet_count=1303, byte_count=1304)
    desc = words.body("OFPGroupDescStatsReply")[0]
    same(desc, type=1, group_id=8)
    same(desc.buckets[0], weight=4, watch_port=1, watch_group=0xffffffff)
    same(desc.buckets[1], weight=5, watch_port=0xffffffff, watch_group=6)
    same(desc.buckets[0].actions[0], port=2)
    same(desc.buckets[1].actions[0], group_id=7)
    same(words.body("OFPGroupFeaturesStatsReply"), types=15, capabilities=3,
         max_groups=[1, 2, 3, 4], actions=[1, 1 << 22, 0, 0])


def check_meters(words):
    meter = words.body("OFPMeterStatsReply")[0]
    same(meter, meter_id=9, flow_count=1409, packet_in_count=1410, byte_in_count=1411,
         duration_sec=1412, duration_nsec=1413)
    same(meter.band_stats[1], packet_band_count=1407, byte_band_count=1408)
    config = words.body("OFPMeterConfigStatsReply")[0]
    same(config, flags=5, meter_id=9)
    same(config.bands[0], type=1, rate=1401, burst_size=1402)
    same(config.bands[1], type=2, rate=1403, burst_size=1404, prec_level=2)
    features = words.body("OFPMeterFeaturesStatsReply")[0]
    same(features, max_meter=1701, band_types=6, capabilities=15, max_bands=17, max_color=3)


def check_tables(words):
    table = words.body("OFPTableFeaturesStatsReply")[0]
    same(table, table_id=3, name=b"three", metadata_match=15, metadata_write=240,
         max_entries=1801)
    p = {p.type: p for p in table.properties}
    assert sorted(p) == list(range(0, 16, 2))
    assert [i.type for i in p[0].instruction_ids] == [1, 6]
    assert p[2].table_ids == [4, 5, 192]
    assert [a.type for a in p[4].action_ids] == [22]
    assert [a.type for a in p[6].action_ids] == [0]
    assert [(o.type, bool(o.hasmask)) for o in p[8].oxm_ids] == [("in_port", False),
                                                                 ("eth_dst", True)]
    assert [o.type for o in p[10].oxm_ids] == ["eth_dst"]
    assert [o.type for o in p[14].oxm_ids] == ["tcp_dst"]
    ports = words.body("OFPPortDescStatsReply")
    check_port(words.version, ports[0])
    assert ports[1].port_no == 0xfffffffe
    if words.version > NEW:
        check_table_desc(words.body("OFPTableDescStatsReply")[0])
        queue = words.body("OFPQueueDescStatsReply")[0]
        same(queue, port_no=3, queue_id=7)
        assert [p.rate for p in queue.properties] == [120, 130]


def check_os_ken(version, stream):
    words = Words(version, stream)
    for check in [check_basics, check_events, check_settings, check_flows, check_ports]:
        check(words)
    if version != OLD:
        for check in [check_groups, check_meters, check_tables]:
            check(words)
    assert not words.messages


# ---- Open vSwitch ---------------------------------------------------------------------------------

PRINTED = {
    "priority=1005,tcp,in_port=3,nw_dst=10.0.0.0/8,tp_dst=80": (OLD, NEW, 5),
    "cookie:0x1122334455667788": (OLD, NEW, 5),
    "dpid:1122334455667788": (OLD, NEW, 5),
    "goto_table:9": (NEW, 5),
    "importance=1008": (5,),
    "bucket=weight:4,watch_port:1,actions=output:2": (NEW, 5),
    "eviction=on": (5,),
    "OFPFMFC_OVERLAP": (OLD, NEW, 5),
    "COMMIT_REPLY": (NEW, 5),
}


def check_ovs(version, stream):
    with tempfile.NamedTemporaryFile() as file:
        file.write(stream)
        file.flush()
        done = subprocess.run(["ovs-ofctl", "ofp-parse", file.name], capture_output=True,
                              text=True, timeout=30, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-500:]
    for wrong in ("***", "decode error", "WARN", "trailing garbage"):
        at = said.find(wrong)
        assert at < 0, f"version {version}: {said[max(0, at - 300):at + 200]}"
    for text, versions in PRINTED.items():
        assert version not in versions or text in said, f"version {version}: no {text!r}"


def main(program):
    for version in (1, 4, 5):
        stream = subprocess.run([program, str(version)], stdout=subprocess.PIPE, timeout=60,
                                check=True).stdout
        check_os_ken(version, stream)
        check_ovs(version, stream)
    print("openflow words: os-ken and Open vSwitch hear what is said in 1.0, 1.3 and 1.4")


if __name__ == "__main__":
    main(sys.argv[1])
