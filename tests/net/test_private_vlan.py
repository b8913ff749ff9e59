# SPDX-License-Identifier: Apache-2.0
"""Private VLANs (RFC 5517): who reaches whom inside of one VLAN.

    [iso1] isolated 101  --tap--+
    [iso2] isolated 101  --tap--+
    [web1] community 102 --tap--+-- [ lab, primary 100 ] --veth-- out0 [outside]: 100, 101, 102 tagged
    [web2] community 102 --tap--+
    [gate] promiscuous   --tap--+
"""

import pytest

from support.wire import BROADCAST, frame

MACS = {name: f"52:54:00:00:00:{number:02x}"
        for number, name in enumerate(("iso1", "iso2", "web1", "web2", "gate"), 1)}
FAR = "02:00:00:00:00:01"
VLANS = {
    "iso1": "mode: isolated, primary: 100, secondary: 101",
    "iso2": "mode: isolated, primary: 100, secondary: 101",
    "web1": "mode: community, primary: 100, secondary: 102",
    "web2": "mode: community, primary: 100, secondary: 102",
    "gate": "mode: promiscuous, primary: 100, secondaries: ['101-102']",
}
MAY_REACH = {
    "iso1": {"gate"},
    "iso2": {"gate"},
    "web1": {"web2", "gate"},
    "web2": {"web1", "gate"},
    "gate": {"iso1", "iso2", "web1", "web2"},
}
TAG = {"iso1": 101, "iso2": 101, "web1": 102, "web2": 102, "gate": 100}


def config(vlans):
    ports = "".join(f"""
      - name: {name}
        mac: "{MACS[name]}"
        backend: {{kind: tap, device: eth0, netns: {name}}}
        policies: {{xvs.vlan/1: {{{vlan}}}}}""" for name, vlan in vlans.items())
    return f"""
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    ports:{ports}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    """(daemon, wire by name); the outside is "out"."""
    outside.up()
    guests = hosts(*MACS)
    daemon = xvsd(config(VLANS))
    wires = {host.name: host.up().wire() for host in guests}
    wires["out"] = outside.wire()
    return daemon, wires


def payloads(wire):
    return {name for name in MACS for seen in wire.seen if b"from " + name.encode() in seen}


def flush(wires):
    """What was sent before has arrived: the last word is one that each gets."""
    wires["out"].send(frame(BROADCAST, FAR, b"end", vlan=100))
    for name in MACS:
        wires[name].wait(lambda data: b"end" in data)


def test_a_broadcast_reaches_whom_it_may(lab):
    _, wires = lab
    for name in MACS:
        wires[name].send(frame(BROADCAST, MACS[name], b"from " + name.encode()))
        wires["out"].wait(lambda data, name=name: b"from " + name.encode() in data)
    flush(wires)
    for name in MACS:
        assert payloads(wires[name]) == {other for other in MACS if name in MAY_REACH[other]}


def test_unicast_reaches_whom_it_may(lab):
    daemon, wires = lab
    for name in MACS:
        for other in MACS:
            if other != name:
                wires[name].send(frame(MACS[other], MACS[name], b"from " + name.encode()))
        wires[name].send(frame(FAR, MACS[name], b"last of " + name.encode()))
        wires["out"].wait(lambda data, name=name: b"last of " + name.encode() in data)
    flush(wires)
    for name in MACS:
        assert payloads(wires[name]) == {other for other in MACS if name in MAY_REACH[other]}
    refused = sum(len(MACS) - 1 - len(reached) for reached in MAY_REACH.values())
    daemon.wait_for_drop("private-vlan", "lab/iso1")
    assert sum(drop["packets"] for drop in daemon.ctl_json("drops")
               if drop["reason"] == "private-vlan") == refused


def test_the_wire_carries_primary_and_secondary_vlans(lab):
    _, wires = lab
    for name in MACS:
        wires[name].send(frame(FAR, MACS[name], b"from " + name.encode()))
        seen = wires["out"].wait(lambda data, name=name: b"from " + name.encode() in data)
        assert seen[12:16] == b"\x81\x00" + TAG[name].to_bytes(2, "big")


@pytest.mark.parametrize("vlan, reached", [
    (100, set(MACS)), (101, {"gate"}), (102, {"web1", "web2", "gate"}), (103, set())])
def test_what_the_wire_brings_reaches_whom_it_may(lab, vlan, reached):
    _, wires = lab
    for name in MACS:
        wires["out"].send(frame(MACS[name], FAR, b"to " + name.encode(), vlan=vlan))
    flush(wires)
    got = {name for name in MACS for seen in wires[name].seen
           if b"to " + name.encode() in seen and seen[12:14] != b"\x81\x00"}
    assert got == reached


def test_a_port_leaves_its_community_at_once(lab):
    daemon, wires = lab
    wires["web1"].send(frame(MACS["web2"], MACS["web1"], b"before"))
    wires["web2"].wait(lambda data: b"before" in data)
    daemon.do("policy", "set", "--override", "lab/web2", "xvs.vlan/1", "mode=isolated",
              "secondary=101")
    wires["web1"].send(frame(MACS["web2"], MACS["web1"], b"after"))
    flush(wires)
    assert not any(b"after" in seen for seen in wires["web2"].seen)


def test_ports_that_contradict_one_another_are_refused(check):
    wrong = {
        "iso1": "mode: isolated, primary: 100, secondary: 101",
        "iso2": "mode: community, primary: 100, secondary: 101",
        "web1": "mode: community, primary: 200, secondary: 101",
        "web2": "mode: isolated, primary: 100",
        "gate": "mode: promiscuous",
    }
    done = check(config(wrong))
    assert done.returncode == 1
    for sentence in (
            "port lab/iso2: policy xvs.vlan/1, secondary: 101 is a community, for port iso1 it is "
            "the isolated VLAN",
            "port lab/web2: policy xvs.vlan/1, secondary: it is missing, must be a VLAN inside the "
            "primary one",
            "port lab/gate: policy xvs.vlan/1, primary: it is missing, must be the primary VLAN, "
            "1..4094"):
        assert sentence in done.stderr
    done = check(config({"iso1": wrong["iso1"],
                         "iso2": "mode: isolated, primary: 200, secondary: 101"}))
    assert "101 is inside VLAN 200, for port iso1 inside 100" in done.stderr
