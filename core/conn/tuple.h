/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/tuple.h - what a connection is found by: the two ends as seen from the protected port.
 *
 * "Inside" is the end behind the protected port, "outside" the other.  A packet sent by the port
 * has its source inside, one bound for it its destination.  So both directions give one key, and
 * what a router behind the port takes in and gives out again gives two.
 */
#ifndef XVS_CONN_TUPLE_H
#define XVS_CONN_TUPLE_H

#include "packet/headers.h"

/* No padding: it is hashed and compared as six words. */
struct conn_key {
	uint32_t port;
	uint32_t segment;
	uint8_t inside[16];
	uint8_t outside[16];
	uint16_t inside_port;  /* network order; ICMP: id */
	uint16_t outside_port; /* network order; ICMP: type << 8 | code of the question */
	uint8_t proto;
	uint8_t asker; /* ICMP: 1 if the question came from inside, 2 from outside; else 0 */
	uint16_t reserved;
};
enum { KEY_WORDS = 6 };
_Static_assert(sizeof(struct conn_key) == KEY_WORDS * sizeof(uint64_t), "whole words");

enum tuple_kind {
	TUPLE_TRACKED, /* the key is complete */
	TUPLE_LOOSE,   /* not for a tracker */
	TUPLE_ERROR,   /* ICMP error: look at the datagram inside */
	TUPLE_INVALID,
};

struct tuple {
	struct conn_key key;
	bool is_answer; /* ICMP: an answer, which cannot open a connection */
};

/* [worker] From a packet that is whole or a first fragment. */
enum tuple_kind tuple_read(const struct packet *p, uint32_t port, bool inbound, struct tuple *out);

/* [any] One L4 header's part of a key; 'l4' has 'len' bytes (at least 4 to find ports). */
enum tuple_kind tuple_read_l4(const uint8_t *l4, uint32_t len, bool from_inside, struct tuple *out);

static inline void tuple_map_ipv4(uint8_t out[16], const uint8_t *in)
{
	memset(out, 0, 10);
	out[10] = 0xff;
	out[11] = 0xff;
	memcpy(out + 12, in, 4);
}

#endif /* XVS_CONN_TUPLE_H */
