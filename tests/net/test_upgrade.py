# SPDX-License-Identifier: Apache-2.0
"""Extensions are replaced by other versions of themselves while machines talk.

    [vm1] clients --tap--+-- [ lab: capture, quota, guard, secgroup, connlog on vm2 ]
    [vm2] servers --tap--+
"""

import contextlib
import socket
import subprocess
import threading

import pytest

from support.daemon import EXTENSIONS, Refused
from support.openflow import MACS, lab_at
from support.patience import wait_for
from support.vendor import MODULES, offer
from support.wire import frame

IP1, IP2 = "10.77.0.1", "10.77.0.2"
USED = "com.acme.quota.used/1"
ELDER = MODULES / "elder" / "vendor_elder.so"
# A full queue of a tap is the receiver's: the sender's TCP knows what to do, and no upgrade made it.
NOT_OURS = {"ring-full"}

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: private
    chain:
      - {{instance: tap0, extension: org.xvs.capture}}
      - {{instance: quota, extension: com.acme.quota}}
      - {{instance: guard, extension: org.xvs.guard}}
      - {{instance: fw, extension: org.xvs.secgroup}}
      - {{instance: log, extension: org.xvs.connlog, required: false}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1}}
        policies: {{com.acme.quota/1: {{bytes: 1000000000000}}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2}}
        policies:
          org.xvs.guard/1: {{dhcp_guard: true}}
          org.xvs.secgroup.rules/1:
            rules:
              - {{direction: in, proto: tcp, action: allow}}
              - {{direction: in, proto: udp, ports: "7", action: allow}}
"""


@pytest.fixture
def lab(hosts, xvsd, tmp_path):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG.format(path=offer(tmp_path / "vendors", "quota")))
    vm1.up(f"{IP1}/24")
    vm2.up(f"{IP2}/24")
    vm2.reaches(IP1)
    return daemon, vm1, vm2


@pytest.fixture
def rebuilt(tmp_path):
    """rebuilt(name): one of our own, as another build of the same source: other bytes."""
    def make(name):
        number = len(list(tmp_path.iterdir()))
        made = tmp_path / f"{name}-{number}.so"
        made.write_bytes((EXTENSIONS / f"{name}.so").read_bytes() + b"%d" % number)
        return made
    return make


def echo(sock):
    """What comes on each connection goes back."""
    def serve(peer):
        with peer, contextlib.suppress(OSError):
            while data := peer.recv(65536):
                peer.sendall(data)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(sock.accept()[0],), daemon=True).start()
    sock.settimeout(None)
    threading.Thread(target=accept, daemon=True).start()


@contextlib.contextmanager
def conversations(vm1, vm2, count):
    """Connections, all of which answer when asked."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(vm2.listen(IP2, 7))
        server.listen(count)
        echo(server)
        made = [stack.enter_context(vm1.open_socket()) for _ in range(count)]
        for sock in made:
            sock.connect((IP2, 7))

        def ask(text):
            for sock in made:
                sock.sendall(text)
            for sock in made:
                assert sock.recv(len(text), socket.MSG_WAITALL) == text
        ask(b"before")
        yield ask


@contextlib.contextmanager
def bulk(tool, vm1, vm2):
    """iperf3 sends until the block has ended, and must have got something through to its end."""
    path = tool("iperf3")
    server = vm2.start(path, "-s", "-1", stdout=subprocess.DEVNULL)
    client = None
    try:
        wait_for("iperf3 to listen", lambda: ":5201" in vm2.run("ss", "-Hltn"))
        client = vm1.start(path, "-c", IP2, "-t", 3600, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
        yield
        assert client.poll() is None, client.stderr.read()
    finally:
        for child in filter(None, (client, server)):
            child.kill()
            child.communicate()


class Datagrams:
    """Numbered ones, a few at a time, so that no queue of a kernel overflows."""

    def __init__(self, vm1, vm2):
        self.receiver = vm2.datagrams(IP2, 7)
        self.sender = vm1.open_socket(socket.SOCK_DGRAM)
        self.lost = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        count = 0
        while not self.over.is_set():
            for n in range(count, count + 16):
                self.sender.sendto(b"%d" % n, (IP2, 7))
            for n in range(count, count + 16):
                try:
                    got = int(self.receiver.recv(100))
                except OSError:
                    got = None
                if got != n:
                    self.lost.append((n, got))
                    return
            count += 16

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.over.set()
        self.thread.join()
        self.sender.close()
        self.receiver.close()


def used(daemon):
    return daemon.port("lab/vm1")["status"][USED]["bytes"]


def lost(daemon):
    return {d["reason"]: d["packets"] for d in daemon.rpc("drops")
            if d["packets"] and d["reason"] not in NOT_OURS}


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_versions_change_under_traffic_and_nothing_is_lost(lab, tool, rebuilt, times):
    daemon, vm1, vm2 = lab
    files = [ELDER, MODULES / "next" / "quota_sound.so"]
    before = used(daemon)
    pauses = []
    with conversations(vm1, vm2, 200) as ask, bulk(tool, vm1, vm2), \
            Datagrams(vm1, vm2) as datagrams:
        already = lost(daemon)  # of the time before there were addresses
        for n in range(times):
            daemon.do("ext", "upgrade", "quota", files[n % 2], "--watch-for", "0")
            daemon.do("ext", "upgrade", "fw", rebuilt("secgroup"), "--watch-for", "0")
            for instance in ("quota", "fw"):
                pauses.append(daemon.rpc("ext.show", name=instance)["upgrade"]["paused_us"])
            ask(b"%d" % n)
            now = used(daemon)
            assert now > before, "what was used is not forgotten"
            before = now
        assert lost(daemon) == already
    assert not datagrams.lost
    daemon.wait_for_balance()
    pauses.sort()
    print(f"packets waited for {pauses[len(pauses) // 2]} us, {pauses[-1]} us at most")


def test_our_own_give_room_to_others_builds(lab, rebuilt):
    daemon, vm1, vm2 = lab
    with conversations(vm1, vm2, 5) as ask:
        for instance, name in (("tap0", "capture"), ("guard", "guard"), ("fw", "secgroup"),
                               ("log", "connlog")):
            said = daemon.do("ext", "upgrade", instance, rebuilt(name))
            assert "packets waited for" in said
            ask(b"after " + name.encode())
            assert daemon.rpc("ext.show", name=instance)["upgrade"]["outcome"] == "watched"
    assert daemon.is_open("lab/vm1") and daemon.is_open("lab/vm2")


def test_controllers_come_back_to_the_next_version(tmp_path, rebuilt):
    with lab_at(tmp_path) as lab:
        vm1, vm2, _ = lab.wires()
        for text in (b"before", b"after"):
            lab.flow("dl_dst=52:54:00:00:00:02,actions=output:@vm2")
            vm1.send(frame(MACS["vm2"], MACS["vm1"], text))
            assert vm2.wait(frame(MACS["vm2"], MACS["vm1"], text))
            lab.daemon.do("ext", "upgrade", "of", rebuilt("openflow"))
            assert "actions" not in lab.ofctl("dump-flows")


def test_what_is_refused_leaves_what_runs(lab, tmp_path):
    daemon, vm1, vm2 = lab
    quota = MODULES / "next" / "quota_sound.so"
    later = tmp_path / "later.so"
    note = (4).to_bytes(4, "little") + (100).to_bytes(4, "little") + b"\1\0\0\0xvs\0\1\0"
    bytes_ = quota.read_bytes()
    assert note in bytes_
    at = bytes_.index(note) + len(note)
    later.write_bytes(bytes_[:at] + b"\7\0" + bytes_[at + 2:])
    with conversations(vm1, vm2, 5) as ask:
        assert "ABI" in daemon.refuses("ext", "upgrade", "quota", later)
        for name, why in (("misfit", "format 2 is too old"), ("refusing", "makes nothing of that"),
                          ("greedy", "originate")):
            file = MODULES / "next" / f"quota_{name}.so"
            said = daemon.refuses("ext", "upgrade", "quota", file)
            assert why in said and "stays as it is" in said
        daemon.refuses("ext", "upgrade", "quota", tmp_path / "none.so", code=4)
        daemon.refuses("ext", "upgrade", "nobody", quota, code=4)
        with pytest.raises(Refused, match="absolute"):
            daemon.rpc("ext.upgrade", target="quota", file="quota.so")
        assert "2.0.0 -> 3.0.0" in daemon.do("ext", "upgrade", "quota", quota, "--dry-run")
        assert daemon.rpc("ext.show", name="quota")["of"]["version"] == "2.0.0"
        ask(b"after")


def test_one_that_misbehaves_has_to_go(lab):
    daemon, vm1, vm2 = lab
    with conversations(vm1, vm2, 5) as ask:
        before = used(daemon)
        daemon.do("ext", "upgrade", "quota", MODULES / "next" / "quota_dropping.so")
        ask(b"TCP sends again what it dropped")
        shown = daemon.rpc("ext.show", name="quota")
        assert shown["of"]["version"] == "2.0.0" and shown["upgrade"]["outcome"] == "went back"
        assert "catch-all" in shown["upgrade"]["why"] and used(daemon) > before
    assert "goes back to 2.0.0" in daemon.said()


def test_a_restart_finds_the_same_file_again(lab):
    daemon, _, _ = lab
    daemon.do("ext", "upgrade", "quota", MODULES / "next" / "quota_sound.so")
    daemon.stop()
    daemon.start()
    assert daemon.rpc("ext.show", name="quota")["of"]["version"] == "3.0.0"
    daemon.do("ext", "upgrade", "quota")
    assert daemon.rpc("ext.show", name="quota")["of"]["version"] == "2.0.0"
