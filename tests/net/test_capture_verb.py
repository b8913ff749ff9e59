# SPDX-License-Identifier: Apache-2.0
"""xvsctl capture taps any point of the chain, and says what became of each packet.

    [vm1] eth0 --tap--+-- [ lab: guard ]
    [vm2] eth0 --tap--+
"""

import contextlib
import os
import signal
import struct
import subprocess

import pytest
from scapy.layers.l2 import Dot1Q
from scapy.utils import rdpcap

from support.daemon import BUILD
from support.patience import PATIENCE_S, wait_for
from support.wire import frame

VM1, VM2, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:99"
ENHANCED_PACKET, COMMENT = 6, 1  # pcapng: a block type, an option code

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {kind: tap, device: eth0, netns: vm1}
        policies: {org.xvs.guard/1: {}, xvs.vlan/1: {mode: trunk, native: 1, allowed: ["10"]}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
        policies: {org.xvs.guard/1: {}, xvs.vlan/1: {mode: trunk, native: 1, allowed: ["10"]}}
"""


class Capture:
    """xvsctl capture, running; its session is there when this has been made."""

    def __init__(self, daemon, *words):
        self.child = subprocess.Popen(
            [str(BUILD / "bin" / "xvsctl"), "--socket", str(daemon.socket), "capture", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for("the session", lambda: self.child.poll() is not None or self.is_in_force())

    def is_in_force(self):
        """It catches the interrupt once the daemon has answered: all workers know of the session."""
        with open(f"/proc/{self.child.pid}/status", encoding="utf-8") as status:
            caught, = [line.split()[1] for line in status if line.startswith("SigCgt:")]
        return int(caught, 16) >> (signal.SIGINT - 1) & 1

    def end(self):
        """(lines, last line on stderr) after the interrupt that an operator sends."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self):
        out, said = self.child.communicate(timeout=PATIENCE_S)
        assert self.child.returncode == 0, said
        return out.splitlines(), said.splitlines()[-1]


def sessions_of(daemon):
    """Capture memories that the daemon holds."""
    found = 0
    for entry in os.scandir(f"/proc/{daemon.child.pid}/fd"):
        with contextlib.suppress(OSError):
            found += "memfd:xvs-capture" in os.readlink(entry.path)
    return found


@pytest.fixture
def lab(hosts, xvsd):
    """(daemon, wire of vm1, wire of vm2)."""
    guests = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    daemon.capture_sessions = lambda: sessions_of(daemon)
    for number, guest in enumerate(guests, 1):
        guest.up(f"10.77.0.{number}/24")
    return daemon, guests[0].wire(), guests[1].wire()


def tcpdump(path, *words):
    """A line a packet."""
    done = subprocess.run(["tcpdump", "-nn", "-e", "-r", str(path), *words],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line[0].isdigit()]


def comments(path):
    """Of each packet of a pcapng file, in order.  (scapy 2.5 wants a newline in a comment.)"""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        kind, size = struct.unpack_from("=II", data, at)
        assert struct.unpack_from("=I", data, at + size - 4) == (size,)
        if kind == ENHANCED_PACKET:
            captured, = struct.unpack_from("=I", data, at + 20)
            options = at + 28 + (captured + 3) // 4 * 4
            found.append(comment_of(data[options:at + size - 4]))
        at += size
    return found


def comment_of(options):
    while options:
        code, length = struct.unpack_from("=HH", options)
        if code == COMMENT:
            return options[4:4 + length].decode()
        options = options[4 + (length + 3) // 4 * 4:]
    return None


def exchange(sender, receiver, *frames):
    """Sent, then a marker that the receiver waits for; all has been seen but how that went out."""
    for made in frames:
        sender.send(made)
    marker = frame(VM2, VM1)
    sender.send(marker)
    receiver.wait(marker)
    return marker


def test_packets_are_seen_coming_in_and_going_out(lab):
    daemon, one, two = lab
    capture = Capture(daemon, "-c", "2", "ether", "proto", "0x88b5")
    exchange(one, two)
    lines, sum_ = capture.wait()
    assert [line.split()[1:3] for line in lines] == [["lab/vm1", "in"], ["lab/vm2", "out"]]
    assert f"{VM1} > {VM2}: ethertype 0x88b5, length 60" in lines[0]
    assert sum_.startswith("2 packets captured")
    assert sum_.endswith("0 lost")


def test_the_filter_is_applied_to_what_was_tapped(lab):
    daemon, one, two = lab
    capture = Capture(daemon, "--port", "vm1", "ether proto 0x88b6")
    exchange(one, two, frame(VM2, VM1, b"wanted", ethertype=0x88B6))
    lines, sum_ = capture.end()
    assert len(lines) == 1
    assert "0x88b6" in lines[0]
    assert sum_.startswith("1 packets captured")


def test_tcpdump_reads_the_file_and_finds_the_tag(lab, tool, tmp_path):
    tool("tcpdump")
    daemon, one, two = lab
    path = tmp_path / "out.pcapng"
    capture = Capture(daemon, "-w", str(path), "-c", "2", "vlan 10")
    tagged = frame(VM2, VM1, b"in ten", vlan=10)
    exchange(one, two, tagged)
    assert capture.wait()[1].startswith("2 packets captured")
    assert len(tcpdump(path, "vlan 10 and ether proto 0x88b5")) == 2
    assert "vlan 10, p 0, ethertype" in tcpdump(path)[0]
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"lab/vm1" in path.read_bytes()
    assert b"lab/vm2" in path.read_bytes()
    assert [bytes(packet) for packet in rdpcap(str(path))] == [tagged, tagged]
    assert rdpcap(str(path))[0][Dot1Q].vlan == 10


def test_drops_come_with_extension_and_reason(lab, tmp_path):
    daemon, one, two = lab
    path = tmp_path / "drops.pcapng"
    capture = Capture(daemon, "--point", "drops", "-w", str(path), "ether proto 0x88b5")
    exchange(one, two, frame(VM2, OTHER))
    assert capture.end()[1].startswith("1 packets captured")
    assert comments(path) == ["drop lab/guard: spoofed-mac (ingress)"]


def test_drops_of_the_switch_itself(lab):
    daemon, one, two = lab
    capture = Capture(daemon, "--point", "drops", "--port", "lab/vm1")
    exchange(one, two, frame(VM2, VM1, vlan=99))
    lines, _ = capture.end()
    assert any("drop switch: vlan (ingress): vlan 99, " in line for line in lines), lines


def test_after_an_instance_with_the_verdict_on_each(lab, tmp_path):
    daemon, one, two = lab
    path = tmp_path / "after.pcapng"
    capture = Capture(daemon, "--point", "after:guard", "--port", "vm1", "-w", str(path),
                      "ether proto 0x88b5")
    exchange(one, two, frame(VM2, OTHER), frame(VM2, VM1))
    assert capture.end()[1].startswith("3 packets captured")
    assert comments(path) == ["after guard: dropped spoofed-mac (ingress)",
                              "after guard: passed (ingress)", "after guard: passed (ingress)"]


def test_before_an_instance_all_that_reach_it(lab):
    daemon, one, two = lab
    capture = Capture(daemon, "--point", "before:lab/guard", "ether proto 0x88b5")
    exchange(one, two, frame(VM2, OTHER))
    lines, _ = capture.end()
    assert len(lines) == 3
    assert ": 52:54:00:00:00:99 > " in lines[0]
    assert lines[0].split()[1:6] == ["lab/vm1", "in", "before", "lab/guard", "(ingress):"]
    assert lines[2].split()[1:6] == ["lab/vm2", "out", "before", "lab/guard", "(egress):"]


def test_a_cut_packet_keeps_its_length(lab, tool, tmp_path):
    tool("tcpdump")
    daemon, one, two = lab
    path = tmp_path / "cut.pcapng"
    capture = Capture(daemon, "--snaplen", "40", "--port", "vm2", "-w", str(path), "-c", "1",
                      "ether proto 0x88b5 and greater 1000")
    exchange(one, two, frame(VM2, VM1, bytes(1200)))
    capture.wait()
    assert "length 1214" in tcpdump(path)[0]
    assert path.stat().st_size < 500


def test_ping_is_told_in_words(lab):
    daemon, _, _ = lab
    capture = Capture(daemon, "--port", "vm1", "-c", "2", "icmp")
    subprocess.run(["ip", "netns", "exec", "vm1", "ping", "-n", "-c", "1", "10.77.0.2"],
                   capture_output=True, check=True, timeout=PATIENCE_S)
    lines, _ = capture.wait()
    assert "IP 10.77.0.1 > 10.77.0.2: icmp type 8 code 0, length 98" in lines[0]
    assert "IP 10.77.0.2 > 10.77.0.1: icmp type 0 code 0, length 98" in lines[1]


def test_a_session_ends_with_its_caller(lab):
    daemon, one, two = lab
    capture = Capture(daemon, "--port", "vm1")
    # one more while the descriptor is on its way to xvsctl
    wait_for("one session", lambda: daemon.capture_sessions() == 1)
    capture.child.kill()
    capture.child.communicate()
    wait_for("the session to end", lambda: daemon.capture_sessions() == 0)
    exchange(one, two)


def test_there_are_four_sessions_at_most(lab):
    daemon, _, _ = lab
    captures = [Capture(daemon) for _ in range(4)]
    assert "4 sessions run already" in daemon.refuses("capture")
    for capture in captures:
        capture.end()
    wait_for("the sessions to end", lambda: daemon.capture_sessions() == 0)


def test_what_is_wrong_is_said(lab, tmp_path):
    daemon, _, _ = lab
    assert "none of that name" in daemon.refuses("capture", "--port", "vm9", code=4)
    assert "none of that name" in daemon.refuses("capture", "--point", "after:vm9", code=4)
    assert '"before:INSTANCE"' in daemon.refuses("capture", "--point", "behind:guard")
    assert "filter" in daemon.refuses("capture", "no", "such", "filter", code=2)
    assert "-c takes a number" in daemon.refuses("capture", "-c", "0", code=2)
    assert "cannot be written" in daemon.refuses("capture", "-w", str(tmp_path / "no" / "file"))
    wait_for("the sessions to end", lambda: daemon.capture_sessions() == 0)


def test_the_end_of_the_daemon_is_told(lab):
    daemon, _, _ = lab
    capture = Capture(daemon)
    daemon.stop()
    _, said = capture.child.communicate(timeout=PATIENCE_S)
    assert "the daemon has ended" in said
    assert capture.child.returncode == 3
