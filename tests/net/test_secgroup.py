# SPDX-License-Identifier: Apache-2.0
"""Stateful security groups: who may open a connection to whom, and what belongs to one.

    [vm1] client  --tap--+-- [ lab: secgroup on vm2 ]
    [vm2] guarded --tap--+
"""

import errno
import socket

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.l2 import Ether

from support.host import answer_tcp
from support.patience import PATIENCE_S, wait_for
from support.wire import frame

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
IP1, IP2 = "10.77.0.1", "10.77.0.2"
RULES = "org.xvs.secgroup.rules/1"
ALLOW_ICMP = {"direction": "in", "proto": "icmp", "action": "allow"}

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: fw, extension: org.xvs.secgroup}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
        policies:
          org.xvs.secgroup.rules/1:
            rules:
              - {direction: in, proto: tcp, ports: "80,9000-9010", action: allow}
              - {direction: in, proto: tcp, ports: "81", action: reject}
              - {direction: in, proto: udp, ports: "53", action: allow}
              - {direction: in, proto: udp, ports: "54", action: reject}
"""


def rule(**fields):
    return {"direction": "in", **fields}


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    return daemon, vm1, vm2


@pytest.fixture
def serve():
    """serve(host, address, port): a TCP server that says hello."""
    listeners = []

    def start(host, address, port):
        listeners.append(host.listen(address, port))
        answer_tcp(listeners[-1], b"hello\n")

    yield start
    for listener in listeners:
        listener.close()


def get(host, address, port):
    with host.open_socket() as s:
        s.connect((address, port))
        return s.makefile("rb").read()


def test_an_allowed_port_is_open_and_replies_need_no_rule(lab, serve):
    _, vm1, vm2 = lab
    serve(vm2, IP2, 80)
    serve(vm2, IP2, 9005)
    assert get(vm1, IP2, 80) == b"hello\n" and get(vm1, IP2, 9005) == b"hello\n"


def test_by_default_nothing_comes_in_and_everything_goes_out(lab, serve):
    daemon, vm1, vm2 = lab
    serve(vm2, IP2, 8080)
    serve(vm1, IP1, 8080)
    assert get(vm2, IP1, 8080) == b"hello\n"
    assert not vm1.connects(IP2, 8080, patience_s=0.5)
    daemon.wait_for_drop("default-deny", "lab/vm2")
    assert not vm1.ping(IP2, count=1) and vm2.ping(IP1)


def test_reject_answers_at_once(lab):
    daemon, vm1, _ = lab
    with vm1.open_socket() as s, pytest.raises(ConnectionRefusedError):
        s.connect((IP2, 81))
    with vm1.open_socket(socket.SOCK_DGRAM) as s:
        s.connect((IP2, 54))
        s.send(b"anybody?")
        with pytest.raises(OSError) as answer:
            s.recv(100)
    assert answer.value.errno == errno.EHOSTUNREACH, "administratively prohibited"
    daemon.wait_for_drop("rule-reject", "lab/vm2")


def test_a_closed_port_behind_the_firewall_says_so_itself(lab):
    _, vm1, _ = lab
    with vm1.open_socket(socket.SOCK_DGRAM) as s:
        s.connect((IP2, 53))
        s.send(b"nobody listens, the port is open in the rules")
        with pytest.raises(ConnectionRefusedError):
            s.recv(100)


def test_an_error_about_a_guest_s_own_datagram_comes_in(lab):
    _, _, vm2 = lab
    with vm2.open_socket(socket.SOCK_DGRAM) as s:
        s.connect((IP1, 4444))
        s.send(b"nobody listens at vm1")
        with pytest.raises(ConnectionRefusedError):
            s.recv(100)


def test_an_error_about_nothing_is_dropped(lab):
    daemon, vm1, _ = lab
    lie = (Ether(src=VM1, dst=VM2) / IP(src=IP1, dst=IP2) / ICMP(type=3, code=3)
           / IP(src=IP2, dst=IP1) / UDP(sport=1111, dport=2222))
    vm1.wire().send(lie)
    daemon.wait_for_drop("conn-unrelated", "lab/vm2")


def test_tcp_out_of_the_blue_opens_nothing(lab):
    daemon, vm1, vm2 = lab
    receiver, wire = vm2.wire(), vm1.wire()
    for flags in ("A", "SA", "R", "F", "PA"):
        wire.send(Ether(src=VM1, dst=VM2) / IP(src=IP1, dst=IP2)
                  / TCP(sport=5, dport=99, flags=flags) / b"blue")
    wait_for("all to be dropped", lambda: daemon.drops(port="lab/vm2") == 5)
    assert not any(b"blue" in seen for seen in receiver.seen)


def test_replies_come_from_the_other_end_only(lab):
    daemon, vm1, vm2 = lab
    with vm2.datagrams(IP2, 5000) as asking, vm1.datagrams(IP1, 6000) as answering, \
            vm1.datagrams(IP1, 6001) as intruding:
        asking.sendto(b"question", (IP1, 6000))
        assert answering.recv(100) == b"question"
        intruding.sendto(b"lie", (IP2, 5000))
        answering.sendto(b"answer", (IP2, 5000))
        assert asking.recv(100) == b"answer"
    daemon.wait_for_drop("default-deny", "lab/vm2")


def test_fragments_follow_their_first(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm2", RULES, rules=[ALLOW_ICMP])
    vm1.reaches(IP2)
    assert vm1.ping(IP2, "-s", "8000", count=3) and vm2.ping(IP1, "-s", "8000", count=3)


def test_fragments_in_wrong_order_arrive_whole(lab):
    _, vm1, vm2 = lab
    vm2.ping(IP1)
    with vm2.datagrams(IP2, 53) as s:
        whole = IP(src=IP1, dst=IP2, id=77) / UDP(sport=53, dport=53) / (b"abcdefgh" * 300)
        wire = vm1.wire()
        for part in reversed(fragment(whole, 800)):
            wire.send(Ether(src=VM1, dst=VM2) / part)
        assert s.recv(10000) == b"abcdefgh" * 300


def test_fragments_of_a_denied_datagram_are_dropped(lab):
    daemon, vm1, vm2 = lab
    receiver, wire = vm2.wire(), vm1.wire()
    whole = IP(src=IP1, dst=IP2, id=78) / UDP(sport=53, dport=99) / (b"abcdefgh" * 300)
    parts = fragment(whole, 800)
    for part in parts:
        wire.send(Ether(src=VM1, dst=VM2) / part)
    wait_for("all parts to be dropped",
             lambda: daemon.drops(port="lab/vm2") == len(parts))
    assert not any(b"abcdefgh" in seen for seen in receiver.seen)


def test_ports_without_a_policy_are_not_guarded(lab, serve):
    _, vm1, vm2 = lab
    serve(vm1, IP1, 12345)
    assert get(vm2, IP1, 12345) == b"hello\n"


def echo(host, address, port):
    """A TCP server that sends back what it gets."""
    listener = host.listen(address, port)

    def one():
        peer, _ = listener.accept()
        return peer
    return listener, one


def test_a_connection_that_the_new_policy_allows_goes_on(lab):
    daemon, vm1, vm2 = lab
    listener, accept = echo(vm2, IP2, 80)
    with listener, vm1.open_socket() as s:
        s.connect((IP2, 80))
        with accept() as peer:
            daemon.set_policy("lab/vm2", RULES, rules=[rule(proto="tcp", ports="80",
                                                            action="allow")])
            s.sendall(b"still there?")
            assert peer.recv(100) == b"still there?"


def test_a_connection_that_the_new_policy_denies_ends(lab):
    daemon, vm1, vm2 = lab
    listener, accept = echo(vm2, IP2, 80)
    with listener, vm1.open_socket() as s:
        s.connect((IP2, 80))
        with accept() as peer:
            s.sendall(b"one")
            assert peer.recv(100) == b"one"
            daemon.set_policy("lab/vm2", RULES, rules=[rule(proto="tcp", ports="22",
                                                            action="allow")])
            before = daemon.drops(port="lab/vm2")
            s.sendall(b"two")
            wait_for("a drop", lambda: daemon.drops(port="lab/vm2") > before)
            peer.settimeout(0.3)
            with pytest.raises(TimeoutError):
                peer.recv(100)


def test_a_port_that_is_closed_live_opens_live(lab, serve):
    daemon, vm1, vm2 = lab
    serve(vm2, IP2, 7777)
    assert not vm1.connects(IP2, 7777, patience_s=0.5)
    daemon.set_policy("lab/vm2", RULES, rules=[rule(proto="tcp", ports="7777", action="allow")])
    assert get(vm1, IP2, 7777) == b"hello\n"


def test_a_prefix_selects_the_other_end(lab, serve):
    daemon, vm1, vm2 = lab
    serve(vm2, IP2, 80)
    daemon.set_policy("lab/vm2", RULES, rules=[
        rule(proto="tcp", ports="80", prefix="10.77.0.128/25", action="allow")])
    assert not vm1.connects(IP2, 80, patience_s=0.5)
    daemon.set_policy("lab/vm2", RULES, rules=[
        rule(proto="tcp", ports="80", prefix="10.77.0.0/25", action="allow")])
    assert get(vm1, IP2, 80) == b"hello\n"


def test_connections_are_listed_and_flushed(lab):
    daemon, vm1, vm2 = lab
    listener, accept = echo(vm2, IP2, 80)
    with listener, vm1.open_socket() as s:
        s.connect((IP2, 80))
        with accept():
            found, = daemon.rpc("conn.list", port="lab/vm2")["connections"]
            assert (found["src"], found["dst"], found["dst_port"]) == (IP1, IP2, 80)
            assert (found["direction"], found["denied"]) == ("in", False)
            daemon.rpc("conn.flush", port="lab/vm2")
            assert daemon.rpc("conn.count", port="lab/vm2")["count"] == 0


def test_hits_are_counted_by_rule(lab, serve):
    daemon, vm1, vm2 = lab
    serve(vm2, IP2, 80)
    for _ in range(3):
        get(vm1, IP2, 80)
    hits = daemon.port("lab/vm2")["status"]["org.xvs.secgroup.hits/1"]
    assert hits["allowed"] >= 3
    assert {row["nr"]: row["hits"] for row in hits["rules"]}[0] == 3


def test_layer_2_is_not_the_firewall_s_business(lab):
    _, vm1, vm2 = lab
    a, b = vm1.wire(), vm2.wire()
    sent = frame(VM2, VM1)
    a.send(sent)
    assert b.wait(sent)


def test_ipv6_is_guarded_alike(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm2", RULES, rules=[
        rule(proto="icmpv6", action="allow"), rule(proto="tcp", ports="80", action="allow")])
    for number, guest in enumerate((vm1, vm2), 1):
        guest.use_ipv6()
        guest.up(f"fd00::{number}/64")
    assert vm1.reaches("fd00::2") and vm1.ping("fd00::2", "-s", "8000")
    for port, expected in ((80, True), (81, False)):
        with vm2.listen("fd00::2", port, family=socket.AF_INET6), \
                vm1.open_socket(family=socket.AF_INET6) as s:
            s.settimeout(PATIENCE_S if expected else 0.5)
            assert (s.connect_ex(("fd00::2", port)) == 0) == expected
