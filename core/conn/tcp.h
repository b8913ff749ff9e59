/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/tcp.h - TCP as one who stands between the ends sees it (RFC 9293).
 *
 * The window check is that of G. van Rooij, "Real Stateful TCP Packet Filtering in IP Filter"
 * (2000), as packet filters have used it since.  For a segment from s to r:
 *
 *      I    its data ends where r allowed            end <= r.edge + 1 (a window probe)
 *      II   it is no older than r's window is large  end >= s.end - r.window - 1
 *      III  it acknowledges what r has sent          ack <= r.end
 *      IV   and nothing that is long past            ack >= r.end - max(s.window, 66000) - 1
 *
 * A direction is *seated* once its numbers are known.  The check reads what the other direction
 * left; what the other has not told yet is not checked.
 */
#ifndef XVS_CONN_TCP_H
#define XVS_CONN_TCP_H

#include "conn/table.h"

enum {
	TCP_ACK = 0x10,
	TCP_WINDOW_FLOOR = 66000, /* acknowledgements so old are usual whatever was offered */
	TCP_SCALE_MAX = 14,       /* RFC 7323, 2.3 */
};

struct tcp_segment {
	uint32_t seq;
	uint32_t ack;
	uint32_t end;      /* seq + data + SYN + FIN */
	uint32_t data_end; /* seq + data */
	uint16_t window;   /* as in the header */
	uint8_t flags;
	int8_t scale; /* of a SYN; -1: no option */
};

/* [any] Where the IP datagram ends in the packet: Ethernet pads short ones. */
uint32_t tcp_datagram_end(const struct xvs_packet *x);

/* [any] False: the header contradicts itself.  Data is that of the whole packet, GSO or not. */
bool tcp_read(const struct packet *p, struct tcp_segment *out);

/* [any] No sender that keeps RFC 9293 combines flags so. */
bool tcp_flags_impossible(uint8_t flags);

static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/*
 * By how much the windows of 'own' are to be shifted.  Both ends must have offered scaling in
 * their SYN.  Where no SYN was seen the largest is taken, which lets through too much rather than
 * breaking a conversation that began before us.
 */
static inline uint32_t tcp_scale(uint32_t own, uint32_t other)
{
	if (!(own & HALF_SYN))
		return TCP_SCALE_MAX;
	if (!(own & HALF_SCALE) || (other & HALF_SEATED && !(other & HALF_SCALE)))
		return 0;
	return own & HALF_SCALE_MASK;
}

/* [worker] The window check alone: REASON_NONE or REASON_CONN_WINDOW. */
uint16_t tcp_check(struct conn *c, unsigned direction, const struct tcp_segment *seg);

/* [worker] The segment passed: its direction's numbers grow.  'own': nobody else writes them. */
void tcp_grow(struct conn *c, unsigned direction, const struct tcp_segment *seg, bool own);

/* [worker] Under the bit: the numbers of this direction begin here. */
void tcp_seat(struct conn *c, unsigned direction, const struct tcp_segment *seg);

/* [worker] Under the bit: both SYN were acknowledged.  Notes what will not change any more. */
void tcp_agree(struct conn *c);

/* [worker] Data up to 'end' was sent after all (later fragments of a segment). */
void tcp_extend(struct half *h, uint32_t end);

/* ---- tcp_state.c --------------------------------------------------------------------------- */

enum tcp_effect {
	TCP_PASS,
	TCP_REFUSE, /* drop under 'reason' */
	TCP_CLOSED, /* passes, and the connection has ended by it */
	TCP_REOPEN, /* both ends have left it: the segment is of a new one in its place */
};

struct tcp_step {
	enum tcp_effect effect;
	uint16_t reason;
	enum conn_state state; /* from now on */
};

/* [worker] Under the bit: any segment, in any state. */
void tcp_step(struct conn *c, unsigned direction, const struct tcp_segment *seg, bool own,
	      struct tcp_step *out);

#endif /* XVS_CONN_TCP_H */
