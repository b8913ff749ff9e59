# SPDX-License-Identifier: Apache-2.0
"""Every verb of ovs-ofctl that speaks to a switch, in each version that the switch speaks."""

import contextlib
import re
import subprocess

import pytest

from support.openflow import lab_at
from support.patience import PATIENCE_S, wait_for
from support.wire import frame

ALL = (10, 13, 14)
NEWER = (13, 14)
every_version = pytest.mark.parametrize("version", ALL)
newer = pytest.mark.parametrize("version", NEWER)


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.clear()
    return module_lab


def flows(lab, version, *match):
    """Lines without what changes by itself."""
    said = lab.ofctl("dump-flows", *match, version=version)
    return sorted(re.sub(r"(duration|idle_age|hard_age)=[\d.]+s?, ?", "", line).strip()
                  for line in said.splitlines() if "actions=" in line)


@every_version
def test_flows_are_added_changed_and_deleted(lab, version):
    def ofctl(verb, *arguments, **options):
        return lab.ofctl(verb, *arguments, version=version, **options)

    ofctl("add-flow", "cookie=0x11,priority=5,ip,nw_dst=10.0.0.0/8,actions=output:1")
    ofctl("add-flow", "cookie=0x22,priority=6,tcp,tp_dst=80,idle_timeout=60,actions=output:2")
    ofctl("add-flow", "cookie=0x22,priority=7,arp,arp_tpa=10.0.0.1,hard_timeout=90,actions=ALL")
    assert len(flows(lab, version)) == 3
    assert "idle_timeout=60" in flows(lab, version, "tcp")[0]
    # modify: what it matches, whatever its priority; strictly: that very rule
    ofctl("mod-flows", "ip,actions=output:3")
    assert [f.split("actions=")[1] for f in flows(lab, version, "ip")] == ["output:3"] * 2
    ofctl("mod-flows", "--strict", "priority=5,ip,nw_dst=10.0.0.0/8,actions=output:1")
    assert "actions=output:1" in flows(lab, version, "ip,nw_dst=10.0.0.0/8")[0]
    assert "flow_count=3" in ofctl("dump-aggregate")
    assert "flow_count=1" in ofctl("dump-aggregate", "arp")
    # by what they output to, strictly, by cookie
    assert len(flows(lab, version, "out_port=3")) == 1
    ofctl("del-flows", "--strict", "priority=5,ip")
    assert len(flows(lab, version)) == 3, "no rule is that one"
    ofctl("del-flows", "--strict", "priority=5,ip,nw_dst=10.0.0.0/8")
    assert len(flows(lab, version)) == 2
    if version in NEWER:
        ofctl("del-flows", "cookie=0x22/-1")
    else:
        ofctl("del-flows", "out_port=3")
        ofctl("del-flows", "arp")
    assert not flows(lab, version)


@every_version
def test_files_of_flows_replace_and_differ(lab, version, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("priority=1,ip,actions=output:1\npriority=2,arp,actions=FLOOD\n")
    new.write_text("priority=2,arp,actions=FLOOD\npriority=3,icmp,actions=output:2\n")
    lab.ofctl("add-flows", old, version=version)
    lab.ofctl("diff-flows", old, version=version)
    command = ["ovs-ofctl", "-O", f"OpenFlow{version}", "diff-flows", f"unix:{lab.socket}", str(new)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 2 and "-priority=1,ip" in done.stdout, done
    assert "+priority=3,icmp" in done.stdout
    lab.ofctl("replace-flows", new, version=version)
    lab.ofctl("diff-flows", new, version=version)


@every_version
def test_what_the_switch_tells_of_itself(lab, version):
    def ofctl(verb, *arguments, **options):
        return lab.ofctl(verb, *arguments, version=version, **options)

    one = lab.ports["vm1"]
    assert "vm1" in ofctl("show") and "OFPST_DESC" in ofctl("dump-desc")
    assert re.search(r"port +(\"?vm1\"?|1): rx pkts=", ofctl("dump-ports"))
    assert "rx pkts=" in ofctl("dump-ports", one)
    assert "vm1" in ofctl("dump-ports-desc")
    assert ofctl("get-frags") == "normal\n"
    ofctl("set-frags", "normal")
    assert "table" in ofctl("dump-tables")
    assert "OFPST_QUEUE" in ofctl("queue-stats")
    assert "0 errors" in ofctl("ping") or "bytes from" in ofctl("ping", 1)
    ofctl("probe")
    if version in NEWER:
        assert "apply_actions" in ofctl("dump-table-features").replace("apply actions",
                                                                      "apply_actions")
        assert "all" in ofctl("dump-group-features").lower()
        assert "max_meter" in ofctl("meter-features")


@every_version
def test_ports_are_configured(lab, version):
    one = lab.ports["vm1"]
    for word, shown in (("no-forward", "NO_FWD"), ("no-packet-in", "NO_PACKET_IN"),
                        ("no-receive", "NO_RECV"), ("down", "PORT_DOWN")):
        lab.ofctl("mod-port", one, word, version=version)
        row = re.search(rf"^ {one}\(vm1\).*?config: +([^\n]*)", lab.ofctl("show", version=version),
                        re.M | re.S)
        assert shown in row.group(1), (word, row.group(1))
        undo = {"down": "up"}.get(word, word.removeprefix("no-"))
        lab.ofctl("mod-port", one, undo, version=version)
    assert "config:     0" in lab.ofctl("show", version=version)


@newer
def test_groups_and_meters_live(lab, version):
    def ofctl(verb, *arguments, **options):
        return lab.ofctl(verb, *arguments, version=version, **options)

    ofctl("add-group", "group_id=1,type=indirect,bucket=output:1")
    ofctl("add-group", "group_id=2,type=select,bucket=weight:10,output:1,bucket=weight:20,output:2")
    ofctl("add-group", "group_id=3,type=fast_failover,bucket=watch_port:1,output:1,"
          "bucket=watch_port:2,output:2")
    ofctl("mod-group", "group_id=1,type=all,bucket=output:1,bucket=group:2")
    said = ofctl("dump-groups")
    assert said.count("group_id=") == 3 and "type=all" in said and "weight:20" in said
    assert "OFPGMFC_LOOP" in ofctl("mod-group", "group_id=2,type=all,bucket=group:1", fails=True)
    assert "OFPGMFC_GROUP_EXISTS" in ofctl("add-group", "group_id=2,type=all", fails=True)
    assert "group_id=1,duration=" in ofctl("dump-group-stats", "group_id=1")
    ofctl("add-flow", "actions=group:3")
    ofctl("del-groups", "group_id=3")
    assert not flows(lab, version) and ofctl("dump-groups").count("group_id=") == 2
    ofctl("del-groups")
    assert "group_id=" not in ofctl("dump-groups")

    ofctl("add-meter", "meter=1,kbps,burst,band=type=drop,rate=1000,burst_size=100")
    ofctl("add-meter", "meter=2,pktps,stats,band=type=dscp_remark,rate=10,prec_level=1")
    ofctl("mod-meter", "meter=1,kbps,band=type=drop,rate=2000")
    said = ofctl("dump-meters")
    assert said.count("meter=") == 2 and "rate=2000" in said and "prec_level=1" in said
    assert "OFPMMFC_METER_EXISTS" in ofctl("add-meter", "meter=1,kbps,band=type=drop,rate=1",
                                           fails=True)
    ofctl("add-flow", "actions=meter:2,output:1")
    assert "flow_count:1" in ofctl("meter-stats", "meter=2")
    ofctl("del-meter", "meter=2")
    assert not flows(lab, version) and ofctl("dump-meters").count("meter=") == 1


@newer
def test_a_bundle_of_everything(lab, version, tmp_path):
    everything = tmp_path / "bundle"
    everything.write_text("group add group_id=7,type=all,bucket=output:1\n"
                          "flow add priority=9,ip,actions=group:7\n"
                          "flow add priority=8,arp,actions=output:2\n"
                          "flow delete arp\n"
                          "group add group_id=8,type=indirect,bucket=output:2\n")
    lab.ofctl("bundle", everything, version=version)
    assert len(flows(lab, version)) == 1 and "group:7" in flows(lab, version)[0]
    assert lab.ofctl("dump-groups", version=version).count("group_id=") == 2
    everything.write_text("flow add priority=10,udp,actions=output:1\n"
                          "group add group_id=7,type=all,bucket=output:1\n")
    said = lab.ofctl("bundle", everything, version=version, fails=True)
    assert "GROUP_EXISTS" in said
    assert len(flows(lab, version)) == 1, "all or nothing"


@every_version
def test_queues_are_chosen_and_told_of(lab, version):
    three = lab.ports["vm3"]
    lab.daemon.set_policy("lab/vm3", "xvs.queue/1", kbps=1000000, queues=[
        {"id": 1, "min_kbps": 100000, "max_kbps": 500000}, {"id": 2}])

    def ofctl(verb, *words, **options):
        return lab.ofctl(verb, *words, version=version, **options)

    def sent(text):
        row = re.search(rf"port +(?:\"?vm3\"?|{three}) queue 1: bytes=\d+, pkts=(\d+), errors=0",
                        text)
        return int(row.group(1))

    action = "enqueue:%d:1" if version == 10 else "set_queue:1,output:%d"
    ofctl("add-flow", f"dl_type=0x88b6,actions={action % three}")
    before = sent(ofctl("queue-stats", three))
    with contextlib.closing(lab.guests[0].wire()) as sender, \
         contextlib.closing(lab.guests[2].wire()) as receiver:
        made = frame("02:00:00:00:00:01", "52:54:00:00:00:01", ethertype=0x88b6)
        sender.send(made)
        receiver.wait(made)
    said = ofctl("queue-stats", three, 1)
    assert sent(said) == before + 1
    assert ("duration=?" in said) == (version == 10) and "queue 2" not in said
    said = ofctl("queue-get-config", three).replace("\n", " ")
    assert re.search(r"queue 1:[^q]*min_rate", said) and "queue 2" in said, said
    assert "OFPQOFC_BAD_QUEUE" in ofctl("queue-stats", three, 7)
    if version == 10:
        assert "OFPBAC_BAD_QUEUE" in ofctl("add-flow", f"ip,actions=enqueue:{three}:5", fails=True)
        assert f"enqueue:{three}:1" in ofctl("dump-flows").replace("vm3", str(three))


@pytest.mark.slow
def test_tcp_gets_what_its_queue_is_promised(lab):
    """Two streams for 8 Mbit/s, by what their queues have counted; the weights say the opposite."""
    lab.daemon.set_policy("lab/vm3", "xvs.queue/1", kbps=8000, queues=[
        {"id": 1, "min_kbps": 6000, "weight": 1}, {"id": 2, "weight": 100}])
    near, _, far = lab.guests
    lab.flow("priority=1,actions=NORMAL")
    for number in (1, 2):
        lab.flow(f"priority=9,tcp,tp_dst=520{number},actions=set_queue:{number},output:@vm3")
    servers = [far.start("iperf3", "-s", "-1", "-p", f"520{n}", stdout=subprocess.DEVNULL)
               for n in (1, 2)]
    wait_for("iperf3 to listen", lambda: far.run("ss", "-Hltn").count(":520") == 2)
    clients = [near.start("iperf3", "-c", "10.0.0.3", "-p", f"520{n}", "-t", "10",
                          stdout=subprocess.DEVNULL) for n in (1, 2)]
    assert [child.wait() for child in clients + servers] == [0] * 4
    rows = {row["id"]: row["tx_bytes"] for row in lab.daemon.port("lab/vm3")["queues"]}
    print(f"bytes by queue: {rows}")
    assert rows[1] / (rows[1] + rows[2]) > 0.65, rows
