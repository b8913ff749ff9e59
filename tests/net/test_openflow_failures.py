# SPDX-License-Identifier: Apache-2.0
"""Controllers that are killed, vanish, quarrel, say nothing, or never read: the switch goes on.

Beside the guests of support/openflow.py:    [ lab ] up0 --veth-- out0 [outside: a controller]
"""

import contextlib
import random
import struct

import pytest

from support.controller import Controller, Place
from support.host import run
from support.openflow import MACS, lab_at, program
from support.patience import wait_for
from support.wire import frame

TARGET = "tcp:127.0.0.1:6653"
HELLO = struct.pack("!BBHI", 4, 0, 8, 1)
IS_SLAVE = (1, 10)  # OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE
STALE = (11, 0)     # OFPET_ROLE_REQUEST_FAILED, OFPRRFC_STALE


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of"), probe_s=1) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.clear()
    yield module_lab
    module_lab.configure()


def passes(lab):
    vm1, vm2, _ = lab.wires()
    sent = frame(MACS["vm2"], MACS["vm1"])
    vm1.send(sent)
    return vm2.wait(sent)


# ---- killed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fail_mode", ["secure", pytest.param("standalone",
                                                              marks=pytest.mark.slow)])
def test_a_controller_is_killed_and_comes_back_under_traffic(lab, tool, tmp_path, fail_mode):
    words = (tool("ovs-testcontroller"), "-O", "OpenFlow13", f"--unixctl={tmp_path}/ctl",
             "ptcp:6653")
    without = {"secure": "flow tables", "standalone": "built-in switch"}[fail_mode]
    with program(tmp_path / "log", *words, port=6653) as first:
        lab.configure(TARGET, fail_mode=fail_mode)
        wait_for("its first flow", lambda: "CONTROLLER" in lab.ofctl("dump-flows"))
        assert lab.guests[0].reaches("10.0.0.2") and lab.guests[0].ping("10.0.0.2")
        traffic = lab.guests[0].start("ping", "-n", "-i", "0.01", "-c", "180", "10.0.0.2",
                                      stdout=-1, text=True)
        first.kill()
        first.wait()
        wait_for("it to be missed", lambda: lab.target(TARGET)["state"] != "connected")
        assert lab.status()["forwards"] == without
    with program(tmp_path / "log", *words, port=6653):
        lab.wait_for_state(TARGET, "connected")
        assert lab.status()["forwards"] == "flow tables"
        said, _ = traffic.communicate()
        assert " 180 received" in said, said
        assert lab.guests[2].reaches("10.0.0.2"), "what is new is learned"


# ---- vanished ----------------------------------------------------------------------------------------


def test_one_that_vanishes_and_one_that_never_spoke_are_given_up(lab, outside):
    """Neither a FIN nor a reset comes of the one; the other takes the call, and says nothing."""
    outside.up("192.0.2.2/24")
    run("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
    far, mute = Place(6653, outside, "192.0.2.2"), Place(6654)
    lab.configure(far.target, mute.target, fail_mode="standalone")
    c, silent = far.controller(), mute.accept()
    lab.wait_for_state(far.target, "connected")
    assert lab.target(mute.target)["state"] == "greeting"
    outside.run("ip", "link", "set", "out0", "down")
    for place in (far, mute):
        wait_for("it to be given up",
                 lambda p=place: "not answered" in lab.target(p.target)["why"])
    assert lab.status()["forwards"] == "built-in switch"
    assert lab.guests[0].reaches("10.0.0.2")
    outside.run("ip", "link", "set", "out0", "up")
    again = far.controller()
    lab.wait_for_state(far.target, "connected")
    row = lab.target(far.target)
    assert not row["why"] and "not answered" in row["last_error"]
    for end in (c, again, silent, far, mute):
        end.close()


def test_who_only_looks_is_no_controller(lab):
    lab.configure(TARGET, fail_mode="standalone")
    with contextlib.closing(Controller(lab.calls())) as looking:
        looking.silence()
        assert lab.status()["forwards"] == "built-in switch"
        lab.configure(fail_mode="standalone")  # nobody to be called: it is one
        assert lab.status()["forwards"] == "flow tables"


# ---- many --------------------------------------------------------------------------------------------


class Council:
    """Sixteen controllers, eight of which the switch has called, in 1.3 and 1.4; and what their roles
    ought to be."""

    def __init__(self, lab):
        self.lab = lab
        places = [Place(7000 + n) for n in range(8)]
        lab.configure(*(place.target for place in places))
        self.all = [place.controller(version=4 + n % 2) for n, place in enumerate(places)]
        self.all += [Controller(lab.calls(), version=4 + n % 2) for n in range(8)]
        for place in places:
            place.close()
        self.roles = [1] * len(self.all)  # OFPCR_ROLE_EQUAL
        self.generation = None

    def close(self):
        for c in self.all:
            c.close()

    def elect(self, who, role, generation):
        """Equal 1, master 2, slave 3."""
        c = self.all[who]
        answer = c.ask("RoleRequest", role, generation)
        is_stale = (role != 1 and self.generation is not None
                    and (generation - self.generation) % 2**64 >= 2**63)
        if is_stale:
            assert (answer.type, answer.code) == STALE
            return
        if role != 1:
            self.generation = generation
        if role == 2:
            self.roles = [3 if r == 2 else r for r in self.roles]
        self.roles[who] = role
        assert answer.role == role
        assert answer.generation_id == (2**64 - 1 if self.generation is None else self.generation)

    def check(self, who):
        """What it may do is what its role allows."""
        c, role = self.all[who], self.roles[who]
        refused = c.is_refused("FlowMod", table_id=9, priority=who + 1)
        assert refused == (IS_SLAVE if role == 3 else None), (who, role)
        assert c.ask("RoleRequest", 0, 0).role == role

    def hear(self, packet, first):
        """Who is told of a packet, of whom one is known."""
        self.lab.wires()[0].send(packet)
        c = self.all[first]
        c.heard.append(c.wait(c.ofproto.OFPT_PACKET_IN))
        return [n for n, c in enumerate(self.all)
                if any(m.msg_type == c.ofproto.OFPT_PACKET_IN for m in c.silence())]


def test_sixteen_controllers_with_changing_masters(lab):
    council = Council(lab)
    dice = random.Random(16)
    for _ in range(80):
        generation = (council.generation or 0) + dice.choice([-2, -1, 0, 0, 1, 1, 1, 2**62])
        council.elect(dice.randrange(16), dice.choice([1, 2, 2, 3]), generation % 2**64)
        council.check(dice.randrange(16))
        assert council.roles.count(2) <= 1
    rows = [row["role"] for row in lab.status()["controllers"] if row["role"]]
    assert sorted(rows) == sorted({1: "equal", 2: "master", 3: "slave"}[r] for r in council.roles)
    # who hears of packets: all but slaves; and a slave that asked for it
    lab.flow("in_port=@vm1,actions=CONTROLLER:128")
    council.elect(0, 2, council.generation)
    council.elect(2, 3, council.generation)
    council.elect(4, 3, council.generation)
    packet = frame(MACS["vm2"], MACS["vm1"])
    for c in council.all:
        c.silence()
    assert council.hear(packet, 0) == [n for n, role in enumerate(council.roles) if role != 3]
    council.all[2].say("SetAsync", [7, 7], [7, 7], [15, 15])
    council.all[0].say("SetAsync", [0, 0], [7, 7], [15, 15])
    for n in (0, 2):
        council.all[n].silence()
    expected = {n for n, role in enumerate(council.roles) if role != 3} - {0} | {2}
    assert council.hear(packet, min(expected)) == sorted(expected)
    council.close()


# ---- hostile -----------------------------------------------------------------------------------------


def test_one_that_never_reads_does_not_keep_others_from_hearing(lab):
    vm1, *_ = lab.wires()
    lab.flow("in_port=@vm1,actions=CONTROLLER:65535")
    before = lab.resident_kib()
    with lab.calls() as deaf:
        deaf.sendall(HELLO)
        listener = Controller(lab.calls())
        big = frame(MACS["vm2"], MACS["vm1"], bytes(1400))

        def hears():
            for _ in range(200):
                vm1.send(big)
            return sum(m.msg_type == listener.ofproto.OFPT_PACKET_IN for m in listener.silence())

        heard = 0
        for _ in range(300):  # ten times what is waited for
            heard += hears()
            if heard >= 6000:
                break
        assert heard >= 6000
        assert lab.status()["packet_ins_lost"] > 0, "what the one did not read was left out"
        assert lab.resident_kib() - before < 64 * 1024
        listener.close()
    assert passes_after(lab)


def passes_after(lab):
    lab.flow("priority=40000,in_port=@vm1,actions=output:@vm2")
    return passes(lab)


def test_storms_of_connections(lab):
    lab.flow("in_port=@vm1,actions=output:@vm2")
    before = lab.resident_kib()
    for n in range(1000):
        with lab.calls() as s:
            if n % 2:
                with contextlib.suppress(OSError):
                    s.sendall(HELLO)
    assert passes(lab)
    with contextlib.ExitStack() as stack:
        turned_away = lab.status()["turned_away"]
        for _ in range(80):  # more than there is room for, and none says a word
            stack.enter_context(lab.calls())
        wait_for("them to be too many", lambda: lab.status()["turned_away"] >= turned_away + 16)
        assert passes(lab)
        assert "in_port" in lab.ofctl("dump-flows"), "one that does speak is let in"
    assert lab.resident_kib() - before < 64 * 1024


def test_random_bytes_from_one_that_was_called(lab):
    lab.flow("in_port=@vm1,actions=output:@vm2")
    place = Place(6653)
    lab.configure(place.target)
    dice = random.Random(3)
    c = place.controller()
    for _ in range(3000):
        body = dice.randbytes(dice.randrange(0, 120))
        kind = dice.choice([k for k in range(30) if k != c.ofproto.OFPT_HELLO])
        c.socket.sendall(struct.pack("!BBHI", 4, kind, 8 + len(body), 7) + body)
    # each has the right length, so none of them is a reason to close
    assert sum(m.msg_type == c.ofproto.OFPT_ERROR for m in c.silence()) > 1500
    assert lab.target(place.target)["state"] == "connected"
    assert "OFPST_FLOW" in lab.ofctl("dump-flows")
    c.close()
    place.close()
