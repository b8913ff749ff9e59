# SPDX-License-Identifier: Apache-2.0
"""What two kernels say to each other, as frames on the wire between them.

The two stand where the left and right ends of a lane do, so that the frames can be replayed there.
"""

import itertools
import socket
import struct
import threading

from support.host import run
from support.replay import LEFT, LEFT4, RIGHT, RIGHT4, is_from_left

SERVICE = 80
CALLED = 8080  # at the left, for what the right opens


class Recorder:
    """Two hosts with a wire between them; offloads are off, as a capture must have real sums."""

    def __init__(self, left, right):
        self.left = left
        self.right = right
        run("ip", "link", "add", "eth0", "address", LEFT, "netns", left.name, "type", "veth",
            "peer", "name", "eth0", "address", RIGHT, "netns", right.name)
        for host, address, other, mac in ((left, LEFT4, RIGHT4, RIGHT),
                                          (right, RIGHT4, LEFT4, LEFT)):
            run("ip", "netns", "exec", host.name, "ethtool", "-K", "eth0", "tx", "off", "tso",
                "off", "gso", "off", "gro", "off")
            host.up(f"{address}/8")
            run("ip", "-n", host.name, "neigh", "replace", other, "lladdr", mac, "dev", "eth0",
                "nud", "permanent")
        with left.entered():
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.tap.bind(("eth0", 3))

    def close(self):
        self.tap.close()

    def record(self, conversation):
        """The frames of conversation(left, right)."""
        conversation(self.left, self.right)
        frames = []
        self.tap.setblocking(False)
        while True:
            try:
                frames.append(self.tap.recv(1 << 16))
            except BlockingIOError:
                return frames


def _serve(listener, serve):
    def one():
        peer, _ = listener.accept()
        with peer:
            serve(peer)
    thread = threading.Thread(target=one, daemon=True)
    thread.start()
    return thread


def _read_all(s):
    data = b""
    while True:
        more = s.recv(1 << 16)
        if not more:
            return data
        data += more


def _call(client, server, address, port, serve, call):
    with server.listen(address, port) as listener, client.open_socket() as s:
        thread = _serve(listener, serve)
        s.connect((address, port))
        call(s)
        s.close()
        thread.join()


def transfer(left, right):
    """20,000 octets there and back, each end closes after the other."""
    def serve(peer):
        peer.sendall(_read_all(peer))

    def call(s):
        s.sendall(b"x" * 20000)
        s.shutdown(socket.SHUT_WR)
        assert len(_read_all(s)) == 20000
    _call(left, right, RIGHT4, SERVICE, serve, call)


def transfer_opened_inside(left, right):
    def serve(peer):
        peer.sendall(b"y" * 30000)

    def call(s):
        assert len(_read_all(s)) == 30000
    _call(right, left, LEFT4, CALLED, serve, call)


def server_resets(left, right):
    def serve(peer):
        peer.recv(10)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def call(s):
        s.sendall(b"question")
        try:
            s.recv(10)
        except ConnectionResetError:
            pass
    _call(left, right, RIGHT4, SERVICE, serve, call)


def refused(left, _right):
    with left.open_socket() as s:
        try:
            s.connect((RIGHT4, SERVICE))
        except ConnectionRefusedError:
            pass


def slow_reader(left, right):
    """The window closes, is probed, and opens."""
    ready = threading.Event()

    def serve(peer):
        ready.wait()
        assert len(_read_all(peer)) == 60000

    def call(s):
        threading.Timer(0.5, ready.set).start()
        s.sendall(b"z" * 60000)
    with right.listen(RIGHT4, SERVICE) as listener, left.open_socket() as s:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        thread = _serve(listener, serve)
        s.connect((RIGHT4, SERVICE))
        call(s)
        s.close()
        thread.join()


def datagrams(left, right):
    """Questions, answers, and one to a port where nobody listens."""
    with right.datagrams(RIGHT4, 53) as server, left.open_socket(socket.SOCK_DGRAM) as client:
        client.connect((RIGHT4, 53))
        for _ in range(3):
            client.send(b"question")
            _, who = server.recvfrom(100)
            server.sendto(b"answer", who)
            client.recv(100)
        server.close()
        client.send(b"anybody?")
        try:
            client.recv(100)
        except ConnectionRefusedError:
            pass


def pings(left, right):
    assert left.ping(RIGHT4, count=3) and right.ping(LEFT4, count=2)
    assert left.ping(RIGHT4, "-s", "4000", count=2)


CONVERSATIONS = [transfer, transfer_opened_inside, server_resets, refused, slow_reader, datagrams,
                 pings]


# ---- what the way may do to packets

def as_is(frames, _random):
    return frames


def repeated(frames, random):
    return [frame for one in frames for frame in [one] * random.choice((1, 1, 1, 2, 3))]


def lost(frames, random):
    return [frame for frame in frames if random.random() > 0.2]


def reordered(frames, random):
    """By up to three places, among what one end said before the other did: a frame cannot come
    before the answer to which it is one."""
    made = []
    for _, run_of_one in itertools.groupby(frames, is_from_left):
        keyed = [(place + 3 * random.random(), place, frame)
                 for place, frame in enumerate(run_of_one)]
        made += [frame for _, _, frame in sorted(keyed)]
    return made


WAYS = [as_is, repeated, lost, reordered]
