# SPDX-License-Identifier: Apache-2.0
"""A guest that attacks: guard drops each attack for the right reason, honest flows go on.

    [vm1] attacker --tap--+-- [ lab: guard ]
    [vm2] victim   --tap--+
"""

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr, IPv6,
                                IPv6ExtHdrFragment)
from scapy.layers.l2 import ARP, Dot1Q, Ether

from support.patience import wait_for
from support.wire import BROADCAST, frame

VM1, VM2, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:99"
IP1, IP2 = "10.77.0.1", "10.77.0.2"

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {kind: tap, device: eth0, netns: vm1}
        policies:
          org.xvs.guard/1:
            dhcp_guard: true
            router_guard: true
            ips: [{ip: 10.77.0.1}, {ip: "fd00::1"}]
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
"""

ATTACKS = {
    "another adapter's address": (
        "spoofed-mac", Ether(src=OTHER, dst=VM2) / IP(src=IP1, dst=IP2) / UDP(dport=9)),
    "another host's address": (
        "spoofed-ip", Ether(src=VM1, dst=VM2) / IP(src="10.77.0.77", dst=IP2) / UDP(dport=9)),
    "another host's IPv6 address": (
        "spoofed-ip", Ether(src=VM1, dst=VM2) / IPv6(src="fd00::77", dst="fd00::2") / UDP(dport=9)),
    "ARP reply for a neighbour": (
        "spoofed-arp", Ether(src=VM1, dst=VM2)
        / ARP(op=2, hwsrc=VM1, psrc="10.77.0.254", hwdst=VM2, pdst=IP2)),
    "ARP with another hardware address inside": (
        "spoofed-arp", Ether(src=VM1, dst=BROADCAST)
        / ARP(op=1, hwsrc=OTHER, psrc=IP1, pdst=IP2)),
    "gratuitous ARP for a neighbour": (
        "spoofed-arp", Ether(src=VM1, dst=BROADCAST) / ARP(op=1, hwsrc=VM1, psrc=IP2, pdst=IP2)),
    "DHCP offer": (
        "dhcp-server", Ether(src=VM1, dst=VM2) / IP(src=IP1, dst=IP2) / UDP(sport=67, dport=68)
        / BOOTP(op=2, yiaddr="10.77.0.50") / DHCP(options=[("message-type", "offer"), "end"])),
    "DHCP offer from another port": (
        "dhcp-server", Ether(src=VM1, dst=VM2) / IP(src=IP1, dst=IP2) / UDP(sport=5000, dport=68)
        / BOOTP(op=2, yiaddr="10.77.0.50") / DHCP(options=[("message-type", "offer"), "end"])),
    "another host's address behind tags of VLAN 0": (
        "spoofed-ip", Ether(src=VM1, dst=VM2) / Dot1Q(vlan=0) / Dot1Q(vlan=0) / Dot1Q(vlan=0)
        / IP(src="10.77.0.77", dst=IP2) / UDP(dport=9)),
    "DHCPv6 server": (
        "dhcp-server", Ether(src=VM1, dst=VM2) / IPv6(src="fd00::1", dst="fd00::2")
        / UDP(sport=547, dport=546) / (b"\x07" + bytes(20))),
    "router advertisement": (
        "router-advertisement", Ether(src=VM1, dst="33:33:00:00:00:01")
        / IPv6(src="fe80::1", dst="ff02::1", hlim=255) / ICMPv6ND_RA()),
    "router advertisement behind a fragment header": (
        "header-chain", Ether(src=VM1, dst="33:33:00:00:00:01")
        / IPv6(src="fe80::1", dst="ff02::1", hlim=255) / IPv6ExtHdrFragment(m=1, nh=60)
        / bytes.fromhex("3a00010400000000")),
    "redirect": (
        "redirect", Ether(src=VM1, dst=VM2) / IP(src=IP1, dst=IP2)
        / ICMP(type=5, code=1, gw="10.77.0.1") / IP(src=IP2, dst="1.2.3.4") / UDP()),
    "neighbour advertisement for a neighbour": (
        "spoofed-nd", Ether(src=VM1, dst=VM2) / IPv6(src="fd00::1", dst="fd00::2", hlim=255)
        / ICMPv6ND_NA(tgt="fd00::254", R=0) / ICMPv6NDOptDstLLAddr(lladdr=VM1)),
}


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    return daemon, vm1, vm2


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_dropped_for_its_reason(lab, attack):
    daemon, vm1, vm2 = lab
    reason, packet = ATTACKS[attack]
    attacker, victim = vm1.wire(), vm2.wire()
    before = daemon.rpc("drops")
    assert not before, before
    marker = frame(BROADCAST, VM1)
    attacker.send(packet)
    attacker.send(marker)
    victim.wait(marker)
    assert not victim.has_seen(packet)
    counted, = daemon.rpc("drops")
    assert (counted["reason"], counted["packets"]) == (reason, 1)
    assert (counted["port"], counted["stage"], counted["instance"], counted["extension"]) == (
        "lab/vm1", "ingress", "guard", "org.xvs.guard")


def test_honest_traffic_is_not_disturbed_by_attacks(lab):
    daemon, vm1, vm2 = lab
    vm1.reaches("10.77.0.2")
    attacker = vm1.wire()
    for _ in range(20):
        for _, packet in ATTACKS.values():
            attacker.send(packet)
    assert vm1.ping("10.77.0.2", count=5) and vm2.ping("10.77.0.1", count=5)
    assert daemon.drops("spoofed-mac", "lab/vm1") == 20


def test_a_storm_is_limited_and_unicast_is_not(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm1", "org.xvs.guard/1", storm_pps=1, storm_burst=5)
    a, b = vm1.wire(), vm2.wire()
    for _ in range(200):
        a.send(frame(BROADCAST, VM1))
    marker = frame(VM2, VM1)
    a.send(marker)
    b.wait(marker)
    daemon.wait_for_drop("storm", "lab/vm1")
    assert len(b.seen) - 1 + daemon.drops("storm", "lab/vm1") == 200


def test_the_switch_shows_what_guard_dropped_at_a_port(lab):
    daemon, vm1, vm2 = lab
    a, b = vm1.wire(), vm2.wire()
    a.send(ATTACKS["another adapter's address"][1])
    marker = frame(VM2, VM1)
    a.send(marker)
    b.wait(marker)
    wait_for("the drop to be credited", lambda: daemon.port("lab/vm1")["status"][
        "org.xvs.guard.drops/1"]["spoofed_mac"] == 1)


def test_a_guest_claims_its_addresses_itself(lab):
    """Up to a limit; what it got first stays its own."""
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm1", "org.xvs.guard/1", ips=[], dynamic_ips=1)
    vm1.reaches(IP2)
    shown = daemon.port("lab/vm1")["status"]["org.xvs.guard.addresses/1"]
    assert shown["learned"] == 1 and shown["list"].startswith(IP1)
    wire = vm1.wire()
    for second in (ARP(op=2, hwsrc=VM1, psrc="10.77.0.77", hwdst=VM2, pdst=IP2),
                   IP(src="10.77.0.77", dst=IP2) / UDP(dport=9)):
        wire.send(Ether(src=VM1, dst=VM2) / second)
    daemon.wait_for_drop("ip-limit", "lab/vm1")
    daemon.wait_for_drop("spoofed-ip", "lab/vm1")
    assert vm1.ping(IP2)


def test_a_guest_uses_what_dhcp_gave_it(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm1", "org.xvs.guard/1", ips=[], dynamic_ips=1, dhcp_only=True)
    assert not vm1.ping(IP2, count=1)
    daemon.wait_for_drop("spoofed-arp", "lab/vm1")
    vm2.wire().send(Ether(src=VM2, dst=VM1) / IP(src=IP2, dst=IP1) / UDP(sport=67, dport=68)
                    / BOOTP(op=2, yiaddr=IP1, chaddr=bytes.fromhex(VM1.replace(":", "")))
                    / DHCP(options=[("message-type", "ack"), "end"]))
    vm1.reaches(IP2)


def test_addresses_by_dhcp_alone_need_a_place(lab):
    daemon, _, _ = lab
    said = daemon.refuses("policy", "set", "--override", "lab/vm2", "org.xvs.guard/1",
                          "dhcp_only=true")
    assert "set dynamic_ips to 1 or more" in said


def test_unknown_unicast_is_a_storm_until_it_is_known(lab):
    """vm2 learns, so it gets what is for nobody; what it answers from is known from then on."""
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm2", "xvs.learning/1", enabled=True, limit=8)
    daemon.set_policy("lab/vm1", "org.xvs.guard/1", storm_pps=1, storm_burst=5)
    a, b = vm1.wire(), vm2.wire()
    stray, marker = frame(OTHER, VM1), frame(VM2, VM1, b"behind them")

    def arrived(count):
        b.seen.clear()
        for _ in range(count):
            a.send(stray)
        a.send(marker)
        b.wait(marker)
        return b.seen.count(stray)

    assert arrived(50) == 50, "as nothing is said of them"
    daemon.set_policy("lab/vm1", "org.xvs.guard/1", storm_unknown=True)
    passed = arrived(100)
    daemon.wait_for_drop("storm", "lab/vm1", 50)
    assert passed + daemon.drops("storm", "lab/vm1") == 100
    b.send(frame(VM1, OTHER))
    wait_for("the address to be learned", lambda: any(
        entry["mac"] == OTHER for entry in daemon.rpc("mac.list")))
    before = daemon.drops("storm", "lab/vm1")
    assert arrived(50) == 50
    assert daemon.drops("storm", "lab/vm1") == before
