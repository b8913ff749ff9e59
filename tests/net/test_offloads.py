# SPDX-License-Identifier: Apache-2.0
"""Bulk traffic, checksums and segmentation: what arrives is what was sent.

    [vm1] eth0 --tap--+-- [ lab ] --veth-- out0 [outside]
    [vm2] eth0 --tap--+
"""

import hashlib
import json
import random
import threading

import pytest

from support.patience import wait_for

BYTES = 20 << 20
ADDRESSES = {"vm1": "10.77.0.1", "vm2": "10.77.0.2", "outside": "10.77.0.254"}

CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1, offloads: {offloads}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    """lab(offloads): the hosts by name, all with addresses."""
    guests = hosts("vm1", "vm2")

    def make(offloads=True):
        xvsd(CONFIG.format(offloads="true" if offloads else "false"))
        named = {host.name: host for host in [*guests, outside]}
        for name, host in named.items():
            host.up(ADDRESSES[name] + "/24")
        named["vm1"].reaches(ADDRESSES["vm2"])
        named["vm1"].reaches(ADDRESSES["outside"])
        return named

    return make


def digest_of_stream(listener, out):
    peer, _ = listener.accept()
    digest = hashlib.sha256()
    with peer:
        while data := peer.recv(1 << 16):
            digest.update(data)
    out.append(digest.hexdigest())


def transfer(source, target, data):
    """Data goes over TCP; its digest at the far end."""
    received = []
    with target.listen(ADDRESSES[target.name], 7000) as listener:
        reader = threading.Thread(target=digest_of_stream, args=(listener, received))
        reader.start()
        with source.open_socket() as s:
            s.connect((ADDRESSES[target.name], 7000))
            s.sendall(data)
        reader.join()
    return received[0]


DATA = random.Random(7).randbytes(BYTES)


@pytest.mark.parametrize("offloads", [True, False], ids=["offloads", "plain"])
@pytest.mark.parametrize("source, target", [("vm1", "vm2"), ("vm2", "vm1"), ("vm1", "outside"),
                                            ("outside", "vm1")])
def test_a_file_arrives_unchanged(lab, source, target, offloads):
    named = lab(offloads)
    assert transfer(named[source], named[target], DATA) == hashlib.sha256(DATA).hexdigest()


def test_a_sender_without_offloads_is_understood(lab):
    named = lab()
    for name in ("vm1", "outside"):
        named[name].run("ethtool", "-K", named[name].device, "tx", "off", "tso", "off", "gso",
                        "off")
    for source, target in (("vm1", "vm2"), ("vm1", "outside"), ("outside", "vm1")):
        assert transfer(named[source], named[target], DATA) == hashlib.sha256(DATA).hexdigest()


def test_large_datagrams_pass_in_fragments(lab):
    named = lab()
    for source, target in (("vm1", "vm2"), ("vm1", "outside"), ("outside", "vm2")):
        assert named[source].ping(ADDRESSES[target], "-s", "8000", count=3)


def iperf(tool, source, target, *options):
    """Bits a second that arrived."""
    path = tool("iperf3")
    server = target.start(path, "-s", "-1", "-B", ADDRESSES[target.name])
    try:
        wait_for("iperf3 to listen", lambda: ":5201" in target.run("ss", "-Hltn"))
        done = json.loads(source.run(path, "-c", ADDRESSES[target.name], "-n", "200M", "-J",
                                     *options))
    finally:
        server.wait()
    return done["end"]["sum_received"]["bits_per_second"]


@pytest.mark.parametrize("target", ["vm2", "outside"])
def test_iperf3_runs_both_ways(lab, tool, target):
    named = lab()
    for options in ((), ("-R",)):
        rate = iperf(tool, named["vm1"], named[target], *options)
        print(f"vm1 {'from' if options else 'to'} {target}: {rate / 1e9:.2f} Gbit/s")
        assert rate > 0
