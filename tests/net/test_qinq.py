# SPDX-License-Identifier: Apache-2.0
"""Double tags (F15): a tunnel through the switch, and no way to another VLAN without one.

    [a] tap, tunnel 100 ---+-- [ lab ] --veth-- out0 [outside]: trunk, native 50
    [b] tap, tunnel 100 ---+
    [evil] tap, access 50 -+
"""

import struct

import pytest

from support.wire import frame

MACS = {name: f"52:54:00:00:00:{number:02x}" for number, name in enumerate(("a", "b", "evil"), 1)}
FAR = "02:00:00:00:00:01"
VLANS = {"a": "mode: tunnel, vlan: 100", "b": "mode: tunnel, vlan: 100", "evil": "vlan: 50"}


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
      - {{name: up0, device: up0, backend: af_packet,
         policies: {{xvs.vlan/1: {{mode: trunk, native: 50}}}}}}
    ports:{ports}
"""


def tagged(made, vlan, ethertype=0x8100):
    return made[:12] + struct.pack("!HH", ethertype, vlan) + made[12:]


@pytest.fixture
def lab(hosts, outside, xvsd):
    outside.up()
    guests = hosts(*MACS)
    daemon = xvsd(config(VLANS))
    wires = {host.name: host.up().wire() for host in guests}
    wires["out"] = outside.wire()
    return daemon, wires


def test_customers_tags_go_through_a_tunnel(lab):
    daemon, wires = lab
    for vlan in (None, 20, 4094):
        mine = frame(MACS["b"], MACS["a"], vlan=vlan)
        wires["a"].send(mine)
        wires["b"].wait(mine)
        away = frame(FAR, MACS["a"], vlan=vlan)
        wires["a"].send(away)
        wires["out"].wait(tagged(away, 100, 0x88A8))
        back = frame(MACS["a"], FAR, vlan=vlan)
        wires["out"].send(tagged(back, 100, 0x88A8))
        wires["a"].wait(back)
    daemon.do("policy", "set", "--override", "lab/a", "xvs.vlan/1", "ethertype=0x8100")
    away = frame(FAR, MACS["a"], vlan=20)
    wires["a"].send(away)
    wires["out"].wait(tagged(away, 100))


@pytest.mark.parametrize("outer", [0, 50, 20])
def test_double_tags_open_no_other_vlan(lab, outer):
    daemon, wires = lab
    attack = tagged(frame(FAR, MACS["evil"], b"hop", vlan=20), outer)
    honest = frame(FAR, MACS["evil"])
    wires["evil"].send(attack)
    wires["evil"].send(honest)
    wires["out"].wait(honest)
    assert not any(b"hop" in data for data in wires["out"].seen)
    daemon.wait_for_drop("vlan", "lab/evil")


def test_a_tunnel_has_a_vlan(check):
    done = check(config({"a": "mode: tunnel"}))
    assert done.returncode == 1
    assert ("port lab/a: policy xvs.vlan/1, vlan: it is missing, must be the outer VLAN, 1..4094"
            in done.stderr)
