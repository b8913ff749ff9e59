# SPDX-License-Identifier: Apache-2.0
"""A machine leaves by "xvsctl vm migrate" and comes back, by either kind of move; what is said about it."""

import contextlib
import os
import pty
import signal
import subprocess

import pytest

from support.daemon import BUILD
from support.patience import wait_for


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shared", "storage"])
def test_there_and_back(two_hosts, image, kind):
    guest = two_hosts.boot(image, kind=kind)
    guest.run("echo before >/dev/vda; sync")
    uptime = guest.uptime()
    for origin, other in (("a", "b"), ("b", "a")):
        hv = two_hosts[origin].hv
        wish = ("migrate", "web", "--to", two_hosts[other].title, "--shared-storage"
                if kind == "shared" else "--with-storage", "downtime_budget_ms=60000")
        assert hv.do(*wish, "--check")["outcome"] == "checked"
        report = hv.do(*wish)
        assert (report["outcome"], report["kind"], report["findings"]) == ("moved", kind, [])
        assert report["downtime_ms"] > 0 and report["memory"]["passes"] > 0
        assert report["dscp_sockets"] > 0
        assert [port["adapter"] for port in report["ports"]] == ["eth0"]
        assert report["ports"][0]["report"]["blackout_us"] > 0
        assert hv.do("move", "show", "web") == report
        assert "it moved to" in hv.refuses("show", "web", code=4)
        two_hosts.found(guest, other).reaches("10.77.0.254")
        assert two_hosts.running_on("web") == [other] and len(two_hosts.qemus()) == 1
        assert guest.run("head -c 6 /dev/vda").strip() == "before"
        folder = hv.state / "vms" / "web"
        assert not list(folder.glob("disks/*")) and not (folder / "departure.json").exists()
    assert guest.uptime() > uptime
    assert two_hosts["a"].hv.show("web")["state"] == "running"


def test_what_stands_in_the_way_is_said_at_once_and_nothing_moves(two_hosts, image):
    guest = two_hosts.boot(image, kind="shared")
    a = two_hosts["a"].hv
    assert "none of the peers" in a.refuses("migrate", "web", "--to", "hostc", code=4)
    two_hosts.define(image, name="web", on="b", kind="storage", mac="52:54:00:00:00:77")
    done = a.ctl("migrate", "web", "--to", "hostb", "--check")
    assert done.returncode == 1 and '"refused"' in done.stdout
    assert "name" in done.stdout and "moved" not in done.stdout
    two_hosts["b"].hv.do("undefine", "web")
    assert "no option" in a.refuses("migrate", "web", "--to", "hostb", "speed=1")
    guest.reaches("10.77.0.254")
    assert two_hosts.running_on("web") == ["a"]


class Watcher:
    """Somebody at a terminal: xvsctl with its progress; 'said' is what was seen."""

    def __init__(self, hv, *words):
        ours, theirs = pty.openpty()
        self.fd, self.said = ours, ""
        self.child = subprocess.Popen(
            [str(BUILD / "bin" / "xvsctl"), "--hv-socket", str(hv.socket), "vm", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        os.set_blocking(ours, False)

    def saw(self, text):
        with contextlib.suppress(BlockingIOError, OSError):
            self.said += os.read(self.fd, 1 << 16).decode()
        return text in self.said

    def interrupt(self):
        self.child.send_signal(signal.SIGINT)
        return self

    def ends(self):
        wait_for("xvsctl to end", lambda: self.saw("\0") or self.child.poll() is not None)
        self.saw("\0")
        os.close(self.fd)
        return self.child.wait()


def slow_move(two_hosts):
    """It goes on for longer than anybody waits."""
    watcher = Watcher(two_hosts["a"].hv, "migrate", "web", "--to", "hostb", "bandwidth=1M")
    wait_for("memory to move", lambda: watcher.saw("MiB left"))
    return watcher


def stays(two_hosts, guest, pid):
    """The guest is where it was, and nothing of it is left elsewhere."""
    wait_for("the move to end", lambda: two_hosts["a"].hv.do("move", "show", "web")["phase"] ==
             "ended")
    wait_for("one QEMU", lambda: list(two_hosts.qemus()) == [pid])
    assert two_hosts.running_on("web") == ["a"]
    guest.reaches("10.77.0.254")
    wait_for("host b to forget it", lambda: two_hosts["b"].hv.do("list") == [])
    assert two_hosts["b"].daemon.rpc("port.list") == [] or all(
        port["name"] != "web-eth0" for port in two_hosts["b"].daemon.rpc("port.list"))
    return two_hosts["a"].hv.do("move", "show", "web")


@pytest.mark.slow
def test_what_goes_wrong_while_memory_moves_leaves_it_where_it_was(two_hosts, image):
    guest = two_hosts.boot(image, kind="shared")
    a, b = (two_hosts[name].hv for name in "ab")
    pid = guest.pid

    watcher = slow_move(two_hosts).interrupt()
    assert watcher.ends() == 1
    assert "does not move to hostb" in watcher.said and "it was cancelled" in watcher.said
    assert stays(two_hosts, guest, pid)["outcome"] == "undone"

    watcher = slow_move(two_hosts)
    other, = set(two_hosts.qemus()) - {pid}
    os.kill(other, signal.SIGKILL)
    assert watcher.ends() == 1
    assert stays(two_hosts, guest, pid)["outcome"] == "undone"

    watcher = slow_move(two_hosts)
    b.kill()
    assert watcher.ends() == 1
    assert "has not heard of it" in watcher.said
    guest.reaches("10.77.0.254")
    b.start()
    stays(two_hosts, guest, pid)

    watcher = slow_move(two_hosts)
    a.kill()
    assert watcher.ends() == 3
    a.start()
    assert "started anew" in stays(two_hosts, guest, pid)["problem"]
    assert a.do("migrate", "web", "--to", "hostb", "downtime_budget_ms=60000")["outcome"] == "moved"
    two_hosts.found(guest, "b").reaches("10.77.0.254")
