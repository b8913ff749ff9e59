# SPDX-License-Identifier: Apache-2.0
"""Addresses for guests: dnsmasq at a host port, started and watched by the daemon.

    [vm1] --tap--+                                  [vm3] --tap--+
    [vm2] --tap--+-- [ lab: nat ] 203.0.113.5 -- out0            +-- [ back: internal ]
         host0 --+   192.168.10.1                  [serve] eth9 -+
"""

import os
import pathlib
import random
import signal
import subprocess

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from support.daemon import BUILD
from support.host import run
from support.patience import PATIENCE_S, wait_for
from support.wire import BROADCAST, frame

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
PROGRAM = "/usr/sbin/dnsmasq"

CONFIG = """\
switches:
  - name: lab
    type: nat
    uplinks:
      - {name: out0, device: up0, backend: af_packet}
    nat:
      inside: 192.168.10.1/24
      outside: {addresses: [203.0.113.5/24], gateway: 203.0.113.1}
    host_ports:
      - {name: host0, address: 192.168.10.2/24}
    dhcp:
      range: 192.168.10.100-192.168.10.199
      lease_s: 600
      resolver: {domain: lab.test}
      reserved:
        - {port: vm1, address: 192.168.10.11}
    chain:
      - {instance: guard, extension: org.xvs.guard}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: vm2}
        policies: {org.xvs.guard/1: {dhcp_guard: true}}
"""

INTERNAL = """\
switches:
  - name: back
    type: internal
    host_ports:
      - {name: host0, device: eth9, netns: serve, address: 10.77.0.1/24}
    dhcp: {range: 10.77.0.10-10.77.0.10, gateway: 10.77.0.254, dns: [192.0.2.53]}
    ports:
      - {name: vm3, backend: {kind: tap, device: eth0, netns: vm3}}
"""

CLIENT = """\
#!/bin/sh
case $1 in
bound|renew)
    ip addr flush dev $interface
    ip addr add $ip/$mask dev $interface
    [ -z "$router" ] || ip route replace default via $router
    set > %s ;;
esac
"""


def lease(host, folder, *options):
    """What a guest is given by the time it has an address: the words of udhcpc."""
    told, script = folder / f"{host.name}.lease", folder / f"{host.name}.sh"
    told.unlink(missing_ok=True)
    script.write_text(CLIENT % told, encoding="ascii")
    script.chmod(0o755)
    host.run("busybox", "udhcpc", "-f", "-q", "-n", "-t", "9", "-T", "4", "-i", host.device,
             "-s", script, *options, timeout=PATIENCE_S)
    lines = (line.split("=", 1) for line in told.read_text(encoding="ascii").splitlines()
             if "=" in line)
    return {name: value.strip("'") for name, value in lines}


def server(daemon, switch="lab"):
    return daemon.ctl_json("dhcp", "show", switch)[0]


def serves(daemon, switch="lab"):
    return wait_for("a DHCP server", lambda: server(daemon, switch)["process"])


def leases(daemon):
    return {one["mac"]: one for one in daemon.ctl_json("dhcp", "list")}


def is_there(pid):
    try:
        return "dnsmasq" in pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def lab(hosts, outside, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    vm1.up()
    vm2.up()
    outside.up("203.0.113.1/24")
    return daemon, vm1, vm2


def test_guests_get_addresses_names_and_a_way_out(lab, tmp_path):
    daemon, vm1, vm2 = lab
    one, two = lease(vm1, tmp_path, "-x", "hostname:wrong"), lease(vm2, tmp_path)
    assert (one["ip"], one["router"], one["dns"], one["lease"], one["domain"]) == (
        "192.168.10.11", "192.168.10.1", "192.168.10.2", "600", "lab.test")
    first, last = 100, 199
    assert first <= int(two["ip"].rsplit(".", 1)[1]) <= last and two["router"] == one["router"]
    assert vm1.reaches("203.0.113.1") and vm2.reaches("203.0.113.1") and vm2.reaches(one["ip"])
    answer = vm2.run("busybox", "nslookup", "vm1.lab.test", "192.168.10.2")
    assert one["ip"] in answer
    known = leases(daemon)
    assert (known[VM1]["port"], known[VM1]["reserved"], known[VM1]["name"]) == ("vm1", True, "vm1")
    assert (known[VM2]["address"], known[VM2]["reserved"]) == (two["ip"], False)
    assert 0 < known[VM2]["left_s"] <= 600
    assert server(daemon)["leases"] == 2 and server(daemon)["problem"] == ""
    assert VM2 in daemon.do("dhcp", "list", "lab") and "dnsmasq" in daemon.do("dhcp", "show")
    daemon.refuses("dhcp", "show", "nobody", code=4)


def test_it_runs_without_rights_and_reads_nothing_of_the_host(lab):
    daemon, *_ = lab
    pid = serves(daemon)
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
    assert "0" not in uids
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="ascii").split("\0")
    conf = next(word.split("=")[1] for word in words if word.startswith("--conf-file="))
    assert conf.startswith(str(daemon.home)) and os.stat(conf).st_mode & 0o77 == 0
    told = pathlib.Path(conf).read_text(encoding="ascii").splitlines()
    assert {"no-hosts", "no-resolv", "interface=host0", "except-interface=lo"} <= set(told)


def test_what_ends_is_started_again_and_knows_its_leases(lab, tmp_path):
    daemon, _, vm2 = lab
    address, before = lease(vm2, tmp_path)["ip"], leases(daemon)
    for _ in range(2):
        pid = serves(daemon)
        os.kill(pid, signal.SIGKILL)
        wait_for("another process", lambda pid=pid: server(daemon)["process"] not in (0, pid))
        assert {mac: one["address"] for mac, one in leases(daemon).items()} == {
            mac: one["address"] for mac, one in before.items()}
    assert server(daemon)["restarts"] == 2 and "dnsmasq ended with signal 9" in daemon.said()
    assert lease(vm2, tmp_path, "-r", address)["ip"] == address


def test_a_daemon_that_was_killed_leaves_nothing_behind(lab, tmp_path):
    daemon, vm1, vm2 = lab
    address, pid = lease(vm2, tmp_path)["ip"], serves(daemon)
    with subprocess.Popen([PROGRAM, "--conf-file=/dev/null", "--keep-in-foreground", "--port=0",
                           "--pid-file="]) as stranger:
        try:
            daemon.kill()
            assert is_there(pid)
            daemon.start()
            assert not is_there(pid) and serves(daemon) != pid
            assert stranger.poll() is None, "it is not ours"
        finally:
            stranger.kill()
    vm1.up()
    vm2.up()
    assert lease(vm2, tmp_path)["ip"] == address
    daemon.kill()
    daemon.write(CONFIG.replace("    dhcp:\n", "    #\n").replace(
        CONFIG[CONFIG.index("      range:"):CONFIG.index("    chain:")], ""))
    pid = next(int(path.parent.name) for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
               if f"--conf-file={daemon.home}" in path.read_text(errors="replace"))
    daemon.start()
    assert not is_there(pid) and daemon.ctl_json("dhcp", "show") == []


def test_a_reload_changes_what_differs_and_loses_no_lease(lab, tmp_path):
    daemon, _, vm2 = lab
    address, pid = lease(vm2, tmp_path)["ip"], serves(daemon)
    daemon.write(CONFIG + "# nothing\n")
    daemon.do("config", "reload")
    assert server(daemon)["process"] == pid
    daemon.write(CONFIG.replace("lease_s: 600", "lease_s: 1200"))
    assert "~ switch lab: dhcp: lease_s" in daemon.do("config", "diff")
    daemon.do("config", "reload")
    assert serves(daemon) != pid and not is_there(pid)
    again = lease(vm2, tmp_path)
    assert (again["ip"], again["lease"]) == (address, "1200")
    daemon.write(CONFIG.replace("- {port: vm1, address: 192.168.10.11}",
                                "- {port: vm2, address: 192.168.10.12, name: second}"))
    daemon.do("config", "reload")
    assert lease(vm2, tmp_path)["ip"] == "192.168.10.12"
    pid = serves(daemon)
    daemon.stop()
    assert not is_there(pid)
    daemon.start()


def test_without_the_program_it_is_said_and_tried_again(hosts, outside, xvsd, tmp_path):
    vm1, _ = hosts("vm1", "vm2")
    plain = CONFIG[:CONFIG.index("    dhcp:")] + CONFIG[CONFIG.index("    chain:"):]
    daemon = xvsd(plain)
    run("mount", "--bind", "/dev/null", PROGRAM)
    try:
        daemon.write(CONFIG)
        words = "dnsmasq, which gives guests their addresses, is not installed"
        assert words in daemon.refuses("config", "reload")
        checked = subprocess.run(daemon.command("--check"), capture_output=True, text=True,
                                 check=False)
        assert checked.returncode == 1 and f"{daemon.config}:11:5: switch lab: dhcp: {words}" in \
            checked.stderr
        daemon.stop()
        daemon.start()
        assert words in server(daemon)["problem"] and words in daemon.do("dhcp", "show", "lab")
        assert daemon.is_open("lab/host0") and daemon.is_open("lab/vm1")
    finally:
        run("umount", PROGRAM)
    serves(daemon)
    vm1.up()
    assert lease(vm1, tmp_path)["ip"] == "192.168.10.11"


def test_a_rogue_server_and_odd_requests_disturb_nobody(lab, tmp_path):
    daemon, vm1, vm2 = lab
    pid, rogue, dice = serves(daemon), vm2.wire(), random.Random(5)
    offer = Ether(src=VM2, dst=BROADCAST) / IP(src="192.168.10.66", dst="255.255.255.255") / UDP(
        sport=67, dport=68) / BOOTP(op=2, yiaddr="192.168.10.66") / DHCP(
            options=[("message-type", "offer"), ("router", "192.168.10.66"), "end"])
    for _ in range(50):
        rogue.send(offer)
        body = dice.randbytes(dice.randrange(400))
        rogue.send(Ether(src=VM2, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255")
                   / UDP(sport=68, dport=67) / (b"\1\1\6\0" + body))
        rogue.send(frame(BROADCAST, VM2, body[:100]))
    daemon.wait_for_drop("dhcp-server", "lab/vm2", 50)
    one = lease(vm1, tmp_path)
    assert (one["ip"], one["router"]) == ("192.168.10.11", "192.168.10.1")
    assert server(daemon)["process"] == pid


def test_one_guest_does_not_take_all_addresses(lab, tmp_path):
    """Requests in the name of adapters that it does not have are dropped before the server."""
    daemon, vm1, vm2 = lab
    hungry = vm2.wire()
    for number in range(300):
        mac = f"52:54:00:99:{number >> 8:02x}:{number & 255:02x}"
        hungry.send(Ether(src=mac, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255")
                    / UDP(sport=68, dport=67)
                    / BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=number)
                    / DHCP(options=[("message-type", "discover"), "end"]))
    daemon.wait_for_drop("spoofed-mac", "lab/vm2", 300)
    lease(vm1, tmp_path)
    assert set(leases(daemon)) == {VM1}


def test_a_server_in_a_namespace_of_its_own(hosts, xvsd, tmp_path):
    serve, vm3 = hosts("serve", "vm3")
    daemon = xvsd(INTERNAL)
    vm3.up()
    told = lease(vm3, tmp_path)
    assert (told["ip"], told["router"], told["dns"]) == ("10.77.0.10", "10.77.0.254", "192.0.2.53")
    assert "eth9" in serve.run("ip", "-br", "link")
    pid = serves(daemon, "back")
    assert os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat("/run/netns/serve").st_ino
    daemon.write(INTERNAL.replace("10.77.0.1/24", "10.77.0.2/24"))
    daemon.do("config", "reload")
    assert serves(daemon, "back") != pid
    assert lease(vm3, tmp_path)["serverid"] == "10.77.0.2"
    assert server(daemon, "back")["leases"] == 1
    daemon.write("switches: []\n")
    daemon.do("config", "reload")
    assert not is_there(pid) and daemon.ctl_json("dhcp", "list") == []


WRONG = {
    "type: nat": ("type: external", "only a switch of type nat or internal has a server"),
    "192.168.10.2/24": ("192.168.11.2/24", "another address of the inside network"),
    "range: 192.168.10.100-": ("range: 192.168.10.2-", "the server's own address in it"),
    "range: 192.168.10.100-192": ("range: 192.168.10.0-192", "not of addresses of the server's"),
    "-192.168.10.199": ("", "must be addresses as 192.0.2.10-192.0.2.99"),
    "{port: vm1, address": ("{port: vm7, address", "the switch has no port vm7, the nearest is vm"),
    "{port: vm1, ": ("{", "say by port or by mac who gets it"),
    "address: 192.168.10.11": ("address: 192.168.10.1", "nor the gateway's"),
    "domain: lab.test": ("domain: lab..test", "domain lab..test is none"),
    "lease_s: 600": ("lease_s: 6", "must be 120..2592000"),
    "lease_s: 601": ("port: host7", "the switch has no host port host7"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_refused(tmp_path, what):
    value, why = WRONG[what]
    config = tmp_path / "xvs.yaml"
    config.write_text(CONFIG.replace(what.replace("601", "600"), value), encoding="ascii")
    checked = subprocess.run([str(BUILD / "bin" / "xvsd"), "--check", "--config", str(config),
                              "--extensions", str(BUILD / "extensions")],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 1 and why in checked.stderr, checked.stderr
    assert all(line.startswith(str(config)) for line in checked.stderr.splitlines())
