# SPDX-License-Identifier: Apache-2.0
"""A vendor's address translation, by flow and by bytes: what arrives is right to the last checksum.

    [vm1] 10.77.0.1 = 10.77.9.1 --tap--+-- [ lab: com.acme.nat ] --veth-- out0 [outside] 10.77.0.254
    [vm2] 10.77.0.2             --tap--+
"""

import hashlib
import itertools
import random
import socket
import threading

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from support.patience import wait_for
from support.vendor import meanwhile, offer

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
INSIDE, OUTSIDE, PEER = "10.77.0.1", "10.77.9.1", "10.77.0.2"
NOBODY = "10.77.0.99"  # whose packets no kernel answers
FEATURE = "com.acme.nat/1"
DATA = random.Random(5).randbytes(8 << 20)

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    chain:
      - {{instance: nat, extension: com.acme.nat, required: false}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies:
          xvs.vlan/1: {{mode: trunk, native: 0, allowed: ["10"]}}
          com.acme.nat/1: {{inside: 10.77.0.1, outside: 10.77.9.1, mode: {mode}, ttl: {ttl}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2, offloads: false}}
        policies: {{xvs.vlan/1: {{mode: trunk, native: 0, allowed: ["10"]}}}}
"""


@pytest.fixture(params=["flow", "bytes"])
def mode(request):
    return request.param


@pytest.fixture
def lab(hosts, outside, xvsd, tmp_path, mode):
    """lab(ttl): (daemon, vm1, vm2, outside), in networks so wide that nobody needs a router."""
    vm1, vm2 = hosts("vm1", "vm2")

    def make(ttl=False):
        daemon = xvsd(CONFIG.format(path=offer(tmp_path / "vendors", "nat"), mode=mode,
                                    ttl="true" if ttl else "false"))
        vm1.up(INSIDE + "/16")
        vm2.up(PEER + "/16")
        outside.up("10.77.0.254/16")
        return daemon, vm1, vm2, outside

    return make


def right(data):
    """The packet, whose lengths and checksums scapy finds right."""
    got = Ether(data)
    again = got.copy()
    for layer in (IP, TCP, UDP, ICMP):
        if layer in again and not (layer == UDP and got[UDP].chksum == 0):
            del again[layer].chksum
    assert bytes(again) == data, f"{got!r}\n{Ether(bytes(again))!r}"
    return got


def packets(eth, ip):
    yield eth / ip / ICMP(id=7) / b"ping"
    yield eth / ip / UDP(sport=1, dport=2) / b"odd"
    yield eth / ip / UDP(sport=1, dport=2, chksum=0) / b"no checksum"
    yield eth / ip / TCP(sport=1, dport=2, flags="S", options=[("MSS", 1460)])
    yield eth / Dot1Q(vlan=10) / ip / UDP(sport=3, dport=4) / b"tagged"


@pytest.mark.parametrize("ttl", [False, True], ids=["same", "hop"])
def test_each_packet_is_translated_right(lab, ttl):
    _, vm1, vm2, _ = lab(ttl)
    near, far = vm1.wire(), vm2.wire()
    for sent in packets(Ether(src=VM1, dst=VM2), IP(src=INSIDE, dst=NOBODY, ttl=33)):
        sent = Ether(bytes(sent))
        near.send(bytes(sent))
        got = right(far.wait(lambda data: IP in Ether(data)))
        assert (got[IP].src, got[IP].dst, got[IP].ttl) == (OUTSIDE, NOBODY, 33 - ttl)
        assert got[IP].payload.payload == sent[IP].payload.payload
        assert got.getlayer(Dot1Q) is None or got[Dot1Q].vlan == 10
    for sent in packets(Ether(src=VM2, dst=VM1), IP(src=NOBODY, dst=OUTSIDE, ttl=33)):
        far.send(bytes(sent))
        got = right(near.wait(lambda data: IP in Ether(data)))
        assert (got[IP].src, got[IP].dst, got[IP].ttl) == (NOBODY, INSIDE, 33 - ttl)


def test_the_last_hop_is_dropped_with_the_reason(lab):
    daemon, vm1, _, _ = lab(True)
    vm1.wire().send(bytes(Ether(src=VM1, dst=VM2) / IP(src=INSIDE, dst=PEER, ttl=1) / ICMP()))
    daemon.wait_for_drop("ttl", "lab/vm1")


@pytest.mark.parametrize("far", ["vm2", "outside"])
def test_hosts_meet_by_the_address_outside(lab, far):
    _, vm1, vm2, outside = lab()
    other = {"vm2": vm2, "outside": outside}[far]
    address = {"vm2": PEER, "outside": "10.77.0.254"}[far]
    assert other.reaches(OUTSIDE) and vm1.reaches(address)
    assert other.ping(OUTSIDE, "-s", "8000") and vm1.ping(address, "-s", "8000")


def digest(listener, out):
    peer, address = listener.accept()
    made = hashlib.sha256()
    with peer:
        while data := peer.recv(1 << 16):
            made.update(data)
    out.extend((made.hexdigest(), address[0]))


@pytest.mark.parametrize("source, target", [("vm1", "vm2"), ("vm2", "vm1"), ("vm1", "outside"),
                                            ("outside", "vm1")])
def test_a_file_arrives_unchanged(lab, source, target):
    _, *made = lab()
    named = {host.name: host for host in made}
    own = {"vm1": INSIDE, "vm2": PEER, "outside": "10.77.0.254"}
    seen = own | {"vm1": OUTSIDE}
    got = []
    with named[target].listen(own[target], 7000) as listener:
        reader = threading.Thread(target=digest, args=(listener, got))
        reader.start()
        with named[source].open_socket() as s:
            s.connect((seen[target], 7000))
            s.sendall(DATA)
        reader.join()
    assert got == [hashlib.sha256(DATA).hexdigest(), seen[source]]


def test_nothing_is_lost_while_the_policy_changes(lab, mode):
    daemon, _, vm2, _ = lab()
    other = {"flow": "bytes", "bytes": "flow"}[mode]
    modes = itertools.cycle([other, mode])
    vm2.reaches(OUTSIDE)

    def change():
        daemon.rpc("policy.set", target="lab/vm1", feature=FEATURE, override=True,
                   fields={"mode": next(modes)})

    with meanwhile(change):
        shown = vm2.run("ping", "-q", "-f", "-c", "5000", OUTSIDE)
    assert " 5000 received" in shown


def test_it_comes_and_goes_under_load(lab):
    daemon, vm1, vm2, _ = lab()
    vm1.reaches(PEER)
    verbs = itertools.cycle(["disable", "enable"])
    with meanwhile(lambda: daemon.rpc(f"ext.{next(verbs)}", target="lab/nat")):
        with vm1.open_socket(socket.SOCK_DGRAM) as s:
            for n in range(20000):
                s.sendto(b"%d" % n, (PEER, 9))
    daemon.rpc("ext.enable", target="lab/nat")
    assert daemon.is_open("lab/vm1") and wait_for("translation", lambda: vm2.ping(OUTSIDE))
