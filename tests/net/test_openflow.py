# SPDX-License-Identifier: Apache-2.0
"""A controller drives forwarding: ovs-ofctl, which knows nothing of us, sets and reads everything.

    [vm1] eth0 --tap--+
    [vm2] eth0 --tap--+--- [ lab: org.xvs.openflow ] --- ptcp: --- ovs-ofctl
    [vm3] eth0 --tap--+
"""

import contextlib
import random
import re
import struct
import subprocess

import pytest

from support.openflow import MACS, lab_at
from support.patience import wait_for
from support.wire import BROADCAST, frame

SYN = ("5254000000025254000000010800450000280001000040067ccd0a0000010a000002"
       "00140050000000000000000050022000917c0000")

@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.clear()
    return module_lab


def test_the_switch_introduces_itself(lab):
    shown = lab.ofctl("show")
    assert "dpid:000000000000002a" in shown and "n_tables:254" in shown
    assert sorted(name for _, name in lab.port_numbers()) == ["vm1", "vm2", "vm3"]
    for version in (10, 13, 14):
        assert "datapath" not in lab.ofctl("dump-flows", version=version).lower()
    assert "xvs" in lab.ofctl("dump-desc")


def test_without_a_flow_nothing_passes(lab):
    vm1, vm2, _ = lab.wires()
    vm1.send(frame(MACS["vm2"], MACS["vm1"], b"early"))
    lab.daemon.wait_for_drop("no-match", "lab/vm1")
    assert not vm2.has_seen(frame(MACS["vm2"], MACS["vm1"], b"early"))


def test_flows_lead_packets_and_count_each_of_them(lab):
    vm1, vm2, vm3 = lab.wires()
    lab.flow("priority=1,dl_dst=52:54:00:00:00:02,actions=output:@vm2")
    for n in range(20):
        vm1.send(frame(MACS["vm2"], MACS["vm1"], b"%d" % n))
    assert vm2.wait(frame(MACS["vm2"], MACS["vm1"], b"19"))
    assert lab.count("dl_dst=52:54:00:00:00:02") == 20
    lab.flow("priority=2,dl_dst=52:54:00:00:00:02,actions=output:@vm3")
    vm1.send(frame(MACS["vm2"], MACS["vm1"], b"moved"))
    assert vm3.wait(frame(MACS["vm2"], MACS["vm1"], b"moved"))
    assert not vm2.has_seen(frame(MACS["vm2"], MACS["vm1"], b"moved"))


def test_flood_reaches_all_but_the_sender(lab):
    vm1, vm2, vm3 = lab.wires()
    lab.flow("actions=FLOOD")
    sent = frame(BROADCAST, MACS["vm1"], b"all")
    vm1.send(sent)
    assert vm2.wait(sent) and vm3.wait(sent)
    assert not vm1.has_seen(sent)


def test_in_port_sends_a_packet_back(lab):
    vm1, _, _ = lab.wires()
    lab.flow("actions=IN_PORT")
    sent = frame(MACS["vm2"], MACS["vm1"], b"back")
    vm1.send(sent)
    assert vm1.wait(sent)


def test_tables_metadata_and_action_sets(lab):
    vm1, vm2, _ = lab.wires()
    lab.flow("table=0,priority=5,in_port=@vm1,actions=write_metadata:5,goto_table:1")
    lab.flow("table=1,priority=5,metadata=5,actions=write_actions(output:@vm2),goto_table:200")
    lab.flow("table=200,priority=0,actions=write_actions(set_field:02:00:00:00:00:09->eth_src)")
    vm1.send(frame(MACS["vm2"], MACS["vm1"], b"far"))
    assert vm2.wait(frame(MACS["vm2"], "02:00:00:00:00:09", b"far"))


def test_what_a_rule_rewrites_later_tables_see(lab):
    vm1, vm2, vm3 = lab.wires()
    lab.flow("table=0,actions=set_field:02:00:00:00:00:09->eth_dst,goto_table:1")
    lab.flow("table=1,dl_dst=02:00:00:00:00:09,actions=output:@vm2")
    sent = frame("02:00:00:00:00:09", MACS["vm1"], b"one")
    vm1.send(frame(MACS["vm3"], MACS["vm1"], b"one"))
    assert vm2.wait(sent)
    # a new rule there is about packets that came with another address
    lab.flow("table=1,priority=50000,dl_dst=02:00:00:00:00:09,actions=output:@vm3")
    vm1.send(frame(MACS["vm3"], MACS["vm1"], b"two"))
    assert vm3.wait(frame("02:00:00:00:00:09", MACS["vm1"], b"two"))


def test_tags_are_pushed_and_popped(lab):
    vm1, vm2, _ = lab.wires()
    lab.flow("in_port=@vm1,actions=push_vlan:0x8100,set_field:4106->vlan_vid,output:@vm2")
    lab.flow("in_port=@vm2,dl_vlan=10,actions=pop_vlan,output:@vm1")
    plain = frame(MACS["vm2"], MACS["vm1"], b"tag")
    tagged = plain[:12] + b"\x81\x00\x00\x0a" + plain[12:]
    vm1.send(plain)
    assert vm2.wait(tagged)
    vm2.send(tagged)
    assert vm1.wait(plain)


def test_labels_are_pushed_and_popped(lab):
    vm1, vm2, _ = lab.wires()
    lab.flow("in_port=@vm1,ip,actions=push_mpls:0x8847,set_field:100->mpls_label,output:@vm2")
    lab.flow("in_port=@vm2,mpls,mpls_label=100,actions=pop_mpls:0x0800,output:@vm1")
    sent = bytes.fromhex(SYN)
    labelled = sent[:12] + b"\x88\x47" + bytes([0, 6, 0x41, 64]) + sent[14:]
    vm1.send(sent)
    assert vm2.wait(labelled)
    vm2.send(labelled)
    assert vm1.wait(sent)


def test_groups_of_every_type(lab):
    vm1, vm2, vm3 = lab.wires()
    two, three = lab.ports["vm2"], lab.ports["vm3"]
    lab.ofctl("add-group", f"group_id=1,type=all,bucket=output:{two},"
              f"bucket=set_field:02:00:00:00:00:09->eth_src,output:{three}")
    lab.flow("actions=group:1")
    vm1.send(frame(BROADCAST, MACS["vm1"], b"all"))
    assert vm2.wait(frame(BROADCAST, MACS["vm1"], b"all"))
    assert vm3.wait(frame(BROADCAST, "02:00:00:00:00:09", b"all"))
    lab.ofctl("mod-group", f"group_id=1,type=ff,bucket=watch_port:{two},output:{two},"
              f"bucket=watch_port:{three},output:{three}")
    vm1.send(frame(BROADCAST, MACS["vm1"], b"first"))
    assert vm2.wait(frame(BROADCAST, MACS["vm1"], b"first"))
    lab.ofctl("mod-port", str(two), "down")
    vm1.send(frame(BROADCAST, MACS["vm1"], b"other"))
    assert vm3.wait(frame(BROADCAST, MACS["vm1"], b"other"))
    lab.ofctl("mod-port", str(two), "up")
    assert "packet_count=3" in lab.ofctl("dump-group-stats")
    lab.ofctl("del-groups")
    assert "group:1" not in lab.ofctl("dump-flows")


def test_a_meter_drops_what_is_too_much(lab):
    vm1, vm2, _ = lab.wires()
    lab.ofctl("add-meter", "meter=1,pktps,burst,stats,band=type=drop,rate=1,burst_size=5")
    lab.flow("actions=meter:1,output:@vm2")
    for n in range(50):
        vm1.send(frame(MACS["vm2"], MACS["vm1"], b"%d" % n))
    lab.daemon.wait_for_drop("meter", "lab/vm1")
    wait_for("all to be counted", lambda: "packet_in_count:50" in lab.ofctl("meter-stats"))
    assert vm2.wait(frame(MACS["vm2"], MACS["vm1"], b"0"))


def test_a_bundle_is_all_or_nothing(lab, tmp_path):
    flows = tmp_path / "flows"
    flows.write_text("add priority=7,tcp,actions=drop\nadd priority=8,udp,actions=drop\n")
    for version in (13, 14):
        lab.clear()
        lab.ofctl("add-flows", "--bundle", str(flows), version=version)
        assert len(re.findall("priority=", lab.ofctl("dump-flows"))) == 2
    lab.clear()
    flows.write_text("add priority=7,tcp,actions=drop\nadd priority=8,udp,actions=group:9\n")
    said = lab.ofctl("add-flows", "--bundle", str(flows), version=14, fails=True)
    assert "BAD_OUT_GROUP" in said and "MSG_FAILED" in said
    assert "priority=" not in lab.ofctl("dump-flows")


def test_what_is_wrong_is_refused_with_the_right_code(lab):
    for verb, text, code in (
            ("add-flow", "actions=group:77", "OFPBAC_BAD_OUT_GROUP"),
            ("add-flow", "actions=meter:77", "OFPMMFC_UNKNOWN_METER"),
            ("mod-group", "group_id=5,type=all", "OFPGMFC_UNKNOWN_GROUP"),
            ("mod-meter", "meter=5,pktps,band=type=drop,rate=1", "OFPMMFC_UNKNOWN_METER")):
        assert code in lab.ofctl(verb, text, fails=True), text
    lab.ofctl("add-flow", "priority=5,ip,actions=drop")
    said = lab.ofctl("add-flow", "check_overlap,priority=5,tcp,actions=drop", fails=True)
    assert "OFPFMFC_OVERLAP" in said


def test_flows_end_by_themselves(lab):
    lab.flow("hard_timeout=1,priority=3,udp,actions=drop")
    lab.flow("idle_timeout=1,priority=4,udp,actions=drop")
    lab.flow("priority=5,udp,actions=drop")
    assert lab.ofctl("dump-flows").count("udp") == 3
    wait_for("two of three to end", lambda: lab.ofctl("dump-flows").count("udp") == 1)


def test_packets_go_to_and_from_the_controller(lab, tmp_path):
    vm1, vm2, _ = lab.wires()
    lab.flow("in_port=@vm1,actions=CONTROLLER:64")
    log = tmp_path / "monitor.log"
    with open(log, "wb") as out, subprocess.Popen(
            ["ovs-ofctl", "-O", "OpenFlow13", "monitor", f"unix:{lab.socket}", "65534"],
            stdout=out, stderr=out) as monitor:
        def told():
            vm1.send(frame(MACS["vm2"], MACS["vm1"], b"tell"))
            return "OFPT_PACKET_IN" in log.read_text()
        wait_for("a packet to be told of", told)
        monitor.terminate()
    assert "(via action)" in log.read_text()
    lab.ofctl("packet-out", f"in_port=CONTROLLER packet={SYN} actions=output:{lab.ports['vm2']}")
    assert vm2.wait(bytes.fromhex(SYN))
    lab.flow("priority=40000,tcp,actions=set_field:02:00:00:00:00:09->eth_src,output:@vm2")
    lab.ofctl("packet-out", f"in_port={lab.ports['vm1']} packet={SYN} actions=TABLE")
    sent = bytes.fromhex(SYN)
    assert vm2.wait(sent[:6] + bytes.fromhex("020000000009") + sent[12:])


def test_ten_thousand_flows_come_and_go(lab, tmp_path):
    flows = tmp_path / "flows"
    flows.write_text("".join(
        f"priority={n % 7 + 1},ip,nw_dst=10.{n >> 8}.{n & 255}.1,actions=drop\n"
        for n in range(10000)))
    lab.ofctl("add-flows", str(flows))
    assert "flow_count=10000" in lab.ofctl("dump-aggregate")
    assert lab.ofctl("dump-flows").count("nw_dst") == 10000
    lab.ofctl("del-flows", "ip,nw_dst=10.0.0.0/16")
    assert "flow_count=9744" in lab.ofctl("dump-aggregate")


def test_the_operator_sees_controllers_and_tables(lab):
    lab.flow("priority=1,actions=drop")
    lab.flow("table=7,priority=1,actions=drop")
    shown = lab.status()
    assert shown["flows"] == 2 and shown["datapath_id"] == "000000000000002a"
    assert [table["table"] for table in shown["tables"]] == [0, 7]
    assert shown["controllers"][0]["state"] == "listening"


def test_controllers_that_babble_harm_nobody(lab):
    vm1, vm2, _ = lab.wires()
    lab.flow("in_port=@vm1,actions=output:@vm2")
    dice = random.Random(7)
    hello = struct.pack("!BBHI", 4, 0, 8, 1)
    for n in range(200):
        with lab.calls() as s, contextlib.suppress(OSError):
            begin = hello if n % 2 else b""
            body = dice.randbytes(dice.randrange(1, 400))
            kind = struct.pack("!BBHI", 4, dice.randrange(30), 8 + len(body), n)
            s.sendall(begin + (kind if n % 3 else b"") + body)
    vm1.send(frame(MACS["vm2"], MACS["vm1"], b"on"))
    assert vm2.wait(frame(MACS["vm2"], MACS["vm1"], b"on"))
    assert "in_port" in lab.ofctl("dump-flows")


def test_a_controller_that_never_reads_takes_little_memory(lab, tmp_path):
    flows = tmp_path / "flows"
    flows.write_text("".join(f"priority={n + 1},actions=drop\n" for n in range(2000)))
    lab.ofctl("add-flows", str(flows))
    before = lab.resident_kib()
    hello = struct.pack("!BBHI", 4, 0, 8, 1)
    anything = struct.pack("!BBHIHHI", 4, 18, 16 + 40, 9, 1, 0, 0) + struct.pack(
        "!B3xII4xQQHH4x", 255, 0xffffffff, 0xffffffff, 0, 0, 1, 4)
    with lab.calls() as s:
        s.sendall(hello)
        s.setblocking(False)
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while asked < 100_000:
                asked += s.send(anything) // len(anything)
        assert "flow_count=2000" in lab.ofctl("dump-aggregate")
        assert lab.resident_kib() - before < 64 * 1024


def test_without_a_controller_the_built_in_switch_forwards_if_told_so(lab):
    vm1, vm2, _ = lab.guests
    assert not vm1.ping("10.0.0.2", count=1)
    lab.configure(fail_mode="standalone")
    assert vm1.reaches("10.0.0.2")
    lab.configure(fail_mode="secure")
    assert not vm1.ping("10.0.0.2", count=1)
