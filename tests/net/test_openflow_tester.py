# SPDX-License-Identifier: Apache-2.0
"""os-ken's own switch tester, as it is in the package, with cases in its format.

    [ lab: org.xvs.openflow, the target ]     port 1, 2, 3
                  |     |     |  taps
    [ br0: Open vSwitch, the tester switch ]  port 1, 2, 3

It installs flows, asks for them, sends a packet into port 1 and looks what its own switch gets, by
port, flow and table statistics of both.
"""

import json
import pathlib
import re
import subprocess

import pytest

from support.daemon import Daemon
from support.ovs import Ovs
from support.patience import wait_for

pytestmark = pytest.mark.slow

TARGET, TESTER = "0000000000000001", "0000000000000002"
CONFIG = """
switches:
  - name: lab
    type: private
    chain:
      - {instance: of, extension: org.xvs.openflow}
    policies:
      org.xvs.openflow.controller/1: {targets: ["tcp:127.0.0.1:6653"], fail_mode: secure,
                                      datapath_id: 1}
    ports:
      - {name: one, backend: {kind: tap, device: target1}}
      - {name: two, backend: {kind: tap, device: target2}}
      - {name: three, backend: {kind: tap, device: target3}}
"""

ETHERNET = "ethernet(dst='22:22:22:22:22:22', src='12:11:11:11:11:11', ethertype=%d)"
IP4 = "ipv4(tos=%d, proto=%d, src='192.168.10.10', dst='192.168.20.20', ttl=%d)"
IP6 = ("ipv6(dst='20::20', flow_label=100, src='10::10', nxt=%d, hop_limit=%d, "
       "traffic_class=%d)")
TCP = "tcp(dst_port=2222, option=str('\\x00' * 4).encode(), src_port=%d)"
UDP = "udp(dst_port=2222, src_port=%d)"
BODY = "bytes(range(64))"


def tcp4(tos=32, ttl=64, port=11111, head=(), ethertype=2048):
    return [ETHERNET % ethertype, *head, IP4 % (tos, 6, ttl), TCP % port, BODY]


def udp6(ttl=64, port=11111, head=(), ethertype=34525):
    return [ETHERNET % ethertype, *head, IP6 % (17, ttl, 32), UDP % port, BODY]


def vlan(vid, pcp=0, ethertype=2048, tpid=33024):
    return tcp4(head=[f"vlan(pcp={pcp}, cfi=0, vid={vid}, ethertype={ethertype})"],
                ethertype=tpid)


def mpls(*labels):
    head = [f"mpls(label={label}, exp={tc}, ttl={ttl}, bsb={bottom})"
            for label, tc, ttl, bottom in labels]
    return tcp4(head=head, ethertype=34887)


def oxm(field, value, mask=None):
    body = {"field": field, "value": value}
    if mask is not None:
        body["mask"] = mask
    return {"OXMTlv": body}


def flow(fields, actions, kind=4, more=(), **named):
    instructions = [{"OFPInstructionActions": {"actions": list(actions), "type": kind}}]
    return {"OFPFlowMod": {"match": {"OFPMatch": {"oxm_fields": list(fields)}},
                           "instructions": [*instructions, *more], **named}}


def action(name, **named):
    return {"OFPAction" + name: named}


def set_field(field, value):
    return {"OFPActionSetField": {"field": oxm(field, value)}}


OUT = action("Output", port="target_send_port_1")
TYPE4, TYPE6, TYPE_MPLS = oxm("eth_type", 2048), oxm("eth_type", 34525), oxm("eth_type", 34887)
TAGGED = oxm("vlan_vid", 4096, 4096)
PROTO_TCP, PROTO_UDP = oxm("ip_proto", 6), oxm("ip_proto", 17)


def case(name, prerequisite, ingress, **outcome):
    """egress=packet, PACKET_IN=packet or table_miss=[tables]."""
    (kind, wanted), = outcome.items()
    kind = {"table_miss": "table-miss"}.get(kind, kind)
    return {"description": name, "prerequisite": prerequisite,
            "tests": [{"ingress": ingress, kind: wanted}]}


def matches():
    right = [
        ("in_port", [oxm("in_port", "target_recv_port")]), ("eth_dst", [
            oxm("eth_dst", "22:22:22:22:22:22")]),
        ("eth_src masked", [oxm("eth_src", "12:11:00:00:00:00", "ff:ff:00:00:00:00")]),
        ("ip_dscp", [TYPE4, oxm("ip_dscp", 8)]), ("ip_proto", [TYPE4, PROTO_TCP]),
        ("ipv4_src", [TYPE4, oxm("ipv4_src", "192.168.10.10")]),
        ("ipv4_dst masked", [TYPE4, oxm("ipv4_dst", "192.168.20.0", "255.255.255.0")]),
        ("tcp_src", [TYPE4, PROTO_TCP, oxm("tcp_src", 11111)])]
    wrong = [("eth_dst", [oxm("eth_dst", "22:22:22:22:22:23")]),
             ("ip_dscp", [TYPE4, oxm("ip_dscp", 9)]), ("ipv4_src", [TYPE4, oxm(
                 "ipv4_src", "192.168.10.11")]), ("udp", [TYPE4, PROTO_UDP])]
    for name, fields in right:
        yield case(f"{name} to a port", [flow(fields, [OUT])], tcp4(), egress=tcp4())
        yield case(f"{name} to the controller", [
            flow(fields, [action("Output", port=0xfffffffd)])], tcp4(), PACKET_IN=tcp4())
    for name, fields in wrong:
        yield case(f"{name} is another", [flow(fields, [OUT])], tcp4(), table_miss=[0])
    yield case("ipv6_flabel", [flow([TYPE6, oxm("ipv6_flabel", 100)], [OUT])], udp6(),
               egress=udp6())
    yield case("vlan_pcp", [flow([TAGGED, oxm("vlan_pcp", 3)], [OUT])], vlan(100, 3),
               egress=vlan(100, 3))
    goto = {"OFPInstructionGotoTable": {"table_id": 1}}
    yield case("metadata", [
        flow([], [], more=[{"OFPInstructionWriteMetadata": {"metadata": 5, "metadata_mask": 7}},
                           goto], table_id=0),
        flow([oxm("metadata", 5, 7)], [OUT], table_id=1)], tcp4(), egress=tcp4())
    yield case("tunnel_id", [flow([], [set_field("tunnel_id", 7)], more=[goto]),
                             flow([oxm("tunnel_id", 7)], [OUT], table_id=1)], tcp4(),
               egress=tcp4())


def actions():
    both = (("applied", 4), ("written", 3))
    for name, kind in both:
        yield case(f"push_vlan {name}", [flow([], [action("PushVlan", ethertype=33024), OUT],
                                              kind)], tcp4(), egress=vlan(0))
        yield case(f"pop_vlan {name}", [flow([TAGGED], [action("PopVlan"), OUT], kind)],
                   vlan(100, 3), egress=tcp4())
        yield case(f"push_mpls {name}", [flow([], [action("PushMpls", ethertype=34887), OUT],
                                              kind)], tcp4(), egress=mpls((0, 0, 64, 1)))
        yield case(f"pop_mpls {name}", [flow([TYPE_MPLS], [action("PopMpls", ethertype=2048), OUT],
                                             kind)], mpls((100, 0, 64, 1)), egress=tcp4())
        yield case(f"copy_ttl_out {name}", [flow([TYPE_MPLS], [action("CopyTtlOut"), OUT], kind)],
                   mpls((100, 0, 20, 1)), egress=mpls((100, 0, 64, 1)))
        yield case(f"copy_ttl_in {name}", [flow([TYPE_MPLS], [action("CopyTtlIn"), OUT], kind)],
                   mpls((1, 0, 20, 0), (2, 0, 30, 1)), egress=mpls((1, 0, 20, 0), (2, 0, 20, 1)))
        yield case(f"dec_nw_ttl {name}", [flow([TYPE4], [action("DecNwTtl"), OUT], kind)], tcp4(),
                   egress=tcp4(ttl=63))
        yield case(f"set_nw_ttl of IPv6 {name}", [flow([TYPE6], [action("SetNwTtl", nw_ttl=32),
                                                                 OUT], kind)], udp6(),
                   egress=udp6(ttl=32))
        yield case(f"set tcp_src {name}", [flow([TYPE4, PROTO_TCP], [set_field("tcp_src", 9),
                                                                     OUT], kind)],
                   tcp4(), egress=tcp4(port=9))
        yield case(f"set udp_src {name}", [flow([TYPE6, PROTO_UDP], [set_field("udp_src", 9),
                                                                     OUT], kind)],
                   udp6(), egress=udp6(port=9))
        yield case(f"set mpls_bos {name}", [flow([TYPE_MPLS], [set_field("mpls_bos", 0), OUT],
                                                 kind)],
                   mpls((1, 0, 20, 1)), egress=mpls((1, 0, 20, 0)))


def groups():
    bucket = {"OFPBucket": {"actions": [OUT]}}
    other = {"OFPBucket": {"actions": [action("Output", port="target_send_port_2")]}}
    for name, kind, buckets in (("all", 0, [bucket, other]), ("indirect", 2, [bucket])):
        mod = {"OFPGroupMod": {"group_id": 5, "type": kind, "buckets": buckets}}
        yield case(f"group {name}", [mod, flow([], [action("Group", group_id=5)])], tcp4(),
                   egress=tcp4())


def throughput(name, band, named, wanted):
    """What a meter leaves as it is of about 300 packets a second, within a tenth."""
    meter = {"OFPMeterMod": {"command": 0, "meter_id": 1, "flags": 2, "bands": [
        {"OFPMeterBand" + band: {"rate": 100, "burst_size": 0, **named}}]}}
    sent = [ETHERNET % 2048, IP4 % (10 << 2, 6, 64), TCP % 11111, BODY]
    egress = {"throughput": [{"OFPMatch": {"oxm_fields": [TYPE4, oxm("ip_dscp", dscp)]},
                              "pktps": rate} for dscp, rate in wanted]}
    return {"description": name, "prerequisite": [
        meter, flow([], [OUT], more=[{"OFPInstructionMeter": {"meter_id": 1}}])],
            "tests": [{"ingress": {"packets": {"data": sent, "pktps": 300,
                                               "duration_time": 8}}, "egress": egress}]}


def meters():
    yield throughput("drop", "Drop", {}, [(10, 100)])
    yield throughput("dscp_remark", "DscpRemark", {"prec_level": 1}, [(10, 100)])


FILES = {"match": matches, "action": actions, "group": groups, "meter": meters}


@pytest.fixture
def switches(tmp_path):
    """Both call the tester when it listens; how it ends is what it prints."""
    quiet = pathlib.Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    before = quiet.read_text(encoding="ascii")
    target = Daemon(tmp_path / "xvsd", CONFIG)
    tester = Ovs(tmp_path / "ovs")
    try:
        quiet.write_text("1", encoding="ascii")
        target.start()
        tester.start([f"target{n}" for n in (1, 2, 3)])
        tester.vsctl("set", "bridge", "br0", f"other-config:datapath-id={TESTER}", "--",
                     "set-controller", "br0", "tcp:127.0.0.1:6653", "--", "set", "controller",
                     "br0", "max_backoff=1000")
        yield target, tester
    finally:
        try:
            tester.end()
        finally:
            quiet.write_text(before, encoding="ascii")
            target.stop()


def judged(folder, files):
    """What the tester says of these cases: {name: None, or what is wrong}."""
    folder.mkdir()
    for name, made in files.items():
        (folder / f"{name}.json").write_text(json.dumps([name, *made]), encoding="ascii")
    log = folder / "log"
    with open(log, "wb") as out, subprocess.Popen(
            ["/usr/bin/osken-manager", "--ofp-tcp-listen-port", "6653",
             "--test-switch-target", TARGET, "--test-switch-tester", TESTER,
             "--test-switch-dir", str(folder), "os_ken.tests.switch.tester"],
            stdout=out, stderr=out) as child:
        try:
            wait_for("the tester to end", lambda: child.poll() is not None, 200)
        finally:
            child.kill()
    said = log.read_text(encoding="utf-8")
    found = {name: None for name in re.findall(r"^    (\S.*?) +OK$", said, re.M)}
    found.update(re.findall(r"^    (\S.*?) +ERROR\n +(.*)$", said, re.M))
    return found


def test_the_package_s_own_tester_is_content(switches, tmp_path):
    """What got to its switch, which had not yet looked at its own new flow, is sent again."""
    files = {name: list(make()) for name, make in FILES.items()}
    for n in range(3):
        found = judged(tmp_path / f"cases{n}", files)
        assert set(found) == {made["description"] for some in files.values() for made in some}
        wrong = {name: why for name, why in found.items() if why}
        if not all("increment in rx_packets in tester" in why for why in wrong.values()):
            break
        files = {name: [made for made in some if made["description"] in wrong]
                 for name, some in files.items()}
        files = {name: some for name, some in files.items() if some}
        if not files:
            break
    assert not wrong
