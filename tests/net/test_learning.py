# SPDX-License-Identifier: Apache-2.0
"""Learning at a port (F3): a guest with guests of its own, and one that floods with addresses.

    [nested] tap, learns 4 --+-- [ lab ] --tap-- [vm]
    [other] tap, learns -----+
"""

import pytest

from support.patience import wait_for
from support.wire import frame

MACS = {"nested": "52:54:00:00:00:01", "other": "52:54:00:00:00:02", "vm": "52:54:00:00:00:03"}
LIMIT = 4


def inner(number):
    return f"02:00:00:00:{number // 256:02x}:{number % 256:02x}"


def config(over_limit):
    learning = {"nested": f"limit: {LIMIT}, over_limit: {over_limit}", "other": "limit: 8"}
    return "switches:\n  - name: lab\n    type: internal\n    ports:\n" + "".join(f"""
      - name: {name}
        mac: "{mac}"
        backend: {{kind: tap, device: eth0, netns: {name}}}
        {f"policies: {{xvs.learning/1: {{{learning[name]}}}}}" if name in learning else ""}"""
                                                                          for name, mac in
                                                                          MACS.items())


@pytest.fixture
def lab(hosts, xvsd):
    def start(over_limit):
        guests = hosts(*MACS)
        daemon = xvsd(config(over_limit))
        return daemon, {host.name: host.up().wire() for host in guests}

    return start


def flood(wire, count):
    """What an attacker does: each frame from an address that was never seen."""
    for number in range(count):
        wire.send(frame(MACS["vm"], inner(number), b"flood %d" % number))


def floods(wire):
    return sum(data[14:].startswith(b"flood") for data in wire.seen)


def learned(daemon, port="nested"):
    return [one["mac"] for one in daemon.ctl_json("mac", "list")
            if one["port"] == port and not one["static"]]


def test_more_addresses_are_dropped_and_honest_ones_pass(lab):
    daemon, wires = lab("drop")
    flood(wires["nested"], 500)
    daemon.wait_for_drop("mac-limit", "lab/nested", 500 - LIMIT)
    honest = frame(MACS["vm"], inner(0))
    wires["nested"].send(honest)
    wires["vm"].wait(honest)
    assert floods(wires["vm"]) == LIMIT
    assert sorted(learned(daemon)) == [inner(n) for n in range(LIMIT)]
    back = frame(inner(1), MACS["vm"])
    wires["vm"].send(back)
    wires["nested"].wait(back)
    assert daemon.port("lab/nested")["learning"]["addresses"] == LIMIT


def test_more_addresses_pass_unlearned(lab):
    daemon, wires = lab("flood")
    flood(wires["nested"], 100)
    wires["vm"].wait(lambda data: data[14:].startswith(b"flood 99"))
    assert floods(wires["vm"]) == 100
    wait_for("the limit", lambda: len(learned(daemon)) == LIMIT)
    assert daemon.port("lab/nested")["learning"]["refused"] > 0


def test_more_addresses_close_the_port(lab):
    daemon, wires = lab("block")
    flood(wires["nested"], LIMIT)
    wires["vm"].wait(lambda data: data[14:].startswith(b"flood 3"))
    assert daemon.is_open("lab/nested")
    flood(wires["nested"], LIMIT + 4)
    wait_for("the port to close", lambda: not daemon.is_open("lab/nested"))
    assert "type xvsctl port unblock lab/nested" in daemon.do("port", "show", "lab/nested")
    wires["nested"].send(frame(MACS["vm"], inner(0)))
    daemon.wait_for_drop("port-closed", "lab/nested")
    daemon.do("port", "unblock", "lab/nested")
    assert daemon.is_open("lab/nested")
    honest = frame(MACS["vm"], inner(0))
    wires["nested"].send(honest)
    wires["vm"].wait(honest)


def test_unknown_unicast_is_kept_away(lab):
    daemon, wires = lab("flood")
    unknown = frame("02:00:00:00:99:99", MACS["vm"])
    wires["vm"].send(unknown)
    wires["nested"].wait(unknown)
    wires["other"].wait(unknown)
    daemon.do("policy", "set", "--override", "lab/other", "xvs.learning/1", "unicast_flood=false")
    unknown = frame("02:00:00:00:99:99", MACS["vm"])
    marker = frame(MACS["other"], MACS["vm"])
    wires["vm"].send(unknown)
    wires["vm"].send(marker)
    wires["nested"].wait(unknown)
    wires["other"].wait(marker)
    assert not wires["other"].has_seen(unknown)


def test_an_address_that_moves_too_often_is_held_and_told(lab):
    daemon, wires = lab("flood")
    mac = inner(1)

    def move():
        for name in ("nested", "other") * 20:
            made = frame(MACS["vm"], mac)
            wires[name].send(made)
            wires["vm"].wait(made)
        return daemon.rpc("switch.show", name="lab")["mac_moves_held"] > 0

    wait_for("a hold", move)
    assert "held" in daemon.do("status")
