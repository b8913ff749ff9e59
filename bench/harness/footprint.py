# SPDX-License-Identifier: Apache-2.0
"""What eight connected vhost-user ports cost while nothing is sent: processor and memory."""

import pathlib
import re
import time

from harness import ovs, report, vhost
from harness.lab import BenchError, cpu_seconds
from harness.rates import TARGETS, Field, missing_notes

KINDS = (vhost.XvsEight, ovs.OvsEight)
FLOWS = 10000
SETTLE_S, MEASURE_S, GENERATOR_S = 2, 3, 10
IDLE_LIMIT_PERCENT, MEMORY_LIMIT_MB = 1, 100


def memory_mb(pid):
    """Anonymous and whole resident memory; what the guests share with the switch is the rest."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    size = {key: int(kb) / 1024 for key, kb in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
    return size["Anonymous"], size["Rss"]


def one_round(lab, peer):
    """The generator has sent 10,000 flows both ways, and rests."""
    words = [lab.program("bench/vgen"), "wake", "--core", lab.generator_core, "--establish",
             "--flows", FLOWS, "--samples", 1, "--idle-ms", GENERATOR_S * 1000]
    if peer.connects:
        words.append("--server")
    for socket in peer.sockets():
        words += ["--socket", socket]
    generator = lab.start(*words)
    try:
        wait_until_quiet(peer, generator)
        before, began = cpu_seconds(peer.pid), time.monotonic()
        time.sleep(MEASURE_S)
        percent = (cpu_seconds(peer.pid) - before) / (time.monotonic() - began) * 100
        generator.check()
        anonymous, resident = memory_mb(peer.pid)
    finally:
        generator.stop()
    return {"cpu_percent": percent, "anonymous_mb": anonymous, "resident_mb": resident}


def wait_until_quiet(peer, generator):
    """Until the flows are through: the generator, too, stops using its core."""
    end = time.monotonic() + 30
    used = -1.0
    while cpu_seconds(generator.pid) != used:
        used = cpu_seconds(generator.pid)
        time.sleep(1)
        generator.check()
        peer.check()
        if time.monotonic() > end:
            raise BenchError(f"{peer.name}: {FLOWS} flows did not come through in 30 s")
    time.sleep(SETTLE_S)


class Footprint:
    """Eight ports, all connected, after 10,000 flows."""

    NAME = "footprint"
    SUMMARY = "processor and memory of eight connected vhost-user ports at rest, 10,000 flows"
    IS_USUAL, TOOLS, TARGETS = True, (), TARGETS

    def measure(self, lab, args):
        rounds = {}
        with Field(lab, KINDS) as field:
            for _ in range(args.rounds):
                for kind in KINDS:
                    self.one(lab, field, kind, rounds)
            missing = dict(field.missing)
        medians = {name: {key: report.median([one[key] for one in all_]) for key in all_[0]}
                   for name, all_ in rounds.items()}
        own = medians.get(vhost.XvsEight.name, {})
        return {
            "scenario": self.NAME,
            "title": f"eight vhost-user ports at rest, median of {args.rounds} rounds",
            "columns": ["switch", "% of a core", "anonymous MB", "resident MB"],
            "rows": [[name, *facts.values()] for name, facts in medians.items()],
            "goals": [report.goal("8 vhost-user ports at rest, % of a core",
                                  own.get("cpu_percent"), limit=IDLE_LIMIT_PERCENT),
                      report.goal("8 ports, 10,000 flows, anonymous MB", own.get("anonymous_mb"),
                                  limit=MEMORY_LIMIT_MB)],
            "data": medians,
            "notes": ["Guests' memory that the switch maps counts as resident, not as anonymous.",
                      *missing_notes(missing)],
            "missing": missing,
        }

    @staticmethod
    def one(lab, field, kind, rounds):
        if kind.name in field.missing:
            return
        peer = field.peers[kind.name]
        peer.resume()
        try:
            found = one_round(lab, peer)
            peer.pause()
            rounds.setdefault(kind.name, []).append(found)
        except BenchError as error:
            field.give_up(kind.name, error)


SCENARIOS = (Footprint(),)
