# SPDX-License-Identifier: Apache-2.0
"""A switch that a controller of the test drives, and three wires at it.

    [vm1] eth0 --tap--+
    [vm2] eth0 --tap--+--- [ lab: org.xvs.openflow ] --- punix: --- the test
    [vm3] eth0 --tap--+

What comes out is known without waiting: behind each packet a marker is sent that reaches all.
"""

import contextlib
import itertools
import os

from support.daemon import Daemon
from support.host import Host
from support.judge import Judge
from support.openflow import CONFIG, MACS
from support.wire import frame

VERSION = int(os.environ.get("XVS_OPENFLOW", 4))  # 5: what packets go through, in 1.4
MARKER_COOKIE = 0xfeed
MARKER_TYPE = 0x88b5
POLICY = '{targets: ["punix:%s"], fail_mode: secure, datapath_id: 42}'


class OpenFlowLab:
    """The daemon, its guests' wires and one controller; guests have no addresses, so they are quiet."""

    def __init__(self, home):
        self.socket = home / "of.sock"
        self.guests = [Host(name) for name in MACS]
        config = CONFIG.format(top="", policy=POLICY % self.socket)
        self.daemon = Daemon(home / "xvsd", config)
        self.wires = []
        self.controller = None
        self.ports = []
        self.markers = itertools.count(1)

    def start(self, version=VERSION):
        self.daemon.start()
        for guest in self.guests:
            guest.up()
        self.wires = [guest.wire() for guest in self.guests]
        self.controller = Judge(self.socket, version)
        self.ports = self.port_numbers()
        return self

    def port_numbers(self):
        c = self.controller
        rows = c.entries(c.parser.OFPPortDescStatsRequest(c.datapath, 0))
        names = {row.name.decode().rstrip("\0"): row.port_no for row in rows}
        return [names[guest.name] for guest in self.guests]

    def end(self):
        if self.controller:
            self.controller.close()
        for wire in self.wires:
            wire.close()
        try:
            self.daemon.stop()
        finally:
            for guest in self.guests:
                guest.remove()

    # ---- flows

    def marker(self):
        """What lets markers pass by any other flow."""
        c = self.controller
        return c.flow({"eth_type": MARKER_TYPE}, [c.output(c.ofp.OFPP_ALL),
                                                  c.output(c.ofp.OFPP_IN_PORT)],
                      priority=0xffff, cookie=MARKER_COOKIE)

    def reset(self):
        """Nothing there but the marker's flow."""
        self.controller.clear()
        self.controller.told.clear()
        self.controller.do(self.marker())

    def install(self, *mods):
        """These flows and no others; groups and meters stay."""
        c = self.controller
        c.do(c.flow(command=c.ofp.OFPFC_DELETE, table_id=c.ofp.OFPTT_ALL), self.marker(), *mods)

    # ---- packets

    def send(self, *packets, at=0):
        """What came out at each port for these packets, in order."""
        for packet in packets:
            self.wires[at].send(packet)
        first = self.until_marker(at)
        # copies of packets may leave behind what came with them
        return [a + b for a, b in zip(first, self.until_marker(at))]

    def until_marker(self, at, shut=None):
        """What came out at each port before a marker that is sent now; one that is shut gets none."""
        end = frame("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:fe", b"marker %d" % next(self.markers))
        self.wires[at].send(end)
        return [[] if n == shut else list(iter(wire.receive, end))
                for n, wire in enumerate(self.wires)]

    def send_without_marker_at(self, shut, *packets):
        """The same while a port is down, at which nothing comes out."""
        for packet in packets:
            self.wires[0].send(packet)
        first = self.until_marker(0, shut)
        return [a + b for a, b in zip(first, self.until_marker(0, shut))]

    def count(self, cookie):
        """Packets of the flow with this cookie."""
        c = self.controller
        row, = c.flows(cookie=cookie, cookie_mask=2**64 - 1)
        return row.packet_count


@contextlib.contextmanager
def openflow_lab(home, **options):
    """For a fixture."""
    made = OpenFlowLab(home)
    try:
        yield made.start(**options)
    finally:
        made.end()
