# SPDX-License-Identifier: Apache-2.0
"""Extensions come and go under traffic; what requires one closes without it.

    [vm1] --tap--+-- [ lab: capture, guard, secgroup ]
    [vm2] --tap--+
"""

import shutil

import pytest

from support.daemon import EXTENSIONS

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - instance: tap
        extension: org.xvs.capture
        policies: {{org.xvs.capture/1: {{file: {capture}}}}}
      - {{instance: guard, extension: org.xvs.guard, required: {guard_required}}}
      - {{instance: fw, extension: org.xvs.secgroup, required: true}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{org.xvs.guard/1: {{}}, org.xvs.secgroup.rules/1: {{default_in: allow}}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2}}
        requires: [{requires}]
        policies: {{org.xvs.guard/1: {{}}, org.xvs.secgroup.rules/1: {{default_in: allow}}}}
"""


@pytest.fixture
def lab(hosts, xvsd, tmp_path):
    """lab(...): (daemon, vm1, vm2), which reach each other."""
    vm1, vm2 = hosts("vm1", "vm2")

    def make(guard_required="true", requires=""):
        daemon = xvsd(CONFIG.format(capture=tmp_path / "all.pcapng", requires=requires,
                                    guard_required=guard_required))
        vm1.up("10.77.0.1/24")
        vm2.up("10.77.0.2/24")
        vm1.reaches("10.77.0.2")
        return daemon, vm1, vm2

    return make


def test_the_order_is_shown_with_its_reasons(lab):
    daemon, _, _ = lab()
    chain = daemon.rpc("switch.show", name="lab")["chain"]
    assert [entry["class"] for entry in chain] == ["inspect", "filter", "firewall"]
    assert all(entry["why"] and entry["state"] == "running" for entry in chain)
    shown = daemon.do("switch", "show", "lab")
    assert shown.index("org.xvs.capture") < shown.index("org.xvs.guard") < shown.index(
        "org.xvs.secgroup")


def test_a_required_instance_closes_its_ports_and_opens_them_again(lab):
    daemon, vm1, _ = lab()
    assert "2 ports are closed" in daemon.do("ext", "disable", "lab/fw")
    assert not vm1.ping("10.77.0.2", count=1)
    assert daemon.drops("port-closed", "lab/vm1") > 0
    reasons = daemon.port("lab/vm1")["reasons"]
    assert any("fw" in reason for reason in reasons), reasons
    assert daemon.rpc("status")["health"] == "degraded"
    daemon.do("ext", "enable", "lab/fw")
    assert vm1.reaches("10.77.0.2") and daemon.rpc("status")["health"] == "ok"


def test_an_optional_instance_leaves_traffic_alone(lab):
    daemon, vm1, _ = lab(guard_required="false")
    daemon.do("ext", "disable", "lab/guard")
    assert vm1.ping("10.77.0.2") and daemon.is_open("lab/vm1")
    daemon.do("ext", "enable", "lab/guard")
    assert vm1.ping("10.77.0.2")


def test_an_inspector_is_optional_by_nature(lab):
    daemon, vm1, _ = lab()
    daemon.do("ext", "disable", "lab/tap")
    assert vm1.ping("10.77.0.2", count=5)
    daemon.do("ext", "enable", "lab/tap")
    assert vm1.ping("10.77.0.2")


def test_a_port_that_requires_an_extension_closes_alone(lab):
    daemon, _, _ = lab(guard_required="false", requires="org.xvs.guard")
    daemon.do("ext", "disable", "lab/guard")
    assert daemon.is_open("lab/vm1") and not daemon.is_open("lab/vm2")
    assert any("org.xvs.guard" in reason for reason in daemon.port("lab/vm2")["reasons"])
    daemon.do("ext", "enable", "lab/guard")
    assert daemon.is_open("lab/vm2")


def test_disabling_is_an_overlay_that_survives_a_restart(lab):
    daemon, vm1, vm2 = lab()
    daemon.do("ext", "disable", "lab/fw")
    assert "lab/fw" in daemon.do("config", "diff")
    daemon.stop()
    daemon.start()
    assert not daemon.is_open("lab/vm1")
    daemon.do("config", "apply", "--no-overrides")
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    assert vm1.reaches("10.77.0.2")


def test_a_connection_outlives_a_neighbour_in_the_chain(lab):
    daemon, vm1, vm2 = lab(guard_required="false")
    with vm2.listen("10.77.0.2", 7000) as listener, vm1.open_socket() as s:
        s.connect(("10.77.0.2", 7000))
        peer, _ = listener.accept()
        with peer:
            for verb in ("disable", "enable") * 3:
                daemon.rpc(f"ext.{verb}", target="lab/guard")
                s.sendall(b"still here")
                assert peer.recv(100) == b"still here"


def test_costs_are_counted_by_instance(lab):
    daemon, _, _ = lab()
    stats = {row["instance"]: row for row in daemon.rpc("ext.stats")}
    assert set(stats) == {"tap", "guard", "fw"}
    assert stats["tap"]["packets"] > 0 and stats["tap"]["cycles_per_packet"] > 0
    assert stats["guard"]["judged"] > 0
    assert "guard" in daemon.do("ext", "stats")


def test_a_file_is_shown_without_being_run(lab):
    daemon, _, _ = lab()
    shown = daemon.do("ext", "show", EXTENSIONS / "guard.so")
    assert "org.xvs.guard" in shown and "filter" in shown


def test_an_instance_that_is_unknown_is_not_found(lab):
    daemon, _, _ = lab()
    assert "lab/nothing" in daemon.refuses("ext", "disable", "lab/nothing", code=4)


@pytest.mark.parametrize("required, state", [("true", "closed"), ("false", "open")])
def test_a_missing_file_at_the_start_closes_what_requires_it(hosts, daemon_at, tmp_path, required,
                                                            state):
    hosts("vm1", "vm2")
    daemon = daemon_at(CONFIG.format(capture=tmp_path / "all.pcapng", requires="",
                                     guard_required=required))
    some = tmp_path / "extensions"
    some.mkdir()
    for name in ("capture", "secgroup"):
        shutil.copy(EXTENSIONS / f"{name}.so", some)
    command = daemon.command
    daemon.command = lambda *more: [str(some) if word == str(EXTENSIONS) else word
                                    for word in command(*more)]
    daemon.start()
    assert daemon.port("lab/vm1")["state"] == state
    member, = [entry for entry in daemon.rpc("switch.show", name="lab")["chain"]
               if entry["instance"] == "guard"]
    assert "org.xvs.guard" in member["problem"] and str(some) in member["problem"]
    assert "org.xvs.guard" in daemon.said()
    shutil.copy(EXTENSIONS / "guard.so", some)
    daemon.rpc("config.reload")
    assert daemon.is_open("lab/vm1")
