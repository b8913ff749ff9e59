# SPDX-License-Identifier: Apache-2.0
"""Priorities: whose are trusted, what others get, and what a trunk sends.

    [vm1] eth0 --tap--[ lab, VLAN 10 ]--up0 = out0 [outside]
"""

import struct

import pytest

from support.wire import frame

VM1, OUT = "52:54:00:00:00:01", "52:54:00:00:00:99"
QOS = "xvs.qos/1"
VOICE = 46
CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: af_packet}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        policies: {xvs.vlan/1: {mode: access, vlan: 10}}
        backend: {kind: tap, device: eth0, netns: vm1}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    outside.up()
    vm1, = hosts("vm1")
    daemon = xvsd(CONFIG)
    return daemon, vm1.up().wire(), outside.wire()


def ip(dscp, ecn=1):
    """A datagram to nowhere."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, dscp << 2 | ecn, 28, 0, 0, 64, 17, 0,
                       bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
    return head + struct.pack("!4H", 9, 9, 8, 0)


def tci(data):
    assert data[12:14] == b"\x81\x00"
    return struct.unpack("!H", data[14:16])[0]


def sent(vm1, out, made):
    vm1.send(made)
    return out.wait(lambda data: data[6:12] == bytes.fromhex(VM1.replace(":", "")))


def test_a_trunk_keeps_the_priority_of_a_port(lab):
    _, vm1, out = lab
    assert tci(sent(vm1, out, frame(OUT, VM1, vlan=5 << 13))) == 5 << 13 | 10


def test_a_port_that_is_not_trusted_has_no_priority(lab):
    daemon, vm1, out = lab
    daemon.set_policy("lab/vm1", QOS, trust_priority=False)
    assert tci(sent(vm1, out, frame(OUT, VM1, vlan=5 << 13))) == 10


def test_a_port_is_marked(lab):
    daemon, vm1, out = lab
    daemon.set_policy("lab/vm1", QOS, priority=3, trust_dscp=False, dscp=VOICE)
    data = sent(vm1, out, frame(OUT, VM1, ip(7), ethertype=0x0800))
    assert tci(data) == 3 << 13 | 10
    assert data[18:38] == ip(VOICE)[:20]
    daemon.set_policy("lab/vm1", QOS, trust_dscp=True, dscp=0)
    data = sent(vm1, out, frame(OUT, VM1, ip(7), ethertype=0x0800))
    assert data[18:38] == ip(7)[:20]


def test_a_mark_that_marks_nothing_is_refused(check):
    done = check(CONFIG.replace("vlan: 10}}", "vlan: 10}, xvs.qos/1: {dscp: 46}}"))
    assert done.returncode == 1
    assert ("port lab/vm1: policy xvs.qos/1, dscp: it marks nothing while the port is trusted; "
            "give trust_dscp: false too") in done.stderr
