# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of an OpenFlow switch: a packet's way, flows, groups and meters.

    [vm1..3] --tap--- [ lab: org.xvs.openflow ] --- punix: --- ovs-ofctl
                              |
                           xvsctl
"""

import itertools

import pytest

from support.openflow import MACS, lab_at
from support.wire import BROADCAST, frame

PACKET = f"eth src={MACS['vm1']} dst={MACS['vm2']} / ipv4 src=10.0.0.1 dst=10.0.0.2 / udp dport=53"


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.clear()
    return module_lab


def trace(lab, packet=PACKET):
    """The whole answer, and the lines that the flow tables wrote."""
    answer, = lab.daemon.ctl_json("trace", "--port", "lab/vm1", packet)
    step, = [s for s in answer["steps"] if s.get("by") == "of" and "rule" in s]
    return answer, [step["rule"], *step.get("way", [])]


def leaves(answer):
    left, = [s for s in answer["steps"] if s["what"] == "left"]
    return left


def test_each_table_and_the_flow_that_was_found_is_told(lab):
    lab.flow("table=0,priority=7,cookie=0x2a,ip,nw_dst=10.0.0.0/8,actions=write_metadata:5,"
             "goto_table:3")
    lab.flow("table=3,priority=1,metadata=5,actions=write_actions(output:@vm2)")
    answer, lines = trace(lab)
    assert leaves(answer)["port"] == "lab/vm2"
    assert lines == [
        "table 0: priority=7 cookie=0x2a eth_type=0x0800,ipv4_dst=10.0.0.0/8 "
        "actions=write_metadata:0x5,goto_table:3",
        "table 3: priority=1 metadata=0x5 "
        f"actions=write_actions(output:{lab.ports['vm2']})"]
    told = lab.daemon.ctl("trace", "--port", "lab/vm1", PACKET).stdout
    assert "by table 0: priority=7" in told and "\n" + 23 * " " + "table 3: priority=1" in told


def test_a_miss_says_in_which_table(lab):
    lab.flow("priority=1,actions=goto_table:9")
    answer, lines = trace(lab)
    assert answer["outcome"] == "dropped" and lines[1] == "table 9: no flow matches"


def test_meters_groups_and_the_bucket_that_was_chosen_are_told(lab):
    lab.ofctl("add-meter", "meter=3,kbps,band=type=drop,rate=1000")
    lab.ofctl("add-group", "group_id=8,type=ff,bucket=watch_port:77,actions=output:@vm3,"
              "bucket=watch_port:@vm2,actions=set_field:02:00:00:00:00:09->eth_dst,output:@vm2"
              .replace("@vm2", str(lab.ports["vm2"])).replace("@vm3", str(lab.ports["vm3"])))
    lab.flow("priority=1,actions=meter:3,group:8")
    answer, lines = trace(lab)
    assert lines[1:] == [
        "meter 3 would be asked", "group 8 (fast failover)",
        f"  bucket 1: actions=set_field:eth_dst=02:00:00:00:00:09,output:{lab.ports['vm2']}"]
    assert leaves(answer)["packet"]["eth_dst"] == "02:00:00:00:00:09"


@pytest.mark.parametrize("group", [False, True])
def test_behind_labels_and_tags_the_way_is_the_right_one(lab, group):
    """Table 1 sees what was pushed in table 0, and pops it again."""
    push = "push_mpls:0x8847,set_field:77->mpls_label"
    lab.flow(f"priority=1,ip,actions={push},goto_table:1")
    lab.flow("table=1,priority=2,ip,actions=output:@vm3")
    if group:
        lab.ofctl("add-group", "group_id=1,type=all,bucket=actions=pop_mpls:0x0800,output:%d,"
                  "bucket=actions=pop_mpls:0x0800,push_vlan:0x8100,set_field:4097->vlan_vid,"
                  "output:%d" % (lab.ports["vm3"], lab.ports["vm2"]))
        lab.flow("table=1,priority=1,mpls,mpls_label=77,actions=group:1")
    else:
        lab.flow("table=1,priority=1,mpls,mpls_label=77,actions=pop_mpls:0x0800,goto_table:2")
        lab.flow("table=2,priority=1,ip,nw_dst=10.0.0.2,actions=output:@vm2")
    answer, lines = trace(lab)
    left = leaves(answer)
    assert left["port"] == "lab/vm2", lines
    assert lines[1].startswith("table 1: priority=1 eth_type=0x8847,mpls_label=77")
    assert left["packet"]["ethertype"] == "0x0800" and left.get("tci") == (1 if group else None)


def test_a_trace_changes_and_counts_nothing(lab):
    lab.flow("priority=1,actions=output:@vm2")
    trace(lab)
    assert lab.count("priority=1") == 0
    vm1, vm2, _ = lab.wires()
    vm1.send(frame(MACS["vm2"], MACS["vm1"], b"real"))
    assert vm2.wait(frame(MACS["vm2"], MACS["vm1"], b"real"))
    assert lab.count("priority=1") == 1


def test_a_packet_out_goes_on_behind_the_tables(lab):
    """TABLE is one output of a list: neither a miss nor what flows change is the others' business."""
    _, vm2, vm3 = lab.wires()
    sent = frame(MACS["vm2"], MACS["vm1"], b"listed")
    port = lab.ports["vm1"]
    out = (f"in_port={port},packet={bytes(sent).hex()},"
           f"actions=output:TABLE,output:{lab.ports['vm3']}")
    lab.ofctl("packet-out", out)
    assert vm3.wait(sent)
    lab.flow("priority=1,actions=set_field:02:00:00:00:00:09->eth_src,output:@vm2")
    second = frame(MACS["vm2"], MACS["vm1"], b"twice")
    lab.ofctl("packet-out", out.replace(bytes(sent).hex(), bytes(second).hex()))
    assert vm2.wait(frame(MACS["vm2"], "02:00:00:00:00:09", b"twice"))
    assert vm3.wait(second)


# ---- flows, groups, meters ---------------------------------------------------------------------------


def rows(lab, *words):
    return lab.daemon.ctl_json("ext", "rows", "lab/of", *words)


def test_flows_are_listed_with_what_they_counted(lab):
    lab.flow("priority=5,cookie=0x12,in_port=@vm1,actions=output:@vm2")
    lab.flow("table=3,priority=7,cookie=0x21,ip,nw_dst=10.0.0.0/8,idle_timeout=30,actions=drop")
    vm1, vm2, _ = lab.wires()
    vm1.send(frame(MACS["vm2"], MACS["vm1"], b"counted"))
    assert vm2.wait(frame(MACS["vm2"], MACS["vm1"], b"counted"))
    lab.count("cookie=0x12")  # workers have told
    first, second = rows(lab, "flows")["rows"]
    assert (first["table"], first["priority"], first["cookie"]) == (0, 5, "0x12")
    assert (first["packets"], first["match"]) == (1, f"in_port={lab.ports['vm1']}")
    assert first["actions"] == f"output:{lab.ports['vm2']}"
    assert (second["match"], second["actions"]) == ("eth_type=0x0800,ipv4_dst=10.0.0.0/8", "drop")
    assert second["idle_timeout"] == 30
    for words, found in ((["table=3"], [7]), (["cookie=0x10/0xf0"], [5]), (["priority=7"], [7]),
                         (["match=ipv4_dst=10."], [7]), (["table=3", "cookie=0x12"], [])):
        assert [row["priority"] for row in rows(lab, "flows", *words)["rows"]] == found
    shown = lab.daemon.ctl("ext", "rows", "lab/of", "flows").stdout
    assert shown.splitlines()[0].split()[:3] == ["TABLE", "PRIORITY", "COOKIE"]


def test_a_list_is_cut_and_says_so(lab, tmp_path):
    flows = tmp_path / "flows"
    flows.write_text("".join(f"priority={n + 1},actions=drop\n" for n in range(300)))
    lab.ofctl("add-flows", flows)
    answer = rows(lab, "flows")
    assert len(answer["rows"]) == 100 and answer["more"] == 200
    answer = rows(lab, "flows", "--limit", "5", "priority=299")
    assert len(answer["rows"]) == 1 and answer["more"] == 0
    assert "and 290 more" in lab.daemon.ctl("ext", "rows", "lab/of", "flows", "--limit",
                                            "10").stdout


def test_groups_and_meters_are_listed(lab):
    lab.ofctl("add-meter", "meter=3,pktps,stats,band=type=drop,rate=1000")
    lab.ofctl("add-group", f"group_id=8,type=select,bucket=weight:3,output:{lab.ports['vm2']},"
              f"bucket=weight:1,output:{lab.ports['vm3']}")
    group, = rows(lab, "groups")["rows"]
    assert (group["group"], group["type"]) == (8, "select")
    assert group["buckets"] == (f"[weight 3: output:{lab.ports['vm2']}] 0 "
                                f"[weight 1: output:{lab.ports['vm3']}] 0")
    assert rows(lab, "groups", "group=9")["rows"] == []
    meter, = rows(lab, "meters", "meter=3")["rows"]
    assert meter["bands"] == "[drop over 1000 packets/s] 0"


def test_lists_that_are_not_there_and_wrong_fields_are_refused(lab):
    lists = rows(lab)["lists"]
    assert [x["feature"] for x in lists] == [f"org.xvs.openflow.{name}/1" for name in (
        "flows", "groups", "meters")]
    assert "it has no list ports" in lab.daemon.refuses("ext", "rows", "lab/of", "ports", code=4)
    assert "table=N" in lab.daemon.refuses("ext", "rows", "lab/of", "flows", "cookie=x")
    assert "table=N" in lab.daemon.refuses("ext", "rows", "lab/of", "flows", "colour=red")
    assert "no instance" in lab.daemon.refuses("ext", "rows", "lab/absent", code=4)
    # what is asked for is not shown unasked
    assert "org.xvs.openflow.flows/1" not in lab.daemon.rpc("ext.show", name="lab/of")["status"]


# ---- ports -------------------------------------------------------------------------------------------


def test_each_flag_of_a_port_of_1_0_does_what_it_says(lab):
    vm1, vm2, vm3 = lab.wires()
    lab.flow("priority=1,actions=flood", version=10)
    tree = "01:80:c2:00:00:00"
    number = itertools.count()

    def sent(to):
        made = frame(to, MACS["vm1"], b"flags %d" % next(number))
        vm1.send(made)
        return made

    def mod(flag, guest="vm1"):
        lab.ofctl("mod-port", guest, flag, version=10)

    lost = 0
    for flag, back, name, dropped, kept in (
            ("no-receive", "receive", "NO_RECV", BROADCAST, tree),
            ("no-receive-stp", "receive-stp", "NO_RECV_STP", tree, BROADCAST)):
        mod(flag)
        assert name in lab.ofctl("show", version=10)
        lost += 1
        sent(dropped)
        lab.daemon.wait_for_drop("port-config", "lab/vm1", count=lost)
        assert vm2.wait(sent(kept))
        mod(back)
        assert vm2.wait(sent(dropped))
    for flag, back in (("no-flood", "flood"), ("no-forward", "forward"), ("down", "up")):
        mod(flag, "vm2")
        kept_off = sent(BROADCAST)
        assert vm3.wait(kept_off)
        mod(back, "vm2")
        assert vm2.wait(sent(BROADCAST)) and not vm2.has_seen(kept_off)
