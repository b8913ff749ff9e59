# SPDX-License-Identifier: Apache-2.0
"""The static forwarder: only by the authoritative table; unknown goes to uplinks only.

    [vm1] --tap--+-- [ lab: static ] --veth-- out0 [outside]
    [vm2] --tap--+
"""

import pytest

from support.wire import BROADCAST, frame

VM1, VM2, FAR, STRANGER = ("52:54:00:00:00:01", "52:54:00:00:00:02", "02:00:00:00:00:01",
                           "52:54:00:00:00:99")

CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
    chain:
      - {instance: fwd, extension: org.xvs.static}
    policies: {xvs.learning/1: {enabled: true}}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    outside.up()
    guests = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    return daemon, *[host.up().wire() for host in guests], outside.wire()


def test_known_addresses_go_to_their_adapters(lab):
    _, vm1, vm2, out = lab
    there, back = frame(VM2, VM1), frame(VM1, VM2)
    vm1.send(there)
    assert vm2.wait(there)
    vm2.send(back)
    assert vm1.wait(back)
    marker = frame(FAR, VM1)
    vm1.send(marker)
    out.wait(marker)
    assert not out.has_seen(there) and not out.has_seen(back)


def test_unknown_addresses_go_to_the_uplink_and_never_to_guests(lab):
    _, vm1, vm2, out = lab
    stray, marker = frame(STRANGER, VM1), frame(VM2, VM1)
    vm1.send(stray)
    vm1.send(marker)
    vm2.wait(marker)
    assert out.wait(stray) and not vm2.has_seen(stray)


def test_unknown_addresses_from_the_uplink_are_dropped_with_a_reason(lab):
    daemon, vm1, _, out = lab
    out.send(frame(STRANGER, FAR))
    marker = frame(VM1, FAR)
    out.send(marker)
    vm1.wait(marker)
    drop, = [d for d in daemon.rpc("drops") if d["reason"] == "unknown-unicast"]
    assert (drop["extension"], drop["instance"], drop["port"]) == ("org.xvs.static", "fwd",
                                                                   "lab/up0")


def test_it_never_learns(lab):
    _, vm1, vm2, out = lab
    hello = frame(BROADCAST, STRANGER)
    vm2.send(hello)
    vm1.wait(hello)
    answer = frame(STRANGER, VM1)
    vm1.send(answer)
    assert out.wait(answer)


def test_broadcast_floods(lab):
    _, vm1, vm2, out = lab
    sent = frame(BROADCAST, VM1)
    vm1.send(sent)
    assert vm2.wait(sent) and out.wait(sent)


def test_its_table_is_shown(lab):
    daemon, _, _, _ = lab
    status = daemon.rpc("ext.show", name="lab/fwd")["status"]["org.xvs.static.table/1"]
    assert status["uplink"] == "up0"
    assert {(row["mac"], row["port"]) for row in status["entries"]} == {(VM1, "vm1"), (VM2, "vm2")}
