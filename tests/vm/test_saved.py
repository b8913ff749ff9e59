# SPDX-License-Identifier: Apache-2.0
"""A machine that is saved takes along what its ports knew, and goes on with it."""

import pytest

PORT = "lab/web-eth0"
TCP = 6


def longest(daemon):
    """Packets of the connection that has had most."""
    return max(sum(c["packets"]) for c in daemon.rpc("conn.list", port=PORT)["connections"]
               if c["proto"] == TCP)


@pytest.mark.slow
def test_connections_go_on_after_the_switch_has_forgotten_them(two_hosts, image):
    guest = two_hosts.boot(image)
    hv, daemon = two_hosts["a"].hv, two_hosts["a"].daemon
    with two_hosts.talk(guest, bulk=True) as talk:
        talk.goes_on()
        before = longest(daemon)
        hv.do("save", "web")
        assert hv.show("web")["state"] == "saved"
        daemon.rpc("port.remove", target=PORT, owner="hv")
        daemon.kill()
        daemon.start()
        hv.do("restore", "web")
        assert longest(daemon) >= before
        talk.goes_on()
        assert daemon.port(PORT)["policies"]["com.acme.quota/1"]

        # back to a checkpoint: what its ports knew then, and the policies of now
        hv.do("checkpoint", "web", "one")
        talk.goes_on()
        hv.do("revert", "web", "one")
        assert hv.show("web")["state"] == "running"
        assert longest(daemon) >= before
    hv.do("forget", "web", "one")
    assert not (hv.state / "vms/web/ports").exists()
