# SPDX-License-Identifier: Apache-2.0
"""What is wrong is said in one sentence: what, on which object, why, what to do.

    [vm1] --tap--+-- [ lab: guard ], which is never disturbed by any of it
    [vm2] --tap--+
"""

import shutil
import subprocess

import pytest

from support.daemon import BUILD, EXTENSIONS
from support.host import run

BASE = """\
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
        policies: {org.xvs.guard/1: {dhcp_guard: true}}
"""
PORT = '      - {name: vm3, mac: "52:54:00:00:00:03", backend: %s}\n'
CHAIN = "      - {instance: guard, extension: org.xvs.guard}\n"


def with_instance(extension):
    return BASE.replace(CHAIN, CHAIN + f"      - {{instance: more, extension: {extension}}}\n")


@pytest.fixture
def lab(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(BASE)
    vm1.up("10.77.0.1/24")
    vm2.up("10.77.0.2/24")
    vm1.reaches("10.77.0.2")
    return daemon, vm1


def refused(lab, config):
    """The one error of a configuration that leaves status and traffic as they were."""
    daemon, vm1 = lab
    before = daemon.rpc("switch.show", name="lab")
    daemon.write(config)
    message = daemon.refuses("config", "apply").strip()
    assert len(message.splitlines()) == 1, message
    assert message.startswith(f"{daemon.config}:"), message
    assert daemon.rpc("switch.show", name="lab") == before and vm1.ping("10.77.0.2")
    return message


def test_an_unknown_key(lab):
    message = refused(lab, BASE.replace("dhcp_guard", "dhcp_gard"))
    assert ":11:38: " in message
    assert "dhcp_gard" in message and "dhcp_guard" in message and "org.xvs.guard/1" in message


def test_a_bad_value(lab):
    message = refused(lab, BASE.replace("dhcp_guard: true", "storm_pps: lots"))
    assert "storm_pps" in message and "lots" in message and "0..10000000" in message


def test_a_duplicate_name(lab):
    message = refused(lab, BASE + PORT.replace("vm3", "vm1") % '{kind: "null"}')
    assert ":12:9: " in message
    assert "port vm1: name vm1 is taken already by port vm1" in message and "line 7" in message


def test_a_busy_device(lab):
    run("ip", "link", "add", "busy0", "type", "veth", "peer", "name", "busy1")
    try:
        message = refused(lab, BASE + PORT % "{kind: tap, device: busy0}")
    finally:
        run("ip", "link", "del", "busy0")
    assert "vm3" in message and "device busy0 exists already: choose another name" in message


def test_a_device_with_the_host_s_address_is_no_uplink(lab):
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    run("ip", "addr", "add", "192.0.2.7/24", "dev", "up0")
    run("ip", "link", "set", "up0", "up")
    try:
        message = refused(lab, BASE.replace("private", "external").replace(
            "    chain:", "    uplinks: [{name: up0, device: up0, backend: af_packet}]\n    chain:"))
    finally:
        run("ip", "link", "del", "up0")
    assert "device up0 carries the host's address 192.0.2.7" in message
    assert "take_addresses: true" in message


def test_a_device_that_is_not_there(lab):
    message = refused(lab, BASE + PORT % "{kind: af_packet, device: gone0}")
    assert "vm3" in message and "gone0" in message


def test_a_missing_extension(lab):
    message = refused(lab, with_instance("org.xvs.nothing"))
    assert "chain entry more" in message and str(EXTENSIONS) in message
    assert "extension org.xvs.nothing: no file in" in message


def test_a_misspelt_extension_names_the_nearest(lab):
    message = refused(lab, with_instance("org.xvs.secgrup"))
    assert "the nearest is org.xvs.secgroup" in message


@pytest.fixture
def modules(tmp_path):
    """modules(...): a directory of extensions beside the usual ones, as a line of the file."""
    place = tmp_path / "modules"
    place.mkdir()

    def put(config, source, name, size=None):
        shutil.copy(source, place / name)
        if size is not None:
            with open(place / name, "r+b") as module:
                module.truncate(size)
        return f"extensions: {{path: [{place}]}}\n" + config

    return put


def test_a_wrong_major_version(modules, check):
    done = check(modules(with_instance("com.example.major2"),
                         BUILD / "test-extensions" / "ext_major2.so", "major2.so"))
    assert done.returncode == 1
    assert "needs ABI 2, this host offers ABI 1" in done.stderr, done.stderr
    assert "major2.so" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("size", [0, 40, 4000])
def test_a_truncated_file(modules, check, size):
    config = modules(with_instance("org.xvs.cut"), EXTENSIONS / "guard.so", "cut.so", size)
    done = check(config)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "extension org.xvs.cut: no file has it; 1 was refused: " in done.stderr
    assert "cut.so" in done.stderr and ("is cut short" in done.stderr or "is empty" in done.stderr)


def test_a_file_that_is_shown_says_what_is_wrong_with_it(daemon_at, tmp_path):
    daemon = daemon_at(BASE)
    shutil.copy(EXTENSIONS / "guard.so", tmp_path / "cut.so")
    with open(tmp_path / "cut.so", "r+b") as module:
        module.truncate(1000)
    assert "is cut short" in daemon.refuses("ext", "show", tmp_path / "cut.so")


def test_no_privileges(hosts, daemon_at, tool):
    hosts("vm1", "vm2")
    daemon = daemon_at(BASE, wrap=[tool("setpriv"), "--bounding-set=-all", "--inh-caps=-all"])
    daemon.start()
    assert "xvsd needs CAP_NET_ADMIN and CAP_NET_RAW" in daemon.said()
    port = daemon.port("lab/vm1")
    assert port["state"] == "closed"
    reason, = port["reasons"]
    assert "vm1" in reason and ("CAP_" in reason or "not permitted" in reason), reason


def test_a_second_daemon_on_the_same_state(lab, daemon_at):
    daemon, vm1 = lab
    other = daemon_at(BASE, name="xvsd")
    other.socket = daemon.home / "other.sock"
    done = subprocess.run(other.command(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    error, = [line for line in done.stderr.splitlines() if "error" in line]
    assert str(daemon.home / "state") in error, error
    assert vm1.ping("10.77.0.2")


def test_a_second_daemon_on_the_same_socket(lab, daemon_at):
    daemon, vm1 = lab
    other = daemon_at(BASE, name="other")
    other.socket = daemon.socket
    done = subprocess.run(other.command(), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and str(daemon.socket) in done.stderr
    assert daemon.rpc("version") and vm1.ping("10.77.0.2")


def test_xvsctl_without_a_daemon(daemon_at):
    daemon = daemon_at(BASE)
    message = daemon.refuses("status", code=3)
    assert str(daemon.socket) in message


def test_xvsctl_used_wrongly(lab):
    daemon, _ = lab
    assert 'unknown verb "nonsense"; see xvsctl --help' in daemon.refuses("nonsense", code=2)
    daemon.refuses("port", "show", code=2)


def test_what_does_not_exist_is_not_found(lab):
    daemon, _ = lab
    assert "lab/vm9" in daemon.refuses("port", "show", "lab/vm9", code=4)
    assert "nolab" in daemon.refuses("switch", "show", "nolab", code=4)
