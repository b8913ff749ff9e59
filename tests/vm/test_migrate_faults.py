# SPDX-License-Identifier: Apache-2.0
"""Machines that move while something breaks: machine/two_hosts.py.

Whatever it is, the machine ends up running in one place with its policies in force, nothing comes
twice, and what its port refuses is never reached.
"""

import contextlib
import os
import random
import signal
import time

import pytest

from machine.two_hosts import GUEST, MAC, PEER, POLICIES
from support.certificates import Authority
from support.daemon import Refused
from support.host import run
from support.patience import wait_for

PORT = "lab/web-eth0"
SETTLE_S = 120


class Sufferer:
    """A guest that moves, is struck meanwhile, and is looked for."""

    def __init__(self, hosts, guest, talk, seed):
        self.hosts = hosts
        self.guest = guest
        self.talk = talk
        self.place = "a"
        self.random = random.Random(seed)
        self.took_s = 1.0  # the longest move so far that nothing struck

    def begin(self):
        """A move, which goes on beside us."""
        self.source().hv.rpc("vm.migrate", name="web", to=self.target().title,
                             shared_storage=True, background=True,
                             options={"downtime_budget_ms": 60000})

    # ---- what breaks

    def source(self):
        return self.hosts[self.place]

    def target(self):
        return self.hosts[self.hosts.other(self.place)]

    def qemu_of_target(self):
        """While it waits for the machine; where that has come, it is the machine."""
        mine = str(self.target().folder)
        for pid, words in self.hosts.qemus().items():
            if "-incoming" in words and any(mine in word for word in words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def qemu_of_source(self):
        """The machine itself, unless it has just left."""
        mine = str(self.source().folder)
        for pid, words in self.hosts.qemus().items():
            if any(mine in word for word in words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def strokes(self):
        return {"source xvsd": self.source().daemon.kill,
                "target xvsd": self.target().daemon.kill,
                "source xvs-hv": self.source().hv.kill,
                "target xvs-hv": self.target().hv.kill,
                "target QEMU": self.qemu_of_target,
                "source QEMU": self.qemu_of_source,
                "link to source": lambda: self.hosts.cut(self.source().name),
                "link to target": lambda: self.hosts.cut(self.target().name),
                "link": self.hosts.cut}

    def heal(self):
        self.hosts.mend()
        for site in self.hosts.sites.values():
            if not site.daemon.is_running():
                site.daemon.start()
            if not site.hv.is_running():
                site.hv.start()

    # ---- where it is

    def is_settled(self):
        """It runs on one host, and neither has anything left to do about it."""
        running = []
        for site in self.hosts.sites.values():
            with contextlib.suppress(Refused):
                shown = site.hv.rpc("vm.show", name="web")
                if shown["state"] != "running" or shown.get("doing"):
                    return False
                running.append(site.name)
        if len(running) != 1 or len(self.hosts.qemus()) != 1:
            return False
        site = self.hosts[running[0]]
        with contextlib.suppress(Refused):
            self.place = running[0]
            return site.daemon.port(PORT)["state"] == "open"
        return False

    def is_port_gone(self):
        """On the host where the machine is not: its switch clears away behind the others."""
        try:
            self.target().daemon.port(PORT)
        except Refused:
            return True
        return False

    def settle(self, what):
        wait_for(f"the machine to run in one place after {what}", self.is_settled, SETTLE_S)
        port = self.hosts[self.place].daemon.port(PORT)
        assert set(port["policies"]) >= set(POLICIES), (what, port)
        wait_for(f"the other switch to have no port after {what}", self.is_port_gone, SETTLE_S)
        self.find()
        said = self.talk.report()
        assert said["closed"]["answers"] == 0, (what, said)
        assert said["asking"]["again"] == said["asking"]["twice"] == 0, (what, said)

    def find(self):
        """The guest talks there; one that was lost with its QEMU after the decision begins anew."""
        self.hosts.found(self.guest, self.place)
        wait_for("the guest to answer", self._answers)
        if self.guest.ask(f"ip addr show eth0 | grep -q {GUEST}/")[0] != 0:
            self.guest.up(f"{GUEST}/24")
            self.talk.begin_in_guest()
        self.guest.reaches(PEER)

    def _answers(self):
        try:
            return self.guest.ask("true", patience_s=5)[0] == 0
        except AssertionError:
            self.guest.agent.close()
            self.guest.connect()
            return False

    def suffer(self, what, after_s):
        origin = self.place
        self.begin()
        time.sleep(after_s)
        self.strokes()[what]()
        time.sleep(self.random.uniform(0, 0.5))
        self.heal()
        self.settle(f"{what}, {after_s:.3f} s after its begin")
        print(f"{what} after {after_s:.3f} s: from {origin}, now on {self.place}", flush=True)

    def measure(self):
        """How long a move takes that nothing strikes."""
        begun = time.monotonic()
        origin = self.place
        self.begin()
        wait_for("the first move", lambda: self.is_settled() and self.place != origin)
        self.took_s = time.monotonic() - begun
        self.settle("nothing")


@contextlib.contextmanager
def sufferer(hosts, image):
    seed = int(os.environ.get("XVS_SEED", time.time_ns() % 1000000))
    print(f"XVS_SEED={seed}")
    guest = hosts.boot(image, kind="shared", restart="on-failure")
    with hosts.talk(guest) as talk:
        made = Sufferer(hosts, guest, talk, seed)
        made.measure()
        yield made


def strike(one, count):
    """Every stroke in turn, each at any time of a move."""
    order = []
    for _ in range(count):
        order = order or one.random.sample(sorted(one.strokes()), len(one.strokes()))
        one.suffer(order.pop(), one.random.uniform(0, one.took_s))


def test_whatever_is_killed_it_runs_in_one_place(two_hosts, image):
    with sufferer(two_hosts, image) as one:
        strike(one, 10)


@pytest.mark.slow
def test_whatever_is_killed_again_and_again_it_runs_in_one_place(two_hosts, image):
    with sufferer(two_hosts, image) as one:
        strike(one, int(os.environ.get("XVS_STROKES", "190")))


def refused(one, why):
    """The move does not come about, for this reason, and the guest does not notice."""
    done = one.source().hv.ctl("migrate", "web", "--to", one.target().title, "--shared-storage")
    assert done.returncode != 0 and why in done.stdout + done.stderr, done
    assert one.is_settled() and one.place == "a"
    one.talk.goes_on()


def test_what_the_target_cannot_take_stays_and_talks_on(two_hosts, image):
    guest = two_hosts.boot(image, kind="shared")
    with two_hosts.talk(guest) as talk:
        one = Sufferer(two_hosts, guest, talk, 0)
        b = two_hosts["b"].daemon
        b.rpc("ext.disable", target="fw")
        refused(one, "org.xvs.secgroup")
        b.rpc("ext.enable", target="fw")
        b.rpc("port.add", switch="lab", port={"name": "rival", "mac": MAC, "backend": "null"})
        refused(one, MAC)
        b.rpc("port.remove", target="lab/rival")
        # certificates of an authority that the other host does not know
        stranger = Authority(two_hosts.home / "other", "other").host("hosta")
        a = two_hosts["a"]
        settings = a.folder / "xvs-hv.yaml"
        settings.write_text(two_hosts.hv_config(a, certificate=stranger[0], key=stranger[1]),
                            encoding="utf-8")
        a.hv.kill()
        a.hv.start()
        refused(one, "unknown ca")


def test_a_disk_that_fills_up_at_the_target_ends_the_move_alone(two_hosts, image):
    a, b = two_hosts["a"].hv, two_hosts["b"].hv
    b.stop()
    run("mount", "-t", "tmpfs", "-o", "size=80m,mode=711", "tmpfs", b.state)
    try:
        b.start()
        guest = two_hosts.boot(image)
        guest.run("for i in $(seq 40); do cat /seed; done > /dev/vda; sync")
        with two_hosts.talk(guest) as talk:
            a.rpc("vm.migrate", name="web", to="hostb", with_storage=True, background=True,
                  options={"bandwidth": 4 << 20})
            wait_for("disks to go", lambda: a.rpc("vm.move.show", name="web")["phase"] == "disks")
            filler = b.state / "filler"
            with contextlib.suppress(OSError):
                filler.write_bytes(bytes(80 << 20))
            wait_for("the move to end", lambda: a.rpc("vm.move.show", name="web").get("outcome"))
            report = a.rpc("vm.move.show", name="web")
            assert report["outcome"] != "moved" and "space" in report["problem"], report
            assert two_hosts.running_on("web") == ["a"]
            talk.goes_on()
            filler.unlink()
            assert a.do("migrate", "web", "--to", "hostb", "--with-storage")["outcome"] == "moved"
            talk.goes_on()
    finally:
        run("umount", "--lazy", b.state)
