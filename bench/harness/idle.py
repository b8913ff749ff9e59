# SPDX-License-Identifier: Apache-2.0
"""What a daemon costs that has nothing to do."""

import pathlib
import re
import time

from harness import peers, report
from harness.lab import cpu_seconds

NAME = "idle"
SUMMARY = "processor and memory of a daemon with eight quiet tap ports"
IS_USUAL = True
TOOLS = ("ip", "taskset")
TARGETS = ("xvsd", "plugin_capture", "plugin_guard", "plugin_secgroup", "plugin_static")
PORTS = 8
SETTLE_S = 3    # the kernel's own announcements are over
MEASURE_S = 5
COLUMNS = ["daemon", "% of a core", "anonymous MB", "resident MB"]


def port_names():
    return [f"idle{nr}" for nr in range(1, PORTS + 1)]


class Idle(peers.Xvsd):
    """Eight ports, each in a namespace of its own."""

    def ports(self):
        return [(name, name, f"52:54:00:00:01:{nr:02x}")
                for nr, name in enumerate(port_names(), 1)]


class IdleWithExtensions(Idle):
    """The same with four extensions at work."""

    name = "xvs, four extensions"
    has_extensions = True


def memory_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    size = {key: int(kb) / 1024 for key, kb in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
    return size["Anonymous"], size["Rss"]


def one_round(lab, kind):
    peer = kind(lab)
    with lab.namespaces(*port_names()):
        try:
            peer.start()
            time.sleep(SETTLE_S)
            before, started = cpu_seconds(peer.pid), time.monotonic()
            time.sleep(MEASURE_S)
            cpu = (cpu_seconds(peer.pid) - before) / (time.monotonic() - started)
            anonymous, resident = memory_mb(peer.pid)
            peer.check()
        finally:
            peer.stop()
    return {"cpu_percent": cpu * 100, "anonymous_mb": anonymous, "resident_mb": resident}


def measure(lab, args):
    kinds = (Idle, IdleWithExtensions)
    rounds = report.interleaved(args.rounds, kinds, lambda kind: one_round(lab, kind))
    rows, data = [], {}
    for name, all_ in rounds.items():
        data[name] = {key: report.median([one[key] for one in all_]) for key in all_[0]}
        rows.append([name, *data[name].values()])
    return {
        "scenario": NAME,
        "title": f"{PORTS} tap ports, links up, {MEASURE_S} s, median of {args.rounds} rounds",
        "columns": COLUMNS, "rows": rows, "data": data,
        "notes": ["By the scheduler's account of all threads, and smaps_rollup."],
    }
