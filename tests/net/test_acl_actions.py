# SPDX-License-Identifier: Apache-2.0
"""What rules of access lists do beside allowing and denying (G5, G8), and lists of host ports (G7).

    [vm1] tap, VLAN 10 --+
    [vm2] tap, VLAN 10 --+-- [ lab ] --tap-- [ids]: copies alone
    host0, VLAN 10 ------+      |
                            veth up0/out0 [outside]: trunk
"""

import json
import struct

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from support.daemon import Refused
from support.host import run
from support.patience import wait_for

VM1, VM2, IDS = (f"52:54:00:00:00:0{n}" for n in (1, 2, 4))
FAR = "02:00:00:00:00:01"
IP1, IP2, HOST = "10.77.0.1", "10.77.0.2", "10.77.0.254"
RULES, COUNTS = "xvs.acl-extended/1", "xvs.acl-extended.counts/1"
VOICE = 46

CONFIG = """
switches:
  - name: lab
    type: external
    policies:
      xvs.mirror/1: {sessions: [{name: probe, by_rules: true, to: [ids]}]}
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
    host_ports: [{name: host0, vlan: 10, address: 10.77.0.254/24}]
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1},
         policies: {xvs.vlan/1: {vlan: 10}}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2},
         policies: {xvs.vlan/1: {vlan: 10}}}
      - {name: ids, mac: "52:54:00:00:00:04", backend: {kind: tap, device: eth0, netns: ids}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    outside.up()
    vm1, vm2, ids = hosts("vm1", "vm2", "ids")
    daemon = xvsd(CONFIG)
    vm1.up(f"{IP1}/24")
    vm2.up(f"{IP2}/24")
    ids.up()
    return daemon, vm1, vm2, ids, outside


def udp(dst, src, dport, sport=4000, payload=b"x" * 40, tos=0):
    addresses = {VM1: IP1, VM2: IP2, FAR: "10.77.0.99"}
    return bytes(Ether(dst=dst, src=src) / IP(src=addresses[src], dst=addresses[dst], tos=tos)
                 / UDP(sport=sport, dport=dport) / payload)


def rule(**fields):
    return {"name": "it", "direction": "in", "action": "allow", "proto": "udp",
            "local_ports": "9", **fields}


def count_of(daemon, target, **least):
    """The counts of rule 'it', once they are as many as that."""
    def there():
        found = {c["name"]: c for c in daemon.port(target)["status"][COUNTS]["counts"]}.get("it")
        return found if found and all(found[k] >= v for k, v in least.items()) else None

    return wait_for(f"rule it to count {least}", there)



# ---- marks -----------------------------------------------------------------------------------------


def test_a_rule_marks_what_a_guest_sends(lab):
    daemon, vm1, _, _, outside = lab
    daemon.set_policy("lab/vm1", RULES, rules=[
        rule(direction="out", local_ports="", remote_ports="5004", mark_priority=5,
             mark_dscp=VOICE)])
    wire, out = vm1.wire(), outside.wire()
    wire.send(udp(FAR, VM1, 5004, tos=7 << 2 | 1))
    got = out.wait(lambda data: data[:6] == bytes.fromhex(FAR.replace(":", "")))
    assert struct.unpack("!HH", got[12:16]) == (0x8100, 5 << 13 | 10)
    packet = IP(got[18:])
    assert packet.tos == VOICE << 2 | 1, "ECN is between the ends"
    assert packet.chksum == IP(bytes(IP(src=IP1, dst="10.77.0.99", tos=VOICE << 2 | 1)
                                     / packet.payload)).chksum
    other = udp(FAR, VM1, 5005, tos=7 << 2)
    wire.send(other)
    got = out.wait(lambda data: data[18:] == other[14:])
    assert struct.unpack("!H", got[14:16])[0] == 10


def test_a_rule_marks_what_a_guest_gets(lab):
    daemon, vm1, vm2, _, _ = lab
    daemon.set_policy("lab/vm2", RULES, rules=[rule(mark_dscp=VOICE, mark_priority=3)])
    wire1, wire2 = vm1.wire(), vm2.wire()
    wire1.send(udp(VM2, VM1, 9))
    wire2.wait(udp(VM2, VM1, 9, tos=VOICE << 2))  # its port has no tags, so no priority
    back = udp(VM1, VM2, 9)
    wire2.send(back)
    wire1.wait(back)


# ---- limits ----------------------------------------------------------------------------------------


def test_a_rule_limits_packets_and_counts_what_it_drops(lab):
    daemon, vm1, vm2, _, _ = lab
    daemon.set_policy("lab/vm2", RULES, rules=[rule(limit_pps=1, limit_burst_ms=5000)])
    wire1, wire2 = vm1.wire(), vm2.wire()
    made, beside, last = udp(VM2, VM1, 9), udp(VM2, VM1, 10), udp(VM2, VM1, 11)
    for _ in range(100):
        wire1.send(made)
    for _ in range(20):
        wire1.send(beside)
    wire1.send(last)
    wire2.wait(last)
    assert wire2.seen.count(beside) == 20, "the rule is not about them"
    counted = count_of(daemon, "lab/vm2", packets=100)
    assert counted["limited"] == daemon.drops("acl-limit", "lab/vm2")
    assert wire2.seen.count(made) + counted["limited"] == 100
    assert wire2.seen.count(made) >= 5 and counted["limited"] >= 50


def test_a_rule_limits_bits(lab):
    daemon, vm1, vm2, _, _ = lab
    daemon.set_policy("lab/vm2", RULES, rules=[rule(limit_kbps=8, limit_burst_ms=1000)])
    wire1 = vm1.wire()
    for _ in range(50):
        wire1.send(udp(VM2, VM1, 9, payload=b"y" * 958))  # 1000 bytes
    daemon.wait_for_drop("acl-limit", "lab/vm2", 20)


# ---- copies ----------------------------------------------------------------------------------------


def test_a_rule_mirrors_its_packets_and_no_others(lab):
    """The probe has a list that denies all, and a slow probe would be no guest's business: 16.3c."""
    daemon, vm1, vm2, ids, _ = lab
    daemon.set_policy("lab/ids", RULES, rules=[{"action": "deny"}])
    daemon.set_policy("lab/vm2", RULES, rules=[rule(mirror="probe", mark_dscp=VOICE)])
    wire1, wire2, probe = vm1.wire(), vm2.wire(), ids.wire()
    made, beside, last = udp(VM2, VM1, 9), udp(VM2, VM1, 10), udp(VM2, VM1, 9, sport=4001)
    for packet in (made, beside, last):
        wire1.send(packet)
    probe.wait(lambda data: data[-len(last) + 14:] == last[14:])
    wire2.wait(udp(VM2, VM1, 9, sport=4001, tos=VOICE << 2))
    ports = [UDP(seen[34:]).dport for seen in probe.seen if seen[:6] == bytes.fromhex(
        VM2.replace(":", ""))]
    assert ports == [9, 9], "as they were before they were marked, each once"
    wait_for("the session to count", lambda: next(
        s for s in daemon.ctl_json("mirror", "list") if s["session"] == "probe")["packets"] == 2)
    daemon.wait_for_balance()


def with_rule(session):
    """vm2's second rule copies to it."""
    name = '- {name: vm2, mac: "52:54:00:00:00:02", '
    return CONFIG.replace(name + "backend: {kind: tap, device: eth0, netns: vm2},\n"
                          "         policies: {",
                          name + "backend: {kind: tap, device: eth0, netns: vm2},\n"
                          "         policies: {xvs.acl-extended/1: {rules: [{weight: 2, action: deny, proto: tcp},\n"
                          f"           {{action: allow, mirror: {session}}}]}}, ")


def test_a_rule_that_names_a_session_that_is_not_there_is_refused_with_its_place(lab, check):
    daemon, _, _, _, _ = lab
    told = check(with_rule("nobody"))
    line = next(n for n, text in enumerate(with_rule("nobody").split("\n"), 1) if "nobody" in text)
    assert told.returncode == 1
    assert f":{line}:36: port vm2: policy {RULES}, rules[1].mirror: switch lab has no mirror " \
        "session nobody; name one of xvs.mirror/1" in told.stderr
    assert check(with_rule("probe")).returncode == 0
    with pytest.raises(Refused, match="no mirror session nobody"):
        daemon.set_policy("lab/vm2", RULES, rules=[rule(mirror="nobody")])
    daemon.set_policy("lab/vm2", RULES, rules=[rule(mirror="probe")])
    assert "no mirror session probe" in daemon.refuses(
        "policy", "unset", "lab", "xvs.mirror/1", "--override")


def test_a_session_that_is_not_there_at_the_start_closes_no_port(lab):
    daemon, vm1, vm2, _, _ = lab
    daemon.stop()
    daemon.write(with_rule("nobody"))
    daemon.start()
    vm1.up(f"{IP1}/24")
    vm2.up(f"{IP2}/24")
    assert daemon.is_open("lab/vm2")
    assert "no mirror session nobody" in daemon.said()
    daemon.do("port", "block", "lab/vm1")
    daemon.do("port", "unblock", "lab/vm1")
    made = udp(VM2, VM1, 9)
    vm1.wire().send(made)
    vm2.wire()
    wait_for("a word on the session", lambda: "session nobody, which the switch does not have"
             in daemon.said())


def test_a_session_by_rules_has_no_ports_of_its_own(check):
    told = check(CONFIG.replace("by_rules: true", "by_rules: true, ports: [vm1]"))
    assert told.returncode == 1 and "rules choose what is copied" in told.stderr


# ---- the log ---------------------------------------------------------------------------------------


def lines(daemon):
    return [json.loads(line[line.index(" acl {") + 5:]) for line in daemon.said().splitlines()
            if " acl {" in line]


def test_a_rule_logs_each_flow_and_no_more_than_log_rate(lab):
    daemon, vm1, _, _, _ = lab
    daemon.set_policy("lab/vm2", RULES, log_rate=4, rules=[rule(action="deny", log=True)])
    wire = vm1.wire()
    for port in range(5000, 5010):
        for _ in range(3):
            wire.send(udp(VM2, VM1, 9, sport=port))
    daemon.wait_for_drop("extended-deny", "lab/vm2", 30)
    told = wait_for("four lines", lambda: lines(daemon) if len(lines(daemon)) >= 4 else None)
    first = told[0]
    assert (first["what"], first["port"], first["rule"], first["name"]) == ("denied", "vm2", 0, "it")
    assert (first["src"], first["src_port"], first["dst"], first["dst_port"], first["proto"]) \
        == (IP1, 5000, IP2, 9, 17)
    assert first["src_mac"] == VM1 and first["direction"] == "in"
    ports = [line["src_port"] for line in told]
    assert len(set(ports)) == len(ports), "each flow once, however many packets"


# ---- what is shown, and what is refused ------------------------------------------------------------


def test_a_trace_says_what_the_rule_does(lab):
    daemon, *_ = lab
    daemon.set_policy("lab/vm1", RULES, rules=[
        rule(direction="out", local_ports="", remote_ports="9", mark_dscp=VOICE, limit_pps=100,
             mirror="probe", log=True)])
    text = daemon.do("trace", "--port", "vm1",
                     f"eth dst={VM2} / ipv4 src={IP1} dst={IP2} / udp dport=9")
    for words in ("marks DSCP 46", "limits to 100 packets/s", "mirrors to probe", "logs"):
        assert words in text, text
    assert daemon.drops("acl-limit") == 0 and not lines(daemon)
    assert "mark_dscp" in daemon.do("policy", "help", RULES)


@pytest.mark.parametrize("more, words", [
    ({"action": "deny", "limit_pps": 1}, "rules that allow"),
    ({"mark_dscp": 3, "ethertype": 0x0806, "proto": "any", "local_ports": ""}, "a field of IP"),
    ({"log_sample": 5}, "with log alone"),
    ({"mark_priority": 9}, "8"),
])
def test_what_makes_no_sense_is_refused(lab, more, words):
    daemon, *_ = lab
    with pytest.raises(Refused) as refused:
        daemon.set_policy("lab/vm2", RULES, rules=[rule(**more)])
    assert words in refused.value.message + str(refused.value.errors)


# ---- the host's own adapters -----------------------------------------------------------------------


def test_lists_of_a_host_port(lab):
    """In and out are as seen from the host, whose adapter it is."""
    daemon, vm1, vm2, _, _ = lab
    assert vm1.ping(HOST) and vm2.ping(HOST)
    daemon.set_policy("lab/host0", "xvs.acl/1", rules=[
        {"direction": "in", "action": "deny", "remote": IP1}])
    assert not vm1.ping(HOST, count=1) and vm2.ping(HOST)
    daemon.wait_for_drop("acl-deny", "lab/host0")
    daemon.do("policy", "unset", "--override", "lab/host0", "xvs.acl/1")
    daemon.set_policy("lab/host0", RULES, rules=[
        {"name": "ours", "direction": "out", "proto": "icmp", "action": "allow", "weight": 2,
         "stateful": True},
        {"name": "arp", "direction": "both", "ethertype": 0x0806, "action": "allow", "weight": 2},
        {"name": "rest", "direction": "both", "action": "deny", "weight": 1}])
    assert not vm1.ping(HOST, count=1), "nobody opens a connection to the host"
    daemon.wait_for_drop("extended-deny", "lab/host0")
    run("ping", "-c", "2", "-i", "0.1", "-W", "5", IP1)  # but it does, and gets its answers
