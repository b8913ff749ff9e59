# SPDX-License-Identifier: Apache-2.0
"""A port moves between hosts whose extensions are not of one age: support/movers.py."""

import pytest

from support.daemon import Refused
from support.movers import MAC, UUID, Movers
from support.patience import wait_for
from support.vendor import offer

QUOTA = "com.acme.quota.used/1"
PORTS = f"""
      - name: vm1
        uuid: {UUID}
        mac: "{MAC}"
        requires: [com.acme.quota]
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{com.acme.quota/1: {{bytes: 1000000000}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""


@pytest.fixture
def movers(tmp_path):
    """'a' has the newest release of an extension, 'b' the one before."""
    newest, elder = (offer(tmp_path / name, name) for name in ("quota", "elder"))
    made = Movers(tmp_path, PORTS, "      - {instance: quota, extension: com.acme.quota}",
                  f"extensions: {{path: [{newest}]}}")
    made["b"].write(made.config("b", "a", "[]").replace(str(newest), str(elder)))
    yield made.start()
    made.remove()


def used(daemon):
    return daemon.port("lab/vm1")["status"][QUOTA]


def test_an_older_format_is_spoken_where_the_other_host_knows_no_newer(movers):
    movers.vm1.run("ping", "-c3", "-i0.2", "-W5", "10.77.0.2")
    wait_for("the guest to have sent", lambda: used(movers["a"])["packets"] >= 3)
    before = used(movers["a"])
    report = movers.move()
    assert report["outcome"] == "moved"
    assert any("com.acme.quota" in one["what"] for one in report["converted"]), report
    there = used(movers["b"])
    # the older release has no place for packets, and begins to count them anew
    assert there["bytes"] >= before["bytes"] and there["packets"] <= there["bytes"] - before["bytes"]
    report = movers.move(to="a", plugged=True)
    assert report["outcome"] == "moved" and movers.open_on() == ["a"]
    assert used(movers["a"])["bytes"] >= there["bytes"]


def test_a_format_that_nobody_there_reads_is_refused_beforehand(movers):
    b = movers["b"]
    b.rpc("ext.disable", target="quota")
    with pytest.raises(Refused, match="com.acme.quota"):
        movers.move(plugged=False)
    assert movers.open_on() == ["a"] and movers.is_decided()
