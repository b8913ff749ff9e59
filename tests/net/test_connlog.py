# SPDX-License-Identifier: Apache-2.0
"""Records of connections, as a program reads them.

    [vm1] client  --tap--+-- [ lab: connlog and secgroup on vm2 ]
    [vm2] guarded --tap--+
"""

import json
import os
import socket
import struct

import pytest

from support.host import answer_tcp
from support.patience import wait_for

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {{instance: fw, extension: org.xvs.secgroup}}
      - instance: log
        extension: org.xvs.connlog
        policies:
          org.xvs.connlog/1: {{file: {file}}}
    ports:
      - {{name: vm1, mac: "52:54:00:00:00:01", backend: {{kind: tap, device: eth0, netns: vm1}}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2}}
        policies:
          org.xvs.connlog.port/1: {{}}
          org.xvs.secgroup.rules/1:
            rules:
              - {{direction: in, proto: tcp, ports: "80", action: allow}}
              - {{direction: in, proto: icmp, action: allow}}
"""


TEXT = b"x" * 100000


@pytest.fixture
def lab(hosts, xvsd, tmp_path):
    file = tmp_path / "conns.json"
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG.format(file=file))
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    listener = vm2.listen("10.77.0.2", 80)
    answer_tcp(listener, TEXT)
    yield daemon, vm1, vm2, file
    listener.close()


def records(file, **wanted):
    if not file.exists():
        return []
    return [line for line in map(json.loads, file.read_text().splitlines())
            if all(line.get(key) == value for key, value in wanted.items())]


def fetch(vm1):
    client = vm1.open_socket()
    client.connect(("10.77.0.2", 80))
    got = b""
    while more := client.recv(65536):
        got += more
    # a reset ends it at once; closed by its ends, it is remembered for a while
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert got == TEXT


def test_a_connection_has_its_begin_and_its_end(lab):
    _, vm1, _, file = lab
    fetch(vm1)
    wait_for("the end", lambda: records(file, event="end", proto="tcp"))
    begin, = records(file, event="begin", proto="tcp")
    end, = records(file, event="end", proto="tcp")
    for line in begin, end:
        assert (line["port"], line["direction"], line["verdict"]) == ("vm2", "in", "allow")
        assert (line["src"], line["dst"], line["dst_port"]) == ("10.77.0.1", "10.77.0.2", 80)
    assert begin["id"] == end["id"] and begin["src_port"] == end["src_port"]
    assert begin["time"] <= end["time"]
    assert end["bytes"][1] > 100000 > end["bytes"][0] > 0
    assert end["cause"] == "rst" and end["seconds"] >= 0


def test_what_another_firewall_denies_is_told_too(lab):
    daemon, vm1, _, file = lab
    client = vm1.open_socket()
    client.setblocking(False)
    assert client.connect_ex(("10.77.0.2", 81)) != 0
    daemon.wait_for_drop("default-deny", "lab/vm2")
    wait_for("the record", lambda: records(file, event="denied"))
    client.close()
    denied = records(file, event="denied")[0]
    assert (denied["verdict"], denied["dst_port"], denied["proto"]) == ("deny", 81, "tcp")
    assert not records(file, event="begin", dst_port=81)


def test_ports_without_the_policy_are_not_watched(lab):
    daemon, vm1, vm2, file = lab
    assert vm2.ping("10.77.0.1")
    wait_for("the echo", lambda: records(file, proto="icmp"))
    assert {line["port"] for line in records(file)} == {"vm2"}
    daemon.do("policy", "unset", "--override", "lab/vm2", "org.xvs.connlog.port/1")
    before = len(records(file, event="begin", proto="tcp"))
    fetch(vm1)
    assert len(records(file, event="begin", proto="tcp")) == before


def test_the_file_may_be_moved_away(lab):
    _, vm1, _, file = lab
    fetch(vm1)
    wait_for("the end", lambda: records(file, event="end"))
    moved = file.with_suffix(".moved")
    os.rename(file, moved)
    fetch(vm1)
    wait_for("a new file", lambda: records(file, event="end"))
    assert records(moved, event="end")


def test_nothing_is_lost_when_the_daemon_stops(lab):
    daemon, vm1, _, file = lab
    fetch(vm1)
    daemon.stop()
    assert records(file, event="begin", dst_port=80)
