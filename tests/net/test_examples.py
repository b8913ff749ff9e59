# SPDX-License-Identifier: Apache-2.0
"""The SDK's examples with traffic, built from the installed headers alone; quota is in test_move_formats.py.

    [vm1] --tap--+-- [ lab: one of them ]
    [vm2] --tap--+
"""

import json
import socket

import pytest

from support.patience import PATIENCE_S, wait_for
from support.sdk import Sdk, example

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
CONFIG = """
extensions: {{path: [{path}], network: {{allow: ["udp:127.0.0.1:*"]}}}}
switches:
  - name: lab
    type: private
    chain:
      - {{instance: it, extension: com.example.{name}}}
    policies: {{{policies}}}
    ports:
      - {{name: vm1, mac: "52:54:00:00:00:01", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    return Sdk(tmp_path_factory.mktemp("sdk"))


@pytest.fixture
def lab(hosts, xvsd, tmp_path, sdk):
    """lab(example, policies): (daemon, vm1, vm2)"""
    def make(name, policies=""):
        vm1, vm2 = hosts("vm1", "vm2")
        example(sdk, name, tmp_path / "vendors")
        daemon = xvsd(CONFIG.format(path=tmp_path / "vendors", name=name, policies=policies))
        vm1.up("10.77.0.1/24")
        vm2.up("10.77.0.2/24")
        return daemon, vm1, vm2

    return make


def test_gate_is_open_where_its_policy_says_so(lab):
    daemon, vm1, vm2 = lab("gate")
    daemon.do("policy", "set", "lab/vm2", "com.example.gate/1", "ping=true")
    with vm2.listen("10.77.0.2", 22):
        assert not vm1.connects("10.77.0.2", 22, patience_s=0.2)
        daemon.wait_for_drop("closed", "lab/vm2")
        daemon.do("policy", "set", "lab/vm2", "com.example.gate/1", 'open=[{"port": 22}]', "ping=true")
        assert vm1.connects("10.77.0.2", 22)
        vm1.reaches("10.77.0.2")
        assert not vm1.connects("10.77.0.2", 23, patience_s=0.2)


def test_allowlist_lets_a_machine_reach_whom_it_lists(lab):
    daemon, vm1, vm2 = lab("allowlist")
    with vm2.listen("10.77.0.2", 22):
        assert not vm1.connects("10.77.0.2", 22, patience_s=0.2)
        daemon.wait_for_drop("unlisted", "lab/vm2")  # the answer to who asks for an address
        for port, peer in (("vm1", VM2), ("vm2", VM1)):
            daemon.do("policy", "set", f"lab/{port}", "com.example.allowlist/1",
                      f'peers=[{{"mac": "{peer}"}}]')
        assert vm1.connects("10.77.0.2", 22)


def test_census_tells_its_collector_what_a_port_has_sent(lab):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(PATIENCE_S)
        target = f"udp:127.0.0.1:{collector.getsockname()[1]}"
        _, vm1, _ = lab("census", f'com.example.census/1: {{collector: "{target}", every_s: 1}}')
        vm1.reaches("10.77.0.2")

        def told():
            line = json.loads(collector.recv(512))
            return line["port"] == "vm1" and line["icmp"][0] >= 1 and line["icmp"][1] >= 98

        wait_for("the collector to be told of a ping", told)
