# SPDX-License-Identifier: Apache-2.0
"""Every drop is counted where it happened: port, stage, extension, reason.

    [vm1] --tap--+-- [ lab: guard, secgroup on vm2 ]
    [vm2] --tap--+
"""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from support.wire import BROADCAST, frame

VM1, VM2, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:99"

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
      - {instance: fw, extension: org.xvs.secgroup}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {kind: tap, device: eth0, netns: vm1}
        policies: {org.xvs.guard/1: {}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
        policies: {org.xvs.secgroup.rules/1: {}}
"""


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    return daemon, vm1.up().wire(), vm2.up().wire()


def keys_of(daemon):
    return {(d["port"], d["stage"], d["extension"], d["instance"], d["reason"]): d["packets"]
            for d in daemon.rpc("drops")}


def test_each_place_has_its_own_count(lab):
    daemon, vm1, vm2 = lab
    vm1.send(frame(VM2, OTHER))
    for _ in range(2):
        vm1.send(frame(VM2, VM1, b"tagged", vlan=5))
    for _ in range(3):
        vm1.send(Ether(src=VM1, dst=VM2) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(dport=9))
    marker = frame(VM2, VM1)
    vm1.send(marker)
    vm2.wait(marker)
    assert keys_of(daemon) == {
        ("lab/vm1", "ingress", "org.xvs.guard", "guard", "spoofed-mac"): 1,
        ("lab/vm1", "ingress", "xvs", "", "vlan"): 2,
        ("lab/vm2", "egress", "org.xvs.secgroup", "fw", "no-rules"): 3,
    }


def test_a_drop_has_bytes_and_help(lab):
    daemon, vm1, vm2 = lab
    vm1.send(frame(VM2, OTHER, bytes(100)))
    marker = frame(VM2, VM1)
    vm1.send(marker)
    vm2.wait(marker)
    drop, = daemon.rpc("drops")
    assert drop["bytes"] == 114
    assert drop["help"] == "Source MAC address is not the adapter's"


def test_the_port_s_own_numbers_agree(lab):
    daemon, vm1, vm2 = lab
    for _ in range(5):
        vm1.send(frame(VM2, OTHER))
    marker = frame(VM2, VM1)
    vm1.send(marker)
    vm2.wait(marker)
    stats = daemon.stats("lab/vm1")
    assert (stats["rx_packets"], stats["drops"]) == (6, 5)
    assert [reason["packets"] for reason in stats["reasons"]] == [5]


def test_xvsctl_prints_port_stage_extension_and_reason(lab):
    daemon, vm1, vm2 = lab
    vm1.send(frame(VM2, OTHER))
    marker = frame(VM2, VM1)
    vm1.send(marker)
    vm2.wait(marker)
    line, = [line for line in daemon.do("drops").splitlines() if "spoofed-mac" in line]
    for word in ("lab/vm1", "ingress", "org.xvs.guard", "1"):
        assert word in line.split()
    drop, = daemon.ctl_json("drops")
    assert (drop["reason"], drop["packets"]) == ("spoofed-mac", 1)


def test_a_blocked_port_says_so_on_both_sides(lab):
    daemon, vm1, vm2 = lab
    daemon.do("port", "block", "lab/vm2")
    vm1.send(frame(VM2, VM1))
    vm2.send(frame(VM1, VM2))
    daemon.wait_for_drop("exit-closed", "lab/vm1")
    daemon.wait_for_drop("port-blocked", "lab/vm2")
    daemon.do("port", "unblock", "lab/vm2")
    marker = frame(VM2, VM1)
    vm1.send(marker)
    assert vm2.wait(marker)


def test_every_packet_is_accounted_for(lab):
    daemon, vm1, vm2 = lab
    for _ in range(10):
        vm1.send(frame(VM2, VM1))
        vm1.send(frame(VM2, OTHER))
        vm1.send(frame(BROADCAST, VM1))
    marker = frame(VM2, VM1)
    vm1.send(marker)
    vm2.wait(marker)
    daemon.wait_for_balance()
    accounts = daemon.ctl_json("accounts")
    assert (accounts["received"], accounts["sent"], accounts["drops"]) == (31, 21, 10)
    assert accounts["held"] == accounts["originated"] == accounts["consumed"] == 0
    assert "received" in daemon.do("accounts")
