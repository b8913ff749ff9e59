#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the harness makes of what it reads; measures nothing.  Run it as it is."""

import pathlib
import sys
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

from harness import connections, ovs, rates, report, vhost, vhost_rates  # noqa: E402  (the path comes first)

PMD_STATS = """\
pmd thread numa_id 0 core_id 0:
  packets received: 3000
  idle cycles: 48001363996 (49.60%)
  processing cycles: 600000 (50.40%)
  avg cycles per packet: 32138.62 (96784047522/3011456)
  avg processing cycles per packet: 16199.04 (48782683526/3011456)
main thread:
  packets received: 10
"""


def round_of(mpps, **more):
    return {"mpps": mpps, "sent_mpps": mpps, "tsc_ghz": 2.0, "idle": 0.5, "lost_share": 0.0, **more}


class WhatPeersSay(unittest.TestCase):
    def test_cycles_of_ovs_are_those_on_packets(self):
        self.assertEqual(ovs.parse_pmd_stats(PMD_STATS), {"processing": 600000, "packets": 3010})

    def test_ovs_tells_the_cycles_of_one_run(self):
        later = PMD_STATS.replace("received: 3000", "received: 4000").replace("600000", "1100000")
        self.assertEqual(ovs.Ovs.work({"pmd": PMD_STATS}, {"pmd": later}),
                         {"cycles": {"total": 500.0}})

    def test_xvs_tells_cycles_by_stage_without_waiting(self):
        before = {"packets": 100, "cycles": {"rx": 1000, "idle": 50}}
        after = {"packets": 200, "cycles": {"rx": 3000, "idle": 90}}
        self.assertEqual(vhost.Xvs.work(before, after), {"cycles": {"rx": 20.0}})


class Rules(unittest.TestCase):
    def test_open_flow_rules_are_those_of_the_extension(self):
        flows = ovs.acl_flows()
        self.assertEqual(len([flow for flow in flows if "nw_src" in flow]), 10000)
        self.assertIn("nw_src=10.0.0.0/20,tp_dst=0x1380/0xffe0", flows[0])
        self.assertIn("nw_src=10.19.128.0/20,tp_dst=0x1560/0xffe0", flows[9999])

    def test_both_firewalls_have_as_many_rules(self):
        ours = vhost.secgroup_rules(vhost.XvsExtensions.RULES)
        theirs = [flow for flow in ovs.security_flows() if "+trk+new" in flow]
        self.assertEqual(len(ours), vhost.XvsExtensions.RULES)
        self.assertEqual(len(ours), len(theirs))

    def test_a_firewall_alone_has_the_same_rules_and_forwards_by_itself(self):
        flows = connections.firewall_flows()
        self.assertEqual(len([flow for flow in flows if "+trk+new" in flow]),
                         vhost.XvsExtensions.RULES)
        self.assertEqual([flow for flow in flows if "resubmit" in flow], [])


class Figures(unittest.TestCase):
    def test_the_middle_round_counts(self):
        facts = rates.summarise([round_of(1.0), round_of(9.0), round_of(2.0)])
        self.assertEqual((facts["mpps"], facts["spread"]), (2.0, 4.0))

    def test_busy_is_cycles_times_packets_of_a_core(self):
        facts = rates.summarise([round_of(5.0, cycles={"rx": 100.0, "tx": 100.0})])
        self.assertAlmostEqual(facts["busy"], 0.5)

    def test_a_goal_is_reached_at_its_floor_and_missed_below(self):
        medians = {("case", "xvs"): {"mpps": 2.5}, ("case", "other"): {"mpps": 2.0}}
        self.assertTrue(rates.Goal("case", "xvs", "other", 1.25).judge(medians)["reached"])
        self.assertFalse(rates.Goal("case", "xvs", "other", 1.26).judge(medians)["reached"])

    def test_a_peer_that_is_missing_leaves_the_goal_open(self):
        one = rates.Goal("case", "xvs", "other", 1.0).judge({("case", "xvs"): {"mpps": 2.5}})
        self.assertIsNone(one["reached"])
        self.assertEqual(report.goal_row(one)[3], "not measured")

    def test_a_million_flows_reach_by_rate_or_by_factor(self):
        goal = vhost_rates.SixMppsOrHundredfold("case", "xvs", "other")
        for mine, other, reached in ((6.0, 5.0, True), (5.9, 0.05, True), (5.9, 0.06, False)):
            medians = {("case", "xvs"): {"mpps": mine}, ("case", "other"): {"mpps": other}}
            self.assertEqual(goal.judge(medians)["reached"], reached)

    def test_a_batch_extension_costs_the_difference(self):
        medians = {("case", "batch"): {"mpps": 5.0}, ("case", "none"): {"mpps": 10.0}}
        one = vhost_rates.BatchCost("case", "batch", "none").judge(medians)
        self.assertAlmostEqual(one["value"], 6.25)
        self.assertFalse(one["reached"])


class Missing(unittest.TestCase):
    def test_a_tool_that_is_not_installed_is_told_by_name(self):
        kind = types.SimpleNamespace(name="peer", tools=("no-such-program",))
        field = rates.Field(None, ())
        self.assertTrue(field.is_absent(kind))
        self.assertIn("no-such-program not installed", field.missing["peer"])


if __name__ == "__main__":
    unittest.main()
