# SPDX-License-Identifier: Apache-2.0
"""Random and mutated frames at each kind of port: nothing breaks, every packet is accounted for.

    [vm1] frames --tap--+                                   +--veth-- out0 [outside] frames
    [vm2]        --tap--+-- [ lab: capture, guard, fw ] ----+
    replay.pcap --pcap--+

By default 30,000 at each; marked slow 600,000, by a daemon with sanitizers where XVS_ASAN_BUILD
names such a build.
"""

import os
import pathlib

import pytest

from support.barrage import barrage, write_pcap
from support.daemon import BUILD
from support.patience import wait_for

VM1, VM2, FAR = "52:54:00:00:00:01", "52:54:00:00:00:02", "02:00:00:00:00:01"
# The sanitizers of clang 14 do not find their place under the randomisation of newer kernels.
PLAIN_ADDRESSES = ("setarch", "-R")
IN_FLIGHT = 100  # fewer than any queue on the way holds
ASAN_BUILD = os.environ.get("XVS_ASAN_BUILD")

CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    chain:
      - instance: tap
        extension: org.xvs.capture
        policies:
          org.xvs.capture/1: {{file: {home}/all.pcapng, snaplen: 128, filter: "arp or icmp"}}
      - {{instance: guard, extension: org.xvs.guard}}
      - {{instance: fw, extension: org.xvs.secgroup}}
    groups:
      - name: guarded
        policies:
          org.xvs.guard/1: {{forged_transmits: {forged}, mac_changes: true, dhcp_guard: true,
                             router_guard: true}}
          org.xvs.secgroup.rules/1: {{default_in: allow}}
    ports:
      - name: vm1
        group: guarded
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1}}
      - name: vm2
        group: guarded
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2}}
"""
REPLAY = """\
      - name: replay
        mac: "52:54:00:00:00:03"
        group: guarded
        backend: {{kind: pcap, read: "{path}", write: "{path}.out"}}
"""

COUNTS = [pytest.param(30000, BUILD, id="30000"),
          pytest.param(600000, pathlib.Path(ASAN_BUILD or BUILD), id="600000",
                       marks=pytest.mark.slow)]


@pytest.fixture
def lab(hosts, outside, xvsd, tmp_path):
    """lab(...): (daemon, vm1, vm2), running and reaching each other."""
    guests = hosts("vm1", "vm2")

    def make(build, more="", forged="true"):
        outside.up("10.77.0.254/24")
        daemon = xvsd(CONFIG.format(home=tmp_path, forged=forged) + more, build=build,
                      wrap=PLAIN_ADDRESSES if build != BUILD else ())
        for number, guest in enumerate(guests, 1):
            guest.up(f"10.77.0.{number}/24")
        return daemon, *guests

    return make


def received(daemon, port):
    return daemon.stats(port)["rx_packets"]


def fire(daemon, port, host, frames):
    """Sends all; waits for the switch now and then, so that no queue on the way overflows."""
    wire = host.wire()
    before, sent = received(daemon, port), 0
    for made in frames:
        wire.send(made)
        sent += 1
        if sent % IN_FLIGHT == 0:
            wait_for("the switch to take them",
                     lambda goal=before + sent: received(daemon, port) >= goal)
    wait_for("the switch to take all", lambda: received(daemon, port) >= before + sent)
    wire.close()


def reaches_a_socket(made):
    """The kernel itself discards a frame whose VLAN tag is cut short."""
    return made[12:14] not in (b"\x81\x00", b"\x88\xa8") or len(made) >= 20


def is_sound(daemon, vm1, outside):
    """It still forwards, and counts right."""
    daemon.rpc("conn.flush")
    vm1.reaches("10.77.0.2")
    outside.reaches("10.77.0.2")
    daemon.wait_for_balance()
    print(daemon.rpc("accounts"))


@pytest.mark.parametrize("count, build", COUNTS)
def test_at_a_tap(lab, outside, count, build):
    daemon, vm1, _ = lab(build)
    fire(daemon, "lab/vm1", vm1, barrage(1, count, VM1, VM2))
    is_sound(daemon, vm1, outside)


@pytest.mark.parametrize("count, build", COUNTS)
def test_at_a_device(lab, outside, count, build):
    daemon, vm1, _ = lab(build)
    frames = (made for made in barrage(2, count, FAR, VM2) if reaches_a_socket(made))
    fire(daemon, "lab/up0", outside, frames)
    is_sound(daemon, vm1, outside)


@pytest.mark.parametrize("count, build", COUNTS)
def test_at_a_capture_file(lab, outside, tmp_path, count, build):
    path = tmp_path / "replay.pcap"
    write_pcap(path, barrage(3, count, "52:54:00:00:00:03", VM2))
    daemon, vm1, _ = lab(build, REPLAY.format(path=path))
    wait_for("the file to be read", lambda: received(daemon, "lab/replay") >= count)
    is_sound(daemon, vm1, outside)


def test_a_guarded_guest_that_spoofs_at_random_sends_nothing_as_another(lab, outside):
    daemon, vm1, vm2 = lab(BUILD, forged="false")
    sink = vm2.wire()
    fire(daemon, "lab/vm1", vm1, barrage(4, 3000, "52:54:00:00:00:99", VM2))
    vm1.reaches("10.77.0.2")
    sink.wait(lambda frame: frame[6:12] == bytes.fromhex("525400000001"))
    assert not any(frame[6:12] == bytes.fromhex("525400000099") for frame in sink.seen)
    assert daemon.drops("spoofed-mac", "lab/vm1") > 1000
