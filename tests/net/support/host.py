# SPDX-License-Identifier: Apache-2.0
"""Network namespaces as hosts on the wire.

Sockets are opened by entering the namespace for a moment: a socket stays where it was made.
"""

import contextlib
import ctypes
import json
import pathlib
import socket
import subprocess
import threading

from support.patience import PATIENCE_S, wait_for
from support.wire import Wire

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command, **options):
    """Runs to the end and must succeed; its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """One namespace; 'device' is where it meets the switch."""

    def __init__(self, name, device="eth0"):
        self.name = name
        self.device = device
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        self.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        self.sysctl("net/ipv6/conf/all/disable_ipv6", 1)

    def remove(self):
        run("ip", "netns", "del", self.name)

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace meanwhile."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.name}", "rb") as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def sysctl(self, path, value):
        with self.entered():
            pathlib.Path("/proc/sys", path).write_text(str(value), encoding="ascii")

    def use_ipv6(self):
        """Hosts are quiet otherwise: no neighbour discovery, no listener reports."""
        self.sysctl("net/ipv6/conf/default/disable_ipv6", 0)
        self.sysctl("net/ipv6/conf/all/disable_ipv6", 0)
        self.sysctl("net/ipv6/conf/default/accept_dad", 0)
        self.sysctl("net/ipv6/conf/all/accept_dad", 0)

    def has_device(self):
        with self.entered():
            return self.device in (name for _, name in socket.if_nameindex())

    def up(self, *addresses):
        """The device, once the daemon has made it, with addresses."""
        wait_for(f"{self.device} in {self.name}", self.has_device)
        for address in addresses:
            nodad = ("nodad",) if ":" in address else ()
            run("ip", "-n", self.name, "addr", "add", address, "dev", self.device, *nodad)
        run("ip", "-n", self.name, "link", "set", self.device, "up")
        wait_for(f"the queues of {self.device} in {self.name}", self.has_queues)
        return self

    def has_queues(self):
        """A device whose carrier came takes frames a little later, and loses them until then."""
        link, = json.loads(run("ip", "-j", "-n", self.name, "link", "show", "dev", self.device))
        return "LOWER_UP" not in link["flags"] or link["qdisc"] != "noop"

    def run(self, *command, **options):
        return run("ip", "netns", "exec", self.name, *command, **options)

    def start(self, *command, **options):
        words = ["ip", "netns", "exec", self.name, *(str(word) for word in command)]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, **options)

    def ping(self, address, *options, count=2):
        """All of 'count' were answered, each within its second."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, "ping", "-n", "-c", str(count), "-i", "0.05",
             "-W", "1", *(str(option) for option in options), address],
            capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        return done.returncode == 0 and f" {count} received" in done.stdout

    def reaches(self, address, *options):
        """A ping is answered, at last."""
        return wait_for(f"ping from {self.name} to {address}",
                        lambda: self.ping(address, *options, count=1))

    def open_socket(self, kind=socket.SOCK_STREAM, family=socket.AF_INET, proto=0):
        with self.entered():
            made = socket.socket(family, kind, proto)
        made.settimeout(PATIENCE_S)
        return made

    def listen(self, address, port, family=socket.AF_INET):
        made = self.open_socket(family=family)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen()
        return made

    def datagrams(self, address, port):
        made = self.open_socket(socket.SOCK_DGRAM)
        made.bind((address, port))
        return made

    def connects(self, address, port, patience_s=PATIENCE_S):
        """A TCP connection comes about; False: refused, or no answer in that time."""
        with contextlib.closing(self.open_socket()) as made:
            made.settimeout(patience_s)
            try:
                made.connect((address, port))
            except OSError:
                return False
            return True

    def wire(self, device=None):
        """Raw frames at the device."""
        with self.entered():
            return Wire(device or self.device)


def answer_tcp(listener, text):
    """A thread that says 'text' to each who connects, until the listener is closed."""
    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.sendall(text)
    listener.settimeout(None)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def veth(device, peer, host):
    """A pair: 'device' beside the daemon, 'peer' in a host."""
    run("ip", "link", "add", device, "type", "veth", "peer", "name", peer, "netns", host.name)
    with open(f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6", "w", encoding="ascii") as f:
        f.write("1")
    run("ip", "link", "set", device, "up")
    host.device = peer


def remove_link(device):
    subprocess.run(["ip", "link", "del", device], capture_output=True, check=False)
