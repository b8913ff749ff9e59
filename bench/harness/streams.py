# SPDX-License-Identifier: Apache-2.0
"""A TCP stream and small datagrams from one namespace to another, by iperf3, and their table."""

import json

from harness import report
from harness.lab import BenchError, CpuMeter, run

TOOLS = ("iperf3", "ip", "taskset", "ping")
DATAGRAM = 64
WARM_UP_S = 1
NOTE = "kpps: datagrams that arrived, of those that one iperf3 could send."


def is_reachable(source, address):
    try:
        run("ip", "netns", "exec", source, "ping", "-q", "-c1", "-W1", address)
    except BenchError:
        return False
    return True


def iperf(lab, peer, way, *options):
    """What the receiver got, who was how busy, and what the receiver said."""
    source, sink, address = way
    server = lab.start("ip", "netns", "exec", sink, "iperf3", "-s", "-1", "--forceflush")
    try:
        server.wait_until("listening", lambda: "listening" in server.said())
        meter = CpuMeter(peer.pid)
        said = json.loads(run("ip", "netns", "exec", source, "iperf3", "-c", address, "-J",
                              *options))
        busy = meter.read()
        seen = server.said()
    finally:
        server.stop()
    return said["end"], busy, seen


def both(lab, peer, way, seconds, check=lambda seen: None):
    """Gbit/s of a stream, thousands of datagrams a second; 'check' is given what the sink said."""
    stream, busy, seen = iperf(lab, peer, way, "-t", seconds, "-O", WARM_UP_S)
    check(seen)
    small, _, seen = iperf(lab, peer, way, "-t", seconds, "-u", "-b", 0, "-l", DATAGRAM)
    check(seen)
    total = small["sum"]
    arrived = total["packets"] - total["lost_packets"]
    return {"gbps": stream["sum_received"]["bits_per_second"] / 1e9,
            "kpps": arrived / total["seconds"] / 1e3, **busy}


def table(first, rounds, bases):
    """(columns, rows, data): medians of the rounds of each peer, and what they are to some of them."""
    data = {}
    for name, all_ in rounds.items():
        data[name] = {"rounds": all_}
        for what in ("gbps", "kpps"):
            data[name][what] = report.median([one[what] for one in all_])
            data[name][f"{what}_spread"] = report.spread([one[what] for one in all_])
    keys, columns = [], [first]
    for what, text in (("gbps", "TCP Gbit/s"), ("kpps", f"{DATAGRAM} B kpps")):
        keys += [what, f"{what}_spread"]
        columns += [text, "spread"]
        for label, base in bases.items():
            keys.append(f"{what}_to_{label}")
            columns.append(f"to {label}")
            for facts in data.values():
                facts[keys[-1]] = report.ratio(facts[what], data[base][what])
    return columns, [[name, *[facts[key] for key in keys]] for name, facts in data.items()], data
