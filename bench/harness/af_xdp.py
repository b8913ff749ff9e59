# SPDX-License-Identifier: Apache-2.0
"""Between two veth pairs by AF_XDP in copy mode: xvs, testpmd, OVS; the generator is bench/xdp_gen."""

import json
import os

from harness import ovs, report, vhost
from harness.lab import BenchError, run
from harness.peers import delete_devices
from harness.rates import TARGETS, Field, missing_notes, summarise

FLOWS = 64
NEAR, FAR = ("xs0", "xs1"), ("xg0", "xg1")


class Veth(vhost.VhostPeer):
    """The near ends of two veth pairs are the peer's; they come and go with it."""

    def make_devices(self):
        for near, far in zip(NEAR, FAR):
            run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
            for device in (near, far):
                run("ip", "link", "set", device, "up")

    def stop(self):
        super().stop()
        delete_devices(*NEAR)


class Xvs(Veth, vhost.Xvs):
    name = "xvs af_xdp"

    def port(self, name, mac, socket):
        device = NEAR[self.ports.index(name)]
        return {"name": name, "mac": mac, "backend": {"kind": "af_xdp", "device": device},
                "policies": self.policies(name)}

    def start(self):
        self.make_devices()
        vhost.Xvs.start(self)


class Testpmd(Veth, vhost.Testpmd):
    name = "testpmd net_af_xdp"

    def devices(self):
        return [f"net_af_xdp{nr},iface={device},force_copy=1" for nr, device in enumerate(NEAR)]

    def wait(self, process):
        process.wait_until("devices", lambda: "Port 1:" in process.said())

    def start(self):
        self.make_devices()
        vhost.Testpmd.start(self)


class Ovs(Veth, ovs.Ovs):
    """Its own AF_XDP ports where it is built with them; else those of DPDK."""

    name = "OVS AF_XDP"
    wrap = ()

    def start(self):
        self.make_devices()
        ovs.Ovs.start(self)

    def add_ports(self):
        for port, device in zip(self.ports, NEAR):
            name = ovs.port_name(port)
            self.vsctl("add-port", "br", name, "--", "set", "interface", name, "type=dpdk",
                       f"options:dpdk-devargs=net_af_xdp_{port},iface={device},force_copy=1")
            error = self.vsctl("get", "interface", name, "error").strip()
            if error not in ("[]", '""'):
                raise BenchError(f"{self.name}: {error}")

    def stop(self):
        super().stop()
        delete_devices("br", "ovs-netdev")


KINDS = (Xvs, Testpmd, Ovs)


def once(lab, kind, seconds):
    """Devices are made anew each time, so there is nothing to be stopped by signal."""
    peer = kind(lab)
    try:
        peer.start()
        before = peer.counters()
        said = json.loads(run(lab.program("bench/xdp_gen"), "--tx", FAR[0], "--rx", FAR[1],
                              "--flows", FLOWS, "--core", lab.generator_core, "--seconds", seconds,
                              env=dict(os.environ)))
        if said["mpps"] == 0:
            raise BenchError(f"{peer.name}: nothing came through{peer.complaint()}")
        said.update(peer.work(before, peer.counters()))
        peer.check()
    finally:
        peer.stop()
    return said


class AfXdp:
    """64-byte packets from one veth pair to another."""

    NAME = "af-xdp"
    SUMMARY = "AF_XDP on veth, copy mode: xvs, testpmd, OVS"
    IS_USUAL, TOOLS, TARGETS = True, ("ip",), (*TARGETS, "xvs_xdp_gen")

    def measure(self, lab, args):
        found = {}
        with Field(lab, ()) as field:
            mount_filesystems()
            for _ in range(args.rounds):
                for kind in KINDS:
                    self.one(lab, field, kind, args.seconds, found)
            missing = dict(field.missing)
        medians = {name: summarise(rounds) for name, rounds in found.items()}
        speed = {name: facts["mpps"] for name, facts in medians.items()}

        def to(other):
            return report.ratio(speed[Xvs.name], speed[other]) if {Xvs.name, other} <= set(
                speed) else None
        return {
            "scenario": self.NAME,
            "title": f"64-byte UDP between two veth pairs, median of {args.rounds} rounds",
            "columns": ["switch", "Mpps", "spread", "xvs to it", "sent Mpps", "cycles"],
            "rows": [[name, facts["mpps"], facts["spread"], to(name), facts["sent_mpps"],
                      sum(facts["cycles"].values()) or None] for name, facts in medians.items()],
            "goals": [report.goal("AF_XDP on veth: xvs to OVS", to(Ovs.name), floor=1.1),
                      report.goal("AF_XDP on veth: xvs to testpmd", to(Testpmd.name), floor=0.9)],
            "data": medians,
            "notes": ["The kernel makes the packets, several times as many as a switch can take; what "
                      "was sent and did not arrive was dropped in front of the switch's socket, by "
                      "the generator's core.",
                      *missing_notes(missing)],
            "missing": missing,
        }

    @staticmethod
    def one(lab, field, kind, seconds, found):
        if kind.name in field.missing or field.is_absent(kind):
            return
        try:
            found.setdefault(kind.name, []).append(once(lab, kind, seconds))
        except BenchError as error:
            field.missing[kind.name] = str(error).splitlines()[0][:300]
            found.pop(kind.name, None)


def mount_filesystems():
    """Of this network namespace: DPDK and libxdp look at devices there."""
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")


SCENARIOS = (AfXdp(),)
