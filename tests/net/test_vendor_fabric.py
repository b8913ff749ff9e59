# SPDX-License-Identifier: Apache-2.0
"""A vendor's forwarder, led by a controller: packet-in, table entries, packet-out.

    [vm1] --tap--+-- [ lab: com.acme.fabric ] --veth-- out0 [outside]
    [vm2] --tap--+
"""

import itertools

import pytest

from support.patience import wait_for
from support.vendor import counters, iperf, meanwhile, offer
from support.wire import BROADCAST, frame

VM1, VM2, FAR, STRANGER = ("52:54:00:00:00:01", "52:54:00:00:00:02", "02:00:00:00:00:01",
                           "52:54:00:00:00:99")
FEATURE = "com.acme.fabric/1"
NORMAL = 0x88B6  # IEEE 802, local experimental ethertype 2

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    chain:
      - {{instance: fabric, extension: com.acme.fabric, required: false}}
    policies: {{com.acme.fabric/1: {{normal_ethertype: 34998}}}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1, queues: 2}}
        policies: {{xvs.vlan/1: {{mode: trunk, native: 0, allowed: ["10"]}}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2, queues: 2}}
        policies: {{xvs.vlan/1: {{mode: trunk, native: 0, allowed: ["10"]}}}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd, tmp_path):
    """(daemon, vm1, vm2, outside)"""
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG.format(path=offer(tmp_path / "vendors", "fabric")))
    return daemon, vm1.up("10.77.0.1/24"), vm2.up("10.77.0.2/24"), outside.up()


@pytest.mark.parametrize("vlan", [None, 10])
def test_the_first_packet_goes_by_the_controller_and_the_rest_do_not(lab, vlan):
    daemon, vm1, vm2, _ = lab
    near, far = vm1.wire(), vm2.wire()
    first = frame(VM2, VM1, vlan=vlan)
    near.send(first)
    assert far.wait(first)
    accounts = daemon.rpc("accounts")
    assert accounts["consumed"] == accounts["originated"] == 1
    for _ in range(100):
        sent = frame(VM2, VM1, vlan=vlan)
        near.send(sent)
        far.wait(sent)
    assert counters(daemon, "fabric")["packet-in"] == 1 and daemon.drops() == 0


def test_a_connection_begins_at_once(lab):
    """The copy that the controller sends out has the checksum that the guest left open."""
    _, vm1, vm2, _ = lab
    for host, other in ((vm1, VM2), (vm2, VM1)):
        address = {VM1: "10.77.0.1", VM2: "10.77.0.2"}[other]
        host.run("ip", "neigh", "add", address, "lladdr", other, "dev", "eth0")
    with vm2.listen("10.77.0.2", 7000):
        assert vm1.connects("10.77.0.2", 7000)
    for host in (vm1, vm2):
        shown = host.run("nstat", "-asz", "TcpRetransSegs", "TcpInCsumErrors")
        assert [line.split()[1] for line in shown.splitlines()[1:]] == ["0", "0"], shown


def test_guests_of_a_vlan_meet_by_the_controller(lab):
    daemon, vm1, vm2, _ = lab
    for port in ("lab/vm1", "lab/vm2"):
        daemon.rpc("policy.set", target=port, feature="xvs.vlan/1", override=True,
                   fields={"mode": "access", "vlan": 10})
    near, far = vm1.wire(), vm2.wire()
    first = frame(VM2, VM1)
    near.send(first)
    assert far.wait(first) and daemon.drops() == 0


@pytest.mark.parametrize("source", ["vm1", "outside"])
def test_a_long_packet_goes_by_the_controller_whole(lab, source):
    _, vm1, vm2, outside = lab
    near = {"vm1": vm1, "outside": outside}[source].wire()
    far = vm2.wire()
    sent = frame(VM2, {"vm1": VM1, "outside": FAR}[source], payload=bytes(range(250)) * 6)
    near.send(sent)
    assert far.wait(sent)


def test_broadcast_is_flooded_and_some_traffic_left_alone(lab):
    daemon, vm1, vm2, outside = lab
    near, far, out = vm1.wire(), vm2.wire(), outside.wire()
    hello = frame(BROADCAST, VM1)
    near.send(hello)
    assert far.wait(hello) and out.wait(hello)
    for target, wire in ((VM2, far), (STRANGER, out)):
        sent = frame(target, VM1, ethertype=NORMAL)
        near.send(sent)
        assert wire.wait(sent)
    assert counters(daemon, "fabric")["packet-in"] == 0


def test_strangers_and_the_denied_are_dropped(lab):
    daemon, vm1, vm2, _ = lab
    near, far = vm1.wire(), vm2.wire()
    near.send(frame(STRANGER, VM1))
    wait_for("a packet-in", lambda: counters(daemon, "fabric")["packet-in"] == 1)
    daemon.rpc("policy.set", target="lab", feature=FEATURE, override=True,
               fields={"denied": [{"mac": VM2}]})
    denied = frame(VM2, VM1)
    near.send(denied)
    daemon.wait_for_drop("denied", "lab/vm1")
    daemon.rpc("policy.set", target="lab", feature=FEATURE, override=True, fields={"denied": []})
    allowed = frame(VM2, VM1)
    near.send(allowed)
    assert far.wait(allowed) and not far.has_seen(denied)


@pytest.mark.parametrize("vlan", [None, 10])
@pytest.mark.parametrize("unknown", ["flood", "normal"])
def test_the_controller_floods_and_leaves_to_the_switch(lab, unknown, vlan):
    daemon, vm1, vm2, outside = lab
    daemon.rpc("policy.set", target="lab", feature=FEATURE, override=True,
               fields={"unknown": unknown})
    near, far, out = vm1.wire(), vm2.wire(), outside.wire()
    sent, marker = frame(STRANGER, VM1, vlan=vlan), frame(VM2, VM1)
    near.send(sent)
    assert out.wait(sent)
    if unknown == "flood":
        assert far.wait(sent)
    near.send(marker)
    far.wait(marker)
    assert far.has_seen(sent) == (unknown == "flood")


def test_a_port_that_left_is_forgotten(lab):
    daemon, vm1, vm2, _ = lab
    vm1.reaches("10.77.0.2")
    daemon.do("port", "remove", "lab/vm2", "--override")
    assert not vm1.ping("10.77.0.2", count=1)
    vm2_again = daemon.ctl("port", "add", "lab", "vm3", f"mac={VM2}", "backend.kind=tap",
                           "backend.device=eth0", "backend.netns=vm2")
    assert vm2_again.returncode == 0, vm2_again.stderr
    vm2.up("10.77.0.2/24")
    assert vm1.reaches("10.77.0.2")


def test_bulk_traffic_leaves_the_controller_alone(lab, tool):
    daemon, vm1, vm2, _ = lab
    vm1.reaches("10.77.0.2")
    vm2.reaches("10.77.0.1")
    before = counters(daemon, "fabric")["packet-in"]
    end = iperf(tool, vm1, vm2, "10.77.0.2", "-n", "100M", "--bidir")
    assert end["sum_received"]["bytes"] > 1 << 20
    assert counters(daemon, "fabric")["packet-in"] == before


def test_it_comes_and_goes_under_load(lab, tool):
    daemon, vm1, vm2, _ = lab
    vm1.reaches("10.77.0.2")
    verbs = itertools.cycle(["disable", "enable"])
    with meanwhile(lambda: daemon.rpc(f"ext.{next(verbs)}", target="lab/fabric")):
        end = iperf(tool, vm1, vm2, "10.77.0.2", "-n", "100M", "--bidir")
    assert end["sum_received"]["bytes"] > 0
    daemon.rpc("ext.enable", target="lab/fabric")
    assert daemon.is_open("lab/vm1") and vm1.reaches("10.77.0.2")
    daemon.wait_for_balance()
    assert daemon.rpc("accounts")["held"] == 0
