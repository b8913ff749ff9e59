# SPDX-License-Identifier: Apache-2.0
"""Uplinks as a team: one port to the switch, several links to the physical network.

    vm1 --tap--[     ]==up0==[          ]
               [ lab ]       [ br0,     ]--veth-- outside
    vm2 --tap--[     ]==up1==[ a bridge ]

The bridge is the adjacent switch: it learns, floods to both links, and knows nothing of the team.
"""

import collections
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import threading
import time

import pytest

from support.daemon import Refused
from support.host import remove_link, run, veth
from support.patience import wait_for
from support.wire import BROADCAST, frame, mac_bytes

CONFIG = """\
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0}
      - {name: up1, device: up1}
    team: {TEAM}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: vm1eth0, netns: vm1, peer_name: eth0}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: vm2eth0, netns: vm2, peer_name: eth0}}
"""
VM1, VM2, OUTSIDE = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:09"
RARP = bytes.fromhex("8035")
SLOW = "01:80:c2:00:00:02"
LACPDU = bytes.fromhex("0101" "0114" "8000" "020000abcdef" "0021" "8000" "0007" "3d" "000000"
                       "0214" + "00" * 18 + "0310" + "00" * 14 + "0000" + "00" * 50)


@pytest.fixture
def phys(hosts):
    """The adjacent switch; its ports are p0 and p1, behind which are up0 and up1."""
    host, = hosts("phys")
    host.run("ip", "link", "add", "br0", "type", "bridge")
    host.run("ip", "link", "set", "br0", "up")
    for n in (0, 1):
        veth(f"up{n}", f"p{n}", host)
        host.run("ip", "link", "set", f"p{n}", "master", "br0", "up")
    yield host
    for n in (0, 1):
        remove_link(f"up{n}")


@pytest.fixture
def outside(hosts, phys):
    host, = hosts("outside")
    run("ip", "-n", "phys", "link", "add", "p9", "type", "veth", "peer", "name", "eth0", "netns",
        host.name)
    phys.run("ip", "link", "set", "p9", "master", "br0", "up")
    return host.up("10.0.0.9/24")


@pytest.fixture
def guests(hosts):
    return hosts("vm1", "vm2")


def start(xvsd, guests, team="{failback_s: 0}"):
    daemon = xvsd(CONFIG.replace("{TEAM}", team))
    for nr, guest in enumerate(guests, 1):
        guest.up(f"10.0.0.{nr}/24")
    return daemon


def team_of(daemon):
    team, = daemon.rpc("team.show")
    return team


def states(daemon):
    return {link["name"]: link["state"] for link in team_of(daemon)["uplinks"]}


def sent(daemon, uplink):
    return daemon.stats(f"lab/{uplink}")["tx_packets"]


def sender(daemon, guest, address="10.0.0.9"):
    """The uplink by which a guest's packets leave."""
    before = {name: sent(daemon, name) for name in ("up0", "up1")}
    guest.reaches(address)
    return max(before, key=lambda name: sent(daemon, name) - before[name])


def cut(phys, nr):
    phys.run("ip", "link", "set", f"p{nr}", "down")


def mend(phys, nr):
    phys.run("ip", "link", "set", f"p{nr}", "up")


def port_of(phys, mac):
    """At which port the adjacent switch knows an address."""
    for entry in json.loads(phys.run("bridge", "-j", "fdb", "show", "br", "br0")):
        if entry["mac"] == mac and "permanent" not in entry.get("state", ""):
            return entry["ifname"]
    return None


def test_each_port_has_its_uplink_and_gets_each_broadcast_once(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests)
    assert {sender(daemon, guest) for guest in guests} == {"up0", "up1"}
    assert states(daemon) == {"up0": "sends", "up1": "sends"}
    assert {port_of(phys, "52:54:00:00:00:01"), port_of(phys, "52:54:00:00:00:02")} == {"p0", "p1"}
    assert daemon.port("lab/team")["state"] == "open"
    guest, source = guests[0].wire(), outside.wire()
    first, marker = frame(BROADCAST, OUTSIDE), frame(BROADCAST, OUTSIDE)
    for one in (first, marker):
        source.send(one)
    guest.wait(marker)
    daemon.wait_for_drop("team-copy", count=2)
    assert guest.seen.count(first) == 1


def test_what_a_guest_sends_to_all_does_not_come_back(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests)
    assert {sender(daemon, guest) for guest in guests} == {"up0", "up1"}
    wires = [guest.wire() for guest in guests]
    seen_outside = outside.wire()
    told = [frame(BROADCAST, mac) for mac in (VM1, VM2)]
    for wire, one in zip(wires, told):
        wire.send(one)
        seen_outside.wait(one)
    daemon.wait_for_drop("own-address")
    marker = frame(BROADCAST, OUTSIDE)
    seen_outside.send(marker)
    for wire, other in zip(wires, (told[1], told[0])):
        wire.wait(marker)
        assert wire.seen.count(other) == 1
        assert not any(one in wire.seen for one in told if one != other)


def test_the_loss_of_a_link_moves_its_guests_alone(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests)
    homes = {guest.name: sender(daemon, guest) for guest in guests}
    lost, = [guest for guest in guests if homes[guest.name] == "up0"]
    other, = [guest for guest in guests if guest is not lost]
    mac = {"vm1": VM1, "vm2": VM2}[lost.name]
    assert port_of(phys, mac) == "p0"
    flows = daemon.rpc("flow.count")["count"]
    rejudged = sum(worker["rejudged"] for worker in daemon.rpc("workers"))
    announced = outside.wire()
    cut(phys, 0)
    announced.wait(lambda data: data[6:12] == mac_bytes(mac) and data[12:14] == RARP)
    assert port_of(phys, mac) == "p1", "told of before it has sent anything"
    assert sender(daemon, lost) == "up1" and sender(daemon, other) == "up1"
    assert states(daemon) == {"up0": "no link", "up1": "sends"}
    assert daemon.rpc("flow.count")["count"] >= flows
    assert sum(worker["rejudged"] for worker in daemon.rpc("workers")) == rejudged
    team = team_of(daemon)
    assert team["health"] == "degraded" and team["failovers"] == 1
    assert {link["name"]: link["link_changes"] for link in team["uplinks"]} == {"up0": 1, "up1": 0}
    assert "up0: its link is down" in daemon.said()
    assert "degraded" in daemon.do("team", "show") and "no link" in daemon.do("team", "show", "lab")
    mend(phys, 0)
    wait_for("up0 to send again", lambda: states(daemon)["up0"] == "sends")
    assert sender(daemon, lost) == "up0" and team_of(daemon)["health"] == "ok"


def igmp_type(data):
    """What an IGMP message is about; None: it is none."""
    if data[12:14] != b"\x08\x00" or data[23] != socket.IPPROTO_IGMP:
        return None
    return data[14 + 4 * (data[14] & 15)]


def test_groups_are_reported_by_the_new_link(xvsd, guests, phys, outside):
    phys.run("ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "0")
    daemon = start(xvsd, guests)
    guest, = [guest for guest in guests if sender(daemon, guest) == "up0"]
    number = guests.index(guest) + 1
    with guest.open_socket(socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                            socket.inet_aton("239.1.2.3") + socket.inet_aton(f"10.0.0.{number}"))
        inside, seen = guest.wire(), outside.wire()
        cut(phys, 0)
        query = inside.wait(lambda data: igmp_type(data) == 0x11)
        assert query[26:34] == bytes([0, 0, 0, 0, 224, 0, 0, 1])
        seen.wait(lambda data: igmp_type(data) == 0x22 and socket.inet_aton("239.1.2.3") in data)
        assert not any(igmp_type(data) == 0x11 for data in seen.seen)


def test_a_link_that_came_back_is_watched_before_it_is_used(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests, "{failback_s: 3600}")
    cut(phys, 0)
    wait_for("up1 alone", lambda: states(daemon)["up0"] == "no link")
    mend(phys, 0)
    wait_for("up0 to wait", lambda: states(daemon)["up0"] == "waits")
    assert {sender(daemon, guest) for guest in guests} == {"up1"}
    cut(phys, 1)
    wait_for("up0, better than none", lambda: states(daemon)["up0"] == "sends")
    assert {sender(daemon, guest) for guest in guests} == {"up0"}


def test_a_stand_by_sends_when_it_must(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests, "{active: [up1], standby: [up0], failback_s: 0}")
    assert {sender(daemon, guest) for guest in guests} == {"up1"}
    assert states(daemon) == {"up0": "ready", "up1": "sends"}
    cut(phys, 1)
    wait_for("the stand-by", lambda: states(daemon)["up0"] == "sends")
    assert {sender(daemon, guest) for guest in guests} == {"up0"}
    mend(phys, 1)
    wait_for("up1 again", lambda: states(daemon) == {"up0": "ready", "up1": "sends"})


def test_who_stood_in_stays_where_the_order_rolls(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests,
                   "{active: [up1], standby: [up0], failback_s: 0, rolling: true}")
    cut(phys, 1)
    wait_for("the stand-by", lambda: states(daemon)["up0"] == "sends")
    mend(phys, 1)
    wait_for("up1 to be ready", lambda: states(daemon)["up1"] == "ready")
    assert states(daemon)["up0"] == "sends"


def test_the_order_changes_under_traffic(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests, "{active: [up0]}")
    assert {sender(daemon, guest) for guest in guests} == {"up0"}
    assert states(daemon)["up1"] == "ready"
    daemon.write(CONFIG.replace("{TEAM}", "{active: [up1], standby: [up0], mode: mac}"))
    assert "~ team lab/team: by port, active up0" in daemon.do("config", "diff")
    daemon.do("config", "apply")
    assert {sender(daemon, guest) for guest in guests} == {"up1"}
    export = daemon.rpc("config.export")["text"]
    assert "active: [up1]" in export.replace("\n", " ") or "- up1" in export
    daemon.do("port", "block", "lab/up1")
    assert {sender(daemon, guest) for guest in guests} == {"up0"}
    assert states(daemon) == {"up0": "sends", "up1": "blocked"}
    daemon.do("port", "unblock", "lab/up1")


def test_members_come_and_go_while_packets_flow(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests)
    alone = CONFIG.replace("      - {name: up1, device: up1}\n", "").replace("{TEAM}", "{}")
    daemon.write(alone)
    daemon.do("config", "apply")
    assert [link["name"] for link in team_of(daemon)["uplinks"]] == ["up0"]
    for guest in guests:
        assert guest.reaches("10.0.0.9")
    daemon.write(CONFIG.replace("{TEAM}", "{}"))
    daemon.do("config", "apply")
    assert {sender(daemon, guest) for guest in guests} == {"up0", "up1"}
    daemon.write(alone.replace("    team: {}\n", ""))
    daemon.do("config", "apply")
    assert daemon.rpc("team.show") == []
    for guest in guests:
        assert guest.reaches("10.0.0.9")


class Numbers:
    """Numbered datagrams from one host to another, one after another, while something happens."""

    def __init__(self, source, sink, address):
        self.sink = sink.datagrams(address, 7)
        self.sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.source = source.open_socket(socket.SOCK_DGRAM)
        self.source.connect((address, 7))
        self.count = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._send)

    def _send(self):
        while not self.is_over.wait(0.0002):
            self.count += 1
            self.source.send(b"%d" % self.count)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def lost(self):
        """How many never came."""
        came = set()
        self.source.send(b"end")
        while (data := self.sink.recv(16)) != b"end":
            came.add(int(data))
        self.sink.close()
        self.source.close()
        return self.count - len(came)


def test_one_uplink_becomes_a_team_without_a_break(xvsd, guests, phys, outside):
    """Its device and its port stay, and what flows goes on in both directions."""
    single = CONFIG.replace("      - {name: up1, device: up1}\n", "").replace(
        "    team: {TEAM}\n", "    chain:\n"
        "      - {instance: log, extension: org.xvs.connlog}\n"
        "      - {instance: guard, extension: org.xvs.guard}\n")
    daemon = xvsd(single)
    for nr, guest in enumerate(guests, 1):
        guest.up(f"10.0.0.{nr}/24")
        guest.reaches("10.0.0.9")
    was = daemon.port("lab/up0")
    with (Numbers(outside, guests[0], "10.0.0.1") as inward,
          Numbers(guests[1], outside, "10.0.0.9") as outward):
        wait_for("packets", lambda: inward.count > 100 and outward.count > 100)
        daemon.write(single.replace("    chain", "      - {name: up1, device: up1}\n    chain"))
        daemon.do("config", "apply")
        wait_for("both links", lambda: set(states(daemon).values()) == {"sends"})
        seen = inward.count
        wait_for("more packets", lambda: inward.count > seen + 100)
    assert (inward.lost(), outward.lost()) == (0, 0)
    now = daemon.port("lab/up0")
    assert (now["id"], now["uuid"]) == (was["id"], was["uuid"])
    assert {sender(daemon, guest) for guest in guests} == {"up0", "up1"}


def test_a_port_is_pinned_to_an_uplink(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests)
    for uplink in ("up0", "up1"):
        for port in ("lab/vm1", "lab/vm2"):
            daemon.set_policy(port, "xvs.team/1", uplink=uplink)
        assert {sender(daemon, guest) for guest in guests} == {uplink}
    cut(phys, 1)
    wait_for("up0 alone", lambda: states(daemon)["up1"] == "no link")
    assert {sender(daemon, guest) for guest in guests} == {"up0"}
    with pytest.raises(Refused, match="up7 is no uplink of a team"):
        daemon.set_policy("lab/vm1", "xvs.team/1", uplink="up7")


@pytest.mark.parametrize("mode", ["address", "load"])
def test_flows_are_spread_and_each_link_sees_addresses_of_its_own(xvsd, guests, phys, outside, mode):
    daemon = start(xvsd, guests, f"{{mode: {mode}, failback_s: 0}}")
    guests[0].reaches("10.0.0.9")
    home = port_of(phys, VM1)
    listener = outside.datagrams("10.0.0.9", 4000)
    sender_ = guests[0].datagrams("10.0.0.1", 0)
    wire = outside.wire()
    for port in range(4000, 4064):
        sender_.sendto(b"flow", ("10.0.0.9", port))
    assert listener.recv(16) == b"flow"
    while sum(data[23:24] == b"\x11" for data in wire.seen) < 64:
        wire.receive()
    used = collections.Counter(data[6:12] for data in wire.seen if data[23:24] == b"\x11")
    assert len(used) == 2 and mac_bytes(VM1) in used, "the guest's address and a member's"
    assert min(used.values()) > 10, "each link has its share, by what came out of it"
    wait_for("both to be counted", lambda: min(sent(daemon, "up0"), sent(daemon, "up1")) > 10)
    assert port_of(phys, VM1) == home, "no switch sees it move"


def test_a_lacp_partner_is_told_of(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests)
    phys.wire("p1").send(frame(SLOW, "02:00:00:ab:cd:01", LACPDU, 0x8809))
    wait_for("the partner", lambda: any("lacp_partner" in link
                                        for link in team_of(daemon)["uplinks"]))
    up0, up1 = team_of(daemon)["uplinks"]
    assert "lacp_partner" not in up0
    assert up1["lacp_partner"] == {"system": "02:00:00:ab:cd:ef", "key": 33, "port": 7}
    assert team_of(daemon)["health"] == "degraded"
    assert "02:00:00:ab:cd:ef speaks LACP there" in daemon.do("team", "show")
    assert "uplink up1: the adjacent switch" in daemon.said()


@pytest.mark.parametrize("address", ["10.0.0.9", "fd00::9"])
def test_a_link_that_leads_nowhere_is_found_by_probes(xvsd, guests, phys, hosts, address, request):
    if ":" in address:
        host, = hosts("outside")
        host.use_ipv6()
        run("ip", "-n", "phys", "link", "add", "p9", "type", "veth", "peer", "name", "eth0", "netns",
            host.name)
        phys.run("ip", "link", "set", "p9", "master", "br0", "up")
        host.up("10.0.0.9/24", "fd00::9/64")
    else:
        request.getfixturevalue("outside")
    daemon = start(xvsd, guests, f"{{probe: \"{address}\", probe_ms: 100, failback_s: 0}}")
    assert {sender(daemon, guest) for guest in guests} == {"up0", "up1"}
    wait_for("an answer", lambda: daemon.stats("lab/up0")["consumed"] > 0
             and daemon.stats("lab/up1")["consumed"] > 0)
    phys.run("ip", "link", "set", "p0", "nomaster")
    wait_for("the silence", lambda: states(daemon) == {"up0": "no answer", "up1": "sends"})
    assert {sender(daemon, guest) for guest in guests} == {"up1"}
    assert team_of(daemon)["health"] == "degraded"
    assert f"uplink up0: {address} does not answer there" in daemon.said()
    phys.run("ip", "link", "set", "p0", "master", "br0")
    wait_for("the answer", lambda: states(daemon) == {"up0": "sends", "up1": "sends"})
    phys.run("ip", "link", "set", "p9", "down")
    wait_for("silence everywhere", lambda: not team_of(daemon)["probe"]["answered"])
    assert states(daemon) == {"up0": "sends", "up1": "sends"}, "links alone count"


class Link:
    """An uplink's device whose speed and duplex can be set: a tap that is held open."""

    def __init__(self, name):
        self.name = name
        self.file = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(self.file, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1002))
        run("ip", "link", "set", name, "up")

    def settings(self, speed, duplex):
        command = ctypes.create_string_buffer(44)
        struct.pack_into("<IIIHB", command, 0, 2, 0, 0, speed, duplex)  # ETHTOOL_SSET
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            fcntl.ioctl(asked, 0x8946, struct.pack("16sP16x", self.name.encode(),
                                                   ctypes.addressof(command)))

    def close(self):
        os.close(self.file)


@pytest.fixture
def links():
    made = [Link("up0"), Link("up1")]
    yield made
    for link in made:
        link.close()


def test_a_link_that_is_not_as_it_should_be_stands_back(xvsd, guests, links):
    daemon = start(xvsd, guests, "{min_speed_mbps: 1000, full_duplex: true, failback_s: 0, "
                                 "max_errors_percent: 1}")
    wait_for("both", lambda: states(daemon) == {"up0": "sends", "up1": "sends"})
    links[0].settings(100, 1)
    wait_for("the slow one", lambda: states(daemon) == {"up0": "too slow", "up1": "sends"})
    assert team_of(daemon)["health"] == "degraded"
    assert "uplink up0: its link is slower than min_speed_mbps" in daemon.said()
    links[0].settings(1000, 0)
    wait_for("half duplex", lambda: states(daemon)["up0"] == "half duplex")
    links[1].settings(10, 1)
    wait_for("little to be better than nothing",
             lambda: states(daemon) == {"up0": "sends", "up1": "sends"})
    links[0].settings(1000, 1)
    wait_for("the good one", lambda: states(daemon) == {"up0": "sends", "up1": "too slow"})


def lost(daemon, key):
    return [link.get(key) for link in team_of(daemon)["uplinks"]]


def test_a_vlan_and_a_size_that_do_not_pass_are_found(xvsd, guests, phys, outside):
    daemon = start(xvsd, guests, "{check_s: 1, failback_s: 0}")
    daemon.set_policy("lab/vm1", "xvs.vlan/1", vlan=30)
    rule = ("add table bridge t; add chain bridge t f {type filter hook forward priority 0;}; "
            "add rule bridge t f ether type vlan vlan id 30 drop")
    phys.run("nft", rule)
    wait_for("the VLAN", lambda: lost(daemon, "vlans_lost") == [[30], [30]])
    assert lost(daemon, "mtu_lost") == [None, None]
    assert team_of(daemon)["health"] == "degraded"
    assert "uplink up0: frames of VLAN 30 do not pass" in daemon.said()
    assert "up0: frames of VLAN 30 do not pass" in daemon.do("team", "show")
    phys.run("nft", "delete table bridge t")
    wait_for("its passage", lambda: lost(daemon, "vlans_lost") == [None, None])
    for port in ("p0", "p1"):
        phys.run("ip", "link", "set", port, "mtu", 1400)
    wait_for("the size", lambda: lost(daemon, "mtu_lost") == [[0, 30], [0, 30]]
             or lost(daemon, "mtu_lost") == [[30, 0], [30, 0]])
    assert lost(daemon, "vlans_lost") == [None, None]


@pytest.mark.slow
def test_iperf_goes_on_when_the_link_is_cut(xvsd, guests, phys, outside, tool):
    daemon = start(xvsd, guests[:1], "{active: [up0], standby: [up1], failback_s: 0}")
    guests[0].reaches("10.0.0.9")
    server = outside.start(tool("iperf3"), "-s", "-1", stdout=subprocess.DEVNULL)
    wait_for("iperf3 to listen", lambda: ":5201" in outside.run("ss", "-ltn"))
    client = guests[0].start(tool("iperf3"), "-c", "10.0.0.9", "-t", 8, "-J",
                             "--connect-timeout", 2000, stdout=subprocess.PIPE)
    try:
        wait_for("traffic on up0", lambda: sent(daemon, "up0") > 1000)
        before = sent(daemon, "up1")
        begin = time.monotonic()
        cut(phys, 0)
        wait_for("traffic on up1", lambda: sent(daemon, "up1") > before + 50)
        print(f"traffic went on {1000 * (time.monotonic() - begin):.0f} ms after the cut")
        report = json.loads(client.communicate()[0])
    finally:
        for child in (client, server):
            child.kill()
            child.wait()
    last = report["intervals"][-1]["sum"]
    assert last["bytes"] > 0 and "error" not in report


WRONG = [
    ("{active: [up7]}", "names up7, which is no uplink"),
    ("{active: [up0], standby: [up0]}", "both active and in stand-by"),
    ("{standby: [up0, up1]}", "none is active"),
    ("{mode: round}", "must be one of port, mac, address, load"),
    ("{failback_s: 4000}", "must be 0..3600"),
    ("{probe: gateway}", "must be an IP address as 192.0.2.1"),
]


@pytest.mark.parametrize("team, message", WRONG)
def test_wrong_orders_are_refused(check, team, message):
    done = check(CONFIG.replace("{TEAM}", team))
    assert done.returncode == 1 and message in done.stderr


def test_members_have_no_policies_of_their_own(check, xvsd, guests, phys, outside):
    done = check(CONFIG.replace("{TEAM}", "{}").replace(
        "device: up0}", "device: up0, policies: {xvs.vlan/1: {vlan: 7}}}"))
    assert done.returncode == 1 and "member of team team, which alone has policies" in done.stderr
    daemon = start(xvsd, guests)
    with pytest.raises(Refused, match="set xvs.vlan/1 there"):
        daemon.set_policy("lab/up0", "xvs.vlan/1", mode="trunk", native=7)
    with pytest.raises(Refused, match="that of the switch's team"):
        daemon.rpc("port.remove", target="lab/team", override=True)
    daemon.set_policy("lab/team", "xvs.vlan/1", mode="trunk", native=7)
    assert not guests[0].ping("10.0.0.9", count=1)
    daemon.set_policy("lab/team", "xvs.vlan/1", mode="trunk", native=0)
    assert guests[0].reaches("10.0.0.9")
