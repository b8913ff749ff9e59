# SPDX-License-Identifier: Apache-2.0
"""Once a change of policy has been answered, no packet goes by the old one, whatever the load.

    [vm1] flood --tap--+
    [vm2] sink  --tap--+-- [ lab: guard, secgroup; 2 workers ]
    [vm3] watch --tap--+

Each datagram carries a number.  Before the way is opened again, the sender rests and markers go
through all its queues to vm3, which is never cut off: so each number that arrives out of turn has
gone by an old verdict.
"""

import multiprocessing
import re
import select
import struct
import threading
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from support.patience import wait_for

VM1, VM2, VM3 = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"
ROUNDS = 12
MARKERS = 24
MARK = re.compile(rb"marker (\d+)\.")
PORT = 5000

CONFIG = """
daemon: {workers: 2}
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
      - {instance: fw, extension: org.xvs.secgroup}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {kind: tap, device: eth0, netns: vm1, queues: 2}
        policies: {org.xvs.guard/1: {ips: []}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2, queues: 2}
        policies:
          org.xvs.secgroup.rules/1:
            rules: [{direction: in, proto: udp, action: allow}]
      - {name: vm3, mac: "52:54:00:00:00:03", backend: {kind: tap, device: eth0, netns: vm3}}
"""


class Flood:
    """A process that sends numbered datagrams as fast as it can; 'next' is the first not sent."""

    def __init__(self, sock, target):
        self.next = multiprocessing.RawValue("Q", 0)
        self.is_running = multiprocessing.RawValue("b", 1)
        self.is_resting = multiprocessing.RawValue("b", 0)
        self.process = multiprocessing.get_context("fork").Process(
            target=self.send, args=(sock, target), daemon=True)
        self.process.start()

    def send(self, sock, target):
        while True:
            if not self.is_running.value:
                self.is_resting.value = 1
                time.sleep(0.001)
                continue
            self.is_resting.value = 0
            number = self.next.value
            self.next.value = number + 1  # before it is sent: what is below may be on its way
            try:
                sock.sendto(struct.pack("!Q", number) + bytes(50), target)
            except OSError:
                time.sleep(0.001)

    def rest(self):
        self.is_running.value = 0
        wait_for("the flood to rest", lambda: self.is_resting.value)

    def go_on(self):
        self.is_running.value = 1
        wait_for("the flood to go on", lambda: not self.is_resting.value)

    def wait_for_more(self, count):
        goal = self.next.value + count
        wait_for("more datagrams", lambda: self.next.value >= goal)

    def end(self):
        self.process.kill()
        self.process.join()


class Sink:
    """A thread that notes the numbers that arrive."""

    def __init__(self, sock):
        self.sock = sock
        self.numbers = []
        self.is_done = False
        self.thread = threading.Thread(target=self.receive)
        self.thread.start()

    def receive(self):
        self.sock.setblocking(False)
        while not self.is_done:
            if not select.select([self.sock], [], [], 0.05)[0]:
                continue
            try:
                while True:
                    self.numbers.append(struct.unpack("!Q", self.sock.recv(100)[:8])[0])
            except BlockingIOError:
                pass

    def end(self):
        self.is_done = True
        self.thread.join()


def marker(number):
    """One of many flows; from the address that the guard never forbids."""
    return (Ether(src=VM1, dst=VM3) / IP(src="10.77.0.99", dst="10.77.0.98")
            / UDP(sport=1024 + number % 50000, dport=9) / (b"marker %d." % number))


class Lab:
    """The hosts, and traffic that is under way."""

    def __init__(self, daemon, vm1, vm2, vm3):
        self.daemon = daemon
        self.sender, self.watch = vm1.wire(), vm3.wire()
        self.sink = Sink(vm2.datagrams("10.77.0.2", PORT))
        self.flood = Flood(vm1.datagrams("10.77.0.1", PORT), ("10.77.0.2", PORT))
        self.forbidden = []
        self.marks = 0
        wait_for("the first datagrams", lambda: self.sink.numbers)

    def wait_for_arrivals(self):
        arrived = len(self.sink.numbers)
        wait_for("datagrams", lambda: len(self.sink.numbers) > arrived)

    def keep_closed(self):
        """The way has just been closed; when this returns, none of what was sent is on its way."""
        first = self.flood.next.value
        self.flood.wait_for_more(1000)
        self.flood.rest()
        self.forbidden.append(range(first, self.flood.next.value))
        self.drain()

    def drain(self):
        """Markers of so many flows that each queue of the tap has some; a full queue loses them."""
        self.marks += MARKERS
        missing = set(range(self.marks - MARKERS, self.marks))

        def has_arrived():
            for number in missing:
                self.sender.send(marker(number))
            try:
                while missing:
                    found = MARK.search(self.watch.receive())
                    missing.discard(int(found[1]) if found else -1)
            except TimeoutError:
                pass
            return not missing

        self.watch.socket.settimeout(0.2)
        wait_for("the markers", has_arrived)

    def check(self):
        last = self.forbidden[-1].stop
        wait_for("datagrams at the end", lambda: self.sink.numbers[-1] >= last)
        for span in self.forbidden:
            leaked = [number for number in self.sink.numbers if number in span]
            assert not leaked, (f"of {span} {len(leaked)} datagrams went by an old verdict, "
                                f"{leaked[0]} to {leaked[-1]}")
        print(f"{self.flood.next.value} sent, {len(self.sink.numbers)} arrived, "
              f"{sum(len(span) for span in self.forbidden)} were forbidden")

    def end(self):
        self.flood.end()
        self.sink.end()


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2, vm3 = hosts("vm1", "vm2", "vm3")
    daemon = xvsd(CONFIG)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    vm3.up()
    vm1.run("ip", "neigh", "replace", "10.77.0.2", "lladdr", VM2, "dev", "eth0")
    vm2.run("ip", "neigh", "replace", "10.77.0.1", "lladdr", VM1, "dev", "eth0")
    made = Lab(daemon, vm1, vm2, vm3)
    yield made
    made.end()


TOGGLES = {
    "security group": ("lab/vm2", "org.xvs.secgroup.rules/1",
                       {"rules": [{"direction": "in", "proto": "udp", "action": "deny"}]},
                       {"rules": [{"direction": "in", "proto": "udp", "action": "allow"}]}),
    "guard": ("lab/vm1", "org.xvs.guard/1", {"ips": [{"ip": "10.77.0.99"}]}, {"ips": []}),
    "vlan": ("lab/vm2", "xvs.vlan/1", {"vlan": 20}, {"vlan": 0}),
}


@pytest.mark.parametrize("what", TOGGLES)
def test_nothing_passes_after_the_answer(lab, what):
    target, feature, closing, opening = TOGGLES[what]
    for _ in range(ROUNDS):
        lab.wait_for_arrivals()
        lab.flood.wait_for_more(200)
        lab.daemon.set_policy(target, feature, **closing)
        lab.keep_closed()
        lab.daemon.set_policy(target, feature, **opening)
        lab.flood.go_on()
    lab.check()


def test_a_blocked_port_is_blocked_when_the_answer_comes(lab):
    for _ in range(ROUNDS):
        lab.wait_for_arrivals()
        lab.daemon.rpc("port.block", target="lab/vm2")
        lab.keep_closed()
        lab.daemon.rpc("port.unblock", target="lab/vm2")
        lab.flood.go_on()
    lab.check()
