# SPDX-License-Identifier: Apache-2.0
"""A machine comes: what its new host asks itself, what is left of it whenever it does not come, and
what no other host may do (machine/source.py speaks for the other host)."""

import contextlib
import copy
import json
import shutil
import ssl
import uuid

import pytest

from machine.source import Refused, Source, offer_of
from machine.two_hosts import TwoHosts
from support.patience import wait_for

KEY = "5a" * 32


@pytest.fixture(scope="module")
def two_hosts():
    """For all tests here: each leaves host b without machines and ports."""
    made = TwoHosts()
    try:
        yield made.start()
    finally:
        print(made.said())
        made.remove()


@pytest.fixture(scope="module")
def offered(two_hosts, image):
    """A machine "web" whose disk both hosts see; it is not on host b."""
    two_hosts.define(image, kind="shared")
    return offer_of(two_hosts["a"].hv, "web")


@pytest.fixture
def offer(two_hosts, offered):
    yield copy.deepcopy(offered)
    hv, daemon = two_hosts["b"].hv, two_hosts["b"].daemon
    for machine in hv.do("list"):
        hv.do("kill", machine["name"])
        hv.do("undefine", machine["name"])
    for port in daemon.rpc("port.list", switch="lab"):
        if port["name"] != "up0":
            daemon.rpc("port.remove", target=f"lab/{port['name']}", owner="hv")
    for folder in (hv.state / "vms").iterdir():
        shutil.rmtree(folder)


def traces(two_hosts):
    """What is left of the machine on host b, beside the number of its last move."""
    folder = two_hosts["b"].hv.state / "vms" / "web"
    return sorted(path.name for path in folder.glob("*") if path.name != "epoch.json")


def test_all_that_stands_against_it_is_said_at_once(two_hosts, offer):
    source = Source(two_hosts)
    found, answer = source.admit(offer)
    assert found == {} and answer["epoch"] == 0
    assert answer["disks"][0]["path"] == f"{two_hosts.shared}/web.qcow2"
    definition = offer["definition"]
    bad = offer | {"accel": "kvm", "cpu": "ufo", "qemu": "1.0", "definition": definition | {
        "machine": "pc-q35-99.9", "memory": "8388608M", "cd": "/etc/hostname",
        "kernel": "/nowhere/kernel", "cpu": "ufo",
        "disks": [{"name": "root", "file": "/var/lib/xvs-hv/x.vhdx", "format": "vhdx"}],
        "adapters": [definition["adapters"][0] | {"switch": "other"}]}}
    found, _ = source.admit(bad)
    assert found.keys() == {"accelerator", "cpu", "machine", "memory", "cd", "kernel", "disk root",
                            "switch"}
    assert "folders" in found["cd"] and "not on this host" in found["kernel"]
    found, _ = source.admit(offer, kind="storage")
    assert "already" in found["disk root"]
    own = offer | {"definition": definition | {"disks": [{"name": "root", "size": "64M"}]}}
    assert "--with-storage" in source.admit(own)[0]["disk root"]
    assert source.admit(own, kind="storage")[0] == {}
    with pytest.raises(Refused, match="refused when it was asked for"):
        source.admit(bad)
        source.ask("prepare", epoch=1, key=KEY)
    source.close()
    assert traces(two_hosts) == []


def test_names_and_addresses_that_others_have(two_hosts, image, offer):
    two_hosts.define(image, name="web", on="b")
    source = Source(two_hosts)
    assert "name" in source.admit(offer)[0]
    other = offer | {"definition": offer["definition"] | {"name": "web2"}}
    assert "port lab/web-eth0" in source.admit(other)[0]["identity"]
    other["definition"]["adapters"] = [offer["definition"]["adapters"][0] | {"port": "p"}]
    assert "MAC address" in source.admit(other)[0]["identity"]
    two_hosts["b"].daemon.kill()
    assert "cannot be reached" in source.admit(offer)[0]["switch"]
    source.close()
    two_hosts["b"].daemon.start()


def prepared(two_hosts, offer, kind="shared", epoch=1):
    source = Source(two_hosts)
    assert source.admit(offer, kind=kind)[0] == {}
    source.ask("prepare", epoch=epoch, key=KEY)
    return source


def make_port(two_hosts, definition):
    """What the two xvsd do between prepare and receive."""
    adapter = definition["adapters"][0]
    two_hosts["b"].daemon.rpc("port.add", switch="lab", owner="hv", port={
        "name": adapter["port"], "uuid": adapter["uuid"], "mac": adapter["mac"],
        "backend": {"kind": "vhost-user", "mode": "client", "queues": 1,
                    "socket": str(two_hosts["b"].hv.home / "hv/web/qemu/net-eth0")}})


def test_it_waits_to_be_told_and_can_do_nothing_else(two_hosts, offer):
    hv = two_hosts["b"].hv
    source = prepared(two_hosts, offer)
    make_port(two_hosts, offer["definition"])
    ports = source.ask("receive")
    assert ports == source.ask("receive") and ports["memory"] > 0
    assert [(vm["name"], vm["state"]) for vm in hv.do("list")] == [("web", "arriving")]
    for verb in ("start", "stop", "pause", "resume", "undefine"):
        assert "arriving" in hv.refuses(verb, "web")
    source.close()
    # with nobody there to tell it, it goes on waiting, also for the next xvs-hv
    hv.kill()
    hv.start()
    assert len(two_hosts.qemus()) == 1
    assert "arriving" in hv.refuses("start", "web")
    again = Source(two_hosts)
    again.move = source.move
    assert again.ask("status") == {"phase": "prepared", "epoch": 1}
    with pytest.raises(Refused, match="another move"):
        again.ask("commit", epoch=2)
    again.ask("abort", epoch=1)
    assert not two_hosts.qemus() and hv.do("list") == [] and traces(two_hosts) == []
    assert again.ask("abort", epoch=1) == {}
    with pytest.raises(Refused, match="later move"):
        again.admit(offer)
        again.ask("prepare", epoch=1, key=KEY)
    again.close()


def test_a_machine_that_never_was_prepared_goes_with_its_host(two_hosts, offer):
    own = offer | {"definition": offer["definition"] | {"disks": [{"name": "root", "size": "64M"}]}}
    source = prepared(two_hosts, own, kind="storage")
    disk = two_hosts["b"].hv.state / "vms/web/disks/root"
    assert list(disk.parent.iterdir())
    source.ask("abort", epoch=1)
    assert traces(two_hosts) == []
    source.close()
    # QEMU's user cannot make a disk there
    two_hosts.shared.chmod(0o755)
    away = offer | {"definition": offer["definition"] | {
        "disks": [{"name": "root", "file": f"{two_hosts.shared}/new.qcow2"}]}}
    source = Source(two_hosts)
    source.admit(away, kind="storage")
    with pytest.raises(Refused, match="Permission denied"):
        source.ask("prepare", epoch=2, key=KEY)
    source.close()
    wait_for("nothing to be left", lambda: traces(two_hosts) == [])
    two_hosts.shared.chmod(0o777)


def test_the_end_of_its_qemu_is_told(two_hosts, offer):
    hv = two_hosts["b"].hv
    source = prepared(two_hosts, offer)
    make_port(two_hosts, offer["definition"])
    source.ask("receive")
    hv.do("kill", "web")
    assert "QEMU of the target ended" in source.event()["what"]
    with pytest.raises(Refused):
        source.ask("loaded")
    source.ask("abort", epoch=1)
    source.close()


def test_what_was_decided_runs_from_its_disks_if_its_qemu_has_gone(two_hosts, offer):
    hv = two_hosts["b"].hv
    source = prepared(two_hosts, offer)
    make_port(two_hosts, offer["definition"])
    source.ask("receive")
    hv.do("kill", "web")
    source.event()
    answer = source.ask("commit", epoch=1)
    assert answer["resumed"] and "started from its disks" in answer["problem"]
    hv.wait_for_state("web", "running")
    assert hv.show("web")["definition"] == offer["definition"]
    # it is a machine like others now, and the answer is the same for the next xvs-hv
    with pytest.raises(Refused, match="runs here already"):
        source.ask("abort", epoch=1)
    source.close()
    hv.kill()
    hv.start()
    hv.wait_for_state("web", "running")
    again = Source(two_hosts)
    again.move = source.move
    assert again.ask("commit", epoch=1)["resumed"]
    assert two_hosts.running_on("web") == ["b"] and len(two_hosts.qemus()) == 1
    again.close()
    other = Source(two_hosts)
    found, answer = other.admit(offer)
    assert answer["epoch"] == 1 and "running" in found["name"]
    other.close()
    hv.do("kill", "web")
    hv.do("undefine", "web")
    assert [port["name"] for port in two_hosts["b"].daemon.rpc("port.list", switch="lab")] == ["up0"]


def test_a_person_ends_a_doubt(two_hosts, offer):
    hv = two_hosts["b"].hv
    source = prepared(two_hosts, offer)
    make_port(two_hosts, offer["definition"])
    source.ask("receive")
    shown = hv.do("move", "show", "web")
    assert shown["role"] == "target" and shown["from"] == "hosta" and not shown["in_doubt"]
    assert "connected" in hv.refuses("resolve", "web", "--take-over")
    source.close()
    wait_for("the host to have left", lambda: hv.do("move", "show", "web")["in_doubt"])
    hv.do("resolve", "web")
    assert hv.do("list") == [] and traces(two_hosts) == [] and not two_hosts.qemus()
    # and the other way: its memory has not come, but both hosts see its disk
    source = prepared(two_hosts, offer, epoch=2)
    source.ask("receive")
    source.close()
    wait_for("the host to have left", lambda: hv.do("move", "show", "web")["in_doubt"])
    hv.do("resolve", "web", "--take-over")
    hv.wait_for_state("web", "running")
    assert len(two_hosts.qemus()) == 1
    # one whose disks are not whole stays where it is
    own = offer | {"definition": offer["definition"] | {
        "name": "other", "uuid": "6a1f0000-0000-4000-8000-00000000000b", "adapters": [],
        "disks": [{"name": "root", "size": "64M"}]}}
    source = prepared(two_hosts, own, kind="storage")
    source.close()
    wait_for("the host to have left", lambda: hv.do("move", "show", "other")["in_doubt"])
    assert "not come whole" in hv.refuses("resolve", "other", "--take-over")
    hv.do("resolve", "other")


def test_a_move_is_its_hosts_alone(two_hosts, offer):
    source = prepared(two_hosts, offer)
    stranger = two_hosts.authority.host("mallory")
    with pytest.raises((ssl.SSLError, OSError, ValueError)):
        Source(two_hosts, certificate=stranger).ask("status")
    wait_for("the host to say so", lambda: '"mallory" is not one of migration.peers'
             in two_hosts["b"].hv.said())
    source.ask("abort", epoch=1)
    source.close()


def test_nonsense_is_refused(two_hosts, offer):
    source = Source(two_hosts)
    definition = offer["definition"]
    for machine in ({}, {"definition": definition}, offer | {"definition": {"name": "../x"}},
                    offer | {"disks": []}, offer | {"accel": "both"}, offer | {"checkpoints": [1]},
                    offer | {"definition": {k: v for k, v in definition.items() if k != "uuid"}},
                    offer | {"disks": [{"name": "root", "size": -1}]}):
        with pytest.raises(Refused, match="machine:"):
            source.ask("admit", epoch=0, kind="shared", machine=machine)
    for call in ("prepare", "receive", "loaded", "commit", "release", "status"):
        with pytest.raises(Refused, match="no such move"):
            source.ask(call, **({"epoch": 1} if call in ("prepare", "commit") else {}),
                       **({"key": KEY} if call == "prepare" else {}))
    with pytest.raises(Refused, match="UUID"):
        source.move = "x"
        source.ask("admit", epoch=0, kind="shared", machine=offer)
    with contextlib.suppress(OSError):  # it may be closed before all was sent
        source.socket.sendall(b"{" * 2_000_000)
        assert source.lines.read() == b""
    with pytest.raises((OSError, ValueError)):
        source.move = str(uuid.uuid4())
        source.ask("status")
    source.close()
    assert json.dumps(two_hosts["b"].hv.do("list")) == "[]"
