# SPDX-License-Identifier: Apache-2.0
"""Bundles of 1.4 (6.8, 7.3.9): all of it at once or nothing, and what is wrong with one is told."""

import pytest

from support.of_lab import openflow_lab
from support.packets import build

BUNDLE_FAILED = 17
UNKNOWN, EPERM, BAD_ID, EXISTS, CLOSED, OUT_OF, BAD_TYPE, BAD_FLAGS = range(8)
MSG_UNSUP, MSG_FAILED = 10, 13


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with openflow_lab(tmp_path_factory.mktemp("of"), version=5) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.reset()
    return module_lab


def control(c, bundle, name, flags=1):
    kind = getattr(c.ofp, f"OFPBCT_{name}_REQUEST")
    return c.parser.OFPBundleCtrlMsg(c.datapath, bundle, kind, flags, [])


def put(c, bundle, message, flags=1):
    """What is in it must have the number of what it is in."""
    message.xid = None
    message.set_xid(c.xid + 1)
    return c.parser.OFPBundleAddMsg(c.datapath, bundle, flags, message, [])


def test_a_bundle_is_in_force_when_it_is_committed(lab):
    c = lab.controller
    packet = build("tcp")
    lab.install(c.flow({}, [c.output(lab.ports[1])], cookie=1))
    c.do(control(c, 7, "OPEN"))
    c.do(put(c, 7, c.flow({}, [c.output(lab.ports[2])], cookie=2)))
    c.do(put(c, 7, c.flow({"eth_type": 0x0806}, [], cookie=3)))
    c.do(control(c, 7, "CLOSE"))
    assert lab.send(packet) == [[], [packet], []]
    c.do(control(c, 7, "COMMIT"))
    assert lab.send(packet, packet) == [[], [], [packet] * 2]
    assert sorted(row.cookie for row in c.flows()) == [2, 3, 0xfeed]
    # it has gone, and so has one that is thrown away
    assert c.fault(control(c, 7, "COMMIT")) == (BUNDLE_FAILED, BAD_ID)
    c.do(control(c, 8, "OPEN"))
    c.do(put(c, 8, c.flow({}, [], priority=9, cookie=4)))
    c.do(control(c, 8, "DISCARD"))
    assert c.fault(control(c, 8, "COMMIT")) == (BUNDLE_FAILED, BAD_ID)
    assert lab.send(packet) == [[], [], [packet]]


def test_one_wrong_message_undoes_all_of_it(lab):
    """A group that comes and goes with it, too."""
    c = lab.controller
    p, ofp = c.parser, c.ofp
    bucket = p.OFPBucket(0, ofp.OFPP_ANY, ofp.OFPG_ANY, [c.output(lab.ports[1])])
    c.do(control(c, 1, "OPEN"))
    c.do(put(c, 1, p.OFPGroupMod(c.datapath, ofp.OFPGC_ADD, ofp.OFPGT_ALL, 5, [bucket])))
    c.do(put(c, 1, c.flow({}, [p.OFPActionGroup(5)], cookie=1)))
    c.do(put(c, 1, c.flow(command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL)))
    c.do(put(c, 1, c.flow({}, [p.OFPActionGroup(6)], cookie=2)))
    said = [(m.type, m.code) for m in c.exchange(control(c, 1, "COMMIT"))]
    assert sorted(said) == [(2, 9), (BUNDLE_FAILED, MSG_FAILED)]
    assert [row.cookie for row in c.flows()] == [0xfeed]
    assert not c.entries(p.OFPGroupDescStatsRequest(c.datapath, 0))


def test_bundles_that_cannot_be(lab):
    c = lab.controller
    echo = c.parser.OFPEchoRequest(c.datapath)
    cases = []

    def expect(name, message, code):
        got = c.fault(message)
        if got != (code and (BUNDLE_FAILED, code)):
            cases.append((name, got, code))

    expect("close of none", control(c, 5, "CLOSE"), BAD_ID)
    expect("discard of none", control(c, 5, "DISCARD"), BAD_ID)
    c.do(control(c, 5, "OPEN"))
    expect("again", control(c, 5, "OPEN"), EXISTS)
    expect("which ended it", control(c, 5, "COMMIT"), BAD_ID)
    c.do(control(c, 6, "OPEN"))
    expect("other flags", put(c, 6, c.flow({}), flags=2), BAD_FLAGS)
    expect("an echo", put(c, 6, echo), MSG_UNSUP)
    c.do(control(c, 6, "CLOSE"))
    expect("put into a closed one", put(c, 6, c.flow({})), CLOSED)
    expect("closed again", control(c, 6, "CLOSE"), CLOSED)
    for n in range(100, 116):
        c.fault(control(c, n, "OPEN"))
    expect("too many", control(c, 200, "OPEN"), OUT_OF)
    for n in range(100, 116):
        c.fault(control(c, n, "DISCARD"))
    assert not cases
