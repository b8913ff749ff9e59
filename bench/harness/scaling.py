# SPDX-License-Identifier: Apache-2.0
"""Two workers against one, each with a pair of ports and a generator of its own: needs four cores."""

import concurrent.futures
import copy

from harness import report, vgen, vhost
from harness.rates import TARGETS, WARM_UP_S

CORES = 4
PAIRS = (("a", "b"), ("c", "d"))


class TwoPairs(vhost.Xvs):
    """Two workers, two pairs of ports; 'pair' is the one that a generator uses."""

    name = "xvs, two workers"
    ports = ("a", "b", "c", "d")
    workers = 2
    pair = PAIRS[0]

    def config(self):
        config = super().config()
        config["daemon"]["workers"] = self.lab.cores[0:2 * self.workers:2]
        return config

    def sockets(self):
        return [self.home / f"{port}.sock" for port in self.pair]


class OneWorker(TwoPairs):
    name = "xvs, one worker"
    workers = 1


def of_pair(peer, pair):
    view = copy.copy(peer)
    view.pair = pair
    return view


def rate(lab, kind, seconds):
    """Packets of both pairs together, each driven from a core of its own."""
    peer = kind(lab)
    options = ["--flows", 64, "--seconds", seconds, "--warm-up", WARM_UP_S]
    try:
        peer.start()
        with concurrent.futures.ThreadPoolExecutor(len(PAIRS)) as pool:
            runs = [pool.submit(vgen.run, on_core(lab, lab.cores[2 * nr + 1]), "rate",
                                of_pair(peer, pair), *options) for nr, pair in enumerate(PAIRS)]
            return sum(run.result()["mpps"] for run in runs)
    finally:
        peer.stop()


def on_core(lab, core):
    view = copy.copy(lab)
    view.generator_core = core
    return view


class Scaling:
    """How much more two workers move."""

    NAME = "scaling"
    SUMMARY = "two workers against one, two pairs of ports; with four cores or more"
    IS_USUAL, TOOLS, TARGETS = True, (), TARGETS

    def measure(self, lab, args):
        if len(lab.cores) < CORES:
            why = f"needs {CORES} cores, here are {len(lab.cores)}"
            return {"scenario": self.NAME, "title": self.SUMMARY, "columns": ["not measured"],
                    "rows": [[why]], "notes": [], "data": None, "missing": {"all": why}}
        kinds = (OneWorker, TwoPairs)
        rounds = report.interleaved(args.rounds, kinds,
                                    lambda kind: rate(lab, kind, args.seconds))
        speeds = {name: report.median(all_) for name, all_ in rounds.items()}
        one = speeds[OneWorker.name]
        return {
            "scenario": self.NAME,
            "title": f"64 B, two pairs of ports, median of {args.rounds} interleaved rounds",
            "columns": ["switch", "Mpps", "spread", "to one worker"],
            "rows": [[name, speed, report.spread(rounds[name]), report.ratio(speed, one)]
                     for name, speed in speeds.items()],
            "data": {"mpps": speeds, "rounds": rounds}, "notes": [],
        }


SCENARIOS = (Scaling(),)
