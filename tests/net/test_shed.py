# SPDX-License-Identifier: Apache-2.0
"""A flood that a vendor's filter has the driver drop: the switch goes on as if there were none.

    [vm1] eth0 --tap--+-- [ lab: com.acme.scrubber ] up0 --veth-- out0 [outside: one floods,
    [vm2] eth0 --tap--+                                                 another does not]
"""

import contextlib

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from support.patience import wait_for
from support.vendor import counters, offer

VM1, FAR = "52:54:00:00:00:01", "02:00:00:00:00:01"
FEATURE = "com.acme.scrubber/1"
LIMIT = 100
FLOOD = 20000
HOUR_MS = 3600000
CONFIG = """
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: external
    {more}
    chain:
      - instance: scrubber
        extension: com.acme.scrubber
        policies: {{com.acme.scrubber/1: {{limit: {limit}, ms: {ms}}}}}
    uplinks:
      - {{name: up0, device: up0, backend: {backend}}}
    ports:
      - {{name: vm1, mac: "52:54:00:00:00:01", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd, tmp_path):
    """lab(backend, ms): (daemon, vm1), which reaches the outside."""
    vm1, _ = hosts("vm1", "vm2")

    def make(backend="af_xdp", ms=HOUR_MS, more=""):
        path = offer(tmp_path / "vendors", "scrubber")
        daemon = xvsd(CONFIG.format(path=path, limit=LIMIT, ms=ms, backend=backend, more=more))
        outside.up("10.77.0.254/24")
        vm1.up("10.77.0.1/24")
        vm1.reaches("10.77.0.254")
        return daemon, vm1

    return make


def flood(outside, count=FLOOD, source="10.77.0.66", vlan=None):
    """Many packets from one source."""
    eth = Ether(src=FAR, dst=VM1) / Dot1Q(vlan=vlan) if vlan else Ether(src=FAR, dst=VM1)
    made = bytes(eth / IP(src=source, dst="10.77.0.1") / UDP(sport=1, dport=9) / b"flood")
    with contextlib.closing(outside.wire()) as wire:
        for _ in range(count):
            wire.send(made)


def shed(daemon):
    return daemon.port("lab/up0")["facts"]["shed"]


def worked(daemon):
    """Packets that a worker had in hand."""
    return sum(worker["packets"] for worker in daemon.rpc("workers"))


def ban(daemon, outside):
    """The driver knows the source."""
    flood(outside, LIMIT + 1)
    wait_for("the source to be shed", lambda: shed(daemon) == "1 sources")


def test_a_flood_costs_the_workers_nothing(lab, outside):
    daemon, vm1 = lab()
    ban(daemon, outside)
    before, dropped = worked(daemon), daemon.drops("flood", "lab/up0")
    flood(outside)
    daemon.wait_for_drop("flood", "lab/up0", dropped + FLOOD)
    assert worked(daemon) - before < FLOOD // 10
    vm1.reaches("10.77.0.254")
    assert daemon.balance() == 0


def test_what_is_shed_is_told_by_name(lab, outside):
    daemon, _ = lab()
    ban(daemon, outside)
    received = daemon.stats("lab/up0")["rx_packets"]
    flood(outside)
    daemon.wait_for_drop("flood", "lab/up0", FLOOD)
    row, = [row for row in daemon.rpc("drops") if row["reason"] == "flood"]
    assert row["instance"] == "scrubber" and row["port"] == "lab/up0"
    assert daemon.stats("lab/up0")["rx_packets"] >= received + FLOOD
    assert "flood" in daemon.do("drops")


def test_others_pass_meanwhile(lab, outside):
    daemon, vm1 = lab()
    ban(daemon, outside)
    with vm1.datagrams("10.77.0.1", 9) as there, outside.datagrams("10.77.0.254", 9) as here:
        for number in range(50):
            flood(outside, 20)
            here.sendto(b"%d" % number, ("10.77.0.1", 9))
            assert there.recv(16) == b"%d" % number
    assert counters(daemon, "scrubber")["shed"] == 1


def test_tags_hide_nobody(lab, outside):
    daemon, _ = lab()
    ban(daemon, outside)
    dropped = daemon.drops("flood", "lab/up0")
    before = worked(daemon)
    flood(outside, FLOOD, vlan=7)
    daemon.wait_for_drop("flood", "lab/up0", dropped + FLOOD)
    assert worked(daemon) - before < FLOOD // 10


def test_time_ends_it(lab, outside):
    daemon, _ = lab(ms=300)
    ban(daemon, outside)
    wait_for("the end of its time", lambda: shed(daemon) == "0 sources")
    before = worked(daemon)
    flood(outside, LIMIT)
    wait_for("packets in a worker's hands", lambda: worked(daemon) >= before + LIMIT)


def test_a_backend_that_cannot_leaves_it_to_the_verdict(lab, outside):
    daemon, vm1 = lab(backend="af_packet")
    flood(outside, 2 * LIMIT)
    daemon.wait_for_drop("flood", "lab/up0", LIMIT)
    assert counters(daemon, "scrubber") == {"shed": 0, "unable": 1}
    vm1.reaches("10.77.0.254")


def test_members_of_a_team_drop_what_is_named_at_it(lab, outside):
    daemon, vm1 = lab(more="team: {}")
    ban(daemon, outside)
    before, dropped = worked(daemon), daemon.drops("flood", "lab/team")
    flood(outside)
    daemon.wait_for_drop("flood", "lab/team", dropped + FLOOD)
    assert worked(daemon) - before < FLOOD // 10
    vm1.reaches("10.77.0.254")
    assert daemon.balance() == 0


def test_it_ends_with_the_instance(lab, outside):
    daemon, _ = lab()
    ban(daemon, outside)
    text = daemon.config.read_text(encoding="utf-8")
    start, end = text.index("    chain:"), text.index("    uplinks:")
    daemon.write(text[:start] + text[end:])
    daemon.rpc("config.reload")
    wait_for("the end of the instance", lambda: shed(daemon) == "0 sources")
