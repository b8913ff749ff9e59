# SPDX-License-Identifier: Apache-2.0
"""What tests of moves stand on: two hosts, a guest that talks, and a peer that would hear it if
something were open, came twice or not at all (machine/two_hosts.py, machine/talk.py)."""

import socket

from machine.talk import RULES
from machine.two_hosts import ADDRESSES
from support.patience import wait_for


def test_the_peer_hears_what_is_open_and_what_is_not(two_hosts, image):
    guest = two_hosts.boot(image)
    assert two_hosts.running_on("web") == ["a"] and len(two_hosts.qemus()) == 1
    port = two_hosts["a"].daemon.port("lab/web-eth0")
    assert set(port["policies"]) >= {"org.xvs.guard/1", "xvs.rate/1", "com.acme.quota/1"}
    with two_hosts.talk(guest, bulk=True) as talk:
        said = talk.goes_on()
        assert said["closed"]["probes"] > 0
        daemon = two_hosts["a"].daemon
        daemon.set_policy("lab/web-eth0", "org.xvs.secgroup.rules/1", rules=RULES,
                          default_in="allow")
        wait_for("closed ports to answer once they are open",
                 lambda: talk.report()["closed"]["answers"] > 1)
        two_hosts["a"].hv.do("kill", "web")
        answered = talk.report()["asking"]["answered"]
        sent = talk.report()["asking"]["sent"]
        wait_for("questions without an answer", lambda: talk.report()["asking"]["sent"] > sent + 20)
        assert talk.report()["asking"]["answered"] <= answered + 2
    assert two_hosts.running_on("web") == [] and not two_hosts.qemus()


def arrives(two_hosts, origin):
    """A datagram to the other host over the link between them, and what was before it."""
    other = two_hosts.other(origin)
    with two_hosts[other].host.datagrams(ADDRESSES[other], 9) as there, \
            two_hosts[origin].host.open_socket(socket.SOCK_DGRAM) as here:
        here.sendto(b"?", (ADDRESSES[other], 9))
        there.settimeout(0.2)
        try:
            return there.recv(1) == b"?"
        except TimeoutError:
            return False


def test_the_link_is_cut_one_way_and_both_ways(two_hosts):
    ways = [("a", "b"), ("b", "a")]
    assert all(arrives(two_hosts, origin) for origin, _ in ways)
    for cut in ("a", "b", None):
        two_hosts.cut(cut)
        for origin, other in ways:
            assert arrives(two_hosts, origin) == (cut not in (None, other)), (cut, origin)
        two_hosts.mend()
    assert all(arrives(two_hosts, origin) for origin, _ in ways)
