# SPDX-License-Identifier: Apache-2.0
"""TCP between two namespaces, through each peer in turn."""

from harness import peers, report, streams

NAME = "iperf-tap"
SUMMARY = "iperf3 TCP between two namespaces: xvs, bare loop, Linux bridge, OVS"
IS_USUAL = True
TOOLS = (*streams.TOOLS, "ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl")
TARGETS = ("xvsd", "plugin_capture", "plugin_guard", "plugin_secgroup", "plugin_static",
           "tap_loop")
PEERS = (peers.XvsdWithExtensions, peers.Xvsd, peers.Loop, peers.Bridge, peers.Ovs)
COLUMNS = ["switch", "Gbit/s", "spread", "to bridge", "to loop", "to OVS", "switch CPU",
           "its core", "others"]


def others_busy(round_, core):
    rest = [busy for nr, busy in round_["cores_busy"].items() if nr != core]
    return sum(rest) / len(rest) if rest else None


def summarise(lab, rounds):
    speeds = {name: report.median([one["gbps"] for one in all_]) for name, all_ in rounds.items()}
    rows, data = [], {}
    for name, all_ in rounds.items():
        cpu = [one["switch_cpu"] for one in all_]
        facts = {
            "gbps": speeds[name],
            "rounds": all_,
            "spread": report.spread([one["gbps"] for one in all_]),
            "to_bridge": report.ratio(speeds[name], speeds[peers.Bridge.name]),
            "to_loop": report.ratio(speeds[name], speeds[peers.Loop.name]),
            "to_ovs": report.ratio(speeds[name], speeds[peers.Ovs.name]),
            "switch_cpu": None if None in cpu else report.median(cpu),
            "switch_core_busy": report.median(
                [one["cores_busy"][lab.switch_core] for one in all_]),
            "others_busy": report.median([others_busy(one, lab.switch_core) for one in all_]),
        }
        data[name] = facts
        rows.append([name, *[facts[key] for key in (
            "gbps", "spread", "to_bridge", "to_loop", "to_ovs", "switch_cpu",
            "switch_core_busy", "others_busy")]])
    return rows, data


def measure(lab, args):
    rounds = streams.rounds_of(lab, args, PEERS, streams.SIDES, streams.stream)
    rows, data = summarise(lab, rounds)
    own = data[peers.Xvsd.name]
    return {
        "scenario": NAME,
        "goals": [report.goal(f"iperf3, tap to tap: {peers.Xvsd.name} to {what}", own[key], floor=floor)
                  for what, key, floor in (("Linux bridge", "to_bridge", 0.7),
                                           ("bare loop", "to_loop", 0.95),
                                           ("OVS netdev", "to_ovs", 4))],
        "title": f"TCP, one connection, median of {args.rounds} interleaved rounds",
        "columns": COLUMNS, "rows": rows, "data": data,
        "notes": [f"The switch process is held on core {lab.switch_core}; iperf3 may run anywhere.",
                  "switch CPU: of one core; its core, others: how busy the cores were, by anybody.",
                  "spread: (fastest - slowest round) / median."],
    }
