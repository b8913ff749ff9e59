# SPDX-License-Identifier: Apache-2.0
"""Packets a second through several switches, interleaved: what the vhost-user scenarios share.

A scenario is a list of cases; each is measured round by round through each of its peers.  A peer
that cannot be started or measured is told with the reason, and the others go on.
"""

import contextlib
import shutil
import sys

from harness import report, vgen
from harness.lab import BenchError

WARM_UP_S = 0.5
TRIES = 3
WAITING = ("rate", "new", "connect")  # modes of the generator that say when they are warm
TARGETS = ("xvsd", "xvsctl", "vgen", "bench", "plugin_capture", "plugin_guard", "plugin_secgroup",
           "plugin_static")
COLUMNS = ["case", "switch", "Mpps", "spread", "xvs to it", "generator idle", "switch busy",
           "cycles", "lost"]


class Case:
    """One way to ask the generator; 'peers' are the kinds that are measured by it."""

    def __init__(self, label, options, *kinds, mode="rate", warm_up_s=WARM_UP_S):
        self.label = label
        self.options = [str(option) for option in options]
        self.kinds = kinds
        self.mode = mode
        self.warm_up_s = warm_up_s


class Goal:
    """One ratio of a case that is to be reached: first switch to second."""

    def __init__(self, case, ours, theirs, floor, figure="mpps"):
        self.case, self.ours, self.theirs = case, ours, theirs
        self.floor, self.figure = floor, figure

    def judge(self, medians):
        mine, other = (medians.get((self.case, name), {}).get(self.figure)
                       for name in (self.ours, self.theirs))
        value = None if mine is None or not other else mine / other
        return report.goal(f"{self.case}: {self.ours} to {self.theirs}", value, floor=self.floor)


class Field:
    """All peers of a scenario: started, and stopped by signal but the one that is measured."""

    def __init__(self, lab, kinds):
        self.lab = lab
        self.kinds = kinds
        self.peers = {}
        self.missing = {}  # name: why

    def __enter__(self):
        for kind in self.kinds:
            self.start(kind)
        return self

    def __exit__(self, *_):
        for peer in reversed(self.peers.values()):
            with contextlib.suppress(BenchError):
                peer.stop()

    def is_absent(self, kind):
        absent = [tool for tool in getattr(kind, "tools", ()) if not shutil.which(tool)]
        if absent:
            self.missing[kind.name] = f"{', '.join(absent)} not installed: run tools/bench --setup"
        return bool(absent)

    def start(self, kind):
        if self.is_absent(kind):
            return
        peer = kind(self.lab)
        try:
            peer.start()
            peer.pause()
            self.peers[kind.name] = peer
        except BenchError as error:
            self.missing[kind.name] = str(error).splitlines()[0][:300]
            peer.stop()

    def give_up(self, name, error):
        self.missing[name] = str(error).splitlines()[0][:300]
        with contextlib.suppress(BenchError, KeyError):
            self.peers.pop(name).stop()


def once(lab, peer, case, seconds):
    """One measurement through a peer that is awake for it alone."""
    peer.resume()
    try:
        peer.prepare()
        before = [peer.counters()]
        said = vgen.run(lab, case.mode, peer, *case.options, "--seconds", seconds, "--warm-up",
                        case.warm_up_s,
                        when_warm=(lambda: before.append(peer.counters())) if case.mode in WAITING
                        else None)
        said.update(peer.work(before[-1], peer.counters()))
        peer.check()
    finally:
        peer.pause()
    return said


def patiently(field, kind, case, seconds):
    """What failed is tried again, twice, with the peer started anew."""
    for left in reversed(range(TRIES)):
        peer = field.peers[kind.name]
        try:
            return once(field.lab, peer, case, seconds)
        except BenchError as error:
            why = f"{error}{peer.complaint()}"
        if left == 0:
            break
        print(f"bench: again: {why}", file=sys.stderr)
        peer.stop()
        field.start(kind)
        if kind.name in field.missing:
            break
    raise BenchError(why)


def rounds_of(lab, cases, args):
    """{(case, switch): [figures of each round]}, and who is missing why."""
    kinds = list(dict.fromkeys(kind for case in cases for kind in case.kinds))
    found = {}
    with Field(lab, kinds) as field:
        for case in cases:
            for _ in range(args.rounds):
                for kind in case.kinds:
                    if kind.name in field.missing:
                        continue
                    try:
                        said = patiently(field, kind, case, args.seconds)
                    except BenchError as error:
                        field.give_up(kind.name, f"{case.label}: {error}")
                        continue
                    found.setdefault((case.label, kind.name), []).append(said)
        return found, dict(field.missing)


def middle(rounds, key):
    values = [one[key] for one in rounds if one.get(key) is not None]
    return report.median(values) if values else None


def summarise(rounds):
    """The medians of what one switch did in one case."""
    keys = sorted({key for one in rounds for key, value in one.items()
                   if isinstance(value, (int, float)) and not isinstance(value, bool)})
    facts = {key: middle(rounds, key) for key in keys}
    facts["spread"] = report.spread([one["mpps"] for one in rounds]) if "mpps" in facts else None
    stages = sorted({stage for one in rounds for stage in one.get("cycles", {})})
    facts["cycles"] = {stage: report.median([one.get("cycles", {}).get(stage, 0)
                                             for one in rounds]) for stage in stages}
    cycles = total_cycles(facts)
    if cycles and facts.get("tsc_ghz") and facts.get("sent_mpps"):
        facts["busy"] = cycles * facts["sent_mpps"] * 1e6 / (facts["tsc_ghz"] * 1e9)
    facts["rounds"] = rounds
    return facts


def total_cycles(facts):
    cycles = facts["cycles"]
    return cycles.get("total") or (sum(cycles.values()) if cycles else None)


def missing_notes(missing):
    return [f"NOT MEASURED, {name}: {why}" for name, why in missing.items()]


class RateScenario:
    """A table of packet rates; the first kind of a case is compared with the others."""

    IS_USUAL = True
    TOOLS = ()
    TARGETS = TARGETS

    def __init__(self, name, summary, title, cases, goals=(), notes=()):
        self.NAME, self.SUMMARY = name, summary
        self.title, self.cases, self.goals, self.notes = title, cases, goals, notes

    def measure(self, lab, args):
        found, missing = rounds_of(lab, self.cases, args)
        medians = {key: summarise(rounds) for key, rounds in found.items()}
        rows = [row for case in self.cases for row in self.rows_of(case, medians)]
        return {
            "scenario": self.NAME,
            "title": f"{self.title}, median of {args.rounds} interleaved rounds",
            "columns": COLUMNS, "rows": rows,
            "goals": [goal.judge(medians) for goal in self.goals],
            "data": [{"case": case, "switch": switch, **facts}
                     for (case, switch), facts in medians.items()],
            "notes": [*self.notes, *missing_notes(missing)],
            "missing": missing,
        }

    @staticmethod
    def rows_of(case, medians):
        first = medians.get((case.label, case.kinds[0].name))
        for kind in case.kinds:
            facts = medians.get((case.label, kind.name))
            if not facts:
                yield [case.label, kind.name, *[None] * (len(COLUMNS) - 2)]
                continue
            to_it = None
            if first and facts is not first:
                to_it = report.ratio(first["mpps"], facts["mpps"])
            yield [case.label, kind.name, facts["mpps"], facts["spread"], to_it, facts["idle"],
                   facts.get("busy"), total_cycles(facts), facts["lost_share"]]
