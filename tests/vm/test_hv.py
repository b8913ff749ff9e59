# SPDX-License-Identifier: Apache-2.0
"""Machines that xvs-hv runs, with ports that it makes at xvsd.

    [web] virtio-net --vhost-user or tap--+-- [ lab ] --tap-- [ns]
"""

import os
import pathlib
import shutil
import signal
import tempfile

import pytest

from machine.hv import USERS, Guest, Hv
from machine.traffic import HOST
from support.patience import wait_for

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
      - {instance: fw, extension: org.xvs.secgroup}
    ports:
      - {name: ns, backend: {kind: tap, device: eth0, netns: ns}}
"""
WEB = """
name: web
memory: 256M
kernel: {kernel}
initrd: {initrd}
cmdline: "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests"
serials: [agent]
shutdown: 1
restart: {restart}
disks:
  - {{name: root, size: 64M}}
adapters:
  - name: eth0
    switch: lab
    link: {link}
    mac: "52:54:00:00:00:01"
    requires: [org.xvs.guard]
    policies:
      org.xvs.guard/1: {{mac_changes: false}}
"""
SMALL = "{{name: {name}, memory: 64M, generation: {generation}, shutdown: 1, {more}}}"


@pytest.fixture
def hv(hosts, xvsd):
    host, = hosts("ns")
    daemon = xvsd(CONFIG)
    host.up(HOST + "/24")
    home = pathlib.Path(tempfile.mkdtemp(prefix="xvs-"))
    home.chmod(0o711)
    hv = Hv(home, daemon).start()
    yield hv
    print(f"---- {hv.log}\n{hv.said()}")
    try:
        hv.stop()
    finally:
        hv.end_all()
        shutil.rmtree(home)


@pytest.fixture
def web(hv, image):
    """web(...): the guest, defined; its kernel is where QEMU's user may read it."""
    def define(link="vhost-user", restart="never"):
        for name, path in (("kernel", image.kernel), ("initrd", image.initramfs)):
            shutil.copy(path, hv.home / name)
            (hv.home / name).chmod(0o644)
        hv.define(WEB.format(kernel=hv.home / "kernel", initrd=hv.home / "initrd", link=link,
                             restart=restart))
        return Guest("web", hv, image)
    return define


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_a_machine_lives_under_one_host_core_after_another(hv, web):
    guest = web().boot()
    guest.up("10.77.0.1/24").reaches(HOST)
    port = hv.daemon.port("lab/web-eth0")
    assert (port["owner"], port["mac"], port["requires"]) == (
        "hv", "52:54:00:00:00:01", ["org.xvs.guard"])

    # as little may QEMU do as possible
    pid = guest.pid
    of_qemu = status(pid)
    assert int(of_qemu["CapEff"], 16) == 0 and int(of_qemu["Uid"].split()[0]) in USERS
    assert (of_qemu["Seccomp"], of_qemu["NoNewPrivs"]) == ("2", "1")
    assert hv.show("web")["user"] == of_qemu["Uid"].split()[0]
    disks = hv.state / "vms" / "web" / "disks"
    assert disks.stat().st_mode & 0o777 == 0o700 and disks.stat().st_uid in USERS

    # its policies hold
    guest.run("ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:99; "
              "ip link set eth0 up")
    assert not guest.pings(HOST)
    hv.daemon.wait_for_drop("spoofed-mac", "lab/web-eth0")
    guest.run("ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:01; "
              "ip link set eth0 up")
    guest.reaches(HOST)

    # a killed host core takes nothing with it, and the next one knows the machine
    hv.kill()
    assert guest.pings(HOST)
    hv.start()
    hv.wait_for_state("web", "running")
    assert hv.show("web")["adopted"] and guest.pid == pid
    hv.do("pause", "web")
    assert hv.show("web")["state"] == "paused"
    hv.stop()
    hv.start()
    hv.wait_for_state("web", "paused")
    hv.do("resume", "web")
    assert guest.pings(HOST)

    # in a file and back
    guest.run("echo kept > /tmp/mark")
    before = guest.uptime()
    counted = hv.daemon.stats("lab/web-eth0")["rx_packets"]
    hv.do("save", "web")
    assert hv.show("web")["state"] == "saved"
    assert (hv.state / "vms/web/ports/@eth0").stat().st_size > 0
    assert "stopped" in hv.refuses("define", hv.write("{name: web, memory: 64M}"))
    # the port as it was, although nobody there knows it any more
    hv.daemon.rpc("port.remove", target="lab/web-eth0", owner="hv")
    hv.do("restore", "web")
    assert hv.daemon.stats("lab/web-eth0")["rx_packets"] >= counted > 0
    assert not (hv.state / "vms/web/ports").exists()
    assert hv.show("web")["state"] == "running"
    guest.connect()
    assert guest.run("cat /tmp/mark") == "kept\n" and guest.uptime() >= before
    guest.reaches(HOST)
    assert hv.daemon.port("lab/web-eth0")["uuid"] == port["uuid"]

    # as it was, and without what was since
    hv.do("checkpoint", "web", "one")
    guest.run("echo lost > /tmp/mark")
    hv.do("revert", "web", "one")
    assert hv.show("web")["state"] == "running"
    assert guest.run("cat /tmp/mark") == "kept\n"
    guest.reaches(HOST)
    assert [c["name"] for c in hv.show("web")["checkpoints"]] == ["one"]
    assert "already" in hv.refuses("checkpoint", "web", "one")
    hv.do("forget", "web", "one")
    assert "no checkpoint one" in hv.refuses("revert", "web", "one")

    # this guest has nothing that hears the button
    hv.do("stop", "web")
    assert "was switched off" in hv.show("web")["problem"]
    assert hv.daemon.port("lab/web-eth0")["link"] == "down"
    hv.do("undefine", "web")
    assert hv.refuses("show", "web", code=4)
    assert hv.daemon.ctl("port", "show", "lab/web-eth0").returncode == 4
    assert not list(hv.state.glob("vms/*"))


@pytest.mark.slow
def test_a_guest_on_a_tap_comes_back_as_its_policy_says(hv, web):
    guest = web(link="tap", restart="on-failure").boot()
    guest.up("10.77.0.1/24").reaches(HOST)
    first = guest.pid
    os.kill(first, signal.SIGKILL)
    wait_for("another QEMU", lambda: guest.pid not in (None, first))
    guest.connect().wait_until_up().up("10.77.0.1/24").reaches(HOST)

    # a guest that ends in order is not started again
    guest.begin("poweroff -f")
    hv.wait_for_state("web", "stopped")
    assert "restart_in_s" not in hv.show("web")
    assert hv.daemon.port("lab/web-eth0")["link"] == "down"


def test_a_machine_that_crashes_is_started_again(hv):
    hv.define(SMALL.format(name="small", generation=1, more="restart: on-failure,"
                           " adapters: [{name: n, switch: lab, link: tap}]"))
    hv.do("start", "small")
    first = hv.show("small")["pid"]
    os.kill(first, signal.SIGKILL)
    wait_for("another QEMU", lambda: hv.show("small").get("pid") not in (None, first))
    hv.wait_for_state("small", "running")
    assert hv.daemon.port("lab/small-n")["link"] == "up"
    hv.do("kill", "small")
    assert hv.daemon.port("lab/small-n")["link"] == "down"
    assert "restart_in_s" not in hv.show("small")

    # one that ended while nobody looked
    hv.do("start", "small")
    pid = hv.show("small")["pid"]
    hv.kill()
    os.kill(pid, signal.SIGKILL)
    hv.start()
    hv.wait_for_state("small", "running")
    assert hv.show("small")["pid"] != pid
    hv.do("kill", "small")

    # somebody's block outlives the port that is made anew
    hv.daemon.do("port", "block", "lab/small-n")
    hv.daemon.stop()
    hv.daemon.start()
    hv.do("start", "small")
    assert hv.daemon.port("lab/small-n")["blocked"]
    hv.do("kill", "small")


@pytest.mark.parametrize("generation, more", [
    pytest.param(1, "disks: [{name: a, size: 8M, format: vhdx, bus: sata},"
                    " {name: b, size: 8M, format: vhdx, fixed: true},"
                    " {name: c, size: 8M, format: raw, fixed: true}],"
                    " cd: {cd}, boot: [cd, a], display: vnc,"
                    " adapters: [{name: n, switch: lab, model: e1000e}]", id="bios"),
    pytest.param(2, "disks: [{name: a, size: 8M, bus: sata}], boot: [a, n], cpus: 2,"
                    " adapters: [{name: n, switch: lab, queues: 2},"
                    " {name: m, switch: lab, link: tap, queues: 2}]", id="uefi"),
])
def test_all_that_a_definition_may_say_is_what_qemu_takes(hv, generation, more):
    cd = hv.home / "cd.iso"
    cd.write_bytes(bytes(1 << 20))
    cd.chmod(0o644)
    hv.define(SMALL.format(name="small", generation=generation, more=more.replace("{cd}", str(cd))))
    hv.do("start", "small")
    shown = hv.show("small")
    assert shown["state"] == "running"
    obstacles = " ".join(shown["migration_obstacles"])
    assert ("move-storage small a" in obstacles) == (generation == 1)
    hv.do("reset", "small")
    hv.do("kill", "small")
    # what was printed is read again as the same machine
    hv.kill()
    hv.start()
    assert hv.show("small")["definition"] == shown["definition"]


def test_what_cannot_be_is_refused_with_its_place(hv):
    path = hv.write("name: bad\nmemroy: 1G\ngeneration: 3\ndisks:\n  - {name: a}\n")
    said = hv.refuses("define", path)
    for part in (f"{path}:2:1: unknown key \"memroy\", did you mean \"memory\"",
                 f"{path}:3:13: generation: 3 is out of range: 1 to 2",
                 "key \"memory\" is missing"):
        assert part in said, said

    one = SMALL.format(name="one", generation=1, more="adapters: [{name: n, switch: lab, mac: "
                       "'52:54:00:00:00:07', port: p}]")
    hv.define(one)
    assert "vm one has it" in hv.refuses(
        "define", hv.write(one.replace("name: one", "name: two").replace("port: p", "port: q")))
    assert "no model Pentium9" in hv.refuses(
        "define", hv.write("{name: cpu, memory: 64M, generation: 1, cpu: Pentium9}"))
    missing = "{name: gone, memory: 64M, generation: 1, disks: [{name: a, file: /nowhere/a}]}"
    hv.define(missing)
    assert "/nowhere/a: No such file or directory" in hv.refuses("start", "gone")
    secret = hv.home / "secret"
    secret.touch(mode=0o600)
    # a second name may be somebody's who counts on it: so it is not given to the machine's user
    (hv.home / "other-name").hardlink_to(secret)
    hv.define(missing.replace("/nowhere/a", str(secret)).replace("gone", "secret"))
    assert "as which QEMU runs, may not write it" in hv.refuses("start", "secret")

    hv.define(SMALL.format(name="lost", generation=1,
                           more="adapters: [{name: n, switch: nowhere}]"))
    assert "switch nowhere does not exist" in hv.refuses("start", "lost")
    assert hv.show("lost")["state"] == "stopped"
    hv.daemon.rpc("port.add", switch="lab",
                  port={"name": "p", "backend": {"kind": "null"}})
    assert "port lab/p is there already and belongs to api" in hv.refuses("start", "one")


def test_the_host_says_what_it_can_do(hv):
    host = hv.do("host")
    assert host["qemu"]["version"] and host["qemu"]["machines"][1].startswith("pc-q35-")
    assert "qemu64" in host["cpu_models"]
    assert host["kvm"]["works"] or host["kvm"]["reason"]
    if not host["kvm"]["works"]:
        refusal = hv.refuses("define", hv.write("{name: k, memory: 64M, generation: 1, accel: kvm}"))
        assert host["kvm"]["reason"] in refusal
