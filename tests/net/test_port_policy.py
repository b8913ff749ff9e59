# SPDX-License-Identifier: Apache-2.0
"""What xvs.port/1 says of a port: blocked, and its largest packet.

    [vm1] eth0 --tap--[ lab ]--tap-- eth0 [vm2]
"""

import pytest

from support.wire import frame

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
CONFIG = """
switches:
  - name: lab
    type: private
    policies: {xvs.port/1: {mtu: 1400}}
    groups:
      - {name: quarantine, policies: {xvs.port/1: {blocked: true}}}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
"""


@pytest.fixture
def lab(hosts, xvsd):
    guests = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    return daemon, *[host.up().wire() for host in guests]


def test_a_port_is_blocked_by_its_policy(lab):
    daemon, vm1, vm2 = lab
    daemon.do("policy", "set", "--override", "lab/vm2", "xvs.port/1", "blocked=true")
    assert daemon.port("lab/vm2")["state"] == "blocked"
    vm1.send(frame(VM2, VM1))
    vm2.send(frame(VM1, VM2))
    daemon.wait_for_drop("exit-closed", "lab/vm1")
    daemon.wait_for_drop("port-blocked", "lab/vm2")
    daemon.do("policy", "set", "--override", "lab/vm2", "xvs.port/1", "blocked=false")
    marker = frame(VM2, VM1)
    vm1.send(marker)
    assert vm2.wait(marker)


def test_a_group_blocks_all_its_ports(lab, hosts):
    daemon, vm1, vm2 = lab
    text = daemon.config.read_text().replace("name: vm2\n", "name: vm2\n        group: quarantine\n")
    daemon.config.write_text(text)
    daemon.do("config", "apply")
    assert daemon.port("lab/vm2")["state"] == "blocked"
    assert daemon.port("lab/vm1")["state"] == "open"


def test_a_port_gets_nothing_longer_than_its_mtu(lab):
    daemon, vm1, vm2 = lab
    fits = frame(VM2, VM1, b"x" * 1400)
    longer = frame(VM2, VM1, b"y" * 1401)
    vm1.send(longer)
    vm1.send(fits)
    assert vm2.wait(fits)
    assert not vm2.has_seen(longer)
    daemon.wait_for_drop("too-long", "lab/vm2")
    daemon.do("policy", "set", "--override", "lab/vm2", "xvs.port/1", "mtu=1450")
    vm1.send(longer)
    assert vm2.wait(longer)
