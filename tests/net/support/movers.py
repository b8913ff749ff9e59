# SPDX-License-Identifier: Apache-2.0
"""Two hosts between which a port moves.

      [ ha: daemon a: lab ] up0 --veth-- up0 [ hb: daemon b: lab ]
         |eth0     |eth0  mg0 --veth-- mg0      |eth1
       [vm2]     [vm1]      (migration)       [vm1]

vm1 is the guest that moves.  It has a device of each host under one bridge that remembers nothing, so it
is, like a machine, where its port is open; were both open, there would be a loop.
"""

import contextlib
import os
import pathlib
import threading

from support.certificates import Authority
from support.daemon import Daemon, Refused
from support.host import Host, run
from support.patience import wait_for

MAC = "52:54:00:00:00:01"
DEVICES = {"a": "eth0", "b": "eth1"}  # of the guest that moves
UUID = "6a1f3c52-94b1-4d0e-8f5a-0c2b7e6d1a90"

CONFIG = """
{top}
migration:
  listen: "{address}:4790"
  certificate: {certificate}
  key: {key}
  ca: {ca}
  peers: [{{name: {peer}, switches: [lab]}}]
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    chain:
      - {{instance: fw, extension: org.xvs.secgroup, required: true}}
      - {{instance: guard, extension: org.xvs.guard}}
{chain}
    ports: {ports}
"""

PORTS_OF_A = f"""
      - name: vm1
        uuid: {UUID}
        mac: "{MAC}"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{xvs.rate/1: {{to_kbps: 900000}}, org.xvs.guard/1: {{mac_changes: false}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""


class Movers:
    """The two hosts with their daemons; 'a' has the port at first."""

    ADDRESSES = {"a": "10.9.0.1", "b": "10.9.0.2"}

    def __init__(self, folder, ports=PORTS_OF_A, chain="", top=""):
        """'chain' and 'top' are lines of both hosts' files."""
        self.chain, self.top = chain, top
        self.hosts = {"a": Host("ha"), "b": Host("hb")}
        self.vm1, self.vm2 = Host("vm1", device="br0"), Host("vm2")
        self.authority = Authority(folder / "pki")
        self.folder = folder
        self.daemons = {}
        self._wires()
        self.daemons = {"a": self._daemon("a", "b", ports), "b": self._daemon("b", "a", "[]")}

    def _wires(self):
        for device in ("up0", "mg0"):
            run("ip", "link", "add", device, "netns", "ha", "type", "veth",
                "peer", "name", device, "netns", "hb")
        for name, host in self.hosts.items():
            host.run("ip", "link", "set", "up0", "up")
            host.run("ip", "link", "set", "mg0", "up")
            host.run("ip", "addr", "add", f"{self.ADDRESSES[name]}/24", "dev", "mg0")
        self.vm1.run("ip", "link", "add", "br0", "address", MAC, "type", "bridge",
                     "ageing_time", "0", "stp_state", "0", "forward_delay", "0")
        self.vm1.run("ip", "link", "set", "br0", "up")
        self.vm1.run("ip", "addr", "add", "10.77.0.1/24", "dev", "br0")

    def config(self, name, peer, ports, certificate=None):
        certificate, key = certificate or self.authority.host(f"host{name}")
        return CONFIG.format(address=self.ADDRESSES[name], certificate=certificate, key=key,
                             ca=self.authority.certificate, peer=f"host{peer}", ports=ports,
                             chain=self.chain, top=self.top)

    def _daemon(self, name, peer, ports):
        return Daemon(self.folder / name, self.config(name, peer, ports),
                      wrap=("ip", "netns", "exec", f"h{name}"))

    def start(self):
        for name in self.daemons:
            self.daemons[name].start()
        self.plug("eth0")
        self.vm2.up("10.77.0.2/24")
        return self

    def plug(self, device, given_up=lambda: False):
        """A device of the guest under its bridge, once it is there."""
        def has_device():
            return f": {device}:" in self.vm1.run("ip", "-o", "link")
        wait_for(f"{device} of the guest", lambda: has_device() or given_up())
        if has_device():
            self.vm1.run("ip", "link", "set", device, "up", "master", "br0")

    def plug_all(self):
        """After a restart: the devices of both guests are new ones."""
        for name in self.open_on():
            self.plug(DEVICES[name])
        self.vm2.up()
        if "10.77.0.2" not in self.vm2.run("ip", "-o", "addr"):
            self.vm2.up("10.77.0.2/24")

    # ---- moving

    def __getitem__(self, name):
        return self.daemons[name]

    def expect(self, name):
        """What the guest's port gets on a host: its second device there."""
        device = DEVICES[name]
        self.daemons[name].rpc("migrate.expect", uuid=UUID,
                               backend={"kind": "tap", "device": device, "netns": "vm1"})
        return device

    def move(self, to="b", plugged=True, **params):
        """The report."""
        origin = "b" if to == "a" else "a"
        device = self.expect(to)
        with self.plugging(device) if plugged else contextlib.nullcontext():
            return self.daemons[origin].rpc("migrate.port", port="vm1", to=self.ADDRESSES[to],
                                            **params)

    @contextlib.contextmanager
    def plugging(self, device):
        over = threading.Event()
        thread = threading.Thread(target=self.plug, args=(device, over.is_set))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    # ---- where it is

    def open_on(self):
        """The hosts on which the port is open, of those that run."""
        found = []
        for name, daemon in self.daemons.items():
            if daemon.is_running():
                with contextlib.suppress(Refused):
                    if daemon.rpc("port.show", target="lab/vm1")["state"] == "open":
                        found.append(name)
        return found

    def is_decided(self):
        """Nothing is under way any more, on either host."""
        return all(move["phase"] == "ended" for daemon in self.daemons.values()
                   for move in daemon.rpc("migrate.list"))

    def cut(self, name, device="mg0", up=False):
        self.hosts[name].run("ip", "link", "set", device, "up" if up else "down")

    def remove(self):
        for daemon in self.daemons.values():
            if daemon.is_running():
                daemon.kill()
        for host in (self.vm1, self.vm2, *self.hosts.values()):
            host.remove()


def is_stopped(daemon):
    """It has stopped itself (XVS_TEST_MOVE_STOP)."""
    pid = daemon.child.pid
    for task in [pid, *children(pid)]:
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{task}/stat").read_text(encoding="ascii")
            if fields.rsplit(")", 1)[1].split()[0] == "T":
                return True
    return False


def children(pid):
    with contextlib.suppress(OSError):
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(word) for word in text.split()]
    return []


@contextlib.contextmanager
def stopping_at(phase):
    """Daemons started meanwhile stop themselves in this phase of a move."""
    os.environ["XVS_TEST_MOVE_STOP"] = phase
    try:
        yield
    finally:
        del os.environ["XVS_TEST_MOVE_STOP"]
