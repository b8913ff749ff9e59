/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/sctp.h - SCTP associations as one who stands between the ends sees them (RFC 9260).
 *
 * Each direction carries a tag that its receiver chose when the association began: who does not
 * know it cannot take part.  That is what is checked of every packet; TSNs are not, as without the
 * tag they are of no use.  An association is one pair of addresses: of further ones that the ends
 * tell each other nothing is known here.
 */
#ifndef XVS_CONN_SCTP_H
#define XVS_CONN_SCTP_H

#include "conn/tcp.h"

/* What the control chunks in front of a packet say. */
struct sctp_packet {
	uint32_t tag;
	uint32_t init_tag; /* of INIT and INIT ACK */
	uint32_t chunks;   /* a bit for each type from 0 to 14 */
	bool is_reflected; /* T: who sends it has no tag of its own, and gives back ours */
};

/* [any] False: it contradicts itself, or RFC 9260. */
bool sctp_read(const struct packet *p, struct sctp_packet *out);

/* [any] It may begin an association. */
bool sctp_opens(const struct sctp_packet *s);

/* [any] It has a chunk that opens or closes. */
bool sctp_is_control(const struct sctp_packet *s);

/* [worker] Under the bit: both directions' tags are known. */
bool sctp_has_tags(struct conn *c);

/* [worker] Under the bit: the first packet of an association, INIT or one of its middle. */
enum conn_state sctp_seat(struct conn *c, const struct sctp_packet *s);

/* [worker] Under the bit: any packet, in any state; as tcp_step(). */
void sctp_step(struct conn *c, unsigned direction, const struct sctp_packet *s,
	       struct tcp_step *out);

#endif /* XVS_CONN_SCTP_H */
