# SPDX-License-Identifier: Apache-2.0
"""Who owns a setting: the file what it names, the API what it made; overlays are seen and dropped.

    [vm1] --tap-- [ lab: guard ] --null-- vm2 (of the file), api1 (of the API)
"""

import pytest

CONFIG = """\
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
          org.xvs.guard/1: {dhcp_guard: true}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: "null"}}
"""
GUARD = "org.xvs.guard/1"
API1 = {"name": "api1", "mac": "52:54:00:00:00:0a", "backend": {"kind": "null"}}


@pytest.fixture
def daemon(hosts, xvsd):
    hosts("vm1")
    return xvsd(CONFIG)


def guards(daemon, target="lab/vm1"):
    return daemon.port(target)["policies"][GUARD]


def test_another_owner_s_value_is_refused_with_owner_and_line(daemon):
    message = daemon.refuses("policy", "set", "lab/vm1", GUARD, "dhcp_guard=false")
    assert "belongs to file" in message and f"{daemon.config}:11:" in message
    assert "override" in message
    assert guards(daemon)["dhcp_guard"]


def test_an_overlay_is_shown_and_dropped_on_demand(daemon):
    daemon.do("policy", "set", "--override", "lab/vm1", GUARD, "dhcp_guard=false")
    assert not guards(daemon)["dhcp_guard"]
    assert GUARD in daemon.do("config", "diff") and "lab/vm1" in daemon.do("config", "diff")
    assert daemon.rpc("status")["overlays"] and GUARD in daemon.do("status")
    daemon.do("config", "apply")
    assert not guards(daemon)["dhcp_guard"], "an overlay outlives apply"
    daemon.do("config", "apply", "--no-overrides")
    assert guards(daemon)["dhcp_guard"] and not daemon.rpc("status")["overlays"]


def test_an_overlay_outlives_a_restart(daemon):
    daemon.do("policy", "set", "--override", "lab/vm1", GUARD, "dhcp_guard=false")
    daemon.stop()
    daemon.start()
    assert not guards(daemon)["dhcp_guard"] and daemon.rpc("status")["overlays"]


def test_a_port_of_the_api_outlives_reload_and_restart(daemon):
    daemon.rpc("port.add", switch="lab", port=API1)
    daemon.do("policy", "set", "lab/api1", GUARD, "router_guard=true")
    uuid = daemon.port("lab/api1")["uuid"]
    daemon.do("config", "reload")
    assert daemon.is_open("lab/api1") and daemon.port("lab/api1")["owner"] == "api"
    daemon.stop()
    daemon.start()
    assert daemon.is_open("lab/api1") and daemon.port("lab/api1")["uuid"] == uuid
    assert guards(daemon, "lab/api1")["router_guard"]
    daemon.do("config", "apply", "--no-overrides")
    assert daemon.is_open("lab/api1"), "a port of the API is no overlay"
    daemon.do("port", "remove", "lab/api1")
    daemon.refuses("port", "show", "lab/api1", code=4)


def test_a_port_of_the_file_is_not_the_api_s_to_remove(daemon):
    message = daemon.refuses("port", "remove", "lab/vm2")
    assert "belongs to file" in message and daemon.is_open("lab/vm2")


def test_the_uuid_of_a_port_is_made_once(daemon):
    uuid = daemon.port("lab/vm2")["uuid"]
    daemon.stop()
    daemon.start()
    assert daemon.port("lab/vm2")["uuid"] == uuid


def test_blocking_is_an_overlay_by_nature(daemon):
    daemon.do("port", "block", "lab/vm1")
    assert daemon.port("lab/vm1")["state"] == "blocked"
    daemon.stop()
    daemon.start()
    assert daemon.port("lab/vm1")["state"] == "blocked"
    daemon.do("config", "apply", "--no-overrides")
    assert daemon.is_open("lab/vm1")


def test_a_name_that_is_taken_is_refused(daemon):
    message = daemon.refuses("port", "add", "lab", "vm2", "backend.kind=null")
    assert "vm2" in message and "file" in message


def test_an_export_holds_what_every_owner_wants(daemon, check):
    daemon.rpc("port.add", switch="lab", port=API1)
    daemon.do("policy", "set", "lab/api1", GUARD, "router_guard=true")
    daemon.do("policy", "set", "--override", "lab/vm1", GUARD, "dhcp_guard=false")
    text = daemon.do("config", "export")
    assert check(text).returncode == 0
    before = {port: guards(daemon, port) for port in ("lab/vm1", "lab/api1")}
    uuids = {port: daemon.port(port)["uuid"] for port in before}
    daemon.do("port", "remove", "lab/api1")
    daemon.write(text)
    daemon.do("config", "apply", "--no-overrides")
    assert {port: guards(daemon, port) for port in before} == before
    assert {port: daemon.port(port)["uuid"] for port in before} == uuids
    assert daemon.port("lab/api1")["owner"] == "file" and not daemon.rpc("status")["overlays"]
    assert daemon.do("config", "export") == text
