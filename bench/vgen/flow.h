/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/flow.h - the frames of many flows: Ethernet, IPv4, and UDP or TCP.
 *
 * Flow 'nr' goes from side A to side B; the pair of MAC addresses is nr modulo the pairs, and its
 * number stands in the low 24 bits of A's IPv4 address, so that a frame tells which flow it is of:
 *
 *	A 52:54:00:0a:PP:PP 10.NN.NN.NN:(32768 + ...)  ->  B 52:54:00:0b:PP:PP 11.0.PP.PP:(5000 + ...)
 *
 * All that differs between the frames of a run lies in their first 64 bytes, the head: sending is a
 * copy of one cache line.  Checksums are right; UDP goes without.
 */
#ifndef XVS_VGEN_FLOW_H
#define XVS_VGEN_FLOW_H

#include <stdbool.h>
#include <stdint.h>

enum {
	FLOW_HEAD = 64,
	FLOW_DIFFERS = 48,     /* of it, with UDP: beyond that all flows are alike */
	FLOW_PAYLOAD_UDP = 42, /* where payload begins */
	FLOW_PAYLOAD_TCP = 54,
	FLOW_SIZE_MIN = 60,
	FLOW_COUNT_MAX = 1 << 24,
};

enum { TCP_SYN = 0x02, TCP_ACK = 0x10, TCP_PSH = 0x08 };

struct flow_shape {
	uint32_t macs;       /* pairs of MAC addresses */
	uint32_t size;       /* bytes of a frame, FLOW_SIZE_MIN or more, without FCS */
	uint32_t port_shift; /* of A's ports: connections of another run are others */
	bool is_tcp;
	bool is_backward; /* from B to A */
};

struct flow_head {
	uint8_t bytes[FLOW_HEAD];
} __attribute__((aligned(64)));

/* Writes the head of a data frame; TCP: an acknowledging segment with sequence number 'seq'. */
void flow_write(const struct flow_shape *s, uint32_t nr, uint32_t seq, struct flow_head *out);

/* A segment of the handshake: no payload, 60 bytes long; 'options' asks for the widest window. */
void flow_write_tcp(const struct flow_shape *s, uint32_t nr, uint8_t flags, uint32_t seq,
		    uint32_t ack, struct flow_head *out);

/* Says where a MAC address is, to everybody: an ARP request of its holder for itself. */
void flow_write_arp(const struct flow_shape *s, uint32_t pair, struct flow_head *out);

/* The flow that a frame is of; UINT32_MAX: it is none of ours. */
uint32_t flow_of(const uint8_t *frame, uint32_t len);

/* The heads of 'count' flows in random order, which is the same in each run; NULL: no memory. */
struct flow_head *flow_table(const struct flow_shape *s, uint32_t count);

/* The next segment of the same TCP flow: its checksum stays, the payload makes up for it. */
static inline void flow_advance(struct flow_head *h, uint32_t bytes)
{
	uint32_t seq;

	__builtin_memcpy(&seq, h->bytes + 38, sizeof(seq));
	seq = __builtin_bswap32(__builtin_bswap32(seq) + bytes);
	__builtin_memcpy(h->bytes + 38, &seq, sizeof(seq));
	seq = ~seq;
	__builtin_memcpy(h->bytes + FLOW_PAYLOAD_TCP, &seq, sizeof(seq));
}

/* As flow_write() for UDP, the least work: only what tells flows apart; 'h' was written before. */
void flow_renumber(struct flow_head *h, uint64_t serial);

#endif /* XVS_VGEN_FLOW_H */
