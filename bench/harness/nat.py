# SPDX-License-Identifier: Apache-2.0
"""Translation: TCP and small datagrams from an inside host to the outside, by xvs and by the kernel.

    [inside] 10.77.0.1 -- NAT -- 192.0.2.5 | 192.0.2.1 [outside]

The kernel's peer is a namespace that forwards and masquerades (nftables), with veth pairs at both sides; xvs
has a tap inside and a veth pair, by af_packet, outside; OVS-DPDK has veth pairs by DPDK's af_packet, and
ct(nat).  What the outside sees proves the translation.
"""

import re

from harness import ovs, peers, report, streams
from harness.lab import BenchError, address, has_device, run

NAME = "nat"
SUMMARY = "a NAT: iperf3 TCP, and small datagrams, beside nftables masquerade"
IS_USUAL = True
TOOLS = (*streams.TOOLS, "nft", "sysctl", "ethtool", *ovs.Ovs.tools)
TARGETS = ("xvsd",)
INSIDE, GATEWAY, OWN, OUTSIDE = "10.77.0.1", "10.77.0.254", "192.0.2.5", "192.0.2.1"
WAY = streams.Way({"inside": INSIDE + "/24", "outside": OUTSIDE + "/24"}, beside=("gateway",),
                  gateway=GATEWAY)

CONFIG = """
daemon: {{workers: [{core}]}}
switches:
  - name: nat
    type: nat
    uplinks: [{{name: out0, device: bench0, backend: af_packet}}]
    nat: {{inside: 10.77.0.254/24, outside: {{addresses: [192.0.2.5/24]}}}}
    ports: [{{name: inside, backend: {{kind: tap, device: eth0, netns: inside}}}}]
"""
RULES = """
table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname "out0" masquerade; }
}
"""


class XvsNat(peers.Peer):
    """A switch of type nat."""

    name = "xvs, nat"

    def start(self):
        run("ip", "link", "add", "bench0", "type", "veth", "peer", "name", "eth0", "netns", "outside")
        run("ip", "link", "set", "bench0", "up")
        config = self.lab.dir / "nat.yaml"
        config.write_text(CONFIG.format(core=self.lab.switch_core), encoding="ascii")
        self.spawn(self.lab.program("bin/xvsd"), "--foreground", "--config", config, "--socket",
                   self.lab.dir / "nat.sock", "--state", self.lab.dir / "nat.state",
                   core=self.lab.switch_core).wait_until(
                       "inside", lambda: has_device("inside", "eth0"))

    def stop(self):
        super().stop()
        peers.delete_devices("bench0")


class Masquerade(peers.Peer):
    """The kernel, in a namespace of its own."""

    name = "Linux, nft masquerade"

    def start(self):
        for side, device, text in (("inside", "in0", GATEWAY + "/24"),
                                   ("outside", "out0", OWN + "/24")):
            run("ip", "-n", "gateway", "link", "add", device, "type", "veth", "peer", "name",
                "eth0", "netns", side)
            address("gateway", device, text)
        run("ip", "netns", "exec", "gateway", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        run("ip", "netns", "exec", "gateway", "nft", "-f", "-", input=RULES)


class OvsNat(peers.Ovs):
    """ct(nat), and as gateway a few flows: neighbours are told beforehand."""

    name = "OVS-DPDK, ct(nat)"
    DAEMON = ovs.DAEMON
    DEVICES = {"inside": "in0", "outside": "out0"}
    GATEWAY_MAC, OWN_MAC = "52:54:00:00:00:fe", "52:54:00:00:00:05"

    def start(self):
        for side, device in self.DEVICES.items():
            run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", side)
            run("ip", "link", "set", device, "up")
            run("ip", "netns", "exec", side, "ethtool", "-K", "eth0", "tx", "off")
        super().start()

    def settings(self):
        extra = " ".join([*self.lab.dpdk_memory(ovs.MEMORY_MB), "--no-pci", "--no-telemetry",
                          "--file-prefix=nat"])
        return {"dpdk-init": "true", "dpdk-extra": extra,
                "pmd-cpu-mask": hex(1 << self.lab.switch_core),
                "dpdk-lcore-mask": hex(1 << self.lab.generator_core), "pmd-maxsleep": "0"}

    def add_ports(self, vsctl):
        run(*vsctl, "add-br", "bench0", "--", "set", "bridge", "bench0", "datapath_type=netdev")
        for number, device in enumerate(self.DEVICES.values(), 1):
            run(*vsctl, "add-port", "bench0", device, "--", "set", "interface", device,
                "type=dpdk", f"options:dpdk-devargs=net_af_packet{number},iface={device}",
                f"ofport_request={number}")

    def flows(self):
        macs = {side: re.search(r"link/ether (\S+)", run(
            "ip", "-n", side, "link", "show", "eth0")).group(1) for side in self.DEVICES}
        return ["table=0,priority=0,actions=drop",
                f"table=0,priority=10,in_port=1,ip,actions=ct(commit,nat(src={OWN}),table=1)",
                f"table=0,priority=10,in_port=2,ip,nw_dst={OWN},actions=ct(nat,table=2)",
                f"table=1,priority=10,ip,actions=mod_dl_src:{self.OWN_MAC},"
                f"mod_dl_dst:{macs['outside']},output:2",
                "table=2,priority=0,actions=drop",
                f"table=2,priority=10,ct_state=+trk+est,ip,actions=mod_dl_src:{self.GATEWAY_MAC},"
                f"mod_dl_dst:{macs['inside']},output:1"]

    def prepare(self):
        run("ip", "-n", "inside", "neighbour", "replace", GATEWAY, "lladdr", self.GATEWAY_MAC, "dev",
            "eth0")
        run("ip", "-n", "outside", "neighbour", "replace", OWN, "lladdr", self.OWN_MAC, "dev", "eth0")
        home = self.lab.dir / "ovs"
        (home / "flows").write_text("\n".join(self.flows()) + "\n", encoding="ascii")
        run("ovs-ofctl", "-O", "OpenFlow13", "replace-flows", f"unix:{home}/bench0.mgmt",
            home / "flows")

    def stop(self):
        super().stop()
        peers.delete_devices(*self.DEVICES.values())


PEERS = (XvsNat, Masquerade, OvsNat)


def expect_translated(peer, seen):
    """What the outside saw."""
    if f"from {OWN}" not in seen:
        raise BenchError(f"{peer.name}: the outside did not see {OWN}")


def transfer(lab, peer, way, seconds):
    return streams.both(lab, peer, way, seconds, lambda seen: expect_translated(peer, seen))


def measure(lab, args):
    rounds = streams.rounds_of(lab, args, PEERS, WAY, transfer)
    columns, rows, data = streams.table("NAT", rounds, {"nft": Masquerade.name, "OVS": OvsNat.name})
    return {
        "scenario": NAME,
        "goals": [report.goal(f"nat, TCP: {XvsNat.name} to {OvsNat.name}",
                              data[XvsNat.name]["gbps_to_OVS"], floor=3)],
        "title": f"one inside host, median of {args.rounds} interleaved rounds",
        "columns": columns, "rows": rows, "data": data,
        "notes": [streams.NOTE,
                  "The kernel translates in the sender's context; xvs has a worker, "
                  f"held on core {lab.switch_core}, and a tap and a packet socket on the way; OVS "
                  "polls packet sockets at both sides, which know no segmentation offload.",
                  "64 B: one iperf3 on the core that is left sends and receives them."],
    }
