# SPDX-License-Identifier: Apache-2.0
"""The capture extension writes pcapng files that tcpdump reads.

    [vm1] eth0 --tap--+-- [ lab: capture ]
    [vm2] eth0 --tap--+
"""

import subprocess

import pytest

from support.daemon import Refused
from support.patience import wait_for
from support.wire import frame

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - instance: tap
        extension: org.xvs.capture
        policies:
          org.xvs.capture/1: {policy}
    ports:
      - {{name: vm1, mac: "52:54:00:00:00:01", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""


@pytest.fixture
def lab(hosts, xvsd, tmp_path):
    """lab(policy): (daemon, vm1, vm2, file)."""
    guests = hosts("vm1", "vm2")
    path = tmp_path / "capture.pcapng"

    def make(policy=""):
        daemon = xvsd(CONFIG.format(policy=f"{{file: {path}{policy}}}"))
        for number, guest in enumerate(guests, 1):
            guest.up(f"10.77.0.{number}/24")
        return daemon, *guests, path

    return make


def lines_of(path, *expression):
    if not path.exists():
        return []
    done = subprocess.run(["tcpdump", "-nn", "-e", "-r", str(path), *expression],
                          capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_tcpdump_reads_what_was_captured(lab, tool):
    tool("tcpdump")
    _, vm1, _, path = lab()
    vm1.reaches("10.77.0.2")
    wait_for("request and reply in the file", lambda: lines_of(path, "icmp[0] == 8")
             and lines_of(path, "icmp[0] == 0"))
    assert lines_of(path, "arp")


def test_the_filter_selects(lab, tool):
    tool("tcpdump")
    daemon, vm1, _, path = lab(', filter: "icmp"')
    vm1.reaches("10.77.0.2")
    wait_for("ping in the file", lambda: lines_of(path, "icmp"))
    daemon.rpc("ext.disable", target="lab/tap")
    assert not lines_of(path, "not icmp")


def test_the_snap_length_cuts_and_the_true_length_stays(lab, tool):
    tool("tcpdump")
    _, vm1, vm2, path = lab(", snaplen: 64")
    a, b = vm1.wire(), vm2.wire()
    sent = frame(VM2, VM1, bytes(range(256)) * 4)
    a.send(sent)
    b.wait(sent)
    found = wait_for("the frame in the file",
                     lambda: [x for x in lines_of(path) if f"length {len(sent)}" in x])
    assert found
    captured = subprocess.run(["tcpdump", "-nn", "-xx", "-r", str(path), "ether proto 0x88b5"],
                              capture_output=True, text=True, check=False).stdout
    rows = [row for row in captured.splitlines() if row.strip().startswith("0x")]
    assert max(int(row.split(":")[0].strip(), 16) for row in rows) == 48


def test_only_the_ports_that_are_named(lab, tool):
    tool("tcpdump")
    _, vm1, _, path = lab(", direction: in, ports: [{name: vm2}]")
    vm1.reaches("10.77.0.2")
    wait_for("the reply in the file", lambda: lines_of(path, "icmp[0] == 0"))
    assert not lines_of(path, "icmp[0] == 8")


def test_traffic_goes_on_when_the_file_is_full(lab, tool):
    tool("tcpdump")
    daemon, vm1, vm2, path = lab(", max_bytes: 1048576")
    a, b = vm1.wire(), vm2.wire()
    for _ in range(1000):
        sent = frame(VM2, VM1, bytes(1400))
        a.send(sent)
        b.wait(sent)
    wait_for("capture to say that it is full", lambda: daemon.rpc(
        "ext.show", name="lab/tap")["status"]["org.xvs.capture.status/1"]["full"])
    assert 0 < path.stat().st_size <= 1 << 20
    vm1.reaches("10.77.0.2")


def test_a_bad_filter_is_refused_and_the_old_one_stays(lab, tool):
    tool("tcpdump")
    daemon, vm1, _, path = lab(', filter: "icmp"')
    with pytest.raises(Refused) as refused:
        daemon.set_policy("lab", "org.xvs.capture/1", filter="tcp porrt 1")
    assert "org.xvs.capture/1" in refused.value.message and "filter" in refused.value.message
    vm1.reaches("10.77.0.2")
    wait_for("ping in the file", lambda: lines_of(path, "icmp"))
