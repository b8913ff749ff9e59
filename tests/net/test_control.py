# SPDX-License-Identifier: Apache-2.0
"""The control socket: who may ask what, callers that behave badly, what cannot be kept.

    [vm1] --tap--+-- [ lab ]
"""

import json
import os
import signal
import socket
import subprocess

import pytest

from support.patience import PATIENCE_S, wait_for

NOBODY = 65534
CONFIG = """
switches:
  - name: lab
    type: private
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: sink, backend: {kind: "null"}}
"""


@pytest.fixture
def lab(hosts, xvsd):
    hosts("vm1")
    return xvsd(CONFIG)


@pytest.fixture
def as_nobody(lab, tool):
    """as_nobody(words): xvsctl by a user who is nobody here; its exit code and messages."""
    for folder in lab.socket.parents:
        folder.chmod(folder.stat().st_mode | 0o011)

    def ask(*words):
        done = subprocess.run(
            [tool("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
             str(lab.build / "bin" / "xvsctl"), "--socket", str(lab.socket), *words],
            capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        return done.returncode, done.stderr

    return ask


def connect(daemon):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(PATIENCE_S)
    s.connect(str(daemon.socket))
    return s


def test_nobody_may_ask_for_the_state_of_the_switch(as_nobody):
    for words in (["status"], ["port", "show", "lab/vm1"], ["drops"], ["flow", "count"],
                  ["policy", "show", "lab/vm1", "--effective"], ["config", "schema"]):
        assert as_nobody(*words) == (0, "")


@pytest.mark.parametrize("words", [
    ["conn", "list"], ["conn", "count", "--address", "10.77.0.1"], ["flow", "list"], ["capture"],
    ["port", "block", "lab/vm1"], ["config", "export"], ["config", "reload"],
    ["policy", "set", "lab/vm1", "xvs.vlan/1", "mode=access", "vlan=10"]])
def test_nobody_may_not_change_it_or_see_who_talks_to_whom(as_nobody, words):
    code, message = as_nobody(*words)
    assert code == 1 and "you are read-only" in message, message


def test_callers_that_leave_while_their_changes_run_lose_nothing_for_others(lab):
    for number in range(20):
        with connect(lab) as s:
            s.sendall(json.dumps({
                "jsonrpc": "2.0", "id": 1, "method": "port.add",
                "params": {"switch": "lab", "port": {"name": f"p{number}",
                                                     "backend": {"kind": "null"}}}}).encode()
                      + b"\n" + b'{"half')
    wait_for("all to be there", lambda: len(lab.rpc("port.list")) == 22)


def test_an_end_while_calls_run_is_in_order(lab):
    flows = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "flow.list"}).encode() + b"\n"
    block = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "port.block",
                        "params": {"target": "lab/vm1"}}).encode() + b"\n"
    callers = [connect(lab) for _ in range(8)]
    for s in callers:
        s.sendall((flows + block) * 50)
    lab.child.send_signal(signal.SIGTERM)
    assert lab.child.wait(PATIENCE_S) == 0, lab.said()
    for s in callers:
        s.close()
    lab.start()


def test_many_signals_to_reload_are_one_reload_more(lab):
    lab.write(CONFIG + '      - {name: more, backend: {kind: "null"}}\n')
    for _ in range(500):
        lab.child.send_signal(signal.SIGHUP)
    wait_for("the file to be in force", lambda: len(lab.rpc("port.list")) == 3)


def test_a_file_that_is_none_or_empty_changes_nothing(lab):
    lab.config.unlink()
    os.mkfifo(lab.config)
    assert "it is no regular file" in lab.refuses("config", "reload")
    lab.config.unlink()
    lab.config.touch()
    assert "it is empty" in lab.refuses("config", "reload")
    assert "it is empty" in lab.refuses("config", "apply", lab.config)
    lab.config.write_bytes(b"switches: []\n\0")
    assert "NUL" in lab.refuses("config", "apply", lab.config)
    assert len(lab.rpc("port.list")) == 2


def test_a_configuration_may_come_through_a_pipe(lab):
    done = subprocess.run([lab.build / "bin" / "xvsctl", "--socket", lab.socket, "config", "apply",
                           "/dev/stdin"], input="switches: []\n", capture_output=True, text=True,
                          check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert lab.rpc("port.list") == []


def test_a_name_that_is_not_utf_8_does_not_silence_the_status(lab):
    lab.config = lab.home / os.fsdecode(b"caf\xe9.yaml")
    lab.write(CONFIG)
    lab.stop()
    lab.start()
    assert lab.rpc("status")["daemon"]["config"].endswith("caf?.yaml")


def test_what_cannot_be_kept_is_in_force_and_said_until_it_is_kept(lab):
    state = lab.home / "state"
    lab.kill()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", state], check=True)
    try:
        lab.start()
        with open(state / "filler", "wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(bytes(4096))
        said = ""
        for number in range(100):
            said = lab.do("port", "add", "lab", f"p{number}", "backend.kind=null")
            if said:
                break
        assert "No space left on device" in said and "a restart forgets them" in said, said
        status = lab.rpc("status")
        assert status["health"] == "degraded" and "No space left" in status["problems"][0]
        (state / "filler").unlink()
        lab.do("config", "reload")
        assert lab.rpc("status")["problems"] == []
        ports = lab.rpc("port.list")
        lab.kill()
        lab.start()
        assert {p["name"] for p in lab.rpc("port.list")} == {p["name"] for p in ports}
        lab.stop()
    finally:
        if lab.is_running():
            lab.kill()
        subprocess.run(["umount", state], check=True)


def test_every_verb_speaks_json_or_says_why_not(lab):
    for words in ("status", "version", "switch list", "switch show lab", "port list",
                  "port show lab/vm1", "port stats lab/vm1", "policy list lab/vm1",
                  "policy show lab/vm1", "policy help", "policy help xvs.vlan/1", "ext list",
                  "ext stats", "ext order lab", "conn list", "conn count", "conn flush",
                  "flow list", "flow count", "mac list", "drops", "accounts", "worker list",
                  "config check", "config diff", "config reload", "config export",
                  "config schema", "completion bash", "port block lab/vm1",
                  "port unblock lab/vm1"):
        lab.ctl_json(*words.split())


def test_an_answer_that_cannot_be_written_is_no_success(lab):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([lab.build / "bin" / "xvsctl", "--socket", lab.socket, "status"],
                              stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "it cannot be written" in done.stderr
