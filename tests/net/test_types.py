# SPDX-License-Identifier: Apache-2.0
"""Types of switches, changed in place; and the host keeps its way out.

    [vm1] --tap--[     ]
                 [ lab ]--up0=====out0-- [outside]
    [vm2] --tap--[     ]--host0-- [this namespace]
"""

import pytest

from support.host import run
from support.patience import wait_for

PORTS = """\
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: vm1eth0, netns: vm1, peer_name: eth0}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: vm2eth0, netns: vm2, peer_name: eth0}}
"""
HOST = "    host_ports: [{name: host0, address: 10.77.0.254/24}]\n"
UPLINK = "    uplinks: [{name: up0, device: up0}]\n"


def switch(kind, *more):
    return "switches:\n  - name: lab\n    type: " + kind + "\n" + "".join(more) + PORTS


EXTERNAL = switch("external", UPLINK, HOST)


@pytest.fixture
def guests(hosts):
    return hosts("vm1", "vm2")


@pytest.fixture
def lab(xvsd, guests, outside):
    outside.up("10.77.0.9/24")
    daemon = xvsd(EXTERNAL)
    for nr, guest in enumerate(guests, 1):
        guest.up(f"10.77.0.{nr}/24")
    assert guests[0].reaches("10.77.0.2") and guests[0].reaches("10.77.0.9")
    return daemon


def apply(daemon, config, *words):
    daemon.write(config)
    return daemon.do("config", "apply", *words)


def test_a_type_is_converted_in_place(lab, guests):
    ids = {port["name"]: port["id"] for port in lab.rpc("port.list") if port["role"] == "guest"}
    before = lab.drops(port="lab/vm1")
    for config in (switch("internal", HOST), switch("private"), switch("internal", HOST), EXTERNAL):
        apply(lab, config, "--confirm", 3600)
        lab.do("config", "confirm")
        assert guests[0].ping("10.77.0.2", count=1), config
    now = {port["name"]: port["id"] for port in lab.rpc("port.list") if port["role"] == "guest"}
    assert now == ids and lab.drops(port="lab/vm1") == before
    assert guests[0].reaches("10.77.0.9") and guests[0].reaches("10.77.0.254")


@pytest.mark.parametrize("kind, parts, message", [
    ("internal", (UPLINK, HOST), "uplink up0: a switch of type internal has none"),
    ("private", (UPLINK,), "uplink up0: a switch of type private has none"),
    ("private", (HOST,), "host port host0: a switch of type private has none"),
    ("internal", ("    team: {}\n",), "only a switch of type external has a team"),
])
def test_what_a_type_forbids_is_refused_in_place(lab, guests, kind, parts, message):
    lab.write(switch(kind, *parts))
    assert message in lab.refuses("config", "apply", "--confirm", 3600)
    assert lab.rpc("switch.show", name="lab")["type"] == "external"
    assert guests[0].ping("10.77.0.9", count=1)


def test_the_last_uplink_beside_a_host_port_stays(lab, guests):
    for words in (("port", "block", "lab/up0"), ("port", "remove", "--override", "lab/up0"),
                  ("port", "remove", "--override", "lab/host0"), ("port", "block", "lab/host0"),
                  ("policy", "set", "--override", "lab/up0", "xvs.port/1", "blocked=true")):
        message = lab.refuses(*words)
        assert "host port host0 would have no way out" in message and "--confirm" in message
    lab.write(switch("external", HOST))
    assert "no way out" in lab.refuses("config", "apply")
    assert guests[0].ping("10.77.0.9", count=1)
    lab.do("port", "block", "lab/vm1")
    lab.do("port", "unblock", "lab/vm1")


def test_it_goes_where_that_is_taken_back_by_itself(lab, guests):
    lab.do("port", "block", "lab/up0", "--confirm", 1)
    assert not lab.is_open("lab/up0")
    wait_for("the change to go back", lambda: lab.is_open("lab/up0"))
    assert guests[0].reaches("10.77.0.9")
    lab.do("port", "block", "lab/up0", "--confirm", 3600)
    lab.do("config", "rollback")
    assert guests[0].reaches("10.77.0.9")


def test_a_rule_of_the_file_is_enough(lab):
    apply(lab, "daemon: {confirm_host: 3600}\n" + EXTERNAL)
    if "pending" in lab.rpc("status")["configuration"]:
        lab.do("config", "confirm")
    lab.do("port", "block", "lab/up0")
    assert lab.rpc("status")["configuration"]["pending"]
    lab.do("config", "rollback")
    assert "10.77.0.254" in run("ip", "-4", "addr", "show", "dev", "host0")
