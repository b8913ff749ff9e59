# SPDX-License-Identifier: Apache-2.0
"""A guest behind a nat switch moves to a host whose nat switch has the same outside address, or another.

      [vm1]--[ ha: lab ] up0 --veth-- to_a \\
        \\                                br0 [ out ] 203.0.113.1
         \\---[ hb: lab ] up0 --veth-- to_b /
              ha and hb: mg0 --veth-- mg0

The outside address is on one of both wires at a time: the other one's link is down.
"""

import contextlib
import threading

import pytest

from support.host import Host, run
from support.movers import MAC, UUID, Movers
from support.patience import wait_for
from test_move import Talk, echo

OUT5, OUT6, PEER, GATEWAY = "203.0.113.5", "203.0.113.6", "203.0.113.1", "10.77.0.254"

CONFIG = """
migration:
  listen: "{address}:4790"
  certificate: {certificate}
  key: {key}
  ca: {ca}
  peers: [{{name: {peer}, switches: [lab]}}]
switches:
  - name: lab
    type: nat
    uplinks:
      - {{name: up0, device: up0, backend: af_packet}}
    nat:
      inside: {gateway}/24
      outside: {{addresses: [{outside}/24], mac: "02:00:5e:00:00:05"}}
    chain:
      - {{instance: fw, extension: org.xvs.secgroup, required: true}}
    ports: {ports}
"""

PORTS = f"""
      - name: vm1
        uuid: {UUID}
        mac: "{MAC}"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{org.xvs.secgroup.rules/1: {{rules: [{{direction: out, action: allow}}]}}}}
      - {{name: vm2, mac: "52:54:00:00:00:02", backend: {{kind: tap, device: eth0, netns: vm2}}}}
"""


class NatMovers(Movers):
    """Both hosts translate; host b by 'outside'."""

    def __init__(self, folder, outside):
        self.outside = {"a": OUT5, "b": outside}
        self.out = Host("out", device="br0")
        super().__init__(folder, ports=PORTS)

    def _wires(self):
        self.out.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0",
                     "forward_delay", "0")
        self.out.up(f"{PEER}/24")
        for name, host in self.hosts.items():
            run("ip", "link", "add", "up0", "netns", f"h{name}", "type", "veth",
                "peer", "name", f"to_{name}", "netns", "out")
            self.out.run("ip", "link", "set", f"to_{name}", "master", "br0")
            host.run("ip", "link", "set", "up0", "up")
        run("ip", "link", "add", "mg0", "netns", "ha", "type", "veth",
            "peer", "name", "mg0", "netns", "hb")
        for name, host in self.hosts.items():
            host.run("ip", "link", "set", "mg0", "up")
            host.run("ip", "addr", "add", f"{self.ADDRESSES[name]}/24", "dev", "mg0")
        self.vm1.run("ip", "link", "add", "br0", "address", MAC, "type", "bridge",
                     "ageing_time", "0", "stp_state", "0", "forward_delay", "0")
        self.vm1.up("10.77.0.1/24")
        self.vm1.run("ip", "route", "replace", "default", "via", GATEWAY)
        self.wire("a")

    def config(self, name, peer, ports, certificate=None):
        certificate, key = certificate or self.authority.host(f"host{name}")
        return CONFIG.format(address=self.ADDRESSES[name], certificate=certificate, key=key,
                             ca=self.authority.certificate, peer=f"host{peer}", ports=ports,
                             outside=self.outside[name], gateway=GATEWAY)

    def wire(self, name):
        """The outside is on this host's wire from now on."""
        self.out.run("ip", "link", "set", "to_b" if name == "a" else "to_a", "down")
        self.out.run("ip", "link", "set", f"to_{name}", "up")

    def sessions(self, name, address="10.77.0.1"):
        listed = self.daemons[name].rpc("nat.list")["sessions"]
        return {(s["proto"], s["inside"]["port"], s["outside"]["port"]) for s in listed
                if s["inside"]["address"] == address}

    def remove(self):
        super().remove()
        self.out.remove()


@pytest.fixture
def movers(tmp_path):
    with contextlib.ExitStack() as stack:
        def make(outside=OUT5):
            made = NatMovers(tmp_path, outside)
            stack.callback(made.remove)
            return made.start()
        yield make


class Call(Talk):
    """One TCP connection of the guest with the outside."""

    def __init__(self, movers):
        self.listener = movers.out.listen(PEER, 7000)
        threading.Thread(target=echo, args=(self.listener,), daemon=True).start()
        self.socket = movers.vm1.open_socket()
        self.socket.settimeout(20)
        self.socket.connect((PEER, 7000))
        self.lines = self.socket.makefile("rb")
        self.said = 0


def test_sessions_go_on_where_the_outside_address_is(movers):
    lab = movers()
    call = Call(lab)
    for _ in range(5):
        call.line()
    lab.vm2.run("ip", "route", "replace", "default", "via", GATEWAY)
    lab.vm2.run("ping", "-c1", "-W5", PEER)
    before, others = lab.sessions("a"), lab.sessions("a", "10.77.0.2")
    assert len(before) == 1 and len(others) == 1
    report = lab.move()
    assert report["outcome"] == "moved" and not report.get("left"), report
    assert lab.sessions("b") == before and lab.sessions("a") == set()
    assert lab.sessions("a", "10.77.0.2") == others
    lab.wire("b")
    for _ in range(5):
        call.line()
    assert lab.sessions("b") == before
    call.close()


def test_sessions_end_where_it_is_not_and_that_is_said(movers):
    lab = movers(outside=OUT6)
    call = Call(lab)
    call.line()
    said = lab["a"].do("migrate", "port", "vm1", "--to", "10.9.0.2", "--check") \
        if lab.expect("b") else ""
    assert f"1 sessions by outside address {OUT5} end" in said, said
    assert len(lab.sessions("a")) == 1
    report = lab.move()
    assert report["outcome"] == "moved" and OUT5 in report["left"][0]["why"]
    assert lab.sessions("a") == set() and lab.sessions("b") == set()
    lab.wire("b")
    # new ones begin by the address there
    wait_for("an answer", lambda: "1 received" in lab.vm1.run("ping", "-c1", "-W2", PEER))
    call.close()


def test_a_move_that_fails_leaves_no_session_there(movers):
    lab = movers()
    call = Call(lab)
    call.line()
    device = lab.expect("b")
    with lab.plugging(device):
        prepared = lab["a"].rpc("migrate.prepare", port="vm1", to="10.9.0.2")
    assert len(lab.sessions("b")) == 1
    lab["a"].rpc("migrate.cancel", move=prepared["move"])
    wait_for("nothing to be left", lambda: lab.sessions("b") == set())
    assert len(lab.sessions("a")) == 1
    call.line()
    call.close()
