# SPDX-License-Identifier: Apache-2.0
"""examples/nat-lab as its README tells it: a router between two networks behind a NAT, with telnet
and a moved remote desktop forwarded from outside."""

import contextlib
import pathlib
import socket
import subprocess

import pytest

from support.host import Host, answer_tcp
from support.patience import wait_for

LAB = pathlib.Path(__file__).resolve().parents[2] / "examples" / "nat-lab"
NAMES = ("web", "router", "desk", "outside")


def guests(verb):
    subprocess.run([str(LAB / "guests"), verb], check=True, timeout=60)


class Made(Host):
    """A namespace that the example made."""

    def __init__(self, name, device="eth0"):  # pylint: disable=super-init-not-called
        self.name = name
        self.device = device


@pytest.fixture
def lab(xvsd):
    guests("make")
    try:
        made = {name: Made(name) for name in NAMES}
        made["outside"].device = "out0"
        daemon = xvsd((LAB / "xvs.yaml").read_text(encoding="utf-8"))
        for name in ("web", "desk", "router"):
            wait_for(f"eth0 in {name}", made[name].has_device)
        guests("address")
        yield daemon, made
    finally:
        guests("remove")


def asks(host, address, port):
    with contextlib.closing(host.open_socket()) as s:
        s.settimeout(10)
        s.connect((address, port))
        return s.recv(64)


def test_the_lab_is_reached_from_outside(lab):
    daemon, host = lab
    desk, outside = host["desk"], host["outside"]
    assert desk.reaches("203.0.113.1")
    assert host["web"].reaches("203.0.113.1")
    with host["web"].listen("0.0.0.0", 23) as telnet, desk.listen("0.0.0.0", 3389) as rdp:
        answer_tcp(telnet, b"login: ")
        answer_tcp(rdp, b"desktop")
        assert asks(outside, "203.0.113.5", 23) == b"login: "
        assert asks(outside, "203.0.113.5", 35000) == b"desktop"
        assert asks(host["web"], "203.0.113.5", 35000) == b"desktop"  # hairpin, by the router
        forwarded = {(s["outside"]["port"], s["inside"]["address"], s["inside"]["port"])
                     for s in daemon.ctl_json("nat", "list", "--proto", socket.IPPROTO_TCP)["sessions"]
                     if s["forward"]}
        assert forwarded >= {(23, "192.168.10.11", 23), (35000, "192.168.20.12", 3389)}
    web, = daemon.ctl_json("dhcp", "list", "front")
    assert (web["port"], web["address"], web["reserved"]) == ("web", "192.168.10.11", True)
    assert not outside.connects("203.0.113.5", 3389, patience_s=1)
    daemon.wait_for_drop("nat-no-binding", "front/out0")
