# SPDX-License-Identifier: Apache-2.0
"""Packets for controllers: a port that floods misses takes nothing of what another one's are told."""

import pytest

from support.openflow import MACS, lab_at
from support.patience import wait_for
from support.wire import frame

NOWHERE = "52:54:00:00:00:99"
FLOOD, FEW = 1000, 8  # a burst of 16 is every port's own


@pytest.fixture(name="lab")
def _lab(tmp_path):
    with lab_at(tmp_path, packet_in_pps=60) as lab:
        yield lab


def asked(lab):
    """{port: its row} of those whose packets were for controllers."""
    return {row["port"]: row for row in lab.status()["packet_in_ports"]}


def test_who_floods_starves_nobody(lab):
    flooder, quiet, _ = lab.wires()
    lab.flow("priority=1,dl_type=0x88b5,actions=CONTROLLER:64")
    for _ in range(FLOOD):
        flooder.send(frame(NOWHERE, MACS["vm1"], b"flood"))
    for _ in range(FEW):
        quiet.send(frame(NOWHERE, MACS["vm2"], b"quiet"))
    wait_for("all to be counted", lambda: sum(
        row[key] for row in asked(lab).values()
        for key in ("told", "over_rate", "no_room")) == FLOOD + FEW)
    first, second = (asked(lab)[lab.ports[name]] for name in ("vm1", "vm2"))
    assert second == {"port": lab.ports["vm2"], "told": FEW, "over_rate": 0, "no_room": 0}
    assert first["over_rate"] > 0
    assert lab.daemon.drops("controller-rate") == first["over_rate"] + first["no_room"]
