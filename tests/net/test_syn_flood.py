# SPDX-License-Identifier: Apache-2.0
"""A flood of SYN at a guarded port costs the flood its own oldest, and nobody else anything.

    [vm1] flooder, client --tap--+-- [ lab: secgroup on vm2, 64 half-open at most ]
    [vm2] server           --tap--+
"""

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from support.host import answer_tcp
from support.wire import frame

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
IP2 = "10.77.0.2"
HALF_OPEN = 64
FLOOD = 3000

CONFIG = f"""
switches:
  - name: lab
    type: private
    chain:
      - {{instance: fw, extension: org.xvs.secgroup}}
    ports:
      - {{name: vm1, mac: "{VM1}", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - name: vm2
        mac: "{VM2}"
        backend: {{kind: tap, device: eth0, netns: vm2}}
        policies:
          xvs.connections/1: {{half_open: {HALF_OPEN}, limit: 200}}
          org.xvs.secgroup.rules/1:
            rules:
              - {{direction: in, proto: tcp, ports: "80-81", action: allow}}
"""


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    return daemon, vm1, vm2


def flood(vm1, vm2):
    """Of senders that nobody can answer; all of it has come through when this returns."""
    wire, far = vm1.wire(), vm2.wire()
    for number in range(FLOOD):
        source = f"192.0.2.{number % 250 + 1}"
        wire.send(Ether(src=VM1, dst=VM2) / IP(src=source, dst=IP2)
                  / TCP(sport=1024 + number, dport=80, flags="S", seq=number))
    last = frame(VM2, VM1)
    wire.send(last)
    far.wait(last)
    wire.close()
    far.close()


def test_honest_connections_outlive_a_flood(lab):
    _, vm1, vm2 = lab
    with vm2.listen(IP2, 80) as listener, vm1.open_socket() as client:
        client.connect((IP2, 80))
        server, _ = listener.accept()
        with server:
            flood(vm1, vm2)
            client.send(b"still here")
            assert server.recv(100) == b"still here"
            server.send(b"so am I")
            assert client.recv(100) == b"so am I"


def test_who_floods_loses_the_oldest_and_others_get_in(lab):
    daemon, vm1, vm2 = lab
    with vm2.listen(IP2, 81) as listener:
        answer_tcp(listener, b"hello\n")
        flood(vm1, vm2)
        assert daemon.rpc("conn.count", state="half-open")["count"] == HALF_OPEN
        newest = daemon.rpc("conn.list", state="half-open")["connections"]
        assert {c["src_port"] for c in newest} == set(
            range(1024 + FLOOD - HALF_OPEN, 1024 + FLOOD))
        with vm1.open_socket() as s:
            s.connect((IP2, 81))
            assert s.makefile("rb").read() == b"hello\n"
        assert daemon.drops("conn-limit") == 0
