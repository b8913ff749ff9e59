# SPDX-License-Identifier: Apache-2.0
"""Configurations are transactions: a wrong one changes nothing and every error has its place.

    [vm1] --tap--+-- [ lab: guard ]
    [vm2] --tap--+
"""

import signal

import pytest

from support.daemon import Refused
from support.patience import wait_for

GOOD = """\
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
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
"""
PORT3 = """\
      - name: vm3
        mac: "52:54:00:00:00:03"
        backend: {kind: "null"}
"""
WRONG = """\
switches:
  - name: lab
    typ: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
    ports:
      - name: vm1
        mac: "52:54:00:00:00"
        backend: {kind: tap, device: eth0, netns: vm1}
      - name: vm1
        backend: {kind: tapp, device: eth0, netns: vm2}
"""


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(GOOD)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    vm1.reaches("10.77.0.2")
    return daemon, vm1, vm2


def picture(daemon):
    """All that an operator sees of what is in force."""
    status = daemon.rpc("status")
    status["daemon"].pop("uptime_s")
    return [status, [daemon.port(port) for port in ("lab/vm1", "lab/vm2")],
            daemon.rpc("policy.show", target="lab/vm1", effective=True)]


def test_every_error_is_listed_with_its_place_and_the_nearest_key(check):
    done = check(WRONG)
    assert done.returncode == 1
    for place, text in ((":3:5: ", "typ is not known, the nearest key is type"),
                        (":8:14: ", "mac"), (":11:25: ", "tap")):
        assert [line for line in done.stderr.splitlines() if place in line and text in line], \
            f"{place}{text} is not in\n{done.stderr}"


def test_errors_of_form_hide_none_of_policies(lab, check):
    daemon, _, _ = lab
    wrong = GOOD.replace("type: private", "typ: private").replace(
        "dhcp_guard: true", "dhcp_gard: true, storm_pps: 10000001")
    daemon.write(wrong)
    for message in (check(wrong).stderr, daemon.refuses("config", "check"),
                    daemon.refuses("config", "apply")):
        lines = message.splitlines()
        assert len(lines) == 3, message
        assert ":3:5: " in lines[0] and "typ is not known, the nearest key is type" in lines[0]
        assert ":11:29: " in lines[1] and "dhcp_gard" in lines[1] and "dhcp_guard" in lines[1]
        assert ":11:" in lines[2] and "storm_pps" in lines[2]


def test_a_wrong_file_changes_nothing(lab):
    daemon, vm1, _ = lab
    before = picture(daemon)
    daemon.write(WRONG)
    message = daemon.refuses("config", "apply")
    assert f"{daemon.config}:3:5: " in message and f"{daemon.config}:8:14: " in message
    with pytest.raises(Refused):
        daemon.rpc("config.reload")
    assert picture(daemon) == before
    assert vm1.ping("10.77.0.2", count=5)


def test_a_policy_that_its_extension_refuses_takes_the_whole_file_with_it(lab):
    daemon, vm1, _ = lab
    before = picture(daemon)
    daemon.write(GOOD.replace("dhcp_guard: true", "storm_pps: 10000001") + PORT3)
    message = daemon.refuses("config", "apply")
    assert f"{daemon.config}:11:" in message and "storm_pps" in message
    assert picture(daemon) == before and vm1.ping("10.77.0.2")


def test_a_device_that_cannot_be_had_takes_the_whole_file_with_it(lab):
    daemon, vm1, _ = lab
    before = picture(daemon)
    daemon.write(GOOD.replace("dhcp_guard: true", "dhcp_guard: false") + PORT3.replace(
        '{kind: "null"}', "{kind: tap, device: eth0, netns: nowhere}"))
    message = daemon.refuses("config", "apply")
    assert "vm3" in message and "nowhere" in message
    assert picture(daemon) == before and vm1.ping("10.77.0.2")


def test_a_good_file_changes_what_it_says_and_nothing_else(lab):
    daemon, vm1, _ = lab
    vm2 = daemon.port("lab/vm2")
    daemon.write(GOOD.replace("dhcp_guard: true", "router_guard: true") + PORT3)
    diff = daemon.do("config", "diff")
    assert "+ port lab/vm3" in diff and "~ policy lab/vm1 org.xvs.guard/1" in diff
    assert "vm2" not in diff
    daemon.do("config", "reload")
    assert daemon.port("lab/vm2") == vm2 and daemon.is_open("lab/vm3")
    guard = daemon.port("lab/vm1")["policies"]["org.xvs.guard/1"]
    assert guard["router_guard"] and not guard["dhcp_guard"]
    assert daemon.do("config", "diff").strip() in ("", "no changes")
    assert vm1.ping("10.77.0.2")


def test_what_the_file_no_longer_names_goes(lab):
    daemon, vm1, vm2 = lab
    daemon.write(GOOD[:GOOD.index("      - name: vm2")])
    assert "- port lab/vm2" in daemon.do("config", "diff")
    daemon.do("config", "apply")
    daemon.refuses("port", "show", "lab/vm2", code=4)
    assert not vm2.has_device() and vm1.has_device()


def test_check_changes_nothing(lab):
    daemon, _, _ = lab
    before = picture(daemon)
    daemon.write(GOOD + PORT3)
    daemon.do("config", "check")
    assert picture(daemon) == before


def test_traffic_goes_on_while_the_file_is_applied_again(lab):
    daemon, vm1, vm2 = lab
    with vm2.listen("10.77.0.2", 7000) as listener, vm1.open_socket() as s:
        s.connect(("10.77.0.2", 7000))
        peer, _ = listener.accept()
        with peer:
            for round_nr in range(5):
                daemon.write(GOOD.replace("dhcp_guard: true", f"storm_pps: {round_nr + 1}"))
                daemon.do("config", "reload")
                s.sendall(b"x")
                assert peer.recv(1) == b"x"


def test_a_start_with_a_broken_file_goes_on_with_the_last_good_one(lab):
    daemon, vm1, vm2 = lab
    daemon.stop()
    daemon.write(WRONG)
    daemon.start()
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    assert vm1.reaches("10.77.0.2")
    status = daemon.rpc("status")
    assert status["health"] == "degraded"
    assert any("last good one is in force" in problem for problem in status["problems"])
    assert "last good" in daemon.do("status") and "last good" in daemon.said()
    daemon.write(GOOD)
    daemon.do("config", "reload")
    assert daemon.rpc("status")["health"] == "ok"


def test_a_first_start_with_a_broken_file_is_refused(daemon_at):
    daemon = daemon_at(WRONG).launch()
    assert daemon._wait() == 1
    daemon.child = None
    assert ":3:5: " in daemon.said() and "does not start" in daemon.said()


def test_a_hangup_reads_the_file_again(lab):
    daemon, _, _ = lab
    daemon.write(GOOD + PORT3)
    daemon.child.send_signal(signal.SIGHUP)
    wait_for("the new port", lambda: "vm3" in [port["name"] for port in daemon.rpc("port.list")])
    daemon.write(WRONG)
    daemon.child.send_signal(signal.SIGHUP)
    wait_for("the errors in the log", lambda: ":3:5: " in daemon.said())
    assert daemon.is_open("lab/vm3")


def test_the_schema_knows_features_of_extensions(lab):
    daemon, _, _ = lab
    text = daemon.do("config", "schema")
    assert "org.xvs.guard/1" in text and "dhcp_guard" in text and "xvs.vlan/1" in text


def test_what_waits_for_the_next_start_is_said(lab):
    daemon, vm1, _ = lab
    daemon.write("daemon: {polling: interrupt, flows: 2048}\n" + GOOD)
    assert "daemon.polling, daemon.flows count from the next start on" in daemon.do(
        "config", "reload")
    daemon.write("daemon: {flows: 2048}\n" + GOOD)
    assert "note: daemon.flows counts from the next start on" in daemon.do("config", "reload")
    daemon.write(GOOD)
    assert daemon.do("config", "reload") == ""
    assert vm1.ping("10.77.0.2")


def test_a_socket_belongs_to_one_port(check):
    done = check("""\
        switches:
          - name: lab
            ports: [{name: vm1, backend: {kind: vhost-user, socket: /run/xvs/vm1.sock}}]
          - name: other
            ports: [{name: vm9, backend: {kind: vhost-user, socket: /run/xvs/vm1.sock}}]
    """)
    assert done.returncode == 1
    assert ":5:13: switch other: port vm9: socket /run/xvs/vm1.sock is taken already by port vm1 " \
           "of switch lab, on line 3" in done.stderr
