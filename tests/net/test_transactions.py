# SPDX-License-Identifier: Apache-2.0
"""Random changes, some of which an extension refuses, some cut short by SIGKILL, and some for which
there is no memory: what is in force is the whole old state or the whole new one, also after a restart.

    [ lab: rec (test.recorder), guard ] --null-- a, b, c of the file; x, y, z of the API

Two daemons get the same changes; one of them is killed now and then, and the other tells what the
new state is.  The extension refuses a rate of 13, a port named "unwelcome" and an instance named
"no-create".  Memory fails in the daemon's own code (tests/starve), once, a few times, or for good as
long as the change takes.  By default 50 changes; marked slow 1,000.
"""

import contextlib
import json
import mmap
import random
import re
import socket
import struct
import time

import pytest

from support.daemon import BUILD, Refused
from support.vendor import MODULES

LIMIT = "test.recorder.limit/1"
GUARD = "org.xvs.guard/1"
PORTS = ("a", "b", "c")
EXTRAS = ("x", "y", "z", "unwelcome")
UUID = "00000000-0000-4000-8000-0000000000{:02x}"
RATES = (1, 2, 13, 13, 500, 5000)


def config(rates, storm, group_rate, instances=()):
    chain = "".join(f"      - {{instance: {name}, extension: test.recorder, required: false}}\n"
                    for name in instances)
    ports = "".join(f"""\
      - name: {name}
        uuid: {UUID.format(nr)}
        mac: "52:54:00:00:00:0{nr}"
        group: web
        backend: {{kind: "null"}}
        policies: {{{LIMIT}: {{rate: {rates[nr]}}}, {GUARD}: {{storm_pps: {storm}}}}}
""" for nr, name in enumerate(PORTS))
    return f"""\
extensions: {{path: [{MODULES}]}}
switches:
  - name: lab
    uuid: {UUID.format(255)}
    type: private
    groups:
      - name: web
        override: [{LIMIT}, {GUARD}]
        policies: {{{LIMIT}: {{burst: {group_rate}}}}}
    chain:
      - {{instance: rec, extension: test.recorder}}
      - {{instance: guard, extension: org.xvs.guard}}
{chain}    ports:
{ports}"""


FIRST = config((1, 1, 1), 100, 1)


class Change:
    """One method with its parameters, or another text of the file."""

    def __init__(self, method, text=None, **params):
        self.method = method
        self.text = text
        self.params = params

    def ask(self, daemon, **terms):
        if self.text is not None:
            daemon.write(self.text)
        return daemon.rpc(self.method, **self.params, **terms)

    def __str__(self):
        return f"{self.method} {self.params or ''} {self.text or ''}"


def new_file(rng):
    instances = rng.choice(((), (), ("late",), ("no-create",)))
    return Change("config.reload", text=config(
        [rng.choice(RATES[:5]) for _ in PORTS], rng.randrange(1, 9), rng.choice(RATES), instances))


def new_port(rng):
    nr = rng.randrange(len(EXTRAS))
    port = {"name": EXTRAS[nr], "uuid": UUID.format(16 + nr), "mac": f"52:54:00:00:00:1{nr}",
            "backend": {"kind": "null"},
            "policies": {LIMIT: {"rate": str(rng.choice(RATES))}, "xvs.vlan/1": {"vlan": "7"}}}
    return Change("port.add", switch="lab", port=port)


def new_policy(rng):
    target = "lab/" + rng.choice(PORTS + EXTRAS)
    if rng.random() < 0.2:
        return Change("policy.unset", target=target, feature=LIMIT, override=True)
    if rng.random() < 0.2:
        return Change("policy.set", target=target, feature="xvs.vlan/1", override=True,
                      fields={"vlan": rng.randrange(4000)})
    return Change("policy.set", target=target, feature=LIMIT, override=True,
                  fields={"rate": rng.choice(RATES), "burst": rng.randrange(50)})


def new_mark(rng):
    if rng.random() < 0.3:
        return Change(rng.choice(("ext.enable", "ext.disable")),
                      target=rng.choice(("lab/rec", "lab/guard")))
    method = rng.choice(("port.block", "port.unblock", "port.remove"))
    override = {"override": True} if method == "port.remove" else {}
    return Change(method, target="lab/" + rng.choice(PORTS + EXTRAS), **override)


def new_change(rng, number):
    make = rng.choice((new_file, new_port, new_policy, new_policy, new_mark, None))
    if make:
        return make(rng)
    return Change("config.rollback", number=rng.randrange(max(1, number - 8), number + 1))


def picture(daemon):
    """All that is wanted and all that became of it, but for what a new start numbers anew."""
    export = daemon.rpc("config.export")
    switch = daemon.rpc("switch.show", name="lab")
    for port in switch["ports"]:
        port.pop("id", None)
    ports = sorted(port["name"] for port in switch["ports"])
    switch["ports"].sort(key=lambda port: port["name"])
    policies = {name: daemon.rpc("policy.show", target=f"lab/{name}", effective=True)
                for name in ports}
    state = {key: sorted(value, key=json.dumps) if isinstance(value, list) else value
             for key, value in export["state"].items()}
    text = json.dumps([state, switch, policies], sort_keys=True)
    # The same file in another folder.
    return text.replace(str(daemon.home), "home")


def number(daemon):
    return daemon.rpc("status")["configuration"]["number"]


def outcome(change, daemon, **terms):
    """None: it was done; else why not."""
    try:
        change.ask(daemon, **terms)
    except Refused as refused:
        return refused.message.replace(str(daemon.home), "home")
    return None


def cut_short(change, daemon, rng):
    """Asked for, and killed meanwhile, before, or just afterwards."""
    if change.text is not None:
        daemon.write(change.text)
    request = {"jsonrpc": "2.0", "id": 1, "method": change.method, "params": change.params}
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
        s.connect(str(daemon.socket))
        s.sendall(json.dumps(request).encode() + b"\n")
        time.sleep(rng.random() ** 3 * 0.02)
        daemon.kill()


def expect_every_check_to_be_answered(record):
    """What check() agreed to is applied or aborted, once."""
    waiting = set()
    for line in record.read_text(encoding="utf-8").splitlines():
        found = re.match(r"(\S+): (check|apply|abort) (\S+) (\S+)", line)
        if not found:
            continue
        who, what, target, feature = found.groups()
        assert ((who, target, feature) in waiting) == (what != "check"), line
        waiting ^= {(who, target, feature)}
    assert not waiting


class Starver:
    """Takes memory from the daemon that has its file; see tests/starve/starve.c."""

    LIBRARY = BUILD / "test-starve" / "starve.so"

    def __init__(self, path):
        path.write_bytes(bytes(16))
        self.wrap = ("env", f"LD_PRELOAD={self.LIBRARY}", f"XVS_STARVE={path}")
        with open(path, "r+b") as file:
            self.words = mmap.mmap(file.fileno(), 16)

    def _set(self, word):
        self.words[:8] = struct.pack("<Q", word)

    @contextlib.contextmanager
    def starving(self, after, count):
        """So many allocations fail from the one with this number on."""
        self._set(after | count - 1 << 32)
        try:
            yield
        finally:
            self._set(0)

    def failed(self):
        return struct.unpack("<Q", self.words[8:])[0]


class Campaign:
    """The two daemons, and what each change did to them."""

    def __init__(self, victim, twin, starver, seed):
        self.victim, self.twin, self.starver = victim, twin, starver
        self.rng = random.Random(seed)
        self.done = self.refused = self.kills = self.kept_old = self.starved = 0
        self.unkept = set()  # numbers of changes that may be in force without being kept

    def next_change(self):
        while True:
            change = new_change(self.rng, number(self.twin))
            if change.params.get("number") not in self.unkept:
                return change

    def step(self):
        change = self.next_change()
        before = picture(self.victim)
        text = self.victim.config.read_text(encoding="utf-8")
        if self.rng.random() < 0.3:
            tried = outcome(change, self.victim, dry_run=True)
            assert picture(self.victim) == before, f"a trial changed something: {change}"
            why = outcome(change, self.twin)
            assert (tried is None) == (why is None), f"{change}: tried {tried}, done {why}"
        else:
            why = outcome(change, self.twin)
        fate = self.rng.random()
        if fate < 0.25:
            self.starve(change, before, why)
        elif why is None and fate < 0.55:
            self.kill(change, before)
        else:
            assert outcome(change, self.victim) == why, str(change)
        if why:
            self.refused += 1
            assert picture(self.victim) == before, f"{change}: refused, and something changed"
            for daemon in (self.victim, self.twin):
                daemon.write(text)
        else:
            self.done += 1
        assert picture(self.victim) == picture(self.twin), str(change)
        if self.rng.random() < 0.1:
            self.restart()

    def kill(self, change, before):
        after = picture(self.twin)
        cut_short(change, self.victim, self.rng)
        self.victim.start()
        found = picture(self.victim)
        assert found in (before, after), f"neither old nor new: {change}"
        self.kills += 1
        if found == after:
            return
        self.kept_old += 1
        assert outcome(change, self.victim) is None, str(change)

    def starve(self, change, before, why):
        """What it answers is what it did, or it did not answer."""
        after = picture(self.twin)
        failed = self.starver.failed()
        is_refused = is_answered = True
        with self.starver.starving(int(2 ** self.rng.uniform(0, 11)),
                                   self.rng.choice((1, 1, 3, 30, 1 << 20))):
            try:
                told = outcome(change, self.victim)
                is_refused = told is not None
                is_answered = told != "out of memory for the answer"
            except (OSError, ValueError):
                is_answered = False
        self.starved += self.starver.failed() > failed
        assert self.victim.is_running(), f"{change}: {self.victim.said()}"
        found = picture(self.victim)
        assert found in (before, after), f"neither old nor new: {change}"
        if is_answered:
            assert found == (before if is_refused else after), str(change)
        if number(self.victim) == number(self.twin):
            self.unkept.add(number(self.victim))
        elif why is None:
            assert outcome(change, self.victim) is None, str(change)

    def restart(self):
        if number(self.victim) in self.unkept:  # for lack of memory: a restart forgets it, and says so
            return
        before = picture(self.victim)
        self.victim.stop()
        self.victim.start()
        assert picture(self.victim) == before


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_what_is_in_force_is_wholly_old_or_wholly_new(xvsd, tmp_path, count):
    record = tmp_path / "record"
    starver = Starver(tmp_path / "starve")
    victim = xvsd(FIRST, name="victim", wrap=starver.wrap)
    twin = xvsd(FIRST, name="twin", wrap=("env", f"XVS_RECORD={record}"))
    campaign = Campaign(victim, twin, starver, seed=count + 3)
    for _ in range(count):
        campaign.step()
    print(vars(campaign))
    assert campaign.done > count / 4 and campaign.refused > count / 10
    assert campaign.kills > count / 25 and campaign.starved > count / 20
    expect_every_check_to_be_answered(record)
