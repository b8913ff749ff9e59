# SPDX-License-Identifier: Apache-2.0
"""What goes by other protocols than TCP: UDP, ICMP and its errors, fragments, SCTP."""

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                                ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, fragment6)
from scapy.layers.sctp import (SCTP, SCTPChunkAbort, SCTPChunkCookieAck, SCTPChunkCookieEcho,
                               SCTPChunkData, SCTPChunkHeartbeatAck, SCTPChunkHeartbeatReq,
                               SCTPChunkInit, SCTPChunkInitAck, SCTPChunkSACK, SCTPChunkShutdown,
                               SCTPChunkShutdownAck, SCTPChunkShutdownComplete)

from support.replay import LEFT4, RIGHT4
from support.script import OPTIONS_PLAIN, Script, unreachable

BIG = b"abcdefgh" * 300


# ---- UDP

def udp_question_and_answer():
    s = Script()
    s.udp("question", "left")
    s.udp("answer", "right")
    s.udp("second question", "left", b"more")
    s.udp("unasked", "right", service=54)
    s.udp("answer to the unasked", "left", service=54)
    return s


def udp_denied():
    s = Script()
    s.udp("to a closed port", "left", service=55)
    s.udp("from inside", "right", service=56)
    s.udp("answer", "left", service=56)
    return s


def udp_broken():
    s = Script()
    s.udp("length beyond the packet", "left", len=2000)
    s.udp("length below the header", "left", len=4)
    s.udp("length short of the packet", "left", len=10)
    s.udp("no checksum", "left", chksum=0)
    s.udp("a wrong checksum", "left", b"other", chksum=0x1234)
    s.add("port 0", s.frame("left", UDP(sport=s.port, dport=0)))
    s.add("from port 0", s.frame("left", UDP(sport=0, dport=53)))
    return s


def udp_ipv6():
    s = Script(ipv6=True)
    s.udp("question", "left")
    s.udp("answer", "right")
    s.udp("no checksum, which IPv6 forbids", "left", chksum=0)
    return s


# ---- ICMP

def echo():
    s = Script()
    ask, answer = {"type": 8, "id": s.port}, {"type": 0, "id": s.port}
    s.add("question", s.frame("left", ICMP(**ask, seq=1) / b"ping"))
    s.add("answer", s.frame("right", ICMP(**answer, seq=1) / b"ping"))
    s.add("answer again", s.frame("right", ICMP(**answer, seq=1) / b"ping"))
    s.add("answer of another id", s.frame("right", ICMP(type=0, id=s.port + 1, seq=1)))
    s.add("answer nobody asked for", s.frame("left", ICMP(type=0, id=s.port, seq=1)))
    s.add("second question", s.frame("left", ICMP(**ask, seq=2) / b"ping"))
    s.add("question of inside", s.frame("right", ICMP(**ask, seq=1) / b"gnip"))
    s.add("its answer", s.frame("left", ICMP(**answer, seq=1) / b"gnip"))
    s.add("broken checksum", s.frame("left", ICMP(**ask, seq=3, chksum=0x1111) / b"ping"))
    return s


def echo_ipv6():
    s = Script(ipv6=True)
    s.add("question", s.frame("left", ICMPv6EchoRequest(id=s.port, seq=1)))
    s.add("answer", s.frame("right", ICMPv6EchoReply(id=s.port, seq=1)))
    s.add("answer of another id", s.frame("right", ICMPv6EchoReply(id=s.port + 1, seq=1)))
    s.add("answer nobody asked for", s.frame("left", ICMPv6EchoReply(id=s.port, seq=1)))
    return s


def other_questions():
    s = Script()
    s.add("timestamp", s.frame("right", ICMP(type=13, id=s.port)))
    s.add("its answer", s.frame("left", ICMP(type=14, id=s.port)))
    s.add("address mask", s.frame("right", ICMP(type=17, id=s.port)))
    s.add("its answer too", s.frame("left", ICMP(type=18, id=s.port)))
    s.add("timestamp of outside", s.frame("left", ICMP(type=13, id=s.port)))
    s.add("unknown type", s.frame("left", ICMP(type=50)))
    s.add("unknown type of inside", s.frame("right", ICMP(type=50)))
    return s


# ---- errors of ICMP

def _errors(s, label, sides, inner, wrong):
    """The error goes from sides[0], and speaks of what sides[1] sent."""
    source, _ = sides
    s.add(f"{label}: port unreachable", s.frame(source, unreachable() / inner))
    s.add(f"{label}: of something else", s.frame(source, unreachable() / wrong))
    s.add(f"{label}: time exceeded", s.frame(source, ICMP(type=11, code=0) / inner))
    s.add(f"{label}: too big", s.frame(source, ICMP(type=3, code=4, nexthopmtu=1400) / inner))
    s.add(f"{label}: redirect", s.frame(source, ICMP(type=5, code=1) / inner))
    s.add(f"{label}: with eight octets",
          s.frame(source, unreachable() / bytes(inner)[:28]))
    s.add(f"{label}: with seven octets",
          s.frame(source, unreachable() / bytes(inner)[:27]))


def errors_about_udp():
    s = Script()
    s.udp("question", "left")
    asked = s.network("left") / UDP(**s.ports("left", 53)) / b"datagram"
    other = s.network("left") / UDP(sport=s.port, dport=99) / b"datagram"
    back = s.network("right") / UDP(**s.ports("right", 53)) / b"datagram"
    _errors(s, "to who asked", ("right", "left"), asked, other)
    s.udp("answer", "right")
    _errors(s, "to who answered", ("left", "right"), back,
            s.network("right") / UDP(sport=99, dport=s.port))
    s.add("by a router", s.frame("left", ICMP(type=11) / back, src="10.1.0.99"))
    s.add("about what the sender sent itself", s.frame("left", unreachable() / asked))
    s.add("to another than who sent", s.frame("left", unreachable() / back, dst="10.2.0.7"))
    s.add("about an error", s.frame("left", unreachable() / s.network("right") / unreachable()
                                    / asked))
    s.add("a broken checksum", s.frame("left", unreachable(chksum=0x1111) / back))
    return s


def errors_about_tcp():
    s = Script().open()
    s.tcp("data", "right", "PA", 5001, 1001, b"x" * 100)

    def about(label, seq, side="right", code=3):
        inner = s.network(side) / s.segment(side, "A", seq, 1001)
        s.add(label, s.frame("left" if side == "right" else "right",
                             unreachable(code=code) / inner))

    about("about the data", 5001)
    about("about the middle of it", 5050)
    about("about what was never sent", 700000)
    about("about what is long past", 5001 - 100000)
    s.tcp("its ACK", "left", "A", 1001, 5101)
    about("about what was acknowledged", 5001)
    about("too big, of what was acknowledged", 5001, code=4)
    about("of the other direction", 1001, side="left")
    about("of the other, never sent", 99999, side="left")
    return s


def error_about_a_syn():
    s = Script(opener="right")
    s.tcp("SYN", "right", "S", 1000, options=OPTIONS_PLAIN)
    inner = s.network("right") / s.segment("right", "S", 1000)
    s.add("host unreachable", s.frame("left", unreachable(code=1) / inner))
    other = s.network("right") / s.segment("right", "S", 77777)
    s.add("of another number", s.frame("left", unreachable(code=1) / other))
    s.tcp("SYN again", "right", "S", 1000, options=OPTIONS_PLAIN)
    return s


def errors_about_echo():
    s = Script()
    question = ICMP(type=8, id=s.port, seq=1) / b"ping"
    s.add("question", s.frame("right", question))
    inner = s.network("right") / question
    s.add("unreachable", s.frame("left", unreachable(code=1) / inner))
    s.add("of another id", s.frame("left", unreachable(code=1) / s.network("right")
                                   / ICMP(type=8, id=s.port + 1)))
    s.add("of an answer", s.frame("left", unreachable(code=1) / s.network("right")
                                  / ICMP(type=0, id=s.port)))
    return s


def errors_out_of_the_blue():
    s = Script()
    s.add("unreachable", s.frame("left", unreachable() / s.network("right")
                                 / UDP(sport=1, dport=2)))
    s.add("of inside", s.frame("right", unreachable() / s.network("left")
                               / UDP(sport=1, dport=2)))
    s.add("nothing inside", s.frame("left", unreachable()))
    s.add("rubbish inside", s.frame("left", unreachable() / (b"\xff" * 40)))
    return s


def errors_ipv6():
    s = Script(ipv6=True)
    s.udp("question", "right", service=57)
    inner = s.network("right") / UDP(**s.ports("right", 57)) / b"datagram"
    s.add("unreachable", s.frame("left", ICMPv6DestUnreach(code=4) / inner))
    s.add("too big", s.frame("left", ICMPv6PacketTooBig(mtu=1280) / inner))
    s.add("of something else", s.frame("left", ICMPv6DestUnreach(code=4) / s.network("right")
                                       / UDP(sport=7, dport=8)))
    s.add("behind an extension header", s.frame("left", ICMPv6DestUnreach(code=4)
                                                / s.network("right") / IPv6ExtHdrDestOpt()
                                                / UDP(**s.ports("right", 57)) / b"datagram"))
    return s


# ---- fragments

def _fragmented(s, side, payload, ident, size=800, **fields):
    return fragment(s.network(side, id=ident, **fields) / payload, size)


def _add_parts(s, side, parts, order, label="part"):
    for number in order:
        s.add(f"{label} {number}", s.ether(side) / parts[number])


def _udp(s):
    return UDP(**s.ports("left", 53)) / BIG


def fragments_in_order():
    s = Script()
    _add_parts(s, "left", _fragmented(s, "left", _udp(s), 1), (0, 1, 2, 3))
    return s


def fragments_in_any_order():
    s = Script()
    _add_parts(s, "left", _fragmented(s, "left", _udp(s), 2), (3, 1, 0, 2))
    return s


def fragments_interleaved():
    s = Script()
    one, other = (_fragmented(s, "left", _udp(s), ident) for ident in (3, 4))
    for number in (0, 1, 2, 3):
        s.add(f"one {number}", s.ether("left") / one[number])
        s.add(f"other {number}", s.ether("left") / other[number])
    return s


def fragments_twice():
    s = Script()
    parts = _fragmented(s, "left", _udp(s), 5)
    _add_parts(s, "left", parts, (0, 1))
    _add_parts(s, "left", parts, (1,), "again")
    _add_parts(s, "left", parts, (2, 3))
    return s


def fragments_denied():
    s = Script()
    parts = _fragmented(s, "left", UDP(sport=s.port, dport=99) / BIG, 6)
    _add_parts(s, "left", parts, (0, 1, 2, 3))
    return s


def fragments_that_overlap():
    s = Script()
    whole = bytes(UDP(**s.ports("left", 53), len=8 + len(BIG), chksum=0) / BIG)
    for label, offset, length, more in (("first", 0, 800, True), ("over the first", 792, 800, True),
                                        ("honest second", 800, 800, True),
                                        ("last", 1600, len(whole) - 1600, False)):
        s.add(label, s.frame("left", whole[offset:offset + length], id=7, frag=offset // 8,
                             flags="MF" if more else 0, proto=17))
    return s


def fragments_without_an_end():
    s = Script()
    _add_parts(s, "left", _fragmented(s, "left", _udp(s), 8), (0, 1))
    return s


def fragments_without_a_first():
    s = Script()
    _add_parts(s, "left", _fragmented(s, "left", _udp(s), 9), (1, 2, 3))
    return s


def fragments_too_small():
    """The first has no port, or a part of the TCP header only."""
    s = Script()
    header = bytes(s.segment("left", "S", 1000, options=OPTIONS_PLAIN))
    for ident, cut in ((10, 8), (11, 16)):
        s.add(f"{cut} octets", s.frame("left", header[:cut], id=ident, flags="MF", proto=6))
        s.add(f"behind {cut}", s.frame("left", header[cut:], id=ident, frag=cut // 8, proto=6))
    return s


def fragments_of_tcp():
    s = Script().open(window=8000)
    parts = _fragmented(s, "left", s.segment("left", "PA", 1001, 5001, BIG, window=8000), 12)
    _add_parts(s, "left", parts, range(len(parts)))
    s.tcp("ACK of it", "right", "A", 5001, 1001 + len(BIG), window=8000)
    return s


def fragments_beyond_the_largest():
    s = Script()
    s.add("last", s.frame("left", b"x" * 1400, id=13, frag=8189, proto=17))
    s.add("first", s.frame("left", bytes(_udp(s))[:800], id=13, flags="MF", proto=17))
    return s


def fragments_with_two_ends():
    s = Script()
    whole = bytes(_udp(s))
    s.add("first", s.frame("left", whole[:800], id=14, flags="MF", proto=17))
    s.add("an end", s.frame("left", whole[800:900], id=14, frag=100, proto=17))
    s.add("another end", s.frame("left", whole[800:1600], id=14, frag=100, proto=17))
    return s


def fragments_of_odd_length():
    s = Script()
    s.add("first", s.frame("left", bytes(_udp(s))[:803], id=15, flags="MF", proto=17))
    s.add("second", s.frame("left", bytes(_udp(s))[800:], id=15, frag=100, proto=17))
    return s


def fragments_of_echo():
    s = Script()
    ping = ICMP(type=8, id=s.port, seq=1) / BIG
    pong = ICMP(type=0, id=s.port, seq=1) / BIG
    _add_parts(s, "left", _fragmented(s, "left", ping, 16), (0, 1, 2, 3), "question")
    _add_parts(s, "right", _fragmented(s, "right", pong, 17), (0, 1, 2, 3), "answer")
    return s


def _fragmented6(s, ident, payload=None):
    return fragment6(s.network("left") / IPv6ExtHdrFragment(id=ident)
                     / (payload or UDP(**s.ports("left", 53)) / BIG), 880)


def fragments_ipv6():
    s = Script(ipv6=True)
    parts = _fragmented6(s, 1)
    _add_parts(s, "left", parts, range(len(parts)))
    return s


def fragments_ipv6_in_any_order():
    s = Script(ipv6=True)
    parts = _fragmented6(s, 2)
    _add_parts(s, "left", parts, [*range(1, len(parts)), 0])
    return s


def fragments_ipv6_that_overlap():
    s = Script(ipv6=True)
    parts = _fragmented6(s, 3)
    _add_parts(s, "left", parts, (0, 1))
    over = parts[1].copy()
    over[IPv6ExtHdrFragment].offset -= 1
    s.add("over", s.ether("left") / over)
    _add_parts(s, "left", parts, range(2, len(parts)))
    return s


def fragment_ipv6_alone():
    """An atomic fragment, RFC 6946."""
    s = Script(ipv6=True)
    s.add("atomic", s.frame("left", IPv6ExtHdrFragment(id=4) / UDP(**s.ports("left", 53)) / b"one"))
    return s


def extension_headers():
    s = Script(ipv6=True)
    s.add("hop by hop", s.frame("left", IPv6ExtHdrHopByHop() / UDP(**s.ports("left", 53)) / b"one"))
    s.add("options for the destination",
          s.frame("left", IPv6ExtHdrDestOpt() / UDP(**s.ports("left", 53)) / b"two"))
    s.udp("answer", "right")
    return s


# ---- SCTP

LEFT_TAG, RIGHT_TAG = 0x1111, 0x2222


def _sctp(s, label, side, tag, *chunks):
    made = SCTP(**s.ports(side, 80), tag=tag)
    for chunk in chunks:
        made = made / chunk
    s.add(label, s.frame(side, made))


def _associate(s):
    _sctp(s, "INIT", "left", 0, SCTPChunkInit(init_tag=LEFT_TAG, init_tsn=1))
    _sctp(s, "INIT-ACK", "right", LEFT_TAG, SCTPChunkInitAck(init_tag=RIGHT_TAG, init_tsn=1))
    _sctp(s, "COOKIE-ECHO", "left", RIGHT_TAG, SCTPChunkCookieEcho(cookie=b"cook"))
    _sctp(s, "COOKIE-ACK", "right", LEFT_TAG, SCTPChunkCookieAck())
    return s


def _data(tsn=1):
    return SCTPChunkData(beginning=1, ending=1, tsn=tsn, data=b"data")


def sctp_association():
    s = _associate(Script())
    _sctp(s, "data", "left", RIGHT_TAG, _data())
    _sctp(s, "SACK", "right", LEFT_TAG, SCTPChunkSACK(cumul_tsn_ack=1))
    _sctp(s, "HEARTBEAT", "right", LEFT_TAG, SCTPChunkHeartbeatReq())
    _sctp(s, "HEARTBEAT-ACK", "left", RIGHT_TAG, SCTPChunkHeartbeatAck())
    _sctp(s, "SHUTDOWN", "left", RIGHT_TAG, SCTPChunkShutdown(cumul_tsn_ack=1))
    _sctp(s, "SHUTDOWN-ACK", "right", LEFT_TAG, SCTPChunkShutdownAck())
    _sctp(s, "SHUTDOWN-COMPLETE", "left", RIGHT_TAG, SCTPChunkShutdownComplete())
    return s


def sctp_wrong_tags():
    s = Script()
    _sctp(s, "INIT with a tag", "left", 5, SCTPChunkInit(init_tag=LEFT_TAG))
    _sctp(s, "INIT", "left", 0, SCTPChunkInit(init_tag=LEFT_TAG, init_tsn=1))
    _sctp(s, "INIT-ACK with another's tag", "right", 9, SCTPChunkInitAck(init_tag=RIGHT_TAG))
    _sctp(s, "INIT-ACK", "right", LEFT_TAG, SCTPChunkInitAck(init_tag=RIGHT_TAG, init_tsn=1))
    _sctp(s, "COOKIE-ECHO with another's tag", "left", 9, SCTPChunkCookieEcho(cookie=b"cook"))
    _sctp(s, "COOKIE-ECHO", "left", RIGHT_TAG, SCTPChunkCookieEcho(cookie=b"cook"))
    _sctp(s, "COOKIE-ACK", "right", LEFT_TAG, SCTPChunkCookieAck())
    _sctp(s, "data with another's tag", "left", 9, _data())
    _sctp(s, "data with its own tag", "left", LEFT_TAG, _data())
    _sctp(s, "ABORT with another's tag", "left", 9, SCTPChunkAbort())
    _sctp(s, "SHUTDOWN with another's tag", "right", 9, SCTPChunkShutdown())
    _sctp(s, "data", "left", RIGHT_TAG, _data())
    return s


def sctp_abort():
    s = _associate(Script())
    _sctp(s, "ABORT", "right", LEFT_TAG, SCTPChunkAbort())
    _sctp(s, "data", "left", RIGHT_TAG, _data())
    return s


def sctp_abort_reflected():
    """By one who knows nothing of it: with the tag of what it answers, and the T bit."""
    s = _associate(Script())
    _sctp(s, "data", "left", RIGHT_TAG, _data())
    _sctp(s, "ABORT", "right", RIGHT_TAG, SCTPChunkAbort(TCB=1))
    return s


def sctp_init_refused():
    s = Script()
    _sctp(s, "INIT", "left", 0, SCTPChunkInit(init_tag=LEFT_TAG, init_tsn=1))
    _sctp(s, "ABORT", "right", LEFT_TAG, SCTPChunkAbort())
    return s


def sctp_both_open():
    s = Script()
    _sctp(s, "INIT", "left", 0, SCTPChunkInit(init_tag=LEFT_TAG, init_tsn=1))
    _sctp(s, "INIT of the other", "right", 0, SCTPChunkInit(init_tag=RIGHT_TAG, init_tsn=1))
    _sctp(s, "INIT-ACK", "right", LEFT_TAG, SCTPChunkInitAck(init_tag=RIGHT_TAG, init_tsn=1))
    _sctp(s, "INIT-ACK of the other", "left", RIGHT_TAG,
          SCTPChunkInitAck(init_tag=LEFT_TAG, init_tsn=1))
    _sctp(s, "COOKIE-ECHO", "left", RIGHT_TAG, SCTPChunkCookieEcho(cookie=b"cook"))
    _sctp(s, "COOKIE-ACK", "right", LEFT_TAG, SCTPChunkCookieAck())
    _sctp(s, "data", "right", LEFT_TAG, _data())
    return s


def sctp_again():
    s = Script()
    _sctp(s, "INIT", "left", 0, SCTPChunkInit(init_tag=LEFT_TAG, init_tsn=1))
    _sctp(s, "INIT again", "left", 0, SCTPChunkInit(init_tag=LEFT_TAG, init_tsn=1))
    _sctp(s, "INIT-ACK", "right", LEFT_TAG, SCTPChunkInitAck(init_tag=RIGHT_TAG, init_tsn=1))
    _sctp(s, "INIT-ACK again", "right", LEFT_TAG, SCTPChunkInitAck(init_tag=RIGHT_TAG, init_tsn=1))
    _sctp(s, "COOKIE-ECHO", "left", RIGHT_TAG, SCTPChunkCookieEcho(cookie=b"cook"), _data())
    _sctp(s, "COOKIE-ECHO again", "left", RIGHT_TAG, SCTPChunkCookieEcho(cookie=b"cook"), _data())
    _sctp(s, "COOKIE-ACK", "right", LEFT_TAG, SCTPChunkCookieAck(), _data())
    _sctp(s, "data", "left", RIGHT_TAG, _data(2))
    return s


def sctp_restart():
    """One end came back after a crash: INIT in the association, RFC 9260, 5.2."""
    s = _associate(Script())
    _sctp(s, "new INIT", "left", 0, SCTPChunkInit(init_tag=0x3333, init_tsn=1))
    _sctp(s, "new INIT-ACK", "right", 0x3333, SCTPChunkInitAck(init_tag=0x4444, init_tsn=1))
    _sctp(s, "new COOKIE-ECHO", "left", 0x4444, SCTPChunkCookieEcho(cookie=b"cook"))
    _sctp(s, "new COOKIE-ACK", "right", 0x3333, SCTPChunkCookieAck())
    _sctp(s, "new data", "left", 0x4444, _data())
    return s


def sctp_out_of_the_blue():
    s = Script()
    _sctp(s, "data from inside", "right", 7, _data())
    _sctp(s, "data", "left", 7, _data())
    _sctp(s, "COOKIE-ECHO", "left", 7, SCTPChunkCookieEcho(cookie=b"cook"))
    _sctp(s, "INIT-ACK", "left", 7, SCTPChunkInitAck(init_tag=1))
    _sctp(s, "ABORT", "left", 7, SCTPChunkAbort())
    _sctp(s, "SHUTDOWN-ACK", "left", 7, SCTPChunkShutdownAck())
    _sctp(s, "HEARTBEAT", "left", 7, SCTPChunkHeartbeatReq())
    return s


def sctp_broken():
    s = Script()
    _sctp(s, "no chunk", "left", 0)
    _sctp(s, "INIT with another chunk", "left", 0, SCTPChunkInit(init_tag=LEFT_TAG), _data())
    _sctp(s, "INIT of tag 0", "left", 0, SCTPChunkInit(init_tag=0))
    s.add("a chunk of length 0", s.frame("left", SCTP(**s.ports("left", 80), tag=0)
                                         / bytes.fromhex("01000000")))
    return s


def sctp_reopened():
    s = _associate(Script())
    _sctp(s, "SHUTDOWN", "right", LEFT_TAG, SCTPChunkShutdown(cumul_tsn_ack=1))
    _sctp(s, "SHUTDOWN-ACK", "left", RIGHT_TAG, SCTPChunkShutdownAck())
    _sctp(s, "SHUTDOWN-COMPLETE", "right", LEFT_TAG, SCTPChunkShutdownComplete())
    _sctp(s, "next INIT", "left", 0, SCTPChunkInit(init_tag=0x3333, init_tsn=1))
    _sctp(s, "next INIT-ACK", "right", 0x3333, SCTPChunkInitAck(init_tag=0x4444, init_tsn=1))
    _sctp(s, "next COOKIE-ECHO", "left", 0x4444, SCTPChunkCookieEcho(cookie=b"cook"))
    _sctp(s, "next COOKIE-ACK", "right", 0x3333, SCTPChunkCookieAck())
    return s


# ---- the rest

def other_protocols():
    s = Script()
    s.add("of outside", s.frame("left", b"payload", proto=99))
    s.add("of inside", s.frame("right", b"payload", proto=99))
    s.add("answer", s.frame("left", b"answer", proto=99))
    s.add("IP in IP of outside", s.frame("left", IP(src=LEFT4, dst=RIGHT4) / UDP()))
    return s


SCRIPTS = [value for name, value in sorted(globals().items())
           if callable(value) and getattr(value, "__module__", "") == __name__
           and not name.startswith("_")]
