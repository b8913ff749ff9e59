# SPDX-License-Identifier: Apache-2.0
"""vhost-user ports with a front end that is not ours: DPDK's virtio-user, in both roles.

    [testpmd: answers pings] --vhost-user vm1--+-- [ lab: guard ] --+-- tap peer [host peer]
"""

import contextlib
import itertools
import pathlib
import tempfile

import pytest

from support.patience import wait_for
from support.testpmd import PROGRAM, Testpmd

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="dpdk-testpmd is not installed")

PERMITTED = "10.77.0.1"
SPOOFED = (f"10.77.0.{number}" for number in itertools.count(2))  # each asked for once
RINGS = [0, 1]  # packed_vq
CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {{instance: guard, extension: org.xvs.guard, required: true}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: vhost-user, socket: {socket}, mode: {mode}, queues: {queues}}}
        policies:
          org.xvs.guard/1: {{ips: [{{ip: {ip}}}]}}
      - name: peer
        mac: "52:54:00:00:00:99"
        backend: {{kind: tap, device: eth0, netns: peer}}
"""


@pytest.fixture
def folder():
    """A short one: the address of a socket has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="xvs-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def peer(hosts):
    host, = hosts("peer")
    return host


@pytest.fixture
def testpmd(folder):
    """testpmd(packed_vq=1, ...): a front end that will be started."""
    with contextlib.ExitStack() as stack:
        def make(queues=1, **options):
            made = Testpmd(folder, [folder / "vm1"], queues, **options)
            stack.callback(made.stop)
            return made
        yield make


def config(folder, mode="server", queues=1):
    return CONFIG.format(socket=folder / "vm1", mode=mode, queues=queues, ip=PERMITTED)


def facts(daemon):
    return daemon.port("lab/vm1")["facts"]


def wait_for_link(daemon, front):
    wait_for("the link", lambda: front.is_running() and
             daemon.port("lab/vm1")["link"] == "up")


def expect_traffic_and_policy(daemon, peer):
    """Both ways by the permitted address; what claims another one is dropped, and counted."""
    assert peer.reaches(PERMITTED)
    dropped = daemon.drops("spoofed-arp", "lab/vm1")
    assert not peer.ping(next(SPOOFED), count=1)
    assert daemon.drops("spoofed-arp", "lab/vm1") > dropped


def start_both(front, daemon_of, mode, first):
    """The daemon; 'first' says who is there before the other."""
    if first == "front end":
        front.start()
        if mode == "client":
            path = front.sockets[0]
            wait_for("testpmd to listen", path.exists)
    daemon = daemon_of()
    if first == "switch":
        front.start()
    return daemon


@pytest.mark.parametrize("packed", RINGS)
@pytest.mark.parametrize("mode, first", [("server", "switch"), ("client", "switch"),
                                         ("client", "front end")])
def test_either_may_start_first(xvsd, peer, folder, testpmd, mode, first, packed):
    front = testpmd(server=int(mode == "client"), packed_vq=packed, mrg_rxbuf=1)
    daemon = start_both(front, lambda: xvsd(config(folder, mode)), mode, first)
    peer.up("10.77.0.100/24")
    wait_for_link(daemon, front)
    expect_traffic_and_policy(daemon, peer)
    assert facts(daemon)["state"] == "connected, 1 of 1 queues run"
    assert ("packed" if packed else "split") in facts(daemon)["ring 0"]


@pytest.mark.parametrize("packed", RINGS)
def test_a_front_end_that_was_killed_comes_back(xvsd, peer, folder, testpmd, packed):
    daemon = xvsd(config(folder))
    peer.up("10.77.0.100/24")
    for _ in range(3):
        front = testpmd(packed_vq=packed).start()
        wait_for_link(daemon, front)
        expect_traffic_and_policy(daemon, peer)
        front.kill()
        wait_for("the port to listen", lambda: facts(daemon)["state"] == "listening")
        assert daemon.port("lab/vm1")["link"] == "down"
        assert "closed the connection" in facts(daemon)["front end"]


@pytest.mark.parametrize("packed", RINGS)
def test_a_front_end_outlives_a_switch_that_was_killed(xvsd, peer, folder, testpmd, packed):
    front = testpmd(server=1, packed_vq=packed).start()
    daemon = xvsd(config(folder, "client"))
    peer.up("10.77.0.100/24")
    wait_for_link(daemon, front)
    for _ in range(3):
        expect_traffic_and_policy(daemon, peer)
        daemon.kill()
        daemon.start()
        wait_for_link(daemon, front)
        peer.up("10.77.0.100/24")
    expect_traffic_and_policy(daemon, peer)


@pytest.mark.parametrize("packed", RINGS)
def test_all_queues_run(xvsd, peer, folder, testpmd, packed):
    daemon = xvsd(config(folder, queues=4))
    peer.up("10.77.0.100/24")
    front = testpmd(queues=4, packed_vq=packed, mrg_rxbuf=1).start()
    wait_for_link(daemon, front)
    expect_traffic_and_policy(daemon, peer)
    assert facts(daemon)["state"] == "connected, 4 of 4 queues run"
    assert sum("runs" in value for name, value in facts(daemon).items()
               if name.startswith("ring ")) == 8


def test_a_front_end_with_fewer_queues_is_served(xvsd, peer, folder, testpmd):
    daemon = xvsd(config(folder, queues=4))
    peer.up("10.77.0.100/24")
    wait_for_link(daemon, testpmd(queues=2).start())
    expect_traffic_and_policy(daemon, peer)
    assert facts(daemon)["state"] == "connected, 2 of 4 queues run"
