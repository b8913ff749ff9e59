# SPDX-License-Identifier: Apache-2.0
"""A vhost-user port as its operator sees it: made, shown, left by its front end, found again.

    [front end, as far as the first words] --vhost-user vm1--+-- [ lab: guard ]
"""

import pathlib
import socket
import struct
import tempfile

import pytest

from support.patience import PATIENCE_S, wait_for

GET_FEATURES, VERSION = 1, 1
GUARD = "org.xvs.guard/1"


@pytest.fixture
def folder():
    """A short one: the address of a socket has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="xvs-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def lab(xvsd, folder):
    return xvsd(f"""
        switches:
          - name: lab
            type: private
            chain:
              - {{instance: guard, extension: org.xvs.guard}}
            ports:
              - name: vm1
                mac: "52:54:00:00:00:01"
                backend: {{kind: vhost-user, socket: {folder}/vm1}}
                policies: {{org.xvs.guard/1: {{dhcp_guard: true}}}}
    """)


class FrontEnd:
    """It connects, and asks what is offered."""

    def __init__(self, path):
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.settimeout(PATIENCE_S)
        self.stream.connect(str(path))

    def features(self):
        self.stream.sendall(struct.pack("<III", GET_FEATURES, VERSION, 0))
        *_, size, value = struct.unpack("<IIIQ", self.stream.recv(20, socket.MSG_WAITALL))
        assert size == 8
        return value

    def leave(self):
        self.stream.close()


def state(daemon, port="lab/vm1"):
    return daemon.port(port)["facts"]["state"]


def test_an_operator_sees_a_front_end_come_and_go(lab, folder):
    assert state(lab) == "listening"
    front = FrontEnd(folder / "vm1")
    assert front.features()
    assert state(lab).startswith("connected")
    assert "connected" in lab.do("port", "show", "lab/vm1")
    front.leave()
    wait_for("the port to listen again", lambda: state(lab) == "listening")
    shown = lab.port("lab/vm1")
    assert "left" in shown["facts"]["front end"] and shown["link"] == "down"
    assert shown["state"] == "open" and shown["policies"][GUARD]["dhcp_guard"]
    assert str(folder / "vm1") in lab.do("port", "list")


def test_the_socket_is_for_owner_and_group_and_goes_with_the_port(lab, folder):
    assert (folder / "vm1").stat().st_mode & 0o777 == 0o660
    lab.stop()
    assert not (folder / "vm1").exists()


def test_a_killed_daemon_leaves_nothing_in_the_way(lab, folder):
    positions = lab.home / "xvs.ports" / "lab" / "vhost" / "vm1.rings"
    assert positions.stat().st_mode & 0o777 == 0o600
    lab.kill()
    assert (folder / "vm1").exists() and positions.exists()
    lab.start()
    assert FrontEnd(folder / "vm1").features()


def test_a_port_that_never_was_leaves_no_positions(lab, folder):
    kept = lab.home / "xvs.ports" / "lab" / "vhost"
    lab.refuses("port", "add", "lab", "vm9", "backend.kind=vhost-user",
                "backend.socket=/nowhere/vm9")
    assert [path.name for path in kept.iterdir()] == ["vm1.rings"]
    vm9 = f"{{name: vm9, backend: {{kind: vhost-user, socket: {folder}/vm9}}}}"
    lab.write(f"{lab.config.read_text(encoding='utf-8').rstrip()}\n"
              f"  - {{name: other, ports: [{vm9}, {{name: odd, "
              "backend: {kind: pcap, read: /nowhere/x}}]}\n")
    lab.refuses("config", "reload")
    assert [path.name for path in lab.home.glob("xvs.ports/*")] == ["lab"]
    assert [path.name for path in kept.iterdir()] == ["vm1.rings"]


def test_positions_go_with_a_port_that_is_removed(lab, folder):
    kept = lab.home / "xvs.ports" / "lab" / "vhost"
    lab.do("port", "add", "lab", "vm9", "backend.kind=vhost-user", f"backend.socket={folder}/vm9")
    assert (kept / "vm9.rings").exists()
    lab.do("port", "remove", "lab/vm9")
    assert [path.name for path in kept.iterdir()] == ["vm1.rings"]
    text = lab.config.read_text(encoding="utf-8")
    lab.write(text.replace(f"{folder}/vm1", f"{folder}/vm1, packed: false"))
    lab.do("config", "reload")  # another backend, of the same port
    assert (kept / "vm1.rings").exists()
    lab.stop()
    assert (kept / "vm1.rings").exists()
    lab.start()
    lab.write("switches: []")
    lab.do("config", "reload")
    assert not kept.parent.exists()


def test_packed_rings_and_offloads_are_offered_as_the_file_says(lab, folder):
    packed, csum = 1 << 34, 1 << 0
    front = FrontEnd(folder / "vm1")
    assert front.features() & packed and front.features() & csum
    text = lab.config.read_text(encoding="utf-8")
    lab.write(text.replace(f"{folder}/vm1", f"{folder}/vm1, packed: false, offloads: false"))
    lab.do("config", "reload")
    front = FrontEnd(folder / "vm1")
    assert not front.features() & (packed | csum)


def test_a_port_is_made_by_hand_and_its_socket_is_its_own(lab, folder):
    words = ["port", "add", "lab", "vm9", "backend.kind=vhost-user"]
    message = lab.refuses(*words, f"backend.socket={folder}/vm1")
    assert f"port lab/vm9: socket {folder}/vm1 belongs to port lab/vm1" in message
    lab.do(*words, f"backend.socket={folder}/vm9", "backend.mode=client")
    assert state(lab, "lab/vm9").startswith("connecting")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "vm9"))
        listener.listen()
        wait_for("the switch to connect", lambda: state(lab, "lab/vm9").startswith("connected"))
    lab.do("port", "remove", "lab/vm9")


def test_a_folder_that_is_missing_is_named(lab, folder):
    message = lab.refuses("port", "add", "lab", "vm9", "backend.kind=vhost-user",
                          f"backend.socket={folder}/none/vm9")
    assert "port lab/vm9: " in message and f"{folder}/none: No such file or directory" in message
