# SPDX-License-Identifier: Apache-2.0
"""10,000 rules between two namespaces: access lists of xvs, nftables on a bridge.

    [left] 10.77.0.1 -- switch -- 10.77.0.2 [right]        rules stand before what right receives

The bridge has the rules as one set of networks and ports, which is the best that nftables has for them; a
rule behind it lets the measured traffic pass, so all rules are asked.  Neither keeps state: the kernels that
have nf_conntrack_bridge are few.  Beside both, how fast they are without any rule.
"""

import json

from harness import peers, report, streams
from harness.lab import BenchError, run

NAME = "filter"
SUMMARY = "10,000 access rules between namespaces: xvs, and nftables on a bridge"
IS_USUAL = True
TOOLS = (*streams.TOOLS, "nft")
TARGETS = ("xvsd",)
RULES = 10000
ALLOWED = "10.77.0.0/24"
STRANGERS = {"left": "10.79.0.1/24", "right": "10.79.0.2/24"}


def rules():
    """(network, port) of each, none of them about what is sent."""
    return [(f"172.{16 + nr // 2500}.{nr // 10 % 250}.0/24", 1000 + nr % 10) for nr in range(RULES)]


def port_rules():
    """The same for xvs, as JSON."""
    allow = [{"direction": "in", "action": "allow", "weight": 10, "proto": "tcp", "remote": network,
              "local_ports": str(port)} for network, port in rules()]
    last = [{"direction": "in", "action": "allow", "weight": 5, "remote": ALLOWED},
            {"direction": "in", "action": "deny", "weight": 1, "remote": "0.0.0.0/0"}]
    return json.dumps([*allow, *last])


def bridge_rules():
    """The same for nft."""
    elements = ", ".join(f"{network} . {port}" for network, port in rules())
    return ("table bridge bench {\n"
            "  set allowed { type ipv4_addr . inet_service; flags interval; "
            f"elements = {{ {elements} }} }}\n"
            "  chain pass { type filter hook forward priority 0; policy accept;\n"
            "    oifname != \"right0\" accept\n"
            "    ip saddr . tcp dport @allowed accept\n"
            f"    ip saddr {ALLOWED} accept\n"
            "    ether type ip drop\n  }\n}\n")


class XvsRules(peers.Xvsd):
    """Access lists of the port on the right."""

    name = "xvs, 10,000 rules"

    def config(self):
        return (super().config() + "        policies:\n          xvs.acl-extended/1: {rules: "
                + port_rules() + "}\n")

    def verify(self):
        expect_closed(self)


class BridgeRules(peers.Bridge):
    """One set, before what leaves to the right."""

    name = "Linux bridge, nft, 10,000 rules"

    def start(self):
        super().start()
        run("nft", "-f", "-", input=bridge_rules())

    def verify(self):
        expect_closed(self)

    def stop(self):
        super().stop()
        run("nft", "flush", "ruleset")


PEERS = (XvsRules, BridgeRules, peers.Xvsd, peers.Bridge)


def expect_closed(peer):
    """Whom no rule names does not get through."""
    for side, text in STRANGERS.items():
        run("ip", "-n", side, "address", "add", text, "dev", "eth0")
    if streams.is_reachable("left", STRANGERS["right"].split("/")[0]):
        raise BenchError(f"{peer.name}: its rules let pass what they deny")


def measure(lab, args):
    rounds = streams.rounds_of(lab, args, PEERS, streams.SIDES, streams.both)
    columns, rows, data = streams.table("switch", rounds, {"nft": BridgeRules.name})
    for ruled, plain in ((XvsRules.name, peers.Xvsd.name), (BridgeRules.name, peers.Bridge.name)):
        for what in ("gbps", "kpps"):
            data[ruled][f"{what}_to_plain"] = report.ratio(data[ruled][what], data[plain][what])
    keeps = [f"{name} keeps {data[name]['gbps_to_plain']:.2f} of its Gbit/s and "
             f"{data[name]['kpps_to_plain']:.2f} of its kpps" for name in (XvsRules.name, BridgeRules.name)]
    return {
        "scenario": NAME, "goals": [],
        "title": f"{RULES} rules, median of {args.rounds} interleaved rounds",
        "columns": columns, "rows": rows, "data": data,
        "notes": [streams.NOTE, "With rules, " + "; ".join(keeps) + "."],
    }
