# SPDX-License-Identifier: Apache-2.0
"""What can stand between two namespaces: xvs, a bare loop, a Linux bridge, Open vSwitch.

Each peer is made with the namespaces 'left' and 'right' there, and puts a device eth0 into both
by start(); stop() ends what start() began.  'pid' is the process that switches; None: the kernel.
"""

import contextlib
import os
import pathlib
import subprocess

from harness.lab import BenchError, has_device, run, wait_for

SIDES = ("left", "right")
MACS = {"left": "52:54:00:00:00:01", "right": "52:54:00:00:00:02"}
ADDRESSES = {"left": "10.77.0.1", "right": "10.77.0.2"}


def delete_devices(*devices):
    """Those that are there."""
    for device in devices:
        with contextlib.suppress(BenchError):
            run("ip", "link", "delete", device)


class Peer:
    """Ends its processes in reverse."""

    def __init__(self, lab):
        self.lab = lab
        self.processes = []

    @property
    def pid(self):
        return self.processes[-1].pid if self.processes else None

    def spawn(self, *command, **options):
        self.processes.append(self.lab.start(*command, **options))
        return self.processes[-1]

    def prepare(self):
        """What only can be done once the addresses are there."""

    def verify(self):
        """Does it do what is claimed of it?  Once it forwards, before anything is measured."""

    def check(self):
        for process in self.processes:
            process.check()

    def stop(self):
        while self.processes:
            self.processes.pop().stop()


class Bridge(Peer):
    """The kernel's own: two veth pairs on a bridge."""

    name = "Linux bridge, veth"

    def start(self):
        run("ip", "link", "add", "bench0", "type", "bridge", "stp_state", "0")
        run("ip", "link", "set", "bench0", "up")
        for side in SIDES:
            run("ip", "link", "add", f"{side}0", "type", "veth", "peer", "name", "eth0", "netns",
                side)
            run("ip", "-n", side, "link", "set", "eth0", "address", MACS[side])
            run("ip", "link", "set", f"{side}0", "master", "bench0", "up")

    def stop(self):
        delete_devices("left0", "right0", "bench0")


class Loop(Peer):
    """bench/tap_loop.c: reads one tap, writes the other, looks at nothing."""

    name = "bare loop, taps"

    def start(self):
        process = self.spawn(self.lab.program("bench/tap_loop"), "left0", "right0",
                             core=self.lab.switch_core)
        process.wait_until("devices", lambda: "ready" in process.said())
        for side in SIDES:
            run("ip", "link", "set", f"{side}0", "netns", side, "name", "eth0", "address",
                MACS[side])


class Ovs(Peer):
    """Open vSwitch in user space, with a data base and sockets of its own; no kernel module."""

    name = "OVS netdev, taps"
    DAEMON = "ovs-vswitchd"
    SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"

    def start(self):
        home = self.lab.dir / "ovs"
        home.mkdir(exist_ok=True)
        env = dict(os.environ, OVS_RUNDIR=str(home), OVS_LOGDIR=str(home), OVS_DBDIR=str(home),
                   OVS_SYSCONFDIR=str(home))
        base, remote = home / "conf.db", f"unix:{home}/db.sock"
        base.unlink(missing_ok=True)
        run("ovsdb-tool", "create", base, self.SCHEMA)
        self.spawn("ovsdb-server", base, f"--remote=p{remote}", f"--unixctl={home}/db.ctl",
                   env=env).wait_until("socket", (home / "db.sock").exists)
        vsctl = ["ovs-vsctl", f"--db={remote}", "--timeout=20"]
        run(*vsctl, "--no-wait", "init")
        settings = [f'other_config:{key}="{value}"' for key, value in self.settings().items()]
        if settings:
            run(*vsctl, "--no-wait", "set", "Open_vSwitch", ".", *settings)
        self.spawn(self.DAEMON, remote, f"--unixctl={home}/switch.ctl",
                   core=self.lab.switch_core, env=env)
        self.add_ports(vsctl)

    def settings(self):
        """Of its other_config."""
        return {}

    def stop(self):
        super().stop()
        delete_devices("bench0", "ovs-netdev")  # they outlive the daemon

    def add_ports(self, vsctl):
        run(*vsctl, "add-br", "bench0", "--", "set", "bridge", "bench0", "datapath_type=netdev")
        for side in SIDES:
            run(*vsctl, "add-port", "bench0", f"{side}0", "--", "set", "interface", f"{side}0",
                "type=internal")
            run("ip", "link", "set", f"{side}0", "netns", side)
            run("ip", "-n", side, "link", "set", f"{side}0", "name", "eth0", "address",
                MACS[side])


CHAIN = """\
    chain:
      - {instance: capture, extension: org.xvs.capture}
      - {instance: guard, extension: org.xvs.guard}
      - {instance: secgroup, extension: org.xvs.secgroup}
      - {instance: static, extension: org.xvs.static}
    policies:
      org.xvs.capture/1: {file: "%(capture)s", filter: "arp or icmp"}
"""

PORT_POLICIES = """\
        policies:
          org.xvs.guard/1: {mac_changes: false, dhcp_guard: true, router_guard: true}
          org.xvs.secgroup.rules/1:
            rules:
              - {direction: in, proto: tcp, ports: "5201", action: allow}
              - {direction: in, proto: icmp, action: allow}
"""


class Xvsd(Peer):
    """The daemon with tap ports in namespaces; what stands in its chain is the subclass's."""

    name = "xvs, no extensions"
    has_extensions = False

    def ports(self):
        """(port, namespace, address) of each tap."""
        return [(side, side, MACS[side]) for side in SIDES]

    def config(self):
        text = (f"daemon:\n  workers: [{self.lab.switch_core}]\n"
                f"extensions:\n  path: [\"{self.lab.build}/extensions\"]\n"
                "switches:\n  - name: bench\n    type: private\n")
        if self.has_extensions:
            text += CHAIN % {"capture": self.lab.dir / "capture.pcapng"}
        text += "    ports:\n"
        for name, namespace, mac in self.ports():
            text += (f"      - name: {name}\n        mac: \"{mac}\"\n"
                     f"        backend: {{kind: tap, device: {name}0, netns: {namespace}, "
                     "peer_name: eth0}\n")
            if self.has_extensions:
                text += PORT_POLICIES
        return text

    def start(self):
        home = pathlib.Path(self.lab.dir)
        (home / "xvs.yaml").write_text(self.config(), encoding="utf-8")
        process = self.spawn(self.lab.program("bin/xvsd"), "--foreground", "--config",
                             home / "xvs.yaml", "--socket", home / "xvs.sock", "--state",
                             home / "state", core=self.lab.switch_core)
        process.wait_until("socket", (home / "xvs.sock").exists)
        for name, namespace, _ in self.ports():
            process.wait_until(f"port {name}", lambda at=namespace: has_device(at, "eth0"))


class XvsdWithExtensions(Xvsd):
    """With capture, guard, secgroup and static, each with a policy at work."""

    name = "xvs, four extensions"
    has_extensions = True
    CLOSED_PORT = 5202  # nobody listens: answered with a reset, unless secgroup is in between
    TIMED_OUT = 124     # timeout(1)

    def has_captured_ping(self):
        address = bytes(map(int, ADDRESSES["right"].split(".")))
        with contextlib.suppress(FileNotFoundError):
            return address in (self.lab.dir / "capture.pcapng").read_bytes()
        return False

    def verify(self):
        wait_for(f"{self.name}: a ping in the capture", self.has_captured_ping)
        knock = subprocess.run(
            ["ip", "netns", "exec", "left", "timeout", "0.5", "bash", "-c",
             f"exec 3<> /dev/tcp/{ADDRESSES['right']}/{self.CLOSED_PORT}"],
            capture_output=True, check=False)
        if knock.returncode != self.TIMED_OUT:
            raise BenchError(f"{self.name}: secgroup let port {self.CLOSED_PORT} through")
