# SPDX-License-Identifier: Apache-2.0
"""An os-ken application beside a switch: asks for its counters all the time, and writes them down."""

import json

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.ofproto import ofproto_v1_3


class Monitor(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.datapaths = {}
        self.asking = hub.spawn(self.ask)

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def has_changed(self, event):
        if event.state == MAIN_DISPATCHER:
            self.datapaths[event.datapath.id] = event.datapath
        else:
            self.datapaths.pop(event.datapath.id, None)

    def ask(self):
        while True:
            for datapath in self.datapaths.values():
                parser, ofproto = datapath.ofproto_parser, datapath.ofproto
                datapath.send_msg(parser.OFPFlowStatsRequest(datapath))
                datapath.send_msg(parser.OFPPortStatsRequest(datapath, 0, ofproto.OFPP_ANY))
            hub.sleep(0.1)

    @staticmethod
    def write(kind, rows):
        print(json.dumps({"kind": kind, "rows": rows}), flush=True)

    @set_ev_cls(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def has_flows(self, event):
        self.write("flows", [{"priority": f.priority, "packets": f.packet_count,
                              "bytes": f.byte_count, "match": dict(f.match.items())}
                             for f in event.msg.body])

    @set_ev_cls(ofp_event.EventOFPPortStatsReply, MAIN_DISPATCHER)
    def has_ports(self, event):
        self.write("ports", [{"port": p.port_no, "in": p.rx_packets, "out": p.tx_packets,
                              "in_bytes": p.rx_bytes} for p in event.msg.body])
