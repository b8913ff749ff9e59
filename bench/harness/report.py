# SPDX-License-Identifier: Apache-2.0
"""From figures to a table, and to JSON.

A result is {"scenario", "title", "columns": [names], "rows": [[cells]], "notes": [text], "data"}:
the table is for people, the data for programs.
"""

import datetime
import json
import os
import pathlib
import platform
import statistics
import sys

NOTE = ("Compare figures of one run only, by their ratios: absolute ones depend on the machine, "
        "and on who else uses it.")


def median(values):
    return statistics.median(values)


def spread(values):
    """How far apart the rounds were, as a share of the median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def ratio(value, base):
    return value / base if base else None


def interleaved(count, kinds, one_round):
    """What one_round(kind) gave, by the names of the kinds, which take turns: all see the same weather."""
    rounds = {kind.name: [] for kind in kinds}
    for _ in range(count):
        for kind in kinds:
            rounds[kind.name].append(one_round(kind))
    return rounds


def goal(what, value, floor=None, limit=None):
    """A figure that is to be at least 'floor', or at most 'limit'; None: it was not measured."""
    reached = None
    if value is not None:
        reached = value >= floor if limit is None else value <= limit
    return {"what": what, "value": value, "floor": floor, "limit": limit, "reached": reached}


def goal_row(one):
    bound = f">= {one['floor']:g}" if one["limit"] is None else f"<= {one['limit']:g}"
    word = {True: "reached", False: "below" if one["limit"] is None else "above",
            None: "not measured"}[one["reached"]]
    return [one["what"], cell(one["value"]), bound, word]


def cell(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def print_table(columns, rows):
    rows = [columns, *[[cell(value) for value in row] for row in rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        first, *rest = zip(row, widths)
        print("  " + first[0].ljust(first[1]), *[text.rjust(width) for text, width in rest],
              sep="  ")


def print_result(result):
    print(f"\n{result['scenario']}: {result['title']}\n")
    print_table(result["columns"], result["rows"])
    for note in result["notes"]:
        print(f"  {note}")
    sys.stdout.flush()


def print_goals(results):
    """What the whole run says, in one table."""
    rows = [goal_row(one) for result in results for one in result.get("goals", ())]
    if rows:
        print("\nAll together:\n")
        print_table(["figure", "value", "wanted", ""], rows)
    for result in results:
        for name, why in result.get("missing", {}).items():
            print(f"  not measured in {result['scenario']}, {name}: {why}")


def print_note():
    print(f"\n{NOTE}")


def machine():
    model = [line.split(":", 1)[1].strip()
             for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
             if line.startswith("model name")]
    return {"processor": model[0] if model else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "load": os.getloadavg()[0],
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def write_json(results, file):
    text = json.dumps({"machine": machine(), "note": NOTE,
                       "goals": [one for result in results for one in result.get("goals", ())],
                       "missing": {result["scenario"]: result["missing"] for result in results
                                   if result.get("missing")},
                       "scenarios": {result["scenario"]: result["data"] for result in results}},
                      indent="\t")
    if file == "-":
        print(text)
    else:
        pathlib.Path(file).write_text(text + "\n", encoding="utf-8")
