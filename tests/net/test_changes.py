# SPDX-License-Identifier: Apache-2.0
"""Every change has a number and a place in the log, can be tried first and taken back.

    [vm1] --tap--+-- [ lab: guard ] --null-- vm2
"""

import os
import signal

import pytest

from support.daemon import Refused
from support.host import Host
from support.patience import wait_for

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
VM3 = '      - {name: vm3, mac: "52:54:00:00:00:03", backend: {kind: "null"}}\n'


@pytest.fixture
def daemon(hosts, xvsd):
    hosts("vm1")
    return xvsd(CONFIG)


def number(daemon):
    return daemon.rpc("status")["configuration"]["number"]


def log(daemon, **params):
    return daemon.rpc("config.log", **params)["changes"]


def picture(daemon):
    """All that is wanted, and what became of it."""
    state = daemon.rpc("config.export")
    return [state["merged"], state["state"], state["text"], daemon.rpc("switch.show", name="lab"),
            daemon.rpc("policy.show", target="lab/vm1", effective=True)]


# ---- numbers


def test_the_start_is_the_first_change(daemon):
    first, = log(daemon)
    assert first["number"] == number(daemon) == 1
    assert first["who"] == {"by": "start"} and "+ port lab/vm1" in first["changes"]


def test_a_change_tells_who_what_and_when(daemon):
    answer = daemon.rpc("policy.set", target="lab/vm2", feature="xvs.vlan/1",
                        fields={"vlan": 10}, override=True)
    last = log(daemon, limit=1)[0]
    assert answer["number"] == last["number"] == number(daemon) == 2
    assert last["who"] == {"by": "rpc", "uid": 0, "pid": os.getpid(), "role": "admin"}
    assert last["what"] == "policy.set lab/vm2 xvs.vlan/1" and last["outcome"] == "done"
    assert any("policy lab/vm2 xvs.vlan/1" in line for line in last["changes"])
    assert last["time"].startswith("20") and last["time"].endswith("Z")
    text = daemon.do("config", "log", "--limit", 1)
    assert text.startswith("2  ") and f"uid 0, pid {os.getpid()}, admin" in text


def test_what_changes_nothing_has_no_number(daemon):
    daemon.do("config", "reload")
    daemon.do("port", "block", "lab/vm2")
    daemon.do("port", "block", "lab/vm2")
    daemon.refuses("port", "block", "lab/vm9", code=4)
    assert number(daemon) == 2


def test_numbers_go_on_over_restarts_and_kills(daemon):
    daemon.do("port", "block", "lab/vm2")
    daemon.stop()
    daemon.start()
    assert number(daemon) == 2, "a start that changes nothing"
    daemon.rpc("port.add", switch="lab", port=API1)
    daemon.kill()
    daemon.write(CONFIG + VM3)
    daemon.start()
    assert [change["number"] for change in log(daemon)] == [1, 2, 3, 4]
    assert log(daemon)[2]["what"] == "port.add lab api1"
    assert log(daemon)[3]["who"] == {"by": "start"}
    assert "+ port lab/vm3" in log(daemon)[3]["changes"]


def test_a_signal_is_told_from_a_caller(daemon):
    daemon.write(CONFIG + VM3)
    daemon.child.send_signal(signal.SIGHUP)
    wait_for("the change", lambda: number(daemon) == 2)
    assert log(daemon)[1]["who"] == {"by": "signal"}


def test_a_long_value_is_a_short_line(daemon):
    daemon.rpc("policy.set", target="lab/vm2", feature="xvs.vlan/1", override=True,
               fields={"mode": "trunk", "allowed": [str(2 * i + 1) for i in range(100)]})
    line, = log(daemon)[-1]["changes"]
    assert line.endswith("(100 entries)")


# ---- the lock


def test_a_change_of_somebody_else_is_told_to_who_comes_too_late(daemon):
    read = number(daemon)
    daemon.do("port", "block", "lab/vm2", "--if-version", read)
    for words in (("port", "unblock", "lab/vm2"), ("port", "remove", "lab/vm2", "--override"),
                  ("policy", "set", "lab/vm2", "xvs.vlan/1", "vlan=3"), ("config", "reload"),
                  ("ext", "disable", "guard"), ("config", "rollback")):
        message = daemon.refuses(*words, "--if-version", read)
        assert "at number 2, not at 1" in message and "port.block lab/vm2" in message, message
        assert "uid 0" in message and "as admin" in message
    assert number(daemon) == 2 and daemon.port("lab/vm2")["state"] == "blocked"
    assert daemon.ctl_json("config", "export")["number"] == 2
    daemon.do("port", "unblock", "lab/vm2", "--if-version", 2)


def test_of_two_at_once_one_wins(daemon):
    read = number(daemon)
    won = 0
    for value in (7, 8):
        try:
            daemon.rpc("policy.set", target="lab/vm2", feature="xvs.vlan/1", override=True,
                       fields={"vlan": value}, version=read)
            won += 1
        except Refused as refused:
            assert "not at 1" in refused.message
    assert won == 1


# ---- back


def test_a_rollback_takes_the_last_change_of_any_owner_back(daemon):
    daemon.rpc("port.add", switch="lab", port=API1)
    daemon.do("policy", "set", "lab/api1", GUARD, "router_guard=true")
    for words in (("port", "remove", "lab/api1"), ("port", "block", "lab/vm1"),
                  ("policy", "set", "--override", "lab/vm1", GUARD, "dhcp_guard=false"),
                  ("policy", "unset", "--override", "lab/vm1", GUARD),
                  ("port", "remove", "--override", "lab/vm2"), ("ext", "disable", "guard")):
        before = picture(daemon)
        daemon.do(*words)
        assert picture(daemon)[:4] != before[:4], words
        daemon.do("config", "rollback")
        after = picture(daemon)
        assert after[:3] == before[:3], words
        assert after[4] == before[4], words
    assert log(daemon)[-1]["what"].startswith("config.rollback")


def test_a_rollback_goes_to_any_number_and_forth_again(daemon):
    pictures = {number(daemon): picture(daemon)[:3]}
    for vlan in range(10, 15):
        daemon.set_policy("lab/vm2", "xvs.vlan/1", vlan=vlan)
        pictures[number(daemon)] = picture(daemon)[:3]
    for wanted in (3, 1, 5, 6):
        daemon.do("config", "rollback", wanted)
        assert picture(daemon)[:3] == pictures[wanted]
    assert "no change 99 yet" in daemon.refuses("config", "rollback", 99, code=4)
    assert "nothing before change 1" in daemon.refuses("config", "rollback", 0, code=4)


def test_two_rollbacks_undo_and_redo(daemon):
    daemon.do("port", "block", "lab/vm2")
    daemon.do("config", "rollback")
    assert daemon.is_open("lab/vm2")
    daemon.do("config", "rollback")
    assert daemon.port("lab/vm2")["state"] == "blocked"


def test_a_file_that_was_taken_back_stays_so_over_restarts(daemon):
    before = picture(daemon)[:3]
    daemon.write(CONFIG + VM3)
    daemon.do("config", "reload")
    daemon.do("config", "rollback")
    assert picture(daemon)[:3] == before
    for _ in range(2):
        daemon.stop()
        daemon.start()
        assert picture(daemon)[:3] == before
        assert any("taken back" in problem for problem in daemon.rpc("status")["problems"])
    assert number(daemon) == 3, "a start that brings back nothing is no change"
    daemon.write(CONFIG + VM3.replace("vm3", "vm4"))
    daemon.stop()
    daemon.start()
    assert daemon.is_open("lab/vm4"), "a file that was edited counts"
    assert daemon.rpc("status")["problems"] == []


def test_a_reload_brings_back_what_was_taken_back(daemon):
    daemon.write(CONFIG + VM3)
    daemon.do("config", "reload")
    daemon.do("config", "rollback")
    daemon.do("config", "reload")
    assert daemon.is_open("lab/vm3") and daemon.rpc("status")["problems"] == []


def test_a_device_goes_back_to_the_port_that_had_it(daemon, hosts):
    hosts("extra")
    tap = ("backend.kind=tap", "backend.device=eth0", "backend.netns=extra")
    daemon.do("port", "add", "lab", "first", *tap)
    daemon.do("port", "remove", "lab/first")
    daemon.do("port", "add", "lab", "second", *tap)
    daemon.do("config", "rollback", 2)
    assert daemon.is_open("lab/first")
    daemon.refuses("port", "show", "lab/second", code=4)


def test_what_cannot_be_had_any_more_refuses_the_rollback(daemon):
    extra = Host("extra")
    daemon.do("port", "add", "lab", "gone", "backend.kind=tap", "backend.device=eth0",
              "backend.netns=extra")
    daemon.do("port", "remove", "lab/gone")
    extra.remove()
    before = picture(daemon)
    message = daemon.refuses("config", "rollback")
    assert "lab/gone" in message and "extra" in message
    assert picture(daemon) == before and number(daemon) == 3


def test_old_states_are_forgotten(daemon):
    for i in range(260):
        daemon.rpc("port.block" if i % 2 == 0 else "port.unblock", target="lab/vm2")
    changes = log(daemon)
    assert len(changes) == 256 and changes[-1]["number"] == 261
    assert "too long ago" in daemon.refuses("config", "rollback", 3, code=4)
    daemon.stop()
    daemon.start()
    assert [c["number"] for c in log(daemon)] == [c["number"] for c in changes]
    daemon.do("config", "rollback", changes[0]["number"])


# ---- only tried


def test_a_dry_run_says_what_would_change_and_changes_nothing(daemon):
    daemon.rpc("port.add", switch="lab", port=API1)
    before = picture(daemon)
    daemon.write(CONFIG.replace("dhcp_guard: true", "dhcp_guard: false") + VM3)
    for words, line in (
            (("port", "block", "lab/vm1"), "~ port lab/vm1: blocked"),
            (("port", "remove", "lab/api1"), "- port lab/api1"),
            (("port", "add", "lab", "x", "backend.kind=null"), "+ port lab/x"),
            (("policy", "set", "lab/api1", "xvs.vlan/1", "vlan=5"), "+ policy lab/api1 xvs.vlan/1"),
            (("policy", "unset", "--override", "lab/vm1", GUARD), f"- policy lab/vm1 {GUARD}"),
            (("ext", "disable", "guard"), "~ instance lab/guard: disabled"),
            (("config", "apply"), "+ port lab/vm3"),
            (("config", "reload"), f"~ policy lab/vm1 {GUARD}"),
            (("config", "rollback"), "- port lab/api1")):
        assert line in daemon.do(*words, "--dry-run"), words
        assert picture(daemon) == before, words
    assert number(daemon) == 2


def test_a_dry_run_is_refused_as_the_change_would_be(daemon):
    before = picture(daemon)
    for words, text in (
            (("policy", "set", "lab/vm1", GUARD, "dhcp_guard=false"), "belongs to file"),
            (("policy", "set", "--override", "lab/vm1", GUARD, "storm_pps=10000001"), "storm_pps"),
            (("port", "add", "lab", "x", "backend.kind=null",
              f'policies={{"{GUARD}":{{"storm_pps":10000001}}}}'), "storm_pps"),
            (("port", "remove", "lab/vm2"), "belongs to file")):
        assert text in daemon.refuses(*words, "--dry-run"), words
        assert picture(daemon) == before


def test_a_dry_run_opens_no_device_and_takes_none(daemon, hosts):
    extra, = hosts("extra")
    daemon.do("port", "add", "lab", "x", "backend.kind=tap", "backend.device=eth0",
              "backend.netns=extra", "--dry-run")
    assert not extra.has_device()
    ident = daemon.port("lab/vm1")["id"]
    daemon.write(CONFIG.replace("netns: vm1", "netns: vm1, mtu: 1400"))
    assert "lab/vm1: goes down and comes up anew" in daemon.do("config", "apply", "--dry-run")
    assert daemon.port("lab/vm1")["id"] == ident
