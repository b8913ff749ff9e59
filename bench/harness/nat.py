# SPDX-License-Identifier: Apache-2.0
"""Translation: TCP and small datagrams from an inside host to the outside, by xvs and by the kernel.

    [inside] 10.77.0.1 -- NAT -- 192.0.2.5 | 192.0.2.1 [outside]

The kernel's peer is a namespace that forwards and masquerades (nftables), with veth pairs at both sides; xvs
has a tap inside and a veth pair, by af_packet, outside.  What the outside sees proves the translation.
"""

import json

from harness import peers, report
from harness.lab import BenchError, CpuMeter, address, has_device, run, wait_for

NAME = "nat"
SUMMARY = "a NAT: iperf3 TCP, and small datagrams, beside nftables masquerade"
IS_USUAL = True
TOOLS = ("iperf3", "ip", "taskset", "ping", "nft", "sysctl")
TARGETS = ("xvsd",)
INSIDE, GATEWAY, OWN, OUTSIDE = "10.77.0.1", "10.77.0.254", "192.0.2.5", "192.0.2.1"
DATAGRAM = 64
WARM_UP_S = 1

CONFIG = """
daemon: {{workers: [{core}]}}
switches:
  - name: nat
    type: nat
    uplinks: [{{name: out0, device: bench0, backend: af_packet}}]
    nat: {{inside: 10.77.0.254/24, outside: {{addresses: [192.0.2.5/24]}}}}
    ports: [{{name: inside, backend: {{kind: tap, device: eth0, netns: inside}}}}]
"""
RULES = """
table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname "out0" masquerade; }
}
"""


class XvsNat(peers.Peer):
    """A switch of type nat."""

    name = "xvs, nat"

    def start(self):
        run("ip", "link", "add", "bench0", "type", "veth", "peer", "name", "eth0", "netns", "outside")
        run("ip", "link", "set", "bench0", "up")
        config = self.lab.dir / "nat.yaml"
        config.write_text(CONFIG.format(core=self.lab.switch_core), encoding="ascii")
        self.spawn(self.lab.program("bin/xvsd"), "--foreground", "--config", config, "--socket",
                   self.lab.dir / "nat.sock", "--state", self.lab.dir / "nat.state",
                   core=self.lab.switch_core).wait_until(
                       "inside", lambda: has_device("inside", "eth0"))

    def stop(self):
        super().stop()
        peers.delete_devices("bench0")


class Masquerade(peers.Peer):
    """The kernel, in a namespace of its own."""

    name = "Linux, nft masquerade"

    def start(self):
        for side, device, text in (("inside", "in0", GATEWAY + "/24"),
                                   ("outside", "out0", OWN + "/24")):
            run("ip", "-n", "gateway", "link", "add", device, "type", "veth", "peer", "name",
                "eth0", "netns", side)
            address("gateway", device, text)
        run("ip", "netns", "exec", "gateway", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        run("ip", "netns", "exec", "gateway", "nft", "-f", "-", input=RULES)


PEERS = (XvsNat, Masquerade)


def is_reachable():
    try:
        run("ip", "netns", "exec", "inside", "ping", "-q", "-c1", "-W1", OUTSIDE)
    except BenchError:
        return False
    return True


def iperf(lab, peer, *options):
    """What the receiver got, who was how busy, and as whom the outside saw the inside."""
    server = lab.start("ip", "netns", "exec", "outside", "iperf3", "-s", "-1", "--forceflush")
    try:
        server.wait_until("listening", lambda: "listening" in server.said())
        meter = CpuMeter(peer.pid)
        said = json.loads(run("ip", "netns", "exec", "inside", "iperf3", "-c", OUTSIDE, "-J",
                              *options))
        busy = meter.read()
        seen = server.said()
    finally:
        server.stop()
    if f"from {OWN}" not in seen:
        raise BenchError(f"{peer.name}: the outside did not see {OWN}")
    return said["end"], busy


def measure_peer(lab, peer, seconds):
    stream, busy = iperf(lab, peer, "-t", seconds, "-O", WARM_UP_S)
    small, _ = iperf(lab, peer, "-t", seconds, "-u", "-b", 0, "-l", DATAGRAM)
    total = small["sum"]
    arrived = total["packets"] - total["lost_packets"]
    return {"gbps": stream["sum_received"]["bits_per_second"] / 1e9,
            "kpps": arrived / total["seconds"] / 1e3, **busy}


def one_round(lab, kind, seconds):
    peer = kind(lab)
    with lab.namespaces("inside", "outside", "gateway"):
        try:
            peer.start()
            address("inside", "eth0", INSIDE + "/24")
            address("outside", "eth0", OUTSIDE + "/24")
            run("ip", "-n", "inside", "route", "add", "default", "via", GATEWAY)
            wait_for(f"{peer.name}: ping", is_reachable)
            result = measure_peer(lab, peer, seconds)
            peer.check()
        finally:
            peer.stop()
    return result


def measure(lab, args):
    rounds = {kind.name: [] for kind in PEERS}
    for _ in range(args.rounds):
        for kind in PEERS:
            rounds[kind.name].append(one_round(lab, kind, args.seconds))
    rows, data = [], {}
    for name, all_ in rounds.items():
        facts = {"rounds": all_}
        for what in ("gbps", "kpps"):
            facts[what] = report.median([one[what] for one in all_])
            facts[f"{what}_spread"] = report.spread([one[what] for one in all_])
        data[name] = facts
    for name, facts in data.items():
        for what in ("gbps", "kpps"):
            facts[f"{what}_ratio"] = report.ratio(facts[what], data[Masquerade.name][what])
        rows.append([name, *[facts[key] for key in (
            "gbps", "gbps_spread", "gbps_ratio", "kpps", "kpps_spread", "kpps_ratio")]])
    return {
        "scenario": NAME, "goals": [],
        "title": f"one inside host, median of {args.rounds} interleaved rounds",
        "columns": ["NAT", "TCP Gbit/s", "spread", "to nft", "64 B kpps", "spread", "to nft"],
        "rows": rows, "data": data,
        "notes": ["kpps: datagrams that arrived, of those that one iperf3 could send.",
                  "The kernel translates in the sender's context; xvs has a worker, "
                  f"held on core {lab.switch_core}, and a tap and a packet socket on the way."],
    }
