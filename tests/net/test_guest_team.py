# SPDX-License-Identifier: Apache-2.0
"""A guest who makes a team of his adapters (F9): active and stand-by, with one address for both.

    [vm1] nic0 --tap--+
          nic1 --tap--+-- [ lab: guard ] --tap-- [vm2]
    [vm3] nic0 --tap--+

What a bonding driver does in such a guest, "ip" does here: the second adapter gets the address of the
first, and what the host had there.
"""

import pytest

from support.daemon import Refused
from support.wire import frame

ADAPTERS = ("52:54:00:00:00:10", "52:54:00:00:00:11")
VM2, VM3 = "52:54:00:00:00:02", "52:54:00:00:00:03"
TEAM, GUARD = "xvs.guest-team/1", "org.xvs.guard/1"
CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
    policies:
      org.xvs.guard/1: {forged_transmits: false, mac_changes: false}
    groups:
      - name: vm1
        policies: {xvs.guest-team/1: {name: vm1}}
    ports:
      - {name: vm1-0, group: vm1, mac: "52:54:00:00:00:10", backend: {kind: tap, device: vm1t0, netns: vm1, peer_name: nic0}}
      - {name: vm1-1, group: vm1, mac: "52:54:00:00:00:11", backend: {kind: tap, device: vm1t1, netns: vm1, peer_name: nic1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: vm2t0, netns: vm2, peer_name: eth0}}
      - {name: vm3, mac: "52:54:00:00:00:03", backend: {kind: tap, device: vm3t0, netns: vm3, peer_name: eth0}}
"""


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2, vm3 = hosts("vm1", "vm2", "vm3")
    daemon = xvsd(CONFIG)
    vm2.up("10.0.0.2/24")
    vm3.up("10.0.0.3/24")
    return daemon, vm1, vm2, vm3


def use(vm1, nr):
    """The adapter that the team uses from now on; the other one is of no use any more."""
    for n in (0, 1):
        vm1.run("ip", "addr", "flush", "dev", f"nic{n}")
        vm1.run("ip", "link", "set", f"nic{n}", "down")
    vm1.run("ip", "link", "set", f"nic{nr}", "address", ADAPTERS[0], "up")
    vm1.run("ip", "addr", "add", "10.0.0.1/24", "dev", f"nic{nr}")


def place(daemon, mac=ADAPTERS[0]):
    entry, = [e for e in daemon.ctl_json("mac", "list") if e["mac"] == mac]
    return entry["port"]


def received(daemon, port):
    return daemon.stats(f"lab/{port}")["tx_packets"]


def test_the_stand_by_takes_over_with_the_address_and_gives_it_back(lab):
    daemon, vm1, vm2, _ = lab
    for nr, name in ((0, "vm1-0"), (1, "vm1-1"), (0, "vm1-0")):
        use(vm1, nr)
        vm1.reaches("10.0.0.2")
        assert place(daemon).endswith(name)
        before = received(daemon, name)
        assert vm2.ping("10.0.0.1", count=1)
        assert received(daemon, name) > before
    assert daemon.drops("spoofed-mac") == 0 and daemon.drops("foreign-mac") == 0


def test_neither_others_nor_other_addresses_profit(lab):
    daemon, vm1, vm2, vm3 = lab
    use(vm1, 1)
    vm1.reaches("10.0.0.2")
    wire = vm3.wire()
    wire.send(frame(VM2, ADAPTERS[0]))
    daemon.wait_for_drop("spoofed-mac", "lab/vm3")
    assert place(daemon).endswith("vm1-1")
    vm1.wire("nic1").send(frame(VM2, VM3))
    daemon.wait_for_drop("spoofed-mac", "lab/vm1-1")
    assert vm2.ping("10.0.0.3") and vm2.ping("10.0.0.1")


def test_without_the_policy_each_adapter_has_its_own_address_again(lab):
    daemon, vm1, _, _ = lab
    use(vm1, 1)
    vm1.reaches("10.0.0.2")
    daemon.set_policy("lab/vm1-1", TEAM, name="")
    assert place(daemon).endswith("vm1-0")
    vm1.wire("nic1").send(frame(VM2, ADAPTERS[0]))
    daemon.wait_for_drop("spoofed-mac", "lab/vm1-1")
    daemon.rpc("policy.unset", target="lab/vm1-1", feature=TEAM, override=True)
    vm1.reaches("10.0.0.2")
    assert place(daemon).endswith("vm1-1")


def test_only_guests_make_teams(check, lab):
    daemon, *_ = lab
    done = check(CONFIG.replace("type: private", "type: internal").replace(
        "    ports:", "    host_ports:\n"
        "      - {name: host0, policies: {xvs.guest-team/1: {name: vm1}}}\n    ports:"))
    assert done.returncode == 1
    assert "name: only ports of guests have one" in done.stderr
    with pytest.raises(Refused, match="name"):
        daemon.set_policy("lab/vm2", TEAM, name="x" * 64)
