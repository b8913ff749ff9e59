# SPDX-License-Identifier: Apache-2.0
"""Controllers of other people: openvswitch-testcontroller, and applications on os-ken."""

import json
import pathlib

import pytest

from support.openflow import MACS, lab_at, program
from support.patience import wait_for
from support.wire import frame

APPS = pathlib.Path(__file__).parent / "support"
LEARNING = APPS.parents[2] / "examples" / "openflow" / "learning.py"
TARGET = "tcp:127.0.0.1:6653"


@pytest.fixture(scope="module")
def module_lab(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("of")) as made:
        yield made


@pytest.fixture
def lab(module_lab):
    module_lab.clear()
    yield module_lab
    module_lab.configure()


def osken(log, *apps):
    return program(log, "/usr/bin/osken-manager", "--ofp-tcp-listen-port", 6653,
                   *apps, port=6653)


@pytest.mark.parametrize("version", [10, 13, 14])
def test_the_controller_of_open_vswitch(lab, tool, tmp_path, version):
    vm1, vm2, vm3 = lab.guests
    with program(tmp_path / "log", tool("ovs-testcontroller"), "-O", f"OpenFlow{version}",
                 f"--unixctl={tmp_path}/ctl", "ptcp:6653", port=6653):
        lab.configure(TARGET)
        lab.wait_for_state(TARGET, "connected")
        assert vm1.reaches("10.0.0.2") and vm2.reaches("10.0.0.3") and vm3.reaches("10.0.0.1")
        row = lab.target(TARGET)
        assert row["state"] == "connected"
        flows = lab.ofctl("dump-flows", version=version)
        assert "dl_dst=52:54:00:00:00:02" in flows and "idle_timeout=60" in flows


def test_the_controller_of_open_vswitch_as_a_hub(lab, tool, tmp_path):
    vm1, vm2, vm3 = lab.wires()
    with program(tmp_path / "log", tool("ovs-testcontroller"), "--hub",
                 f"--unixctl={tmp_path}/ctl", "ptcp:6653", port=6653):
        lab.configure(TARGET)
        sent = frame(MACS["vm3"], MACS["vm1"])

        def passes():
            vm1.send(sent)
            return "FLOOD" in lab.ofctl("dump-flows")
        wait_for("the hub's flow", passes)
        assert vm2.wait(sent) and vm3.wait(sent)


def told(log, kind):
    """What the monitor wrote last."""
    rows = []
    for line in log.read_text(encoding="utf-8").splitlines():
        if line.startswith("{") and line.endswith("}"):
            said = json.loads(line)
            rows = said["rows"] if said["kind"] == kind else rows
    return rows


def test_a_switch_and_a_monitor_on_os_ken(lab, tmp_path):
    log = tmp_path / "log"
    wires = lab.wires()
    with osken(log, LEARNING, APPS / "monitor_app.py"):
        lab.configure(TARGET)
        wait_for("its first flow", lambda: "CONTROLLER" in lab.ofctl("dump-flows"))
        vm1, vm2, vm3 = lab.guests
        assert vm1.reaches("10.0.0.2") and vm3.reaches("10.0.0.2") and vm2.reaches("10.0.0.3")

        def learned():
            wires[1].send(frame(MACS["vm1"], MACS["vm2"], b"teach"))
            return f"dl_src={MACS['vm2']},dl_dst={MACS['vm1']}" in lab.ofctl("dump-flows")
        wait_for("a flow from vm2 to vm1", learned)
        one, two = lab.ports["vm1"], lab.ports["vm2"]

        def counts():
            return sum(row["packets"] for row in told(log, "flows")
                       if row["match"].get("in_port") == two
                       and row["match"].get("eth_dst") == MACS["vm1"])
        wait_for("the monitor to count", lambda: counts() > 0)
        wait_for("all to be counted", lambda: lab.count(
            f"dl_src={MACS['vm2']},dl_dst={MACS['vm1']}") == counts())
        before = counts()
        for n in range(50):
            wires[1].send(frame(MACS["vm1"], MACS["vm2"], b"%d" % n))
        wait_for("50 more", lambda: counts() == before + 50)
        ports = {row["port"]: row for row in told(log, "ports")}
        assert {one, two} < set(ports)
        assert ports[one]["out"] >= 50 and ports[two]["in_bytes"] >= 50 * 60


@pytest.mark.slow
def test_a_router_on_os_ken(lab, tmp_path):
    numbers = [lab.ports[name] for name in ("vm1", "vm2")]
    guests = lab.guests[:2]
    for guest, number in zip(guests, numbers):
        guest.run("ip", "addr", "add", f"10.100.{number}.2/24", "dev", "eth0")
        guest.run("ip", "route", "add", "10.100.0.0/16", "via", f"10.100.{number}.1")
    with osken(tmp_path / "log", APPS / "router_app.py"):
        lab.configure(TARGET)
        wait_for("the router's first flow", lambda: "arp" in lab.ofctl("dump-flows"))
        far = f"10.100.{numbers[1]}.2"
        # who has not asked for its gateway yet is not known to the router
        wait_for("the far neighbour to be known", lambda: (
            guests[1].ping(f"10.100.{numbers[0]}.2", "-W", "0.2", count=1)
            or f"nw_dst={far}" in lab.ofctl("dump-flows")))
        assert guests[0].reaches(far)
        wire = guests[1].wire()
        assert guests[0].ping(far, "-t", "9", count=1)
        came = wire.wait(lambda data: data[12:14] == b"\x08\x00" and data[23] == 1)
        assert came[22] == 8, "its time to live was counted down once"
        assert came[6:12] == bytes.fromhex(f"0200000064{numbers[1]:02x}")
    for guest in guests:
        guest.run("ip", "route", "del", "10.100.0.0/16")
