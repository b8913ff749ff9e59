# SPDX-License-Identifier: Apache-2.0
"""The same OpenFlow rules, the same traffic, the same controller: org.xvs.openflow and OVS-DPDK.

    [generator] A -- vhost-user -- 1 [switch] 2 -- vhost-user -- B [generator]
                                       |
                              unix socket: bench/ofload, ovs-ofctl

One round asks one switch after the other all of it: packets through 10,000 rules, the same while flows
that they do not match come and go, 100,000 flows loaded and read, packets to the controller.
"""

import contextlib
import json

from harness import ovs, rates, report, vgen, vhost
from harness.lab import BenchError, run

NAME = "openflow"
SUMMARY = "a controller's rules: packets, flow-mods, statistics, packets in; org.xvs.openflow, OVS-DPDK"
IS_USUAL = True
TOOLS = ("ovs-ofctl",)
TARGETS = ("xvsd", "xvsctl", "vgen", "ofload", "bench", "plugin_openflow")

FLOWS = 64000
LOADED = 100000
CHURN = 10000   # flow-mods a second beside traffic
CHURNED = 1000  # flows that are there by that
WARM_UP_S = 4  # as many entries as flows have to come about
TRAFFIC = ("--flows", FLOWS, "--warm-up", WARM_UP_S)
FEW = ("--flows", 64, "--warm-up", 0.5)
THROUGH = ("priority=1,in_port=1,actions=output:2", "priority=1,in_port=2,actions=output:1")


class Controlled:
    """A switch with a socket for controllers."""

    @property
    def socket(self):
        return self.home / "br.mgmt"

    def flows_are(self, flows):
        """These and no others."""
        file = self.home / "flows"
        file.write_text("\n".join(flows) + "\n", encoding="ascii")
        self.ofctl_13("replace-flows", file)

    def ofctl_13(self, verb, *words):
        run("ovs-ofctl", "-O", "OpenFlow13", verb, f"unix:{self.socket}", *words)

    def command(self, mode, *options):
        return [self.lab.program("bench/ofload"), mode, "--socket", self.socket,
                *[str(option) for option in options]]

    def ask(self, mode, *options):
        """What the controller says of it."""
        return json.loads(run(*self.command(mode, *options)))


class XvsControlled(Controlled, vhost.Xvs):
    name = "xvs, openflow"
    chain = ("org.xvs.openflow",)

    @property
    def switch_policies(self):
        return {"org.xvs.openflow.controller/1": {
            "targets": [f"punix:{self.socket}"], "fail_mode": "secure"}}


class OvsControlled(Controlled, ovs.Ovs):
    """With its signature cache, which suits so many flows."""

    name = "OVS-DPDK"
    other_config = {"smc-enable": "true"}

    def add_ports(self):
        for number, (port, socket) in enumerate(zip(self.ports, self.sockets()), 1):
            name = ovs.port_name(port)
            self.vsctl("add-port", "br", name, "--", "set", "interface", name,
                       "type=dpdkvhostuserclient", f"options:vhost-server-path={socket}",
                       f"ofport_request={number}")


KINDS = (XvsControlled, OvsControlled)


def rules():
    """10,000 of two masks, all of which traffic may match; what none of them matches is dropped."""
    nets = [f"priority=100,udp,nw_src=10.{nr >> 13}.{nr >> 5 & 255}.{nr * 8 & 255}/29,actions=output:2"
            for nr in range(8000)]
    ports = [f"priority=200,udp,nw_src=10.0.{nr >> 3}.0/24,tp_dst={5000 + nr % 1000},actions=output:2"
             for nr in range(2000 - 3)]
    return [*nets, *ports, "priority=2,in_port=2,actions=output:1",
            "priority=2,arp,in_port=1,actions=output:2", "priority=0,actions=drop"]


@contextlib.contextmanager
def beside(peer, *command):
    """A controller at work until the end; what it said is in the list by then."""
    said = []
    process = peer.lab.start(*peer.command(*command))
    try:
        yield said
        process.child.wait(60)
        said.append(process.said())
    finally:
        process.stop()


def rate(peer, seconds, traffic, *command):
    """Mpps; with a command of the controller beside it, (Mpps, what that said)."""
    with contextlib.ExitStack() as stack:
        said = []

        def start():
            if command:
                said.append(stack.enter_context(
                    beside(peer, *command, "--seconds", seconds + 0.5)))

        found = vgen.run(peer.lab, "rate", peer, *[str(word) for word in traffic], "--seconds",
                         str(seconds), when_warm=start)
    if not command:
        return found["mpps"]
    try:
        return found["mpps"], json.loads(said[0][0])
    except (IndexError, json.JSONDecodeError) as error:
        raise BenchError(f"{peer.name}: ofload {command[0]}: {said}") from error


def ways(peer, seconds):
    """What a meter and a group leave of the rate of a plain output."""
    for what in ("flows", "groups", "meters"):
        peer.ofctl_13(f"del-{what}")
    peer.ofctl_13("add-meter", "meter=1,kbps,band=type=drop,rate=40000000")
    peer.ofctl_13("add-group", "group_id=1,type=select,bucket=output:2,bucket=output:2")
    found = {}
    for key, actions in (("plain", "output:2"), ("metered", "meter:1,output:2"),
                         ("grouped", "group:1")):
        peer.flows_are([f"priority=1,in_port=1,actions={actions}", THROUGH[1]])
        found[key] = rate(peer, seconds, FEW)
    return {f"{key}_kept": found[key] / found["plain"] for key in ("metered", "grouped")}


def one_round(peer, seconds):
    found = {}
    peer.flows_are(rules())
    found["mpps"] = rate(peer, seconds, TRAFFIC)
    churned, said = rate(peer, seconds, TRAFFIC, "churn", "--rate", CHURN, "--flows", CHURNED)
    found.update(churned_mpps=churned, churn=said["per_second"],
                 kept=churned / found["mpps"])
    peer.flows_are(THROUGH)
    said = peer.ask("load", "--flows", LOADED)
    found["load"] = said["per_second"]
    found["dump_s"] = peer.ask("dump", "--seconds", 0)["longest_s"]
    through = rate(peer, seconds, FEW)
    dumped, said = rate(peer, seconds, FEW, "dump")
    found.update(dump_kept=dumped / through, dump_beside_s=said["longest_s"])
    found.update(ways(peer, seconds))
    peer.flows_are(["priority=1,in_port=1,actions=CONTROLLER:128,output:2", THROUGH[1]])
    told, said = rate(peer, seconds, FEW, "packet-in")
    found.update(packet_ins=said["per_second"], told_mpps=told)
    return found


def rounds_of(lab, args):
    """{switch: [figures of each round]}, and who is missing why."""
    found = {}
    with rates.Field(lab, KINDS) as field:
        for _ in range(args.rounds):
            for kind in KINDS:
                if kind.name in field.missing:
                    continue
                peer = field.peers[kind.name]
                peer.resume()
                try:
                    found.setdefault(kind.name, []).append(one_round(peer, args.seconds))
                    peer.pause()
                except BenchError as error:
                    field.give_up(kind.name, f"{error}{peer.complaint()}")
        return found, dict(field.missing)


FIGURES = (  # key, column
    ("mpps", "Mpps"), ("kept", "kept beside flow-mods"), ("churn", "of them a second"),
    ("load", "loaded a second"), ("dump_s", "dump s"), ("dump_beside_s", "dump s beside traffic"),
    ("dump_kept", "kept beside dumps"), ("metered_kept", "kept by a meter"),
    ("grouped_kept", "by a select group"), ("packet_ins", "packets in a second"))


def goals(data):
    ours, theirs = (data.get(kind.name, {}) for kind in KINDS)
    ratio = ours["mpps"] / theirs["mpps"] if ours and theirs else None
    return [
        report.goal(f"openflow, {FLOWS} flows: {KINDS[0].name} to {KINDS[1].name}", ratio, floor=2),
        report.goal(f"openflow, rate kept beside {CHURN} flow-mods a second", ours.get("kept"),
                    floor=0.8),
        report.goal("openflow, flow-mods a second", ours.get("load"), floor=50000),
        report.goal(f"openflow, statistics of {LOADED} flows, s", ours.get("dump_beside_s"), limit=2),
        report.goal("openflow, packets in a second", ours.get("packet_ins"), floor=50000),
    ]


def measure(lab, args):
    rounds, missing = rounds_of(lab, args)
    data = {name: {key: report.median([one[key] for one in all_]) for key in all_[0]}
            for name, all_ in rounds.items() if all_}
    for name, facts in data.items():
        facts["spread"] = report.spread([one["mpps"] for one in rounds[name]])
        facts["rounds"] = rounds[name]
    return {
        "scenario": NAME,
        "title": f"10,000 rules, {FLOWS} flows, median of {args.rounds} interleaved rounds",
        "columns": ["switch", *(column for _, column in FIGURES), "spread of Mpps"],
        "rows": [[name, *(facts[key] for key, _ in FIGURES), facts["spread"]]
                 for name, facts in data.items()],
        "goals": goals(data), "data": data, "missing": missing,
        "notes": ["64-byte UDP between two vhost-user ports; rules by source network and ports.",
                  f"{CHURN} flow-mods a second are half of them flows that come, half that go; no packet "
                  f"matches them.  Loaded, and read: {LOADED} flows beside two that 64 flows match.",
                  "A meter: of 40 Gbit/s, which nothing exceeds.  A group: of two buckets.",
                  "Packets in: every packet goes to the controller as well, 128 bytes of it; as many "
                  "as can be told are.", *rates.missing_notes(missing)],
    }
