# SPDX-License-Identifier: Apache-2.0
"""Several adapters of the host on one switch, each with its VLAN and its policies, as guests' ports have.

    [admin] adm0 --- VLAN 10 --+
    [backup] bak0 -- VLAN 20 --+-- [ lab ]--up0=====out0-- [outside] trunk
    [move] mov0 ---- VLAN 20 --+
"""

import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from support.wire import BROADCAST, frame

ADMIN, BACKUP, MOVE, OUT = (f"52:54:00:00:01:0{n}" for n in (1, 2, 3, 9))
LENGTH = 1000

CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
    groups:
      - name: storage
        override: [xvs.rate/1]
        policies: {xvs.vlan/1: {mode: access, vlan: 20}}
    host_ports:
      - {name: admin, device: adm0, netns: admin, mac: "52:54:00:00:01:01", vlan: 10}
      - {name: backup, device: bak0, netns: backup, mac: "52:54:00:00:01:02", group: storage}
      - {name: move, device: mov0, netns: move, mac: "52:54:00:00:01:03", group: storage}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    """(daemon, {name: wire}): the host's three adapters, and the wire of the uplink."""
    made = dict(zip(("admin", "backup", "move"), hosts("admin", "backup", "move")))
    for name, device in (("admin", "adm0"), ("backup", "bak0"), ("move", "mov0")):
        made[name].device = device
    daemon = xvsd(CONFIG)
    wires = {name: host.up().wire() for name, host in made.items()}
    wires["out"] = outside.up().wire()
    return daemon, wires


def tagged(dst, vlan, payload):
    return Ether(src=OUT, dst=dst) / Dot1Q(vlan=vlan) / IP(src="10.0.0.9", dst="10.0.0.1") / \
        UDP(sport=7, dport=7) / payload


def datagram(src, dst, port=9, payload=b"x" * 40):
    return bytes(Ether(src=src, dst=dst) / IP(src="10.0.0.1", dst="10.0.0.9", tos=46 << 2)
                 / UDP(sport=7, dport=port) / payload)


def untagged(data):
    return data[:12] + data[16:]


def vlan_of(data):
    return int.from_bytes(data[14:16], "big") & 0xfff if data[12:14] == b"\x81\x00" else None


def test_each_has_its_vlan_and_hears_no_other(lab):
    _, wires = lab
    for name, src, vlan in (("admin", ADMIN, 10), ("backup", BACKUP, 20), ("move", MOVE, 20)):
        sent = frame(BROADCAST, src)
        wires[name].send(sent)
        assert vlan_of(wires["out"].wait(lambda data, s=src: data[6:12] == sent[6:12])) == vlan
        if name == "backup":
            wires["move"].wait(sent)
            marker = frame(BROADCAST, OUT, vlan=10)
            wires["out"].send(marker)
            wires["admin"].wait(untagged(marker))
            assert not wires["admin"].has_seen(sent)
    wires["out"].send(tagged(ADMIN, 20, b"not yours" * 8))
    mine = tagged(ADMIN, 10, b"yours" * 12)
    wires["out"].send(mine)
    wires["admin"].wait(untagged(bytes(mine)))
    assert not any(b"not yours" in data for data in wires["admin"].seen)


def test_an_adapter_of_the_host_is_limited_and_its_neighbour_is_not(lab):
    daemon, wires = lab
    daemon.set_policy("lab/backup", "xvs.rate/1", from_pps=500, from_burst_packets=10)
    wanted = [frame(OUT, BACKUP, (b"%08d" % i).ljust(LENGTH - 14, b".")) for i in range(200)]
    start = time.monotonic()
    for made in wanted:
        wires["backup"].send(made)
    free = datagram(MOVE, OUT)
    wires["move"].send(free)
    wires["out"].wait(lambda data: untagged(data) == free)
    assert not any(untagged(data) == wanted[-1] for data in wires["out"].seen)
    wires["out"].wait(lambda data: untagged(data) == wanted[-1])
    batch, burst = 64, 10
    assert len(wanted) <= 500 * (time.monotonic() - start + 0.002) + burst + 1 + batch
    assert daemon.drops("rate") == 0


def test_what_it_gets_is_limited(lab):
    daemon, wires = lab
    daemon.set_policy("lab/move", "xvs.rate/1", to_pps=100, to_burst_packets=5)
    for number in range(200):
        wires["out"].send(tagged(MOVE, 20, b"%08d" % number * 8))
    daemon.wait_for_drop("rate", "lab/move")
    mine = tagged(BACKUP, 20, b"a neighbour" * 6)
    wires["out"].send(mine)
    wires["backup"].wait(untagged(bytes(mine)))
    assert daemon.drops("rate", "lab/backup") == 0


def test_its_marks_and_lists_are_its_own(lab):
    daemon, wires = lab
    daemon.set_policy("lab/backup", "xvs.qos/1", priority=3, trust_dscp=False, dscp=10)
    sent = datagram(BACKUP, OUT)
    wires["backup"].send(sent)
    data = wires["out"].wait(lambda data: data[6:12] == sent[6:12])
    priority, dscp = 3, 10
    assert data[14] >> 5 == priority and data[19] >> 2 == dscp and vlan_of(data) == 20
    sent = datagram(MOVE, OUT)
    wires["move"].send(sent)
    data = wires["out"].wait(lambda data: data[6:12] == sent[6:12])
    assert data[14] >> 5 == 0 and untagged(data) == sent
    daemon.set_policy("lab/admin", "xvs.acl-extended/1", rules=[
        {"direction": "out", "proto": "udp", "remote_ports": "22", "action": "deny", "weight": 10}])
    wires["admin"].send(datagram(ADMIN, OUT, port=22))
    last = datagram(ADMIN, OUT, port=23)
    wires["admin"].send(last)
    wires["out"].wait(lambda data: untagged(data) == last)
    daemon.wait_for_drop("extended-deny", "lab/admin")


def test_one_comes_and_goes_and_the_others_stay(lab, hosts):
    daemon, wires = lab
    ids = {port["name"]: port["id"] for port in daemon.rpc("port.list")}
    late, = hosts("late")
    late.device = "lat0"
    more = '      - {name: late, device: lat0, netns: late, mac: "52:54:00:00:01:04", vlan: 30}\n'
    daemon.write(CONFIG + more)
    daemon.do("config", "reload")
    wire, sent = late.up().wire(), frame(BROADCAST, "52:54:00:00:01:04")
    wire.send(sent)
    data = wires["out"].wait(lambda data: data[6:12] == sent[6:12])
    assert vlan_of(data) == 30 and untagged(data)[:len(sent)] == sent
    daemon.write(CONFIG)
    daemon.do("config", "reload")
    assert not late.has_device()
    assert {port["name"]: port["id"] for port in daemon.rpc("port.list")} == ids
    sent = frame(BROADCAST, ADMIN)
    wires["admin"].send(sent)
    wires["out"].wait(lambda data: untagged(data) == sent)
