# SPDX-License-Identifier: Apache-2.0
"""A vendor's labels and mirror: bytes come in front of packets and go, copies are not touched.

    [vm1] --tap--+
    [vm2] --tap--+-- [ lab: com.acme.label ] --veth-- out0 [outside]
    [tap] --tap--+
"""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from support.vendor import counters, offer
from support.wire import frame

VM1, VM2, FAR = "52:54:00:00:00:01", "52:54:00:00:00:02", "02:00:00:00:00:01"
FEATURE = "com.acme.label/1"

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    chain:
      - {{instance: label, extension: com.acme.label, required: false}}
    policies: {{com.acme.label/1: {{label: 77}}}}
    ports:
      - {{name: vm1, mac: "{VM1}", backend: {{kind: tap, device: eth0, netns: vm1, mtu: 1504}}}}
      - {{name: vm2, mac: "{VM2}", backend: {{kind: tap, device: eth0, netns: vm2, mtu: 1504}}}}
      - {{name: tap, mac: "52:54:00:00:00:03", backend: {{kind: tap, device: eth0, netns: tap}}}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd, tmp_path):
    """(daemon, vm1, vm2, tap, outside)"""
    vm1, vm2, tap = hosts("vm1", "vm2", "tap")
    daemon = xvsd(CONFIG.format(path=offer(tmp_path / "vendors", "label"), VM1=VM1, VM2=VM2))
    return (daemon, vm1.up("10.77.0.1/24"), vm2.up("10.77.0.2/24"), tap.up(),
            outside.up("10.77.0.254/24"))


@pytest.mark.parametrize("source", ["vm1", "outside"])
@pytest.mark.parametrize("length", [1, 100, 400, 1400])
def test_a_label_comes_and_goes_and_leaves_no_trace(lab, source, length):
    daemon, vm1, vm2, _, outside = lab
    near = {"vm1": vm1, "outside": outside}[source].wire()
    far = vm2.wire()
    sent = bytes(Ether(src={"vm1": VM1, "outside": FAR}[source], dst=VM2)
                 / IP(src="10.77.0.77", dst="10.77.0.99") / UDP() / bytes(length)).ljust(60, b"x")
    near.send(sent)
    assert far.wait(sent)
    assert counters(daemon, "label")["pushed"] == counters(daemon, "label")["popped"] == 1


def test_hosts_notice_nothing(lab):
    daemon, vm1, vm2, _, _ = lab
    assert vm1.reaches("10.77.0.2") and vm1.reaches("10.77.0.254")
    assert vm1.ping("10.77.0.2", "-s", "8000") and vm1.ping("10.77.0.254", "-s", "4000")
    with vm2.listen("10.77.0.2", 7000) as listener, vm1.open_socket() as s:
        s.connect(("10.77.0.2", 7000))
        peer, _ = listener.accept()
        with peer:
            s.sendall(b"less than a segment")
            assert peer.recv(100) == b"less than a segment"
    assert daemon.drops("label") == daemon.drops("memory") == 0


def test_the_mirror_gets_what_was_sent(lab):
    daemon, vm1, vm2, tap, _ = lab
    daemon.rpc("policy.set", target="lab", feature=FEATURE, override=True,
               fields={"mirror": daemon.port("lab/tap")["id"]})
    near, far, copies = vm1.wire(), vm2.wire(), tap.wire()
    sent = [bytes(Ether(src=VM1, dst=VM2) / IP(src="10.77.0.77", dst="10.77.0.99") / UDP()
                  / (bytes([n]) * length)) for n, length in enumerate((50, 300, 1300))]
    sent.append(frame(VM2, VM1))
    for made in sent:
        near.send(made)
        assert far.wait(made) and copies.wait(made)
    accounts = daemon.rpc("accounts")
    assert accounts["originated"] + accounts["copied"] == counters(daemon, "label")["mirrored"] == 4
