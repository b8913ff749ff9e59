# SPDX-License-Identifier: Apache-2.0
"""The rows of packet rates between two vhost-user ports."""

from harness import ovs, report, vhost
from harness.rates import Case, Goal, RateScenario

XVS, IO, OVS = vhost.Xvs, vhost.Testpmd, ovs.Ovs
MILLION = ["--flows", 1000000, "--macs", 64]

NOTES = ("One switch core, one generator core (bench/vgen, which owns both ports). 64 B is what lies "
         "in the ring: no FCS.",
         "generator idle: of its time, with nothing to take and nothing to send; near 0, it was the "
         "limit. switch busy: cycles a packet, by the switch's own account, times packets, of its core.",
         "cycles: a packet, of the time stamp counter, as the switch tells; testpmd does not.",
         "lost: of all that was sent; the receiver's ring was full, or the generator not on its core.")


def small():
    flows = [("64 B split, 1 flow", ["--flows", 1]), ("64 B split, 64 flows", ["--flows", 64]),
             ("64 B split, 10,000 flows", ["--flows", 10000])]
    packed = [("64 B packed, 64 flows", ["--flows", 64, "--packed"]),
              ("64 B packed, 10,000 flows", ["--flows", 10000, "--packed"])]
    cases = [Case(label, options, XVS, IO, OVS) for label, options in [*flows, *packed]]
    goals = [Goal(label, XVS.name, IO.name, 1.25) for label, _ in flows]
    goals += [Goal(label, XVS.name, OVS.name, 1.8) for label, _ in flows]
    goals += [Goal(label, XVS.name, IO.name, 1.15) for label, _ in packed]
    return RateScenario("vhost-64", "vhost-user 64 B: xvs, testpmd io-forward, OVS-DPDK",
                        "64-byte UDP between two vhost-user ports", cases, goals, NOTES)


def million():
    label = "64 B split, 1,000,000 flows, 64 MAC pairs"
    return RateScenario(
        "vhost-million", "the same with 1,000,000 flows: xvs, OVS-DPDK",
        "64-byte UDP, 1,000,000 flows",
        [Case(label, MILLION, vhost.XvsMillion, OVS, warm_up_s=1.5)],
        [Goal(label, vhost.XvsMillion.name, OVS.name, 2.0)], NOTES[1:])


def large():
    cases, goals = [], []
    for size, to_io, to_ovs in ((512, 1.2, 1.5), (1514, 1.1, 1.4)):
        label = f"{size} B split, 64 flows, every byte read"
        cases.append(Case(label, ["--size", size, "--flows", 64, "--touch"], XVS, IO, OVS))
        goals += [Goal(label, XVS.name, IO.name, to_io), Goal(label, XVS.name, OVS.name, to_ovs)]
    return RateScenario("vhost-large", "vhost-user 512 and 1514 B, the guest reads every byte",
                        "larger packets", cases, goals, NOTES[1:])


def acl():
    ten, many = "10,000 rules, 10,000 flows", "10,000 rules, 1,000,000 flows"
    kinds = (vhost.XvsAcl, ovs.OvsAcl)
    return RateScenario(
        "acl", "10,000 rules, 10,000 and 1,000,000 flows: xvs, OVS-DPDK",
        "64-byte UDP, 10,000 rules by source network and destination ports",
        [Case(ten, ["--flows", 10000], *kinds, warm_up_s=1.5),
         Case(many, MILLION, *kinds, warm_up_s=6)],
        [Goal(ten, kinds[0].name, kinds[1].name, 2.5),
         SixMppsOrHundredfold(many, kinds[0].name, kinds[1].name)],
        [*NOTES[1:], "xvs judges by an extension with these rules (bench/modules/acl.c), OVS by as "
         "many OpenFlow rules, with emc and smc."])


class SixMppsOrHundredfold(Goal):
    """The floor of the largest row is an absolute rate, or a factor."""

    def __init__(self, case, ours, theirs):
        super().__init__(case, ours, theirs, 100)

    def judge(self, medians):
        rate = medians.get((self.case, self.ours), {}).get("mpps")
        one = super().judge(medians)
        if one["reached"] or rate is None:
            return one
        return Absolute(self.case, self.ours, 6.0).judge(medians)


class Absolute(Goal):
    """A figure by itself."""

    def __init__(self, case, ours, floor):
        super().__init__(case, ours, None, floor)

    def judge(self, medians):
        return report.goal(f"{self.case}: {self.ours}, Mpps",
                           medians.get((self.case, self.ours), {}).get("mpps"), floor=self.floor)


def extensions():
    plain, chain, other = vhost.XvsPlain, vhost.XvsExtensions, ovs.OvsSecurity
    udp, tcp = "UDP, 64 established flows", "TCP, 64 established flows"
    flows = ["--flows", 64, "--establish"]
    return RateScenario(
        "extensions", "guard, secgroup, sampling, static at work: against plain L2, OVS with ct()",
        "64-byte packets of established connections",
        [Case(udp, flows, chain, plain, other), Case(tcp, [*flows, "--tcp"], chain, plain, other)],
        [Goal(udp, chain.name, plain.name, 0.85), Goal(tcp, chain.name, plain.name, 0.75),
         Goal(udp, chain.name, other.name, 3.0), Goal(tcp, chain.name, other.name, 3.0)],
        [*NOTES[1:], "Four extensions: guard, secgroup with 1,000 rules and connections, one packet "
         "in 1,000 sampled (bench/modules/sampler.c), addresses by static. OVS: ct(), 1,000 rules, "
         "source addresses checked."])


def mirror():
    label = "64 B split, 64 flows"
    ours, other = vhost.XvsMirror, ovs.OvsMirror
    return RateScenario(
        "mirror", "every packet copied to a third port, against none: xvs, OVS-DPDK",
        "64-byte UDP, mirrored", [Case(label, ["--flows", 64], ours, vhost.XvsPlain, other, OVS)],
        [Goal(label, ours.name, vhost.XvsPlain.name, 0.55)],
        [*NOTES[1:], "The third port is read by the generator, too. Each has a mirror session."])


def many():
    label = "64 B split, 64 flows"
    none, judging, batch = vhost.XvsPlain, vhost.XvsJudging, vhost.XvsBatch
    return RateScenario(
        "many", "16 judging extensions, 16 batch extensions, between two vhost-user ports",
        "64-byte UDP through long chains",
        [Case(label, ["--flows", 64], judging, none, batch)],
        [Goal(label, judging.name, none.name, 0.95), BatchCost(label, batch.name, none.name)],
        NOTES[1:])


def new_flows():
    label = "each packet of a new flow"
    return RateScenario(
        "new-flows", "flows a second that the switch judges and remembers: xvs, OVS-DPDK",
        "64-byte UDP, each packet a 5-tuple that was not there before",
        [Case(label, [], XVS, OVS, mode="new"),
         Case(f"{label}, 10,000 rules", [], vhost.XvsAcl, ovs.OvsAcl, mode="new")],
        (), [*NOTES[1:], "Mpps are millions of flows a second.  The budget of new flows, which "
             "every port of xvs has, is switched off."])


class BatchCost(Goal):
    """What an extension costs that is given each batch and does nothing: ns a packet, at most."""

    COUNT, LIMIT_NS = 16, 2.5

    def __init__(self, case, ours, theirs):
        super().__init__(case, ours, theirs, None)

    def judge(self, medians):
        mine, none = (medians.get((self.case, name), {}).get("mpps")
                      for name in (self.ours, self.theirs))
        cost = None if not mine or not none else (1e3 / mine - 1e3 / none) / self.COUNT
        return report.goal(f"{self.case}: a batch extension, ns a packet", cost,
                           limit=self.LIMIT_NS)


SCENARIOS = (small(), million(), large(), acl(), extensions(), mirror(), many(), new_flows())
