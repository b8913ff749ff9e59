# SPDX-License-Identifier: Apache-2.0
"""Machines in a folder that can be carried, and out of it again, as they were or as others."""

import json
import os
import subprocess

import pytest

from machine.traffic import HOST
from test_hv import SMALL, hv, web  # noqa: F401

PORT = "lab/web-eth0"
GUARD = "org.xvs.guard/1"


@pytest.fixture
def folder(hv):  # noqa: F811
    """hv.home is where the machine's user can pass."""
    return hv.home / "carried"


def sums(folder):
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder,
                          check=False, capture_output=True, text=True)
    return done.returncode == 0


@pytest.mark.slow
def test_a_saved_machine_goes_on_where_it_was_carried_to(hv, web, folder):  # noqa: F811
    guest = web().boot()
    guest.up("10.77.0.1/24").reaches(HOST)
    guest.run("echo kept > /tmp/mark; printf disk | dd of=/dev/vda bs=512 seek=1 conv=fsync")
    assert "stop or save it" in hv.refuses("export", "web", folder)
    hv.do("checkpoint", "web", "one")
    hv.daemon.set_policy(PORT, GUARD, dhcp_guard=True)  # over the definition, and in force
    counted = hv.daemon.stats(PORT)["rx_packets"]
    hv.do("save", "web")
    hv.do("export", "web", folder)
    assert sums(folder) and folder.stat().st_mode & 0o777 == 0o700
    assert sorted(os.listdir(folder)) == ["SHA256SUMS", "disk-root.qcow2", "initrd", "kernel",
                                          "manifest.json", "memory", "port-eth0",
                                          "port-eth0@0"]
    assert all(path.stat().st_uid == 0 for path in folder.iterdir())
    assert "File exists" in hv.refuses("export", "web", folder)

    # the original is there
    said = hv.refuses("import", folder)
    assert "there is a machine of this name" in said
    assert "saved memory" in hv.refuses("import", folder, "other", "--new-identity")
    uuid = hv.show("web")["definition"]["uuid"]
    hv.do("discard", "web")
    hv.do("undefine", "web")

    # and now it is not
    hv.do("import", folder)
    assert hv.show("web")["state"] == "saved"
    assert (hv.state / "vms" / "web" / "ports" / "one@eth0").stat().st_size > 0
    assert hv.show("web")["definition"]["uuid"] == uuid
    hv.do("restore", "web")
    guest.connect()
    assert guest.run("cat /tmp/mark") == "kept\n"
    assert hv.daemon.stats(PORT)["rx_packets"] >= counted > 0
    policies = hv.daemon.port(PORT)["policies"][GUARD]
    assert policies["dhcp_guard"] and not policies["mac_changes"]
    hv.do("revert", "web", "one")
    assert guest.run("cat /tmp/mark; dd if=/dev/vda bs=512 skip=1 count=1 2>/dev/null | "
                     "head -c 4") == "kept\ndisk"
    hv.do("kill", "web")


def test_what_was_damaged_or_is_in_the_way_is_refused_and_leaves_nothing(hv, folder):  # noqa: F811
    hv.define(SMALL.format(name="small", generation=1, more="disks: [{name: a, size: 8M}], adapters: "
                           "[{name: n, switch: lab, mac: '52:54:00:00:00:07'}]"))
    hv.do("start", "small")
    hv.do("kill", "small")
    hv.do("export", "small", folder)
    assert sums(folder)

    def refused(why, *words):
        said = hv.refuses("import", folder, *words)
        assert why in said, said
        assert [vm["name"] for vm in hv.do("list")] == ["small"]
        assert os.listdir(hv.state / "vms") == ["small"]

    # another one beside the original
    refused("--new-identity", "twin")
    hv.do("import", folder, "twin", "--new-identity")
    small, twin = hv.show("small")["definition"], hv.show("twin")["definition"]
    assert twin["uuid"] != small["uuid"]
    for key in ("uuid", "mac", "port"):
        assert twin["adapters"][0][key] != small["adapters"][0][key]
    hv.do("start", "small")
    hv.do("start", "twin")
    hv.do("kill", "small")
    hv.do("kill", "twin")
    hv.do("undefine", "twin")

    # the switch is another one here
    disk, manifest = folder / "disk-a.qcow2", folder / "manifest.json"
    whole, said = disk.read_bytes(), manifest.read_text(encoding="utf-8")
    lab = json.loads(said)["switches"]["lab"]
    assert lab["type"] == hv.daemon.rpc("switch.show", name="lab")["type"]
    assert "problem" not in hv.show("small")

    def told(**changed):
        return {"switches": {"lab": lab | changed}}

    manifest.write_text(json.dumps(json.loads(said) | told(
        type="external", chain=[{"instance": "x", "extension": "com.example.x"}])), encoding="utf-8")
    hv.do("import", folder, "twin", "--new-identity")
    problem = hv.show("twin")["problem"]
    assert "lab was external" in problem and "no com.example.x in its chain" in problem
    hv.do("undefine", "twin")
    manifest.write_text(said, encoding="utf-8")

    refused("no name for a machine", "../evil", "--new-identity")
    hv.daemon.rpc("port.add", switch="lab", port={"name": "twin-n", "backend": {"kind": "null"}})
    refused("exists already", "twin", "--new-identity")
    hv.daemon.rpc("port.remove", target="lab/twin-n")
    disk.write_bytes(whole[:-1] + b"?")
    refused("not what it was", "twin", "--new-identity")
    disk.unlink()
    refused("disk-a.qcow2", "twin", "--new-identity")
    disk.symlink_to("/etc/shadow")
    refused("no file that can be taken", "twin", "--new-identity")
    disk.unlink()
    disk.write_bytes(whole)
    for change, why in (({"format": 2}, "format that is not known"), ({"definition": 7}, "no definition"),
                        ({"definition": {"name": "x"}}, "memory"),
                        (told(chain=[{"extension": "com.example.x", "required": True}]),
                         "required com.example.x")):
        manifest.write_text(json.dumps({**json.loads(said), **change}), encoding="utf-8")
        refused(why, "twin", "--new-identity")
    manifest.write_text("{", encoding="utf-8")
    refused("manifest.json", "twin", "--new-identity")
    manifest.write_text(said, encoding="utf-8")
    (folder / "SHA256SUMS").unlink()
    refused("SHA256SUMS", "twin", "--new-identity")
