# SPDX-License-Identifier: Apache-2.0
"""A vendor's shaper: packets that are held come out, whatever happens meanwhile.

    [vm1] --tap--+-- [ lab: com.acme.shaper ]
    [vm2] --tap--+
"""

import itertools
import socket
import time

import pytest

from support.patience import wait_for
from support.vendor import counters, iperf, meanwhile, offer

SO_RCVBUFFORCE = 33  # socket(7); Python has no name for it
FEATURE = "com.acme.shaper/1"

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: private
    chain:
      - {{instance: shaper, extension: com.acme.shaper, required: false}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1, queues: 2}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2, queues: 2}}
"""


@pytest.fixture
def lab(hosts, xvsd, tmp_path):
    """(daemon, vm1, vm2), which reach each other."""
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG.format(path=offer(tmp_path / "vendors", "shaper")))
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    vm1.reaches("10.77.0.2")
    return daemon, vm1, vm2


def hold(daemon, rate_kbps=8, burst=1500, wait_ms=10000, target="lab/vm2"):
    return daemon.rpc("policy.set", target=target, feature=FEATURE, override=True,
                      fields={"rate_kbps": rate_kbps, "burst": burst, "wait_ms": wait_ms})


def held(daemon):
    return daemon.rpc("accounts")["held"]


def fill(daemon, vm1, count=20):
    """Packets of vm1 wait at vm2's exit."""
    hold(daemon)
    with vm1.open_socket(2) as s:
        for n in range(count):
            s.sendto(bytes([n]) * 1000, ("10.77.0.2", 9))
    wait_for("packets to be held", lambda: held(daemon) > 5)


def judged(daemon):
    """(let through, refused): packets that the shaper has seen on their way to vm2 and vm1."""
    seen = counters(daemon, "shaper")
    return seen["passed"] + seen["delayed"], daemon.drops("backlog", "lab/vm2")


def test_the_rate_is_kept_and_the_order_too(lab):
    """A volley gets what the bucket has, and what fits into the time that packets may wait: no less
    on the slowest machine, and no more than what that bought by the time the volley took."""
    count, size, payload = 400, 1042, 1000
    rate, burst, wait_s = 250000, 20000, 0.4
    daemon, vm1, vm2 = lab
    hold(daemon, rate_kbps=rate * 8 // 1000, burst=burst, wait_ms=int(wait_s * 1000))
    before, _ = judged(daemon)
    began = time.monotonic()
    with vm1.open_socket(socket.SOCK_DGRAM) as s, vm2.datagrams("10.77.0.2", 9) as arrived:
        arrived.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        for n in range(count):
            s.sendto(n.to_bytes(2, "big") * (payload // 2), ("10.77.0.2", 9))
        wait_for("all to be judged", lambda: sum(judged(daemon)) - before >= count)
        took_s = time.monotonic() - began
        passed = count - judged(daemon)[1]
        assert passed >= (burst + rate * wait_s) // size - 1
        assert passed <= (burst + rate * (wait_s + took_s)) / size + 1
        got = [int.from_bytes(arrived.recv(payload)[:2], "big") for _ in range(passed)]
        assert got == sorted(set(got))
    assert time.monotonic() - began >= (passed * size - burst) / rate - 0.002  # a tick of the timer
    assert counters(daemon, "shaper")["delayed"] > 0
    wait_for("nothing to be held", lambda: held(daemon) == 0)


def test_a_connection_is_no_faster_than_the_rate(lab, tool):
    daemon, vm1, vm2 = lab
    hold(daemon, rate_kbps=20000, burst=20000, wait_ms=400)
    end = iperf(tool, vm1, vm2, "10.77.0.2", "-n", "5M")
    assert end["sum_received"]["bytes"] >= 1 << 20  # but what is in buffers at the end
    assert end["sum_received"]["bits_per_second"] < 21e6


def test_the_backlog_is_what_is_held(lab):
    daemon, vm1, _ = lab
    fill(daemon, vm1)

    def agree():
        backlog = daemon.port("lab/vm2")["status"]["com.acme.shaper.backlog/1"]
        row, = daemon.rpc("ext.stats")
        return (backlog["packets"] == row["held"] == held(daemon) > 0
                and backlog["bytes"] > 1000 * (backlog["packets"] - 1)
                and row["stolen"] == row["returned"] + row["held"])

    wait_for("status, statistics and accounts to agree", agree)


def test_a_flood_is_held_no_further_than_the_quota(lab):
    daemon, vm1, vm2 = lab
    hold(daemon)
    with vm1.open_socket(socket.SOCK_DGRAM) as s:
        for n in range(20000):
            s.sendto(b"%d" % n, ("10.77.0.2", 9))
    wait_for("drops", lambda: daemon.drops("backlog", "lab/vm2") > 0)
    with vm2.open_socket(socket.SOCK_DGRAM) as s, vm1.datagrams("10.77.0.1", 9) as other:
        s.sendto(b"the other way", ("10.77.0.1", 9))
        assert other.recv(100) == b"the other way"
    daemon.wait_for_balance()


@pytest.mark.parametrize("far", ["vm1", "vm2"])
def test_a_port_goes_while_its_packets_are_held(lab, far):
    daemon, vm1, _ = lab
    fill(daemon, vm1)
    daemon.do("port", "remove", f"lab/{far}", "--override")
    wait_for("held packets to be given back", lambda: held(daemon) == 0)
    assert "drain" not in daemon.said()
    daemon.wait_for_balance()


def test_the_instance_goes_while_packets_are_held(lab):
    daemon, vm1, vm2 = lab
    fill(daemon, vm1)
    daemon.do("ext", "disable", "lab/shaper")
    assert held(daemon) == 0
    assert vm1.ping("10.77.0.2")
    daemon.do("ext", "enable", "lab/shaper")
    assert daemon.is_open("lab/vm1")


def test_the_daemon_ends_while_packets_are_held(lab):
    daemon, vm1, _ = lab
    fill(daemon, vm1)
    daemon.stop()
    assert "set aside" not in daemon.said()


def test_it_comes_and_goes_under_load(lab, tool):
    daemon, vm1, vm2 = lab
    hold(daemon, rate_kbps=200000, burst=20000, wait_ms=100)
    verbs = itertools.cycle(["disable", "enable"])

    with meanwhile(lambda: daemon.rpc(f"ext.{next(verbs)}", target="lab/shaper")):
        end = iperf(tool, vm1, vm2, "10.77.0.2", "-n", "40M", "-P", "2")
    assert end["sum_received"]["bytes"] > 0
    daemon.rpc("ext.enable", target="lab/shaper")
    wait_for("nothing to be held", lambda: held(daemon) == 0)
    assert daemon.is_open("lab/vm1") and vm1.ping("10.77.0.2")


def test_policies_change_under_load(lab, tool):
    daemon, vm1, vm2 = lab
    rates = itertools.cycle([0, 1000, 50000, 200000])
    with meanwhile(lambda: hold(daemon, rate_kbps=next(rates), wait_ms=50)):
        iperf(tool, vm1, vm2, "10.77.0.2", "-t", "2", "--bidir")
    daemon.rpc("policy.unset", target="lab/vm2", feature=FEATURE, override=True)
    wait_for("nothing to be held", lambda: held(daemon) == 0)
    end = iperf(tool, vm1, vm2, "10.77.0.2", "-n", "20M")
    assert end["sum_received"]["bytes"] > 0
