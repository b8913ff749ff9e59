# SPDX-License-Identifier: Apache-2.0
"""What it costs that extensions run in processes of their own: TCP on flows that are judged, and first packets."""

import socket
import time

from harness import peers, report, streams

NAME = "isolation"
SUMMARY = "four extensions that judge flows, in the daemon and in processes of their own"
IS_USUAL = True
TOOLS = streams.TOOLS
TARGETS = ("xvsd", "xvs-exthost", "bench_module_judge_pass")
FIRSTS = 300
PAUSE_S = 0.002  # nobody is awake for the one before
PORT = 7007
COLUMNS = ["extensions", "Gbit/s", "to in process", "first packet us", "next packet us", "asking us"]


class InProcess(peers.Xvsd):
    """Four that judge by the 5-tuple; the daemon is on no core, so that its processes are not on its worker's."""

    name = "four, in the daemon"
    isolation = "none"
    count = 4

    def config(self):
        chain = "".join(
            f"      - {{instance: j{nr}, extension: org.xvs.bench.judge0{nr}, "
            f"isolation: {self.isolation}}}\n" for nr in range(self.count))
        text = super().config().replace("/extensions\"", "/bench-extensions\"")
        return text.replace("    ports:\n", f"    chain:\n{chain}    ports:\n")

    def spawn(self, *command, core=None, **more):
        return super().spawn(*command, core=None, **more)


class Isolated(InProcess):
    name = "four processes"
    isolation = "process"


class OneInProcess(InProcess):
    name = "one, in the daemon"
    count = 1


class OneIsolated(Isolated):
    name = "one process"
    count = 1


def socket_in(namespace):
    with open("/proc/self/ns/net", encoding="ascii") as home, \
            open(f"/run/netns/{namespace}", encoding="ascii") as there:
        streams_setns(there.fileno())
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        finally:
            streams_setns(home.fileno())


def streams_setns(descriptor):
    import ctypes  # Python 3.11 has no os.setns
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def one_way_us(source, sink, target):
    start = time.perf_counter_ns()
    source.sendto(b"x", (target, PORT))
    sink.recv(100)
    return (time.perf_counter_ns() - start) / 1000


def first_packets(way):
    """Microseconds one way: of first packets of flows, and of the packet behind each."""
    firsts, seconds = [], []
    with socket_in(way.sink) as sink:
        sink.bind((way.target, PORT))
        for _ in range(FIRSTS):
            with socket_in(way.source) as source:
                source.bind(("0.0.0.0", 0))
                time.sleep(PAUSE_S)
                firsts.append(one_way_us(source, sink, way.target))
                time.sleep(PAUSE_S)
                seconds.append(one_way_us(source, sink, way.target))
    return report.median(firsts), report.median(seconds)


def measured(lab, peer, way, seconds):
    found = streams.stream(lab, peer, way, seconds)
    found["first_us"], found["next_us"] = first_packets(way)
    return found


def measure(lab, args):
    kinds = (InProcess, Isolated, OneInProcess, OneIsolated)
    rounds = streams.rounds_of(lab, args, kinds, streams.SIDES, measured)
    middle = {name: {key: report.median([one[key] for one in all_])
                     for key in ("gbps", "first_us", "next_us")} for name, all_ in rounds.items()}
    rows, data = [], {}
    for kind, beside in ((InProcess, InProcess), (Isolated, InProcess),
                         (OneInProcess, OneInProcess), (OneIsolated, OneInProcess)):
        one, other = middle[kind.name], middle[beside.name]
        facts = {**one, "ratio": report.ratio(one["gbps"], other["gbps"]),
                 "asking_us": one["first_us"] - other["first_us"]}
        data[kind.name] = {**facts, "rounds": rounds[kind.name]}
        rows.append([kind.name, *[facts[key] for key in (
            "gbps", "ratio", "first_us", "next_us", "asking_us")]])
    return {
        "scenario": NAME,
        "goals": [report.goal("iperf3 through four processes to in the daemon",
                              data[Isolated.name]["ratio"], floor=0.95),
                  report.goal("first packet of a flow, one process: 100 us to it",
                              100 / data[OneIsolated.name]["first_us"], floor=1)],
        "title": f"tap to tap, median of {args.rounds} interleaved rounds",
        "columns": COLUMNS, "rows": rows, "data": data,
        "notes": [f"first packet: one way, of {FIRSTS} new flows {PAUSE_S * 1000:.0f} ms apart, both "
                  "sockets in one Python process; next: of the same flow.",
                  "asking: what its first packet takes more than with the same extensions in the "
                  "daemon; each stands in two chains, the entry port's and the exit port's."],
    }
