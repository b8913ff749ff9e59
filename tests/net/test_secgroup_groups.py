# SPDX-License-Identifier: Apache-2.0
"""Security groups that name groups of ports and sets of addresses; reject, log, keep.

    [vm1] in group web --tap--+
    [vm2] guarded      --tap--+-- [ lab: secgroup ]
    [vm3] nobody       --tap--+
"""

import errno
import json
import socket

import pytest

from support.daemon import Refused
from support.host import answer_tcp
from support.patience import wait_for

IP1, IP2, IP3 = "10.77.0.1", "10.77.0.2", "10.77.0.3"
RULES, OBJECTS = "org.xvs.secgroup.rules/1", "org.xvs.secgroup.objects/1"

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: fw, extension: org.xvs.secgroup}
    policies:
      org.xvs.secgroup.objects/1:
        groups:
          - {name: web}
          - {name: staff, includes: [web]}
        sets:
          - {name: offices, prefixes: [10.99.0.0/16, "fd99::/16"]}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {kind: tap, device: eth0, netns: vm1}
        policies:
          org.xvs.secgroup.rules/1: {groups: [web], addresses: [10.77.0.1]}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
        policies:
          org.xvs.secgroup.rules/1:
            rules:
              - {direction: in, proto: tcp, ports: "80", group: staff, action: allow}
              - {direction: in, proto: tcp, ports: "81", set: offices, action: allow}
              - {direction: in, proto: tcp, ports: "82", action: reject}
              - {direction: in, proto: udp, ports: "82", action: reject}
      - {name: vm3, mac: "52:54:00:00:00:03", backend: {kind: tap, device: eth0, netns: vm3}}
"""


def rule(**fields):
    return {"direction": "in", "action": "allow", **fields}


@pytest.fixture
def lab(hosts, xvsd):
    guests = hosts("vm1", "vm2", "vm3")
    daemon = xvsd(CONFIG)
    for number, guest in enumerate(guests, 1):
        guest.up(f"10.77.0.{number}/24")
    return daemon, *guests


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


def refused_at(host, address, port):
    """Denied without an answer."""
    return not host.connects(address, port, patience_s=0.5)


def test_a_group_is_the_addresses_of_its_members_as_they_come_and_go(lab, serve):
    daemon, vm1, vm2, vm3 = lab
    serve(vm2, IP2, 80)
    assert vm1.connects(IP2, 80)
    assert refused_at(vm3, IP2, 80)
    daemon.set_policy("lab/vm3", RULES, groups=["staff"], addresses=[IP3])
    assert vm3.connects(IP2, 80), "in force when the call returns"
    daemon.set_policy("lab/vm3", RULES, groups=["staff"], addresses=["10.77.0.33"])
    assert refused_at(vm3, IP2, 80), "it has moved to another address"
    daemon.set_policy("lab/vm1", RULES, groups=[])
    assert refused_at(vm1, IP2, 80)
    daemon.rpc("policy.unset", target="lab/vm1", feature=RULES)
    assert vm1.connects(IP2, 80)
    without = CONFIG.replace("groups: [web], addresses: [10.77.0.1]", "addresses: [10.77.0.1]")
    daemon.write(without)
    daemon.do("config", "reload")
    assert refused_at(vm1, IP2, 80)


def test_a_member_leaves_with_its_port(lab, serve):
    daemon, _, vm2, vm3 = lab
    serve(vm2, IP2, 80)
    port = {"name": "ghost", "mac": "52:54:00:00:00:09", "backend": {"kind": "null"},
            "policies": {RULES: {"groups": ["web"], "addresses": [IP3]}}}
    daemon.rpc("port.add", switch="lab", port=port)
    assert vm3.connects(IP2, 80), "whoever has the address of a member"
    daemon.rpc("port.remove", target="lab/ghost")
    assert refused_at(vm3, IP2, 80)


def test_a_set_changes_under_the_rules_that_name_it(lab, serve):
    daemon, vm1, vm2, _ = lab
    serve(vm2, IP2, 81)
    assert refused_at(vm1, IP2, 81)
    offices = [{"name": "offices", "prefixes": ["10.77.0.0/31"]}]
    daemon.set_policy("lab", OBJECTS, sets=offices)
    assert vm1.connects(IP2, 81)
    assert vm1.connects(IP2, 81)
    hits = daemon.port("lab/vm2")["status"]["org.xvs.secgroup.hits/1"]["rules"]
    assert {row["nr"]: row["hits"] for row in hits} == {0: 0, 1: 2, 2: 0, 3: 0}
    daemon.set_policy("lab", OBJECTS, sets=[{"name": "offices", "prefixes": []}])
    assert refused_at(vm1, IP2, 81)
    daemon.set_policy("lab", OBJECTS, sets=offices)
    assert vm1.connects(IP2, 81)
    hits = daemon.port("lab/vm2")["status"]["org.xvs.secgroup.hits/1"]["rules"]
    assert {row["nr"]: row["hits"] for row in hits}[1] == 3, "the rules are as they were"


def test_what_rules_name_must_be_there(lab):
    daemon, *_ = lab
    with pytest.raises(Refused, match="'nobody' is not a group of this switch"):
        daemon.set_policy("lab/vm2", RULES, rules=[rule(group="nobody")])
    with pytest.raises(Refused, match="'offices' is not a set of this switch"):
        daemon.set_policy("lab", OBJECTS, sets=[])
    with pytest.raises(Refused, match="'staff' is not a group of this switch"):
        daemon.set_policy("lab", OBJECTS, groups=[{"name": "web"}])
    circle = [{"name": "web", "includes": ["staff"]}, {"name": "staff", "includes": ["web"]}]
    with pytest.raises(Refused, match="includes itself by way of others"):
        daemon.set_policy("lab", OBJECTS, groups=circle)
    message = daemon.refuses("policy", "set", "lab/vm2", RULES, "--override",
                             'rules=[{"direction": "in", "set": "x", "group": "web"}]')
    assert "named by one of prefix, group and set" in message


def test_names_and_rules_change_in_one_go(lab, serve):
    daemon, vm1, vm2, _ = lab
    serve(vm2, IP2, 81)
    daemon.write(CONFIG.replace("offices", "homes").replace("10.99.0.0/16", "10.77.0.0/24"))
    daemon.do("config", "check")
    daemon.do("config", "reload")
    assert vm1.connects(IP2, 81)
    wrong = CONFIG.replace("set: offices", "set: homes")
    daemon.write(wrong)
    message = daemon.refuses("config", "check")
    line = next(n for n, text in enumerate(wrong.splitlines(), 1) if "set: homes" in text)
    assert f":{line}:" in message and "'homes' is not a set of this switch" in message
    assert message.count("not a set") == 1
    daemon.write(CONFIG)
    daemon.do("config", "reload")
    assert refused_at(vm1, IP2, 81)


def hold(host, address, port):
    """A server whose connections stay open."""
    listener = host.listen(address, port)

    def accept():
        peer, _ = listener.accept()
        return peer
    return listener, accept


@pytest.mark.parametrize("established", ["keep", "rejudge"])
def test_connections_whose_rule_goes_are_kept_or_not_as_the_policy_says(lab, established):
    daemon, vm1, vm2, _ = lab
    web = [rule(proto="tcp", ports="80")]
    daemon.set_policy("lab/vm2", RULES, rules=web, established=established)
    listener, accept = hold(vm2, IP2, 80)
    with listener, vm1.open_socket() as s:
        s.connect((IP2, 80))
        with accept() as peer:
            s.sendall(b"one")
            assert peer.recv(100) == b"one"
            before = daemon.drops(port="lab/vm2")
            daemon.set_policy("lab/vm2", RULES, rules=[])
            s.sendall(b"two")
            if established == "keep":
                assert peer.recv(100) == b"two"
                peer.sendall(b"three")
                assert s.recv(100) == b"three"
            else:
                wait_for("a drop", lambda: daemon.drops(port="lab/vm2") > before)
            assert refused_at(vm1, IP2, 80), "new ones are judged by the new rules"


def test_reject_ends_a_connect_at_once_in_both_families(lab):
    _, vm1, vm2, _ = lab
    for number, guest in enumerate((vm1, vm2), 1):
        guest.use_ipv6()
        guest.up(f"fd00::{number}/64")
    for family, address, why in ((socket.AF_INET, IP2, errno.EHOSTUNREACH),
                                 (socket.AF_INET6, "fd00::2", errno.EACCES)):
        with vm1.open_socket(family=family) as s, pytest.raises(ConnectionRefusedError):
            s.connect((address, 82))
        with vm1.open_socket(socket.SOCK_DGRAM, family=family) as s:
            s.connect((address, 82))
            s.send(b"anybody?")
            with pytest.raises(OSError) as answer:
                s.recv(100)
            assert answer.value.errno == why, "administratively prohibited"


def logged(daemon):
    """The lines of connections, decoded."""
    return [json.loads(line.split("connection ", 1)[1])
            for line in daemon.said().splitlines() if 'connection {"' in line]


def test_logs_are_limited_and_say_how_many_are_missing(lab, serve):
    daemon, vm1, vm2, _ = lab
    serve(vm2, IP2, 80)
    daemon.set_policy("lab/vm2", RULES, log_rate=2,
                      rules=[rule(proto="tcp", ports="80", log=True)])
    connects = [vm1.connects(IP2, 80) for _ in range(20)]
    first = wait_for("a line", lambda: logged(daemon))[0]
    assert (first["what"], first["port"], first["rule"]) == ("begin", "vm2", 1)
    assert (first["src"], first["dst"], first["dst_port"]) == (IP1, IP2, 80)
    assert (first["direction"], first["proto"]) == ("in", 6)

    def one_tells():
        connects.append(vm1.connects(IP2, 80))
        return any(line["unlogged"] > 0 for line in logged(daemon))

    wait_for("a line that tells of those that are missing", one_tells)
    hits = daemon.ctl_json("port", "show", "lab/vm2")["status"]["org.xvs.secgroup.hits/1"]
    assert hits["rules"][0]["hits"] == len(connects) and all(connects)
    lines = logged(daemon)
    assert len(lines) + sum(line["unlogged"] for line in lines) <= 2 * len(connects)
    assert len(lines) < len(connects)
    assert "hits" in daemon.do("port", "show", "lab/vm2")
