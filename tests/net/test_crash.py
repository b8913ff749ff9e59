# SPDX-License-Identifier: Apache-2.0
"""A daemon that is killed begins where it was: what the API made and overlays are in the journal.

    [vm1] --tap--+-- [ lab: guard ]
    [vm2] --tap--+
"""

import pytest

GUARD = "org.xvs.guard/1"
CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: guard, extension: org.xvs.guard}
    ports:
      - {name: vm1, mac: "52:54:00:00:00:01", backend: {kind: tap, device: eth0, netns: vm1}}
      - {name: vm2, mac: "52:54:00:00:00:02", backend: {kind: tap, device: eth0, netns: vm2}}
"""


@pytest.fixture
def lab(hosts, xvsd):
    guests = hosts("vm1", "vm2")
    daemon = xvsd(CONFIG)
    address(guests)
    return daemon, guests


def address(guests):
    for number, guest in enumerate(guests, 1):
        guest.up(f"10.77.0.{number}/24")


def test_everything_is_there_again(lab):
    daemon, guests = lab
    daemon.rpc("port.add", switch="lab", port={"name": "api1", "backend": {"kind": "null"}})
    daemon.do("policy", "set", "lab/vm1", GUARD, "dhcp_guard=true")
    daemon.do("port", "block", "lab/vm2")
    uuids = {name: daemon.port(name)["uuid"] for name in ("lab/vm1", "lab/vm2", "lab/api1")}
    overlays = daemon.rpc("status")["overlays"]
    daemon.kill()
    daemon.start()
    assert {name: daemon.port(name)["uuid"] for name in uuids} == uuids
    assert daemon.port("lab/vm1")["policies"][GUARD]["dhcp_guard"]
    assert daemon.port("lab/vm2")["state"] == "blocked"
    assert daemon.rpc("status")["overlays"] == overlays
    daemon.do("port", "unblock", "lab/vm2")
    address(guests)
    assert guests[0].reaches("10.77.0.2")


def test_killed_right_after_each_answer_it_keeps_each_answer(lab):
    daemon, _ = lab
    for number in range(8):
        daemon.rpc("port.add", switch="lab",
                   port={"name": f"api{number}", "backend": {"kind": "null"}})
        daemon.kill()
        daemon.start()
        names = {port["name"] for port in daemon.rpc("port.list")}
        assert names == {"vm1", "vm2", *(f"api{nr}" for nr in range(number + 1))}


def test_a_torn_record_costs_no_more_than_itself(lab):
    daemon, _ = lab
    daemon.rpc("port.add", switch="lab", port={"name": "api1", "backend": {"kind": "null"}})
    daemon.kill()
    journal, = [path for path in (daemon.home / "state").iterdir() if path.name == "journal"]
    with open(journal, "ab") as torn:
        torn.write(b"half a rec")
    daemon.start()
    assert daemon.port("lab/api1")["state"] == "open"
    assert daemon.rpc("status")["problems"], "a torn record is told"


def test_a_kill_under_traffic_leaves_no_device_behind(lab):
    daemon, guests = lab
    guests[0].start("ping", "-i", "0.01", "-c", "50", "10.77.0.2").wait()
    daemon.kill()
    assert not guests[0].has_device() and not guests[1].has_device()
    daemon.start()
    address(guests)
    assert guests[1].reaches("10.77.0.1")
