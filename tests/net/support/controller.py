# SPDX-License-Identifier: Apache-2.0
"""A controller of which a test says every word.  What is said and heard goes through os-ken's own
parsers, which know nothing of us."""

import contextlib
import socket
import struct

from os_ken.ofproto import ofproto_parser, ofproto_protocol

from support.patience import PATIENCE_S

HEADER = struct.Struct("!BBHI")


class Gone(Exception):
    """The switch has closed the connection."""


class Controller:
    """One connection to a switch, by a socket that is connected; says HELLO."""

    def __init__(self, sock, version=4):
        self.socket = sock
        self.datapath = ofproto_protocol.ProtocolDesc(version=version)
        self.version = version
        self.parser, self.ofproto = self.datapath.ofproto_parser, self.datapath.ofproto
        self.heard = []  # what was not waited for
        self.bytes = b""
        self.xid = 0
        sock.settimeout(PATIENCE_S)
        self.say("Hello")
        self.hello = self.wait(self.ofproto.OFPT_HELLO)

    def close(self):
        self.socket.close()

    def send(self, msg):
        """Its transaction id."""
        if msg.xid is None:
            self.xid += 1
            msg.set_xid(self.xid)
        msg.serialize()
        self.socket.sendall(msg.buf)
        return msg.xid

    def say(self, name, *arguments, **named):
        """say("RoleRequest", role, generation): a message of the parser's, by its name."""
        return self.send(getattr(self.parser, "OFP" + name)(self.datapath, *arguments, **named))

    def _take(self, count):
        while len(self.bytes) < count:
            more = self.socket.recv(1 << 16)
            if not more:
                raise Gone
            self.bytes += more
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def receive_bytes(self):
        """The next message as it came, header and all; probes are answered by the way."""
        try:
            header = self._take(HEADER.size)
            version, kind, size, xid = HEADER.unpack(header)
            body = self._take(size - HEADER.size)
        except ConnectionError as e:
            raise Gone from e
        if kind == self.ofproto.OFPT_ECHO_REQUEST:
            reply = HEADER.pack(version, self.ofproto.OFPT_ECHO_REPLY, size, xid) + body
            with contextlib.suppress(OSError):
                self.socket.sendall(reply)
        return header + body

    def receive(self):
        """The next message, read."""
        whole = self.receive_bytes()
        return ofproto_parser.msg(self.datapath, *HEADER.unpack(whole[:HEADER.size]), whole)

    def wait(self, *kinds):
        """The next message of these; others are kept in 'heard'."""
        while True:
            msg = self.receive()
            if msg.msg_type in kinds:
                return msg
            self.heard.append(msg)

    def answer(self, xid):
        """The answer to it, an error as well."""
        while True:
            msg = self.receive()
            if msg.xid == xid and msg.msg_type != self.ofproto.OFPT_ECHO_REQUEST:
                return msg
            self.heard.append(msg)

    def ask(self, name, *arguments, **named):
        return self.answer(self.say(name, *arguments, **named))

    def entries(self, name, *arguments, **named):
        """Of an answer of many parts, all of them."""
        xid = self.say(name, *arguments, **named)
        found = []
        while True:
            part = self.answer(xid)
            assert hasattr(part, "body"), part
            found += part.body if isinstance(part.body, list) else [part.body]
            if not part.flags & 1:
                return found

    def refusal(self, msg):
        """The type and code of the error that the switch answered; None: it did not mind."""
        xid = self.send(msg)
        barrier = self.say("BarrierRequest")
        error = None
        while True:
            msg = self.receive()
            if msg.xid == barrier:
                return error
            if msg.xid == xid and msg.msg_type == self.ofproto.OFPT_ERROR:
                error = (msg.type, msg.code)
            elif msg.msg_type != self.ofproto.OFPT_ECHO_REQUEST:
                self.heard.append(msg)

    def is_refused(self, name, *arguments, **named):
        """The same of a message by its name."""
        return self.refusal(getattr(self.parser, "OFP" + name)(self.datapath, *arguments, **named))

    def silence(self):
        """What was heard up to now, barrier included; forgets it."""
        barrier = self.say("BarrierRequest")
        self.answer(barrier)
        heard, self.heard = self.heard, []
        return heard


class Place:
    """Where the switch is to call, at 'address'; in the namespace of 'host', or here."""

    def __init__(self, port, host=None, address="127.0.0.1", backlog=64):
        self.listener = host.open_socket() if host else socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(backlog)
        self.listener.settimeout(PATIENCE_S)
        self.target = f"tcp:{address}:{port}"

    def accept(self):
        sock, _ = self.listener.accept()
        return sock

    def controller(self, **options):
        return Controller(self.accept(), **options)

    def close(self):
        self.listener.close()
