# SPDX-License-Identifier: Apache-2.0
"""An os-ken application: a router between the networks of its ports.

Port N is the gateway 10.100.N.1 of 10.100.N.0/24.  It answers ARP for it, learns neighbours by their own
requests, and lets the tables route to those it knows: addresses rewritten, time to live counted down.
"""

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import arp, ethernet, packet
from os_ken.ofproto import ofproto_v1_3

ARP = 0x0806
IPV4 = 0x0800


def gateway(port):
    return f"10.100.{port}.1"


def mac(port):
    return f"02:00:00:00:64:{port:02x}"


class Router(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    @staticmethod
    def add_flow(datapath, priority, match, actions):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        inst = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions)]
        datapath.send_msg(parser.OFPFlowMod(datapath=datapath, priority=priority, match=match,
                                            instructions=inst))

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def has_come(self, event):
        datapath = event.msg.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        self.add_flow(datapath, 10, parser.OFPMatch(eth_type=ARP), [
            parser.OFPActionOutput(ofproto.OFPP_CONTROLLER, ofproto.OFPCML_NO_BUFFER)])

    def route(self, datapath, port, neighbour):
        parser = datapath.ofproto_parser
        self.add_flow(datapath, 20, parser.OFPMatch(eth_type=IPV4, ipv4_dst=neighbour.src_ip), [
            parser.OFPActionDecNwTtl(), parser.OFPActionSetField(eth_src=mac(port)),
            parser.OFPActionSetField(eth_dst=neighbour.src_mac), parser.OFPActionOutput(port)])

    @staticmethod
    def answer(datapath, port, asked):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        said = packet.Packet()
        said.add_protocol(ethernet.ethernet(dst=asked.src_mac, src=mac(port), ethertype=ARP))
        said.add_protocol(arp.arp(opcode=arp.ARP_REPLY, src_mac=mac(port), src_ip=asked.dst_ip,
                                  dst_mac=asked.src_mac, dst_ip=asked.src_ip))
        said.serialize()
        datapath.send_msg(parser.OFPPacketOut(
            datapath=datapath, buffer_id=ofproto.OFP_NO_BUFFER, in_port=ofproto.OFPP_CONTROLLER,
            actions=[parser.OFPActionOutput(port)], data=said.data))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def has_asked(self, event):
        msg = event.msg
        port = msg.match["in_port"]
        asked = packet.Packet(msg.data).get_protocol(arp.arp)
        if not asked or asked.opcode != arp.ARP_REQUEST or asked.dst_ip != gateway(port):
            return
        self.route(msg.datapath, port, asked)
        self.answer(msg.datapath, port, asked)
