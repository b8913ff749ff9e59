# SPDX-License-Identifier: Apache-2.0
"""What an uplink can send, shared out: weights, reservations, classes of the system's traffic.

    [vm1] --tap--[     ]
    [vm2] --tap--[ lab ]--up0---- [outside]
    [host0] -----[     ]

Shares are of what arrived while both senders had packets waiting.  Where this machine let one pause for
so long that its queue may have run dry, the round proves nothing and is made again.
"""

import threading
import time

import pytest

from support.host import remove_link, veth
from support.patience import PATIENCE_S, wait_for
from support.wire import frame

OUTSIDE = "52:54:00:00:00:09"
MACS = {"vm1": "52:54:00:00:00:01", "vm2": "52:54:00:00:00:02"}
LINK = "xvs.link/1"
RATE = "xvs.rate/1"
LENGTH = 1000
KBPS = 4000
QUEUE_MS = 500
CONFIG = f"""\
switches:
  - name: lab
    type: external
    uplinks:
      - name: up0
        device: up0
        policies: {{xvs.link/1: {{kbps: {KBPS}, queue_ms: {QUEUE_MS}, weight: 20}}}}
    ports:
      - {{name: vm1, mac: "{MACS['vm1']}", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - {{name: vm2, mac: "{MACS['vm2']}", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""
TEAM = """\
switches:
  - name: lab
    type: external
    uplinks: [{name: up0, device: up0}, {name: up1, device: up1}]
    team: {policies: {xvs.link/1: {kbps: 1000000}}}
    policies: {xvs.rate/1: {capacity_kbps: 2000000}}
    ports:
      - {name: vm1, backend: {kind: "null"}, policies: {xvs.rate/1: {reserve_kbps: 600000}}}
      - {name: vm2, backend: {kind: "null"}, policies: {xvs.rate/1: {reserve_kbps: 600000}}}
      - {name: vm3, backend: {kind: "null"}, policies: {xvs.rate/1: {reserve_kbps: 300000}}}
"""


class Sender(threading.Thread):
    """Sends as fast as it can, and notes its longest pause."""

    def __init__(self, wire, mac):
        super().__init__()
        self.wire, self.frame = wire, frame(OUTSIDE, mac, b"share".ljust(LENGTH - 14, b"."))
        self.pause, self.is_over = 0, threading.Event()

    def run(self):
        last = time.monotonic()
        while not self.is_over.is_set():
            self.wire.send(self.frame)
            now = time.monotonic()
            self.pause, last = max(self.pause, now - last), now


@pytest.fixture
def lab(hosts, outside, xvsd):
    guests = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    outside.device = "out0"
    return daemon, [guest.up().wire() for guest in guests], outside.up().wire()


def sent_by(source, seen):
    mac = bytes.fromhex(MACS[source].replace(":", ""))
    return sum(data[6:12] == mac for data in seen)


def one_round(daemon, wires, far, count):
    """How many of 'count' frames came from vm1 and vm2; None: one of them had paused."""
    wait_for("the queues to be empty", lambda: daemon.rpc("accounts")["held"] == 0)
    marker = frame(OUTSIDE, MACS["vm1"])
    wires[0].send(marker)
    far.wait(marker)
    senders = [Sender(wire, mac) for wire, mac in zip(wires, MACS.values())]
    for sender in senders:
        sender.start()
    try:
        for source in MACS:  # both have begun
            mac = bytes.fromhex(MACS[source].replace(":", ""))
            far.wait(lambda data, mac=mac: data[6:12] == mac)
        seen = [far.wait(lambda data: b"share" in data) for _ in range(count)]
    finally:
        for sender in senders:
            sender.is_over.set()
            sender.join()
    if max(sender.pause for sender in senders) > QUEUE_MS / 1000 / 4:
        return None
    return [sent_by(source, seen) for source in MACS]


def shares(daemon, wires, far, count=600):
    deadline = time.monotonic() + 3 * PATIENCE_S
    while time.monotonic() < deadline:
        found = one_round(daemon, wires, far, count)
        if found:
            return found
    pytest.skip("this machine pauses its processes for too long to tell")


def test_weights_share_an_uplink(lab):
    daemon, wires, far = lab
    daemon.set_policy("lab/vm1", RATE, weight=60)
    daemon.set_policy("lab/vm2", RATE, weight=20)
    first, second = shares(daemon, wires, far)
    assert 2.3 <= first / second <= 3.9, (first, second)
    assert daemon.drops("link-share", "lab/up0") > 0
    daemon.wait_for_balance()


def test_a_reservation_comes_before_weights_and_a_class_has_its_limit(lab):
    daemon, wires, far = lab
    daemon.set_policy("lab", RATE, capacity_kbps=4000)
    daemon.set_policy("lab/vm1", RATE, reserve_kbps=3000, weight=1)
    daemon.set_policy("lab/vm2", RATE, weight=100)
    first, second = shares(daemon, wires, far)
    assert first / second >= 2.2, (first, second)
    # an eighth of the link, and its own queue: what the other sends is not kept back
    daemon.set_policy("lab/up0", LINK, migration_kbps=500, migration_weight=100)
    daemon.set_policy("lab/vm1", "xvs.class/1", **{"class": "migration"})
    first, second = shares(daemon, wires, far)
    assert first / second <= 1 / 4, (first, second)


def test_a_link_sends_no_more_than_its_rate(lab):
    daemon, wires, far = lab
    start = time.monotonic()
    first, second = shares(daemon, wires, far, 300)
    most = KBPS * 1000 / 8 / LENGTH * (time.monotonic() - start + 0.006) + 2
    assert 300 == first + second <= most
    # of which nothing is said: one class, however many they are
    daemon.do("policy", "set", "--override", "lab/up0", LINK, "kbps=8000")
    assert daemon.is_open("lab/up0")


def home(daemon, port):
    return daemon.port(f"lab/{port}")["uplink"]


@pytest.fixture
def two_links(hosts, outside):
    veth("up1", "out1", outside)
    for device in ("out0", "out1"):
        outside.run("ip", "link", "set", device, "up")
    yield outside
    remove_link("up1")


def test_reservations_find_a_member_each_and_what_fits_none_is_refused(xvsd, two_links):
    daemon = xvsd(TEAM)
    wait_for("both uplinks to send", lambda: all(
        link["state"] == "sends" for link in daemon.rpc("team.show")[0]["uplinks"]))
    assert {home(daemon, "vm1"), home(daemon, "vm2")} == {"up0", "up1"}
    said = daemon.refuses("policy", "set", "--override", "lab/vm3", RATE, "reserve_kbps=500000")
    assert "port lab/vm3: policy xvs.rate/1, reserve_kbps: 500000 does not fit" in said
    daemon.do("policy", "set", "--override", "lab/vm3", RATE, "reserve_kbps=400000")
    pin = f"uplink={home(daemon, 'vm2')}"
    daemon.do("policy", "set", "--override", "lab/vm2", "xvs.team/1", pin)
    said = daemon.refuses("policy", "set", "--override", "lab/vm1", "xvs.team/1", pin)
    assert "does not fit beside what others have reserved" in said


def test_a_teams_queues_are_those_of_its_links(hosts, xvsd, two_links):
    guest, = hosts("vm1")
    text = TEAM.replace("xvs.link/1: {kbps: 1000000}",
                        "xvs.queue/1: {kbps: 1000000, queues: [{id: 4, max_kbps: 5000}]}")
    daemon = xvsd(text.replace('name: vm1, backend: {kind: "null"}', (
        f'name: vm1, mac: "{MACS["vm1"]}", backend: {{kind: tap, device: eth0, netns: vm1}}')))
    team, = daemon.rpc("team.show")
    wait_for("both uplinks to send", lambda: all(
        link["state"] == "sends" for link in daemon.rpc("team.show")[0]["uplinks"]))
    wire = guest.up().wire()
    for _ in range(5):
        wire.send(frame(OUTSIDE, MACS["vm1"]))

    def rows():
        return {row["id"]: row for row in daemon.port(f"lab/{team['name']}")["queues"]}

    wait_for("frames to leave", lambda: rows()[0]["tx_packets"] >= 5)
    assert set(rows()) == {0, 4} and rows()[4]["max_kbps"] == 5000
    wait_for("the team and its queues to have counted the same", lambda: (
        rows()[0]["tx_packets"] == daemon.stats(f"lab/{team['name']}")["tx_packets"]))
    assert "queues" not in daemon.port("lab/up0")


@pytest.mark.parametrize("port, feature, sentence", [
    ("vm1", "xvs.link/1: {kbps: 5}", "it is for uplinks and teams"),
    ("up0", "xvs.class/1: {class: storage}", "it is for ports whose packets leave by uplinks"),
    ("up0", "xvs.queue/1: {queues: [{id: 1}]}", "shares out what the uplink sends; unset one"),
])
def test_what_means_nothing_is_refused(check, port, feature, sentence):
    at = f"{{name: {port}, " if port != "up0" else "name: up0\n"
    if port == "up0":
        text = CONFIG.replace("policies: {xvs.link/1:", f"policies: {{{feature}, xvs.link/1:")
    else:
        text = CONFIG.replace(at, f"{at}policies: {{{feature}}}, ")
    done = check(text)
    assert done.returncode == 1
    assert sentence in done.stderr, done.stderr
