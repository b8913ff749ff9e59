# SPDX-License-Identifier: Apache-2.0
"""A change that must be confirmed goes back by itself: nobody cuts himself off for good.

    [this namespace] --host0-- [ lab ] --null-- vm1
"""

import pytest

from support.daemon import Refused
from support.host import Host, run
from support.patience import wait_for

CONFIG = """\
switches:
  - name: lab
    type: internal
    host_ports:
      - {name: host0, address: 10.77.0.1/24}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: "null"}}
"""
MOVED = CONFIG.replace("10.77.0.1", "10.99.0.1")
RULE = "daemon: {confirm_host: 3600}\n"
LONG = 3600


@pytest.fixture
def daemon(xvsd):
    return xvsd(CONFIG)


def configuration(daemon):
    return daemon.rpc("status")["configuration"]


def has_address(address):
    return address in run("ip", "-4", "addr", "show")


def picture(daemon):
    export = daemon.rpc("config.export")
    return [export["merged"], export["state"], daemon.rpc("switch.show", name="lab")["ports"]]


def test_what_nobody_confirms_goes_back(daemon):
    before = picture(daemon)[:2]
    assert has_address("10.77.0.1")
    daemon.write(MOVED)
    daemon.do("config", "apply", "--confirm", 1)
    assert has_address("10.99.0.1") and not has_address("10.77.0.1")
    wait_for("the change to go back", lambda: configuration(daemon)["number"] == 3)
    assert picture(daemon)[:2] == before and has_address("10.77.0.1")
    assert not has_address("10.99.0.1") and "pending" not in configuration(daemon)
    taken, back = daemon.rpc("config.log")["changes"][1:]
    assert taken["outcome"] == "not confirmed" and back["who"] == {"by": "confirm"}
    assert "change 2 was not confirmed within 1 s" in back["what"]
    assert "change 2 was not confirmed" in daemon.said()


def test_what_is_confirmed_stays(daemon):
    daemon.do("port", "block", "lab/vm1", "--confirm", LONG)
    pending = configuration(daemon)["pending"]
    assert pending["number"] == 2 and pending["back_to"] == 1
    assert LONG - 60 < pending["seconds"] <= LONG
    assert "xvsctl config confirm" in daemon.do("status")
    assert daemon.ctl_json("config", "confirm") == {"number": 2}
    assert "pending" not in configuration(daemon)
    last = daemon.rpc("config.log")["changes"][-1]
    assert last["number"] == 2 and last["outcome"] == "confirmed"
    assert last["confirmed_by"]["uid"] == 0 and last["what"] == "port.block lab/vm1"
    daemon.kill()
    daemon.start()
    assert daemon.port("lab/vm1")["state"] == "blocked" and configuration(daemon)["number"] == 2
    assert "no change waits" in daemon.refuses("config", "confirm")


def test_nothing_else_changes_meanwhile(daemon):
    daemon.do("port", "block", "lab/vm1", "--confirm", LONG)
    for words in (("port", "unblock", "lab/vm1"), ("config", "reload"),
                  ("port", "remove", "--override", "lab/vm1"),
                  ("policy", "set", "--override", "lab/vm1", "xvs.vlan/1", "vlan=7"),
                  ("port", "block", "lab/host0", "--confirm", 60)):
        message = daemon.refuses(*words)
        assert "change 2 waits for its confirmation" in message and "config confirm" in message
    assert "unblocked" in daemon.do("port", "unblock", "lab/vm1", "--dry-run")
    assert configuration(daemon)["number"] == 2
    daemon.do("config", "rollback")
    assert "pending" not in configuration(daemon) and daemon.is_open("lab/vm1")
    daemon.do("port", "block", "lab/vm1")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_daemon_that_ends_meanwhile_begins_with_the_state_before(daemon, end):
    daemon.do("policy", "set", "--override", "lab/vm1", "xvs.vlan/1", "vlan=7")
    before = picture(daemon)[:2]
    daemon.write(MOVED)
    daemon.do("config", "apply", "--confirm", LONG)
    getattr(daemon, end)()
    daemon.start()
    assert picture(daemon)[:2] == before and has_address("10.77.0.1")
    assert configuration(daemon)["number"] == 4 and "pending" not in configuration(daemon)
    assert any("taken back" in problem for problem in daemon.rpc("status")["problems"])
    assert "not confirmed" in daemon.rpc("config.log")["changes"][-1]["what"]
    daemon.stop()
    daemon.start()
    assert picture(daemon)[:2] == before and configuration(daemon)["number"] == 4
    daemon.do("config", "reload")
    assert has_address("10.99.0.1")


def test_what_the_api_changed_goes_back_at_the_start_too(daemon):
    before = picture(daemon)[:2]
    daemon.do("port", "block", "lab/vm1", "--confirm", LONG)
    daemon.kill()
    daemon.start()
    assert picture(daemon)[:2] == before and daemon.is_open("lab/vm1")
    assert daemon.rpc("status")["problems"] == []


def test_a_rule_of_the_file_asks_for_it_where_the_host_is_concerned(daemon):
    daemon.write(RULE + CONFIG)
    daemon.do("config", "reload")
    daemon.do("port", "block", "lab/vm1")
    assert "pending" not in configuration(daemon)
    for words in (("port", "block", "lab/host0"), ("port", "remove", "--override", "lab/host0"),
                  ("policy", "set", "--override", "lab/host0", "xvs.vlan/1", "vlan=7")):
        daemon.do(*words)
        assert configuration(daemon)["pending"]["seconds"] > LONG - 60, words
        daemon.do("config", "rollback")
        daemon.do("config", "confirm")
    daemon.write(RULE + MOVED)
    daemon.do("config", "reload")
    assert configuration(daemon)["pending"]
    daemon.stop()
    daemon.start()
    assert has_address("10.77.0.1"), "the start asks nobody"


def test_what_cannot_come_up_again_keeps_nothing_else_from_going_back(daemon):
    extra = Host("extra")
    daemon.do("port", "add", "lab", "gone", "backend.kind=tap", "backend.device=eth0",
              "backend.netns=extra")
    daemon.write(MOVED)
    daemon.do("config", "apply")
    daemon.write(CONFIG)
    daemon.do("config", "apply")
    daemon.do("port", "remove", "lab/gone", "--confirm", 1)
    extra.remove()
    wait_for("the change to go back", lambda: "pending" not in configuration(daemon))
    port = daemon.port("lab/gone")
    assert port["state"] == "closed" and "extra" in str(port["reasons"])
    assert has_address("10.77.0.1")
    daemon.do("port", "remove", "lab/gone")


def test_odd_times_are_refused(daemon):
    for seconds in (0, 86401):
        with pytest.raises(Refused, match="must be 1..86400"):
            daemon.rpc("port.block", target="lab/vm1", confirm=seconds)
    assert configuration(daemon)["number"] == 1
