# SPDX-License-Identifier: Apache-2.0
"""A machine leaves by "xvsctl vm migrate" and comes back, by either kind of move; what is said about it."""

import pytest


@pytest.mark.parametrize("kind", [pytest.param("shared", marks=pytest.mark.slow), "storage"])
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
