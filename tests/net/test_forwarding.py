# SPDX-License-Identifier: Apache-2.0
"""Frames go where they belong and nowhere else.

    [vm1] eth0 --tap--+                     +--veth-- out0 [outside]
    [vm2] eth0 --tap--+--- [ lab: L2 ] -----+
    [vm3] eth0 --tap--+
                      +--tap-- host0 (the daemon's own namespace)
"""

import pytest

from support.host import run
from support.patience import wait_for
from support.wire import BROADCAST, frame

MACS = {"vm1": "52:54:00:00:00:01", "vm2": "52:54:00:00:00:02", "vm3": "52:54:00:00:00:03"}
STRANGER = "52:54:00:00:00:99"
FAR = "02:00:00:00:00:01"

GUESTS = """
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
      - {name: vm3, mac: "52:54:00:00:00:03", backend: {kind: tap, device: eth0, netns: vm3}}
"""
PRIVATE = """
switches:
  - name: lab
    type: private
""" + GUESTS
LEARNING = PRIVATE + "    policies: {xvs.learning/1: {enabled: true, limit: 2}}\n"
INTERNAL = """
switches:
  - name: lab
    type: internal
    host_ports:
      - {name: host0, device: host0, address: 10.77.0.254/24}
""" + GUESTS
EXTERNAL = """
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
""" + GUESTS


@pytest.fixture
def guests(hosts):
    return hosts("vm1", "vm2", "vm3")


def address_all(guests):
    for number, guest in enumerate(guests, 1):
        guest.up(f"10.77.0.{number}/24")


def wires_of(guests):
    return [guest.up().wire() for guest in guests]


def test_guests_of_a_private_switch_reach_one_another(guests, xvsd):
    xvsd(PRIVATE)
    address_all(guests)
    vm1, vm2, vm3 = guests
    assert vm1.reaches("10.77.0.2") and vm2.reaches("10.77.0.3")
    assert vm3.ping("10.77.0.1", count=5)


def test_the_adapter_has_the_address_of_the_configuration(guests, xvsd):
    xvsd(PRIVATE)
    for guest in guests:
        guest.up()
        assert MACS[guest.name] in guest.run("ip", "link", "show", "dev", "eth0")


def test_broadcast_and_multicast_reach_all_but_the_sender(guests, xvsd):
    xvsd(PRIVATE)
    wires = wires_of(guests)
    for group in (BROADCAST, "01:00:5e:01:02:03", "33:33:00:00:00:05"):
        sent = frame(group, MACS["vm1"])
        wires[0].send(sent)
        assert wires[1].wait(sent) and wires[2].wait(sent)
    wires[1].send(frame(MACS["vm1"], MACS["vm2"], b"last"))
    wires[0].wait(frame(MACS["vm1"], MACS["vm2"], b"last"))
    assert len(wires[0].seen) == 1, "a flood came back to its sender"


def test_unicast_reaches_its_adapter_alone(guests, xvsd):
    xvsd(PRIVATE)
    wires = wires_of(guests)
    sent = frame(MACS["vm2"], MACS["vm1"])
    wires[0].send(sent)
    assert wires[1].wait(sent)
    marker = frame(BROADCAST, MACS["vm1"])
    wires[0].send(marker)
    wires[2].wait(marker)
    assert not wires[2].has_seen(sent)


def test_bridge_control_frames_are_not_forwarded(guests, xvsd):
    daemon = xvsd(PRIVATE)
    wires = wires_of(guests)
    control, marker = frame("01:80:c2:00:00:00", MACS["vm1"]), frame(BROADCAST, MACS["vm1"])
    wires[0].send(control)
    wires[0].send(marker)
    wires[1].wait(marker)
    assert not wires[1].has_seen(control)
    daemon.wait_for_drop("link-local-control", "lab/vm1")


def test_unknown_unicast_without_an_uplink_is_dropped_with_a_reason(guests, xvsd):
    daemon = xvsd(PRIVATE)
    wires = wires_of(guests)
    stray, marker = frame(STRANGER, MACS["vm1"]), frame(BROADCAST, MACS["vm1"])
    wires[0].send(stray)
    wires[0].send(marker)
    wires[1].wait(marker)
    assert not wires[1].has_seen(stray)
    daemon.wait_for_drop("unknown-unicast", "lab/vm1")


def test_unknown_unicast_goes_to_uplinks_only(guests, outside, xvsd):
    outside.up()
    xvsd(EXTERNAL)
    vm1, vm2, _ = wires_of(guests)
    out = outside.wire()
    stray, marker = frame(STRANGER, MACS["vm1"]), frame(BROADCAST, MACS["vm1"])
    vm1.send(stray)
    vm1.send(marker)
    assert out.wait(stray)
    vm2.wait(marker)
    assert not vm2.has_seen(stray)


def test_nothing_goes_back_by_the_uplink(guests, outside, xvsd):
    outside.up()
    daemon = xvsd(EXTERNAL)
    vm1, _, _ = wires_of(guests)
    out = outside.wire()
    flood, direct = frame(BROADCAST, FAR), frame(STRANGER, FAR)
    out.send(direct)
    out.send(flood)
    assert vm1.wait(flood)
    marker = frame(BROADCAST, MACS["vm1"])
    vm1.send(marker)
    out.wait(marker)
    assert not out.has_seen(flood) and not out.has_seen(direct)
    assert daemon.drops(port="lab/up0") > 0


def test_the_outside_and_a_guest_talk_by_the_uplink(guests, outside, xvsd):
    outside.up("10.77.0.254/24")
    xvsd(EXTERNAL)
    address_all(guests)
    assert guests[0].reaches("10.77.0.254")
    assert outside.ping("10.77.0.2", count=5)


def test_a_host_port_has_its_address_and_talks(guests, xvsd):
    daemon = xvsd(INTERNAL)
    address_all(guests)
    assert "10.77.0.254/24" in run("ip", "addr", "show", "dev", "host0")
    assert guests[0].reaches("10.77.0.254")
    assert daemon.port("lab/host0")["role"] == "host"


def test_a_private_switch_refuses_host_ports_and_uplinks(check):
    done = check("""
        switches:
          - name: lab
            type: private
            uplinks:
              - {name: up0, device: up0, backend: af_packet}
            host_ports:
              - {name: host0, device: host0}
        """)
    assert done.returncode == 1
    assert "uplink up0: a switch of type private has none" in done.stderr
    assert "host port host0: a switch of type private has none" in done.stderr


def test_learning_finds_an_adapter_that_moved_in(guests, xvsd):
    daemon = xvsd(LEARNING)
    vm1, vm2, vm3 = wires_of(guests)
    hello, answer = frame(BROADCAST, STRANGER), frame(STRANGER, MACS["vm1"])
    vm2.send(hello)
    vm1.wait(hello)
    wait_for("the address to be learned", lambda: [
        row for row in daemon.rpc("mac.list") if row["mac"] == STRANGER and row["port"] == "vm2"])
    vm1.send(answer)
    vm2.wait(answer)
    marker = frame(BROADCAST, MACS["vm1"])
    vm1.send(marker)
    vm3.wait(marker)
    assert not vm3.has_seen(answer)
