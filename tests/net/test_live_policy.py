# SPDX-License-Identifier: Apache-2.0
"""Once a change of policy has been answered, no packet goes by the old one, whatever the load.

    [vm1] flood --tap--+-- [ lab: guard, secgroup; 2 workers ]
    [vm2] sink  --tap--+

Each datagram carries a number.  The sender is stopped and its queue drained by a marker before
the way is opened again, so each number that arrives out of turn has gone by an old verdict.
"""

import multiprocessing
import select
import struct
import threading
import time

import pytest

from support.patience import wait_for

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
ROUNDS = 12
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


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    vm1.run("ip", "neigh", "replace", "10.77.0.2", "lladdr", VM2, "dev", "eth0")
    vm2.run("ip", "neigh", "replace", "10.77.0.1", "lladdr", VM1, "dev", "eth0")
    sink = Sink(vm2.datagrams("10.77.0.2", PORT))
    flood = Flood(vm1.datagrams("10.77.0.1", PORT), ("10.77.0.2", PORT))
    wait_for("the first datagrams", lambda: sink.numbers)
    yield daemon, vm1, vm2, flood, sink
    flood.end()
    sink.end()


def drain(daemon, device_host, target):
    """All that the guest has sent has been read by the switch: its queue is as empty as it says."""
    def sent():
        with device_host.entered(), open("/proc/thread-self/net/dev", encoding="ascii") as table:
            line, = [row for row in table if row.strip().startswith("eth0:")]
        return int(line.split()[10])

    def is_still():
        before = sent()
        time.sleep(0.05)
        return sent() == before and daemon.stats(target)["rx_packets"] == before

    wait_for("the queue to be empty", is_still)


TOGGLES = {
    "security group": ("lab/vm2", "org.xvs.secgroup.rules/1",
                       {"rules": [{"direction": "in", "proto": "udp", "action": "deny"}]},
                       {"rules": [{"direction": "in", "proto": "udp", "action": "allow"}]}),
    "guard": ("lab/vm1", "org.xvs.guard/1", {"ips": [{"ip": "10.77.0.99"}]}, {"ips": []}),
    "vlan": ("lab/vm2", "xvs.vlan/1", {"vlan": 20}, {"vlan": 0}),
}


@pytest.mark.parametrize("what", TOGGLES)
def test_nothing_passes_after_the_answer(lab, what):
    daemon, vm1, _, flood, sink = lab
    target, feature, closing, opening = TOGGLES[what]
    forbidden = []
    for _ in range(ROUNDS):
        arrived = len(sink.numbers)
        wait_for("datagrams", lambda: len(sink.numbers) > arrived)
        flood.wait_for_more(200)
        daemon.set_policy(target, feature, **closing)
        first = flood.next.value  # sent after the answer
        flood.wait_for_more(1000)
        flood.rest()
        last = flood.next.value
        drain(daemon, vm1, "lab/vm1")
        daemon.set_policy(target, feature, **opening)
        forbidden.append(range(first, last))
        flood.go_on()
    wait_for("datagrams at the end", lambda: sink.numbers[-1] >= forbidden[-1].stop)
    leaked = [number for number in sink.numbers for span in forbidden if number in span]
    assert not leaked, f"{len(leaked)} datagrams went by an old verdict, the first is {leaked[0]}"
    assert sum(len(span) for span in forbidden) >= ROUNDS * 1000
    print(f"{flood.next.value} sent, {len(sink.numbers)} arrived")


def test_a_blocked_port_is_blocked_when_the_answer_comes(lab):
    daemon, vm1, _, flood, sink = lab
    forbidden = []
    for _ in range(ROUNDS):
        arrived = len(sink.numbers)
        wait_for("datagrams", lambda: len(sink.numbers) > arrived)
        daemon.rpc("port.block", target="lab/vm2")
        first = flood.next.value
        flood.wait_for_more(1000)
        flood.rest()
        forbidden.append(range(first, flood.next.value))
        drain(daemon, vm1, "lab/vm1")
        daemon.rpc("port.unblock", target="lab/vm2")
        flood.go_on()
    wait_for("datagrams at the end", lambda: sink.numbers[-1] >= forbidden[-1].stop)
    assert not [number for number in sink.numbers for span in forbidden if number in span]
