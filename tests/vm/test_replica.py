# SPDX-License-Identifier: Apache-2.0
"""Machines of which another host keeps a copy: machine/two_hosts.py.

What was written before a point is in the copy, whatever broke since; nothing else is taken for one.
"""

import json
import subprocess

import pytest

from support.patience import wait_for


def wait_for_point(hv, after, name="web"):
    """The first whole point behind that one, as the primary tells it."""
    found = {}

    def reached():
        found.update(hv.do("replicate", name))
        return found["sequence"] > after

    wait_for(f"a point of {name} after {after}", reached)
    return found


def read(guest):
    """What is at the beginning of its disk."""
    guest.run("echo 3 > /proc/sys/vm/drop_caches")
    return guest.run("head -c 1m /dev/vda | md5sum").split()[0]


def write(guest, number):
    """Something new is there."""
    guest.run(f"seq {number}000000 {number}200000 | head -c 1m > /dev/vda; sync")
    return read(guest)


def disk_of(site, name="web"):
    return site.hv.state / "vms" / name / "disks" / "root.qcow2"


def snapshots(path):
    said = subprocess.run(["qemu-img", "info", "-U", "--output=json", path], check=True,
                          capture_output=True, text=True).stdout
    return [one["name"] for one in json.loads(said).get("snapshots", [])]


def test_another_host_keeps_points_of_a_machine_that_runs(two_hosts, image):
    hosts = two_hosts
    a, b = hosts["a"], hosts["b"]
    guest = hosts.boot(image)
    first = write(guest, 1)
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1, "--points", 2)
    shown = wait_for_point(a.hv, 0)
    assert shown["full"] and shown["role"] == "primary", shown
    assert b.hv.show("web")["state"] == "replica"
    assert "replica" in b.hv.refuses("start", "web")

    second = write(guest, 2)
    assert second != first
    shown = wait_for_point(a.hv, shown["sequence"] + 1)
    assert not shown["full"] and shown["bytes"] < 32 << 20, shown
    copy = b.hv.do("replicate", "web")
    assert [one["sequence"] for one in copy["recovery_points"]] == \
        [shown["sequence"] - 1, shown["sequence"]], copy
    assert len(snapshots(disk_of(b))) == 2
    files = sorted(path.name for path in (b.hv.state / "vms/web/ports").iterdir())
    assert f"={shown['sequence']}@eth0" in files and len(files) == 4, files


@pytest.mark.slow
def test_points_go_on_whatever_ends(two_hosts, image):
    hosts = two_hosts
    a, b = hosts["a"], hosts["b"]
    guest = hosts.boot(image)
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1)
    shown = wait_for_point(a.hv, 0)

    for site in (a, b):  # machines go on, and numbers alone say what is to be sent
        site.hv.kill()
        site.hv.start()
    hosts.found(guest, "a")
    write(guest, 3)
    shown = wait_for_point(a.hv, shown["sequence"] + 1)
    assert not shown["full"], shown

    a.hv.do("kill", "web")  # QEMU cannot tell any more what changed: all of it is copied, once
    shown = wait_for_point(a.hv, shown["sequence"])
    wait_for("all to be there", lambda: a.hv.do("replicate", "web")["lag_s"] == 0)
    subprocess.run(["qemu-img", "compare", "-U", disk_of(a), disk_of(b)], check=True)

    assert "replicate" in a.hv.refuses("undefine", "web")
    a.hv.do("replicate", "web", "--stop")
    wait_for("the replica to be forgotten", lambda: b.hv.ctl("undefine", "web").returncode == 0)
    assert b.hv.state_of("web") is None
