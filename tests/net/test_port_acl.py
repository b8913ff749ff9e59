# SPDX-License-Identifier: Apache-2.0
"""Access lists of ports: allow, deny and meter by address; protocols, ports, weights and state.

    [vm1] --tap--+-- [ lab ]
    [vm2] --tap--+
    [vm3] --tap--+
"""

import contextlib

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.l2 import Ether

from support.daemon import Refused
from support.host import answer_tcp
from support.patience import wait_for
from support.wire import frame

VM1, VM2, VM3 = (f"52:54:00:00:00:0{n}" for n in (1, 2, 3))
IP1, IP2, IP3 = "10.77.0.1", "10.77.0.2", "10.77.0.3"
NOBODY = "10.77.0.99"  # no guest's own: nobody answers
BASIC, EXTENDED = "xvs.acl/1", "xvs.acl-extended/1"
COUNTS = {BASIC: "xvs.acl.counts/1", EXTENDED: "xvs.acl-extended.counts/1"}

CONFIG = """
switches:
  - name: lab
    type: private
    policies: {}
    groups:
      - {name: web, override: [xvs.acl/1], policies: {}}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", group: web,
         backend: {kind: tap, device: eth0, netns: vm2}}
      - {name: vm3, mac: "52:54:00:00:00:03", backend: {kind: tap, device: eth0, netns: vm3}}
"""


@pytest.fixture
def lab(hosts, xvsd):
    guests = hosts("vm1", "vm2", "vm3")
    daemon = xvsd(CONFIG)
    for host, address in zip(guests, (IP1, IP2, IP3)):
        host.up(f"{address}/24")
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


def get(host, address, port):
    with host.open_socket() as s:
        s.connect((address, port))
        return s.makefile("rb").read()


def counts(daemon, target, feature):
    """What the rules of a port counted, by their names."""
    status = daemon.port(target)["status"][COUNTS[feature]]
    return {rule["name"]: rule for rule in status["counts"]}


def wait_for_count(daemon, target, feature, name, packets):
    """Flows tell what they carried once a second."""
    def there():
        rule = counts(daemon, target, feature).get(name, {"packets": 0})
        return rule if rule["packets"] >= packets else None

    return wait_for(f"{packets} packets by rule {name}", there)


@contextlib.contextmanager
def wires(*hosts):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(host.wire())) for host in hosts]


def udp(dst, src, ip_src, ip_dst, dport, payload=b"x" * 40, sport=4000):
    return bytes(Ether(dst=dst, src=src) / IP(src=ip_src, dst=ip_dst)
                 / UDP(sport=sport, dport=dport) / payload)


# ---- basic -----------------------------------------------------------------------------------------


def test_basic_deny_by_prefix_and_the_longest_match_wins(lab):
    daemon, vm1, vm2, vm3 = lab
    daemon.set_policy("lab/vm1", BASIC, rules=[
        {"name": "net", "direction": "both", "action": "deny", "remote": "10.77.0.0/24"},
        {"name": "vm2", "direction": "both", "action": "allow", "remote": "10.77.0.2/32"}])
    assert vm1.ping(IP2) and vm2.ping(IP1)
    assert not vm1.ping(IP3, count=1) and not vm3.ping(IP1, count=1)
    assert vm2.ping(IP3), "ports without the policy know nothing of it"
    daemon.wait_for_drop("acl-deny", "lab/vm1", 2)
    drop = next(d for d in daemon.rpc("drops") if d["reason"] == "acl-deny")
    assert drop["extension"] == "xvs.acl"
    wait_for_count(daemon, "lab/vm1", BASIC, "net", 2)
    wait_for_count(daemon, "lab/vm1", BASIC, "vm2", 8)


def test_direction_is_as_seen_from_the_vm(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm1", BASIC, rules=[
        {"direction": "out", "action": "deny", "remote": IP2}])
    with wires(vm1, vm2) as (wire1, wire2):
        into = udp(VM1, VM2, IP2, IP1, 9)
        wire2.send(into)
        wire1.wait(into)
        wire1.send(udp(VM2, VM1, IP1, IP2, 9))
        daemon.wait_for_drop("acl-deny", "lab/vm1")


def test_local_is_the_vms_own_address(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm1", BASIC, rules=[
        {"direction": "both", "action": "deny", "local": "10.77.0.99/32"}])
    with wires(vm1, vm2) as (wire1, wire2):
        wire2.send(udp(VM1, VM2, IP2, "10.77.0.99", 9))
        daemon.wait_for_drop("acl-deny", "lab/vm1", 1)
        wire1.send(udp(VM2, VM1, "10.77.0.99", IP2, 9))
        daemon.wait_for_drop("acl-deny", "lab/vm1", 2)
        honest = udp(VM1, VM2, "10.77.0.99", IP1, 9)
        wire2.send(honest)
        wire1.wait(honest)


def test_an_adapters_address_says_more_than_a_prefix_and_deny_comes_first(lab):
    daemon, vm1, vm2, vm3 = lab
    daemon.set_policy("lab/vm1", BASIC, rules=[
        {"direction": "in", "action": "allow", "remote": "10.77.0.0/24"},
        {"direction": "in", "action": "allow", "remote_mac": VM2},
        {"direction": "in", "action": "deny", "remote_mac": VM2}])
    with wires(vm1, vm2, vm3) as (wire1, wire2, wire3):
        wire2.send(udp(VM1, VM2, IP2, IP1, 9))
        daemon.wait_for_drop("acl-deny", "lab/vm1")
        fine = udp(VM1, VM3, IP3, IP1, 9)
        wire3.send(fine)
        wire1.wait(fine)


def test_any_is_about_every_packet_and_a_prefix_about_ip_alone(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm1", BASIC, rules=[{"action": "deny", "remote": "0.0.0.0/0"}])
    with wires(vm1, vm2) as (wire1, wire2):
        made = frame(VM1, VM2)
        wire2.send(made)
        wire1.wait(made)
        wire2.send(udp(VM1, VM2, IP2, IP1, 9))
        daemon.wait_for_drop("acl-deny", "lab/vm1")
        daemon.set_policy("lab/vm1", BASIC, rules=[{"action": "deny"}])
        wire2.send(frame(VM1, VM2))
        daemon.wait_for_drop("acl-deny", "lab/vm1", 2)


def test_a_meter_counts_every_byte_beside_allow_and_deny(lab):
    daemon, vm1, vm2, vm3 = lab
    daemon.set_policy("lab/vm1", BASIC, rules=[
        {"name": "all", "direction": "in", "action": "meter", "local": NOBODY},
        {"name": "to-vm2", "direction": "out", "action": "meter", "local": NOBODY},
        {"name": "bad", "direction": "in", "action": "deny", "remote": IP3}])
    with wires(vm1, vm2, vm3) as (wire1, wire2, wire3):
        made = udp(VM1, VM2, IP2, NOBODY, 9, b"y" * 158)
        for _ in range(10):
            wire2.send(made)
        wire3.send(udp(VM1, VM3, IP3, NOBODY, 9))
        wire1.send(udp(VM2, VM1, NOBODY, IP2, 9))
        daemon.wait_for_drop("acl-deny", "lab/vm1")
        meter = wait_for_count(daemon, "lab/vm1", BASIC, "all", 10)
        assert (meter["packets"], meter["bytes"]) == (10, 2000), "what is denied is not metered"
        assert wait_for_count(daemon, "lab/vm1", BASIC, "to-vm2", 1)["bytes"] == 82
        assert "to-vm2" in daemon.do("port", "show", "lab/vm1")


def test_counts_go_on_with_their_rule_when_others_come_and_go(lab):
    daemon, vm1, vm2, _ = lab
    meter = {"name": "bill", "direction": "in", "action": "meter", "remote": IP2}
    daemon.set_policy("lab/vm1", BASIC, rules=[meter])
    with wires(vm1, vm2) as (_, wire2):
        for _ in range(5):
            wire2.send(udp(VM1, VM2, IP2, IP1, 9))
        wait_for_count(daemon, "lab/vm1", BASIC, "bill", 5)
        daemon.set_policy("lab/vm1", BASIC, rules=[
            {"name": "other", "action": "deny", "remote": "192.0.2.0/24"}, meter])
        for _ in range(5):
            wire2.send(udp(VM1, VM2, IP2, IP1, 9))
        rule = wait_for_count(daemon, "lab/vm1", BASIC, "bill", 10)
        assert rule["packets"] == 10 and rule["nr"] == 1


# ---- extended --------------------------------------------------------------------------------------


def test_extended_rules_by_port_range_weight_and_order(lab, serve):
    daemon, vm1, vm2, _ = lab
    for port in (80, 1000, 2000, 2001):
        serve(vm2, IP2, port)
    daemon.set_policy("lab/vm2", EXTENDED, rules=[
        {"name": "rest", "direction": "in", "proto": "tcp", "action": "deny", "weight": 1},
        {"name": "high", "direction": "in", "proto": "tcp", "local_ports": "1000-2000",
         "action": "allow", "weight": 10},
        {"name": "hole", "direction": "in", "proto": "tcp", "local_ports": "1500",
         "action": "deny", "weight": 20}])
    assert get(vm1, IP2, 1000) == b"hello\n" and get(vm1, IP2, 2000) == b"hello\n"
    for port in (80, 1500, 2001):
        assert not vm1.connects(IP2, port, patience_s=0.3)
    daemon.wait_for_drop("extended-deny", "lab/vm2", 3)
    assert vm1.ping(IP2), "what no rule is about passes"
    wait_for_count(daemon, "lab/vm2", EXTENDED, "hole", 1)
    wait_for_count(daemon, "lab/vm2", EXTENDED, "rest", 2)
    wait_for_count(daemon, "lab/vm2", EXTENDED, "high", 6)


def test_rules_without_state_open_no_connection(lab, serve):
    daemon, vm1, vm2, _ = lab
    serve(vm2, IP2, 80)
    rule = {"direction": "in", "proto": "tcp", "local_ports": "80", "action": "allow"}
    daemon.set_policy("lab/vm2", EXTENDED, rules=[rule])
    assert get(vm1, IP2, 80) == b"hello\n"
    assert daemon.rpc("conn.count")["count"] == 0
    daemon.set_policy("lab/vm2", EXTENDED, rules=[{**rule, "stateful": True}])
    assert get(vm1, IP2, 80) == b"hello\n"
    assert daemon.rpc("conn.count")["count"] >= 1
    daemon.set_policy("lab/vm2", EXTENDED, rules=[rule])
    assert get(vm1, IP2, 80) == b"hello\n"
    assert daemon.rpc("conn.count")["count"] == 0


STATEFUL_OUT = [
    {"name": "out", "direction": "out", "action": "allow", "weight": 10, "stateful": True},
    {"name": "arp-out", "direction": "both", "ethertype": 0x0806, "action": "allow", "weight": 9},
    {"name": "rest", "direction": "both", "action": "deny", "weight": 1}]


def test_stateful_replies_pass_and_nothing_else_comes_in(lab, serve):
    daemon, vm1, vm2, _ = lab
    serve(vm1, IP1, 80)
    serve(vm2, IP2, 80)
    daemon.set_policy("lab/vm2", EXTENDED, rules=STATEFUL_OUT)
    assert get(vm2, IP1, 80) == b"hello\n" and vm2.ping(IP1)
    assert not vm1.connects(IP2, 80, patience_s=0.3) and not vm1.ping(IP2, count=1)
    daemon.wait_for_drop("extended-deny", "lab/vm2", 2)
    out = wait_for_count(daemon, "lab/vm2", EXTENDED, "out", 8)
    assert out["connections"] == 2
    assert counts(daemon, "lab/vm2", EXTENDED)["rest"]["connections"] >= 2


def test_a_rule_without_state_lets_no_reply_in_beside_one_with(lab, serve):
    daemon, vm1, vm2, _ = lab
    serve(vm1, IP1, 80)
    serve(vm1, IP1, 81)
    daemon.set_policy("lab/vm2", EXTENDED, rules=[
        {"direction": "out", "proto": "tcp", "remote_ports": "80", "action": "allow",
         "weight": 10, "stateful": True},
        {"direction": "out", "proto": "tcp", "remote_ports": "81", "action": "allow",
         "weight": 10},
        {"direction": "both", "proto": "tcp", "action": "deny", "weight": 1}])
    assert get(vm2, IP1, 80) == b"hello\n"
    assert not vm2.connects(IP1, 81, patience_s=0.3)


def test_errors_about_a_stateful_connection_come_in_and_forged_ones_do_not(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm2", EXTENDED, rules=STATEFUL_OUT)
    with wires(vm1, vm2) as (wire1, wire2):
        def error_about(made):
            return bytes(Ether(dst=VM2, src=VM1) / IP(src=IP1, dst=IP2)
                         / ICMP(type=3, code=3) / made[14:])

        question = udp(VM1, VM2, IP2, IP1, 5000)
        wire2.send(question)
        wire1.wait(question)
        wire1.send(error_about(question))
        wire2.wait(error_about(question))
        wire1.send(error_about(udp(VM1, VM2, IP2, IP1, 5000, sport=4001)))
        daemon.wait_for_drop("conn-unrelated", "lab/vm2")


def test_fragments_of_a_reply_come_in(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm2", EXTENDED, rules=STATEFUL_OUT)
    with wires(vm1, vm2) as (wire1, wire2):
        question = udp(VM1, VM2, IP2, IP1, 5000)
        wire2.send(question)
        wire1.wait(question)
        whole = IP(src=IP1, dst=IP2, id=77) / UDP(sport=5000, dport=4000) / (b"z" * 1600)
        for piece in fragment(whole, fragsize=800):
            made = bytes(Ether(dst=VM2, src=VM1) / piece)
            wire1.send(made)
            wire2.wait(made)


def test_a_stateful_connection_ends_after_its_own_idle_time(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm2", EXTENDED, rules=[
        {"direction": "out", "proto": "udp", "action": "allow", "weight": 2, "stateful": True,
         "idle_s": 1},
        {"direction": "both", "proto": "udp", "action": "deny", "weight": 1}])
    with wires(vm1, vm2) as (wire1, wire2):
        question = udp(VM1, VM2, IP2, IP1, 5000)
        wire2.send(question)
        wire1.wait(question)
        answer = udp(VM2, VM1, IP1, IP2, 4000, sport=5000)
        wire1.send(answer)
        wire2.wait(answer)
        wait_for("the connection to end", lambda: daemon.rpc("conn.count")["count"] == 0)
        wire1.send(answer)
        daemon.wait_for_drop("extended-deny", "lab/vm2")


def test_established_connections_are_judged_again(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm2", EXTENDED, rules=STATEFUL_OUT)
    with vm1.listen(IP1, 80) as listener, vm2.open_socket() as client:
        client.connect((IP1, 80))
        server, _ = listener.accept()
        with server:
            client.sendall(b"before")
            assert server.recv(100) == b"before"
            daemon.set_policy("lab/vm2", EXTENDED, rules=[
                {**STATEFUL_OUT[0], "remote": "192.0.2.0/24"}, *STATEFUL_OUT[1:]])
            server.sendall(b"after")
            client.sendall(b"after")
            daemon.wait_for_drop("extended-deny", "lab/vm2")
            daemon.set_policy("lab/vm2", EXTENDED, rules=STATEFUL_OUT)


def test_icmp_type_code_ethertype_and_vlan(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm2", EXTENDED, rules=[
        {"name": "echo", "direction": "in", "proto": "icmp", "icmp_type": 8, "icmp_code": 0,
         "action": "deny"},
        {"name": "type", "direction": "in", "ethertype": 0x88b5, "action": "deny"},
        {"name": "vlan", "direction": "in", "vlan": 7, "action": "deny", "weight": 5}])
    assert vm2.ping(IP1) and not vm1.ping(IP2, count=1)
    with wires(vm1, vm2) as (wire1, wire2):
        wire1.send(frame(VM2, VM1, ethertype=0x88b5))
        daemon.wait_for_drop("extended-deny", "lab/vm2", 2)
        made = frame(VM2, VM1, ethertype=0x88b6)
        wire1.send(made)
        wire2.wait(made)
        for port in ("vm1", "vm2"):
            daemon.set_policy(f"lab/{port}", "xvs.vlan/1", mode="access", vlan=7)
        before = daemon.drops("extended-deny", "lab/vm2")
        wire1.send(made)
        daemon.wait_for_drop("extended-deny", "lab/vm2", before + 1)


def test_both_lists_must_let_a_packet_pass(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm2", EXTENDED, rules=STATEFUL_OUT)
    daemon.set_policy("lab/vm2", BASIC, rules=[
        {"direction": "out", "action": "deny", "remote": IP1}])
    assert not vm2.ping(IP1, count=1)
    daemon.wait_for_drop("acl-deny", "lab/vm2")
    assert not vm1.ping(IP2, count=1)


# ---- levels ----------------------------------------------------------------------------------------


def test_switch_group_and_port_inherit_and_override(lab):
    daemon, vm1, vm2, vm3 = lab
    config = daemon.config.read_text(encoding="utf-8")
    deny = "{rules: [{action: deny, remote: %s}]}"
    daemon.write(config.replace("policies: {}\n    groups",
                                "policies: {xvs.acl/1: %s}\n    groups" % (deny % IP3))
                 .replace("policies: {}}", "policies: {xvs.acl/1: %s}}" % (deny % IP1)))
    daemon.do("config", "reload")
    assert not vm1.ping(IP3, count=1) and not vm3.ping(IP1, count=1)
    assert not vm2.ping(IP1, count=1), "the group has a list of its own"
    shown = daemon.rpc("policy.show", target="lab/vm2", feature=BASIC, effective=True)[BASIC]
    assert shown["from"]["rules"].startswith("group web")
    daemon.set_policy("lab/vm2", BASIC, rules=[{"action": "deny", "remote": "192.0.2.1"}])
    assert vm2.ping(IP1), "and the port one over that"
    assert not vm1.ping(IP3, count=1)


# ---- what is refused, and what is shown ------------------------------------------------------------


@pytest.mark.parametrize("rule, field, words", [
    ({"action": "deny", "local": "10.0.0.1", "remote": "2001:db8::1"}, "remote", "family"),
    ({"action": "deny", "local_ports": "80"}, "local_ports", "needs proto tcp"),
    ({"action": "deny", "proto": "tcp", "remote_ports": "90-80"}, "remote_ports", "1000-2000"),
    ({"action": "deny", "proto": "tcp", "icmp_type": 8}, "icmp_type", "needs proto icmp"),
    ({"action": "deny", "stateful": True}, "stateful", "no connection"),
    ({"action": "allow", "idle_s": 5}, "idle_s", "stateful rules alone"),
    ({"action": "allow", "stateful": True, "ethertype": 0x0806}, "stateful", "connections of IP"),
    ({"action": "allow", "proto": "icmp", "remote": "2001:db8::/32"}, "proto", "icmpv6"),
    ({"action": "allow", "protocol": 50}, "protocol", "proto number"),
    ({"action": "allow", "ethertype": 0x86dd, "remote": "10.0.0.1"}, "ethertype", "addresses"),
])
def test_contradictions_are_refused_by_field(lab, rule, field, words):
    daemon, *_ = lab
    with pytest.raises(Refused) as refused:
        daemon.set_policy("lab/vm2", EXTENDED, rules=[{"action": "allow"}, rule])
    text = refused.value.message + str(refused.value.errors)
    assert f"rules[1].{field}" in text and words in text
    assert "lab/vm2" in text


def test_a_file_is_checked_with_the_place(check):
    told = check(CONFIG.replace("    policies: {}\n", """    policies:
      xvs.acl-extended/1:
        rules:
          - {action: allow}
          - {action: deny, stateful: true}
"""))
    assert told.returncode == 1
    assert "rules[1].stateful" in told.stderr and "xvs.yaml:9:" in told.stderr, told.stderr
    assert told.stderr.count("rules[1]") == 1, "once, not for each port"


def test_it_is_built_in_and_nobody_can_take_its_name(lab, check):
    daemon, *_ = lab
    assert "xvs.acl" not in str(daemon.rpc("switch.show", name="lab")["chain"])
    daemon.set_policy("lab/vm1", BASIC, rules=[{"action": "meter"}])
    member, = daemon.rpc("switch.show", name="lab")["chain"]
    assert member["builtin"] and member["why"] == "firewall; built in"
    assert "xvs.acl" in daemon.do("status")
    listed = next(e for e in daemon.rpc("ext.list") if e["id"] == "xvs.acl")
    assert listed["file"] == "built in" and len(listed["instances"]) == 1
    assert "chain" not in daemon.do("config", "export")
    assert "built in" in daemon.refuses("ext", "disable", "lab/xvs.acl")
    told = check(CONFIG.replace("    ports:", """    chain:
      - {instance: acl, extension: xvs.acl}
      - {instance: xvs.acl, extension: org.xvs.guard}
      - {instance: b, extension: xvs.bcl}
    ports:""", 1))
    assert told.returncode == 1
    assert told.stderr.count("xvs.acl is built in and stands in every chain") == 2
    assert "xvs.bcl" in told.stderr


def test_the_policy_survives_a_restart_and_counts_begin_anew(lab):
    daemon, vm1, vm2, _ = lab
    daemon.set_policy("lab/vm1", BASIC, rules=[{"name": "m", "action": "meter"}])
    assert vm1.ping(IP2)
    wait_for_count(daemon, "lab/vm1", BASIC, "m", 2)
    daemon.stop()
    daemon.start()
    vm1.up(f"{IP1}/24")
    assert daemon.port("lab/vm1")["status"][COUNTS[BASIC]]["rules"] == 1


def test_a_trace_names_the_rule(lab):
    daemon, *_ = lab
    daemon.set_policy("lab/vm2", EXTENDED, rules=[
        {"direction": "in", "proto": "udp", "action": "allow", "weight": 2},
        {"name": "no-telnet", "direction": "in", "proto": "tcp", "local_ports": "23",
         "action": "deny", "weight": 1}])
    packet = (f"eth src={VM1} dst={VM2} / ipv4 src={IP1} dst={IP2} / tcp sport=4000 dport=%d")
    told = daemon.do("trace", "--port", "lab/vm1", packet % 23)
    assert "rules[1] no-telnet of xvs.acl-extended/1 denies" in told
    assert "no rule is about it" in daemon.do("trace", "--port", "lab/vm1", packet % 24)
    assert daemon.drops("extended-deny") == 0
