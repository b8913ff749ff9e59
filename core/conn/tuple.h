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

#include "base/hash.h"
#include "packet/headers.h"
#include "packet/packet.h"

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

/*
 * The words of a key, as they stand in memory.  They are written and read there one by one: what compilers
 * copy by two, just written by one, the processor has to wait for.
 */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are put together so");
struct conn_words {
	uint64_t of[KEY_WORDS];
} __attribute__((packed, aligned(4), may_alias));
_Static_assert(sizeof(struct conn_words) == sizeof(struct conn_key), "the same bytes");

struct address_words {
	uint64_t first, last;
};

static inline struct address_words address_words(const uint8_t *at)
{
	struct address_words words;

	memcpy(&words, at, sizeof(words));
	return words;
}

/* As tuple_map_ipv4(). */
static inline struct address_words mapped_words(const uint8_t *at)
{
	uint32_t address;

	memcpy(&address, at, sizeof(address));
	return (struct address_words){ 0, (uint64_t)address << 32 | 0xffff0000u };
}

/*
 * [worker] The key of what nearly all packets are: TCP or UDP, whole, from a port to a port.  False: it is
 * none of these, and tuple_read() is to look.
 */
static inline bool tuple_read_plain(const struct packet *p, uint32_t port, bool inbound,
				    struct conn_words *out)
{
	const uint32_t facts = XVS_PKT_L4 | XVS_PKT_BAD | XVS_PKT_FRAG | XVS_PKT_LATER;
	const struct xvs_packet *x = &p->x;
	const uint8_t *l3 = x->data + x->l3_off;
	struct address_words src;
	struct address_words dst;
	uint16_t ports[2];

	if ((x->flags & facts) != XVS_PKT_L4 ||
	    (x->l4_proto != PROTO_TCP && x->l4_proto != PROTO_UDP))
		return false;
	memcpy(ports, x->data + x->l4_off, sizeof(ports));
	if (!ports[0] || !ports[1])
		return false;
	if (x->flags & XVS_PKT_IPV4) {
		src = mapped_words(l3 + 12);
		dst = mapped_words(l3 + 16);
	} else {
		src = address_words(l3 + 8);
		dst = address_words(l3 + 24);
	}
	out->of[1] = inbound ? dst.first : src.first;
	out->of[2] = inbound ? dst.last : src.last;
	out->of[3] = inbound ? src.first : dst.first;
	out->of[4] = inbound ? src.last : dst.last;
	out->of[0] = port | (uint64_t)p->segment << 32;
	out->of[5] = ports[inbound] | (uint64_t)ports[!inbound] << 16 | (uint64_t)x->l4_proto << 32;
	return true;
}

/* [any] Three products that do not wait for each other. */
static inline uint64_t words_hash(const struct conn_words *w)
{
	return hash_mix(w->of[0] ^ hash_secret[0], w->of[5] ^ hash_secret[1]) ^
	       hash_mix(w->of[1] ^ hash_secret[2], w->of[2] ^ hash_secret[3]) ^
	       hash_mix(w->of[3] ^ hash_secret[1], w->of[4] ^ hash_secret[2]);
}

static inline const struct conn_words *key_words_of(const struct conn_key *key)
{
	return (const struct conn_words *)(const void *)key;
}

static inline uint64_t key_hash(const struct conn_key *key)
{
	return words_hash(key_words_of(key));
}

static inline bool key_equal(const struct conn_key *a, const struct conn_key *b)
{
	const struct conn_words *x = key_words_of(a);
	const struct conn_words *y = key_words_of(b);

	return !((x->of[0] ^ y->of[0]) | (x->of[1] ^ y->of[1]) | (x->of[2] ^ y->of[2]) |
		 (x->of[3] ^ y->of[3]) | (x->of[4] ^ y->of[4]) | (x->of[5] ^ y->of[5]));
}

#endif /* XVS_CONN_TUPLE_H */
