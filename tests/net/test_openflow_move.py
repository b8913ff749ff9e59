# SPDX-License-Identifier: Apache-2.0
"""A port moves between two switches that controllers drive, each its own: support/movers.py."""

import pytest

from support.controller import Place
from support.movers import MAC, UUID, Movers
from support.patience import wait_for

CHAIN = """
      - {instance: of, extension: org.xvs.openflow}
    policies:
      org.xvs.openflow.controller/1: {targets: ["tcp:127.0.0.1:6653"], fail_mode: secure}
"""
NUMBER = 77
PORTS = f"""
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
      - name: vm1
        uuid: {UUID}
        mac: "{MAC}"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{org.xvs.openflow.port/1: {{number: {NUMBER}}}}}
"""
ADD, DELETE, MODIFY = 0, 1, 2
LINK_DOWN, LIVE = 1, 4


class Driver:
    """The controller of one host: everywhere but to vm1's number only by its own rule."""

    def __init__(self, place):
        self.c = place.controller()
        parser, ofproto = self.c.parser, self.c.ofproto
        self.told = []
        self.rule(0, {}, ofproto.OFPP_FLOOD)
        self.rule(10, {"eth_dst": MAC}, NUMBER)
        assert self.c.is_refused("PortDescStatsRequest", 0) is None
        self.parser = parser

    def rule(self, priority, match, port, command=0):
        parser, ofproto = self.c.parser, self.c.ofproto
        inst = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS,
                                             [parser.OFPActionOutput(port)])]
        assert self.c.is_refused("FlowMod", priority=priority, match=parser.OFPMatch(**match),
                                 instructions=inst, command=command,
                                 out_port=ofproto.OFPP_ANY, out_group=ofproto.OFPG_ANY) is None

    def number(self, name):
        """Of a port; None: it is not there."""
        xid = self.c.say("PortDescStatsRequest", 0)
        for port in self.c.answer(xid).body:
            if port.name.decode() == name:
                return port.port_no
        return None

    def statuses(self):
        """What it was told of vm1 since the last time: reason and state."""
        heard = [m for m in self.c.silence() if m.msg_type == self.c.ofproto.OFPT_PORT_STATUS
                 and m.desc.name == b"vm1"]
        assert all(m.desc.port_no == NUMBER for m in heard)
        return [(m.reason, m.desc.state) for m in heard]


@pytest.fixture
def movers(tmp_path):
    made = Movers(tmp_path, ports=PORTS, chain=CHAIN)
    made.places = {name: Place(6653, host) for name, host in made.hosts.items()}
    made.start()
    yield made
    for daemon in made.daemons.values():
        for report in ("AddressSanitizer", "runtime error:", "Assertion"):
            assert report not in daemon.said(), daemon.said()
    for place in made.places.values():
        place.close()
    made.remove()


def test_each_controller_hears_of_it_and_its_rules_hold_again(movers):
    a, b = (Driver(movers.places[name]) for name in "ab")
    up0 = a.number("up0")
    assert a.number("vm1") == NUMBER and b.number("vm1") is None
    assert movers.vm2.reaches("10.77.0.1")
    a.statuses()
    b.statuses()

    assert movers.move()["outcome"] == "moved"
    assert a.statuses() == [(MODIFY, LINK_DOWN), (DELETE, LINK_DOWN)]
    assert b.statuses() == [(ADD, LINK_DOWN), (MODIFY, LIVE)]
    assert a.number("vm1") is None and b.number("vm1") == NUMBER
    # where it is the controller's own rule, made before it came, leads to it; where it was, nobody's
    assert not movers.vm2.ping("10.77.0.1", count=1)
    a.rule(20, {"eth_dst": MAC}, up0)
    assert movers.vm2.reaches("10.77.0.1")

    assert movers.move(to="a")["outcome"] == "moved"
    assert b.statuses() == [(MODIFY, LINK_DOWN), (DELETE, LINK_DOWN)]
    assert a.statuses() == [(ADD, LINK_DOWN), (MODIFY, LIVE)]
    a.rule(20, {"eth_dst": MAC}, up0, command=a.c.ofproto.OFPFC_DELETE_STRICT)
    assert movers.vm2.reaches("10.77.0.1"), "the rule that named it from the beginning"
    wait_for("both to be connected", lambda: all(
        movers[name].rpc("ext.show", name="lab/of")["status"]["org.xvs.openflow.status/1"]
        ["controllers"][0]["state"] == "connected" for name in "ab"))


def test_a_move_that_is_refused_tells_no_controller_that_it_left(movers):
    a, b = (Driver(movers.places[name]) for name in "ab")
    movers["b"].rpc("port.add", switch="lab", port={
        "name": "other", "backend": "null",
        "policies": {"org.xvs.openflow.port/1": {"number": NUMBER}}})
    b.c.silence()
    a.statuses()
    refused = movers["a"].refuses("migrate", "port", "vm1", "--to", "10.9.0.2")
    assert "number" in refused and "other" in refused
    assert a.statuses() == [] and b.number("vm1") is None
    assert movers.vm2.reaches("10.77.0.1")
