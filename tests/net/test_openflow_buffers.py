# SPDX-License-Identifier: Apache-2.0
"""Packets whose beginning a controller is told: kept by the switch until it says what becomes of them."""

import contextlib

import pytest

from support.controller import Controller
from support.openflow import MACS, lab_at
from support.wire import frame

BUFFER_EMPTY, BUFFER_UNKNOWN = (1, 7), (1, 8)
TOLD, KEPT_AT_MOST = 64, 256


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def controller(lab):
    lab.clear()
    lab.flow(f"in_port=@vm1,actions=CONTROLLER:{TOLD}")
    with contextlib.closing(Controller(lab.calls())) as made:
        yield made


def packet(number):
    return frame(MACS["vm2"], MACS["vm1"], b"kept %3d" % number + bytes(200))


def output(controller, port):
    return [controller.parser.OFPActionOutput(port)]


def test_a_packet_out_sends_what_was_kept_once(lab, controller):
    vm1, vm2, _ = lab.wires()
    vm1.send(packet(1))
    told = controller.wait(controller.ofproto.OFPT_PACKET_IN)
    assert told.data == packet(1)[:TOLD] and told.total_len == len(packet(1))
    answer = {"buffer_id": told.buffer_id, "in_port": lab.ports["vm1"], "data": None,
              "actions": output(controller, lab.ports["vm2"])}
    assert controller.is_refused("PacketOut", **answer) is None
    assert vm2.wait(packet(1))
    assert controller.is_refused("PacketOut", **answer) == BUFFER_EMPTY
    answer["buffer_id"] = told.buffer_id + (1 << 20)
    assert controller.is_refused("PacketOut", **answer) == BUFFER_UNKNOWN


def test_a_flow_mod_sends_it_through_the_tables(lab, controller):
    vm1, vm2, _ = lab.wires()
    vm1.send(packet(2))
    told = controller.wait(controller.ofproto.OFPT_PACKET_IN)
    parser = controller.parser

    def flow(port):
        return {"buffer_id": told.buffer_id, "priority": 50000,
                "match": parser.OFPMatch(in_port=lab.ports["vm1"]),
                "instructions": [parser.OFPInstructionActions(
                    controller.ofproto.OFPIT_APPLY_ACTIONS, output(controller, port))]}
    assert controller.is_refused("FlowMod", **flow(60000)) is not None  # no such port: it stays
    assert controller.is_refused("FlowMod", **flow(lab.ports["vm2"])) is None
    assert vm2.wait(packet(2))
    # without its packet a flow is a flow all the same: the switch tells of it, and has it
    answer = flow(lab.ports["vm2"]) | {"priority": 50001}
    assert controller.is_refused("FlowMod", **answer) == BUFFER_EMPTY
    assert "priority=50001" in lab.ofctl("dump-flows")


def test_who_was_not_told_of_it_cannot_use_it(lab, controller):
    vm1, _, _ = lab.wires()
    vm1.send(packet(3))
    told = controller.wait(controller.ofproto.OFPT_PACKET_IN)
    answer = {"buffer_id": told.buffer_id, "in_port": lab.ports["vm1"], "data": None,
              "actions": output(controller, lab.ports["vm2"])}
    with contextlib.closing(Controller(lab.calls())) as other:
        assert other.is_refused("PacketOut", **answer) == BUFFER_UNKNOWN
    assert controller.is_refused("PacketOut", **answer) is None


def test_of_several_controllers_each_is_told_the_whole(lab, controller):
    vm1, vm2, _ = lab.wires()
    with contextlib.closing(Controller(lab.calls())) as other:
        other.silence()
        vm1.send(packet(4))
        for each in (controller, other):
            told = each.wait(each.ofproto.OFPT_PACKET_IN)
            assert (told.buffer_id, told.data) == (each.ofproto.OFP_NO_BUFFER, packet(4))


def test_where_no_more_can_be_kept_the_whole_is_told(lab, controller):
    vm1, _, _ = lab.wires()
    for number in range(2 * KEPT_AT_MOST):
        vm1.send(packet(number))
    none = controller.ofproto.OFP_NO_BUFFER
    kept = set()
    while True:
        told = controller.wait(controller.ofproto.OFPT_PACKET_IN)
        if told.buffer_id == none:
            break
        assert told.buffer_id not in kept
        kept.add(told.buffer_id)
    assert told.data == packet(int(told.data[19:22]))
    assert len(kept) <= KEPT_AT_MOST
