# SPDX-License-Identifier: Apache-2.0
"""Adapters without an address of their own have one of the host's pool, and keep it.

    [vm1] --tap-- [ lab ] --tap-- [vm2]     no mac: of either in the file
"""

import re

import pytest

PORTS = """\
switches:
  - name: lab
    type: private
    ports:
      - {name: vm1, backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, backend: {kind: tap, device: eth0, netns: vm2}}
"""
TWO = 'daemon: {mac_pool: {first: "0a:00:00:00:00:01", last: "0a:00:00:00:00:02"}}\n'
VM3 = '      - {name: vm3, backend: {kind: tap, device: eth0, netns: vm3}}\n'


@pytest.fixture
def lab(hosts, xvsd):
    guests = hosts("vm1", "vm2", "vm3")
    return guests, xvsd(TWO + PORTS)


def adapter(guest):
    return re.search(r"link/ether (\S+)", guest.run("ip", "link", "show", "eth0"))[1]


def test_ports_of_the_pool_talk_and_keep_their_addresses(lab):
    (vm1, vm2, _), daemon = lab
    macs = [daemon.port(f"lab/{name}")["mac"] for name in ("vm1", "vm2")]
    assert sorted(macs) == ["0a:00:00:00:00:01", "0a:00:00:00:00:02"]
    assert [adapter(vm1), adapter(vm2)] == macs, "the adapter has another address than the port"
    assert "pool" in daemon.do("port", "show", "lab/vm1")
    vm1.up("192.0.2.1/24")
    vm2.up("192.0.2.2/24")
    assert vm1.reaches("192.0.2.2")
    daemon.stop()
    daemon.write(PORTS)
    daemon.start()
    assert [daemon.port(f"lab/{name}")["mac"] for name in ("vm1", "vm2")] == macs


def test_an_exhausted_pool_refuses_the_port_and_says_what_to_do(lab):
    _, daemon = lab
    daemon.write(TWO + PORTS + VM3)
    message = daemon.refuses("config", "reload")
    assert "lab/vm3: no address is left" in message and f"{daemon.config}:8:" in message
    daemon.write(PORTS + VM3)
    daemon.do("config", "reload")
    first = int(daemon.port("lab/vm3")["mac"][:2], 16)
    assert first & 3 == 2, "not a local address of one adapter"
