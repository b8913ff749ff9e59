# SPDX-License-Identifier: Apache-2.0
"""How long a packet is under way; the first packet after a pause, after a connection, after a start."""

import concurrent.futures
import time

from harness import ovs, report, vgen, vhost
from harness.lab import BenchError
from harness.rates import TARGETS, Case, Field, missing_notes, rounds_of, summarise

PEERS = (vhost.Xvs, vhost.Testpmd, ovs.Ovs)
WAKE_SAMPLES, WAKE_IDLE_MS, WAKE_LIMIT_US = 10, 1000, 50
BARE = "a bare thread"
WAKE_MORE_US = 10
START_SAMPLES, START_LIMIT_US = 5, 5000


def figures(case, switch, facts, *keys):
    return [case, switch, *[facts.get(key) if facts else None for key in keys]]


def beyond(value, base):
    return None if value is None or base is None else value - base


class Latency:
    """From put to got, one by one: the sender waits for no batch, the receiver polls."""

    NAME = "latency"
    SUMMARY = "p50 and p99 from one vhost-user port to the other, at 10,000 pps and 1 Mpps"
    IS_USUAL, TOOLS, TARGETS = True, (), TARGETS
    CASES = [Case(label, ["--flows", 64, "--pps", pps], *PEERS, mode="latency")
             for label, pps in (("10,000 pps", 10000), ("1 Mpps", 1000000))]

    def measure(self, lab, args):
        found, missing = rounds_of(lab, self.CASES, args)
        medians = {key: summarise(rounds) for key, rounds in found.items()}
        return {
            "scenario": self.NAME,
            "title": f"64-byte UDP under way, microseconds, median of {args.rounds} rounds",
            "columns": ["case", "switch", "p50", "p90", "p99", "p99.9", "samples"],
            "rows": [figures(case.label, kind.name, medians.get((case.label, kind.name)),
                             "p50_us", "p90_us", "p99_us", "p999_us", "samples")
                     for case in self.CASES for kind in case.kinds],
            "data": [{"case": case, "switch": switch, **facts}
                     for (case, switch), facts in medians.items()],
            "notes": ["The receiver polls; what its guest would take to wake up is not in this.",
                      *missing_notes(missing)],
            "missing": missing,
        }


class First:
    """The first packet: after a pause, after a connection, after the switch itself was started."""

    NAME = "first-packet"
    SUMMARY = "wake-up after a second of rest, connect to first packet, start to first packet"
    IS_USUAL, TOOLS, TARGETS = True, (), TARGETS
    LABEL = "after 1 s of rest"
    CONNECT = Case("after connecting", ["--samples", START_SAMPLES], *PEERS, mode="start")

    def measure(self, lab, args):
        wake = Case(self.LABEL, ["--samples", WAKE_SAMPLES, "--idle-ms", WAKE_IDLE_MS, "--beside",
                                 lab.switch_core], vhost.Xvs, mode="wake")
        found, missing = rounds_of(lab, [wake, self.CONNECT], args)
        starts, missing_start = self.starts(lab, args)
        medians = {key: summarise(rounds) for key, rounds in found.items()}
        rows = [figures(case.label, kind.name, medians.get((case.label, kind.name)), "p50_us",
                        "p99_us", "max_us")
                for case in (wake, self.CONNECT) for kind in case.kinds]
        rows.insert(1, figures(self.LABEL, BARE, medians.get((self.LABEL, vhost.Xvs.name)),
                               "bare_p50_us", "bare_p99_us", "bare_max_us"))
        rows += [["after starting", name, report.median(us), None, max(us)]
                 for name, us in starts.items()]
        missing.update(missing_start)

        def median_of(case, figure="p50_us"):
            return medians.get((case.label, vhost.Xvs.name), {}).get(figure)
        return {
            "scenario": self.NAME,
            "title": f"to the first packet, microseconds, median of {args.rounds} rounds",
            "columns": ["case", "switch", "p50", "p99", "most"], "rows": rows,
            "goals": [report.goal("wake-up to first packet, us, median", median_of(wake),
                                  limit=WAKE_LIMIT_US),
                      report.goal("wake-up to first packet, us more than a bare thread",
                                  beyond(median_of(wake), median_of(wake, "bare_p50_us")),
                                  limit=WAKE_MORE_US),
                      report.goal("connect to first packet, us, median", median_of(self.CONNECT),
                                  limit=START_LIMIT_US)],
            "data": {"samples": [{"case": case, "switch": switch, **facts}
                                 for (case, switch), facts in medians.items()], "starts": starts},
            "notes": ["After a rest: testpmd and OVS never rest, they take a whole core.",
                      f"{BARE}: on the switch's core, in turn with the switch; it sleeps in epoll on "
                      "an eventfd and does nothing else, so it is what this machine takes for that.",
                      "After starting: from the start of the process to the first packet, its "
                      "configuration included; OVS with its data base.", *missing_notes(missing)],
            "missing": missing,
        }

    @staticmethod
    def starts(lab, args):
        """Of each switch, microseconds from its start to its first packet, a round each."""
        found, missing = {}, {}
        with Field(lab, ()) as field:
            for _ in range(args.rounds):
                for kind in PEERS:
                    if kind.name in missing or field.is_absent(kind):
                        missing.update(field.missing)
                        continue
                    try:
                        found.setdefault(kind.name, []).append(started_us(lab, kind))
                    except BenchError as error:
                        missing[kind.name] = str(error).splitlines()[0][:300]
        return found, missing


def started_us(lab, kind):
    """The generator waits for the switch, or at its socket, while that starts."""
    peer = kind(lab)
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            generator = pool.submit(vgen.run, lab, "start", peer, "--samples", 1,
                                    "--patience-ms", 20000)
            began = time.monotonic_ns()
            peer.start()
            said = generator.result()
    finally:
        peer.stop()
    return (said["first_ns"] - began) / 1e3


SCENARIOS = (Latency(), First())
