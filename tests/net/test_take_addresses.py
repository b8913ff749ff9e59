# SPDX-License-Identifier: Apache-2.0
"""A host port takes over the addresses of the uplink, by which the operator is connected.

    [this namespace] 198.51.100.10 --up0=====out0-- 198.51.100.1 [outside]

    afterwards       198.51.100.10 --host0-- [ lab ] --up0=====out0--
"""

import contextlib
import json
import pathlib
import socket
import subprocess
import threading

import pytest

from support.host import remove_link, run, veth
from support.patience import PATIENCE_S, wait_for

HERE, THERE = "198.51.100.10", "198.51.100.1"
HERE6, THERE6 = "fd00:51::10", "fd00:51::1"
OTHER = "203.0.113.10"
PORT = 2222
LONG = 3600

CONFIG = """\
switches:
  - name: lab
    type: external
    uplinks:
      - {name: up0, device: up0, backend: %s}
    host_ports:
      - {name: host0, take_addresses: true%s}
%s"""
NOTHING = "switches: []\n"


def config(backend="af_packet", more="", behind=""):
    return CONFIG % (backend, more, behind)


def has(device):
    """Addresses and routes of a device, without what the kernel makes and counts by itself."""
    links = json.loads(run("ip", "-j", "addr", "show"))
    addresses = sorted((a["family"], a["local"], a["prefixlen"], a["scope"], a.get("broadcast"))
                       for link in links if link["ifname"] == device
                       for a in link["addr_info"] if a["scope"] != "link")
    routes = sorted((r["dst"], r.get("gateway"), r.get("metric"), r.get("table"), r.get("scope"))
                    for family in "46"
                    for r in json.loads(run("ip", f"-{family}", "-j", "route", "show", "table", "all"))
                    if r.get("dev") == device and r.get("protocol") != "kernel"
                    and r.get("table") != "local")
    return addresses, routes


class Session:
    """A connection as an operator has it: what is typed there is repeated here."""

    def __init__(self, outside):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((HERE, PORT))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self.socket = outside.open_socket()
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect((HERE, PORT))
        self.said = 0

    def _serve(self):
        peer, _ = self.listener.accept()
        with peer, contextlib.suppress(OSError):
            while data := peer.recv(4096):
                peer.sendall(data)

    def lives(self):
        self.said += 1
        text = f"line {self.said}".encode()
        self.socket.sendall(text)
        return self.socket.recv(4096) == text

    def close(self):
        self.socket.close()
        self.listener.close()


@pytest.fixture
def host(outside):
    """The host as it is before: up0 has addresses of both families, and routes."""
    pathlib.Path("/proc/sys/net/ipv6/conf/up0/accept_dad").write_text("0", encoding="ascii")
    pathlib.Path("/proc/sys/net/ipv6/conf/up0/disable_ipv6").write_text("0", encoding="ascii")
    outside.up(THERE + "/24")
    outside.use_ipv6()
    outside.run("ip", "addr", "add", THERE6 + "/64", "dev", "out0", "nodad")
    for words in (("addr", "add", HERE + "/24", "brd", "+", "dev", "up0"),
                  ("addr", "add", "198.51.100.11/24", "dev", "up0"),
                  ("addr", "add", HERE6 + "/64", "dev", "up0", "nodad"),
                  ("route", "add", "default", "via", THERE, "dev", "up0"),
                  ("route", "add", "10.55.0.0/16", "via", THERE, "dev", "up0", "metric", "77"),
                  ("route", "add", "10.56.0.0/16", "dev", "up0", "table", "100"),
                  ("-6", "route", "add", "default", "via", THERE6, "dev", "up0", "metric", "9")):
        run("ip", *words)
    wait_for("IPv6 outside", lambda: "tentative" not in outside.run("ip", "-6", "addr"))
    yield outside


@pytest.fixture
def session(host):
    made = Session(host)
    yield made
    made.close()


def apply(daemon, text, *words):
    daemon.write(text)
    return daemon.do("config", "apply", *words)


@pytest.mark.parametrize("backend", ["af_packet", "af_xdp"])
def test_a_connection_by_the_uplink_outlives_the_change_and_the_way_back(xvsd, host, session,
                                                                         backend):
    before, nothing = has("up0"), ([], [])
    families, routes = 3, 4
    assert (len(before[0]), len(before[1])) == (families, routes)
    daemon = xvsd(NOTHING)
    apply(daemon, config(backend), "--confirm", LONG)
    assert has("host0") == before and has("up0") == nothing
    assert session.lives()
    assert host.reaches(HERE6) and host.reaches("198.51.100.11")
    assert {(t["address"], t["from"]) for t in daemon.port("lab/host0")["taken"]} == {
        (HERE + "/24", "up0"), ("198.51.100.11/24", "up0"), (HERE6 + "/64", "up0")}
    daemon.do("config", "confirm")
    daemon.do("port", "block", "lab/host0", "--confirm", LONG)
    daemon.do("config", "rollback")
    assert has("host0") == before and session.lives()
    apply(daemon, NOTHING, "--confirm", LONG)
    assert has("up0") == before and session.lives() and host.ping(HERE6)
    daemon.do("config", "rollback")
    assert has("host0") == before and session.lives() and host.ping(HERE6)
    daemon.do("config", "rollback")
    assert has("up0") == before and session.lives() and host.ping(HERE6)
    assert not list((daemon.home / "state" / "taken").iterdir())


def test_who_cuts_himself_off_is_back_when_the_time_is_over(xvsd, host, session):
    before = has("up0")
    daemon = xvsd(NOTHING)
    message = "host port host0 takes over the addresses of the uplinks, by which you may be here"
    daemon.write(config())
    assert message in daemon.refuses("config", "apply") and has("up0") == before
    apply(daemon, config(more=", vlan: 99"), "--confirm", 1)
    assert has("up0") == ([], [])
    session.socket.sendall(b"is anybody there")
    wait_for("the change to go back", lambda: has("up0") == before)
    assert session.socket.recv(4096) == b"is anybody there" and session.lives()
    wait_for("its end", lambda: "pending" not in daemon.rpc("status")["configuration"])


def test_a_daemon_that_is_killed_or_stops_leaves_the_host_its_addresses(xvsd, host, session):
    before = has("up0")
    daemon = xvsd(NOTHING)
    apply(daemon, config(), "--confirm", LONG)
    daemon.kill()  # unconfirmed, so the next one begins without it
    assert has("up0") == ([], []) and has("host0") == ([], [])
    daemon.start()
    assert has("up0") == before and session.lives()
    apply(daemon, config() + "# again\n", "--confirm", LONG)
    daemon.do("config", "confirm")
    daemon.kill()
    daemon.start()
    assert has("host0") == before and has("up0") == ([], []) and session.lives()
    daemon.stop()
    assert has("up0") == before and session.lives()
    daemon.start()
    assert has("host0") == before and session.lives()
    daemon.kill()
    daemon.write("switches: [{name: other, type: private}]\n")
    daemon.start()
    assert has("up0") == before and session.lives()


def test_a_change_that_is_refused_moves_nothing(xvsd, host, session):
    before = has("up0")
    daemon = xvsd(NOTHING)
    absent = "    ports: [{name: vm9, backend: {kind: tap, device: eth0, netns: nowhere}}]\n"
    daemon.write(config(behind=absent))
    assert "nowhere" in daemon.refuses("config", "apply", "--confirm", LONG)
    assert has("up0") == before and session.lives()
    apply(daemon, config(), "--confirm", LONG)
    daemon.do("config", "confirm")
    daemon.write(config(more=", mtu: 1400", behind=absent))
    daemon.refuses("config", "apply", "--confirm", LONG)
    assert has("host0") == before and session.lives()
    apply(daemon, config(more=", mtu: 1400"), "--confirm", LONG)
    assert has("host0") == before and session.lives()
    daemon.do("config", "confirm")
    daemon.write(config().replace("take_addresses: true", "address: 192.0.2.9/24"))
    assert "addresses of device up0 would be at it again" in daemon.refuses(
        "config", "apply", "--confirm", LONG)
    assert session.lives()


def test_what_was_done_to_a_taken_address_stays(xvsd, host, session):
    daemon = xvsd(config())
    run("ip", "addr", "del", "198.51.100.11/24", "dev", "host0")
    daemon.do("port", "add", "lab", "vm1", "backend.kind=null")
    assert "198.51.100.11" not in run("ip", "-4", "addr", "show") and session.lives()


@pytest.fixture
def second(host, hosts):
    """up1, with an address of its own, beside up0."""
    other, = hosts("second")
    veth("up1", "out1", other)
    run("ip", "addr", "add", OTHER + "/24", "dev", "up1")
    yield other
    remove_link("up1")


def two_uplinks(more=""):
    return config(more=more).replace(
        "    host_ports", "      - {name: up1, device: up1, backend: af_packet}\n    host_ports")


def test_what_an_added_uplink_has_goes_back_with_it(xvsd, second, session):
    nothing = ([], [])
    before, other = has("up0"), has("up1")
    both = (sorted(before[0] + other[0]), sorted(before[1] + other[1]))
    daemon = xvsd(config())
    apply(daemon, two_uplinks(), "--confirm", LONG)
    assert has("host0") == both and has("up1") == nothing
    daemon.do("config", "rollback")
    assert has("host0") == before and has("up1") == other and session.lives()
    apply(daemon, two_uplinks() + "# again\n", "--confirm", LONG)
    daemon.do("config", "confirm")
    daemon.write(config() + "# without up1\n")
    assert "that host port host0 has of device up1 go back to it" in daemon.refuses(
        "config", "apply")
    assert has("host0") == both
    daemon.do("config", "apply", "--confirm", LONG)
    assert has("host0") == before and has("up1") == other and session.lives()
    daemon.stop()
    assert has("up0") == before and has("up1") == other


def test_an_added_uplink_of_a_refused_change_has_its_addresses_again(xvsd, second, session):
    before, other = has("up0"), has("up1")
    daemon = xvsd(config())
    absent = "    ports: [{name: vm9, backend: {kind: tap, device: eth0, netns: nowhere}}]\n"
    daemon.write(two_uplinks(more=", mtu: 1400") + absent)
    assert "nowhere" in daemon.refuses("config", "apply", "--confirm", LONG)
    assert has("host0") == before and has("up1") == other and session.lives()
    record = (daemon.home / "state" / "taken" / "lab").read_text(encoding="utf-8")
    assert '"host0"' in record and '"up1"' not in record
    daemon.kill()
    daemon.write(config())
    daemon.start()
    assert has("host0") == before and has("up1") == other and session.lives()


def test_what_could_not_be_given_back_is_not_forgotten(xvsd, second, session):
    """Its device was away while a daemon began: the next one that takes adds to what is owed."""
    other = has("up1")
    daemon = xvsd(two_uplinks())
    daemon.kill()
    run("ip", "link", "set", "up1", "down")
    run("ip", "link", "set", "up1", "name", "away1")
    daemon.write(config())
    daemon.start()
    assert has("away1") == ([], []) and session.lives()
    assert "addresses are not back: device up1" in daemon.said()
    daemon.kill()
    run("ip", "link", "set", "away1", "name", "up1")
    run("ip", "link", "set", "up1", "up")
    daemon.start()
    assert has("up1") == other and session.lives()


def test_the_host_has_its_addresses_where_no_daemon_begins_again(xvsd, host, session):
    before = has("up0")
    daemon = xvsd(config())
    command = [*daemon.command(), "--return-addresses"]
    daemon_runs = subprocess.run(command, capture_output=True, text=True, check=False)
    assert daemon_runs.returncode == 1 and "uses it" in daemon_runs.stderr
    assert has("up0") == ([], []) and session.lives()
    daemon.kill()
    assert has("up0") == ([], [])
    for _ in range(2):
        subprocess.run(command, check=True)
        assert has("up0") == before and session.lives()


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_record_that_is_of_no_use_moves_nothing(xvsd, host, is_broken):
    """Of before a reboot, after which up0 has what the host's own configuration gives it; or broken."""
    before = has("up0")
    daemon = xvsd(config())
    taken = daemon.home / "state" / "taken"
    there = json.loads((taken / "lab").read_text(encoding="utf-8"))
    daemon.kill()
    record = "{" if is_broken else json.dumps({**there, "boot": "of another day"})
    (taken / "lab").write_text(record, encoding="utf-8")
    daemon.write(NOTHING)
    daemon.start()
    assert has("up0") == ([], []) != before
    assert [path.name for path in taken.iterdir()] == ([".damaged-lab"] if is_broken else [])
    assert ("cannot be read" in daemon.said()) == is_broken


@pytest.mark.parametrize("text, why", [
    (config(more=", netns: other"), "it would take them to another network namespace"),
    (config(more=", address: 192.0.2.9/24"), "it has an address of its own"),
    (config().replace("type: external", "type: internal"), "there is no uplink of a switch of type"),
    (config(behind="      - {name: host1, take_addresses: true}\n"), "only one host port of a switch"),
])
def test_what_cannot_be_taken_is_refused(xvsd, text, why):
    daemon = xvsd(NOTHING)
    daemon.write(text)
    assert f"host port host0 cannot take addresses: {why}" in daemon.refuses(
        "config", "check", daemon.config)
