# SPDX-License-Identifier: Apache-2.0
"""Every byte of every packet, apart from all that is timed."""

from harness import report, vgen, vhost
from harness.lab import BenchError
from harness.rates import TARGETS, Field, missing_notes

SMALL = ["--size", 14, "--size-max", 1514, "--samples", 3]
ALL = ["--size", 14, "--size-max", 65550, "--samples", 1, "--offloads"]
CASES = [
    ("split, 14..1514 B", SMALL),
    ("packed, 14..1514 B", [*SMALL, "--packed"]),
    ("split, event index", [*SMALL, "--event-idx"]),
    ("packed, event index", [*SMALL, "--packed", "--event-idx"]),
    ("split, received into chains", [*SMALL, "--big-buffers"]),
    ("split, 14..65550 B, offloads", ALL),
    ("packed, 14..65550 B, offloads", [*ALL, "--packed"]),
]


class Verify:
    """All sizes in both directions, chained, indirect and merged; xvs alone."""

    NAME = "verify"
    SUMMARY = "every byte through vhost-user ports: sizes, chains, offloads; nothing is timed"
    IS_USUAL, TOOLS, TARGETS = True, (), TARGETS

    def measure(self, lab, _args):
        found = {}
        with Field(lab, (vhost.Xvs,)) as field:
            for peer in list(field.peers.values()):
                peer.resume()
                found = {label: self.one(lab, peer, options) for label, options in CASES}
            missing = dict(field.missing)
        right = [one for one in found.values() if one["outcome"] == "right"]
        return {
            "scenario": self.NAME, "title": "every byte of every packet, both directions",
            "columns": ["case", "frames", "one piece", "chains", "tables", "outcome"],
            "rows": [[label, one.get("frames"), one.get("in_one_piece"), one.get("chains"),
                      one.get("tables"), one["outcome"]] for label, one in found.items()],
            "goals": [report.goal("every byte right, of 7 runs", len(right), floor=len(CASES))],
            "data": found,
            "notes": ["Sent in one piece, as chains, or by indirect tables, cut anywhere; the "
                      "receive buffers around each frame are looked at, too.",
                      *missing_notes(missing)],
            "missing": missing,
        }

    @staticmethod
    def one(lab, peer, options):
        try:
            return {**vgen.run(lab, "verify", peer, *options), "outcome": "right"}
        except BenchError as error:
            return {"outcome": str(error)}


SCENARIOS = (Verify(),)
