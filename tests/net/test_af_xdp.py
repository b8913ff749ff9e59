# SPDX-License-Identifier: Apache-2.0
"""A device by XDP sockets: a veth, whose driver hands frames over as its peer has sent them.

    [vm1] eth0 --tap--+
                      +-- [ lab ] up0 --veth-- out0 [outside]
    [vm2] eth0 --tap--+
"""

import hashlib
import itertools
import pathlib
import platform
import random
import threading

import pytest

from support.barrage import barrage
from support.host import remove_link, run, veth
from support.patience import wait_for
from support.wire import frame

VM1, FAR = "52:54:00:00:00:01", "02:00:00:00:00:01"
ADDRESSES = {"vm1": "10.77.0.1", "vm2": "10.77.0.2", "outside": "10.77.0.254"}
BYTES = 10 << 20
QUEUES = 4
CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_xdp}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{xvs.vlan/1: {{{vlan}}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""
PLAIN = CONFIG.format(vlan="mode: access, vlan: 0")


def address(*guests):
    for guest in guests:
        guest.up(ADDRESSES[guest.name] + "/24")


@pytest.fixture
def lab(hosts, outside, xvsd):
    """(daemon, vm1, vm2), all with addresses."""
    guests = hosts("vm1", "vm2")
    daemon = xvsd(PLAIN)
    address(*guests, outside)
    return (daemon, *guests)


def facts(daemon):
    return daemon.port("lab/up0")["facts"]


def program_of(device):
    return "prog/xdp" in run("ip", "-d", "link", "show", device)


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


def test_an_operator_sees_how_the_device_is_used(lab):
    daemon, vm1, _ = lab
    vm1.reaches(ADDRESSES["outside"])
    seen = facts(daemon)
    assert seen["driver"] == "veth" and seen["mode"] == "copy"
    assert seen["program"].startswith("native")
    assert seen["queues"] == "1 of 1"
    assert daemon.port("lab/up0")["backend"] == "af_xdp"
    assert "native" in daemon.do("port", "show", "lab/up0")


@pytest.mark.parametrize("source, target", itertools.permutations(("vm1", "outside")))
def test_a_stream_arrives_as_it_was_sent(lab, outside, source, target):
    _, vm1, _ = lab
    ends = {"vm1": vm1, "outside": outside}
    data = random.Random(7).randbytes(BYTES)
    vm1.reaches(ADDRESSES["outside"])
    assert transfer(ends[source], ends[target], data) == hashlib.sha256(data).hexdigest()


def test_checksums_that_the_peer_left_open_are_finished(lab, outside):
    """The guest's kernel believes no mark that the packets do not carry: it counts bad sums."""
    _, vm1, _ = lab
    vm1.reaches(ADDRESSES["outside"])
    assert "tx-checksumming: on" in outside.run("ethtool", "-k", "out0")
    with vm1.datagrams(ADDRESSES["vm1"], 7001) as there, \
            outside.datagrams(ADDRESSES["outside"], 7001) as here:
        for size in (1, 2, 63, 64, 65, 999, 1400, 4000):
            sent = random.Random(size).randbytes(size)
            here.sendto(sent, (ADDRESSES["vm1"], 7001))
            assert there.recv(1 << 16) == sent
    snmp = vm1.run("cat", "/proc/net/snmp").splitlines()
    names, values = (line.split() for line in snmp if line.startswith("Udp:"))
    assert dict(zip(names, values))["InCsumErrors"] == "0"


def test_ipv6_passes(lab, outside):
    _, vm1, _ = lab
    for number, host in enumerate((vm1, outside), 1):
        host.use_ipv6()
        host.up(f"fd00::{number}/64")
    assert vm1.reaches("fd00::2")
    with vm1.listen("fd00::1", 7002, family=10) as listener:
        with outside.open_socket(family=10) as s:
            s.connect(("fd00::1", 7002))
            peer, _ = listener.accept()
            with peer:
                s.sendall(b"six")
                assert peer.recv(16) == b"six"


def tag_beside_frames(host, folder):
    """As a VLAN device does: the frame that leaves is untagged, the kernel knows its VLAN."""
    source = pathlib.Path(__file__).parent / "support" / "tag.bpf.c"
    made = folder / "tag.o"
    run("clang", "-target", "bpf", "-O2", "-g", "-I/usr/include/" + platform.machine() +
        "-linux-gnu", "-c", source, "-o", made)
    host.run("tc", "qdisc", "add", "dev", host.device, "clsact")
    host.run("tc", "filter", "add", "dev", host.device, "egress", "bpf", "da", "obj", made, "sec",
             "tc")


def test_tags_come_and_go_in_order(hosts, outside, xvsd, tmp_path):
    """In the frame, and beside it, where the kernel's own VLAN devices put them."""
    vm1, _ = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG.format(vlan="mode: access, vlan: 10"))
    wire = vm1.up().wire()
    far = outside.up().wire()
    far.send(frame(VM1, FAR, b"in the frame", vlan=10))
    assert wire.wait(lambda f: b"in the frame" in f)[12:14] == bytes.fromhex("88b5")
    wire.send(frame(FAR, VM1, b"to be tagged"))
    assert far.wait(lambda f: b"to be tagged" in f)[12:16] == bytes.fromhex("8100000a")
    tag_beside_frames(outside, tmp_path)
    far.send(frame(VM1, FAR, b"beside the frame"))
    assert wire.wait(lambda f: b"beside the frame" in f)[12:14] == bytes.fromhex("88b5")
    assert daemon.drops("vlan") == 0


def test_each_receive_queue_has_a_socket(hosts, xvsd):
    guests = hosts("vm1", "vm2", "outside")
    vm1, outside = guests[0], guests[2]
    run("ip", "link", "add", "name", "up0", "numrxqueues", QUEUES, "numtxqueues", QUEUES, "type",
        "veth", "peer", "name", "out0", "numrxqueues", QUEUES, "numtxqueues", QUEUES)
    run("ip", "link", "set", "out0", "netns", "outside")
    outside.device = "out0"
    try:
        daemon = xvsd(PLAIN)
        address(vm1, outside)
        assert facts(daemon)["queues"] == f"{QUEUES} of {QUEUES}"
        vm1.reaches(ADDRESSES["outside"])
        # the kernel chooses a queue by the flow: some of these are in each
        with vm1.datagrams(ADDRESSES["vm1"], 7003) as there:
            for number in range(64):
                with outside.open_socket(kind=2) as s:
                    s.sendto(b"%d" % number, (ADDRESSES["vm1"], 7003))
                assert there.recv(16) == b"%d" % number
    finally:
        remove_link("up0")


def test_nothing_of_ours_stays_on_the_device(lab):
    daemon, vm1, _ = lab
    vm1.reaches(ADDRESSES["outside"])
    assert program_of("up0")
    daemon.stop()
    assert not program_of("up0")


def test_a_daemon_that_was_killed_begins_again(lab, outside):
    daemon, vm1, vm2 = lab
    vm1.reaches(ADDRESSES["outside"])
    for _ in range(3):
        daemon.kill()
        daemon.start()
        address(vm1, vm2)
        assert "native" in facts(daemon)["program"]
        assert outside.reaches(ADDRESSES["vm1"])


def test_the_link_goes_down_and_comes_up(lab, outside):
    daemon, vm1, vm2 = lab
    vm1.reaches(ADDRESSES["outside"])
    for _ in range(2):
        outside.run("ip", "link", "set", "out0", "down")
        wait_for("link down", lambda: daemon.port("lab/up0")["link"] == "down")
        assert vm1.reaches(ADDRESSES["vm2"])
        outside.run("ip", "link", "set", "out0", "up")
        wait_for("link up", lambda: daemon.port("lab/up0")["link"] == "up")
        vm1.reaches(ADDRESSES["outside"])
    run("ip", "link", "set", "up0", "down")
    wait_for("link down", lambda: daemon.port("lab/up0")["link"] == "down")
    vm2.ping(ADDRESSES["outside"], count=1)
    run("ip", "link", "set", "up0", "up")
    wait_for("link up", lambda: daemon.port("lab/up0")["link"] == "up")
    assert vm1.reaches(ADDRESSES["outside"])


def test_a_device_that_vanishes_disturbs_nobody_else(lab):
    daemon, vm1, _ = lab
    run("ip", "link", "del", "up0")
    wait_for("link down", lambda: daemon.port("lab/up0")["link"] == "down")
    assert vm1.reaches(ADDRESSES["vm2"])


def instead(daemon):
    """Why another backend serves the port; its packets pass all the same."""
    seen = daemon.port("lab/up0")
    return seen["warning"]


def test_frames_longer_than_ours_are_left_to_af_packet(hosts, outside, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    run("ip", "link", "set", "up0", "mtu", 9000)
    outside.run("ip", "link", "set", "out0", "mtu", 9000)
    daemon = xvsd(PLAIN)
    address(vm1, vm2, outside)
    assert "af_packet instead of af_xdp: its MTU is 9000" in instead(daemon)
    assert vm1.reaches(ADDRESSES["outside"])


def test_a_peer_with_longer_packets_than_the_driver_takes(hosts, outside, xvsd):
    """veth refuses a native program then; the generic one does, and the operator is told."""
    vm1, vm2 = hosts("vm1", "vm2")
    outside.run("ip", "link", "set", "out0", "mtu", 9000)
    daemon = xvsd(PLAIN)
    address(vm1, vm2, outside)
    assert facts(daemon)["program"].startswith("generic")
    assert "gro off" in instead(daemon)
    assert vm1.reaches(ADDRESSES["outside"])


def test_a_program_of_somebody_else_is_left_alone(hosts, outside, xvsd):
    other = pathlib.Path("/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_alw_all.o")
    if not other.exists():
        pytest.skip("there is no XDP program to attach")
    vm1, vm2 = hosts("vm1", "vm2")
    run("ip", "link", "set", "up0", "xdpgeneric", "obj", other, "sec", "xdp")
    daemon = xvsd(PLAIN)
    address(vm1, vm2, outside)
    assert "shares the device with nobody" in instead(daemon)
    assert vm1.reaches(ADDRESSES["outside"])
    daemon.stop()
    assert program_of("up0")


def test_hostile_frames_do_no_harm(lab, outside):
    daemon, vm1, _ = lab
    vm1.reaches(ADDRESSES["outside"])
    wire = outside.wire()
    for made in barrage(5, 3000, FAR, VM1):
        wire.send(made)
    assert vm1.reaches(ADDRESSES["outside"])
    assert daemon.is_running()
