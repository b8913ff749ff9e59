# SPDX-License-Identifier: Apache-2.0
"""Connections: those that are established, and how many new ones a second come about."""

from harness import ovs, vhost
from harness.rates import Case, Goal, RateScenario
from harness.vhost_rates import NOTES, Absolute

CONNECTIONS = 1 << 21


class XvsFirewall(vhost.Xvs):
    """Secgroup with 1,000 rules at both ports, and room for a million connections at each."""

    name = "xvs, secgroup"
    chain = ("org.xvs.secgroup",)
    port_policies = {"*": {
        "org.xvs.secgroup.rules/1": {"rules": vhost.secgroup_rules(vhost.XvsExtensions.RULES)},
        "xvs.connections/1": {"limit": CONNECTIONS // 2, "half_open": 65536},
    }}

    def config(self):
        config = super().config()
        config["daemon"]["connections"] = CONNECTIONS
        return config


def firewall_flows():
    """The same 1,000 rules for what is new, and NORMAL for what passes."""
    flows = ["table=0,priority=50,arp,actions=NORMAL", "table=0,priority=10,ip,actions=ct(table=1)",
             "table=0,priority=0,actions=drop",
             "table=1,priority=65000,ct_state=+trk+est,actions=NORMAL",
             "table=1,priority=65000,ct_state=+trk+rel,actions=NORMAL",
             "table=1,priority=65000,ct_state=+trk+inv,actions=drop",
             "table=1,priority=0,actions=drop"]
    return flows + [flow.replace("resubmit(,2)", "NORMAL") for flow in ovs.security_flows()
                    if "ct_state=+trk+new" in flow]


class OvsFirewall(ovs.Ovs):
    """Equal rules, and ct()."""

    name = "OVS-DPDK, ct()"

    def flows(self):
        return firewall_flows()


def scenario():
    kinds = (XvsFirewall, OvsFirewall)
    many = "established TCP, 10,000 connections"
    new = "new TCP connections, M a second"
    return RateScenario(
        "connections", "a stateful firewall: established and new connections, against OVS with ct()",
        "a stateful firewall with 1,000 rules",
        [Case(many, ["--flows", 10000, "--tcp"], *kinds),
         Case(new, ["--close"], *kinds, mode="connect")],
        [Goal(many, kinds[0].name, kinds[1].name, 3.0),
         Goal(new, kinds[0].name, kinds[1].name, 2.0), Absolute(new, kinds[0].name, 0.3)],
        [*NOTES[1:], "A new connection is SYN, SYN-ACK, ACK, and a RST that ends it: of each, "
         "'Mpps' are millions of connections a second; cycles are of one of its four packets."])


SCENARIOS = (scenario(),)
