# SPDX-License-Identifier: Apache-2.0
"""LLDP with the adjacent switch, and CDP (J14), and whether what it says fits what is sent there (J13).

    [vm] VLAN 30 --null--[     ]--up0---- [outside]
    [vm2] untagged ------[ lab ]--up1---- [outside]   (as a team)

The adjacent switch is the test, by frames; what the switch tells is read by scapy.
"""

import pytest
from scapy.contrib.cdp import (CDPMsgDeviceID, CDPMsgMTU, CDPMsgNativeVLAN, CDPMsgPortID,
                               CDPv2_HDR)
from scapy.contrib.lldp import (LLDPDU, LLDPDUChassisID, LLDPDUEndOfLLDPDU,
                                LLDPDUGenericOrganisationSpecific, LLDPDUPortID,
                                LLDPDUSystemName, LLDPDUTimeToLive)
from scapy.layers.l2 import LLC, SNAP, Dot3, Ether

from support.host import remove_link, veth
from support.patience import wait_for

PORTS = """\
    ports:
      - {name: vm, mac: "52:54:00:00:00:01", backend: {kind: "null"},
         policies: {xvs.vlan/1: {mode: access, vlan: 30}}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: "null"}}
"""
SINGLE = """\
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, policies: {xvs.lldp/1: {interval_s: 5}}}
""" + PORTS
TEAM = """\
switches:
  - name: lab
    type: external
    uplinks: [{name: up0, device: up0}, {name: up1, device: up1}]
    team: {policies: {xvs.lldp/1: {}}}
""" + PORTS
NEAREST = "01:80:c2:00:00:0e"
DOT1, DOT3 = 0x0080C2, 0x00120F


def organization(oui, subtype, data):
    return LLDPDUGenericOrganisationSpecific(org_code=oui, subtype=subtype, data=data)


def told(port, *more, ttl=120):
    """What a switch of the name sw1 tells at one of its ports."""
    made = (Ether(dst=NEAREST, src="02:00:00:ab:cd:01", type=0x88CC)
            / LLDPDUChassisID(subtype=4, id="02:00:00:ab:cd:ef")
            / LLDPDUPortID(subtype=5, id=port.encode()) / LLDPDUTimeToLive(ttl=ttl)
            / LLDPDUSystemName(system_name=b"sw1"))
    for one in more:
        made /= one
    return bytes(made / LLDPDUEndOfLLDPDU())


def told_by_cdp(port, ttl=180, native=30):
    """The same switch, by Cisco's protocol."""
    messages = [CDPMsgDeviceID(val=b"sw1.example"), CDPMsgPortID(iface=port.encode()),
                CDPMsgNativeVLAN(vlan=native), CDPMsgMTU(mtu=1000)]
    return bytes(Dot3(dst="01:00:0c:cc:cc:cc", src="02:00:00:ab:cd:01")
                 / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0xC, code=0x2000)
                 / CDPv2_HDR(vers=2, ttl=ttl, msg=messages)).ljust(60, b"\0")


def vlan(number):
    return organization(DOT1, 3, number.to_bytes(2, "big") + b"\1x")


FITS = [organization(DOT1, 1, b"\0\1"), vlan(30), organization(DOT3, 4, (9216).to_bytes(2, "big"))]


@pytest.fixture
def single(outside, xvsd):
    outside.device = "out0"
    wire = outside.up().wire()  # so that the first that is told is heard
    return xvsd(SINGLE), wire


def neighbour(daemon, port="lab/up0"):
    return daemon.port(port).get("neighbour")


def test_the_adjacent_switch_is_known_until_it_says_farewell(single):
    daemon, wire = single
    assert neighbour(daemon) is None
    wire.send(told("Eth1/7", *FITS))
    wait_for("the neighbour", lambda: neighbour(daemon))
    found = neighbour(daemon)
    assert (found["system"], found["port"], found["chassis"]) == ("sw1", "Eth1/7",
                                                                  "02:00:00:ab:cd:ef")
    assert (found["vlans"], found["untagged_vlan"], found["max_frame"]) == ([30], 1, 9216)
    assert found["warnings"] == []
    assert "the adjacent switch is sw1 (02:00:00:ab:cd:ef), port Eth1/7" in daemon.said()
    assert "Eth1/7" in daemon.do("port", "show", "lab/up0")
    wire.send(told("Eth1/7", ttl=0))
    wait_for("its farewell", lambda: neighbour(daemon) is None)
    wire.send(told("Eth1/8", ttl=1))
    wait_for("another port", lambda: "port Eth1/8" in daemon.said())
    wait_for("the end of its time", lambda: neighbour(daemon) is None)


def test_what_does_not_fit_is_said(single):
    daemon, wire = single
    wire.send(told("Eth1/7", organization(DOT1, 1, b"\0\0"), vlan(20),
                   organization(DOT3, 4, (1000).to_bytes(2, "big")),
                   organization(DOT1, 7, b"\3\0\0\0\1")))
    wait_for("the neighbour", lambda: neighbour(daemon))
    assert neighbour(daemon)["warnings"] == [
        "VLAN 30 of port vm is none of those that the adjacent port names",
        "port vm2 sends untagged there, which the adjacent port does not take",
        "the adjacent port takes frames of 1000 bytes, and the MTU here makes them up to 1518",
        "the adjacent port is one of an aggregation group, and uplinks here are independent of "
        "each other"]


def test_nonsense_is_no_neighbour(single):
    daemon, wire = single
    good = told("Eth1/7", *FITS)
    for made in (good[:20], good[:16] + b"\xff" + good[17:30], good[:12] + b"\x88\xcd" + good[14:],
                 b"\x01\x80\xc2\x00\x00\x02" + good[6:]):
        wire.send(made.ljust(60, b"\0"))
    wire.send(told("Eth9/9", *FITS))
    wait_for("the honest one", lambda: neighbour(daemon))
    assert neighbour(daemon)["port"] == "Eth9/9"
    assert "Eth1/7" not in daemon.said()


def test_cdp_counts_where_no_lldp_is_heard(single):
    daemon, wire = single
    wire.send(told_by_cdp("Gi1/0/7"))
    wait_for("the neighbour", lambda: neighbour(daemon))
    found = neighbour(daemon)
    assert (found["protocol"], found["chassis"], found["port"]) == ("cdp", "sw1.example", "Gi1/0/7")
    assert (found["untagged_vlan"], found["max_frame"]) == (30, 1018)
    assert found["warnings"] == ["the adjacent port takes frames of 1018 bytes, and the MTU here "
                                 "makes them up to 1518"]
    wire.send(told("Eth1/7", *FITS))
    wait_for("LLDP", lambda: neighbour(daemon)["protocol"] == "lldp")
    wire.send(told_by_cdp("Gi1/0/8"))
    wire.send(told("Eth1/9", *FITS))
    wait_for("LLDP again", lambda: neighbour(daemon)["port"] == "Eth1/9")
    assert "Gi1/0/8" not in daemon.said()
    wire.send(told("Eth1/9", ttl=0))
    wait_for("its farewell", lambda: neighbour(daemon) is None)
    wire.send(told_by_cdp("Gi1/0/9"))
    wait_for("CDP", lambda: neighbour(daemon) and neighbour(daemon)["port"] == "Gi1/0/9")
    daemon.set_policy("lab/up0", "xvs.lldp/1", cdp=False)
    wait_for("silence", lambda: neighbour(daemon) is None)


def test_the_host_tells_of_itself(single):
    daemon, wire = single
    data = wire.wait(lambda data: data[12:14] == b"\x88\xcc")
    made = Ether(data)
    assert made.dst == NEAREST and LLDPDU in made
    assert made[LLDPDUPortID].id == b"up0" and made[LLDPDUTimeToLive].ttl == 20
    assert made[LLDPDUSystemName].system_name
    daemon.set_policy("lab/up0", "xvs.lldp/1", cdp_tell=True, interval_s=5)
    by_cdp = wire.wait(lambda data: data[:6] == bytes.fromhex("01000ccccccc"))
    assert Ether(by_cdp)[CDPMsgPortID].iface == b"up0"
    assert bytes.fromhex("0011" "0008" "000005dc") in by_cdp, "an MTU of 1500, in four bytes"
    daemon.set_policy("lab/up0", "xvs.lldp/1", mode="listen")
    wire.send(told("Eth1/7", *FITS))
    wait_for("the neighbour", lambda: neighbour(daemon))
    daemon.set_policy("lab/up0", "xvs.lldp/1", mode="off")
    wait_for("silence", lambda: neighbour(daemon) is None)


def test_each_link_of_a_team_has_its_neighbour(xvsd, outside):
    veth("up1", "out1", outside)
    try:
        for device in ("out0", "out1"):
            outside.run("ip", "link", "set", device, "up")
        wires = [outside.wire(f"out{number}") for number in (0, 1)]
        daemon = xvsd(TEAM)
        for number, wire in enumerate(wires):
            wire.wait(lambda data: data[12:14] == b"\x88\xcc")
            wire.send(told(f"Eth1/{number}", *FITS))
        wait_for("both", lambda: all(neighbour(daemon, f"lab/up{n}") for n in (0, 1)))
        links = daemon.rpc("team.show")[0]["uplinks"]
        assert [link["neighbour"]["port"] for link in links] == ["Eth1/0", "Eth1/1"]
        assert "up1: next to sw1, port Eth1/1" in daemon.do("team", "show")
    finally:
        remove_link("up1")
