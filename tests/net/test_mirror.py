# SPDX-License-Identifier: Apache-2.0
"""Mirror sessions (F2, K1): copies for a probe, from real guests, over taps and a trunk.

    [vm1] tap, group web, VLAN 10 --+
    [vm2] tap, VLAN 10 -------------+-- [ lab ] --tap-- [ids]: copies alone
    [vm3] tap ----------------------+      |
                                         veth up0/out0 [outside]: trunk
"""

import json

import pytest

from support.patience import wait_for
from support.wire import BROADCAST, frame

MACS = {name: f"52:54:00:00:00:{number:02x}"
        for number, name in enumerate(("vm1", "vm2", "vm3", "ids"), 1)}
FAR = "02:00:00:00:00:01"
VLANS = {"vm1": 10, "vm2": 10}


def config(sessions=""):
    ports = "".join(f"""
      - name: {name}
        mac: "{MACS[name]}"
        {"group: web" if name == "vm1" else ""}
        backend: {{kind: tap, device: eth0, netns: {name}}}
        {f"policies: {{xvs.vlan/1: {{vlan: {VLANS[name]}}}}}" if name in VLANS else ""}"""
                    for name in MACS)
    return f"""
switches:
  - name: lab
    type: external
    policies: {{xvs.mirror/1: {{sessions: [{sessions}]}}}}
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    groups: [{{name: web, override: [xvs.vlan/1]}}]
    ports:{ports}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    """lab(sessions): (daemon, wire by name)."""
    def start(sessions=""):
        outside.up()
        guests = hosts(*MACS)
        daemon = xvsd(config(sessions))
        wires = {host.name: host.up().wire() for host in guests}
        wires["out"] = outside.wire()
        return daemon, wires

    return start


def set_sessions(daemon, *sessions):
    daemon.do("policy", "set", "--override", "lab", "xvs.mirror/1",
              "sessions=" + json.dumps(sessions))


def session(daemon, name="s"):
    return {s["session"]: s for s in daemon.ctl_json("mirror", "list")}[name]


def test_what_a_port_sends_and_gets_is_copied_once(lab):
    daemon, wires = lab("{name: s, ports: [vm1, vm2], to: [ids]}")
    there = frame(MACS["vm2"], MACS["vm1"])
    back = frame(MACS["vm1"], MACS["vm2"])
    wires["vm1"].send(there)
    wires["vm2"].wait(there)
    wires["vm2"].send(back)
    wires["vm1"].wait(back)
    wires["ids"].wait(there)
    wires["ids"].wait(back)
    assert [wires["ids"].seen.count(f) for f in (there, back)] == [1, 1]
    wait_for("both are counted", lambda: session(daemon)["packets"] == 2)
    assert session(daemon)["to"] == ["ids"] and session(daemon)["sources"] == 2
    assert "ids" in daemon.do("mirror", "list")


def test_the_copy_is_the_frame_as_on_its_port(lab):
    """From the uplink with its tag, at the guest without; what others say is not copied."""
    _, wires = lab("{name: s, ports: [up0], direction: in, to: [ids]}, "
                   "{name: t, groups: [web], direction: out, to: [ids]}")
    tagged = frame(MACS["vm1"], FAR, b"to vm1", vlan=10)
    plain = tagged[:12] + tagged[16:]
    wires["vm2"].send(frame(MACS["vm2"], MACS["vm2"], b"not copied"))
    wires["out"].send(tagged)
    wires["ids"].wait(lambda data: data[12:16] == b"\x81\x00\x00\x0a" and b"to vm1" in data)
    wires["ids"].wait(lambda data: data[:len(plain)] == plain)
    assert not any(b"not copied" in data for data in wires["ids"].seen)


def test_a_filter_hides_nothing_from_the_probe(lab):
    daemon, wires = lab("{name: s, ports: [vm3], direction: in, to: [ids]}")
    stray = frame(MACS["vm1"], MACS["vm3"], vlan=20)
    refused = frame("02:00:00:00:00:99", MACS["vm3"])
    wires["vm3"].send(stray)  # its tag may not enter at all, so it is on no port of the switch
    wires["vm3"].send(refused)
    wires["ids"].wait(refused)
    assert not wires["ids"].has_seen(stray)
    daemon.wait_for_drop("vlan", "lab/vm3")


def test_vlans_and_snap_length_and_the_mark(lab):
    daemon, wires = lab("{name: s, vlans: [10], direction: in, snap: 100, mark_cut: true, "
                        "to: [ids]}")
    other = frame(MACS["vm1"], MACS["vm3"], b"x" * 500)
    mine = frame(MACS["vm2"], MACS["vm1"], b"y" * 500)
    wires["vm3"].send(other)
    wires["vm1"].send(mine)
    got = wires["ids"].wait(lambda data: b"yyy" in data)
    assert got == mine[:100] + len(mine).to_bytes(4, "big")
    assert not any(b"xxx" in data for data in wires["ids"].seen)
    wait_for("it is counted", lambda: session(daemon)["bytes"] == 104)


def test_the_port_of_the_probe_gets_copies_alone(lab):
    daemon, wires = lab("{name: s, ports: [vm1], to: [ids]}")
    for made in (frame(MACS["ids"], MACS["vm3"], b"for ids"), frame(BROADCAST, MACS["vm3"])):
        wires["vm3"].send(made)
    sent = frame(MACS["vm3"], MACS["ids"])
    wires["ids"].send(sent)
    daemon.wait_for_drop("mirror-port", "lab/vm3")
    daemon.wait_for_drop("mirror-port", "lab/ids")
    marker = frame(MACS["vm2"], MACS["vm1"], b"marker")
    wires["vm1"].send(marker)
    wires["ids"].wait(marker)
    assert not any(b"for ids" in data for data in wires["ids"].seen)
    set_sessions(daemon, {"name": "s", "ports": ["vm1"], "to": ["ids"], "normal_traffic": True})
    wires["ids"].send(sent)
    wires["vm3"].wait(sent)


def test_sessions_come_and_go_under_traffic(lab):
    daemon, wires = lab()
    before = frame(MACS["vm2"], MACS["vm1"])
    wires["vm1"].send(before)
    wires["vm2"].wait(before)
    set_sessions(daemon, {"name": "s", "ports": ["vm1"], "to": ["ids"]})
    during = frame(MACS["vm2"], MACS["vm1"])
    wires["vm1"].send(during)
    wires["ids"].wait(during)
    set_sessions(daemon, {"name": "s", "ports": ["vm1"], "to": ["ids"], "snap": 64},
                 {"name": "t", "ports": ["vm2"], "to": ["ids"]})
    assert session(daemon)["packets"] == 1
    daemon.do("policy", "unset", "--override", "lab", "xvs.mirror/1")
    assert daemon.ctl_json("mirror", "list") == []
    after = frame(MACS["ids"], MACS["vm3"])
    wires["vm3"].send(after)
    wires["ids"].wait(after)
    assert not wires["ids"].has_seen(before)


def test_a_session_cannot_lose_its_ports(lab):
    daemon, _ = lab("{name: s, ports: [vm1], to: [ids]}")
    said = daemon.refuses("port", "remove", "--override", "lab/ids")
    assert "sessions[0].to[0]: switch lab has no port ids" in said
    assert daemon.is_open("lab/ids")


def test_wrong_sessions_are_refused_with_their_place(check):
    done = check(config("""
      {name: a, ports: [vm9], to: [ids]}, {name: a, groups: [none], to: [up0]},
      {name: c, ports: [ids], to: [ids], snap: 10}, {name: d, to: [vm8]}"""))
    assert done.returncode == 1
    for sentence in (
            "switch lab: policy xvs.mirror/1, sessions[0].ports[0]: switch lab has no port vm9",
            "sessions[1].name: another session is called a",
            "sessions[1].groups[0]: switch lab has no group none",
            "sessions[1].to[0]: port up0 is an uplink",
            "sessions[2].ports[0]: port ids gets the copies, so it cannot be copied",
            "sessions[2].snap: it is 10, must be 0 for all bytes, or 64..65535",
            "sessions[3].ports: nothing is to be copied; name ports, groups or vlans",
            "xvs.yaml:7:68: switch lab: policy xvs.mirror/1, sessions[3].to[0]: switch lab has no "
            "port vm8"):
        assert sentence in done.stderr
