# SPDX-License-Identifier: Apache-2.0
"""The packet threads: how they wait, what they remember, what they tell of themselves.

    [vm1] --tap--+-- [ lab: guard ]
    [vm2] --tap--+
"""

import pytest

GUESTS = """\
switches:
  - name: lab
    type: private
    policies: {org.xvs.guard/1: {dhcp_guard: true}}
    chain:
      - {instance: guard, extension: org.xvs.guard}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
"""


@pytest.fixture
def lab(hosts, xvsd):
    """lab("daemon: {...}"): a switch with two guests that have an address each."""
    guests = hosts("vm1", "vm2")

    def start(text=""):
        daemon = xvsd(text + GUESTS)
        for number, guest in enumerate(guests, 1):
            guest.up(f"10.77.0.{number}/24")
        return daemon, *guests

    return start


def sleeps(daemon):
    return sum(worker["sleeps"] for worker in daemon.rpc("workers"))


@pytest.mark.parametrize("polling, may_sleep", [("adaptive", True), ("busy", False),
                                                ("interrupt", True)])
def test_packets_flow_however_workers_wait(lab, polling, may_sleep):
    daemon, vm1, _ = lab(f"daemon: {{polling: {polling}}}\n")
    assert vm1.reaches("10.77.0.2")
    before = sleeps(daemon)
    assert vm1.ping("10.77.0.2")
    assert (sleeps(daemon) > before) == may_sleep
    assert all(worker["packets"] for worker in daemon.rpc("workers"))


def test_few_remembered_flows_are_enough_for_many_in_turn(lab):
    daemon, vm1, vm2 = lab("daemon: {flows: 1024}\n")
    assert vm1.reaches("10.77.0.2")
    with vm1.datagrams("10.77.0.1", 7000) as sender:
        for port in range(2000, 5000):
            sender.sendto(b"x", ("10.77.0.2", port))
    assert vm2.reaches("10.77.0.1")
    assert sum(worker["entries"] for worker in daemon.rpc("workers")) <= 1024


def test_an_operator_sees_where_cycles_go(lab):
    daemon, vm1, _ = lab()
    assert vm1.reaches("10.77.0.2")
    worker = daemon.rpc("workers")[0]
    assert worker["queues"] == 2 and worker["kernel_queues"] == 2
    cycles = worker["cycles"]
    assert worker["cycles_busy"] == sum(cycles[stage] for stage in cycles if stage != "idle")
    assert worker["cycles_per_packet"]["total"] == worker["cycles_busy"] // worker["packets"]
    guard, = worker["extensions"]
    assert guard["instance"] == "guard" and guard["judged"] > 0
    text = daemon.do("worker", "list")
    assert "cycles a packet" in text and "LOOKUP" in text and "guard" in text
