# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch in user space beside the switch under test: three wires, the same controller.

    [ov1] eth0 --veth--+
    [ov2] eth0 --veth--+--- [ br0: datapath_type=netdev ] --- br0.mgmt --- the test
    [ov3] eth0 --veth--+
"""

import os
import pathlib
import subprocess

from support.host import Host, remove_link, run, veth
from support.judge import Judge
from support.patience import PATIENCE_S, wait_for

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
PATHS = ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")


class Ovs:
    """Daemons of our own, all of whose files are under 'home'."""

    def __init__(self, home, version="OpenFlow13"):
        self.home = home
        home.mkdir(exist_ok=True)
        self.version = version
        self.environment = {**os.environ, **{name: str(home) for name in PATHS}}
        self.children = []
        self.guests = []
        self.wires = []
        self.controller = None
        self.ports = [1, 2, 3]

    def _start(self, name, *words):
        with open(self.home / f"{name}.out", "ab") as log:
            self.children.append(subprocess.Popen(
                [*words], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def vsctl(self, *words):
        return run("ovs-vsctl", f"--db=unix:{self.home}/db.sock", *words, env=self.environment)

    def start(self, devices=()):
        """With these devices as its ports; without any, with a guest at each."""
        run("ovsdb-tool", "create", self.home / "conf.db", SCHEMA)
        self._start("ovsdb-server", "ovsdb-server", str(self.home / "conf.db"),
                    f"--remote=punix:{self.home}/db.sock")
        wait_for("the database", (self.home / "db.sock").exists)
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:vlan-limit=0")
        self._start("ovs-vswitchd", "ovs-vswitchd", f"unix:{self.home}/db.sock")
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev",
                   f"protocols={self.version}", "fail_mode=secure")
        for number in self.ports if not devices else ():
            guest = Host(f"ov{number}")
            self.guests.append(guest)
            veth(guest.name, "eth0", guest)
        for number, device in enumerate(devices or [guest.name for guest in self.guests], 1):
            self.vsctl("add-port", "br0", device, "--", "set", "interface", device,
                       f"ofport_request={number}")
        for guest in self.guests:
            guest.up()
        self.wires = [guest.wire() for guest in self.guests]
        wait_for("the bridge", pathlib.Path(self.home / "br0.mgmt").exists)
        self.controller = Judge(self.home / "br0.mgmt")
        return self

    def forget(self):
        """What it remembers of flows, which it looks at anew some time after their rules changed."""
        run("ovs-appctl", "-t", next(self.home.glob("ovs-vswitchd.*.ctl")), "revalidator/purge",
            env=self.environment)

    def end(self):
        try:
            if self.controller:
                self.controller.close()
            for wire in self.wires:
                wire.close()
        finally:
            try:
                for child in reversed(self.children):
                    end_child(child)
            finally:
                for guest in self.guests:
                    remove_link(guest.name)
                    guest.remove()


def end_child(child):
    child.terminate()
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
