# SPDX-License-Identifier: Apache-2.0
"""Limits of a port, proved by counts over tokens: what passed is compared with what the rate, the
burst and the time that went by on this machine allow, so a slow machine only proves less.

    [vm1] eth0 --tap--[ lab ]--tap-- eth0 [vm2]
"""

import time

import pytest

from support.front import send_bytes, socket_folder
from support.patience import wait_for
from support.wire import frame

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
RATE = "xvs.rate/1"
CONFIG = """
switches:
  - name: lab
    type: private
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
"""
BATCH = 64  # packets that a visit to a queue takes at most
LENGTH = 1000


@pytest.fixture
def lab(hosts, xvsd):
    guests = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    return daemon, *[host.up().wire() for host in guests]


def of_workers(daemon, what):
    return sum(worker[what] for worker in daemon.rpc("workers"))


def payload(number):
    return frame(VM2, VM1, (b"%08d" % number).ljust(LENGTH - 14, b"."))


def allowed(per_second, burst, elapsed):
    """Of packets: with a quantum of 1 ms and the clock's grain."""
    return per_second * (elapsed + 0.002) + burst + 1


def test_a_limited_guest_waits_and_loses_nothing(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm1", RATE, from_pps=500, from_burst_packets=10)
    wanted = [payload(i) for i in range(300)]
    start = time.monotonic()
    for made in wanted:
        vm1.send(made)
    seen = [vm2.wait(lambda data: data[12:14] == b"\x88\xb5") for _ in wanted]
    assert seen == wanted
    assert len(wanted) <= allowed(500, 10, time.monotonic() - start) + BATCH
    assert daemon.drops("rate") == 0


def test_bits_are_limited_as_packets_are(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm1", RATE, from_kbps=4000, from_burst_kbytes=10)
    wanted = [payload(1000 + i) for i in range(300)]
    start = time.monotonic()
    for made in wanted:
        vm1.send(made)
    vm2.wait(wanted[-1])
    sent = len(wanted) * LENGTH * 8
    assert sent <= allowed(4_000_000, 80_000, time.monotonic() - start) + BATCH * LENGTH * 8
    stats = daemon.stats("lab/vm1")
    assert stats["rx_bytes"] >= len(wanted) * LENGTH


def test_what_a_guest_may_not_get_is_dropped_and_counted(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm2", RATE, to_pps=500, to_burst_packets=20)
    before = daemon.stats("lab/vm2")["tx_packets"]
    known = daemon.stats("lab/vm1")["rx_packets"]
    dropped = daemon.drops("rate", "lab/vm2")
    start = time.monotonic()
    for i in range(2000):
        vm1.send(payload(2000 + i))

    def arrived():
        return daemon.stats("lab/vm2")["tx_packets"] - before

    def came():  # the tap drops what a worker without a core does not fetch
        return daemon.stats("lab/vm1")["rx_packets"] - known

    wait_for("all to be sent or dropped", lambda: (
        came() >= 400 and arrived() + daemon.drops("rate", "lab/vm2") - dropped == came()))
    passed = arrived()
    assert 20 <= passed <= allowed(500, 20, time.monotonic() - start)


def test_a_queue_evens_out_what_comes_at_once(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm2", RATE, to_pps=1000, to_burst_packets=10, to_queue_ms=500)
    dropped = daemon.drops("rate", "lab/vm2")
    wanted = [payload(5000 + i) for i in range(400)]
    start = time.monotonic()
    for made in wanted:
        vm1.send(made)
    seen = [vm2.wait(lambda data: data[12:14] == b"\x88\xb5") for _ in wanted]
    assert seen == wanted
    assert len(wanted) <= allowed(1000, 10, time.monotonic() - start)
    assert daemon.drops("rate", "lab/vm2") == dropped
    daemon.wait_for_balance()


def test_a_worker_sleeps_while_a_guest_must_wait(lab):
    daemon, vm1, vm2 = lab
    daemon.set_policy("lab/vm1", RATE, from_pps=100, from_burst_packets=1)
    before = of_workers(daemon, "sleeps")
    for i in range(30):
        vm1.send(payload(7000 + i))
    last = payload(7029)
    assert vm2.wait(last)
    # between one packet and the next, each time
    assert of_workers(daemon, "sleeps") - before >= 20


def test_a_vhost_user_guest_loses_nothing(xvsd):
    with socket_folder() as folder:
        daemon = xvsd(f"""
            switches:
              - name: lab
                type: private
                ports:
                  - name: tx
                    mac: "52:54:00:00:00:01"
                    policies: {{xvs.rate/1: {{from_kbps: 200000, from_burst_kbytes: 100}}}}
                    backend: {{kind: vhost-user, socket: {folder}/tx}}
                  - name: rx
                    mac: "52:54:00:00:00:02"
                    backend: {{kind: vhost-user, socket: {folder}/rx}}
        """)
        start = time.monotonic()
        sent = send_bytes(folder / "tx", folder / "rx", step=64000)
        elapsed = time.monotonic() - start
        assert sent["packets"] == sent["frames"] > 5000
        assert daemon.drops() == 0
        bits = daemon.stats("lab/tx")["rx_bytes"] * 8
        assert bits <= allowed(200_000_000, 800_000, elapsed) + BATCH * 1600 * 8


@pytest.mark.parametrize("fields, sentence", [
    ("from_burst_kbytes: 5", "from_burst_kbytes: it needs a limit; give from_kbps too"),
    ("to_queue_ms: 5", "to_queue_ms: nothing waits without a limit; give to_kbps or to_pps"),
    ("to_kbps: 1, to_queue_ms: 501", "to_queue_ms is 501, must be 0..500"),
])
def test_what_contradicts_itself_is_refused(check, fields, sentence):
    text = CONFIG.replace("{name: vm1,", "{name: vm1, policies: {xvs.rate/1: {%s}}," % fields)
    done = check(text)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "xvs.yaml:6:" in done.stderr


RESERVED = CONFIG.replace("    type: private\n", """    type: private
    policies: {xvs.rate/1: {capacity_kbps: 1000000}}
""").replace("{name: vm1,", "{name: vm1, policies: {xvs.rate/1: {reserve_kbps: 600000}},")


def test_a_reservation_that_does_not_fit_is_refused(hosts, xvsd):
    hosts("vm1", "vm2")
    daemon = xvsd(RESERVED)
    said = daemon.refuses("policy", "set", "--override", "lab/vm2", RATE, "reserve_kbps=500000")
    assert ("port lab/vm2: policy xvs.rate/1, reserve_kbps: 500000 does not fit, of 1000000 "
            "600000 are reserved: vm1 600000") in said
    daemon.do("policy", "set", "--override", "lab/vm2", RATE, "reserve_kbps=400000")
    # who wants more is refused, not who has it
    said = daemon.refuses("policy", "set", "--override", "lab/vm1", RATE, "reserve_kbps=600001")
    assert "port lab/vm1: policy xvs.rate/1, reserve_kbps: 600001 does not fit" in said
    assert "vm2 400000" in said
    daemon.kill()
    daemon.start()
    assert daemon.is_open("lab/vm1") and daemon.is_open("lab/vm2")


def test_a_reservation_needs_a_capacity(check):
    done = check(RESERVED.replace("capacity_kbps: 1000000", "weight: 20"))
    assert done.returncode == 1
    assert ("port lab/vm1: policy xvs.rate/1, reserve_kbps: nobody says how much may be reserved; "
            "give capacity_kbps on the switch") in done.stderr


def test_a_weight_has_its_bounds(check):
    done = check(CONFIG.replace("{name: vm1,", "{name: vm1, policies: {xvs.rate/1: {weight: 101}},"))
    assert done.returncode == 1
    assert "weight is 101, must be 0..100" in done.stderr
