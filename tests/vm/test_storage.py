# SPDX-License-Identifier: Apache-2.0
"""Disks move to other files of the host, under a guest that writes and under none.

    [web] --virtio-blk-- disk "root": here.qcow2 --> there.qcow2
"""

import json
import os
import signal
import socket
import subprocess

import pytest

from support.daemon import BUILD
from support.patience import wait_for
from test_hv import SMALL, hv, web  # noqa: F401

SLOW = "bandwidth=64K"  # so that 64 MiB take a quarter of an hour


@pytest.fixture
def folder(hv):  # noqa: F811
    """Where disks may be moved to; QEMU's user can pass."""
    path = hv.home / "elsewhere"
    path.mkdir(mode=0o711)
    return path


def disk(machine, hv):  # noqa: F811
    """What the definition names, and which of both there is."""
    spec = hv.show(machine)["definition"]["disks"][0]
    return spec.get("file"), spec.get("format", "qcow2")


def checked(path, kind="qcow2"):
    return subprocess.run(["qemu-img", "check", "-q", "-f", kind, str(path)], check=True)


def writes(guest):
    """Numbered blocks, one after the other, from now on."""
    guest.run("(i=0; while [ -e /tmp/go ]; do i=$((i+1)); printf '%08d' $i | "
                "dd of=/dev/vda bs=512 seek=$i conv=fsync 2>/dev/null; echo $i > /tmp/written; "
                "done; echo over > /tmp/over) >/dev/null 2>&1 &")


def last(guest):
    return int(guest.run("n=$(cat /tmp/written 2>/dev/null); echo ${n:-0}"))


def all_is_there(guest):
    """Every block that was written is read from the disk again."""
    guest.run("rm -f /tmp/go; while [ ! -e /tmp/over ]; do usleep 10000; done; rm /tmp/over; "
              "echo 3 > /proc/sys/vm/drop_caches")
    count = last(guest)
    read = guest.run(f"dd if=/dev/vda bs=512 skip=1 count={count} 2>/dev/null | tr -d '\\0'")
    assert read == "".join(f"{i:08}" for i in range(1, count + 1))
    return count


def test_a_disk_moves_under_a_guest_that_writes(hv, web, folder):  # noqa: F811
    guest = web().boot()
    old = hv.state / "vms/web/disks/root.qcow2"
    assert old.exists()
    guest.run("touch /tmp/go")
    writes(guest)
    wait_for("writing", lambda: last(guest) > 5)

    new = folder / "root.qcow2"
    report = hv.do("move-storage", "web", "root", new)
    assert report["outcome"] == "moved" and report["disks"]["done"] == report["disks"]["total"]
    assert disk("web", hv) == (str(new), "qcow2") and not old.exists()
    assert hv.show("web")["state"] == "running" and "problem" not in hv.show("web")
    assert not (hv.state / "vms/web/storage.json").exists()
    before = last(guest)
    wait_for("more", lambda: last(guest) > before + 5)

    # into another format, in a folder, and what can be done to a disk is done to the new one
    assert hv.do("move-storage", "web", "root", folder, "format=raw")["outcome"] == "moved"
    assert disk("web", hv) == (str(folder / "web-root.raw"), "raw") and not new.exists()
    assert "qcow2" in hv.refuses("checkpoint", "web", "one")
    hv.do("move-storage", "web", "root", new, "format=qcow2")
    hv.do("checkpoint", "web", "one")
    assert "checkpoints" in hv.refuses("move-storage", "web", "root", folder / "b.qcow2")
    hv.do("forget", "web", "one")
    assert all_is_there(guest) > 10

    # what cannot be
    for words, why in ((("root", new), "File exists"), (("root", "/nowhere/x"), "No such file"),
                       (("nodisk", folder / "x"), "no such disk"), (("root", "x"), "absolute"),
                       (("root", folder / "x", "format=vhdx"), "qcow2 or raw")):
        refused = hv.ctl("move-storage", "web", *words)
        assert refused.returncode == 1 and why in refused.stdout + refused.stderr
    assert os.listdir(folder) == ["root.qcow2"] and hv.show("web")["state"] == "running"

    # the next start finds it there
    hv.do("kill", "web")
    checked(new)
    hv.kill()
    hv.start()
    guest.boot()
    assert guest.run("dd if=/dev/vda bs=512 skip=1 count=1 2>/dev/null | head -c 8") == "00000001"


def begin_slowly(hv, new):  # noqa: F811
    """A move that does not end by itself."""
    child = subprocess.Popen(
        [str(BUILD / "bin" / "xvsctl"), "--hv-socket", str(hv.socket), "vm", "move-storage", "web",
         "root", str(new), SLOW], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for("the copy",
             lambda: hv.show("web").get("storage_move", {}).get("disks", {}).get("total"))
    return child


def qmp_stop(hv):  # noqa: F811
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.connect(str(hv.home / "hv/web/qmp"))
        lines = qmp.makefile("rw")
        for command in ("qmp_capabilities", "stop"):
            lines.write(json.dumps({"execute": command}) + "\n")
            lines.flush()
            while "return" not in json.loads(lines.readline()):
                pass


def stays(hv, guest, new):  # noqa: F811
    """The machine is on its old disk, and nothing is left of the new one."""
    wait_for("its state", lambda: not (hv.state / "vms/web/storage.json").exists())
    hv.wait_for_state("web", "running")
    assert disk("web", hv) == (None, "qcow2") and not new.exists()
    assert guest.run("dd if=/dev/vda bs=512 skip=1 count=1 2>/dev/null | head -c 5") == "first"
    guest.run("printf first | dd of=/dev/vda bs=512 seek=1 conv=fsync 2>/dev/null")


@pytest.mark.slow
def test_a_move_that_is_taken_back_or_cut_off_leaves_all_as_it_was(hv, web, folder):  # noqa: F811
    guest = web().boot()
    new = folder / "new.qcow2"
    guest.run("printf first | dd of=/dev/vda bs=512 seek=1 conv=fsync 2>/dev/null; "
              "dd if=/dev/urandom of=/dev/vda bs=64k seek=1 count=128 conv=fsync 2>/dev/null")
    child = begin_slowly(hv, new)
    assert "having a disk moved" in hv.refuses("stop", "web")
    assert hv.do("move", "show", "web")["disks"]["total"] > 0
    hv.do("move", "cancel", "web")
    assert "it was cancelled" in child.communicate()[0] and child.returncode == 1
    stays(hv, guest, new)

    # by the death of the host core, in the middle and with the guest standing still
    begin_slowly(hv, new).kill()
    hv.kill()
    hv.start()
    stays(hv, guest, new)
    begin_slowly(hv, new).kill()
    hv.kill()
    record = hv.state / "vms/web/storage.json"
    record.write_text(json.dumps({**json.loads(record.read_text(encoding="utf-8")),
                                  "state": "switching", "was_running": True}), encoding="utf-8")
    qmp_stop(hv)
    hv.start()
    stays(hv, guest, new)

    # of QEMU
    begin_slowly(hv, new).kill()
    os.kill(guest.pid, signal.SIGKILL)
    hv.wait_for_state("web", "stopped")
    assert not new.exists() and not record.exists()
    guest.boot()
    stays(hv, guest, new)


def test_a_disk_of_a_machine_that_stands_still(hv, folder):  # noqa: F811
    hv.define(SMALL.format(name="small", generation=1,
                           more="disks: [{name: a, size: 8M, format: vhdx}, {name: b, size: 8M}]"))
    old = hv.state / "vms/small/disks/a.vhdx"
    assert "move-storage small a PATH" in hv.show("small")["migration_obstacles"][0]
    subprocess.run(["qemu-io", "-f", "vhdx", "-c", "write -P 7 1M 64k", str(old)], check=True,
                   stdout=subprocess.DEVNULL)
    hv.do("move-storage", "small", "a", folder)
    new = folder / "small-a.qcow2"
    assert disk("small", hv) == (str(new), "qcow2") and not old.exists()
    assert not any("vhdx" in line for line in hv.show("small")["migration_obstacles"])
    checked(new)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "read -P 7 1M 64k", str(new)], check=True,
                   stdout=subprocess.DEVNULL)
    hv.do("start", "small")

    # as it is, with all that is in it
    hv.do("checkpoint", "small", "one")
    hv.do("kill", "small")
    hv.do("move-storage", "small", "b", folder / "b.qcow2")
    hv.do("move-storage", "small", "a", folder / "a.qcow2")
    assert "checkpoints" in hv.refuses("move-storage", "small", "a", folder, "format=raw")
    hv.do("start", "small")
    hv.do("revert", "small", "one")
    hv.do("kill", "small")
    assert sorted(os.listdir(folder)) == ["a.qcow2", "b.qcow2"]

    # a move that ended with the host core: the file that the definition does not name goes
    (folder / "c.qcow2").write_bytes(b"half")
    (hv.state / "vms/small/storage.json").write_text(json.dumps(
        {"disk": "a", "state": "copying", "was_running": False,
         "from": {"path": str(folder / "a.qcow2"), "format": "qcow2"},
         "to": {"path": str(folder / "c.qcow2"), "format": "qcow2"}}), encoding="utf-8")
    hv.kill()
    hv.start()
    assert sorted(os.listdir(folder)) == ["a.qcow2", "b.qcow2"]
    assert disk("small", hv)[0] == str(folder / "a.qcow2")
