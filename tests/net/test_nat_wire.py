# SPDX-License-Identifier: Apache-2.0
"""What the NAT is to the wire: it says where its addresses are, cuts what is too long, asks no more than it
should; and other changes of the switch leave it alone.

    [vm1] 192.168.10.11 --tap, MTU 9000-- [ lab ] 203.0.5.5/16 --veth-- out0 203.0.5.1 [outside]
"""

import errno
import socket
import struct
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from support.host import run
from support.patience import wait_for

GUEST, MAC = "52:54:00:00:00:01", "02:00:5e:00:00:05"
VM1, OUT5, OUT6, PEER = "192.168.10.11", "203.0.5.5", "203.0.5.6", "203.0.5.1"
IP_MTU_DISCOVER, DONT, DO = 10, 0, 2

CONFIG = """
switches:
  - name: lab
    type: nat
    uplinks:
      - {name: out0, device: up0, backend: af_packet}
    nat:
      inside: 192.168.10.1/24
      outside:
        addresses: [203.0.5.5/16, 203.0.5.6/32]
        gateway: 203.0.5.1
        mac: "02:00:5e:00:00:05"
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1, mtu: 9000}}
"""


@pytest.fixture
def lab(hosts, outside, xvsd):
    vm1, = hosts("vm1")
    outside.up(PEER + "/16")
    far = outside.wire()
    daemon = xvsd(CONFIG)
    vm1.up(VM1 + "/24")
    vm1.run("ip", "route", "replace", "default", "via", "192.168.10.1")
    return daemon, vm1, outside, far


def hears(far, address):
    """A gratuitous ARP for an address, as the next of its kind."""
    def is_it(data):
        arp = Ether(data).getlayer(ARP)
        return arp is not None and arp.psrc == arp.pdst == address
    return Ether(far.wait(is_it))


def drained(far):
    """What has come so far."""
    far.socket.settimeout(0.2)
    try:
        while True:
            far.receive()
    except TimeoutError:
        return far.seen


def test_its_addresses_are_told_at_the_start_with_each_link_and_when_they_change(lab):
    daemon, _, outside, far = lab
    for address in (OUT5, OUT6):
        told = hears(far, address)
        assert (told.src, told[ARP].hwsrc, told.dst) == (MAC, MAC, "ff:ff:ff:ff:ff:ff")
    run("ip", "link", "set", "up0", "down")
    wait_for("the link to go", lambda: daemon.port("lab/out0")["link"] == "down")
    far.seen.clear()
    run("ip", "link", "set", "up0", "up")
    outside.run("ip", "link", "set", "out0", "up")
    assert hears(far, OUT5) and hears(far, OUT6)
    daemon.write(CONFIG.replace(OUT6, "203.0.5.7"))
    daemon.do("config", "reload")
    assert hears(far, OUT5) and hears(far, "203.0.5.7")


def test_what_may_be_cut_is_cut_and_the_rest_is_told(lab):
    _, vm1, outside, far = lab
    assert vm1.reaches(PEER)
    with outside.datagrams(PEER, 99) as server, vm1.open_socket(socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, DONT)
        for size in (1472, 1473, 5000, 8972):
            text = bytes(i * 7 & 255 for i in range(size))
            s.sendto(text, (PEER, 99))
            got, peer = server.recvfrom(65536)
            assert got == text and peer[0] in (OUT5, OUT6)
            server.sendto(text, peer)
            assert s.recv(65536) == text
        sizes = [len(data) - 14 for data in drained(far) if Ether(data).getlayer(IP)]
        assert len(sizes) > 4 and max(sizes) <= 1500
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, DO)
        s.connect((PEER, 99))
        with pytest.raises(OSError) as refused:
            wait_for("the sender to be told", lambda: s.send(b"x" * 5000) and time.sleep(0.01))
        assert refused.value.errno in (errno.EMSGSIZE, errno.EPERM)


def test_a_fragment_that_is_too_long_itself_is_cut_again(lab):
    _, vm1, outside, far = lab
    assert vm1.reaches(PEER)
    near = vm1.wire()
    text = bytes(i * 5 & 255 for i in range(6000))
    whole = bytes(IP(src=VM1, dst=PEER, id=7) / UDP(sport=5, dport=99) / text)[20:]
    with outside.datagrams(PEER, 99) as server:
        for offset, more in ((0, True), (4000, False)):
            piece = whole[offset:offset + 4000] if more else whole[offset:]
            near.send(bytes(Ether(src=GUEST, dst=MAC) / IP(
                src=VM1, dst=PEER, proto=17, id=7, frag=offset // 8, flags=1 if more else 0)
                / piece))
        assert server.recvfrom(65536)[0] == text
    sizes = [len(data) - 14 for data in drained(far) if Ether(data).getlayer(IP)]
    assert len(sizes) > 4 and max(sizes) <= 1500


def test_a_scan_asks_for_few_neighbours_at_a_time(lab):
    daemon, vm1, _, far = lab
    assert vm1.reaches(PEER)
    near, count = vm1.wire(), 2000
    one = bytes(Ether(src=GUEST, dst=MAC) / IP(src=VM1, dst="203.0.100.0") / UDP(dport=9))
    scan = [bytes(Ether(one[:14]) / IP(src=VM1, dst=socket.inet_ntoa(struct.pack(
        "!I", 0xcb006400 + number))) / UDP(dport=9)) for number in range(count)]
    start = time.monotonic()
    for sent in scan:
        near.send(sent)
    assert vm1.reaches(PEER), "who is known is served"
    elapsed = time.monotonic() - start
    own = socket.inet_aton(OUT5)
    asked = sum(data[12:14] == b"\x08\x06" and data[28:32] == own != data[38:42]
                for data in drained(far))
    rate, workers = 500, len(daemon.rpc("workers"))
    assert 0 < asked <= workers * rate * (2 + elapsed)


def test_other_changes_leave_it_alone(lab):
    """It is refused what the host has, so a change that looked at it again would be refused."""
    daemon, vm1, *_ = lab
    run("ip", "addr", "add", OUT5 + "/32", "dev", "lo")
    try:
        daemon.do("port", "block", "lab/vm1")
        daemon.do("port", "unblock", "lab/vm1")
        daemon.write(CONFIG + "# nothing\n")
        daemon.do("config", "reload")
        daemon.write(CONFIG.replace("    ports:", "      filtering: endpoint\n    ports:"))
        assert "an outside address is the host's own" in daemon.refuses("config", "reload")
    finally:
        run("ip", "addr", "del", OUT5 + "/32", "dev", "lo")
    daemon.do("config", "reload")
    assert vm1.reaches(PEER)


def test_its_port_is_no_trunk(lab):
    daemon, *_ = lab
    daemon.write(CONFIG.replace("backend: af_packet}",
                                "backend: af_packet, policies: {xvs.vlan/1: {mode: trunk}}}"))
    message = daemon.refuses("config", "check", daemon.config)
    assert "the outside port of a nat switch is no trunk" in message and ":6:" in message
    assert "is no trunk" in daemon.refuses(
        "policy", "set", "--override", "lab/out0", "xvs.vlan/1", "mode=trunk")
