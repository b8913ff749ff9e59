# SPDX-License-Identifier: Apache-2.0
"""All that rules a port goes with it, there and back, while it is talked to: support/movers.py.

What the guest must never see is sent all the time, from before the first move to behind the last one:
were the port open without its rules for one packet, that one would come.  Everything has a number.
"""

import contextlib
import socket
import struct
import threading
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from support.movers import MAC, UUID, Movers
from support.patience import wait_for
from support.vendor import offer
from support.wire import SOL_PACKET, frame, mac_bytes

IP1, IP2 = "10.77.0.1", "10.77.0.2"
MAC2, FORGED = "52:54:00:00:00:02", "52:54:00:00:00:66"
OPEN_TCP, OPEN_UDP, SHUT = 7000, 7001, 9999
STRANGERS = range(1024, 21024)  # below what the kernel chooses for its own connections
SO_RCVBUFFORCE, PACKET_STATISTICS = 33, 6
MOVES = ("b", "a", "b", "a")

CHAIN = "      - {instance: quota, extension: com.acme.quota}"
PORTS = f"""
      - name: vm1
        uuid: {UUID}
        mac: "{MAC}"
        requires: [org.xvs.secgroup, org.xvs.guard, com.acme.quota]
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies:
          xvs.rate/1: {{to_kbps: 900000, from_kbps: 900000}}
          org.xvs.guard/1: {{mac_changes: false, forged_transmits: false}}
          com.acme.quota/1: {{bytes: 1000000000}}
          org.xvs.secgroup.rules/1:
            rules:
              - {{direction: in, proto: tcp, ports: "{OPEN_TCP}", action: allow}}
              - {{direction: in, proto: udp, ports: "{OPEN_UDP}", action: allow}}
      - {{name: vm2, mac: "{MAC2}", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""


@pytest.fixture
def movers(tmp_path):
    vendors = offer(tmp_path / "vendors", "quota")
    made = Movers(tmp_path, PORTS, CHAIN, f"extensions: {{path: [{vendors}]}}").start()
    yield made
    for daemon in made.daemons.values():
        for report in ("AddressSanitizer", "runtime error:", "Assertion"):
            assert report not in daemon.said(), daemon.said()
    made.remove()


class Loop(threading.Thread):
    """A step is repeated until the end; what goes wrong is raised there."""

    def __init__(self, step, pause_s=0.001):
        super().__init__(daemon=True)
        self.step, self.pause_s = step, pause_s
        self.over = threading.Event()
        self.count = 0
        self.error = None

    def run(self):
        try:
            while not self.over.wait(self.pause_s):
                self.step(self.count)
                self.count += 1
        except Exception as error:  # raised again by the one who waits
            self.error = error

    def end(self, kind=None):
        """'kind' of an error that is under way already, and counts instead."""
        self.over.set()
        self.join()
        if self.error and not kind:
            raise self.error


class Watch:
    """What reaches a guest: every frame is counted, datagrams by port and number."""

    def __init__(self, host):
        self.wire = host.wire()
        self.wire.socket.settimeout(0.05)
        self.wire.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.frames = 0
        self.sources = set()
        self.datagrams = {OPEN_UDP: [], SHUT: []}
        self.segments = {}
        self.loop = Loop(self._read, pause_s=0)

    def _read(self, _):
        with contextlib.suppress(TimeoutError):
            self._count(self.wire.receive())
            self.wire.seen.clear()

    def _count(self, data):
        self.frames += 1
        self.sources.add(data[6:12])
        if data[12:14] != b"\x08\x00" or len(data) < 42:
            return
        ports = struct.unpack("!HH", data[34:38])
        if data[23] == socket.IPPROTO_UDP:
            for port in set(ports) & set(self.datagrams):
                self.datagrams[port].append(int(data[42:].split(b"\0")[0]))
        elif data[23] == socket.IPPROTO_TCP:
            self.segments[ports] = self.segments.get(ports, 0) + 1

    def lost(self):
        """Frames that came and could not be looked at."""
        _, lost = struct.unpack("II", self.wire.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        return lost

    def is_quiet(self):
        before = self.frames
        time.sleep(0.2)
        return self.frames == before


class Guest:
    """The guest that moves: answers on one TCP port and one UDP port, and would on those that are shut."""

    def __init__(self, host):
        self.listeners = [host.listen(IP1, port) for port in (OPEN_TCP, SHUT)]
        self.datagrams = [host.datagrams(IP1, port) for port in (OPEN_UDP, SHUT)]
        for made in (*self.listeners, *self.datagrams):
            made.settimeout(None)
        for listener in self.listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        for made in self.datagrams:
            threading.Thread(target=self._answer, args=(made,), daemon=True).start()

    @staticmethod
    def _answer(made):
        with contextlib.suppress(OSError):
            while True:
                data, sender = made.recvfrom(2048)
                if not sender:
                    return
                made.sendto(data, sender)

    @staticmethod
    def _echo(peer):
        with contextlib.suppress(OSError), peer:
            while data := peer.recv(1 << 16):
                peer.sendall(data)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threading.Thread(target=self._echo, args=(peer,), daemon=True).start()

    def close(self):
        for made in (*self.listeners, *self.datagrams):
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()


class Stream:
    """One TCP connection; what is sent comes back, in order."""

    def __init__(self, host):
        self.socket = host.open_socket()
        self.socket.connect((IP1, OPEN_TCP))
        self.lines = self.socket.makefile("rb")

    def ask(self, number, size=0):
        line = b"%d %s\n" % (number, b"x" * size)
        self.socket.sendall(line)
        assert self.lines.readline() == line

    def close(self):
        self.lines.close()
        self.socket.close()


def stranger(number):
    """Segments that belong to no connection: one that opens to a shut port, one in the middle of nowhere."""
    port, flags = ((SHUT, "S"), (OPEN_TCP, "A"))[number % 2]
    sport = STRANGERS[0] + number % len(STRANGERS)
    return bytes(Ether(src=MAC2, dst=MAC) / IP(src=IP2, dst=IP1) /
                 TCP(sport=sport, dport=port, flags=flags, seq=number, ack=number))


def numbers_of(daemon):
    """What was counted of the port, by whoever counts there."""
    status = daemon.port("lab/vm1")["status"]
    found = {"stats": daemon.stats("lab/vm1"), "quota": status["com.acme.quota.used/1"],
             "firewall": status["org.xvs.secgroup.hits/1"], "guard": status["org.xvs.guard.drops/1"]}
    return {f"{who} {what}": value for who, counts in found.items()
            for what, value in counts.items() if isinstance(value, int)}


def move_by_steps(movers, to):
    """As a coordinator does it; what was counted before the freeze is counted on behind it."""
    origin = "b" if to == "a" else "a"
    device = movers.expect(to)
    a, b = movers[origin], movers[to]
    move = a.rpc("migrate.prepare", port="vm1", to=movers.ADDRESSES[to])["move"]
    movers.plug(device)
    before = numbers_of(a)
    a.rpc("migrate.freeze", move=move)
    assert movers.open_on() == []
    a.rpc("migrate.commit", move=move)
    assert movers.open_on() == [to]
    after = numbers_of(b)
    assert {key: (value, after[key]) for key, value in before.items() if after[key] < value} == {}
    wait_for("the source to be done", movers.is_decided)


class Load:
    """Three kinds of what must go on, and all kinds of what must never come."""

    def __init__(self, movers):
        self.guest = Guest(movers.vm1)
        self.watched, self.seen = Watch(movers.vm1), Watch(movers.vm2)
        self.watched.loop.start()
        self.seen.loop.start()
        self.streams = [Stream(movers.vm2) for _ in range(3)]
        self.idle, talk, bulk = self.streams
        self.idle.ask(0)
        self.known, self.shut = (movers.vm2.open_socket(socket.SOCK_DGRAM) for _ in range(2))
        self.raw, self.forged = movers.vm2.wire(), movers.vm1.wire()
        self.loops = [
            Loop(lambda n: self.known.sendto(b"%d" % n, (IP1, OPEN_UDP))),
            Loop(lambda n: self.shut.sendto(b"%d" % n, (IP1, SHUT))),
            Loop(lambda n: self.raw.send(stranger(n)), pause_s=0.003),
            Loop(lambda n: self.forged.send(frame(MAC2, FORGED)), pause_s=0.003),
            Loop(talk.ask),
            Loop(lambda n: bulk.ask(n, size=100000), pause_s=0.005)]

    def __enter__(self):
        for loop in self.loops:
            loop.start()
        return self

    def strangers(self):
        """How many segments came that belong to no connection."""
        return sum(count for (sport, _), count in self.watched.segments.copy().items()
                   if sport in STRANGERS)

    def has_gone_on(self):
        """From now: each kind of what must go on, and of what must not come, was there again."""
        before = [loop.count for loop in self.loops]
        arrived = len(self.watched.datagrams[OPEN_UDP])
        returned = len(self.seen.datagrams[OPEN_UDP])
        wait_for("all of the load to go on", lambda: all(
            loop.error or loop.count > count + 10 for loop, count in zip(self.loops, before)))
        wait_for("datagrams to come and return", lambda: (
            len(self.watched.datagrams[OPEN_UDP]) > arrived + 10
            and len(self.seen.datagrams[OPEN_UDP]) > returned + 10))

    def __exit__(self, kind, *_):
        for loop in self.loops:
            loop.end(kind)
        for watch in (self.watched, self.seen):
            wait_for("silence", watch.is_quiet)
            watch.loop.end(kind)

    def close(self):
        self.guest.close()
        for stream in self.streams:
            stream.close()
        for made in (self.known, self.shut, self.raw, self.forged, self.watched.wire, self.seen.wire):
            made.close()


def repeated(numbers):
    """Those that came more than once."""
    return sorted(set(number for number in numbers if numbers.count(number) > 1))


def test_what_rules_a_port_rules_it_at_every_instant(movers):
    policies = movers["a"].port("lab/vm1")["policies"]
    taken_up = None
    with Load(movers) as load:
        load.has_gone_on()
        for to in MOVES:
            move_by_steps(movers, to)
            # who has just been started takes connections in their middle, who was given them does not
            taken_up = load.strangers() if taken_up is None else taken_up
            assert load.strangers() == taken_up
            assert movers[to].port("lab/vm1")["policies"] == policies
            load.has_gone_on()
        load.idle.ask(1)
    # none of what is shut, from before the first move to behind the last one
    assert load.watched.datagrams[SHUT] == []
    assert [ports for ports in load.watched.segments if SHUT in ports] == []
    assert mac_bytes(FORGED) not in load.seen.sources
    assert (load.watched.lost(), load.seen.lost()) == (0, 0)
    # every frame once, whichever host it came by, and as many as were counted
    assert repeated(load.watched.datagrams[OPEN_UDP]) == []
    assert repeated(load.seen.datagrams[OPEN_UDP]) == []
    a = movers["a"]
    assert a.stats("lab/vm1")["tx_packets"] == load.watched.frames
    counted = numbers_of(a)
    assert counted["firewall allowed"] >= 4 and counted["firewall default_in"] > 0
    assert counted["guard spoofed_mac"] > 0
    load.close()


# Not among the usual ones: beside a busy core the source at times takes frames for those of a stranger.
@pytest.mark.slow
def test_what_comes_while_it_is_closed_goes_after_it(movers):
    """From the uplink of the host that it leaves, over the move's own connection."""
    guest, watched = Guest(movers.vm1), Watch(movers.vm1)
    watched.loop.start()
    move_by_steps(movers, "b")
    sender = movers.vm2.open_socket(socket.SOCK_DGRAM)
    sender.connect((IP1, OPEN_UDP))
    sender.send(b"0")
    assert sender.recv(100) == b"0"
    b = movers["b"]
    device = movers.expect("a")
    move = b.rpc("migrate.prepare", port="vm1", to=movers.ADDRESSES["a"])["move"]
    movers.plug(device)
    wait_for("the first to be looked at", lambda: watched.datagrams[OPEN_UDP])
    b.rpc("migrate.freeze", move=move)
    known = b.stats("lab/up0")["rx_packets"]
    for number in range(1, 21):
        sender.send(b"%d" % number)
        sender.sendto(b"%d" % number, (IP1, SHUT))
    # a worker that gets to them when the port has gone knows nobody there
    wait_for("them to have come", lambda: b.stats("lab/up0")["rx_packets"] >= known + 40)
    assert watched.datagrams[OPEN_UDP] == [0]
    b.rpc("migrate.commit", move=move)
    assert [sender.recv(100) for _ in range(20)] == [b"%d" % number for number in range(1, 21)]
    wait_for("the last to be looked at", lambda: 20 in watched.datagrams[OPEN_UDP])
    assert watched.datagrams == {OPEN_UDP: list(range(21)), SHUT: []}
    wait_for("the source to be done", movers.is_decided)
    report = b.rpc("migrate.show", move=move)
    assert report["stragglers"]["frames"] >= 40 and report["stragglers"]["lost"] == 0
    wait_for("all to be taken", lambda: movers["a"].rpc(
        "migrate.show", move=move)["stragglers"]["frames"] == report["stragglers"]["frames"])
    watched.loop.end()
    guest.close()
    for made in (sender, watched.wire):
        made.close()
