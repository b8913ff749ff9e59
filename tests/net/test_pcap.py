# SPDX-License-Identifier: Apache-2.0
"""A port of files: one is replayed into the switch, the other records what is sent there.

    read.pcap --+
                +-- [ lab ] --tap-- eth0 [vm1]
    write.pcap -+
"""

from scapy.utils import rdpcap

from support.barrage import write_pcap
from support.patience import wait_for
from support.wire import BROADCAST, frame

VM1, REPLAY = "52:54:00:00:00:01", "52:54:00:00:00:02"

CONFIG = """
switches:
  - name: lab
    type: private
    ports:
      - {{name: vm1, mac: "52:54:00:00:00:01", backend: {{kind: tap, device: eth0, netns: vm1}}}}
"""
FILES = """\
      - name: files
        mac: "52:54:00:00:00:02"
        backend: {{kind: pcap, read: "{home}/read.pcap", write: "{home}/write.pcap"}}
"""


def test_what_is_read_arrives_in_order_and_what_is_sent_is_recorded(hosts, xvsd, tmp_path):
    vm1, = hosts("vm1")
    daemon = xvsd(CONFIG.format())
    wire = vm1.up().wire()
    sent = [frame(VM1, REPLAY, b"replayed %03d" % number) for number in range(200)]
    write_pcap(tmp_path / "read.pcap", sent)
    daemon.write(CONFIG.format() + FILES.format(home=tmp_path))
    daemon.do("config", "reload")
    wire.wait(sent[-1])
    assert wire.seen == sent
    back = [frame(REPLAY, VM1), frame(BROADCAST, VM1, bytes(1400))]
    for made in back:
        wire.send(made)
    wait_for("both to be sent", lambda: daemon.stats("lab/files")["tx_packets"] == 2)
    daemon.stop()
    assert [bytes(packet) for packet in rdpcap(str(tmp_path / "write.pcap"))] == back


def test_a_file_that_is_none_closes_the_port_alone(hosts, xvsd, tmp_path):
    vm1, = hosts("vm1")
    (tmp_path / "read.pcap").write_bytes(b"no capture at all, but long enough to look like one")
    daemon = xvsd(CONFIG.format() + FILES.format(home=tmp_path))
    vm1.up()
    assert daemon.is_open("lab/vm1") and not daemon.is_open("lab/files")
    reason, = daemon.port("lab/files")["reasons"]
    assert "read.pcap" in reason
