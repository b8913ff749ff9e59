# SPDX-License-Identifier: Apache-2.0
"""Stateful rules let through what those of Linux let through, packet by packet.

    [left]  --tap--+-- [ lab: secgroup on right ] --+--tap--  [right]
    [rleft] --veth-+-- [ router: nftables, ct state ] --veth- [rright]

The same pcap files go through both.  Differences are listed below, each with its reason; one that
is not listed fails, and so does one that is listed and has gone.
"""

import pathlib
import random
import time

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from support import other_scripts, record, tcp_scripts
from support.daemon import Daemon
from support.host import Host
from support.replay import (LEFT, RIGHT, Router, lane_of, pin, read_pcap, write_pcap)

CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: fw, extension: org.xvs.secgroup}
    ports:
      - name: left
        mac: "52:54:00:00:00:01"
        backend: {kind: tap, device: eth0, netns: left, mtu: 9000}
      - name: right
        mac: "52:54:00:00:00:02"
        backend: {kind: tap, device: eth0, netns: right, mtu: 9000}
        policies:
          xvs.connections/1: {midstream_s: 0}
          org.xvs.secgroup.rules/1:
            rules:
              - {direction: in, proto: tcp, ports: "80", action: allow}
              - {direction: in, proto: udp, ports: "53", action: allow}
              - {direction: in, proto: sctp, ports: "80", action: allow}
              - {direction: in, proto: icmp, icmp_type: 8, action: allow}
              - {direction: in, proto: icmpv6, icmp_type: 128, action: allow}
"""

PASS, DROP = "we pass", "we drop"
SCRIPTS = tcp_scripts.SCRIPTS + other_scripts.SCRIPTS
assert LEFT in CONFIG and RIGHT in CONFIG

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "connections.md"

# What differs by intention: in which script, at which packet, who lets it through, and the row of
# the table in docs/connections.md that says why.
DIFFERENCES = {
    # TCP
    "blind_injection": {"SYN with a guessed number": (PASS, "syn-within")},
    "both_restarted": {"SYN-ACK of who forgot too": (DROP, "asked-anew")},
    "broken_headers": {"a wrong checksum": (PASS, "checksum")},
    "denied_port": {"SYN from port 0": (DROP, "port-0")},
    "reopened_after_time_wait": {"data of the old life": (DROP, "long-past")},
    "reset_after_the_end": {"last ACK again": (DROP, "closed")},
    "reset_answers_syn": {"RST of something else": (DROP, "exact-answer"),
                          "RST": (PASS, "exact-answer")},
    "reset_exact": {"data after it": (DROP, "closed"), "RST again": (DROP, "closed")},
    "reset_while_closing": {"data again": (DROP, "closed")},
    "reset_with_ack": {"RST again": (DROP, "closed")},
    "scaling": {"beyond them": (DROP, "window-end"), "more than that": (DROP, "window-end")},
    "scaling_of_one": {"beyond": (DROP, "window-end")},
    "selective_acknowledgement": {"SACK of what was not sent": (PASS, "sack")},
    "shrunk_window": {"beyond even that": (DROP, "window-end")},
    "simultaneous_open_with_acks": {"ACK": (PASS, "bare-ack"), "data": (PASS, "bare-ack")},
    "syn_ack_wrong": {"ACK too low": (DROP, "exact-answer")},
    "syn_with_another_number": {"SYN-ACK of the first": (DROP, "exact-answer")},
    "window_edges": {"two beyond": (DROP, "window-end"), "ACK of the far past": (DROP, "long-past"),
                     "older than the window": (DROP, "long-past"),
                     "far older": (DROP, "long-past")},
    # UDP, ICMP and errors
    "udp_broken": {"a wrong checksum": (PASS, "checksum")},
    "echo": {"broken checksum": (PASS, "checksum")},
    "error_about_a_syn": {"of another number": (DROP, "error-number")},
    "errors_about_tcp": {"about what was never sent": (DROP, "error-number"),
                         "about what is long past": (DROP, "error-number"),
                         "about what was acknowledged": (DROP, "error-number"),
                         "too big, of what was acknowledged": (DROP, "error-number"),
                         "of the other, never sent": (DROP, "error-number")},
    "errors_about_udp": {"to who asked: with seven octets": (DROP, "error-quote"),
                         "to who answered: with seven octets": (DROP, "error-quote"),
                         "a broken checksum": (PASS, "checksum")},
    "other_questions": {"unknown type of inside": (PASS, "icmp-type")},
    # fragments
    "fragments_beyond_the_largest": {"first": (PASS, "fragment-wait")},
    "fragments_ipv6_that_overlap": {"part 2": (DROP, "fragment-overlap")},
    "fragments_of_odd_length": {"second": (DROP, "fragment-odd")},
    "fragments_that_overlap": {"first": (PASS, "fragment-wait")},
    "fragments_twice": {"again 1": (PASS, "fragment-wait")},
    "fragments_with_two_ends": {"first": (PASS, "fragment-wait"),
                                "an end": (PASS, "fragment-wait")},
    "fragments_without_an_end": {"part 0": (PASS, "fragment-wait"),
                                 "part 1": (PASS, "fragment-wait")},
    # SCTP and others
    "sctp_abort": {"data": (DROP, "closed")},
    "sctp_broken": {"INIT of tag 0": (DROP, "sctp-init")},
    "sctp_out_of_the_blue": {"SHUTDOWN-ACK": (DROP, "sctp-init"),
                             "HEARTBEAT": (DROP, "sctp-init")},
    "other_protocols": {"answer": (DROP, "denied-second")},
}


@pytest.fixture(scope="module")
def lanes(tmp_path_factory):
    names = ("left", "right", "router", "rleft", "rright")
    left, right, router, rleft, rright = made = [Host(name) for name in names]
    daemon = Daemon(tmp_path_factory.mktemp("xvsd"), CONFIG).start()
    left.up()
    right.up()
    Router(router, rleft, rright)
    pin()
    ours, linux = lane_of(left, right), lane_of(rleft, rright)
    yield ours, linux
    ours.close()
    linux.close()
    daemon.stop()
    for host in reversed(made):
        host.remove()


@pytest.fixture(scope="module")
def recorder():
    made = Host("near"), Host("far")
    recorder = record.Recorder(*made)
    yield recorder
    recorder.close()
    for host in made:
        host.remove()


def is_fragment(frame):
    return frame[12:14] == b"\x08\x00" and bool(int.from_bytes(frame[20:22], "big") & 0x3fff)


def has_reset(frame):
    packet = Ether(frame)
    return TCP in packet and "R" in packet[TCP].flags


def verdicts(lanes, path, settle=0.0):
    """(ours, Linux's) for each packet of the file."""
    packets = read_pcap(path)
    return list(zip(*(lane.replay(packets, settle, time.sleep) for lane in lanes)))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_agrees_with_linux(lanes, script, tmp_path):
    made = script()
    path = write_pcap(tmp_path / f"{script.__name__}.pcap", made.frames)
    settle = 0.15 if "fragment" in script.__name__ else 0
    found = {}
    for label, (ours, linux) in zip(made.labels, verdicts(lanes, path, settle)):
        if ours != linux:
            found[label] = PASS if ours else DROP
        print(f"{label}: {'pass' if ours else 'drop'}, Linux {'pass' if linux else 'drop'}")
    assert found == {label: what for label, (what, _) in
                     DIFFERENCES.get(script.__name__, {}).items()}


@pytest.mark.parametrize("way", record.WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("talk", record.CONVERSATIONS, ids=lambda talk: talk.__name__)
def test_agrees_with_linux_on_what_kernels_say(lanes, recorder, talk, way, tmp_path):
    frames = way(recorder.record(talk), random.Random(f"{talk.__name__} {way.__name__}"))
    path = write_pcap(tmp_path / f"{talk.__name__}.pcap", frames)
    settle = 0.15 if talk is record.pings else 0
    found = verdicts(lanes, path, settle)
    unexplained, is_reset = [], False
    for number, (frame, (ours, linux)) in enumerate(zip(frames, found)):
        # "fragment-wait" and "closed"
        if ours != linux and not (is_fragment(frame) if ours else is_reset):
            unexplained.append(f"{number}: {PASS if ours else DROP} {Ether(frame).summary()}")
        is_reset |= has_reset(frame)
    assert not unexplained
    if way is record.as_is:
        assert all(ours for ours, _ in found)


def test_every_difference_is_justified():
    text = DOCUMENT.read_text(encoding="utf-8")
    for script, packets in DIFFERENCES.items():
        assert script in [one.__name__ for one in SCRIPTS], script
        for _, row in packets.values():
            assert f"| `{row}` |" in text, row
