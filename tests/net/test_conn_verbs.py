# SPDX-License-Identifier: Apache-2.0
"""xvsctl conn: which connections there are, counted and ended by who and what they are between.

    [vm1] --tap--+-- [ lab: secgroup on vm2 and vm3 ]
    [vm2] --tap--+
    [vm3] --tap--+
    [vm4] --tap--+-- [ other: secgroup on vm4 ]
    [vm5] --tap--+
"""

import socket

import pytest

from support.daemon import Daemon, Refused
from support.host import Host
from support.patience import wait_for

ADDRESSES = {f"vm{n}": f"10.77.0.{n}" for n in range(1, 6)}
RULES = """
        policies:
          xvs.connections/1: {midstream_s: 0}
          org.xvs.secgroup.rules/1:
            rules:
              - {direction: in, proto: tcp, ports: "80", action: allow}
              - {direction: in, proto: udp, ports: "53", action: allow}
"""


def port(name, guarded):
    n = name[2:]
    return f"""
      - name: {name}
        mac: "52:54:00:00:00:0{n}"
        backend: {{kind: tap, device: eth0, netns: {name}}}
{RULES if guarded else ""}"""


def switch(name, instance, ports):
    return f"""
  - name: {name}
    type: private
    chain:
      - {{instance: {instance}, extension: org.xvs.secgroup}}
    ports: {"".join(ports)}"""


CONFIG = "switches:" \
    + switch("lab", "fw", [port("vm1", False), port("vm2", True), port("vm3", True)]) \
    + switch("other", "wall", [port("vm4", True), port("vm5", False)])


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    vms = {name: Host(name) for name in ADDRESSES}
    daemon = Daemon(tmp_path_factory.mktemp("xvsd"), CONFIG).start()
    for name, host in vms.items():
        host.up(f"{ADDRESSES[name]}/24")
    yield daemon, vms
    daemon.stop()
    for host in vms.values():
        host.remove()


@pytest.fixture
def talks(lab):
    """A question to each guarded port, of which vm2 alone answers; and one that is denied."""
    daemon, vms = lab
    daemon.rpc("conn.flush")
    sockets = []

    def ask(source, target, service):
        sockets.append(vms[source].open_socket(socket.SOCK_DGRAM))
        sockets[-1].connect((ADDRESSES[target], service))
        sockets[-1].send(b"question")
        return sockets[-1]

    server = vms["vm2"].datagrams(ADDRESSES["vm2"], 53)
    silent = [vms[name].datagrams(ADDRESSES[name], 53) for name in ("vm3", "vm4")]
    sockets += [server, *silent]
    client = ask("vm1", "vm2", 53)
    _, who = server.recvfrom(100)
    server.sendto(b"answer", who)
    client.recv(100)
    ask("vm1", "vm3", 53)
    ask("vm5", "vm4", 53)
    for one in silent:
        one.recv(100)
    ask("vm1", "vm2", 99)
    wait_for("the denial", lambda: daemon.rpc("conn.count", state="denied")["count"] == 1)
    yield daemon, client, server
    for one in sockets:
        one.close()


CHOICES = [
    ((), 3), (("--port", "lab/vm2"), 1), (("--switch", "lab"), 2), (("--switch", "other"), 1),
    (("--proto", "udp"), 3), (("--proto", "17"), 3), (("--proto", "tcp"), 0),
    (("--address", "10.77.0.3"), 1), (("--address", "10.77.0.0/30"), 2),
    (("--address", "0.0.0.0/0"), 3), (("--address", "::/0"), 3), (("--address", "fd00::/8"), 0),
    (("--l4-port", "53"), 3), (("--l4-port", "54"), 0),
    (("--state", "established"), 1), (("--state", "half-open"), 2), (("--state", "denied"), 1),
    (("--extension", "org.xvs.secgroup"), 3), (("--extension", "wall"), 1),
    (("--extension", "lab/fw"), 2), (("--extension", "fw", "--state", "denied"), 1),
    (("--extension", "wall", "--state", "denied"), 0),
    (("--switch", "lab", "--state", "half-open", "--l4-port", "53"), 1),
]


@pytest.mark.parametrize("words, count", CHOICES, ids=lambda value: " ".join(value)
                         if isinstance(value, tuple) else str(value))
def test_chooses_by(talks, words, count):
    daemon, _, _ = talks
    assert daemon.ctl_json("conn", "count", *words) == {"count": count}
    listed = daemon.ctl_json("conn", "list", *words)
    denied = [c for c in listed["connections"] if c["denied"]]
    assert listed["total"] == count
    assert len(listed["connections"]) - (0 if "denied" in words else len(denied)) == count


@pytest.mark.parametrize("words", [words for words, count in CHOICES
                                   if count and "denied" not in words], ids=" ".join)
def test_ends_those_and_no_others(talks, words):
    daemon, _, _ = talks
    chosen = daemon.rpc("conn.count")["count"], daemon.ctl_json("conn", "count", *words)["count"]
    assert f"{chosen[1]} connection" in daemon.do("conn", "flush", *words)
    assert daemon.rpc("conn.count")["count"] == chosen[0] - chosen[1]


def test_what_was_ended_has_ended_when_the_command_returns(lab):
    """Nothing that is sent after it gets through: it is of no connection any more."""
    daemon, vms = lab
    with vms["vm2"].listen(ADDRESSES["vm2"], 80) as listener, vms["vm1"].open_socket() as client:
        client.connect((ADDRESSES["vm2"], 80))
        server, _ = listener.accept()
        client.send(b"before")
        assert server.recv(100) == b"before"
        assert "1 connection ended" in daemon.do("conn", "flush", "--proto", "tcp", "--state",
                                                 "established", "--l4-port", 80)
        client.send(b"after")
        daemon.wait_for_drop("conn-midstream", "lab/vm2")
        server.setblocking(False)
        with server, pytest.raises(BlockingIOError):
            server.recv(100)


@pytest.mark.parametrize("words, message, code", [
    (("--state", "asleep"), 'state "asleep" is none', 1),
    (("--address", "10.77.0.0/33"), 'address "10.77.0.0/33" is none', 1),
    (("--l4-port", "65536"), "l4_port is 65536, must be 1..65535", 1),
    (("--port", "vm9"), "port vm9: there is none of that name", 4),
    (("--switch", "nowhere"), "switch nowhere: there is none of that name", 4),
    (("--extension", "nobody"), "extension nobody: there is none of that name", 4),
    (("--extension", "wall", "--switch", "lab"),
     "extension wall: there is none of that name in switch lab", 4),
])
def test_refuses(lab, words, message, code):
    daemon, _ = lab
    assert message in daemon.refuses("conn", "list", *words, code=code)


def test_refuses_a_protocol_that_has_no_name(lab):
    daemon, _ = lab
    assert "--proto takes a number" in daemon.refuses("conn", "list", "--proto", "quic", code=2)
    with pytest.raises(Refused, match="proto is a number of IP"):
        daemon.rpc("conn.list", proto=256)
