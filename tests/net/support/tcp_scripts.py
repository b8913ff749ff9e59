# SPDX-License-Identifier: Apache-2.0
"""What TCP ends do, should not do, and what others try in their name."""

from scapy.layers.inet import TCP

from support.script import OPTIONS_PLAIN, Script, scaled

DATA = b"x" * 100
FULL = b"f" * 1000


def _conversation(**how):
    s = Script(**how).open()
    client, server = s.opener, s.other()
    s.tcp("request", client, "PA", 1001, 5001, DATA)
    s.tcp("its ACK", server, "A", 5001, 1101)
    s.tcp("answer", server, "PA", 5001, 1101, FULL)
    s.tcp("answer's ACK", client, "A", 1101, 6001)
    s.tcp("request again", client, "PA", 1001, 5001, DATA)
    s.tcp("duplicate ACK", client, "A", 1101, 6001)
    s.close(1101, 6001)
    s.tcp("FIN of the other again", server, "FA", 6001, 1102)
    s.tcp("last ACK again", client, "A", 1102, 6002)
    return s


def conversation():
    return _conversation()


def conversation_opened_inside():
    return _conversation(opener="right")


def conversation_ipv6():
    return _conversation(ipv6=True)


def half_close():
    s = Script().open()
    s.tcp("FIN", "left", "FA", 1001, 5001)
    s.tcp("ACK of FIN", "right", "A", 5001, 1002)
    s.tcp("data after FIN", "right", "PA", 5001, 1002, DATA)
    s.tcp("its ACK", "left", "A", 1002, 5101)
    s.tcp("data of who has closed", "left", "PA", 1002, 5101, DATA)
    s.tcp("FIN of the other", "right", "FA", 5101, 1002)
    s.tcp("last ACK", "left", "A", 1002, 5102)
    return s


def both_close_at_once():
    s = Script().open()
    s.tcp("FIN", "left", "FA", 1001, 5001)
    s.tcp("FIN of the other", "right", "FA", 5001, 1001)
    s.tcp("ACK of the other's", "left", "A", 1002, 5002)
    s.tcp("ACK of the first", "right", "A", 5002, 1002)
    return s


def window_edges():
    s = Script().open()
    s.tcp("up to the edge", "left", "A", 1001, 5001, FULL)
    s.tcp("one beyond", "left", "A", 2001, 5001, b"p")
    s.tcp("two beyond", "left", "A", 2001, 5001, b"pp")
    s.tcp("far beyond", "left", "A", 500000, 5001, DATA)
    s.tcp("ACK opens more", "right", "A", 5001, 2001)
    s.tcp("into it", "left", "A", 2001, 5001, FULL)
    s.tcp("ACK of what was not sent", "left", "A", 3001, 5002)
    s.tcp("ACK of the far past", "left", "A", 3001, 5001 - 70000)
    s.tcp("ACK of the near past", "left", "A", 3001, 5001 - 1000)
    s.tcp("retransmission", "left", "A", 2001, 5001, FULL)
    s.tcp("older than the window", "left", "A", 3001 - 2002, 5001)
    s.tcp("far older", "left", "A", 3001 - 80000, 5001, DATA)
    s.tcp("in order at last", "left", "A", 3001, 5001)
    return s


def zero_window():
    s = Script().open()
    s.tcp("shut", "right", "A", 5001, 1001, window=0)
    s.tcp("data all the same", "left", "A", 1001, 5001, DATA)
    s.tcp("probe", "left", "A", 2001, 5001, b"p")
    s.tcp("still shut", "right", "A", 5001, 2001, window=0)
    s.tcp("probe again", "left", "A", 2001, 5001, b"p")
    s.tcp("two octets", "left", "A", 2001, 5001, b"pp")
    s.tcp("open", "right", "A", 5001, 2001, window=1000)
    s.tcp("data", "left", "A", 2001, 5001, FULL)
    return s


def keep_alive():
    s = Script().open()
    s.tcp("data", "left", "PA", 1001, 5001, DATA)
    s.tcp("its ACK", "right", "A", 5001, 1101)
    s.tcp("empty one before", "left", "A", 1100, 5001)
    s.tcp("answer", "right", "A", 5001, 1101)
    s.tcp("an octet before", "left", "A", 1100, 5001, b"k")
    s.tcp("answer again", "right", "A", 5001, 1101)
    s.tcp("from the other", "right", "A", 5000, 1101)
    return s


def scaling():
    s = Script().open(options=(scaled(3), scaled(2)))
    s.tcp("a small window", "left", "A", 1001, 5001, window=1001)
    s.tcp("8000 from the server", "right", "A", 5001, 1001, FULL * 8, window=100)
    s.tcp("beyond them", "right", "A", 13001, 1001, DATA, window=100)
    s.tcp("its ACK", "left", "A", 1001, 13001, window=1000)
    s.tcp("400 from the client", "left", "A", 1001, 13001, DATA * 4)
    s.tcp("up to 1000, which the SYN-ACK gave", "left", "A", 1401, 13001, DATA * 6)
    s.tcp("more than that", "left", "A", 2001, 13001, DATA)
    return s


def scaling_of_one():
    s = Script().open(options=(scaled(7), OPTIONS_PLAIN))
    s.tcp("1000 from the server", "right", "A", 5001, 1001, FULL)
    s.tcp("beyond", "right", "A", 6001, 1001, DATA)
    return s


def scaling_beyond_14():
    s = Script().open(options=(scaled(20), scaled(0)))
    s.tcp("opens 1 << 14", "left", "A", 1001, 5001, window=1)
    s.tcp("16384 from the server", "right", "A", 5001 + 16384 - 1000, 1001, FULL)
    s.tcp("beyond", "right", "A", 5001 + 16384, 1001, b"pp")
    return s


def wrap_around():
    s = Script().open(isn=(2**32 - 50, 2**32 - 3))
    s.tcp("over the end", "left", "A", 2**32 - 49, 2**32 - 2, DATA)
    s.tcp("its ACK", "right", "A", 2**32 - 2, 51)
    s.tcp("answer over the end", "right", "A", 2**32 - 2, 51, DATA)
    s.tcp("ACK of the answer", "left", "A", 51, 98)
    s.tcp("far beyond", "left", "A", 2**31 + 10, 98, DATA)
    return s


def selective_acknowledgement():
    s = Script().open(options=([("MSS", 1460), ("SAckOK", b"")], [("MSS", 1460), ("SAckOK", b"")]))
    s.tcp("first", "left", "A", 1001, 5001, DATA)
    s.tcp("third, the second was lost", "left", "A", 1201, 5001, DATA)
    s.tcp("SACK", "right", "A", 5001, 1101, options=[("SAck", (1201, 1301))])
    s.tcp("SACK of what was not sent", "right", "A", 5001, 1101, options=[("SAck", (9201, 9301))])
    s.tcp("second", "left", "A", 1101, 5001, DATA)
    s.tcp("ACK of all", "right", "A", 5001, 1301)
    return s


def reset_exact():
    s = Script().open()
    s.tcp("RST", "right", "R", 5001)
    s.tcp("data after it", "left", "A", 1001, 5001, DATA)
    s.tcp("RST again", "right", "R", 5001)
    return s


def reset_with_ack():
    s = Script().open()
    s.tcp("data", "right", "PA", 5001, 1001, DATA)
    s.tcp("RST behind the data", "right", "RA", 5101, 1001)
    s.tcp("RST again", "right", "RA", 5101, 1001)
    return s


def reset_elsewhere():
    s = Script().open()
    s.tcp("in the window", "right", "R", 5500)
    s.tcp("data goes on", "right", "A", 5001, 1001, DATA)
    s.tcp("behind the window", "right", "R", 4000)
    s.tcp("one too low", "right", "R", 5000)
    s.tcp("far beyond the window", "right", "R", 600000)
    s.tcp("with an impossible ACK", "right", "RA", 5101, 900000)
    s.tcp("data goes on still", "right", "A", 5101, 1001, DATA)
    s.tcp("its ACK", "left", "A", 1001, 5201)
    return s


def reset_answers_syn():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("RST of something else", "right", "RA", 0, 999)
    s.tcp("RST without ACK", "right", "R", 0)
    s.tcp("RST", "right", "RA", 0, 1001)
    s.tcp("RST again", "right", "RA", 0, 1001)
    return s


def reset_of_the_opener():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("gives up", "left", "R", 1001)
    s.tcp("late SYN-ACK", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    return s


def reset_while_closing():
    s = Script().open()
    s.tcp("FIN", "left", "FA", 1001, 5001)
    s.tcp("data crosses it", "right", "PA", 5001, 1001, DATA)
    s.tcp("RST: nobody reads it", "left", "R", 1002)
    s.tcp("data again", "right", "PA", 5001, 1001, DATA)
    return s


def reset_after_the_end():
    s = Script().open()
    s.close(1001, 5001)
    s.tcp("RST", "left", "R", 1002)
    s.tcp("last ACK again", "left", "A", 1002, 5002)
    return s


def syn_again():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN again", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK again", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("SYN once more", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK once more", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("ACK", "left", "A", 1001, 5001)
    s.tcp("SYN-ACK after it", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("ACK again", "left", "A", 1001, 5001)
    s.tcp("data", "left", "PA", 1001, 5001, DATA)
    return s


def syn_with_another_number():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN of another try", "left", "S", 700000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of the first", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of the second", "right", "SA", 6000, 700001, options=OPTIONS_PLAIN)
    s.tcp("ACK", "left", "A", 700001, 6001)
    s.tcp("data", "left", "PA", 700001, 6001, DATA)
    return s


def syn_ack_wrong():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("ACK too high", "right", "SA", 5000, 1002, options=OPTIONS_PLAIN)
    s.tcp("ACK too low", "right", "SA", 5000, 1000, options=OPTIONS_PLAIN)
    s.tcp("right at last", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("ACK", "left", "A", 1001, 5001)
    return s


def syn_in_established():
    s = Script().open()
    s.tcp("SYN once more", "left", "S", 800000, options=OPTIONS_PLAIN)
    s.tcp("challenge", "right", "A", 5001, 1001)
    s.tcp("data goes on", "left", "A", 1001, 5001, DATA)
    return s


def restarted_client():
    s = Script().open()
    s.tcp("SYN after a crash", "left", "S", 800000, options=OPTIONS_PLAIN)
    s.tcp("challenge", "right", "A", 5001, 1001)
    s.tcp("RST with its number", "left", "R", 1001)
    s.tcp("SYN again", "left", "S", 800000, options=OPTIONS_PLAIN)
    s.tcp("new SYN-ACK", "right", "SA", 90000, 800001, options=OPTIONS_PLAIN)
    s.tcp("new ACK", "left", "A", 800001, 90001)
    s.tcp("new data", "left", "PA", 800001, 90001, DATA)
    return s


def both_restarted():
    s = Script().open()
    s.tcp("SYN after a crash", "left", "S", 800000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of who forgot too", "right", "SA", 90000, 800001, options=OPTIONS_PLAIN)
    s.tcp("SYN again", "left", "S", 800000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK again", "right", "SA", 90000, 800001, options=OPTIONS_PLAIN)
    s.tcp("new ACK", "left", "A", 800001, 90001)
    s.tcp("new data", "left", "PA", 800001, 90001, DATA)
    return s


def simultaneous_open():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN of the other", "right", "S", 5000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK", "left", "SA", 1000, 5001, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of the other", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("data", "left", "PA", 1001, 5001, DATA)
    s.tcp("answer", "right", "PA", 5001, 1101, DATA)
    s.close(1101, 5101)
    return s


def simultaneous_open_with_acks():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN of the other", "right", "S", 5000, options=OPTIONS_PLAIN)
    s.tcp("ACK", "left", "A", 1001, 5001)
    s.tcp("ACK of the other", "right", "A", 5001, 1001)
    s.tcp("data", "left", "PA", 1001, 5001, DATA)
    return s


def split_handshake():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("ACK alone", "right", "A", 4999, 1001)
    s.tcp("SYN of the other", "right", "S", 5000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of the client", "left", "SA", 1000, 5001, options=OPTIONS_PLAIN)
    s.tcp("ACK", "right", "A", 5001, 1001)
    s.tcp("data", "right", "PA", 5001, 1001, DATA)
    return s


def four_way_handshake():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN of the other", "right", "S", 5000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of the client", "left", "SA", 1000, 5001, options=OPTIONS_PLAIN)
    s.tcp("ACK", "right", "A", 5001, 1001)
    s.tcp("data", "right", "PA", 5001, 1001, DATA)
    return s


def ack_instead_of_syn_ack():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("ACK of an older life", "right", "A", 77, 300)
    s.tcp("RST with its number", "left", "R", 300)
    s.tcp("SYN again", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("ACK", "left", "A", 1001, 5001)
    return s


def data_before_the_handshake_ends():
    s = Script()
    s.tcp("SYN", "left", "S", 1000, options=OPTIONS_PLAIN)
    s.tcp("data at once", "left", "A", 1001, 1, DATA)
    s.tcp("data of the server", "right", "PA", 5001, 1001, DATA)
    s.tcp("FIN of the server", "right", "FA", 5001, 1001)
    s.tcp("SYN-ACK", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("ACK with data", "left", "PA", 1001, 5001, DATA)
    return s


def data_in_the_syn():
    s = Script()
    s.tcp("SYN with data", "left", "S", 1000, 0, DATA, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of all", "right", "SA", 5000, 1101, options=OPTIONS_PLAIN)
    s.tcp("ACK", "left", "A", 1101, 5001)
    s.tcp("data", "left", "PA", 1101, 5001, DATA)
    return s


def data_in_the_syn_refused():
    s = Script()
    s.tcp("SYN with data", "left", "S", 1000, 0, DATA, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of the SYN", "right", "SA", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("ACK with the data", "left", "PA", 1001, 5001, DATA)
    s.tcp("its ACK", "right", "A", 5001, 1101)
    return s


def explicit_congestion_notification():
    s = Script()
    s.tcp("SYN", "left", "SEC", 1000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK", "right", "SAE", 5000, 1001, options=OPTIONS_PLAIN)
    s.tcp("ACK", "left", "A", 1001, 5001)
    s.tcp("ECE", "left", "AE", 1001, 5001)
    s.tcp("CWR", "right", "AC", 5001, 1001, DATA)
    return s


def reopened_after_time_wait():
    s = Script().open()
    s.close(1001, 5001)
    s.tcp("SYN of the next life", "left", "S", 90000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of it", "right", "SA", 190000, 90001, options=OPTIONS_PLAIN)
    s.tcp("ACK of it", "left", "A", 90001, 190001)
    s.tcp("data of it", "left", "PA", 90001, 190001, DATA)
    s.tcp("data of the old life", "left", "PA", 1002, 5002, DATA)
    return s


def reopened_after_time_wait_by_the_other():
    s = Script().open()
    s.close(1001, 5001)
    s.tcp("SYN of the next life", "right", "S", 190000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of it", "left", "SA", 90000, 190001, options=OPTIONS_PLAIN)
    s.tcp("ACK of it", "right", "A", 190001, 90001)
    return s


def reopened_with_a_lower_number():
    s = Script().open(isn=(100000, 500000))
    s.close(100001, 500001)
    s.tcp("SYN of a lower number", "left", "S", 5000, options=OPTIONS_PLAIN)
    s.tcp("ACK of the old life", "right", "A", 500002, 100002)
    s.tcp("RST of the client", "left", "R", 100002)
    s.tcp("SYN of it again", "left", "S", 5000, options=OPTIONS_PLAIN)
    s.tcp("new SYN-ACK", "right", "SA", 7000, 5001, options=OPTIONS_PLAIN)
    s.tcp("new ACK", "left", "A", 5001, 7001)
    return s


def reopened_after_reset():
    s = Script().open()
    s.tcp("RST", "right", "R", 5001)
    s.tcp("SYN of the next life", "left", "S", 90000, options=OPTIONS_PLAIN)
    s.tcp("SYN-ACK of it", "right", "SA", 190000, 90001, options=OPTIONS_PLAIN)
    s.tcp("ACK of it", "left", "A", 90001, 190001)
    return s


def middle_of_nothing():
    s = Script()
    s.tcp("ACK", "left", "A", 1, 1)
    s.tcp("data", "left", "PA", 1, 1, DATA)
    s.tcp("SYN-ACK", "left", "SA", 1, 1)
    s.tcp("RST", "left", "R", 1)
    s.tcp("FIN", "left", "FA", 1, 1)
    s.tcp("ACK from inside", "right", "A", 1, 1)
    s.tcp("SYN-ACK from inside", "right", "SA", 1, 1)
    s.tcp("RST from inside", "right", "RA", 1, 1)
    return s


IMPOSSIBLE = ("", "F", "P", "U", "PU", "FPU", "SF", "SR", "FR", "SFA", "SRA", "SFR", "FRA",
              "SFRPAU", "FP", "SPU")


def impossible_flags():
    s = Script()
    for flags in IMPOSSIBLE:
        s.tcp(f"unknown, {flags or 'none'}", "left", flags, 1000)
    s.open()
    for flags in IMPOSSIBLE:
        s.tcp(f"established, {flags or 'none'}", "left", flags, 1001, 5001)
    s.tcp("urgent data", "left", "PAU", 1001, 5001, DATA, urgptr=10)
    s.tcp("urgent FIN", "left", "FPAU", 1101, 5001)
    return s


def unusual_syns():
    s = Script()
    s.tcp("SYN with PSH", "left", "SP", 1000)
    s.tcp("SYN-ACK with PSH", "right", "SPA", 5000, 1001)
    s.tcp("ACK", "left", "A", 1001, 5001)
    return s


def broken_headers():
    s = Script().open()
    s.tcp("too short a header", "left", "A", 1001, 5001, DATA, dataofs=4)
    s.tcp("longer than the packet", "left", "A", 1001, 5001, dataofs=15)
    s.tcp("a wrong checksum", "left", "A", 1001, 5001, DATA, chksum=0x1234)
    s.tcp("broken options", "left", "A", 1001, 5001, DATA, dataofs=6)
    s.tcp("good", "left", "A", 1001, 5001, DATA)
    return s


def denied_port():
    s = Script()
    for label in ("SYN", "SYN again"):
        s.add(label, s.frame("left", TCP(sport=s.port, dport=81, flags="S", seq=1000)))
    s.add("SYN to port 0", s.frame("left", TCP(sport=s.port, dport=0, flags="S", seq=1000)))
    s.add("SYN from port 0", s.frame("left", TCP(sport=0, dport=80, flags="S", seq=1000)))
    return s


def retransmissions_and_reordering():
    s = Script().open(window=8000)
    for i in range(6):
        s.tcp(f"{i} of six", "left", "A", 1001 + 1000 * i, 5001, FULL, window=8000)
    for i in (5, 1, 3):
        s.tcp(f"{i} again", "left", "A", 1001 + 1000 * i, 5001, FULL, window=8000)
    s.tcp("ACK of two", "right", "A", 5001, 3001, window=8000)
    s.tcp("ACK of all", "right", "A", 5001, 7001, window=8000)
    s.tcp("ACK of two, late", "right", "A", 5001, 3001, window=8000)
    s.tcp("first again, long done", "left", "A", 1001, 5001, FULL, window=8000)
    s.tcp("beyond, before the rest", "left", "A", 9001, 5001, FULL, window=8000)
    s.tcp("the gap", "left", "A", 7001, 5001, FULL * 2, window=8000)
    return s


def shrunk_window():
    s = Script().open(window=8000)
    s.tcp("half of it", "left", "A", 1001, 5001, FULL * 4, window=8000)
    s.tcp("ACK that shrinks", "right", "A", 5001, 5001, window=500)
    s.tcp("what was allowed before", "left", "A", 5001, 5001, FULL * 4, window=8000)
    s.tcp("beyond even that", "left", "A", 9001, 5001, DATA, window=8000)
    return s


def blind_injection():
    s = Script().open(options=(scaled(7), scaled(7)), window=64240)
    s.tcp("data with a guessed number", "right", "A", 0x40000000, 1001, DATA)
    s.tcp("data with a guessed ACK", "right", "A", 5001, 0x40000000, DATA)
    s.tcp("FIN with a guessed number", "right", "FA", 0x40000000, 1001)
    s.tcp("RST with a guessed number", "right", "R", 0x40000000)
    s.tcp("SYN with a guessed number", "right", "S", 0x40000000)
    s.tcp("honest data", "right", "A", 5001, 1001, DATA)
    s.tcp("honest ACK", "left", "A", 1001, 5101)
    return s


SCRIPTS = [value for name, value in sorted(globals().items())
           if callable(value) and getattr(value, "__module__", "") == __name__
           and not name.startswith("_")]
