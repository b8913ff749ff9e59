# SPDX-License-Identifier: Apache-2.0
"""Attacks from inside, each beside an honest flow: dropped for its reason, counted, and nothing else.

    [evil] tap, guard: 10.77.0.66 alone, no DHCP, no routing --+
    [nest] tap, may forge, but has four addresses --tap--------+-- [ lab ]
    [a] tap ---- honest: TCP 80 ---- [b] tap, secgroup --------+
"""

import contextlib
import threading

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_LSRR, IPOption_NOP
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN)
from scapy.layers.l2 import LLC, STP, ARP, Dot1Q, Dot3, Ether
from scapy.packet import Raw

from support.daemon import Daemon
from support.host import Host
from support.wire import frame

NAMES = ("evil", "nest", "a", "b")
MACS = {name: f"52:54:00:00:00:{number:02x}" for number, name in enumerate(NAMES, 1)}
IPS = {"evil": "10.77.0.66", "nest": "10.77.0.67", "a": "10.77.0.1", "b": "10.77.0.2"}
LIMIT = 4
HONEST = 40000  # the port of the honest client
POLICIES = {
    "evil": """
          org.xvs.guard/1: {dhcp_guard: true, router_guard: true, bpdu_guard: true,
                            ips: [10.77.0.66, 10.77.0.68, "fd00::66"]}""",
    "nest": f"""
          org.xvs.guard/1: {{forged_transmits: true, mac_changes: true, dynamic_ips: 2}}
          xvs.learning/1: {{limit: {LIMIT}, over_limit: drop}}""",
    "a": " {}",
    "b": """
          org.xvs.secgroup.rules/1:
            rules: [{direction: in, proto: tcp, ports: "80", action: allow},
                    {direction: in, proto: udp, ports: "53", action: allow}]""",
}
CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
      - {instance: fw, extension: org.xvs.secgroup}
    ports:""" + "".join(f"""
      - name: {name}
        mac: "{MACS[name]}"
        backend: {{kind: tap, device: eth0, netns: {name}}}
        policies:{POLICIES[name]}""" for name in NAMES)


def ether(source="evil", to="b", **fields):
    return Ether(src=MACS[source], dst=MACS.get(to, to), **fields)


def ip(to="b", **fields):
    return IP(src=IPS["evil"], dst=IPS[to], **fields)


def ip6(dst="ff02::1", src="fe80::66"):
    return IPv6(src=src, dst=dst, hlim=255)


ALL = "33:33:00:00:00:01"
OFFER = BOOTP(op=2, yiaddr="10.77.0.50") / DHCP(options=[("message-type", "offer"), "end"])
ROUTE = IPOption_LSRR(routers=["10.77.0.2"])
QUIET = "10.77.0.68"  # evil's too, but its kernel does not know

# name: (reason, port that counts, packets)
ATTACKS = {
    "ARP: I am your gateway": ("spoofed-arp", "evil", [
        ether() / ARP(op=2, hwsrc=MACS["evil"], psrc=IPS["a"], pdst=IPS["b"])]),
    "ARP: broadcast for another": ("spoofed-arp", "evil", [
        ether(to="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=MACS["evil"], psrc=IPS["a"],
                                            pdst=IPS["a"])]),
    "ND: I am your gateway": ("spoofed-nd", "evil", [
        ether() / ip6("fd00::2", "fd00::66") / ICMPv6ND_NA(tgt="fd00::1", O=1)
        / ICMPv6NDOptDstLLAddr(lladdr=MACS["evil"])]),
    "ND: that address is taken": ("spoofed-nd", "evil", [
        ether(to=ALL) / ip6(src="::") / ICMPv6ND_NS(tgt="fd00::1")]),
    "ND: somebody else's adapter": ("spoofed-nd", "evil", [
        ether() / ip6("fd00::2", "fd00::66") / ICMPv6ND_NS(tgt="fd00::2")
        / ICMPv6NDOptSrcLLAddr(lladdr=MACS["a"])]),
    "DHCP offer": ("dhcp-server", "evil", [ether() / ip() / UDP(sport=67, dport=68) / OFFER]),
    "DHCPv6 advertisement": ("dhcp-server", "evil", [
        ether() / ip6("fe80::2") / UDP(sport=547, dport=546) / (b"\x02" + bytes(20))]),
    "router advertisement": ("router-advertisement", "evil", [
        ether(to=ALL) / ip6() / ICMPv6ND_RA()]),
    "IPv6 redirect": ("redirect", "evil", [
        ether() / ip6("fe80::2") / ICMPv6ND_Redirect(tgt="fe80::66", dst="fd00::9")]),
    "IPv4 redirect": ("redirect", "evil", [
        ether() / ip() / ICMP(type=5, code=1, gw=IPS["evil"])
        / IP(src=IPS["b"], dst="10.9.9.9") / UDP()]),
    "spanning tree: I am the root": ("bpdu", "evil", [
        Dot3(src=MACS["evil"], dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3)
        / STP(rootid=0, bridgeid=0)]),
    "another's MAC address": ("spoofed-mac", "evil", [
        Ether(src=MACS["a"], dst=MACS["b"]) / IP(src=IPS["a"], dst=IPS["b"]) / UDP(dport=53)]),
    "another's IP address": ("spoofed-ip", "evil", [
        ether() / IP(src=IPS["a"], dst=IPS["b"]) / UDP(dport=53)]),
    "MAC flood": ("mac-limit", "nest", [
        Ether(src=f"02:00:00:00:00:{number:02x}", dst=MACS["b"], type=0x88B5) / Raw(b"flood")
        for number in range(200)]),
    "more IP addresses than it may have": ("ip-limit", "nest", [
        ether("nest", "ff:ff:ff:ff:ff:ff")
        / ARP(op=1, hwsrc=MACS["nest"], psrc=f"10.77.0.{number}", pdst=IPS["b"])
        for number in range(100, 110)]),
    "two tags, the inner one of another VLAN": ("vlan", "evil", [
        ether() / Dot1Q(vlan=1) / Dot1Q(vlan=20) / ip() / UDP(dport=53)]),
    "a tag behind a priority": ("vlan", "evil", [
        ether() / Dot1Q(vlan=0, prio=7) / Dot1Q(vlan=20) / ip() / UDP(dport=53)]),
    "DHCP offer behind a source route": ("dhcp-server", "evil", [
        ether() / ip(options=[ROUTE, IPOption_NOP()]) / UDP(sport=67, dport=68) / OFFER]),
    "a closed port behind a source route": ("default-deny", "b", [
        ether() / ip(options=[ROUTE]) / TCP(dport=23, flags="S")]),
    "options that end behind the header": ("bad-header", "evil", [
        ether() / ip(ihl=15, len=28) / Raw(bytes(8))]),
    "router advertisement behind options": ("router-advertisement", "evil", [
        ether(to=ALL) / ip6() / IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(20))])
        / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(20))]) / ICMPv6ND_RA()]),
    "router advertisement in fragments": ("header-chain", "evil", [
        ether(to=ALL) / ip6() / IPv6ExtHdrFragment(m=1, nh=60, id=7)
        / Raw(bytes.fromhex("3a00010400000000"))]),
    "fragments that overlap": ("fragment", "b", [
        ether() / ip(id=900, flags="MF", proto=17) / Raw(bytes(UDP(sport=9, dport=53, len=64))
                                                         + b"x" * 24),
        ether() / ip(id=900, flags="MF", frag=2, proto=17) / Raw(b"overlap " * 4)]),
    "a first fragment without ports": ("fragment", "b", [
        ether() / ip(id=901, flags="MF", proto=6) / Raw(bytes(8))]),
    "an ICMP error about nothing": ("conn-unrelated", "b", [
        ether() / ip() / ICMP(type=3, code=4, nexthopmtu=68)
        / IP(src=IPS["b"], dst=IPS["evil"]) / UDP(sport=1111, dport=2222)]),
    "an ICMP error that ends the honest flow": ("conn-unrelated", "b", [
        ether() / ip() / ICMP(type=3, code=3)
        / IP(src=IPS["b"], dst=IPS["a"]) / TCP(sport=80, dport=HONEST, seq=1)]),
}


class Echo:
    """A conversation that must not notice anything."""

    def __init__(self, client, server):
        listener = server.listen(IPS["b"], 80)
        self.served = threading.Thread(target=self.serve, args=(listener,), daemon=True)
        self.served.start()
        self.socket = client.open_socket()
        self.socket.settimeout(60)
        self.socket.bind((IPS["a"], HONEST))
        self.socket.connect((IPS["b"], 80))

    @staticmethod
    def serve(listener):
        with listener, listener.accept()[0] as s:
            while data := s.recv(65536):
                s.sendall(data)

    def says(self, text):
        self.socket.sendall(text)
        got = b""
        while len(got) < len(text):
            got += self.socket.recv(65536)
        assert got == text

    def close(self):
        self.socket.close()
        self.served.join(60)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """(daemon, wire by name, the honest conversation); one for all attacks."""
    with contextlib.ExitStack() as stack:
        hosts = {}
        for name in NAMES:
            hosts[name] = Host(name)
            stack.callback(hosts[name].remove)
        daemon = Daemon(tmp_path_factory.mktemp("attacks") / "xvsd", CONFIG).start()
        stack.callback(daemon.stop)
        for name in NAMES:
            hosts[name].up(IPS[name] + "/24")
        wires = {name: hosts[name].wire() for name in NAMES}
        echo = Echo(hosts["a"], hosts["b"])
        stack.callback(echo.close)
        yield daemon, wires, echo


def counts(daemon):
    return {(drop["port"], drop["reason"]): drop["packets"] for drop in daemon.rpc("drops")}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_dropped_and_an_honest_flow_goes_on(lab, attack):
    daemon, wires, echo = lab
    reason, port, packets = ATTACKS[attack]
    sender = "nest" if port == "nest" else "evil"
    before = counts(daemon)
    for packet in packets:
        wires[sender].send(bytes(packet))
        echo.says(b"honest " * 200)
    marker = frame(MACS["b"], MACS[sender])
    wires[sender].send(marker)
    wires["b"].wait(marker)
    daemon.wait_for_drop(reason, f"lab/{port}", before.get((f"lab/{port}", reason), 0) + 1)
    echo.says(b"honest " * 20000)
    dropped = {key: count - before.get(key, 0) for key, count in counts(daemon).items()
               if count > before.get(key, 0)}
    assert set(dropped) == {(f"lab/{port}", reason)}
    allowed = {"mac-limit": LIMIT, "ip-limit": 2, "fragment": 1}.get(reason, 0)
    assert len(packets) - allowed <= dropped[f"lab/{port}", reason] <= len(packets)
    sent = {bytes(packet) for packet in packets}
    assert len(sent & set(wires["b"].seen)) <= allowed


def from_quiet(flags, sport=80, dport=3333):
    return (ether() / IP(src=QUIET, dst=IPS["b"])
            / TCP(sport=sport, dport=dport, flags=flags, seq=5000, ack=1001) / Raw(b"split"))


def test_a_split_handshake_turns_nothing_round(lab):
    """A server answers a SYN by parts, so that who asks and who answers seem to change places."""
    daemon, wires, echo = lab
    before = counts(daemon)
    syn = (Ether(src=MACS["b"], dst=MACS["evil"]) / IP(src=IPS["b"], dst=QUIET)
           / TCP(sport=3333, dport=80, flags="S", seq=1000))
    wires["b"].send(syn)
    wires["evil"].wait(syn)
    for packet in (from_quiet("FA"), from_quiet("S", sport=81), from_quiet("S", dport=3334)):
        wires["evil"].send(packet)
    marker = frame(MACS["b"], MACS["evil"])
    wires["evil"].send(marker)
    wires["b"].wait(marker)
    for reason, count in (("conn-state", 1), ("default-deny", 2)):
        key = ("lab/b", reason)
        assert counts(daemon).get(key, 0) - before.get(key, 0) == count
    assert not any(b"split" in data for data in wires["b"].seen)
    listed = daemon.ctl_json("conn", "list", "--port", "lab/b")["connections"]
    directions = {one["direction"] for one in listed
                  if 3333 in (one["src_port"], one["dst_port"]) and not one["denied"]}
    assert directions == {"out"}
    echo.says(b"honest " * 1000)


def test_a_bare_syn_does_not_make_a_client_of_the_server(lab):
    """RFC 9293 lets both ends open at once, so the SYN passes; who may speak to whom stays."""
    daemon, wires, echo = lab
    before = counts(daemon)
    syn = (Ether(src=MACS["b"], dst=MACS["evil"]) / IP(src=IPS["b"], dst=QUIET)
           / TCP(sport=3344, dport=80, flags="S", seq=1000))
    wires["b"].send(syn)
    wires["evil"].wait(syn)
    split = from_quiet("S", dport=3344)
    wires["evil"].send(split)
    wires["b"].wait(split)
    listed = daemon.ctl_json("conn", "list", "--port", "lab/b")["connections"]
    assert {one["direction"] for one in listed
            if 3344 in (one["src_port"], one["dst_port"]) and not one["denied"]} <= {"out"}
    # what would be a connection the other way round
    again = from_quiet("S", sport=8080, dport=3344)
    wires["evil"].send(again)
    marker = frame(MACS["b"], MACS["evil"])
    wires["evil"].send(marker)
    wires["b"].wait(marker)
    assert bytes(again) not in wires["b"].seen
    key = ("lab/b", "default-deny")
    assert counts(daemon).get(key, 0) - before.get(key, 0) == 1
    echo.says(b"honest " * 1000)


def sequence_of(data):
    """Behind the last byte of a segment from b to a of the honest flow; None: another frame."""
    packet = Ether(data)
    if TCP not in packet or packet[TCP].sport != 80 or packet[TCP].dport != HONEST:
        return None
    return packet[TCP].seq + packet[IP].len - 4 * packet[IP].ihl - 4 * packet[TCP].dataofs


@pytest.mark.parametrize("error", [
    {"type": 3, "code": 3}, {"type": 3, "code": 4, "nexthopmtu": 68}, {"type": 11, "code": 0}])
def test_an_error_that_guesses_what_is_in_flight_ends_nothing(lab, error):
    """It cannot be told from a true one, so it passes, and is no more than a hint (RFC 5927)."""
    daemon, wires, echo = lab
    wires["a"].seen.clear()
    echo.says(b"honest")
    wires["a"].wait(lambda data: sequence_of(data) is not None)
    marker = frame(MACS["a"], MACS["b"])
    wires["b"].send(marker)
    wires["a"].wait(marker)
    end = max(filter(None, map(sequence_of, wires["a"].seen)))
    before = counts(daemon)
    forged = (ether() / ip() / ICMP(**error)
              / IP(src=IPS["b"], dst=IPS["a"]) / TCP(sport=80, dport=HONEST, seq=end))
    wires["evil"].send(bytes(forged))
    wires["b"].wait(bytes(forged))
    echo.says(b"honest " * 20000)
    assert counts(daemon) == before
    listed = daemon.ctl_json("conn", "list", "--port", "lab/b")["connections"]
    assert any(one["src_port"] == HONEST and one["state"] == "established" for one in listed)
