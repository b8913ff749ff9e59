# SPDX-License-Identifier: Apache-2.0
"""A port's policies and state in a file: what was saved goes on in a port that was made anew.

    [vm1] client  --tap--+-- [ lab: secgroup on vm2 ]
    [vm2] guarded --tap--+
"""

import socket
import threading

import pytest

from support.daemon import Refused
from support.patience import wait_for

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: fw, extension: org.xvs.secgroup}
    ports:
      - {name: vm1, backend: {kind: tap, device: eth0, netns: vm1}}
"""
UUID = "6a1f2c3d-0000-4000-8000-000000000002"
PORT = {"name": "vm2", "uuid": UUID, "mac": "52:54:00:00:00:02",
        "backend": {"kind": "tap", "device": "eth0", "netns": "vm2"},
        "policies": {"org.xvs.secgroup.rules/1": {"rules": [
            {"direction": "in", "proto": "tcp", "ports": "80", "action": "allow"}]}}}


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    daemon.rpc("port.add", switch="lab", port=PORT)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    return daemon, vm1, vm2


class Talk:
    """One TCP connection from vm1 to port 80 of vm2."""

    def __init__(self, vm1, vm2):
        self.listener = vm2.listen("10.77.0.2", 80)
        self.client = vm1.open_socket()
        waiting = threading.Thread(target=self._accept)
        waiting.start()
        self.client.connect(("10.77.0.2", 80))
        waiting.join()

    def _accept(self):
        self.server, _ = self.listener.accept()

    def goes_on(self):
        for speaker, hearer in ((self.client, self.server), (self.server, self.client)):
            speaker.sendall(b"still there?")
            assert hearer.recv(12, socket.MSG_WAITALL) == b"still there?"

    def close(self):
        for one in (self.client, self.server, self.listener):
            one.close()


def connections(daemon):
    return [c for c in daemon.rpc("conn.list")["connections"] if c["state"] == "established"]


def test_a_connection_goes_on_in_a_port_that_was_made_anew(lab, tmp_path):
    daemon, vm1, vm2 = lab
    talk = Talk(vm1, vm2)
    talk.goes_on()
    was = connections(daemon)
    assert len(was) == 1
    file = str(tmp_path / "vm2.port")
    saved = daemon.rpc("port.save", target="lab/vm2", file=file)
    assert saved["port"] == "lab/vm2" and saved["records"] > 0
    talk.goes_on()  # saving disturbs nobody

    # as on another day: nothing is known of it any more, and its rules are others
    daemon.rpc("port.remove", target="lab/vm2")
    assert not connections(daemon)
    daemon.rpc("port.add", switch="lab", port={**PORT, "policies": {
        "org.xvs.secgroup.rules/1": {"rules": [
            {"direction": "in", "proto": "tcp", "ports": "80-81", "action": "allow"}]}}})
    vm2.up("10.77.0.2/24")
    restored = daemon.rpc("port.restore", target="lab/vm2", file=file)
    assert restored["records"] == saved["records"] and restored["left"] == []
    assert restored["policies_differ"] == ["org.xvs.secgroup.rules/1"]
    assert daemon.is_open("lab/vm2") and len(connections(daemon)) == 1
    talk.goes_on()

    # the policies of now count: what they forbid does not go on because it once did
    daemon.rpc("port.remove", target="lab/vm2")
    daemon.rpc("port.add", switch="lab", port={**PORT, "policies": {
        "org.xvs.secgroup.rules/1": {"rules": []}}})
    vm2.up("10.77.0.2/24")
    daemon.rpc("port.restore", target="lab/vm2", file=file)
    assert daemon.is_open("lab/vm2")
    talk.client.sendall(b"nobody hears that")
    wait_for("a drop", lambda: daemon.drops(port="lab/vm2"))
    talk.server.settimeout(0.5)
    with pytest.raises(TimeoutError):
        talk.server.recv(1)
    talk.close()


def test_a_file_that_is_not_right_changes_nothing(lab, tmp_path):
    daemon, vm1, vm2 = lab
    talk = Talk(vm1, vm2)
    file = tmp_path / "vm2.port"
    daemon.rpc("port.save", target="lab/vm2", file=str(file))
    with pytest.raises(Refused, match="File exists"):
        daemon.rpc("port.save", target="lab/vm2", file=str(file))
    whole = file.read_bytes()
    for content, why in ((whole[:-1], "cut short"), (whole[:200] + b"?" + whole[201:], "sum"),
                         (b"name: nothing", "cut short|no frame"), (whole + b"!", "cut short")):
        file.write_bytes(content)
        with pytest.raises(Refused, match=why):
            daemon.rpc("port.restore", target="lab/vm2", file=str(file))
        talk.goes_on()
    file.write_bytes(whole)
    with pytest.raises(Refused, match="another port"):
        daemon.rpc("port.restore", target="lab/vm2", file=str(file), uuid=UUID[:-1] + "3")
    with pytest.raises(Refused, match="absolute path"):
        daemon.rpc("port.restore", target="lab/vm2", file="vm2.port")
    with pytest.raises(Refused, match="No such file"):
        daemon.rpc("port.save", target="lab/vm2", file="/nowhere/vm2.port")
    # the machine has gone on since, but what it was counts as soon as it is asked for
    daemon.rpc("port.restore", target="lab/vm2", file=str(file))
    talk.goes_on()

    # who is needed for it is not there: it stays closed rather than go on half
    daemon.rpc("ext.disable", target="fw")
    daemon.rpc("port.remove", target="lab/vm2")
    daemon.rpc("port.add", switch="lab", port={**PORT, "policies": {}})
    with pytest.raises(Refused, match="no firewall here tracks"):
        daemon.rpc("port.restore", target="lab/vm2", file=str(file))
    assert not daemon.is_open("lab/vm2")
    with pytest.raises(Refused, match="remove it and add it again"):
        daemon.rpc("port.restore", target="lab/vm2", file=str(file))
    talk.close()
