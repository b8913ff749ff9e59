# SPDX-License-Identifier: Apache-2.0
"""xvsctl events: what the daemon told, by number, asked for and followed."""

import contextlib
import json
import socket
import subprocess

import pytest

from support.daemon import BUILD, Refused
from support.patience import PATIENCE_S, wait_for

CONFIG = """
switches:
  - name: lab
    type: private
    ports:
      - {name: p1, mac: "52:54:00:00:00:01", backend: {kind: "null"}}
      - {name: p2, mac: "52:54:00:00:00:02", backend: {kind: "null"}}
"""


@pytest.fixture
def daemon(xvsd):
    return xvsd(CONFIG)


def events(daemon, *more):
    return daemon.ctl_json("events", *more)["events"]


def texts(daemon, number):
    return [e["text"] for e in events(daemon) if e["id"] == number]


def test_a_start_is_told_with_ports_and_readiness(daemon):
    assert {"port lab/p1 is open", "port lab/p2 is open"} <= set(texts(daemon, "XVS-0030"))
    assert len(texts(daemon, "XVS-0001")) == 1
    numbers = [e["number"] for e in events(daemon)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_port_that_closes_says_why_and_a_change_has_its_number(daemon):
    daemon.do("port", "block", "lab/p1")
    closed, = texts(daemon, "XVS-0031")
    assert closed.startswith("port lab/p1 is closed: ")
    number = daemon.rpc("config.log")["changes"][-1]["number"]
    assert texts(daemon, "XVS-0020")[-1].startswith(f"change {number} is in force: port.block lab/p1")
    daemon.do("port", "unblock", "lab/p1")
    assert texts(daemon, "XVS-0030").count("port lab/p1 is open") == 2


def test_only_what_came_since(daemon):
    last = daemon.ctl_json("events")["since"]
    assert events(daemon, "--since", str(last)) == []
    daemon.do("port", "block", "lab/p1")
    news = events(daemon, "--since", str(last))
    assert [e["number"] for e in news] == list(range(last + 1, last + 1 + len(news))) and news
    assert len(events(daemon, "--since", "0", "--limit", "1")) == 1
    assert events(daemon, "--limit", "1")[0]["number"] == news[-1]["number"]


def test_who_follows_is_told_at_once(daemon, tmp_path):
    heard = tmp_path / "heard"

    def has(text):
        return any(text in json.loads(line)["text"] for line in heard.read_text().splitlines())

    with heard.open("w") as out:
        follower = subprocess.Popen(
            [str(BUILD / "bin" / "xvsctl"), "--socket", str(daemon.socket), "--json", "events",
             "--follow"], stdout=out)
    try:
        wait_for("what was told before", lambda: has("is ready"))
        daemon.do("port", "block", "lab/p2")
        wait_for("what is told now", lambda: has("port lab/p2 is closed: it is blocked"))
        daemon.stop()
        assert follower.wait(PATIENCE_S) == 3, "it ends with the daemon"
    finally:
        follower.kill()
        follower.wait()


def test_those_who_wait_in_vain_are_answered(daemon):
    last = daemon.ctl_json("events")["since"]
    answer = daemon.rpc("events", since=last, wait=1)
    assert answer == {"events": [], "since": last}


def test_one_client_does_not_keep_others_from_waiting(daemon, tmp_path):
    last = daemon.ctl_json("events")["since"]
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "events",
                          "params": {"since": last, "wait": 60}}).encode() + b"\n"
    heard = tmp_path / "heard"
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(8)]
        for s in waiting:
            s.settimeout(PATIENCE_S)
            s.connect(str(daemon.socket))
            s.sendall(request)
        with pytest.raises(Refused, match="this process waits 8 times already"):
            # the others may still be on their way
            wait_for("a refusal", lambda: not daemon.rpc("events", since=last, wait=1))
        follower = stack.enter_context(subprocess.Popen(
            [str(BUILD / "bin" / "xvsctl"), "--socket", str(daemon.socket), "--json", "events",
             "--follow"], stdout=stack.enter_context(heard.open("w"))))
        stack.callback(follower.kill)
        wait_for("what was told before", lambda: "is ready" in heard.read_text())
        daemon.do("port", "block", "lab/p2")
        wait_for("what is told now", lambda: "port lab/p2 is closed" in heard.read_text())
        assert all(b"port lab/p2 is closed" in s.recv(1 << 16) for s in waiting)


def test_people_read_a_line_each(daemon):
    line = daemon.do("events").splitlines()[-1]
    assert "  info     XVS-0001  xvsd " in line


def test_the_log_has_the_same_numbers(daemon):
    wait_for("the line", lambda: "XVS-0001: xvsd" in daemon.said())
