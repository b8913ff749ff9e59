# SPDX-License-Identifier: Apache-2.0
"""A TCP stream and small datagrams from one namespace to another, by iperf3, and their table."""

import contextlib
import json
import typing

from harness import peers, report
from harness.lab import BenchError, CpuMeter, address, run, wait_for

TOOLS = ("iperf3", "ip", "taskset", "ping")
DATAGRAM = 64
WARM_UP_S = 1
NOTE = "kpps: datagrams that arrived, of those that one iperf3 could send."


class Way(typing.NamedTuple):
    """From the first host to the last; a host is a namespace, with the address of its eth0."""

    hosts: dict
    beside: tuple = ()  # namespaces of the peer's own
    gateway: str = ""   # what the first host knows of the way; none: they are neighbours

    @property
    def source(self):
        return next(iter(self.hosts))

    @property
    def sink(self):
        return next(reversed(self.hosts))

    @property
    def target(self):
        return self.hosts[self.sink].split("/")[0]


SIDES = Way({side: f"{peers.ADDRESSES[side]}/24" for side in peers.SIDES})


def is_reachable(source, target):
    try:
        run("ip", "netns", "exec", source, "ping", "-q", "-c1", "-W1", target)
    except BenchError:
        return False
    return True


@contextlib.contextmanager
def standing(lab, kind, way):
    """A peer of this kind, with hosts that reach one another; it is well until the end, and then stopped."""
    peer = kind(lab)
    with lab.namespaces(*way.hosts, *way.beside):
        try:
            peer.start()
            for host, text in way.hosts.items():
                address(host, "eth0", text)
            if way.gateway:
                run("ip", "-n", way.source, "route", "add", "default", "via", way.gateway)
            peer.prepare()
            wait_for(f"{peer.name}: ping", lambda: is_reachable(way.source, way.target))
            peer.verify()
            yield peer
            peer.check()
        finally:
            peer.stop()


def rounds_of(lab, args, kinds, way, measured):
    """What 'measured' found, called as measured(lab, peer, way, seconds), by the names of the kinds."""

    def one(kind):
        with standing(lab, kind, way) as peer:
            return measured(lab, peer, way, args.seconds)

    return report.interleaved(args.rounds, kinds, one)


def iperf(lab, peer, way, *options):
    """What the receiver got, who was how busy, and what the receiver said."""
    server = lab.start("ip", "netns", "exec", way.sink, "iperf3", "-s", "-1", "--forceflush")
    try:
        server.wait_until("listening", lambda: "listening" in server.said())
        meter = CpuMeter(peer.pid)
        said = json.loads(run("ip", "netns", "exec", way.source, "iperf3", "-c", way.target, "-J",
                              *options))
        busy = meter.read()
        seen = server.said()
    finally:
        server.stop()
    return said["end"], busy, seen


def stream(lab, peer, way, seconds, check=lambda seen: None):
    """Gbit/s of one connection, and who was how busy; 'check' is given what the sink said."""
    end, busy, seen = iperf(lab, peer, way, "-t", seconds, "-O", WARM_UP_S)
    check(seen)
    return {"gbps": end["sum_received"]["bits_per_second"] / 1e9, **busy}


def both(lab, peer, way, seconds, check=lambda seen: None):
    """The same, and thousands of small datagrams a second."""
    found = stream(lab, peer, way, seconds, check)
    end, _, seen = iperf(lab, peer, way, "-t", seconds, "-u", "-b", 0, "-l", DATAGRAM)
    check(seen)
    total = end["sum"]
    arrived = total["packets"] - total["lost_packets"]
    return {"kpps": arrived / total["seconds"] / 1e3, **found}


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
