# SPDX-License-Identifier: Apache-2.0
"""Guests whose rings the switch reads and writes itself.

    [vm1] virtio-net --vhost-user--+
    [vm2] virtio-net --vhost-user--+-- [ lab ]
    [ns]  eth0 ------------tap-----+
"""

import signal
import time

import pytest

from machine.adapter import VhostUser
from machine.traffic import HOST, iperf3, receive_file, send_parts
from support.front import socket_folder
from support.patience import wait_for

CONFIG = """
daemon: {{workers: {workers}}}
switches:
  - name: lab
    type: private
    chain:
      - {{instance: guard, extension: org.xvs.guard}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: vhost-user, socket: {folder}/vm1, mode: {mode}, queues: {queues}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: vhost-user, socket: {folder}/vm2, mode: {mode}, queues: {queues}}}
      - {{name: ns, backend: {{kind: tap, device: eth0, netns: ns}}}}
"""
PACKED = {"packed": "on"}
RINGS = [pytest.param({}, id="split"), pytest.param(PACKED, id="packed")]
# Bits of virtio (1.2, 5.1.3 and 6).
CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6 = 0, 1, 7, 8, 11, 12
MERGEABLE, QUEUES, INDIRECT, EVENT_INDEX, RING_PACKED = 15, 22, 28, 29, 34
OFFLOADS = (CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6)


@pytest.fixture
def lab(hosts, xvsd, machines):
    """lab(...): (daemon, vm1, vm2, host), which reach one another."""
    host, = hosts("ns")
    with socket_folder() as folder:
        def make(traits=None, others=None, queues=1, listens=False, workers=1):
            daemon = xvsd(CONFIG.format(folder=folder, queues=queues, workers=workers,
                                        mode="client" if listens else "server"))
            host.up(HOST + "/24")
            guests = machines(*(VhostUser(f"52:54:00:00:00:0{number}", queues, more or {},
                                          socket=folder / f"vm{number}", listens=listens)
                                for number, more in ((1, traits), (2, others or traits))),
                              cpus=queues)
            guests[0].reaches("10.77.0.2")
            return daemon, *guests, host
        yield make


def passed_whole(daemon, port):
    """Packets, half of which are acknowledgements, were longer than frames on a wire."""
    stats = daemon.stats(port)
    return stats["rx_bytes"] > 1514 * stats["rx_packets"]


@pytest.mark.parametrize("traits", RINGS)
def test_guests_exchange_files_with_all_offloads(lab, traits):
    daemon, vm1, vm2, host = lab(traits)
    for guest in (vm1, vm2):
        for bit in (*OFFLOADS, MERGEABLE, INDIRECT, EVENT_INDEX):
            assert guest.has_feature(bit), bit
        assert guest.has_feature(RING_PACKED) == (traits == PACKED)
    assert vm1.pings("10.77.0.2", count=3, size=8000)
    for source, address, size in ((vm1, "10.77.0.2", 100), (vm2, "10.77.0.1", 40)):
        made = source.make_file(megabytes=size)
        assert source.send_file(address) == made
    for port in ("lab/vm1", "lab/vm2"):
        assert passed_whole(daemon, port), daemon.stats(port)
    iperf3(vm1, vm2, "10.77.0.2")
    made = vm2.make_file(megabytes=20)
    assert receive_file(host, vm2) == made
    assert send_parts(host, "10.77.0.1", 20) == made


LESS = ({"mrg_rxbuf": "off"}, {"indirect_desc": "off", "event_idx": "off"})
NO_OFFLOADS = ({"csum": "off", "gso": "off", "host_tso4": "off", "host_tso6": "off"},
               {"guest_csum": "off", "guest_tso4": "off", "guest_tso6": "off"})


@pytest.mark.parametrize("ring, traits, others", [
    pytest.param({}, *NO_OFFLOADS, id="split-no-offloads", marks=pytest.mark.slow),
    pytest.param(PACKED, *LESS, id="packed-less", marks=pytest.mark.slow),
    pytest.param({}, *LESS, id="split-less", marks=pytest.mark.slow),
    pytest.param(PACKED, *NO_OFFLOADS, id="packed-no-offloads", marks=pytest.mark.slow),
])
def test_guests_that_take_less_are_understood(lab, ring, traits, others):
    _, vm1, vm2, _ = lab(ring | traits, ring | others)
    for source, address in ((vm1, "10.77.0.2"), (vm2, "10.77.0.1")):
        made = source.make_file(megabytes=20)
        assert source.send_file(address) == made


@pytest.mark.slow
@pytest.mark.parametrize("ring", RINGS)
def test_each_queue_of_a_guest_is_served(lab, ring):
    daemon, vm1, vm2, _ = lab(ring, queues=2, workers=2)
    assert vm1.has_feature(QUEUES)
    for guest in (vm1, vm2):
        assert guest.run("ls -d /sys/class/net/eth0/queues/tx-*").split()[1:], "one queue alone"
    for source, target, address in ((vm1, vm2, "10.77.0.2"), (vm2, vm1, "10.77.0.1")):
        iperf3(source, target, address, "-P", "8")
        made = source.make_file(megabytes=20)
        assert source.send_file(address) == made
    print(daemon.do("port", "show", "lab/vm1"))


def received(daemon, port):
    return daemon.stats(port)["rx_bytes"]


def wait_for_bytes(daemon, port, count):
    wait_for(f"{count} bytes from {port}", lambda: received(daemon, port) > count)


@pytest.mark.parametrize("ring, listens", [
    pytest.param({}, False, id="split-server"),
    pytest.param(PACKED, True, id="packed-client"),
    pytest.param({}, True, id="split-client", marks=pytest.mark.slow),
    pytest.param(PACKED, False, id="packed-server", marks=pytest.mark.slow),
])
def test_a_transfer_outlives_the_daemon(lab, ring, listens):
    """Stopped in order once, killed twice, while the file is on its way."""
    daemon, vm1, _, host = lab(ring, listens=listens)
    made = vm1.make_file(megabytes=32)
    vm1.begin_file("10.77.0.2")
    for end in (daemon.stop, daemon.kill, daemon.kill):
        wait_for_bytes(daemon, "lab/vm1", 8 << 20)
        end()
        daemon.start()
    assert vm1.end_file() == made
    assert passed_whole(daemon, "lab/vm1"), daemon.stats("lab/vm1")
    host.up(HOST + "/24")
    assert vm1.reaches(HOST)


def sent(daemon):
    return daemon.stats("lab/vm1")["rx_packets"]


@pytest.mark.slow
@pytest.mark.parametrize("ring", RINGS)
def test_what_qemu_drops_meanwhile_stops_nobody(lab, ring):
    """A guest whose ring is full when the daemon dies: QEMU drops some of it, in the middle if it is
    packed, which it can do once a boot.  Each time the ring has come to another place."""
    daemon, vm1, vm2, _ = lab(ring, listens=True)
    vm2.run("iperf3 -s -D -I /tmp/iperf3.pid < /dev/null > /dev/null 2>&1")
    vm1.run("(iperf3 -u -c 10.77.0.2 -P 4 -b 8M -t 600 > /dev/null 2>&1 &)")
    for turn in range(24):
        before = sent(daemon)
        wait_for(f"vm1 to send, turn {turn}", lambda: sent(daemon) > before + 700 + 50 * turn)
        if "used by others" in daemon.do("port", "show", "lab/vm1"):
            assert ring == PACKED
            return
        daemon.child.send_signal(signal.SIGSTOP)
        time.sleep(0.5)  # no event tells that the guest's buffers are full
        daemon.kill()
        daemon.start()
    assert ring != PACKED, "QEMU never dropped anything"


def test_policies_outlive_the_machine(lab):
    daemon, vm1, vm2, _ = lab()
    daemon.do("policy", "set", "lab/vm1", "org.xvs.guard/1", "mac_changes=false")
    uuid = daemon.port("lab/vm1")["uuid"]
    vm1.kill()
    wait_for("the link of vm1 to be down", lambda: daemon.port("lab/vm1")["link"] == "down")
    assert vm2.pings("10.77.0.2")

    vm1.launch().wait_until_up().up("10.77.0.1/24")
    vm1.reaches("10.77.0.2")
    assert daemon.port("lab/vm1")["uuid"] == uuid
    vm1.run("ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:99;"
            " ip link set eth0 up")
    assert not vm1.pings("10.77.0.2")
    daemon.wait_for_drop("spoofed-mac", "lab/vm1")

    vm1.run("reboot -f &")
    vm1.wait_until_up().up("10.77.0.1/24")
    vm1.reaches("10.77.0.2")
    daemon.do("port", "block", "lab/vm1")
    vm1.run("ip neigh flush dev eth0 2>/dev/null; true")
    assert not vm1.pings("10.77.0.2")
