# SPDX-License-Identifier: Apache-2.0
"""Machines of which another host keeps a copy: machine/two_hosts.py.

What was written before a point is in the copy, whatever broke since; nothing else is taken for one.
"""

import json
import os
import signal
import socket
import subprocess

import pytest

from machine.hv import Guest
from machine.two_hosts import GUEST, PEER
from support.patience import wait_for

SANDBOX = """
  - name: sandbox
    type: private
    chain:
      - {instance: fw, extension: org.xvs.secgroup, required: true}
      - {instance: guard, extension: org.xvs.guard}
      - {instance: quota, extension: com.acme.quota}
"""


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
    guest.run(f"(echo {number}; cat /seed) | head -c 1m > /dev/vda; sync")
    return read(guest)


def disk_of(site, name="web"):
    return site.hv.state / "vms" / name / "disks" / "root.qcow2"


def snapshots(path):
    said = subprocess.run(["qemu-img", "info", "-U", "--output=json", path], check=True,
                          capture_output=True, text=True).stdout
    return [one["name"] for one in json.loads(said).get("snapshots", [])]


def test_a_machine_fails_over_as_planned_and_loses_nothing(two_hosts, image):
    hosts = two_hosts
    a, b = hosts["a"], hosts["b"]
    guest = hosts.boot(image)
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1, "--points", 2)
    shown = wait_for_point(a.hv, 0)
    assert shown["full"] and shown["role"] == "primary", shown
    assert b.hv.show("web")["state"] == "replica"
    assert "replica" in b.hv.refuses("start", "web")

    write(guest, 1)
    shown = wait_for_point(a.hv, shown["sequence"] + 1)
    assert not shown["full"] and shown["bytes"] < 32 << 20, shown
    a.hv.do("replicate", "web", "--to", b.title, "--every", 3600)
    assert "planned" in b.hv.refuses("failover", "web")  # it runs there
    written = write(guest, 2)
    over = b.hv.do("failover", "web", "--planned")
    assert over["state"] == "active" and len(over["recovery_points"]) == 2, over
    assert hosts.running_on("web") == ["b"]
    assert b.title in a.hv.refuses("start", "web")
    assert a.hv.do("replicate", "web")["state"] == "failed over"
    assert read(found(hosts, guest, "b")) == written
    assert guest.up(f"{GUEST}/24").reaches(PEER)
    policies = b.daemon.port("lab/web-eth0")["policies"]
    assert policies["com.acme.quota/1"]["bytes"] == 1 << 40, policies


@pytest.mark.slow
def test_points_are_kept_and_forgotten(two_hosts, image):
    hosts = two_hosts
    a, b = hosts["a"], hosts["b"]
    written = write(hosts.boot(image), 1)
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1, "--points", 2)
    shown = wait_for_point(a.hv, 3)
    a.hv.do("replicate", "web", "--to", b.title, "--every", 3600)
    copy = b.hv.do("replicate", "web")
    assert len(copy["recovery_points"]) == 2 and copy["sequence"] >= shown["sequence"], copy
    assert len(snapshots(disk_of(b))) == 2
    files = sorted(path.name for path in (b.hv.state / "vms/web/ports").iterdir())
    assert f"={copy['sequence']}@eth0" in files and len(files) == 4, files

    assert "--switch-map" in b.hv.refuses("failover", "web", "--test")
    assert "leads out" in b.hv.refuses("failover", "web", "--test", "--switch-map", "lab=lab")
    assert b.hv.state_of("web-test") is None
    b.daemon.write(hosts.switch_config(b) + SANDBOX)
    b.daemon.do("config", "reload")
    b.hv.do("failover", "web", "--test", "--switch-map", "lab=sandbox")
    trial = hosts.found(Guest("web-test", b.hv, image), "b").wait_until_up()
    assert read(trial) == written
    assert not trial.up(f"{GUEST}/24").pings(PEER)
    assert b.hv.do("replicate", "web")["sequence"] == copy["sequence"]
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1)
    wait_for_point(a.hv, copy["sequence"])
    b.hv.do("kill", "web-test")
    b.hv.do("undefine", "web-test")


@pytest.mark.slow
def test_a_machine_goes_back_and_forth(two_hosts, image):
    """Unplanned to a point, taken back, taken over for good, and replicated the other way."""
    hosts = two_hosts
    a, b = hosts["a"], hosts["b"]
    guest = hosts.boot(image, failover_policies={"com.acme.quota/1": {"bytes": 1 << 30}})
    first = write(guest, 1)
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1, "--points", 8)
    point = wait_for_point(a.hv, 0)["sequence"]
    write(guest, 2)
    wait_for_point(a.hv, point + 1)
    for daemon in (a.hv, a.daemon):
        daemon.kill()
    for pid in hosts.qemus():
        os.kill(pid, signal.SIGKILL)
    assert "--take-over" in b.hv.refuses("failover", "web")
    assert "no point" in b.hv.refuses("failover", "web", "--point", 1000, "--take-over",
                                          code=4)
    b.hv.do("failover", "web", "--point", point, "--take-over")
    assert read(found(hosts, guest, "b")) == first
    assert b.daemon.port("lab/web-eth0")["policies"]["com.acme.quota/1"]["bytes"] == 1 << 30
    write(guest, 3)

    a.daemon.start()
    a.hv.start()  # and hears that it runs elsewhere
    wait_for("it to be handed over",
             lambda: a.hv.do("replicate", "web")["state"] == "failed over")
    assert b.title in a.hv.refuses("start", "web")
    b.hv.do("failover", "web", "--cancel")
    assert b.hv.show("web")["state"] == "replica"
    a.hv.do("start", "web")
    assert read(found(hosts, guest, "a")) != first
    assert hosts.running_on("web") == ["a"]
    written = write(guest, 4)
    wait_for_point(a.hv, a.hv.do("replicate", "web")["sequence"] + 1)

    b.hv.do("failover", "web", "--planned")
    assert read(found(hosts, guest, "b")) == written
    b.hv.do("failover", "web", "--complete")
    b.hv.do("replicate", "web", "--to", a.title, "--every", 1)
    assert wait_for_point(b.hv, 0)["role"] == "primary"
    assert a.hv.show("web")["state"] == "replica"
    assert hosts.running_on("web") == ["b"]
    a.hv.do("failover", "web", "--planned")
    assert read(found(hosts, guest, "a")) == written
    assert hosts.running_on("web") == ["a"]


def found(hosts, guest, on):
    """It boots there; its agent is spoken to."""
    hosts.found(guest, on).wait_until_up()
    return guest


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


def tell_qemu(hv, *commands, name="web"):
    """What nobody but xvs-hv says to it, while that is away."""
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.connect(str(hv.home / f"hv/{name}/qmp"))
        lines = qmp.makefile("rw")
        for command in ("qmp_capabilities", *commands):
            lines.write(json.dumps({"execute": command}) + "\n")
            lines.flush()
            while "return" not in json.loads(lines.readline()):
                pass


@pytest.mark.slow
def test_one_that_broke_behind_a_cut_asks_before_it_starts(two_hosts, image):
    hosts = two_hosts
    a, b = hosts["a"], hosts["b"]
    hosts.boot(image, restart="on-failure")
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1)
    wait_for_point(a.hv, 0)
    hosts.cut()
    for pid in hosts.qemus():
        os.kill(pid, signal.SIGKILL)
    wait_for("it to wait for the other", lambda: b.title in a.hv.show("web").get("problem", "")
             and "has said" in a.hv.show("web")["problem"])
    b.hv.do("failover", "web", "--take-over")
    hosts.mend()
    wait_for("the other to hear of it",
             lambda: a.hv.do("replicate", "web")["state"] == "failed over")
    assert hosts.running_on("web") == ["b"]


@pytest.mark.slow
def test_who_was_taken_over_behind_a_cut_stands_still(two_hosts, image):
    hosts = two_hosts
    a, b = hosts["a"], hosts["b"]
    guest = hosts.boot(image)
    written = write(guest, 1)
    a.hv.do("replicate", "web", "--to", b.title, "--every", 1)
    wait_for_point(a.hv, wait_for_point(a.hv, 0)["sequence"] + 1)
    hosts.cut()
    b.hv.do("failover", "web", "--take-over")  # a person is wrong: it runs there
    hosts.mend()
    wait_for("the other to hear of it",
             lambda: a.hv.do("replicate", "web")["state"] == "failed over")
    wait_for("one to run", lambda: hosts.running_on("web") == ["b"])
    assert b.title in a.hv.refuses("resume", "web")
    assert read(found(hosts, guest, "b")) == written
    a.hv.kill()
    tell_qemu(a.hv, "cont")  # as a job that went on behind the handing over
    a.hv.start()
    wait_for("its QEMU to be found", lambda: "still, as process" in a.hv.said())
    wait_for("one to run", lambda: hosts.running_on("web") == ["b"])
    a.hv.do("stop", "web")
    assert b.title in a.hv.refuses("start", "web")
    assert hosts.running_on("web") == ["b"]
