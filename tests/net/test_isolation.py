# SPDX-License-Identifier: Apache-2.0
"""An extension in a process of its own: what it says counts, and what it does hurts nobody else.

    [vm1] --tap--+-- [ lab: isolated ]
    [vm2] --tap--+
"""

import pathlib
import shutil
import time

import pytest

from support.daemon import BUILD
from support.patience import PATIENCE_S, wait_for

CONFIG = """
extensions:
  path: [{path}]
switches:
  - name: lab
    type: private
    chain:
      - instance: iso
        extension: com.example.isolated
        isolation: {isolation}
        on_failure: {on_failure}
        policies: {{com.example.isolated/1: {{refused: [{{port: 7}}, {{port: 8}}], note: "two ports"}}}}
    ports:
      - name: vm1
        backend: {{kind: tap, device: eth0, netns: vm1}}
      - name: vm2
        backend: {{kind: tap, device: eth0, netns: vm2}}
"""
POLICY = "com.example.isolated/1"
COUNT = "com.example.isolated.count/1"
IS_SANITIZED = pathlib.Path(BUILD).name in ("asan", "tsan")  # its runtime reports a crash first
SAVED_S = 11  # state is saved every ten
MISCHIEFS = {
    "crash": "SIGSEGV", "exit": "status 0", "fork": "SIGSYS", "socket": "SIGSYS", "open": "SIGSYS",
    "execute": "SIGSYS", "wild": "SIGSEGV", "kill": "SIGSYS", "forge": "forged an answer",
    "overrun": "", "close": "", "loop": "did not come back",
}


@pytest.fixture
def lab(hosts, xvsd, tmp_path):
    vm1, vm2 = hosts("vm1", "vm2")
    shutil.copy(pathlib.Path(BUILD) / "test-extensions" / "isolated.so", tmp_path)

    def make(on_failure="closed", isolation="process"):
        daemon = xvsd(CONFIG.format(path=tmp_path, on_failure=on_failure, isolation=isolation))
        vm1.up("10.77.0.1/24")
        vm2.up("10.77.0.2/24")
        vm1.reaches("10.77.0.2")
        return daemon, vm1, vm2

    return make


def send(host, port):
    with host.open_socket(kind=2) as s:
        s.sendto(b"x", ("10.77.0.2", port))


def hears(vm1, listener, port):
    """Within 60 s one of many datagrams comes through."""
    def try_once():
        send(vm1, port)
        try:
            return listener.recv(100)
        except (BlockingIOError, TimeoutError):
            return None
    listener.settimeout(0.05)
    return wait_for(f"a datagram at port {port}", try_once)


def processes(daemon):
    """Of extensions, children of the daemon."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)
            if "xvs-exthost" in fields[0] and int(fields[1].split()[1]) == daemon.child.pid:
                found.append(int(entry.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def events(daemon, word):
    return [line for line in daemon.said().splitlines() if word in line]


def misbehave(daemon, vm1, listener, what, port):
    """What has been judged by then goes on while the process dies."""
    daemon.set_policy("lab", POLICY, mischief=what, trigger=port, refused=[{"port": 7}])
    hears(vm1, listener, 9)
    send(vm1, port)
    listener.settimeout(PATIENCE_S)
    for _ in range(20):
        send(vm1, 9)
        assert listener.recv(100) == b"x"


def test_another_version_of_it_is_no_way_around_that(lab, tmp_path):
    """Its file was recorded while it ran in the daemon."""
    daemon, vm1, vm2 = lab(isolation="none")
    other = tmp_path / "elsewhere" / "isolated.so"
    other.parent.mkdir()
    other.write_bytes((tmp_path / "isolated.so").read_bytes() + b"another build")
    daemon.do("ext", "upgrade", "lab/iso", other)
    assert not processes(daemon)
    daemon.write(CONFIG.format(path=tmp_path, on_failure="closed", isolation="process"))
    daemon.do("config", "reload")
    assert len(processes(daemon)) == 1
    vm1.reaches("10.77.0.2")


def test_its_verdicts_policies_status_and_timers_are_as_in_the_daemon(lab):
    daemon, vm1, vm2 = lab()
    assert len(processes(daemon)) == 1
    maps = pathlib.Path(f"/proc/{daemon.child.pid}/maps").read_text()
    assert "xvs-extension" not in "".join(
        line for line in maps.splitlines(True) if " r-xp " in line)
    with vm2.datagrams("10.77.0.2", 9) as listener, vm2.datagrams("10.77.0.2", 7) as refused:
        assert hears(vm1, listener, 9) == b"x"
        send(vm1, 7)
        daemon.wait_for_drop("refused")
        refused.settimeout(0.05)
        with pytest.raises(TimeoutError):
            refused.recv(100)
        daemon.set_policy("lab", POLICY, refused=[{"port": 9}])
        assert hears(vm1, refused, 7) == b"x"
    assert "that is refused" in str(daemon.refuses("policy", "set", "lab", POLICY,
                                                   "mischief=refuse"))
    seen = daemon.rpc("ext.show", name="lab/iso")
    count = seen["status"][COUNT]
    assert count["judged"] > 2 and count["ports"] == 2 and count["ticks"] > 0
    stats = daemon.ctl_json("ext", "stats", "lab/iso")
    assert f"'judged': {count['judged']}" in str(stats)
    assert events(daemon, "hello from a process of its own")


@pytest.mark.parametrize("what", sorted(MISCHIEFS))
def test_what_it_does_ends_its_own_process_alone(lab, what):
    daemon, vm1, vm2 = lab()
    before = processes(daemon)
    with vm2.datagrams("10.77.0.2", 9) as listener, vm2.datagrams("10.77.0.2", 7) as refused:
        assert hears(vm1, listener, 9) == b"x"
        misbehave(daemon, vm1, listener, what, 1000)
        wait_for("its end", lambda: events(daemon, "XVS-0044"))
        assert IS_SANITIZED or MISCHIEFS[what] in events(daemon, "XVS-0044")[0]
        wait_for("the next", lambda: events(daemon, "XVS-0045"))
        assert daemon.is_running()
        assert hears(vm1, listener, 9) == b"x"
        assert processes(daemon) != before
        # with the policy that the one before had
        send(vm1, 7)
        daemon.wait_for_drop("refused")
        refused.settimeout(0.05)
        with pytest.raises(TimeoutError):
            refused.recv(100)
    daemon.wait_for_balance()


def test_without_it_new_flows_pass_where_the_operator_says_so(lab):
    daemon, vm1, vm2 = lab(on_failure="open")
    daemon.set_policy("lab", POLICY, mischief="loop", trigger=1000, refused=[{"port": 7}])
    with vm2.datagrams("10.77.0.2", 7) as refused, vm2.datagrams("10.77.0.2", 1000) as trigger:
        send(vm1, 1000)
        trigger.settimeout(PATIENCE_S)
        assert trigger.recv(100) == b"x"
        refused.settimeout(PATIENCE_S)
        send(vm1, 7)
        assert refused.recv(100) == b"x"
        wait_for("the next", lambda: events(daemon, "XVS-0045"))


def test_a_policy_that_hangs_is_refused_and_the_last_one_holds(lab):
    daemon, vm1, _ = lab()
    daemon.refuses("policy", "set", "--override", "lab", POLICY, "mischief=hang-control")
    wait_for("the next", lambda: events(daemon, "XVS-0045"))
    send(vm1, 7)
    daemon.wait_for_drop("refused")


@pytest.mark.slow
def test_state_is_given_to_the_next_process(lab):
    daemon, vm1, vm2 = lab()
    with vm2.datagrams("10.77.0.2", 9) as listener:
        hears(vm1, listener, 9)

        def judged():
            return daemon.rpc("ext.show", name="lab/iso")["status"][COUNT]
        before = judged()["judged"]
        assert before > 0

        def saved_and_back():
            """State is saved every ten seconds; before that there is none to give."""
            misbehave(daemon, vm1, listener, "crash", 1000)
            wait_for("it runs", lambda: processes(daemon))
            return judged().get("restored")
        time.sleep(SAVED_S)
        assert saved_and_back() >= before


@pytest.mark.parametrize("extension, why", [
    ("org.xvs.secgroup", "with isolation: process"), ("org.xvs.capture", "isolation: none"),
])
def test_what_it_cannot_have_is_refused(lab, extension, why):
    daemon, _, _ = lab()
    config = daemon.config.read_text().replace("com.example.isolated\n", extension + "\n")
    config = "\n".join(line for line in config.splitlines() if "policies:" not in line)
    daemon.write(config)
    assert why in str(daemon.refuses("config", "reload"))


def descriptors(daemon):
    return len(list(pathlib.Path(f"/proc/{daemon.child.pid}/fd").iterdir()))


def resident_kib(daemon):
    text = pathlib.Path(f"/proc/{daemon.child.pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


def crash_and_replace(daemon, vm1, count):
    for _ in range(count):
        ends = len(events(daemon, "XVS-0044"))
        wait_for("it runs", lambda: processes(daemon))
        send(vm1, 1000)
        wait_for("its end", lambda: len(events(daemon, "XVS-0044")) > ends)
        daemon.do("ext", "disable", "lab/iso")
        daemon.do("ext", "enable", "lab/iso")


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_processes_that_come_and_go_leave_nothing(lab, count):
    daemon, vm1, vm2 = lab()
    daemon.set_policy("lab", POLICY, mischief="crash", trigger=1000, refused=[{"port": 7}])
    # the logs of changes and events grow until they are full
    crash_and_replace(daemon, vm1, 5 if count < 100 else 400)
    fds, kib = descriptors(daemon), resident_kib(daemon)
    crash_and_replace(daemon, vm1, count)
    wait_for("descriptors to be closed", lambda: descriptors(daemon) <= fds)
    assert IS_SANITIZED or resident_kib(daemon) < kib + 4096, (kib, resident_kib(daemon))
    assert len(processes(daemon)) == 1
    with vm2.datagrams("10.77.0.2", 9) as listener:
        assert hears(vm1, listener, 9) == b"x"
