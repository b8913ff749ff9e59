# SPDX-License-Identifier: Apache-2.0
"""Segments: access and trunk ports, and an uplink that carries tags.

    [vm1] access 10 --tap--+
    [vm2] access 20 --tap--+-- [ lab ] --veth-- out0 [outside]: untagged, 10 and 20
    [vm3] trunk  10 --tap--+
"""

import pytest

from support.wire import BROADCAST, frame

VM1, VM2, VM3 = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"
FAR = "02:00:00:00:00:01"

CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {kind: tap, device: eth0, netns: vm1}
        policies: {xvs.vlan/1: {mode: access, vlan: 10}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
        policies: {xvs.vlan/1: {mode: access, vlan: 20}}
      - name: vm3
        mac: "52:54:00:00:00:03"
        backend: {kind: tap, device: eth0, netns: vm3}
        policies: {xvs.vlan/1: {mode: trunk, native: 20, allowed: [{first: 10, last: 10}]}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    """(daemon, wires): vm1, vm2, vm3, outside."""
    outside.up()
    guests = hosts("vm1", "vm2", "vm3")
    daemon = xvsd(CONFIG)
    return daemon, [host.up().wire() for host in guests] + [outside.wire()]


def test_a_flood_stays_in_its_segment_and_is_tagged_on_trunks(lab):
    _, (vm1, vm2, vm3, out) = lab
    payload = b"from vlan 10"
    vm1.send(frame(BROADCAST, VM1, payload))
    assert out.wait(lambda f: payload in f)[12:16] == bytes.fromhex("8100000a")
    assert vm3.wait(lambda f: payload in f)[12:16] == bytes.fromhex("8100000a")
    vm3.send(frame(BROADCAST, VM3, b"native"))
    vm2.wait(frame(BROADCAST, VM3, b"native"))
    assert not any(payload in seen for seen in vm2.seen)


def test_the_native_segment_of_a_trunk_is_untagged(lab):
    _, (_, vm2, vm3, _) = lab
    sent = frame(VM3, VM2)
    vm2.send(sent)
    assert vm3.wait(sent)[12:14] != bytes.fromhex("8100")


def test_an_uplink_brings_tagged_frames_to_access_ports_untagged(lab):
    _, (vm1, vm2, _, out) = lab
    out.send(frame(VM1, FAR, b"for vm1", vlan=10))
    out.send(frame(VM2, FAR, b"for vm2", vlan=20))
    assert vm1.wait(lambda f: b"for vm1" in f)[12:14] == bytes.fromhex("88b5")
    assert vm2.wait(lambda f: b"for vm2" in f)[12:14] == bytes.fromhex("88b5")


def test_an_access_port_may_not_send_tags(lab):
    daemon, (vm1, _, vm3, _) = lab
    vm1.send(frame(VM3, VM1, b"tagged", vlan=10))
    vm1.send(frame(VM3, VM1, b"plain"))
    vm3.wait(lambda f: b"plain" in f)
    assert not any(b"tagged" in seen for seen in vm3.seen)
    daemon.wait_for_drop("vlan", "lab/vm1")


def test_a_trunk_carries_only_what_it_is_allowed(lab):
    daemon, (vm1, _, vm3, _) = lab
    vm3.send(frame(BROADCAST, VM3, b"eleven", vlan=11))
    vm3.send(frame(BROADCAST, VM3, b"ten", vlan=10))
    vm1.wait(lambda f: b"ten" in f)
    daemon.wait_for_drop("vlan", "lab/vm3")


def test_an_adapter_of_another_segment_is_not_reached(lab):
    _, (vm1, vm2, _, out) = lab
    vm1.send(frame(VM2, VM1, b"to another segment"))
    assert out.wait(lambda f: b"to another segment" in f)
    out.send(frame(VM2, FAR, b"marker", vlan=20))
    vm2.wait(lambda f: b"marker" in f)
    assert not any(b"to another segment" in seen for seen in vm2.seen)


def test_a_port_changes_its_segment_live(lab):
    daemon, (vm1, vm2, _, _) = lab
    daemon.set_policy("lab/vm2", "xvs.vlan/1", vlan=10)
    sent = frame(VM2, VM1)
    vm1.send(sent)
    assert vm2.wait(sent)
