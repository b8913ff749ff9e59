# SPDX-License-Identifier: Apache-2.0
"""The VEPA: guests of one host meet at the adjacent switch, which reflects.

    vm1 --tap--[          ]                  [            ]
               [ lab:     ]==up0======p0,    [ br0,       ]--veth-- outside
    vm2 --tap--[ vepa     ]       hairpin on [ a bridge   ]
"""

import pytest

from support.host import remove_link, run, veth
from support.patience import wait_for
from support.wire import BROADCAST, frame

VM1, VM2, OUTSIDE = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:09"
CONFIG = """\
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0}
    chain:
      - {instance: vepa, extension: org.xvs.vepa}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: vm1eth0, netns: vm1, peer_name: eth0}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: vm2eth0, netns: vm2, peer_name: eth0}}
"""


@pytest.fixture
def phys(hosts):
    host, = hosts("phys")
    host.run("ip", "link", "add", "br0", "type", "bridge")
    host.run("ip", "link", "set", "br0", "up")
    veth("up0", "p0", host)
    host.run("ip", "link", "set", "p0", "master", "br0", "up")
    yield host
    remove_link("up0")


@pytest.fixture
def outside(hosts, phys):
    host, = hosts("outside")
    run("ip", "-n", "phys", "link", "add", "p9", "type", "veth", "peer", "name", "eth0", "netns",
        host.name)
    phys.run("ip", "link", "set", "p9", "master", "br0", "up")
    return host.up("10.0.0.9/24")


@pytest.fixture
def lab(xvsd, hosts, phys, outside):
    guests = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    for nr, guest in enumerate(guests, 1):
        guest.up(f"10.0.0.{nr}/24")
    return daemon, guests


def reflect(phys, on=True):
    phys.run("bridge", "link", "set", "dev", "p0", "hairpin", "on" if on else "off")


def test_neighbours_meet_at_the_adjacent_switch_alone(lab, phys, outside):
    daemon, (vm1, vm2) = lab
    assert vm1.reaches("10.0.0.9") and vm2.reaches("10.0.0.9")
    assert not vm1.ping("10.0.0.2", count=1)
    reflect(phys)
    assert vm1.reaches("10.0.0.2") and vm2.reaches("10.0.0.1")
    before = daemon.stats("lab/up0")["tx_packets"]
    assert vm1.ping("10.0.0.2", count=5)
    assert daemon.stats("lab/up0")["tx_packets"] >= before + 10
    reflect(phys, on=False)
    wait_for("the neighbour to be out of reach", lambda: not vm1.ping("10.0.0.2", count=1))


def test_a_reflected_broadcast_comes_once_and_not_to_its_sender(lab, phys, outside):
    _, guests = lab
    reflect(phys)
    assert all(guest.reaches("10.0.0.9") for guest in guests)
    vm1, vm2 = (guest.wire() for guest in guests)
    out = outside.wire()
    told, marker = frame(BROADCAST, VM1), frame(BROADCAST, OUTSIDE)
    vm1.send(told)
    out.wait(told)
    vm2.wait(told)
    out.send(marker)
    assert vm1.wait(marker) and vm2.wait(marker)
    assert not vm1.has_seen(told) and vm2.seen.count(told) == 1


def test_nothing_is_forwarded_without_the_uplink(lab, phys, outside):
    daemon, (vm1, _) = lab
    assert vm1.reaches("10.0.0.9")
    uplink = daemon.rpc("ext.show", name="lab/vepa")
    assert "up0" in str(uplink)
    phys.run("ip", "link", "set", "p0", "down")
    wait_for("the link to be down", lambda: daemon.port("lab/up0")["link"] == "down")
    wire = vm1.wire()

    def is_dropped():
        wire.send(frame(BROADCAST, VM1))
        return daemon.drops("no-uplink", "lab/vm1")

    wait_for("a drop for want of an uplink", is_dropped)
    phys.run("ip", "link", "set", "p0", "up")
    assert vm1.reaches("10.0.0.9")


def test_a_stranger_from_outside_reaches_no_guest(lab, phys, outside):
    daemon, guests = lab
    wires = [guest.wire() for guest in guests]
    out = outside.wire()
    stray, marker = frame("52:54:00:00:00:77", OUTSIDE), frame(BROADCAST, OUTSIDE)
    out.send(stray)
    out.send(marker)
    for wire in wires:
        wire.wait(marker)
        assert not wire.has_seen(stray)
    daemon.wait_for_drop("unknown-unicast", "lab/up0")
