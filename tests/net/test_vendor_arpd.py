# SPDX-License-Identifier: Apache-2.0
"""A vendor's answers from within the switch, by a module in C and the same in C++17.

    [vm1] --tap--+-- [ lab: com.acme.arpd ]   answers for 10.77.0.9, resets TCP to port 23
    [vm2] --tap--+
"""

import itertools
import pathlib
import shutil
import subprocess

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from support.patience import wait_for
from support.vendor import counters, meanwhile, offer
from support.wire import BROADCAST, frame

ROOT = pathlib.Path(__file__).resolve().parents[2]
VM1, VM2, OWNER = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:09"
FEATURE = "com.acme.arpd/1"
ADDRESS = "10.77.0.9"

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: private
    chain:
      - {{instance: arpd, extension: com.acme.arpd, required: false}}
    policies: {{com.acme.arpd/1: {{ip: 10.77.0.9, mac: "52:54:00:00:00:09", reset_port: 23}}}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{xvs.vlan/1: {{mode: trunk, native: 0, allowed: ["10"]}}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2}}
        policies: {{xvs.vlan/1: {{mode: trunk, native: 0, allowed: ["10"]}}}}
"""


def compile_as_cxx(folder):
    compiler = shutil.which("c++")
    if not compiler:
        pytest.skip("no C++ compiler is installed")
    source = folder / "arpd.cc"
    shutil.copy(ROOT / "tests/modules/vendor_arpd.c", source)
    subprocess.run([compiler, "-std=gnu++17", "-O2", "-Wall", "-Wshadow", "-Wconversion",
                    "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{ROOT / 'api'}",
                    "-o", folder / "arpd.so", source], check=True)


@pytest.fixture(params=["c", "c++17"])
def lab(request, hosts, xvsd, tmp_path):
    """(daemon, vm1, vm2): guests that are silent by themselves."""
    vm1, vm2 = hosts("vm1", "vm2")
    path = offer(tmp_path / "vendors", *(["arpd"] if request.param == "c" else []))
    if request.param == "c++17":
        compile_as_cxx(path)
    daemon = xvsd(CONFIG.format(path=path))
    return daemon, vm1.up("10.77.0.1/24"), vm2.up("10.77.0.2/24")


def access(daemon, *ports):
    for port in ports:
        daemon.rpc("policy.set", target=port, feature="xvs.vlan/1", override=True,
                   fields={"mode": "access", "vlan": 10})


def question(vlan=None, target=ADDRESS):
    tag = Dot1Q(vlan=vlan) if vlan else None
    eth = Ether(src=VM1, dst=BROADCAST)
    arp = ARP(hwsrc=VM1, psrc="10.77.0.1", pdst=target)
    return bytes(eth / tag / arp if tag else eth / arp)


@pytest.mark.parametrize("vlan", [None, 10])
def test_questions_are_answered_and_go_no_further(lab, vlan):
    daemon, vm1, vm2 = lab
    near, far = vm1.wire(), vm2.wire()
    near.send(question(vlan))
    got = Ether(near.wait(lambda data: ARP in Ether(data)))
    assert (got[ARP].op, got[ARP].psrc, got[ARP].hwsrc) == (2, ADDRESS, OWNER)
    assert (got.dst, got[ARP].pdst, got[ARP].hwdst) == (VM1, "10.77.0.1", VM1)
    assert (got[Dot1Q].vlan if Dot1Q in got else None) == vlan
    marker = frame(VM2, VM1)
    near.send(marker)
    far.wait(marker)
    assert not far.has_seen(question(vlan))
    accounts = daemon.rpc("accounts")
    assert accounts["originated"] == accounts["consumed"] == counters(daemon, "arpd")["arp"] == 1
    assert daemon.drops() == 0


def test_a_guest_that_knows_of_no_tags_is_answered_in_its_vlan(lab):
    daemon, vm1, _ = lab
    access(daemon, "lab/vm1", "lab/vm2")
    near = vm1.wire()
    near.send(question())
    assert ARP in Ether(near.wait(lambda data: ARP in Ether(data)))
    assert daemon.drops() == 0


def test_other_questions_pass(lab):
    daemon, vm1, vm2 = lab
    near, far = vm1.wire(), vm2.wire()
    for target in (ADDRESS, "10.77.0.77"):
        near.send(question(target=target))
    assert far.wait(question(target="10.77.0.77")) and not far.has_seen(question())
    assert daemon.rpc("accounts")["originated"] == 1


def test_hosts_believe_the_answer(lab):
    _, vm1, _ = lab
    assert not vm1.ping(ADDRESS, count=1)
    assert OWNER in vm1.run("ip", "neigh", "show", ADDRESS)


@pytest.mark.parametrize("vlan", [None, 10])
def test_connections_are_reset(lab, vlan):
    daemon, vm1, vm2 = lab
    wire = vm1.wire()
    eth = Ether(src=VM1, dst=VM2) / Dot1Q(vlan=vlan) if vlan else Ether(src=VM1, dst=VM2)
    for ip in (IP(src="10.77.0.1", dst="10.77.0.2"), IPv6(src="fd00::1", dst="fd00::2")):
        wire.send(bytes(eth / ip / TCP(sport=1000, dport=23, seq=7, flags="S")))
        got = Ether(wire.wait(lambda data: TCP in Ether(data)))
        again = got.copy()
        del again[TCP].chksum
        assert Ether(bytes(again))[TCP].chksum == got[TCP].chksum
        assert (got[TCP].flags, got[TCP].ack, got[TCP].dport) == ("RA", 8, 1000)
        assert (got.dst, got.src) == (VM1, VM2)
        assert (got[Dot1Q].vlan if Dot1Q in got else None) == vlan
    assert counters(daemon, "arpd")["resets"] == 2


def test_a_client_learns_at_once(lab):
    _, vm1, vm2 = lab
    with vm2.listen("10.77.0.2", 23), vm2.listen("10.77.0.2", 24):
        assert vm1.connects("10.77.0.2", 24)
        with vm1.open_socket() as s, pytest.raises(ConnectionRefusedError):
            s.connect(("10.77.0.2", 23))


def test_it_comes_and_goes_under_questions(lab):
    daemon, vm1, vm2 = lab
    wire = vm1.wire()
    verbs = itertools.cycle(["disable", "enable"])
    resets = itertools.cycle([0, 23])

    def change():
        daemon.rpc(f"ext.{next(verbs)}", target="lab/arpd")
        daemon.rpc("policy.set", target="lab", feature=FEATURE, override=True,
                   fields={"reset_port": next(resets)})

    asked = question()
    begun = bytes(Ether(src=VM1, dst=VM2) / IP(src="10.77.0.1", dst="10.77.0.2")
                  / TCP(sport=1000, dport=23, flags="S"))
    with meanwhile(change):
        for _ in range(2000):
            wire.send(asked)
            wire.send(begun)
    daemon.rpc("ext.enable", target="lab/arpd")
    wire.send(asked)  # on a slow machine all others may have come while it was away

    def is_settled():
        accounts = daemon.rpc("accounts")
        return (accounts["held"] == 0 and daemon.balance() == 0
                and accounts["originated"] == accounts["consumed"] > 0)

    # what was asked last may be on its way yet
    wait_for("every answer to be given and accounted for", is_settled)
