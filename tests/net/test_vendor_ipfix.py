# SPDX-License-Identifier: Apache-2.0
"""A vendor's flow records: their sums are what was sent, packet by packet and byte by byte.

    [vm1] --tap--+-- [ lab: com.acme.ipfix ]
    [vm2] --tap--+
"""

import itertools
import socket
import threading

import pytest

from support.patience import wait_for
from support.vendor import counters, iperf, meanwhile, offer
from support.wire import frame

VM1, VM2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
FEATURE = "com.acme.ipfix/1"
A, B = "10.77.0.1", "10.77.0.2"
ICMP, TCP, UDP = 1, 6, 17
ETHERNET, IPV4, UDP_HEADER, TCP_HEADER, SYN_OPTIONS = 14, 20, 8, 32, 8

CONFIG = """
daemon: {{workers: 2}}
extensions: {{path: [{path}]}}
switches:
  - name: lab
    type: private
    chain:
      - instance: ipfix
        extension: com.acme.ipfix
        policies: {{com.acme.ipfix/1: {{file: {file}, active_ms: 20}}}}
    ports:
      - name: vm1
        mac: "52:54:00:00:00:01"
        backend: {{kind: tap, device: eth0, netns: vm1, queues: {queues}}}
      - name: vm2
        mac: "52:54:00:00:00:02"
        backend: {{kind: tap, device: eth0, netns: vm2, queues: {queues}}}
"""


@pytest.fixture(params=[1, 2], ids=["one-queue", "two-queues"])
def lab(request, hosts, xvsd, tmp_path):
    """(daemon, vm1, vm2, records): records(src, dst, proto, port) = packets, bytes so far."""
    vm1, vm2 = hosts("vm1", "vm2")
    file = tmp_path / "records"
    daemon = xvsd(CONFIG.format(path=offer(tmp_path / "vendors", "ipfix"), file=file,
                                queues=request.param))
    vm1.up(A + "/24")
    vm2.up(B + "/24")

    def records(src=None, dst=None, proto=None, port=None):
        packets = size = 0
        for line in file.read_text().splitlines() if file.exists() else ():
            _, _, *flow, sport, dport, more, bytes_ = line.split()
            if all(wanted in (None, got) for wanted, got in
                   zip((src, dst, str(proto) if proto else None), flow)) and (
                       port is None or str(port) in (sport, dport)):
                packets += int(more)
                size += int(bytes_)
        return packets, size

    yield daemon, vm1, vm2, records
    lost = counters(daemon, "ipfix")
    assert lost["lost-flows"] == lost["lost-records"] == 0


def settles(records, expected, **flow):
    try:
        wait_for("records", lambda: records(**flow) == expected, 5)
    except AssertionError:
        assert records(**flow) == expected  # says what came instead


def catch_up(daemon, records):
    wait_for("records of all that came", lambda: records()[0] == sum(
        daemon.stats(f"lab/{name}")["rx_packets"] for name in ("vm1", "vm2")), 5)


def test_pings_are_counted(lab):
    daemon, vm1, _, records = lab
    vm1.reaches(B)
    assert vm1.ping(B, "-s", "100", count=5)
    size = ETHERNET + IPV4 + 8 + 100
    catch_up(daemon, records)
    before = records(A, B, ICMP)
    vm1.run("ping", "-q", "-c", "100", "-i", "0.002", "-s", "100", B)
    for src, dst in ((A, B), (B, A)):
        settles(records, (before[0] + 100, before[1] + 100 * size), src=src, dst=dst, proto=ICMP)


def test_datagrams_are_counted(lab, tool):
    _, vm1, vm2, records = lab
    end = iperf(tool, vm1, vm2, B, "-u", "-b", "50M", "-t", "1", "-l", "1000")
    sent = end["sum"]["packets"]
    with_hello = sent + 1  # iperf3 opens each stream by a datagram of 4 bytes
    wait_for("records", lambda: records(A, B, UDP)[0] >= with_hello)
    settles(records, (with_hello, sent * (ETHERNET + IPV4 + UDP_HEADER + 1000)
                      + ETHERNET + IPV4 + UDP_HEADER + 4), src=A, dst=B, proto=UDP)


def send_all(s, payload):
    s.sendall(bytes(payload))
    s.shutdown(socket.SHUT_WR)


def retransmitted(host):
    table = host.run("nstat", "-asz", "TcpRetransSegs")
    return int(float(table.split("TcpRetransSegs")[1].split()[0]))


@pytest.mark.parametrize("payload", [0, 1, 10 << 20])
def test_segments_are_counted_as_on_the_wire(lab, payload):
    _, vm1, vm2, records = lab
    with vm2.listen(B, 7000) as listener, vm1.open_socket() as s:
        s.connect((B, 7000))
        peer, _ = listener.accept()
        with peer:
            sender = threading.Thread(target=send_all, args=(s, payload))
            sender.start()
            while peer.recv(1 << 20):
                pass
            sender.join()
    assert retransmitted(vm1) == 0

    def exact():
        packets, size = records(A, B, TCP, 7000)
        headers = ETHERNET + IPV4 + TCP_HEADER
        return packets >= 3 + payload / 1448 and size == (
            packets * headers + SYN_OPTIONS + payload)

    wait_for("each byte and header to be counted once", exact, 5)


def test_the_port_and_the_records_agree(lab):
    daemon, vm1, vm2, records = lab
    vm1.reaches(B)
    sent = frame(VM2, VM1)
    wire = vm1.wire()
    for _ in range(1000):
        wire.send(sent)
    catch_up(daemon, records)


def test_it_comes_and_goes_under_load(lab, tool):
    daemon, vm1, vm2, records = lab
    verbs = itertools.cycle(["disable", "enable"])
    intervals = itertools.cycle([10, 20, 1000, 20])

    def change():
        daemon.rpc(f"ext.{next(verbs)}", target="lab/ipfix")
        daemon.rpc("policy.set", target="lab", feature=FEATURE, override=True,
                   fields={"active_ms": next(intervals)})

    with meanwhile(change):
        end = iperf(tool, vm1, vm2, B, "-n", "20M", "--bidir")
    assert end["sum_received"]["bytes"] > 0
    daemon.rpc("ext.enable", target="lab/ipfix")
    daemon.rpc("policy.set", target="lab", feature=FEATURE, override=True,
               fields={"active_ms": 20})
    assert vm1.ping(B, count=3)
    wait_for("records", lambda: records(A, B, ICMP)[0] >= 3)
