# SPDX-License-Identifier: Apache-2.0
"""Every byte between two vhost-user ports, all sizes, kinds of buffers and offloads.

    [front end] tx --vhost-user--+-- [ lab ] --+--vhost-user-- rx [front end]

By default all sizes up to 1,600 and every 997th up to 65,550; marked slow every seventh, and every
one of them for two rings.
"""

import itertools

import pytest

from support.front import send_bytes, socket_folder

CONFIG = """
switches:
  - name: lab
    type: private
    ports:
      - name: tx
        mac: "52:54:00:00:00:01"
        backend: {{kind: vhost-user, socket: {folder}/tx, mode: server, mtu: {mtu}}}
      - name: rx
        mac: "52:54:00:00:00:02"
        backend: {{kind: vhost-user, socket: {folder}/rx, mode: server, mtu: {mtu}}}
"""
SMALL_SIZES = 1400  # each kind comes in so many at least
OFFLOADS = "csum,tso,ufo,uso"
RINGS = ["", "packed"]
BUFFERS = ["", "mrg", "indirect", "mrg,indirect,event"]
STEPS = [997, pytest.param(7, marks=pytest.mark.slow)]


@pytest.fixture
def lab(xvsd):
    """lab(mtu): the sockets of both ports."""
    with socket_folder() as folder:
        def make(mtu=1500):
            daemon = xvsd(CONFIG.format(folder=folder, mtu=mtu))
            return daemon, folder / "tx", folder / "rx"
        yield make


def words(*some):
    return ",".join(word for word in some if word)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("tx_ring, rx_ring", itertools.product(RINGS, RINGS))
def test_all_buffers_carry_all_sizes(lab, tx_ring, rx_ring, step):
    daemon, tx, rx = lab()
    for buffers in BUFFERS:
        for offloads in ("", OFFLOADS):
            sent = send_bytes(tx, rx, tx=words(tx_ring, buffers, offloads),
                              rx=words(rx_ring, buffers, offloads), step=step)
            assert sent["frames"] >= 5 * SMALL_SIZES
            assert sent["packets"] == sent["frames"]
    assert daemon.drops() == 0


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("rx_offloads", ["", "csum", "csum,tso", "csum,ufo", "csum,uso"])
def test_what_a_receiver_does_not_take_is_done_for_it(lab, ring, rx_offloads, step):
    daemon, tx, rx = lab()
    sent = send_bytes(tx, rx, tx=words(ring, "indirect", OFFLOADS),
                      rx=words(ring, "mrg", rx_offloads), step=step)
    assert sent["packets"] > sent["frames"], "none was cut"
    assert daemon.drops() == 0


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("buffers", BUFFERS)
@pytest.mark.parametrize("ring", RINGS)
def test_frames_may_be_as_long_as_the_port_says(lab, ring, buffers, step):
    daemon, tx, rx = lab(mtu=65535)
    both = words(ring, buffers)
    sent = send_bytes(tx, rx, tx=both, rx=both, mtu=65535, step=step)
    assert sent["bytes"] > sent["frames"] * 1500
    assert daemon.drops() == 0


@pytest.mark.slow
@pytest.mark.parametrize("ring", RINGS)
def test_every_size_there_is(lab, ring):
    _, tx, rx = lab(mtu=65535)
    send_bytes(tx, rx, tx=words(ring, "indirect", OFFLOADS), rx=words(ring, "mrg", OFFLOADS),
               mtu=65535, step=1)
