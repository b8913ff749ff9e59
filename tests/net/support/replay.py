# SPDX-License-Identifier: Apache-2.0
"""The same packets through two ways, and which of them came out.

A lane is a way between a left and a right wire.  Packets go in one at a time, each with a fence
behind it: a datagram that must pass.  What comes out before the fence was let through; what was
held and comes out later is known by its bytes.
"""

import os
import struct

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapReader, PcapWriter

from support.host import run
from support.wire import Wire, mac_bytes

LEFT, RIGHT = "52:54:00:00:00:01", "52:54:00:00:00:02"
LEFT4, RIGHT4 = "10.1.0.1", "10.2.0.1"
LEFT6, RIGHT6 = "fd01::1", "fd02::1"
FENCE = b"fence %08d"
FENCE_PORT = 65000  # of the sender; nobody else has it
MTU = 9000


def is_from_left(data):
    return data[6:12] == mac_bytes(LEFT)


def write_pcap(path, packets):
    with PcapWriter(str(path), linktype=1) as out:
        for packet in packets:
            out.write(packet)
    return path


def read_pcap(path):
    with PcapReader(str(path)) as packets:
        return [bytes(packet) for packet in packets]


def _whole(made):
    """A fragment that is the whole datagram, RFC 6946, as it is without its fragment header."""
    made[20] = made[54]
    made[18:20] = struct.pack("!H", len(made) - 62)
    return bytes(made[:54] + made[62:])


def essence(data):
    """What a router leaves as it is: all but TTL, header checksum and, of IPv6 fragments that it
    put together and cut again, the id."""
    made = bytearray(data)
    if data[12:14] == b"\x08\x00":
        made[22] = 0
        made[24:26] = bytes(2)
        length = 14 + struct.unpack("!H", data[16:18])[0]
    elif data[12:14] == b"\x86\xdd":
        made[21] = 0
        length = 54 + struct.unpack("!H", data[18:20])[0]
        if data[20] == 44 and data[56:58] == bytes(2):
            return _whole(made[:length])
        if data[20] == 44:
            made[58:62] = bytes(4)
    else:
        length = len(data)
    return bytes(made[:length])  # Ethernet pads short ones


class Lane:
    def __init__(self, left, right):
        self.left = left
        self.right = right
        self.fences = 0

    def close(self):
        self.left.close()
        self.right.close()

    def ends(self, from_left):
        return (self.left, self.right) if from_left else (self.right, self.left)

    def fence(self, from_left):
        """What came out on the far side until the fence did."""
        self.fences += 1
        text = FENCE % self.fences
        source, sink = self.ends(from_left)
        macs = (LEFT, RIGHT) if from_left else (RIGHT, LEFT)
        addresses = (LEFT4, RIGHT4) if from_left else (RIGHT4, LEFT4)
        source.send(Ether(src=macs[0], dst=macs[1]) / IP(src=addresses[0], dst=addresses[1])
                    / UDP(sport=FENCE_PORT, dport=53) / text)
        seen = []
        while True:
            data = sink.receive()
            if text in data:
                return seen
            if FENCE[:6] not in data:
                seen.append(essence(data))

    def replay(self, packets, settle=0.0, sleep=None):
        """True for each that came out."""
        passed = [False] * len(packets)
        pending = {}
        for number, data in enumerate(packets):
            from_left = is_from_left(data)
            pending.setdefault((from_left, essence(data)), []).append(number)
            self.ends(from_left)[0].send(data)
            self._note(passed, pending, from_left, number, self.fence(from_left))
        if settle:
            sleep(settle)
            for from_left in (True, False):
                self._note(passed, pending, from_left, None, self.fence(from_left))
        return passed

    @staticmethod
    def _note(passed, pending, from_left, current, outputs):
        for output in outputs:
            waiting = pending.get((from_left, output))
            if not waiting:
                continue  # not of ours: multicast of the namespace itself
            number = current if current in waiting else waiting[0]
            waiting.remove(number)
            passed[number] = True


def pin():
    """Packets of one thread stay in order where it stays on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


RULES = """
table inet filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state invalid drop
        ct state established,related accept
        iifname "right0" accept
        tcp dport 80 accept
        udp dport 53 accept
        sctp dport 80 accept
        icmp type echo-request accept
        icmpv6 type echo-request accept
    }
}
"""


class Router:
    """A namespace that routes between two wires and filters as the security group does.

    Its two devices have the addresses of the far ends, so that frames of the switch's lane are
    right for it byte by byte.
    """

    def __init__(self, router, left, right):
        self.router = router
        for host, device, far_mac, near_mac, net in (
                (left, "left0", RIGHT, LEFT, (LEFT4, LEFT6)),
                (right, "right0", LEFT, RIGHT, (RIGHT4, RIGHT6))):
            run("ip", "link", "add", device, "address", far_mac, "netns", router.name, "type",
                "veth", "peer", "name", "eth0", "address", near_mac, "mtu", MTU, "netns", host.name)
            run("ip", "-n", host.name, "link", "set", "eth0", "up")
            run("ip", "-n", router.name, "link", "set", device, "mtu", MTU)
            self._configure(device, near_mac, *net)
        for path, value in (("net/ipv4/ip_forward", 1), ("net/ipv6/conf/all/forwarding", 1),
                            ("net/ipv4/conf/all/rp_filter", 0),
                            ("net/ipv4/conf/all/send_redirects", 0),
                            ("net/netfilter/nf_conntrack_tcp_loose", 0)):
            router.sysctl(path, value)
        run("ip", "netns", "exec", router.name, "nft", "-f", "-", input=RULES)

    def _configure(self, device, near_mac, address4, address6):
        name = self.router.name
        own4 = address4.rsplit(".", 1)[0] + ".254/24"
        own6 = address6.rsplit("::", 1)[0] + "::fe/64"
        self.router.use_ipv6()
        self.router.sysctl(f"net/ipv6/conf/{device}/disable_ipv6", 0)
        run("ip", "-n", name, "link", "set", device, "up")
        run("ip", "-n", name, "addr", "add", own4, "dev", device)
        run("ip", "-n", name, "addr", "add", own6, "dev", device, "nodad")
        for address in (address4, address6):
            run("ip", "-n", name, "neigh", "replace", address, "lladdr", near_mac, "dev", device,
                "nud", "permanent")


def lane_of(left, right):
    with left.entered():
        left_wire = Wire("eth0")
    with right.entered():
        right_wire = Wire("eth0")
    return Lane(left_wire, right_wire)
