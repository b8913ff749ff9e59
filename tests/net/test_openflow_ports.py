# SPDX-License-Identifier: Apache-2.0
"""Ports under a controller: their numbers, and what the switch's own settings mean for it."""

import contextlib
import json
import re
import select
import socket

import pytest

from support.controller import Controller
from support.daemon import Refused
from support.host import remove_link, run, veth
from support.openflow import MACS, lab_at
from support.patience import wait_for
from support.wire import frame

UUID = "6a1f3c52-94b1-4d0e-8f5a-0c2b7e6d1a90"
ADD, DELETE, MODIFY = 0, 1, 2


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.clear()
    return module_lab


@pytest.fixture
def controller(lab):
    made = Controller(lab.calls())
    yield made
    made.close()


def statuses(controller):
    """Of ports that came and went it was told: reason, number, name."""
    return [(m.reason, m.desc.port_no, m.desc.name.decode()) for m in controller.silence()
            if m.msg_type == controller.ofproto.OFPT_PORT_STATUS and m.reason != MODIFY]


def add(lab, name, uuid=None, **policies):
    port = {"name": name, "backend": "null", "policies": policies}
    if uuid:
        port["uuid"] = uuid
    lab.daemon.rpc("port.add", switch="lab", port=port)


def wanting(number):
    return {"org.xvs.openflow.port/1": {"number": number}}


def test_numbers_begin_with_one_and_follow_the_port(lab, controller):
    assert sorted(lab.ports.values()) == [1, 2, 3]
    add(lab, "guest", UUID)
    lab.flow("actions=output:4")
    assert statuses(controller) == [(ADD, 4, "guest")]
    lab.daemon.rpc("port.remove", target="lab/guest")
    assert statuses(controller) == [(DELETE, 4, "guest")]
    assert "output:4" in lab.ofctl("dump-flows"), "the rule waits for it"
    add(lab, "other")  # nobody else's number meanwhile
    add(lab, "again", UUID)
    assert statuses(controller) == [(ADD, 5, "other"), (ADD, 4, "again")]
    lab.daemon.rpc("port.remove", target="lab/other")
    lab.daemon.rpc("port.remove", target="lab/again")


def test_a_policy_says_the_number(lab, controller):
    add(lab, "far", **wanting(65279))
    assert statuses(controller) == [(ADD, 65279, "far")]
    with pytest.raises(Refused, match="number of port far"):
        add(lab, "too", **wanting(65279))
    assert statuses(controller) == []
    lab.daemon.set_policy("lab/far", "org.xvs.openflow.port/1", number=100)
    assert statuses(controller) == [(DELETE, 65279, "far"), (ADD, 100, "far")]
    # who was given a number makes room for who asked for it
    vm3 = lab.ports["vm3"]
    lab.daemon.set_policy("lab/far", "org.xvs.openflow.port/1", number=vm3)
    told = statuses(controller)
    assert set(told[:2]) == {(DELETE, 100, "far"), (DELETE, vm3, "vm3")}
    assert (ADD, vm3, "far") in told[2:] and {name for _, _, name in told[2:]} == {"far", "vm3"}
    lab.daemon.rpc("port.remove", target="lab/far")
    lab.daemon.set_policy("lab/vm3", "org.xvs.openflow.port/1", number=vm3)
    lab.daemon.do("policy", "unset", "lab/vm3", "org.xvs.openflow.port/1")
    assert dict((name, number) for number, name in lab.port_numbers()) == lab.ports


def test_of_two_that_ask_for_a_number_at_once_the_first_gets_it(lab, controller):
    def ports(policies):
        lab.daemon.write(lab.config() + "".join(
            f"      - {{name: {name}, backend: 'null', policies: {json.dumps(policies)}}}\n"
            for name in ("one", "two")))
        lab.daemon.do("config", "reload")
    ports({})
    (_, one, _), _ = statuses(controller)
    ports(wanting(77))
    assert statuses(controller) == [(DELETE, one, "one"), (ADD, 77, "one")]
    assert "port two asks for number 77" in lab.daemon.said()
    lab.daemon.write(lab.config())
    lab.daemon.do("config", "reload")


def test_what_is_sent_to_one_that_left_arrives_when_it_is_back(lab):
    vm1, _, vm3 = lab.wires()
    lab.flow("in_port=@vm1,actions=output:@vm3")
    sent = frame(MACS["vm3"], MACS["vm1"])
    vm1.send(sent)
    assert vm3.wait(sent)
    config = lab.config()
    lab.daemon.write(config[:config.index("      - {name: vm3")])
    lab.daemon.do("config", "reload")
    vm1.send(frame(MACS["vm3"], MACS["vm1"]))
    lab.daemon.wait_for_drop("no-output", "lab/vm1")
    vm3.close()
    lab.daemon.write(config)
    lab.daemon.do("config", "reload")
    lab.guests[2].up()
    again = lab.guests[2].wire()
    wait_for("vm3 to be known by its number",
             lambda: (lab.ports["vm3"], "vm3") in lab.port_numbers())
    vm1.send(sent)
    assert again.wait(sent)


OWN = """
switches:
  - name: lab
    type: internal
    chain:
      - {instance: of, extension: org.xvs.openflow}
    policies:
      org.xvs.openflow.controller/1: {targets: ["punix:%s"], fail_mode: secure}
    host_ports:
      - {name: own, uuid: %s, device: %s}
"""


def test_local_keeps_its_number_when_its_port_is_made_anew(xvsd, tmp_path):
    path = tmp_path / "of.sock"
    daemon = xvsd(OWN % (path, UUID, "own0"))
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(path))
    with contextlib.closing(Controller(s)) as controller:
        controller.silence()
        daemon.write(OWN % (path, UUID, "own1"))
        daemon.do("config", "reload")
        heard = [(m.reason, m.desc.port_no) for m in controller.silence()
                 if m.msg_type == controller.ofproto.OFPT_PORT_STATUS]
        assert heard and set(heard) == {(MODIFY, controller.ofproto.OFPP_LOCAL)}


# ---- what else the switch is -------------------------------------------------------------------------

NAT = """
switches:
  - name: lab
    type: nat
    uplinks:
      - {name: out0, device: up0, backend: af_packet}
    nat:
      inside: 192.168.10.1/24
      outside: {addresses: [203.0.113.5/24], gateway: 203.0.113.1, mac: "02:00:5e:00:00:05"}
    chain:
      - {instance: of, extension: org.xvs.openflow}
    policies:
      org.xvs.openflow.controller/1: {targets: ["punix:%s"], fail_mode: secure}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:0a", backend: {kind: tap, device: eth0, netns: vm9}}
"""


def test_behind_a_nat_the_outside_port_is_the_gateway(hosts, outside, xvsd, tmp_path):
    vm, = hosts("vm9")
    path = tmp_path / "nat.sock"
    xvsd(NAT % path)
    vm.up("192.168.10.11/24")
    vm.run("ip", "route", "replace", "default", "via", "192.168.10.1")
    outside.up("203.0.113.1/24")

    def add(flow):
        run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", f"unix:{path}", flow)
    assert not vm.ping("203.0.113.1", "-W", "0.2", count=1)
    add("arp,actions=FLOOD")
    add("in_port=2,ip,nw_src=192.168.10.0/24,dl_dst=02:00:5e:00:00:05,actions=output:1")
    add("in_port=1,ip,nw_dst=192.168.10.11,actions=output:2")
    assert vm.reaches("203.0.113.1")


def test_vlan_policies_of_ports_hold_whatever_a_controller_says(lab):
    vm1, vm2, vm3 = lab.wires()
    daemon = lab.daemon
    daemon.set_policy("lab/vm1", "xvs.vlan/1", mode="access", vlan=10)
    daemon.set_policy("lab/vm2", "xvs.vlan/1", mode="access", vlan=20)
    daemon.set_policy("lab/vm3", "xvs.vlan/1", mode="trunk",
                      allowed=[{"first": 10, "last": 20}])
    lab.flow("in_port=@vm1,actions=output:@vm2,output:@vm3")
    sent = frame(MACS["vm3"], MACS["vm1"])
    vm1.send(sent)
    assert vm3.wait(sent[:12] + b"\x81\x00\x00\x0a" + sent[12:])
    lab.flow("in_port=@vm3,actions=output:@vm2")
    marker = frame(MACS["vm2"], MACS["vm3"], vlan=20)
    vm3.send(marker)
    assert vm2.wait(marker[:12] + marker[16:])
    assert not vm2.has_seen(sent), "one network is not the other"
    for name in MACS:
        daemon.do("policy", "unset", f"lab/{name}", "xvs.vlan/1")


TEAM = """
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
      - {name: up1, device: up1, backend: af_packet}
    chain:
      - {instance: of, extension: org.xvs.openflow}
    policies:
      org.xvs.openflow.controller/1: {targets: ["punix:%s"], fail_mode: secure}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:0a", backend: {kind: tap, device: eth0, netns: vm9}}
"""


def test_a_team_is_one_port_and_its_links_are_none(hosts, outside, xvsd, tmp_path):
    vm, = hosts("vm9")
    path = tmp_path / "team.sock"
    veth("up1", "out1", outside)
    outside.run("ip", "link", "set", "out0", "up")
    outside.run("ip", "link", "set", "out1", "up")
    daemon = xvsd(TEAM % path)
    vm.up()

    def ofctl(*words):
        return run("ovs-ofctl", "-O", "OpenFlow13", words[0], f"unix:{path}", *words[1:])
    numbers = dict((name, number) for number, name in
                   re.findall(r"^ (\d+)\((\w+)\)", ofctl("show"), re.M))
    assert set(numbers) == {"team", "vm1"}
    wait_for("the team to be up", lambda: daemon.port("lab/team")["state"] == "open")
    ofctl("add-flow", f"in_port={numbers['vm1']},actions=output:{numbers['team']}")
    ofctl("add-flow", f"in_port={numbers['team']},actions=output:{numbers['vm1']}")
    wires = [outside.wire(device) for device in ("out0", "out1")]
    inside = vm.wire()
    sent = frame("02:00:00:00:00:99", "52:54:00:00:00:0a")

    def link_used():
        inside.send(sent)
        for wire in wires:
            if select.select([wire.socket], [], [], 0.05)[0] and wire.receive() == sent:
                return wire
        return None
    used = wait_for("it at one of the links", link_used)
    answer = frame("52:54:00:00:00:0a", "02:00:00:00:00:99")
    used.send(answer)
    assert inside.wait(answer)
    remove_link("up1")
