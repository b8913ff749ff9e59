# SPDX-License-Identifier: Apache-2.0
"""What stands between two vhost-user ports: xvs, and testpmd of DPDK.  Open vSwitch is in ovs.py.

All peers of a scenario run at the same time, but only one of them is awake: the others are stopped
by signal, so that rounds may be interleaved without starting anything anew.  The thread that moves
packets is held on the switch's core; those that control it may run anywhere.
"""

import json
import os
import re
import signal

from harness import peers
from harness.lab import run


def mac_of(port):
    """A and B are the generator's two sides; others are told apart by their letter."""
    return {"a": "52:54:00:0a:00:00", "b": "52:54:00:0b:00:00"}.get(
        port, f"52:54:00:0c:00:{ord(port):02x}")


class VhostPeer(peers.Peer):
    """A switch with ports that the generator meets at sockets."""

    connects = False  # to the generator, which listens; else the generator connects
    ports = ("a", "b")
    nr = 0

    def __init__(self, lab):
        super().__init__(lab)
        VhostPeer.nr += 1  # a place of its own, also when it is started anew
        self.home = lab.dir / f"peer{VhostPeer.nr}"
        self.home.mkdir()

    def sockets(self):
        return [self.home / f"{port}.sock" for port in self.ports]

    def prepare(self):
        """Before each measurement."""

    def counters(self):
        """What the switch says of its own work so far; {}: nothing."""
        return {}

    @staticmethod
    def work(before, after):
        """From counters before and after: {"cycles": {stage: a packet}}, as far as told."""
        del before, after
        return {}

    def complaint(self):
        """The last error that it told, in brackets; "" for none."""
        lines = [line for process in self.processes for line in process.said().splitlines()
                 if re.search(r"\bERR\b|\berror\b|EMER", line)]
        return f" ({lines[-1][:200]})" if lines else ""

    def pause(self):
        for process in self.processes:
            process.signal(signal.SIGSTOP)

    def resume(self):
        for process in self.processes:
            process.signal(signal.SIGCONT)

    def stop(self):
        self.resume()
        super().stop()


class Xvs(VhostPeer):
    """The daemon with plain vhost-user ports; subclasses say what stands in its chain."""

    name = "xvs"
    flows = 262144
    chain = ()          # extensions
    switch_policies = {}
    port_policies = {}
    def policies(self, port):
        return {"xvs.learning/1": {"limit": 65536},
                "xvs.new-flows/1": {"per_second": 0},
                **self.port_policies.get(port, self.port_policies.get("*", {}))}

    def port(self, name, mac, socket):
        return {"name": name, "mac": mac,
                "backend": {"kind": "vhost-user", "socket": str(socket)},
                "policies": self.policies(name)}

    def config(self):
        ports = [self.port(name, mac_of(name), self.home / f"{name}.sock") for name in self.ports]
        return {
            "daemon": {"workers": [self.lab.switch_core], "flows": self.flows},
            "extensions": {"path": [str(self.lab.build / "extensions"),
                                    str(self.lab.build / "bench-extensions")]},
            "switches": [{
                "name": "bench", "type": "internal",
                "chain": [{"instance": id_.rsplit(".", 1)[-1], "extension": id_}
                          for id_ in self.chain],
                "policies": self.switch_policies,
                "ports": ports,
            }],
        }

    def start(self):
        # JSON is YAML
        (self.home / "xvs.yaml").write_text(json.dumps(self.config(), indent=1), encoding="utf-8")
        process = self.spawn(self.lab.program("bin/xvsd"), "--foreground",
                             "--config", self.home / "xvs.yaml",
                             "--socket", self.home / "xvs.sock",
                             "--state", self.home / "state")
        process.wait_until("ready", lambda: "is ready" in process.said())

    def ctl(self, *words):
        return run(self.lab.program("bin/xvsctl"), "--socket", self.home / "xvs.sock", *words)

    def counters(self):
        return json.loads(self.ctl("--json", "worker", "list"))[0]

    @staticmethod
    def work(before, after):
        cycles = {kind: after["cycles"][kind] - before["cycles"][kind]
                  for kind in after.get("cycles", {})}
        packets = max(after["packets"] - before["packets"], 1)
        total = sum(cycles.values())
        if not total:
            return {}
        return {"cycles": {kind: count / packets for kind, count in cycles.items()
                           if kind != "idle"}}


class Testpmd(VhostPeer):
    """dpdk-testpmd --forward-mode=io: takes packets from one port and puts them into the other."""

    name = "testpmd io-forward"
    tools = ("dpdk-testpmd",)

    def devices(self):
        return [f"net_vhost{nr},iface={socket}" for nr, socket in enumerate(self.sockets())]

    def start(self):
        env = dict(os.environ, XDG_RUNTIME_DIR=str(self.home))
        words = ["dpdk-testpmd", "--lcores",
                 f"0@{self.lab.generator_core},1@{self.lab.switch_core}", "--main-lcore", "0",
                 "--no-pci", "--no-telemetry", "--file-prefix", self.home.name,
                 *self.lab.dpdk_memory(512)]
        for device in self.devices():
            words += ["--vdev", device]
        process = self.spawn(*words, "--", "--forward-mode=io", "--nb-cores=1",
                             "--total-num-mbufs=20000", "--stats-period=100000", env=env)
        self.wait(process)

    def wait(self, process):
        """Until it listens: what it prints it keeps to itself for long."""
        process.wait_until("sockets", lambda: all(path.exists() for path in self.sockets()))


def with_extensions(count, prefix):
    """Ids of the sixteen extensions of bench/modules, as many as wanted."""
    return tuple(f"{prefix}{nr // 4}{nr % 4}" for nr in range(count))


def secgroup_rules(count):
    """None but the last matches what the generator sends."""
    rules = [{"direction": "in", "proto": "tcp", "ports": str(10000 + nr), "action": "allow",
              "prefix": f"172.16.{nr // 250}.{nr % 250}/32"} for nr in range(count - 2)]
    return [*rules, {"direction": "in", "proto": "udp", "action": "allow"},
            {"direction": "in", "proto": "tcp", "action": "allow"}]


class XvsPlain(Xvs):
    """Beside one with extensions: the same addresses and limits."""

    name = "xvs, plain L2"


class XvsExtensions(Xvs):
    """Guard, secgroup with 1,000 rules, one packet in 1,000 sampled, addresses by 'static'."""

    name = "xvs, four extensions"
    chain = ("org.xvs.bench.sampler", "org.xvs.guard", "org.xvs.secgroup", "org.xvs.static")
    RULES = 1000
    port_policies = {"*": {
        "org.xvs.guard/1": {"mac_changes": False, "dhcp_guard": True, "router_guard": True},
        "org.xvs.secgroup.rules/1": {"rules": secgroup_rules(RULES)},
        "xvs.connections/1": {"limit": 262144, "half_open": 131072},
    }}


class XvsAcl(Xvs):
    """A filter with 10,000 rules: bench/modules/acl.c."""

    name = "xvs, 10,000 rules"
    flows = 2097152
    chain = ("org.xvs.bench.acl",)


class XvsMillion(Xvs):
    """Room for a million flows."""

    flows = 2097152


class XvsJudging(Xvs):
    name = "xvs, 16 judging"
    chain = with_extensions(16, "org.xvs.bench.judge")


class XvsBatch(Xvs):
    name = "xvs, 16 batch"
    chain = with_extensions(16, "org.xvs.bench.noop")


class XvsEight(Xvs):
    """Eight ports, all connected."""

    name = "xvs, 8 ports"
    ports = tuple("abcdefgh")


class XvsMirror(Xvs):
    """What comes in is copied to a third port."""

    name = "xvs, mirror"
    switch_policies = {"xvs.mirror/1": {"sessions": [
        {"name": "all", "ports": ["a", "b"], "direction": "in", "to": ["m"]}]}}
    ports = ("a", "b", "m")

