# SPDX-License-Identifier: Apache-2.0
"""Two daemons on one machine, each with its own socket and state, joined by a wire.

    [vm1] --tap-- [ daemon a: lab ] up-a --veth-- up-b [ daemon b: lab ] --tap-- [vm2]
"""

from support.host import remove_link, run

CONFIG = """
switches:
  - name: lab
    type: external
    uplinks:
      - {{name: up0, device: {uplink}, backend: af_packet}}
    ports:
      - {{name: {vm}, mac: "{mac}", backend: {{kind: tap, device: eth0, netns: {vm}}}}}
"""


def test_guests_of_two_daemons_talk_and_neither_disturbs_the_other(hosts, xvsd):
    vm1, vm2 = hosts("vm1", "vm2")
    run("ip", "link", "add", "up-a", "type", "veth", "peer", "name", "up-b")
    try:
        for device in ("up-a", "up-b"):
            run("ip", "link", "set", device, "up")
        a = xvsd(CONFIG.format(uplink="up-a", vm="vm1", mac="52:54:00:00:00:01"), name="a")
        b = xvsd(CONFIG.format(uplink="up-b", vm="vm2", mac="52:54:00:00:00:02"), name="b")
        vm1.up("10.77.0.1/24")
        vm2.up("10.77.0.2/24")
        assert vm1.reaches("10.77.0.2") and vm2.ping("10.77.0.1", count=5)
        assert [port["name"] for port in a.rpc("port.list")] == ["up0", "vm1"]
        assert [port["name"] for port in b.rpc("port.list")] == ["up0", "vm2"]
        b.stop()
        assert a.rpc("status")["health"] == "ok"
        b.start()
        vm2.up("10.77.0.2/24")
        assert vm1.reaches("10.77.0.2")
        for daemon in (a, b):
            daemon.stop()
    finally:
        remove_link("up-a")
