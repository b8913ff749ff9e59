# SPDX-License-Identifier: Apache-2.0
"""xvsctl trace: what would become of a packet, told by everybody on its way, without a trace of it.

    [vm1] --tap--+-- [ lab: guard on vm1, secgroup on vm2 ]
    [vm2] --tap--+
"""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from support.daemon import Refused

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
IP1, IP2 = "10.77.0.1", "10.77.0.2"

CONFIG = f"""
switches:
  - name: lab
    type: private
    chain:
      - {{instance: guard, extension: org.xvs.guard}}
      - {{instance: fw, extension: org.xvs.secgroup}}
    ports:
      - name: vm1
        mac: "{VM1}"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies:
          xvs.vlan/1: {{mode: access, vlan: 10}}
          org.xvs.guard/1: {{forged_transmits: false}}
      - name: vm2
        mac: "{VM2}"
        backend: {{kind: tap, device: eth0, netns: vm2}}
        policies:
          xvs.vlan/1: {{mode: access, vlan: 10}}
          org.xvs.secgroup.rules/1:
            rules:
              - {{direction: in, proto: tcp, ports: "80", action: allow}}
      - name: trunk
        backend: {{kind: "null"}}
        policies: {{xvs.vlan/1: {{mode: trunk}}}}
"""


def tcp(dport=80, **eth):
    ether = "eth dst={dst} ".format(dst=eth.pop("dst", VM2)) + \
        " ".join(f"{key}={value}" for key, value in eth.items())
    return f"{ether} / ipv4 src={IP1} dst={IP2} / tcp dport={dport}"


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    vm1.up(f"{IP1}/24")
    vm2.up(f"{IP2}/24")
    return daemon, vm1, vm2


def traced(daemon, port, packet):
    answers = daemon.ctl_json("trace", "--port", port, packet)
    assert len(answers) == 1
    return answers[0]


def steps(answer, what):
    return [step for step in answer["steps"] if step["what"] == what]


def test_a_packet_that_would_arrive_says_how(lab):
    daemon, _, _ = lab
    answer = traced(daemon, "vm1", tcp())
    assert answer["outcome"] == "forwarded" and answer["exits"] == 1
    assert steps(answer, "entered")[0]["segment"] == 10
    assert [(s["by"], s["verdict"]) for s in steps(answer, "judged") if s["by"] == "guard"] == \
        [("guard", "pass")]
    assert [(s["by"], s["port"], s["verdict"]) for s in steps(answer, "authorised")] == \
        [("fw", "lab/vm2", "allow")]
    assert steps(answer, "connection")[0]["verdict"] == "new"
    left, = steps(answer, "left")
    assert left["port"] == "lab/vm2" and left["packet"]["l4_dst"] == 80
    assert left["packet"]["eth_src"] == VM1, "the port's own address goes without saying"


def test_a_firewall_says_which_rule_is_missing(lab):
    daemon, _, _ = lab
    answer = traced(daemon, "vm1", tcp(81))
    assert answer["outcome"] == "dropped"
    decision, = steps(answer, "authorised")
    assert (decision["by"], decision["verdict"]) == ("fw", "deny")
    assert decision["rule"] == "default_in"
    assert steps(traced(daemon, "vm1", tcp(80)), "authorised")[0]["rule"] == "rules[0]"
    dropped, = steps(answer, "dropped")
    assert dropped["port"] == "lab/vm2" and dropped["by"] == "fw"
    assert dropped["reason"] == decision["reason"]


def test_a_filter_says_it_before_anybody_behind_it(lab):
    daemon, _, _ = lab
    answer = traced(daemon, "vm1", tcp(src="52:54:00:00:00:99"))
    dropped, = steps(answer, "dropped")
    assert (dropped["port"], dropped["by"]) == ("lab/vm1", "guard")
    assert not steps(answer, "authorised") and not steps(answer, "forwarded")


def test_what_the_switch_itself_refuses_has_its_reason(lab):
    daemon, _, _ = lab
    assert steps(traced(daemon, "vm1", f"eth dst={VM2} / vlan id=20 / ipv4 src={IP1} dst={IP2}"),
                 "dropped")[0]["reason"] == "vlan"
    assert steps(traced(daemon, "vm1", "eth type=0x800 / payload 3"), "dropped")
    daemon.do("port", "block", "vm2")
    assert steps(traced(daemon, "vm1", tcp()), "dropped")[0]["reason"] == "exit-closed"
    daemon.do("port", "unblock", "vm2")


def test_a_flood_goes_out_by_every_port_of_the_segment(lab):
    daemon, _, _ = lab
    answer = traced(daemon, "vm1", "arp op=request sha={} spa={} tpa={}".format(VM1, IP1, IP2))
    exits = {s["port"]: s.get("tci") for s in steps(answer, "left")}
    assert exits["lab/trunk"] == 10, "a trunk gets the tag"
    assert "lab/vm1" not in exits


def test_nothing_of_it_remains(lab):
    daemon, _, _ = lab
    before = daemon.drops("default-deny"), daemon.rpc("ext.stats")
    for dport in (80, 81):
        traced(daemon, "vm1", tcp(dport))
    assert daemon.ctl_json("conn", "count")["count"] == 0
    now = daemon.drops("default-deny"), daemon.rpc("ext.stats")
    assert now[0] == before[0]
    assert [s for s in now[1] if s["instance"] == "fw"] == \
        [s for s in before[1] if s["instance"] == "fw"]
    daemon.wait_for_balance()


def test_packets_of_a_file_one_by_one(lab, tmp_path):
    daemon, _, _ = lab
    file = str(tmp_path / "two.pcap")
    wrpcap(file, [Ether(src=VM1, dst=VM2) / IP(src=IP1, dst=IP2) / UDP(dport=port)
                  for port in (53, 54)])
    answers = daemon.ctl_json("trace", "--port", "vm1", "--pcap", file)
    assert [a["outcome"] for a in answers] == ["dropped", "dropped"]
    assert "10.77.0.2.54" in answers[1]["summary"]
    assert len(daemon.ctl_json("trace", "--port", "vm1", "--pcap", file, "-c", "1")) == 1


def test_a_person_reads_it_from_the_way_in_to_the_end(lab):
    daemon, _, _ = lab
    text = daemon.do("trace", "--port", "vm1", tcp(81))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[1] == "in at lab/vm1, segment 10"
    assert lines.index("out at lab/vm2") > lines.index("in at lab/vm1, segment 10")
    assert lines[-1] == "dropped"


@pytest.mark.parametrize("packet, text", [
    ("ipv4 src=10.0.0.1", "ipv4 needs src= and dst="),
    ("tcp dport=80", "tcp cannot stand inside eth"),
    ("ipv5 src=1", '"ipv5" is no layer'),
    ("ipv4 src=10.0.0.1 dst=10.0.0.2 / tcp dport=99999", '"99999" is no value for dport'),
    ("eth dst=1", '"1" is no value for dst'),
])
def test_a_wrong_description_is_refused_with_the_word(lab, packet, text):
    daemon, _, _ = lab
    assert text in daemon.refuses("trace", "--port", "vm1", packet, code=2)


def test_a_wrong_frame_or_port_is_refused(lab):
    daemon, _, _ = lab
    daemon.refuses("trace", "--port", "vm9", tcp(), code=4)
    daemon.refuses("trace", tcp(), code=2)
    with pytest.raises(Refused, match="hexadecimal"):
        daemon.rpc("trace", port="vm1", frame="0x12")
