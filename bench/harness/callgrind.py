# SPDX-License-Identifier: Apache-2.0
"""Instructions a packet by stage: exact, and the same on a busy machine."""

import re

from harness.lab import BenchError, run

NAME = "callgrind"
SUMMARY = "instructions a packet by stage, under valgrind (on request: slow)"
IS_USUAL = False
TOOLS = ("valgrind", "callgrind_annotate")
TARGETS = ("path_bench",)
CASES = ("none", "judge-16", "batch-16")
FLOWS = 64
PACKETS = (64 * 200, 64 * 1000)  # the difference of two runs: starting and judging cancel out
STAGES = ("burst_receive", "gen_rx", "packet_parse", "burst_admit", "burst_lookup", "burst_apply",
          "burst_output", "output_flush", "packet_free")
COLUMNS = ["stage (with what it calls)", *CASES]
LINE = re.compile(r"^\s*([\d,]+)\s*(?:\([^)]*\))?\s+\S*?:([\w.']+)", re.M)


def counts(lab, case, packets):
    """Instructions of each function with its callees, of the whole run."""
    out = lab.dir / f"callgrind.{case}.{packets}"
    run("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
        lab.program("bench/path_bench"), "--case", case, "--flows", FLOWS, "--rounds", 1,
        "--packets", packets)
    text = run("callgrind_annotate", "--inclusive=yes", "--threshold=100", out)
    found = {}
    for number, name in LINE.findall(text):
        found.setdefault(name.split("'")[0], int(number.replace(",", "")))
    if "burst_receive" not in found:
        raise BenchError("callgrind: no instruction of burst_receive was seen")
    return found


def measure(lab, _args):
    data = {}
    for case in CASES:
        few, many = (counts(lab, case, packets) for packets in PACKETS)
        data[case] = {stage: (many.get(stage, 0) - few.get(stage, 0)) / (PACKETS[1] - PACKETS[0])
                      for stage in STAGES if stage in many}
    stages = [stage for stage in STAGES if any(stage in one for one in data.values())]
    return {
        "scenario": NAME,
        "title": f"instructions a packet, 64-byte UDP, {FLOWS} flows",
        "columns": COLUMNS,
        "rows": [[stage, *[data[case].get(stage) for case in CASES]] for stage in stages],
        "data": data,
        "notes": ["burst_receive is everything; the generator (gen_rx) is part of it."],
    }
