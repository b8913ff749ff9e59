# SPDX-License-Identifier: Apache-2.0
"""A switch that controllers drive, its guests, and ovs-ofctl, which knows nothing of us.

    [vm1] eth0 --tap--+
    [vm2] eth0 --tap--+--- [ lab: org.xvs.openflow ] --- punix: --- ovs-ofctl
    [vm3] eth0 --tap--+                              --- targets --- controllers
"""

import contextlib
import json
import pathlib
import re
import socket
import subprocess

from support.daemon import Daemon
from support.host import Host
from support.patience import PATIENCE_S, wait_for

MACS = {"vm1": "52:54:00:00:00:01", "vm2": "52:54:00:00:00:02", "vm3": "52:54:00:00:00:03"}
POLICY = "org.xvs.openflow.controller/1"
CONFIG = """
{top}
switches:
  - name: lab
    type: private
    chain:
      - {{instance: of, extension: org.xvs.openflow}}
    policies:
      org.xvs.openflow.controller/1: {policy}
    ports:
      - {{name: vm1, mac: "52:54:00:00:00:01", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
      - {{name: vm3, uuid: 3d0c63a1-52f0-4b1e-9f0e-5a6cbb7d2f03, mac: "52:54:00:00:00:03",
         backend: {{kind: tap, device: eth0, netns: vm3}}}}
"""


class Lab:
    """The daemon, its guests, and ovs-ofctl."""

    def __init__(self, home, fail_mode="secure", top="", **policy):
        self.socket = home / "of.sock"
        self.top = top
        self.policy = {"targets": [f"punix:{self.socket}"], "fail_mode": fail_mode,
                       "datapath_id": 42, **policy}
        self.guests = []
        self.daemon = Daemon(home / "xvsd", self.config())
        self.ports = {}

    def start(self):
        """What it made until something fails, end() takes away."""
        for name in MACS:
            self.guests.append(Host(name))
        self.daemon.start()
        for number, guest in enumerate(self.guests, 1):
            guest.up(f"10.0.0.{number}/24")
        self.ports = {name: number for number, name in self.port_numbers()}

    def config(self, **policy):
        return CONFIG.format(top=self.top, policy=json.dumps({**self.policy, **policy}))

    def configure(self, *targets, **policy):
        """Targets beside ovs-ofctl's own, and other fields; what is not named is as at first."""
        self.daemon.write(self.config(targets=[f"punix:{self.socket}", *targets], **policy))
        self.daemon.do("config", "reload")

    def end(self):
        try:
            self.daemon.stop()
        finally:
            for guest in self.guests:
                guest.remove()

    # ---- ovs-ofctl

    def ofctl(self, verb, *arguments, version=13, fails=False):
        command = ["ovs-ofctl", "-O", f"OpenFlow{version}", verb, f"unix:{self.socket}",
                   *(str(argument) for argument in arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S,
                              check=False)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout + done.stderr

    def port_numbers(self):
        shown = self.ofctl("show")
        return [(int(n), name) for n, name in re.findall(r"^ (\d+)\((\w+)\)", shown, re.M)]

    def flow(self, text, **options):
        for name, number in self.ports.items():
            text = text.replace(f"@{name}", str(number))
        return self.ofctl("add-flow", text, **options)

    def clear(self):
        self.ofctl("del-flows")
        self.ofctl("del-groups")
        self.ofctl("del-meters")

    def count(self, pattern):
        """Packets of the flow whose line has this."""
        line, = [l for l in self.ofctl("dump-flows").splitlines() if pattern in l]
        return int(re.search(r"n_packets=(\d+)", line).group(1))

    # ---- what the operator sees

    def status(self):
        shown = self.daemon.rpc("ext.show", name="lab/of")
        return shown["status"]["org.xvs.openflow.status/1"]

    def target(self, text):
        """The row of a target; None: it is not configured."""
        return next((row for row in self.status()["controllers"] if row["target"] == text), None)

    def wait_for_state(self, target, state):
        wait_for(f"{target} to be {state}", lambda: self.target(target)["state"] == state)

    def resident_kib(self):
        text = pathlib.Path(f"/proc/{self.daemon.child.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))

    def wires(self):
        return [guest.wire() for guest in self.guests]

    def calls(self):
        """A connection to the switch, by its socket."""
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(self.socket))  # waits for its turn, which one with a timeout does not
        s.settimeout(PATIENCE_S)
        return s


@contextlib.contextmanager
def lab_at(home, **options):
    """For a fixture."""
    pathlib.Path("/run/openvswitch").mkdir(exist_ok=True)
    made = Lab(home, **options)
    try:
        made.start()
        yield made
    finally:
        made.end()


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def program(log, *words, port=None):
    """A controller of somebody else, that may be killed meanwhile; waits until it listens."""
    with open(log, "ab") as out, subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out,
            stderr=out) as child:
        try:
            if port:
                wait_for(f"{words[0]} at {port}", lambda: child.poll() is not None or listens(port))
            assert child.poll() is None, pathlib.Path(log).read_text(encoding="utf-8")
            yield child
        finally:
            child.kill()
