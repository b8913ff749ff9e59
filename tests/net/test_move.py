# SPDX-License-Identifier: Apache-2.0
"""A guest's port moves between two hosts with its policies, while it talks: support/movers.py."""

import contextlib
import threading

import pytest

from support.certificates import Authority
from support.daemon import Refused
from support.movers import MAC, PORTS_OF_A, UUID, Movers, is_stopped, stopping_at
from support.patience import wait_for
from support.wire import mac_bytes

RARP = b"\x80\x35"


@pytest.fixture
def movers(tmp_path):
    made = Movers(tmp_path).start()
    yield made
    for daemon in made.daemons.values():
        for report in ("AddressSanitizer", "runtime error:", "Assertion"):
            assert report not in daemon.said(), daemon.said()
    made.remove()


def echo(listener):
    """Sends back what comes, on one connection."""
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)


class Talk:
    """One TCP connection with numbered lines; each must come back, once and in order."""

    def __init__(self, movers):
        self.listener = movers.vm1.listen("10.77.0.1", 7000)
        self.thread = threading.Thread(target=echo, args=(self.listener,), daemon=True)
        self.thread.start()
        self.socket = movers.vm2.open_socket()
        self.socket.connect(("10.77.0.1", 7000))
        self.lines = self.socket.makefile("rb")
        self.said = 0

    def line(self):
        self.said += 1
        self.socket.sendall(b"%d\n" % self.said)
        assert self.lines.readline() == b"%d\n" % self.said

    def close(self):
        self.lines.close()
        self.socket.close()
        self.listener.close()


def test_policies_move_and_a_connection_goes_on(movers):
    talk = Talk(movers)
    for _ in range(20):
        talk.line()
    policies = movers["a"].port("lab/vm1")["policies"]
    report = movers.move()
    assert report["outcome"] == "moved" and report["role"] == "source"
    assert movers.open_on() == ["b"]
    assert report["blackout_us"] > 0 and report["target"]["open_us"] >= 0
    talk.line()
    assert movers["b"].port("lab/vm1")["policies"] == policies
    assert {"xvs.rate/1", "org.xvs.guard/1"} <= set(policies)
    # and back: the file of the first host names the port, but it is the moved one that counts
    report = movers.move(to="a", plugged=True)
    assert report["outcome"] == "moved" and movers.open_on() == ["a"]
    for _ in range(20):
        talk.line()
    talk.close()
    assert "moved" in movers["a"].do("migrate", "list")
    assert "microseconds" in movers["b"].do("migrate", "show", report["move"][:8])


def test_the_network_is_told_where_the_address_is_now(movers):
    wire = movers.hosts["a"].wire("up0")
    movers.move()
    told = [wire.wait(lambda data: data[12:14] == RARP) for _ in range(3)]
    assert {data[:6] for data in told} == {b"\xff" * 6}
    assert {data[6:12] for data in told} == {mac_bytes(MAC)}
    wire.close()


def test_a_port_that_left_stays_away(movers):
    movers.move()
    a = movers["a"]
    a.do("config", "apply", "--no-overrides", a.config)
    assert movers.open_on() == ["b"]
    for daemon in movers.daemons.values():
        daemon.kill()
        daemon.start()
    assert movers.open_on() == ["b"]
    a.refuses("migrate", "port", "vm1", "--to", "10.9.0.2", code=4)


def test_many_who_say_nothing_keep_no_host_out(movers):
    movers.hosts["a"].run("ip", "addr", "add", "10.9.0.3/24", "dev", "mg0")
    with contextlib.ExitStack() as calls:
        for _ in range(40):
            call = calls.enter_context(movers.hosts["a"].open_socket())
            call.bind(("10.9.0.3", 0))
            call.connect(("10.9.0.2", 4790))
        assert movers.move()["outcome"] == "moved"


def test_check_asks_and_changes_nothing(movers):
    movers.expect("b")
    said = movers["a"].do("migrate", "port", "vm1", "--to", "10.9.0.2", "--check")
    assert "checked" in said
    assert movers.open_on() == ["a"] and movers["b"].rpc("migrate.list") == []
    assert [port["name"] for port in movers["b"].rpc("port.list")] == ["up0"]


def test_refusals_name_all_reasons(movers):
    a, b = movers["a"], movers["b"]
    b.rpc("port.add", switch="lab", port={"name": "other", "mac": MAC, "backend": "null"})
    with pytest.raises(Refused) as refused:
        movers.move(plugged=False, check=True)
    assert MAC in refused.value.message and "other" in refused.value.message
    b.rpc("port.remove", target="lab/other")
    b.rpc("port.add", switch="lab", port={"name": "vm1", "backend": "null"})
    with pytest.raises(Refused, match="exists already"):
        movers.move(plugged=False)
    b.rpc("port.remove", target="lab/vm1")
    with pytest.raises(Refused, match="may not place ports on switch other"):
        movers.move(plugged=False, switch="other")
    b.rpc("ext.disable", target="guard")
    with pytest.raises(Refused, match="guard"):
        movers.move(plugged=False)
    b.rpc("ext.enable", target="guard")
    with pytest.raises(Refused, match="guest"):
        a.rpc("migrate.port", port="up0", to="10.9.0.2")
    with pytest.raises(Refused, match="Connection refused|no connection"):
        a.rpc("migrate.port", port="vm1", to="10.9.0.2:4791")
    assert movers.open_on() == ["a"] and movers.is_decided()


def test_a_peer_names_no_devices_of_the_host(movers):
    a = movers["a"]
    for backend in ({"kind": "af_packet", "device": "mg0"},
                    {"kind": "pcap", "write": "/tmp/xvs-move.pcap"},
                    {"kind": "vhost-user", "socket": "/tmp/xvs-move.sock"},
                    {"kind": "tap", "device": "mg0"},
                    {"kind": "tap", "device": "eth1", "netns": "/proc/1/ns/net"}):
        with pytest.raises(Refused, match="migrate.expect"):
            a.rpc("migrate.port", port="vm1", to="10.9.0.2", backend=backend)
    assert movers.open_on() == ["a"]


def test_what_is_expected_is_of_one_host_and_owner(movers):
    a, b = movers["a"], movers["b"]
    wish = {"uuid": UUID, "owner": "hv", "backend": {"kind": "tap", "device": "eth1", "netns": "vm1"}}
    b.rpc("migrate.expect", **wish, **{"from": "hostc"})
    with pytest.raises(Refused, match="expected from another host"):
        a.rpc("migrate.port", port="vm1", to="10.9.0.2", backend={"kind": "tap", "device": "mg0"})
    b.rpc("migrate.expect", **wish, **{"from": "hosta"})
    with pytest.raises(Refused, match="the host core expects"):
        b.rpc("migrate.expect", uuid=UUID, forget=True)
    b.rpc("migrate.expect", uuid=UUID, owner="hv", forget=True)
    with pytest.raises(Refused, match="migrate.expect"):
        a.rpc("migrate.port", port="vm1", to="10.9.0.2", backend={"kind": "tap", "device": "mg0"})
    b.rpc("migrate.expect", **wish, **{"from": "hosta"})
    with movers.plugging("eth1"):
        a.rpc("migrate.port", port="vm1", to="10.9.0.2")
    assert b.port("lab/vm1")["owner"] == "hv"
    with pytest.raises(Refused, match="hv"):
        b.rpc("port.remove", target="lab/vm1")
    b.rpc("port.remove", target="lab/vm1", owner="hv")


def test_strangers_are_not_let_in(movers, tmp_path):
    a = movers["a"]
    other = Authority(tmp_path / "other", "other")
    for certificate, why in ((other.host("hosta"), "certificate|alert"),
                             (movers.authority.host("mallory"), "closed|alert|reset")):
        a.write(movers.config("a", "b", PORTS_OF_A, certificate))
        a.do("config", "reload")
        with pytest.raises(Refused, match=why):
            a.rpc("migrate.port", port="vm1", to="10.9.0.2", check=True)
    wait_for("the target to say so", lambda: '"mallory" is not one of migration.peers'
             in movers["b"].said())
    # renewed certificates count without a reload
    certificate, key = movers.authority.host("hosta")
    a.write(movers.config("a", "b", PORTS_OF_A, (certificate, key)))
    a.do("config", "reload")
    movers.authority.host("hosta")
    assert movers.move(plugged=False, check=True)["outcome"] == "checked"


def test_a_coordinator_drives_the_steps(movers):
    a = movers["a"]
    device = movers.expect("b")
    move = a.rpc("migrate.prepare", port="vm1", to="10.9.0.2", tag="machine-7")["move"]
    movers.plug(device)
    assert movers.vm2.ping("10.77.0.1") and movers.open_on() == ["a"]
    assert [m["tag"] for m in a.rpc("migrate.list")] == ["machine-7"]
    for _ in range(2):
        a.rpc("migrate.freeze", move=move)
        assert movers.open_on() == []
    a.rpc("migrate.cancel", move=move)
    assert movers.open_on() == ["a"] and movers.vm2.reaches("10.77.0.1")
    wait_for("the target to forget it", movers.is_decided)
    movers.expect("b")
    move = a.rpc("migrate.prepare", port="vm1", to="10.9.0.2")["move"]
    movers.plug(device)
    a.rpc("migrate.freeze", move=move)
    for _ in range(2):
        a.rpc("migrate.commit", move=move)
    assert movers.open_on() == ["b"] and movers.vm2.reaches("10.77.0.1")
    with pytest.raises(Refused, match="cannot be cancelled"):
        a.rpc("migrate.cancel", move=move)


STEPS_OF_SOURCE = ["admitting", "preparing", "rounds", "freezing", "last round", "frozen", "committed",
                   "opened", "removing"]
STEPS_OF_TARGET = ["admitted", "making", "taking", "ready", "opened", "discarding"]


def die_at(movers, name, phase):
    """kill -9 of one daemon in exactly this phase of a move, and its restart; False: no such phase."""
    daemon = movers[name]
    daemon.kill()
    with stopping_at(phase):
        daemon.start()
    movers.plug_all()
    origin, = movers.open_on()
    other = "b" if origin == "a" else "a"
    movers.expect(other)
    over = threading.Event()

    def go():
        with contextlib.suppress(Exception):
            movers[origin].rpc("migrate.port", port="vm1", to=movers.ADDRESSES[other])
        over.set()

    thread = threading.Thread(target=go)
    thread.start()
    wait_for(f"{name} to stop at {phase}", lambda: over.is_set() or is_stopped(daemon))
    stopped = is_stopped(daemon)
    daemon.kill()
    daemon.start()
    thread.join()
    wait_for("both to agree", movers.is_decided)
    assert len(movers.open_on()) == 1, (name, phase)
    movers.plug_all()
    return stopped


@pytest.mark.parametrize("side,phases", [("source", STEPS_OF_SOURCE[3:8]), ("target", STEPS_OF_TARGET[2:5])])
def test_killed_at_a_step_it_is_in_one_place(movers, side, phases):
    seen = 0
    for phase in phases:
        origin, = movers.open_on()
        name = origin if side == "source" else {"a": "b", "b": "a"}[origin]
        seen += die_at(movers, name, phase)
        assert movers.vm2.reaches("10.77.0.1"), (side, phase)
    assert seen == len(phases)


@pytest.mark.slow
@pytest.mark.parametrize("side,phases", [("source", STEPS_OF_SOURCE), ("target", STEPS_OF_TARGET)])
def test_killed_at_any_step_it_is_in_one_place(movers, side, phases):
    for phase in phases * 3:
        origin, = movers.open_on()
        name = origin if side == "source" else {"a": "b", "b": "a"}[origin]
        die_at(movers, name, phase)
        assert movers.vm2.reaches("10.77.0.1"), (side, phase)


@pytest.mark.parametrize("cut", ["a", "b"])
def test_a_cut_after_the_decision_ends_with_the_link(movers, cut):
    a = movers["a"]
    device = movers.expect("b")
    move = a.rpc("migrate.prepare", port="vm1", to="10.9.0.2")["move"]
    movers.plug(device)
    a.rpc("migrate.freeze", move=move)
    movers.cut(cut)
    thread = threading.Thread(target=lambda: a.rpc("migrate.commit", move=move))
    thread.start()
    wait_for("the source to be in doubt", lambda: a.rpc("migrate.show", move=move)["in_doubt"])
    assert movers.open_on() == []
    a.refuses("migrate", "cancel", move)
    assert "in doubt" in a.do("migrate", "list")
    movers.cut(cut, up=True)
    wait_for("the port on the target", lambda: movers.open_on() == ["b"])
    thread.join()
    assert movers.vm2.reaches("10.77.0.1")


def test_a_port_made_anew_in_doubt_stays_closed(movers):
    a = movers["a"]
    device = movers.expect("b")
    move = a.rpc("migrate.prepare", port="vm1", to="10.9.0.2")["move"]
    movers.plug(device)
    a.rpc("migrate.freeze", move=move)
    movers.cut("a")
    thread = threading.Thread(target=lambda: a.rpc("migrate.commit", move=move))
    thread.start()
    wait_for("the source to be in doubt", lambda: a.rpc("migrate.show", move=move)["in_doubt"])
    a.rpc("port.remove", target="lab/vm1", override=True)
    a.rpc("port.add", switch="lab", port={"name": "vm9", "uuid": UUID, "mac": MAC, "backend": "null"})
    assert a.port("lab/vm9")["reasons"] == ["it has moved to another host"]
    a.rpc("port.remove", target="lab/vm9")
    a.do("config", "apply", "--no-overrides", a.config)
    assert a.port("lab/vm1")["reasons"] == ["it has moved to another host"]
    movers.cut("a", up=True)
    wait_for("the port on the target", lambda: movers.open_on() == ["b"])
    thread.join()
    wait_for("both to agree", movers.is_decided)
    assert sorted(port["name"] for port in a.rpc("port.list")) == ["up0", "vm2"]
    a.do("config", "apply", "--no-overrides", a.config)
    assert movers.open_on() == ["b"] and movers.vm2.reaches("10.77.0.1")


def test_a_person_decides_when_the_other_host_is_off(movers):
    a, b = movers["a"], movers["b"]
    movers.expect("b")
    move = a.rpc("migrate.prepare", port="vm1", to="10.9.0.2")["move"]
    a.rpc("migrate.freeze", move=move)
    b.kill()
    wait_for("the source to give up", lambda: movers.open_on() == ["a"])
    b.start()
    wait_for("both to agree", movers.is_decided)
    # now the source dies for good, after it was frozen
    movers.expect("b")
    move = a.rpc("migrate.prepare", port="vm1", to="10.9.0.2")["move"]
    a.rpc("migrate.freeze", move=move)
    a.kill()
    wait_for("the target to be in doubt", lambda: b.rpc("migrate.show", move=move)["in_doubt"])
    assert movers.open_on() == []
    assert "taken over" in b.do("migrate", "resolve", move, "--take-over")
    assert movers.open_on() == ["b"]
    b.kill()
    b.start()
    assert movers.open_on() == ["b"]


def test_a_spent_budget_leaves_the_port_here(movers):
    a = movers["a"]
    movers.expect("b")
    move = a.rpc("migrate.prepare", port="vm1", to="10.9.0.2")["move"]
    a.rpc("migrate.freeze", move=move, budget_ms=50)
    wait_for("the port to open again", lambda: movers.open_on() == ["a"])
    with pytest.raises(Refused):
        a.rpc("migrate.commit", move=move)
    assert movers.vm2.reaches("10.77.0.1")
