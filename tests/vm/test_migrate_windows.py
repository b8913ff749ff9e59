# SPDX-License-Identifier: Apache-2.0
"""The other host's switch dies within a chosen step of a move: machine/two_hosts.py.

A move is held where it is by stopping one of those that take part.  The machine ends up running in one
place, reached by those that its policies let in.
"""

import contextlib
import os
import signal

import pytest

from machine.two_hosts import PEER, POLICIES
from support.daemon import Refused
from support.patience import wait_for

PORT = "lab/web-eth0"


@contextlib.contextmanager
def stopped(pid):
    """It does nothing meanwhile; it may also end."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


class Held:
    """A machine whose moves stand still where they are told to."""

    def __init__(self, hosts, guest, talk):
        self.hosts = hosts
        self.guest = guest
        self.talk = talk
        self.place = "a"

    @property
    def source(self):
        return self.hosts[self.place]

    @property
    def target(self):
        return self.hosts[self.hosts.other(self.place)]

    def shown(self):
        return self.source.hv.rpc("vm.move.show", name="web")

    def wait_for_phase(self, *names):
        wait_for(f"the move to be at {names}", lambda: self.shown()["phase"] in names)

    def qemu_of_source(self):
        mine = str(self.source.folder)
        return next(pid for pid, words in self.hosts.qemus().items()
                    if any(mine in word for word in words))

    def begin(self):
        self.source.hv.rpc("vm.migrate", name="web", to=self.target.title, shared_storage=True,
                           background=True, options={"downtime_budget_ms": 60000})

    @contextlib.contextmanager
    def before_the_load(self):
        """All is ready, and the source's QEMU does not hand its devices over until this ends."""
        self.begin()
        self.wait_for_phase("memory")
        with stopped(self.target.daemon.child.pid):
            self.wait_for_phase("freeze")
            source = stopped(self.qemu_of_source())
            source.__enter__()
        try:
            self.wait_for_phase("transfer")
            yield
        finally:
            source.__exit__(None, None, None)

    def kill(self):
        self.target.daemon.kill()

    def wait_until_alone(self):
        """The QEMU that waits has seen that its switch is gone: it listens for the next one."""
        mine = f"{self.target.folder}/hv/hv/web/qemu/net-eth0"

        def is_alone():
            lines = self.target.host.run("cat", "/proc/net/unix").splitlines()
            return [line.split()[5] for line in lines if line.endswith(mine)] == ["01"]

        wait_for("QEMU to listen", is_alone)

    def is_port_gone(self):
        try:
            self.target.daemon.port(PORT)
        except Refused:
            return True
        return False

    def settle(self, what):
        """Where it runs, and with what."""
        def is_settled():
            running = self.hosts.running_on("web")
            if len(running) != 1 or len(self.hosts.qemus()) != 1:
                return False
            with contextlib.suppress(Refused):
                self.place = running[0]
                return self.source.daemon.port(PORT)["state"] == "open"
            return False

        wait_for(f"the machine to run in one place after {what}", is_settled)
        wait_for(f"the other switch to have no port after {what}", self.is_port_gone)
        assert set(self.source.daemon.port(PORT)["policies"]) >= set(POLICIES)
        self.hosts.found(self.guest, self.place)
        self.guest.reaches(PEER)
        said = self.talk.report()
        assert said["closed"]["answers"] == 0, (what, said)
        print(f"{what}: on {self.place}", flush=True)


@contextlib.contextmanager
def deaf(site):
    """What comes to its switch from other switches is lost."""
    site.host.run("nft", "add table inet deaf; add chain inet deaf in "
                  "{ type filter hook input priority 0; }; "
                  "add rule inet deaf in tcp sport 4790 drop")
    try:
        yield
    finally:
        site.host.run("nft", "delete", "table", "inet", "deaf")


def before_the_load(held):
    """The card has no switch while its state is loaded, and the source's switch does not hear of it."""
    with contextlib.ExitStack() as until:
        with held.before_the_load():
            until.enter_context(deaf(held.source))
            held.kill()
            held.wait_until_alone()
        held.wait_for_phase("commit", "undo", "ended")
        held.target.daemon.start()


def between_load_and_decision(held):
    """The card is loaded, the ports are not open yet."""
    with held.before_the_load():
        os.kill(held.target.daemon.child.pid, signal.SIGSTOP)
    held.wait_for_phase("commit")
    held.kill()
    held.target.daemon.start()


def between_decision_and_breath(held):
    """The ports are open, the machine does not run yet, and begins without a switch."""
    with held.before_the_load():
        os.kill(held.target.daemon.child.pid, signal.SIGSTOP)
    held.wait_for_phase("commit")
    with stopped(held.target.hv.child.pid):
        os.kill(held.target.daemon.child.pid, signal.SIGCONT)
        wait_for("the port to open there",
                 lambda: held.target.daemon.port(PORT)["state"] == "open")
        held.kill()
        held.wait_until_alone()
    held.wait_for_phase("leave", "ended")
    held.target.daemon.start()


def go(hosts, image, strikes):
    guest = hosts.boot(image, kind="shared", restart="on-failure")
    with hosts.talk(guest) as talk:
        held = Held(hosts, guest, talk)
        for strike, place in strikes:
            strike(held)
            held.settle(strike.__name__)
            assert held.place == place, strike.__name__


@pytest.mark.slow
def test_a_switch_that_dies_before_a_card_is_loaded(two_hosts, image):
    go(two_hosts, image, [(before_the_load, "a")])


@pytest.mark.slow
def test_a_switch_that_dies_after_a_card_was_loaded(two_hosts, image):
    go(two_hosts, image, [(between_load_and_decision, "b"), (between_decision_and_breath, "a")])
