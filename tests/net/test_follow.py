# SPDX-License-Identifier: Apache-2.0
"""xvs-migrate: a port goes where somebody else, here we by plain QMP, moves its machine.

The machine is a QEMU without a guest, one in each host's place; what talks is the guest of
support/movers.py, whose port it is.
"""

import contextlib
import json
import socket
import subprocess

import pytest

from support.daemon import BUILD
from support.movers import Movers
from support.patience import PATIENCE_S, wait_for


class Qemu:
    """Its first monitor is ours, the second is for xvs-migrate."""

    def __init__(self, folder, name, *options):
        self.path = folder / f"{name}.other"
        ours = folder / f"{name}.qmp"
        self.child = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
             "-machine", "pc-q35-7.2", "-accel", "tcg,tb-size=32", "-m", "32",
             "-qmp", f"unix:{ours},server=on,wait=off",
             "-qmp", f"unix:{self.path},server=on,wait=off", *options])
        wait_for("QEMU", lambda: ours.exists() and self.path.exists())
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(ours))
        self.stream = self.socket.makefile("r")
        self.statuses = []
        assert "QMP" in json.loads(self.stream.readline())
        self.do("qmp_capabilities")
        self.do("migrate-set-capabilities", capabilities=[
            {"capability": name, "state": True} for name in ("events", "pause-before-switchover")])

    def _read(self):
        message = json.loads(self.stream.readline())
        if message.get("event") == "MIGRATION":
            self.statuses.append(message["data"]["status"])
        return message

    def do(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while "event" in (message := self._read()):
            pass
        assert "return" in message, message
        return message["return"]

    def wait(self, status):
        while status not in self.statuses:
            self._read()

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.stream.close()
        self.socket.close()


@pytest.fixture
def movers(tmp_path):
    made = Movers(tmp_path).start()
    yield made
    made.remove()


@pytest.fixture
def machine(tmp_path, tool):
    """(source, target, address): two QEMUs, of which the second waits."""
    tool("qemu-system-x86_64")
    with contextlib.ExitStack() as stack:
        source = Qemu(tmp_path, "source")
        stack.callback(source.kill)
        target = Qemu(tmp_path, "target", "-incoming", "defer")
        stack.callback(target.kill)
        target.do("migrate-incoming", uri="tcp:127.0.0.1:0")
        place, = target.do("query-migrate")["socket-address"]
        yield source, target, f"tcp:127.0.0.1:{place['port']}"


@contextlib.contextmanager
def following(daemon, *options):
    """The program, which has connected."""
    words = [BUILD / "bin" / "xvs-migrate", "--socket", daemon.socket, *options]
    child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def follow(daemon, source, *hosts, options=()):
    words = [word for host in hosts or ["10.9.0.2"] for word in ("--to", host)] + [*options]
    return following(daemon, "follow", "--qmp", source.path, "--port", "lab/vm1", *words)


def heard(child, text):
    """Its output up to the line with this text."""
    lines = []
    while line := child.stdout.readline():
        lines.append(line)
        if text in line:
            return "".join(lines)
    pytest.fail(f"{text!r} is not in {''.join(lines)!r}")


def begin(source, address):
    source.do("migrate-set-parameters", **{"downtime-limit": 50})
    source.do("migrate", uri=address)
    source.wait("pre-switchover")


def talk(movers):
    """A TCP connection through the port of the guest."""
    listener = movers.vm1.listen("10.77.0.1", 7000)
    client = movers.vm2.open_socket()
    client.connect(("10.77.0.1", 7000))
    server, _ = listener.accept()
    server.settimeout(PATIENCE_S)
    listener.close()
    return client, server


def says(client, server, text):
    client.sendall(text)
    assert server.recv(100) == text


def test_the_port_goes_with_the_machine(movers, machine):
    source, target, address = machine
    client, server = talk(movers)
    says(client, server, b"before")
    device = movers.expect("b")
    with movers.plugging(device), follow(movers["a"], source) as child:
        begin(source, address)
        heard(child, "frozen")
        wait_for("the port to be frozen", lambda: movers.open_on() == [])
        source.do("migrate-continue", state="pre-switchover")
        source.wait("completed")
        said = heard(child, "lab/vm1: moved")
        assert "opens there" in said or "open there" in said
        assert child.wait(PATIENCE_S) == 0
    assert movers.open_on() == ["b"]
    assert target.do("query-status")["running"]
    says(client, server, b"after")
    says(server, client, b"and back")
    client.close()
    server.close()


FROZEN = ("the machine is being moved: its ports are prepared there\n"
          "the machine stands: its ports are frozen\n")


def arrive(movers, source, address):
    """The machine, its port and all, on host b."""
    with movers.plugging(movers.expect("b")), follow(movers["a"], source) as child:
        begin(source, address)
        heard(child, "frozen")
        source.do("migrate-continue", state="pre-switchover")
        heard(child, "lab/vm1: moved")


def test_waiting_forever_ends_with_qemu(movers, machine):
    source, _, address = machine
    with movers.plugging(movers.expect("b")), follow(movers["a"], source,
                                                     options=["--forever"]) as child:
        begin(source, address)
        heard(child, "frozen")
        source.do("migrate-continue", state="pre-switchover")
        source.wait("completed")
        source.kill()
        heard(child, "lab/vm1: moved")
        assert child.wait(PATIENCE_S) == 0


def leave(movers, middle, last, child):
    """And back again; what was said until the machine stood."""
    last.do("migrate-incoming", uri="tcp:127.0.0.1:0")
    place, = last.do("query-migrate")["socket-address"]
    assert child.poll() is None and movers.open_on() == ["b"]
    with movers.plugging(movers.expect("a")):
        begin(middle, f"tcp:127.0.0.1:{place['port']}")
        said = heard(child, "frozen")
        middle.do("migrate-continue", state="pre-switchover")
        heard(child, "lab/vm1: moved")
    assert movers.open_on() == ["a"]
    return said


def test_what_takes_a_machine_away_concerns_its_port(movers, machine, tmp_path):
    """And what brought it here does not."""
    source, middle, address = machine
    client, server = talk(movers)
    last = Qemu(tmp_path, "last", "-incoming", "defer")
    try:
        with follow(movers["b"], middle, "10.9.0.1") as child:
            arrive(movers, source, address)
            says(client, server, b"there")
            assert leave(movers, middle, last, child) == FROZEN
    finally:
        last.kill()
    says(server, client, b"and back")
    client.close()
    server.close()


def test_hosts_are_asked_one_after_another(movers, machine, tmp_path):
    source, middle, address = machine
    last = Qemu(tmp_path, "last", "-incoming", "defer")
    try:
        arrive(movers, source, address)
        with follow(movers["b"], middle, "127.0.0.1:9", "10.9.0.1") as child:
            said = leave(movers, middle, last, child)
    finally:
        last.kill()
    first, refusal, last_line = said.splitlines()
    assert [first, last_line] == FROZEN.splitlines() and "Connection refused" in refusal


def test_the_port_stays_with_a_machine_that_stays(movers, machine):
    source, _, address = machine
    client, server = talk(movers)
    movers.expect("b")
    with follow(movers["a"], source) as child:
        begin(source, address)
        heard(child, "frozen")
        source.do("migrate_cancel")
        heard(child, "lab/vm1: cancelled")
        assert child.wait(PATIENCE_S) == 1
    wait_for("the port to be open", lambda: movers.open_on() == ["a"])
    assert source.do("query-status")["running"]
    says(client, server, b"still here")
    client.close()
    server.close()


def test_a_machine_whose_port_is_refused_stays(movers, machine):
    source, _, address = machine
    movers["b"].rpc("ext.disable", target="guard")
    with follow(movers["a"], source) as child:
        source.do("migrate-set-parameters", **{"max-bandwidth": 1 << 16})
        source.do("migrate", uri=address)
        assert "guard" in heard(child, "without its policies")
        assert child.wait(PATIENCE_S) == 1
    source.wait("cancelled")
    assert movers.open_on() == ["a"]
    assert source.do("query-status")["running"]


def step(daemon, *words):
    done = subprocess.run([str(BUILD / "bin" / "xvs-migrate"), "--socket", str(daemon.socket),
                           *words], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S)
    return done.returncode, done.stdout.strip(), done.stderr


def test_single_steps_are_for_hooks(movers):
    a = movers["a"]
    movers.expect("b")
    code, move, _ = step(a, "prepare", "lab/vm1", "--to", "10.9.0.2", "--tag", "mine")
    assert code == 0 and len(move) == 36
    assert json.loads(step(a, "show", move)[1])["tag"] == "mine"
    assert step(a, "freeze", move)[0] == 0
    assert step(a, "cancel", move)[0] == 0
    assert movers.open_on() == ["a"]
    code, move, _ = step(a, "prepare", "lab/vm1", "--to", "10.9.0.2")
    assert step(a, "freeze", move)[0] == 0 and step(a, "commit", move)[0] == 0
    assert movers.open_on() == ["b"]
    assert step(a, "prepare", "lab/vm1", "--to", "10.9.0.2")[0] == 4
    assert step(a, "sing")[0] == 2
