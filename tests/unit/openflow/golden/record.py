#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""record.py: writes of10.hex, of13.hex and of14.hex beside it, a message a line: NAME HEX;
and of these the seeds of tests/fuzz/corpus/of_message and of_match.

What controllers say, said by programs that are not ours: ovs-ofctl (openvswitch-common), which
talks to a switch that this script plays, and os-ken's encoder (python3-os-ken).  Run again when a
message is added; transaction ids are made the same each time.
"""

import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import threading

from os_ken.ofproto import ofproto_protocol

HERE = pathlib.Path(__file__).resolve().parent
VERSIONS = {1: "of10", 4: "of13", 5: "of14"}
XID = 0x11223344

# ---- ovs-ofctl ------------------------------------------------------------------------------------

FLOWS = {
    "exact_tcp": "priority=100,cookie=0x55,idle_timeout=10,hard_timeout=20,in_port=1,"
                 "dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_type=0x800,nw_proto=6,"
                 "nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0x20,tp_src=1000,tp_dst=80,"
                 "actions=output:2",
    "prefixes": "ip,nw_src=10.1.0.0/16,nw_dst=192.168.0.0/24,actions=NORMAL",
    "arp": "arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.0/8,actions=FLOOD",
    "icmp": "icmp,icmp_type=8,icmp_code=0,actions=IN_PORT",
    "vlan": "dl_vlan=5,dl_vlan_pcp=3,actions=strip_vlan,output:3",
    "no_vlan": "vlan_tci=0,actions=ALL",
    "udp": "udp,tp_src=53,actions=CONTROLLER:128",
    "drop": "priority=0,actions=drop",
    "set_mac": "ip,actions=mod_dl_src:02:00:00:00:00:09,mod_dl_dst:02:00:00:00:00:0a,output:1",
    "set_ip": "tcp,actions=mod_nw_src:1.2.3.4,mod_nw_dst:5.6.7.8,mod_nw_tos:32,mod_tp_src:99,"
              "mod_tp_dst:100,LOCAL",
    "set_vlan": "in_port=LOCAL,actions=mod_vlan_vid:7,mod_vlan_pcp:2,output:4",
    "queue": "in_port=3,actions=enqueue:2:7",
    "resubmit": "in_port=4,actions=resubmit(,0),resubmit(5,),load:0x7->NXM_NX_REG1[4..11],"
                "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],output:1",
    "tunnel": "in_port=4,actions=set_tunnel:0x55,set_tunnel64:0x1234567890,output:1",
    "dec_ttl": "ip,actions=dec_ttl,output:1",
    "removed": "send_flow_rem,check_overlap,tcp,actions=output:1",
}

FLOWS_LATER = {
    "goto": "table=3,priority=7,ip,actions=meter:5,dec_ttl,write_metadata:0x1200/0xff00,"
            "goto_table:9",
    "ipv6": "ipv6,ipv6_src=2001:db8::/32,ipv6_dst=2001:db8::1,ipv6_label=0x12345,actions=output:1",
    "nd": "icmp6,icmp_type=135,nd_target=fe80::1,nd_sll=02:00:00:00:00:01,actions=output:1",
    "mpls": "dl_type=0x8847,mpls_label=100,mpls_tc=3,mpls_bos=1,actions=dec_mpls_ttl,"
            "set_mpls_ttl(3),pop_mpls:0x0800,output:1",
    "push_mpls": "ip,actions=push_mpls:0x8847,set_field:77->mpls_label,output:1",
    "push_vlan": "ip,actions=push_vlan:0x8100,set_field:4101->vlan_vid,output:1",
    "masked_mac": "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=output:1",
    "metadata": "metadata=0x10/0xf0,actions=group:3",
    "write": "tcp,actions=clear_actions,write_actions(output:2,set_field:8080->tcp_dst,"
             "set_queue:3,group:4)",
    "tun_id": "tun_id=0x99,reg2=0x5/0xf,tcp,tcp_flags=+syn-ack,actions=output:1",
    "sctp": "sctp,sctp_dst=9,actions=set_field:10->sctp_src,output:1",
    "counts": "reset_counts,no_packet_counts,no_byte_counts,actions=output:1",
    "ecn": "ip,nw_ecn=2,actions=set_field:1->ip_ecn,output:1",
    "any_vlan": "vlan_vid=0x1000/0x1000,actions=pop_vlan,output:1",
    "arp_hw": "arp,arp_sha=02:00:00:00:00:01,arp_tha=02:00:00:00:00:02,"
              "actions=set_field:02:00:00:00:00:03->arp_sha,output:1",
    "load_part": "ip,actions=set_field:02:00:00:00:00:00/ff:00:00:00:00:00->eth_src,output:1",
}


def ofctl_commands(version):
    for name, flow in FLOWS.items():
        if version != 1 or "move" not in flow:
            yield f"add_{name}", ["add-flow", "SWITCH", flow]
    if version != 1:
        for name, flow in FLOWS_LATER.items():
            yield f"add_{name}", ["add-flow", "SWITCH", flow]
    yield "mod", ["mod-flows", "SWITCH", "tcp,actions=output:3"]
    yield "mod_strict", ["--strict", "mod-flows", "SWITCH", "priority=5,tcp,actions=output:3"]
    yield "del", ["del-flows", "SWITCH", "tcp,out_port=2"]
    yield "del_all", ["del-flows", "SWITCH"]
    yield "del_strict", ["--strict", "del-flows", "SWITCH", "priority=5,tcp"]
    yield "dump_flows", ["dump-flows", "SWITCH", "tcp,out_port=3"]
    yield "dump_aggregate", ["dump-aggregate", "SWITCH", "ip"]
    yield "dump_ports", ["dump-ports", "SWITCH"]
    yield "dump_ports_one", ["dump-ports", "SWITCH", "1"]
    yield "dump_tables", ["dump-tables", "SWITCH"]
    yield "dump_desc", ["dump-desc", "SWITCH"]
    yield "dump_ports_desc", ["dump-ports-desc", "SWITCH"]
    yield "queue_stats", ["queue-stats", "SWITCH"]
    yield "queue_config", ["queue-get-config", "SWITCH", "1"]
    yield "show", ["show", "SWITCH"]
    yield "packet_out", ["packet-out", "SWITCH", "in_port=CONTROLLER,packet="
                         "ffffffffffff0200000000010806000108000604000102000000000"
                         "10a0000010000000000000a000002,actions=TABLE"]
    yield "mod_port", ["mod-port", "SWITCH", "1", "no-receive"]
    if version == 1:
        yield "table_id", ["add-flow", "SWITCH", "table=3,tcp,actions=output:1"]
        return
    yield "group_all", ["add-group", "SWITCH", "group_id=1,type=all,bucket=output:1,"
                        "bucket=mod_dl_dst:02:00:00:00:00:07,output:2"]
    yield "group_select", ["add-group", "SWITCH", "group_id=2,type=select,"
                           "bucket=weight:3,output:1,bucket=weight:5,output:2"]
    yield "group_ff", ["add-group", "SWITCH", "group_id=3,type=ff,"
                       "bucket=watch_port:1,output:1,bucket=watch_group:4,group:4"]
    yield "group_mod", ["mod-group", "SWITCH", "group_id=1,type=indirect,bucket=output:7"]
    yield "group_del", ["del-groups", "SWITCH", "group_id=1"]
    yield "group_del_all", ["del-groups", "SWITCH"]
    yield "dump_groups", ["dump-groups", "SWITCH"]
    yield "dump_group_stats", ["dump-group-stats", "SWITCH", "group_id=3"]
    yield "dump_group_features", ["dump-group-features", "SWITCH"]
    yield "meter_add", ["add-meter", "SWITCH", "meter=1,kbps,burst,stats,"
                        "band=type=drop,rate=1000,burst_size=100"]
    yield "meter_mod", ["mod-meter", "SWITCH", "meter=1,pktps,"
                        "band=type=dscp_remark,rate=5,prec_level=1"]
    yield "meter_del", ["del-meter", "SWITCH", "meter=1"]
    yield "meter_del_all", ["del-meters", "SWITCH"]
    yield "dump_meters", ["dump-meters", "SWITCH"]
    yield "meter_stats", ["meter-stats", "SWITCH", "meter=1"]
    yield "meter_features", ["meter-features", "SWITCH"]
    yield "dump_features", ["dump-table-features", "SWITCH"]
    yield "bundle", ["--bundle", "add-flow", "SWITCH", "tcp,actions=output:1"]
    if version == 5:
        yield "table_eviction", ["mod-table", "SWITCH", "2", "evict"]
        yield "table_vacancy", ["mod-table", "SWITCH", "2", "vacancy:20,80"]
        yield "table_desc", ["dump-table-desc", "SWITCH"]
        yield "importance", ["add-flow", "SWITCH", "importance=7,tcp,actions=output:1"]


OFCTL_VERSION = {1: "OpenFlow10", 4: "OpenFlow13", 5: "OpenFlow14"}
HELLO, ECHO_REQUEST, FEATURES_REQUEST, CONFIG_REQUEST = 0, 2, 5, 7


class PlayedSwitch(threading.Thread):
    """Takes connections, writes down what it hears and says what keeps ovs-ofctl going."""

    def __init__(self, path, version):
        super().__init__(daemon=True)
        self.version = version
        self.heard = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                self.talk(connection)
            except OSError:  # it said what it wanted and went
                pass

    def talk(self, connection):
        self.say(connection, HELLO, 0, b"")
        buffered = b""
        while True:
            got = connection.recv(65536)
            if not got:
                return
            buffered += got
            while len(buffered) >= 8:
                length = struct.unpack_from("!H", buffered, 2)[0]
                if len(buffered) < length:
                    break
                message, buffered = buffered[:length], buffered[length:]
                self.heard.append(message)
                self.answer(connection, message)

    def say(self, connection, kind, xid, body):
        connection.sendall(struct.pack("!BBHI", self.version, kind, 8 + len(body), xid) + body)

    def answer(self, connection, message):
        _, kind, _, xid = struct.unpack_from("!BBHI", message)
        port = self.port()
        barrier, stats = (18, 16) if self.version == 1 else (20, 18)
        queue = 20 if self.version == 1 else 22
        if kind == ECHO_REQUEST:
            self.say(connection, 3, xid, message[8:])
        elif kind == FEATURES_REQUEST:
            self.say(connection, 6, xid, struct.pack("!QIBB2xII", 1, 0, 254, 0, 0x4f, 0)
                     + (port if self.version == 1 else b""))
        elif kind == CONFIG_REQUEST:
            self.say(connection, 8, xid, struct.pack("!HH", 0, 128))
        elif kind == barrier:
            self.say(connection, barrier + 1, xid, b"")
        elif kind == stats:
            self.answer_stats(connection, message, xid, port)
        elif kind == queue:
            self.say(connection, queue + 1, xid, message[8:16] if self.version != 1
                     else message[8:10] + bytes(6))
        elif kind == 4 and message[8:16] == struct.pack("!II", 0x2320, 12):
            self.say(connection, 1, xid, struct.pack("!HH", 1, 5) + message)  # formats: as we do
        elif kind == 33 and self.version == 5:
            self.answer_bundle(connection, kind, xid, message[8:])
        elif kind == 4 and message[8:16] == struct.pack("!II", 0x4f4e4600, 2300):
            self.answer_bundle(connection, kind, xid, message[8:])

    def answer_bundle(self, connection, kind, xid, body):
        at = len(body) - 8
        bundle, step, flags = struct.unpack_from("!IHH", body, at)
        self.say(connection, kind, xid, body[:at] + struct.pack("!IHH", bundle, step + 1, flags))

    def answer_stats(self, connection, message, xid, port):
        kind = struct.unpack_from("!H", message, 8)[0]
        head = message[8:10] + bytes(2 if self.version == 1 else 6)
        body = {0: bytes(1056), 2: bytes(24), 8: bytes(40), 11: bytes(16), 13: port,
                12: struct.pack("!HB5x32sQQII", 128, 0, b"0", 0, 0, 0, 9) + b"".join(
                    struct.pack("!HH4x", kind, 4) for kind in (0, 2, 4, 6, 8, 10, 12, 14)),
                14: struct.pack("!HBxI", 8, 0, 0)}.get(kind, b"")
        self.say(connection, 17 if self.version == 1 else 19, xid, head + body)

    def port(self):
        name = b"one".ljust(16, b"\0")
        mac = bytes.fromhex("020000000001")
        if self.version == 1:
            return struct.pack("!H6s16s6I", 1, mac, name, 0, 0, 0, 0, 0, 0)
        if self.version == 4:
            return struct.pack("!I4x6s2x16s8I", 1, mac, name, 0, 0, 0, 0, 0, 0, 0, 0)
        return struct.pack("!IH2x6s2x16sII", 1, 72, mac, name, 0, 0) + struct.pack(
            "!HH4x6I", 0, 32, 0, 0, 0, 0, 0, 0)


def record_ofctl(version):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "switch")
        switch = PlayedSwitch(path, version)
        for name, arguments in ofctl_commands(version):
            switch.heard.clear()
            done = subprocess.run(["ovs-ofctl", "-O", OFCTL_VERSION[version]]
                                  + [f"unix:{path}" if a == "SWITCH" else a for a in arguments],
                                  capture_output=True, text=True, timeout=20, check=False)
            if done.returncode:
                print(f"ovs-ofctl {name} {OFCTL_VERSION[version]}: {done.stderr.strip()[:200]}")
            yield "ofctl_hello", next(m for m in switch.heard if m[1] == HELLO)
            for nr, message in enumerate(m for m in switch.heard if m[1] != HELLO):
                yield f"ofctl_{name}_{nr}", message
        switch.listener.close()


# ---- os-ken ---------------------------------------------------------------------------------------

def osken_messages(version):
    """Messages that ovs-ofctl does not send."""
    dp = ofproto_protocol.ProtocolDesc(version=version)
    p, o = dp.ofproto_parser, dp.ofproto
    yield "echo_request", p.OFPEchoRequest(dp, b"hello")
    yield "set_config", p.OFPSetConfig(dp, 1, 256)
    yield "barrier", p.OFPBarrierRequest(dp)
    yield "features", p.OFPFeaturesRequest(dp)
    yield "get_config", p.OFPGetConfigRequest(dp)
    yield "error", p.OFPErrorMsg(dp, 1, 2, b"12345678")
    if version == 1:
        yield "packet_out", p.OFPPacketOut(dp, 0xffffffff, 3, [p.OFPActionOutput(4, 0)], b"\1" * 60)
        yield "nx_role", p.NXTRoleRequest(dp, 1)
        yield "nx_table_id", p.NXTFlowModTableId(dp, 1)
        return
    yield "role_master", p.OFPRoleRequest(dp, o.OFPCR_ROLE_MASTER, 0x123456789abcdef0)
    yield "get_async", p.OFPGetAsyncRequest(dp)
    out = [p.OFPActionOutput(1, 64)]
    yield "packet_out", p.OFPPacketOut(dp, 0xffffffff, 3, out, b"\1" * 60)
    yield "packet_out_buffer", p.OFPPacketOut(dp, 5, o.OFPP_CONTROLLER, out)
    yield from osken_flows(dp)
    yield "experimenter", p.OFPExperimenter(dp, 0xabcdef, 3, b"\0" * 8)
    yield "group_stats", p.OFPGroupStatsRequest(dp, 0, 7)
    yield "meter_stats", p.OFPMeterStatsRequest(dp, 0, o.OFPM_ALL)
    yield "meter_config", p.OFPMeterConfigStatsRequest(dp, 0, 3)
    yield "table_features", p.OFPTableFeaturesStatsRequest(dp, 0, [features(dp)])
    if version == 4:
        yield "table_mod", p.OFPTableMod(dp, 2, 0)
        yield "set_async", p.OFPSetAsync(dp, [3, 1], [7, 2], [15, 4])
    else:
        yield "set_async", p.OFPSetAsync(dp, [p.OFPAsyncConfigPropReasons(kind, 8, 1 + kind)
                                              for kind in range(12)])
        yield "queue_desc", p.OFPQueueDescStatsRequest(dp, 0, 2, 3)
        yield "bundle_open", p.OFPBundleCtrlMsg(dp, 7, o.OFPBCT_OPEN_REQUEST,
                                                o.OFPBF_ATOMIC | o.OFPBF_ORDERED, [])
        inner = p.OFPFlowMod(dp, priority=3, match=p.OFPMatch(in_port=1), instructions=[])
        inner.set_xid(XID)
        yield "bundle_add", p.OFPBundleAddMsg(dp, 7, o.OFPBF_ATOMIC, inner, [])


def osken_flows(dp):
    p, o = dp.ofproto_parser, dp.ofproto

    def flow(match, actions, **more):
        apply = [p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, actions)]
        return p.OFPFlowMod(dp, match=p.OFPMatch(**match), instructions=apply, **more)

    out = p.OFPActionOutput(2, 128)
    yield "flow_ipv6_ext", flow({"eth_type": 0x86dd, "ipv6_exthdr": (0x40, 0x60),
                                 "ipv6_flabel": 5}, [out])
    yield "flow_nd_tll", flow({"eth_type": 0x86dd, "ip_proto": 58, "icmpv6_type": 136,
                               "ipv6_nd_target": "fe80::2",
                               "ipv6_nd_tll": "02:00:00:00:00:05"}, [out])
    yield "flow_phy", flow({"in_port": 3, "in_phy_port": 4, "tunnel_id": (5, 7)}, [out])
    yield "flow_ttl", flow({"eth_type": 0x8847}, [p.OFPActionCopyTtlOut(), p.OFPActionCopyTtlIn(),
                                                  p.OFPActionSetMplsTtl(9), out])
    yield "flow_nw_ttl", flow({"eth_type": 0x0800}, [p.OFPActionSetNwTtl(7),
                                                     p.OFPActionSetField(ipv4_src="9.8.7.6"), out])
    yield "flow_many", p.OFPFlowMod(
        dp, cookie=1, cookie_mask=2, table_id=4, command=o.OFPFC_MODIFY_STRICT, idle_timeout=3,
        hard_timeout=4, priority=5, buffer_id=6, out_port=7, out_group=8,
        flags=o.OFPFF_SEND_FLOW_REM | o.OFPFF_CHECK_OVERLAP | o.OFPFF_RESET_COUNTS,
        match=p.OFPMatch(in_port=1, metadata=(4, 12), eth_dst="02:00:00:00:00:01",
                         eth_src=("02:00:00:00:00:00", "ff:00:00:00:00:00"), eth_type=0x0800,
                         vlan_vid=0x1005, vlan_pcp=3, ip_dscp=4, ip_ecn=1, ip_proto=17,
                         ipv4_src="10.0.0.1", ipv4_dst=("10.0.0.0", "255.0.0.0"), udp_src=5,
                         udp_dst=6),
        instructions=[p.OFPInstructionMeter(3),
                      p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, [
                          p.OFPActionPopVlan(), p.OFPActionPushVlan(0x88a8),
                          p.OFPActionSetField(vlan_vid=0x1007), p.OFPActionSetQueue(3),
                          p.OFPActionDecNwTtl(), p.OFPActionGroup(9), out]),
                      p.OFPInstructionActions(o.OFPIT_CLEAR_ACTIONS, []),
                      p.OFPInstructionActions(o.OFPIT_WRITE_ACTIONS, [
                          p.OFPActionSetField(udp_dst=99), out]),
                      p.OFPInstructionWriteMetadata(0x10, 0xf0),
                      p.OFPInstructionGotoTable(5)])


def features(dp):
    p, o = dp.ofproto_parser, dp.ofproto
    return p.OFPTableFeaturesStats(
        table_id=3, name=b"three", metadata_match=15, metadata_write=240, max_entries=1000, config=0,
        properties=[
            p.OFPTableFeaturePropInstructions(
                type_=o.OFPTFPT_INSTRUCTIONS,
                instruction_ids=[p.OFPInstructionId(1), p.OFPInstructionId(4)]),
            p.OFPTableFeaturePropNextTables(type_=o.OFPTFPT_NEXT_TABLES, table_ids=[4, 5, 200]),
            p.OFPTableFeaturePropActions(type_=o.OFPTFPT_APPLY_ACTIONS,
                                         action_ids=[p.OFPActionId(0), p.OFPActionId(25)]),
            p.OFPTableFeaturePropOxm(type_=o.OFPTFPT_MATCH, oxm_ids=[
                p.OFPOxmId("in_port"), p.OFPOxmId("eth_dst", hasmask=True)]),
            p.OFPTableFeaturePropOxm(type_=o.OFPTFPT_APPLY_SETFIELD_MISS, oxm_ids=[
                p.OFPOxmId("tcp_dst")]),
        ])


def record_osken(version):
    for name, message in osken_messages(version):
        message.set_xid(XID)
        message.serialize()
        yield f"osken_{name}", bytes(message.buf)


def with_xid(message):
    """The same transaction in each recording, in a bundled message too."""
    xid = struct.pack("!I", XID)
    result = message[:4] + xid + message[8:]
    at = 16 if message[:2] == b"\5\x22" else 24 if message[8:16] == b"ONF\0\0\0\x08\xfd" else 0
    if at:
        result = result[:at + 4] + xid + result[at + 8:]
    return result


CORPUS = HERE.parents[2] / "fuzz" / "corpus"
FLOW_MOD = 14


def write_seeds(version, name, message):
    """Of 1.0 and 1.3 all but what is much the same; of 1.4 what it has anew."""
    is_flow = message[1] == FLOW_MOD
    if version == 5 and message[1] not in (16, 17, 28, 33, 34):
        return
    if not is_flow or len(message) % 3 == 0 or "many" in name:
        (CORPUS / "of_message" / f"{VERSIONS[version]}_{name}").write_bytes(message)
    if is_flow and version != 5 and len(message) % 5 == 0:
        fields = message[8:48] if version == 1 else message[52:48 + int.from_bytes(message[50:52],
                                                                                  "big")]
        (CORPUS / "of_match" / f"{VERSIONS[version]}_{name}").write_bytes(
            bytes([version]) + fields)


def main():
    for version, name in VERSIONS.items():
        seen = set()
        with open(HERE / f"{name}.hex", "w", encoding="ascii") as out:
            for source in (record_ofctl, record_osken):
                for message_name, message in source(version):
                    message = with_xid(message)
                    if message in seen:
                        continue
                    seen.add(message)
                    out.write(f"{message_name} {message.hex()}\n")
                    write_seeds(version, message_name, message)
        print(f"{name}: {len(seen)} messages")


if __name__ == "__main__":
    main()
