# SPDX-License-Identifier: Apache-2.0
"""A controller that judges: everything that is sent is answered by a barrier at the latest, so nobody
waits for what does not come, and what is refused is told by type and code."""

import socket
import struct

from os_ken.ofproto import ofproto_parser

from support.controller import HEADER, Controller
from support.patience import wait_for

ERROR, ECHO_REQUEST, ECHO_REPLY = 1, 2, 3
BARRIER_REPLY = {1: 19, 4: 21, 5: 21}


class Judge(Controller):
    """A connection to a switch's own socket."""

    def __init__(self, path, version=4):
        self.told = []  # unasked: packets, removed flows, ports
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))  # waits for its turn, which one with a timeout does not
        super().__init__(sock, version)
        self.ofp = self.ofproto

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- bytes

    def receive_raw(self):
        """The next whole message that is no question whether we are there."""
        while True:
            header = self._take(HEADER.size)
            length = HEADER.unpack(header)[2]
            data = header + self._take(length - HEADER.size)
            if data[1] != ECHO_REQUEST:
                return data
            self.socket.sendall(data[:1] + bytes([ECHO_REPLY]) + data[2:])

    # ---- messages

    def encode(self, message):
        self.xid += 1
        message.xid = None
        message.set_xid(self.xid)
        message.serialize()
        return bytes(message.buf)

    def parse(self, data):
        version, kind, length, xid = HEADER.unpack(data[:8])
        return ofproto_parser.msg(self.datapath, version, kind, length, xid, data)

    def exchange_raw(self, data):
        """Everything that was answered to these bytes, a barrier put behind them."""
        barrier = self.parser.OFPBarrierRequest(self.datapath)
        end = self.encode(barrier)
        self.socket.sendall(data + end)
        answers = []
        while True:
            answer = self.receive_raw()
            if answer[1] == BARRIER_REPLY[self.version] and answer[4:8] == end[4:8]:
                return answers
            answers.append(answer)

    def exchange(self, *messages):
        """All answers, parsed; those with no xid of ours are kept in 'told'."""
        data = b"".join(self.encode(m) for m in messages)
        answers = [self.parse(answer) for answer in self.exchange_raw(data)]
        self.told += [answer for answer in answers if not answer.xid]
        return [answer for answer in answers if answer.xid]

    def do(self, *messages):
        """None of them may be refused."""
        for answer in self.exchange(*messages):
            assert not isinstance(answer, self.parser.OFPErrorMsg), answer

    def fault(self, message):
        """Type and code of the one error that it is answered by; None: it is taken."""
        return self.fault_raw(self.encode(message))

    def fault_raw(self, data):
        errors = [struct.unpack("!HH", answer[8:12]) for answer in self.exchange_raw(data)
                  if answer[1] == ERROR]
        assert len(errors) <= 1, errors
        return errors[0] if errors else None

    def entries(self, message):
        """The entries of an answer of many parts."""
        found = []
        for answer in self.exchange(message):
            assert not isinstance(answer, self.parser.OFPErrorMsg), answer
            found += answer.body if isinstance(answer.body, list) else [answer.body]
        return found

    def wait_told(self, kind, is_it=lambda message: True):
        """The next unasked message of this class; of these, for which 'is_it' says yes."""
        def look():
            self.exchange()
            for message in self.told:
                if isinstance(message, kind) and is_it(message):
                    self.told.remove(message)
                    return message
            return None
        return wait_for(kind.__name__, look)

    # ---- 1.3 and 1.4

    def apply(self, *actions):
        return self.parser.OFPInstructionActions(self.ofp.OFPIT_APPLY_ACTIONS, list(actions))

    def write(self, *actions):
        return self.parser.OFPInstructionActions(self.ofp.OFPIT_WRITE_ACTIONS, list(actions))

    def output(self, port, max_len=0xffff):
        return self.parser.OFPActionOutput(port, max_len)

    def flow(self, match=None, actions=(), instructions=None, **more):
        """A flow-mod: by default a flow that applies these actions is added."""
        if instructions is None:
            instructions = [self.apply(*actions)] if actions else []
        more.setdefault("out_port", self.ofp.OFPP_ANY)
        more.setdefault("out_group", self.ofp.OFPG_ANY)
        return self.parser.OFPFlowMod(self.datapath, match=self.parser.OFPMatch(**(match or {})),
                                      instructions=instructions, **more)

    def clear(self):
        """No flows, groups and meters."""
        ofp, parser, datapath = self.ofp, self.parser, self.datapath
        self.do(self.flow(command=ofp.OFPFC_DELETE, table_id=ofp.OFPTT_ALL),
                parser.OFPGroupMod(datapath, ofp.OFPGC_DELETE, 0, ofp.OFPG_ALL, []),
                parser.OFPMeterMod(datapath, ofp.OFPMC_DELETE, 0, ofp.OFPM_ALL, []))

    def flows(self, **filters):
        parser, ofp = self.parser, self.ofp
        asked = {"table_id": ofp.OFPTT_ALL, "out_port": ofp.OFPP_ANY, "out_group": ofp.OFPG_ANY,
                 "cookie": 0, "cookie_mask": 0, **filters}
        match = parser.OFPMatch(**asked.pop("match", {}))
        return self.entries(parser.OFPFlowStatsRequest(self.datapath, 0, match=match, **asked))
