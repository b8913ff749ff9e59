# SPDX-License-Identifier: Apache-2.0
"""Random rules and packets for this switch and for Open vSwitch: what comes out must be the same.

Where Open vSwitch does not do as the specification says (docs/openflow.md has a list), rules do not go.
"""

import collections
import os
import random

import pytest

from support.of_lab import OpenFlowLab
from support.ovs import Ovs
from support.packets import KINDS, PRESENT, build
from test_openflow_matches import BITS, MASKABLE, NO_FIELD, number, prerequisites, said

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("XVS_SEED", random.SystemRandom().randrange(1 << 32)))
ROUNDS = int(os.environ.get("XVS_ROUNDS", 60))
RULES, PACKETS, TABLES = 40, 40, 4
# Open vSwitch cannot match, or not set, these; it pushes a tag of priority 0 in front of any other,
# and labels that are not as the specification has them
NO_MATCH = {"ipv6_exthdr"}
NO_SET = {"eth_type", "ip_proto", "ipv6_exthdr", "mpls_bos", "icmpv6_type", "icmpv6_code",
          "arp_op", "vlan_pcp"}


# it does not see the ports of a first fragment, nor IPv6's protocol in a later one, writes checksums
# into what has none, loses the innermost of three tags and takes all labels off that lie above a type
# that is none; tags behind one of VLAN 0 are the host's
NOT_SENT = {"first-fragment", "first-fragment6", "later-fragment", "later-fragment6",
            "priority-tcp", "qinq-tcp", "mpls-mpls"}
# what it does not look at: actions that are written, and what a pop leaves; it alone looks at tags of
# both lists together, and at the code of ICMPv6 for neighbour discovery
TAKEN_BY_ONE = {((2, 10), None), (None, (2, 10)), (None, (2, 12)), ((2, 10), (2, 12)),
                ((2, 10), (4, 9)), (None, (4, 9))}


class OvsLab(Ovs):
    """With the marker's flow and the wires of the other one."""

    marker = OpenFlowLab.marker
    until_marker = OpenFlowLab.until_marker
    send = OpenFlowLab.send
    reset = OpenFlowLab.reset


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    home = tmp_path_factory.mktemp("of")
    ours, theirs = OpenFlowLab(home), OvsLab(home / "ovs")
    try:
        ours.start()
        theirs.start()
        theirs.markers = ours.markers
        yield ours, theirs
    finally:
        theirs.end()
        ours.end()


class Dice(random.Random):
    """What a round is made of."""

    def value(self, field, value):
        """Mostly as in the packets, so that much matches."""
        n, bits = number(value)
        width = bits or BITS[field]
        if self.random() < 0.25:
            n ^= 1 << self.randrange(8 if field == "arp_op" else width)
        if field == "vlan_vid":
            n |= PRESENT
        return (n, bits, width)

    def match(self):
        kind = self.choice(list(KINDS))
        values = {k: v for k, v in KINDS[kind].items() if k not in NO_FIELD and k not in NO_MATCH}
        made = {}
        for field in self.sample(list(values), self.randrange(min(5, len(values)) + 1)):
            n, bits, width = self.value(field, values[field])
            say = (lambda x: x) if bits is None else (lambda x, bits=bits: said(x, bits))
            for name, needed in prerequisites(field, values).items():
                made.setdefault(name, needed)
            if field in MASKABLE and self.random() < 0.5 and field not in made:
                mask = self.getrandbits(width) | (PRESENT if field == "vlan_vid" else 0)
                made[field] = (say(n & mask), say(mask)) if mask else say(n)
            elif field not in made or isinstance(made[field], tuple):
                made[field] = say(n)
        if self.random() < 0.2:
            made["in_port"] = self.choice([1, 2, 3])
        if self.random() < 0.2:
            mask = self.choice([1, 3, 2**64 - 1])
            made["metadata"] = (self.randrange(4) & mask, mask)
        return made, values

    def action(self, lab, values, pushes):
        p, ofp = lab.controller.parser, lab.controller.ofp
        what = self.randrange(12)
        if what < 4:
            return [lab.controller.output(self.choice(lab.ports))]
        if what == 4:
            port = self.choice([ofp.OFPP_ALL, ofp.OFPP_FLOOD, ofp.OFPP_IN_PORT])
            return [lab.controller.output(port)]
        if what == 5 and pushes:
            vid = p.OFPActionSetField(vlan_vid=PRESENT | self.randrange(1, 4095))
            return [p.OFPActionPushVlan(self.choice([0x8100, 0x88a8])), vid]
        if what == 6:
            return [p.OFPActionPopVlan()]
        if what == 7:
            return [self.choice([
                p.OFPActionDecNwTtl(), p.OFPActionSetNwTtl(self.randrange(1, 9)),
                p.OFPActionDecMplsTtl(), p.OFPActionSetMplsTtl(self.randrange(9))])]
        if what == 8 and "mpls_label" in values:
            return [p.OFPActionPopMpls(0x88b7)]  # whatever is under it is sound
        field = self.choice([f for f in values if f not in NO_SET] + ["vlan_vid", "eth_src"])
        n, bits, width = self.value(field, values.get(field, 0x1005 if field == "vlan_vid" else
                                                      "52:54:00:00:00:01"))
        n ^= self.getrandbits(min(width, 3))
        if field in ("vlan_vid",):
            n |= PRESENT
        return [p.OFPActionSetField(**{field: n if bits is None else said(n, bits)})]

    def actions(self, lab, values, most, pushes=False):
        """A tag is pushed once at most, so that there are never three."""
        made = []
        for _ in range(self.randrange(1, most)):
            some = self.action(lab, values, pushes)
            pushes = pushes and len(some) == 1
            made += some
        # set behind a pop, it makes a tag of it
        if any(isinstance(action, lab.controller.parser.OFPActionPopVlan) for action in made):
            made = [action for action in made if getattr(action, "key", None) != "vlan_vid"]
        return made

    def rule(self, lab):
        """The same for both: 'lab' gives its words alone."""
        c = lab.controller
        match, values = self.match()
        table = self.randrange(TABLES)
        instructions = []
        if self.random() < 0.8:
            instructions.append(c.apply(*self.actions(lab, values, 5, table == 0)))
        if self.random() < 0.3:
            instructions.append(c.write(*self.actions(lab, values, 4)))
        if self.random() < 0.1:
            instructions.append(c.parser.OFPInstructionActions(c.ofp.OFPIT_CLEAR_ACTIONS, []))
        if self.random() < 0.3:
            instructions.append(c.parser.OFPInstructionWriteMetadata(self.randrange(4), 3))
        if table < TABLES - 1 and self.random() < 0.5:
            instructions.append(c.parser.OFPInstructionGotoTable(self.randrange(table + 1,
                                                                                TABLES)))
        if "in_port" in match:
            match["in_port"] = lab.ports[match["in_port"] - 1]
        return c.flow(match, instructions=instructions, table_id=table,
                      priority=self.randrange(1, 0xfff0), cookie=self.getrandbits(32))

    def packet(self):
        kind = self.choice([kind for kind in KINDS if kind not in NOT_SENT])
        changes = {"vlan_pcp": 0} if "vlan_pcp" in KINDS[kind] else {}
        for field, value in KINDS[kind].items():
            if field in NO_FIELD or field in NO_MATCH or field in (
                    "vlan_pcp", "eth_type", "ip_proto", "icmpv6_type", "icmpv4_type", "mpls_bos", "arp_op"):
                continue
            if self.random() < 0.1:
                n, bits, _ = self.value(field, value)
                changes[field] = n if bits is None else said(n, bits)
        return build(kind, **changes)


def same_rules(dice, ours, theirs, differing):
    """Both get a rule, made of the same dice; one that either refuses goes from both."""
    state = dice.getstate()
    mine = dice.rule(ours)
    dice.setstate(state)
    other = dice.rule(theirs)
    faults = ours.controller.fault(mine), theirs.controller.fault(other)
    if faults[0] != faults[1] and faults not in TAKEN_BY_ONE:
        differing[faults].append(str(mine))
    if any(faults):
        for lab, mod in ((ours, mine), (theirs, other)):
            c = lab.controller
            c.do(c.flow(command=c.ofp.OFPFC_DELETE, table_id=c.ofp.OFPTT_ALL, cookie=mod.cookie,
                        cookie_mask=2**64 - 1))


def in_order(got):
    return [sorted(packets) for packets in got]


def counts(lab):
    return {row.cookie: (row.packet_count, row) for row in lab.controller.flows()}


def short(data):
    return f"{data[:30].hex()}..{len(data)}"


def difference(labs, nr, at, packet, got):
    """What came out at both, and by which flows; the packet is sent once more for it."""
    lines = [f"round {nr}, at {at}: {packet.hex()}"]
    for name, lab, out in zip(("ours", "theirs"), labs, got):
        before = counts(lab)
        lab.send(packet, at=at)
        lines.append(f"{name}: {[[short(g) for g in port] for port in out]}")
        for cookie, (packets, row) in counts(lab).items():
            if packets != before[cookie][0] and cookie != 0xfeed:
                lines.append(f"    table {row.table_id}: {row.match} {row.instructions}")
    return "\n".join(lines)


def report(faults, wrong):
    for codes, rules in faults.items():
        print("refused", codes, len(rules), rules[0])
    print(*wrong[:20], sep="\n")
    print(len(wrong), "of", ROUNDS * PACKETS, "differ")


def test_the_same_rules_do_the_same(labs):
    ours, theirs = labs
    print(f"XVS_SEED={SEED} XVS_ROUNDS={ROUNDS}")
    dice = Dice(SEED)
    faults = collections.defaultdict(list)
    wrong = []
    for n in range(ROUNDS):
        for lab in labs:
            lab.reset()
            # without these it carries out the action set of what matches nothing in a later table
            lab.controller.do(*[lab.controller.flow({}, table_id=table, priority=0)
                                for table in range(1, TABLES)])
        for _ in range(RULES):
            same_rules(dice, ours, theirs, faults)
        theirs.forget()
        for _ in range(PACKETS):
            packet, at = dice.packet(), dice.randrange(3)
            got = [in_order(lab.send(packet, packet, at=at)) for lab in labs]
            if got[0] != got[1]:
                wrong.append(difference(labs, n, at, packet, got))
    report(faults, wrong)
    assert not wrong and not faults
