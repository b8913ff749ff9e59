# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch with DPDK, between vhost-user ports or AF_XDP devices; a data base of its own."""

import os
import re

from harness.lab import run
from harness.vhost import VhostPeer, XvsExtensions

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
MEMORY_MB = 2048  # a pool of buffers, and another while ports are configured anew
ACL_RULES = 10000
ACL_GROUPS = 32
ACL_FIRST_PORT = 4992


class Ovs(VhostPeer):
    """NORMAL: it learns addresses, as our plain switch does."""

    name = "OVS-DPDK NORMAL"
    tools = ("ovsdb-tool", "ovsdb-server", "ovs-vsctl", "ovs-ofctl", "ovs-appctl", DAEMON)
    connects = True
    other_config = {}
    wrap = ("unshare", "--net")  # its own devices: each has an ovs-netdev

    def env(self):
        home = str(self.home)
        return dict(os.environ, OVS_RUNDIR=home, OVS_LOGDIR=home, OVS_DBDIR=home,
                    OVS_SYSCONFDIR=home, XDG_RUNTIME_DIR=home)

    def vsctl(self, *words):
        return run("ovs-vsctl", f"--db=unix:{self.home}/db.sock", "--timeout=20", *words)

    def ofctl(self, *words):
        return run("ovs-ofctl", "-O", "OpenFlow13", words[0], f"unix:{self.home}/br.mgmt",
                   *words[1:])

    def appctl(self, *words):
        return run("ovs-appctl", "-t", self.home / "switch.ctl", *words)

    def start_database(self):
        base = self.home / "conf.db"
        run("ovsdb-tool", "create", base, SCHEMA)
        self.spawn("ovsdb-server", base, f"--remote=punix:{self.home}/db.sock",
                   f"--unixctl={self.home}/db.ctl",
                   env=self.env()).wait_until("socket", (self.home / "db.sock").exists)

    def settings(self):
        extra = " ".join([*self.lab.dpdk_memory(MEMORY_MB), "--no-pci", "--no-telemetry",
                          f"--file-prefix={self.home.name}"])
        return {"dpdk-init": "true", "dpdk-extra": extra,
                "pmd-cpu-mask": hex(1 << self.lab.switch_core),
                "dpdk-lcore-mask": hex(1 << self.lab.generator_core),
                "pmd-maxsleep": "0", **self.other_config}

    def start(self):
        self.start_database()
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                   *[f'other_config:{key}="{value}"' for key, value in self.settings().items()])
        process = self.spawn(*self.wrap, DAEMON, f"unix:{self.home}/db.sock",
                             f"--unixctl={self.home}/switch.ctl", env=self.env())
        process.wait_until("control socket", (self.home / "switch.ctl").exists)
        self.vsctl("add-br", "br", "--", "set", "bridge", "br", "datapath_type=netdev")
        self.add_ports()
        self.add_flows()

    def add_ports(self):
        for port, socket in zip(self.ports, self.sockets()):
            self.vsctl("add-port", "br", port_name(port), "--", "set", "interface",
                       port_name(port), "type=dpdkvhostuserclient",
                       f"options:vhost-server-path={socket}")

    def flows(self):
        """OpenFlow, a line each; none: what a new bridge has."""
        return []

    def add_flows(self):
        flows = self.flows()
        if not flows:
            return
        file = self.home / "flows"
        file.write_text("\n".join(flows) + "\n", encoding="ascii")
        self.ofctl("replace-flows", file)

    def counters(self):
        return {"pmd": self.appctl("dpif-netdev/pmd-stats-show")}

    @staticmethod
    def work(before, after):
        """OVS tells cycles since its start: the difference is this run's."""
        was, now = (parse_pmd_stats(counters["pmd"]) for counters in (before, after))
        packets = max(now["packets"] - was["packets"], 1)
        return {"cycles": {"total": (now["processing"] - was["processing"]) / packets}}


def port_name(port):
    return f"vhost-{port}"


def parse_pmd_stats(text):
    """Of all its threads: cycles spent on packets, packets received."""
    return {key: sum(int(number) for number in re.findall(pattern, text))
            for key, pattern in (("processing", r"processing cycles: (\d+)"),
                                 ("packets", r"packets received: (\d+)"))}


def acl_flows(normal="NORMAL"):
    """The rules of bench/modules/acl.c, with learning where they allow."""
    allow = [f"priority={20000 - nr},udp,nw_src=10.{nr // ACL_GROUPS // 16}."
             f"{nr // ACL_GROUPS % 16 * 16}.0/20,"
             f"tp_dst={hex(ACL_FIRST_PORT + nr % ACL_GROUPS * 32)}/0xffe0,actions={normal}"
             for nr in range(ACL_RULES)]
    return [*allow, "priority=5,udp,actions=drop", f"priority=1,actions={normal}"]


class OvsAcl(Ovs):
    """10,000 rules, with its signature cache."""

    name = "OVS-DPDK, 10,000 rules"
    other_config = {"smc-enable": "true"}

    def flows(self):
        return acl_flows()


def security_flows():
    """What our four extensions do: source addresses, connections, 1,000 rules, known destinations."""
    ports = {"a": (1, "52:54:00:0a:00:00"), "b": (2, "52:54:00:0b:00:00")}
    flows = ["table=0,priority=50,arp,actions=NORMAL", "table=0,priority=0,actions=drop",
             "table=1,priority=100,ct_state=+trk+est,actions=resubmit(,2)",
             "table=1,priority=100,ct_state=+trk+rel,actions=resubmit(,2)",
             "table=1,priority=100,ct_state=+trk+inv,actions=drop",
             "table=1,priority=0,actions=drop", "table=2,priority=0,actions=drop"]
    for number, mac in ports.values():
        flows += [f"table=0,priority=20,in_port={number},dl_src={mac},ip,actions=ct(table=1)",
                  f"table=2,priority=10,dl_dst={mac},actions=output:{number}"]
    for nr in range(XvsExtensions.RULES - 2):
        flows.append(f"table=1,priority={40000 - nr},ct_state=+trk+new,tcp,"
                     f"nw_src=172.16.{nr // 250}.{nr % 250},tp_dst={10000 + nr},"
                     "actions=ct(commit),resubmit(,2)")
    for proto in ("udp", "tcp"):
        flows.append(f"table=1,priority=10,ct_state=+trk+new,{proto},"
                     "actions=ct(commit),resubmit(,2)")
    return flows


class OvsSecurity(Ovs):
    """Equal rules, and ct()."""

    name = "OVS-DPDK, ct()"

    def flows(self):
        return security_flows()


class OvsMirror(Ovs):
    """Its own mirror: everything, to a third port."""

    name = "OVS-DPDK, mirror"
    ports = ("a", "b", "m")

    def add_ports(self):
        super().add_ports()
        self.vsctl("--", "--id=@m", "get", "port", port_name("m"), "--", "--id=@x", "create", "mirror",
                   "name=all", "select-all=true", "output-port=@m", "--", "set", "bridge", "br",
                   "mirrors=@x")


class OvsEight(Ovs):
    """Eight ports, all connected."""

    name = "OVS-DPDK, 8 ports"
    ports = tuple("abcdefgh")
