# SPDX-License-Identifier: Apache-2.0
"""Links that go down and come up, and devices that vanish.

    [vm1] eth0 --tap--+-- [ lab ] --veth-- out0 [outside]
    [vm2] eth0 --tap--+
"""

import pytest

from support.host import remove_link, run, veth
from support.patience import wait_for

CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    outside.up("10.77.0.254/24")
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    vm1.reaches("10.77.0.2")
    vm1.reaches("10.77.0.254")
    return daemon, vm1, vm2


def wait_for_link(daemon, port, state):
    wait_for(f"link {state} of {port}", lambda: daemon.port(port)["link"] == state)


def test_an_uplink_follows_its_carrier(lab, outside):
    daemon, vm1, _ = lab
    outside.run("ip", "link", "set", "out0", "down")
    wait_for_link(daemon, "lab/up0", "down")
    assert vm1.ping("10.77.0.2")
    outside.up("10.77.0.253/24")
    wait_for_link(daemon, "lab/up0", "up")
    vm1.reaches("10.77.0.254")


def test_a_guest_takes_its_device_down_and_up(lab):
    daemon, vm1, vm2 = lab
    for _ in range(3):
        vm2.run("ip", "link", "set", "eth0", "down")
        wait_for_link(daemon, "lab/vm2", "down")
        vm2.run("ip", "link", "set", "eth0", "up")
        wait_for_link(daemon, "lab/vm2", "up")
    assert vm1.reaches("10.77.0.2")


def test_a_device_that_vanishes_disturbs_nobody_else(lab):
    daemon, vm1, _ = lab
    run("ip", "link", "del", "up0")
    wait_for_link(daemon, "lab/up0", "down")
    assert vm1.ping("10.77.0.2", count=5)


def test_a_namespace_that_vanishes_disturbs_nobody_else(lab, outside):
    daemon, vm1, vm2 = lab
    vm2.remove()
    try:
        vm1.reaches("10.77.0.254")
        assert daemon.rpc("status")
    finally:
        run("ip", "netns", "add", "vm2")


def test_a_device_that_comes_late_is_taken_by_a_reload(hosts, xvsd):
    vm1, _, outside = hosts("vm1", "vm2", "outside")
    daemon = xvsd(CONFIG)
    assert daemon.is_open("lab/vm1") and not daemon.is_open("lab/up0")
    reason, = daemon.port("lab/up0")["reasons"]
    assert "up0" in reason
    veth("up0", "out0", outside)
    try:
        daemon.do("config", "reload")
        vm1.up("10.77.0.1/24")
        outside.up("10.77.0.254/24")
        assert daemon.is_open("lab/up0") and vm1.reaches("10.77.0.254")
    finally:
        remove_link("up0")
