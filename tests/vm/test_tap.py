# SPDX-License-Identifier: Apache-2.0
"""Guests whose cards are taps of QEMU's own, of which the switch holds the kernel's end.

    [vm1] virtio-net --tap vm1--af_packet--+
    [vm2] virtio-net --tap vm2--af_packet--+-- [ lab ]
    [ns]  eth0 -----------------tap--------+
"""

import pytest

from machine.adapter import Tap
from machine.traffic import HOST, iperf3, receive_file, send_parts

CONFIG = """
switches:
  - name: lab
    type: private
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: af_packet, device: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: af_packet, device: vm2}}
      - {name: ns, backend: {kind: tap, device: eth0, netns: ns}}
"""


@pytest.fixture
def lab(taps, hosts, xvsd, machines):
    host, = hosts("ns")
    taps("vm1", "vm2")
    xvsd(CONFIG)
    host.up(HOST + "/24")
    vm1, vm2 = machines(Tap("52:54:00:00:00:01", name="vm1"), Tap("52:54:00:00:00:02", name="vm2"))
    return vm1, vm2, host


def test_guests_on_taps_reach_one_another_and_a_namespace(lab):
    vm1, vm2, host = lab
    vm1.reaches("10.77.0.2")
    vm1.reaches(HOST)
    made = vm1.make_file(megabytes=20)
    assert vm1.send_file("10.77.0.2") == made
    assert receive_file(host, vm1) == made
    assert send_parts(host, "10.77.0.1", 20) == made
    iperf3(vm1, vm2, "10.77.0.2")
