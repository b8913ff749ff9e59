/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/icmp.c - ICMP errors: about which connection, and whether it can be true.
 *
 * An error goes to who sent the datagram it speaks of, so that datagram went the other way: of an
 * inbound error, the source inside it is our end.  It is believed if such a connection lives and,
 * for TCP, if the number quoted is of data under way (RFC 5927, 4.1), for SCTP, if the tag is the
 * right one.  A forger would have to guess what is in flight.
 */
#include "conn/judge.h"

enum {
	QUOTE_BYTES = 128,  /* enough for an IPv6 header, some extensions and eight octets */
	QUOTE_L4_BYTES = 8, /* RFC 792: at least so many are quoted */
	EXTENSIONS_MAX = 8,
};

/* The datagram inside, parsed with nothing taken for granted. */
struct quote {
	uint8_t src[16];
	uint8_t dst[16];
	uint8_t proto;
	const uint8_t *l4;
	uint32_t l4_len;
};

static bool quote_l4(struct cursor *c, struct quote *out)
{
	out->l4 = c->at;
	out->l4_len = c->ok ? (uint32_t)(c->end - c->at) : 0;
	return out->l4_len >= QUOTE_L4_BYTES;
}

static bool quote_ipv4(const uint8_t *bytes, uint32_t len, struct quote *out)
{
	struct cursor c = cursor_of(bytes, len);
	const uint8_t *ip = cursor_take(&c, IPV4_BYTES);
	uint32_t header;

	if (!ip || ip[0] >> 4 != 4)
		return false;
	header = (uint32_t)(ip[0] & 0x0f) * 4;
	if (header < IPV4_BYTES || !cursor_take(&c, header - IPV4_BYTES))
		return false;
	if (get_be16(ip + 6) & 0x1fff) /* a later fragment has no ports to be known by */
		return false;
	tuple_map_ipv4(out->src, ip + 12);
	tuple_map_ipv4(out->dst, ip + 16);
	out->proto = ip[9];
	return quote_l4(&c, out);
}

/* Over one extension header; false: not one, or the datagram ends in it, or is a later fragment. */
static bool skip_extension(struct cursor *c, uint8_t *proto)
{
	uint8_t kind = *proto;
	const uint8_t *header;
	size_t rest;

	if (kind != PROTO_HOPOPTS && kind != PROTO_ROUTING && kind != PROTO_DSTOPTS &&
	    kind != PROTO_FRAGMENT)
		return false;
	header = cursor_take(c, EXTENSION_BYTES);
	if (!header)
		return false;
	rest = kind == PROTO_FRAGMENT ? 0 : (size_t)header[1] * 8;
	if (kind == PROTO_FRAGMENT && get_be16(header + 2) & 0xfff8)
		c->ok = false;
	*proto = header[0];
	return cursor_take(c, rest) != NULL;
}

static bool quote_ipv6(const uint8_t *bytes, uint32_t len, struct quote *out)
{
	struct cursor c = cursor_of(bytes, len);
	const uint8_t *ip = cursor_take(&c, IPV6_BYTES);

	if (!ip || ip[0] >> 4 != 6)
		return false;
	memcpy(out->src, ip + 8, 16);
	memcpy(out->dst, ip + 24, 16);
	out->proto = ip[6];
	for (unsigned i = 0; i < EXTENSIONS_MAX && skip_extension(&c, &out->proto); i++)
		;
	return quote_l4(&c, out);
}

static bool read_quote(struct packet *p, struct quote *out)
{
	uint32_t at = (uint32_t)p->x.l4_off + ICMP_BYTES;
	uint32_t want = at + QUOTE_BYTES;

	if (want > p->x.len)
		want = p->x.len;
	if (want > p->x.linear && packet_pull(p, want))
		return false;
	if (at > p->x.linear)
		return false;
	if (p->x.flags & XVS_PKT_IPV4)
		return quote_ipv4(p->x.data + at, want - at, out);
	return quote_ipv6(p->x.data + at, want - at, out);
}

/* It is addressed to who sent what it speaks of. */
static bool reaches_sender(const struct packet *p, const struct quote *quote)
{
	const uint8_t *l3 = p->x.data + p->x.l3_off;
	uint8_t mapped[16];

	if (p->x.flags & XVS_PKT_IPV6)
		return memcmp(l3 + 24, quote->src, 16) == 0;
	tuple_map_ipv4(mapped, l3 + 16);
	return memcmp(mapped, quote->src, 16) == 0;
}

static bool quote_key(const struct visit *v, const struct quote *quote, struct tuple *out)
{
	bool from_inside = v->inbound;

	memset(out, 0, sizeof(*out));
	out->key.port = v->port_id;
	out->key.segment = v->p->segment;
	out->key.proto = quote->proto;
	memcpy(from_inside ? out->key.inside : out->key.outside, quote->src, 16);
	memcpy(from_inside ? out->key.outside : out->key.inside, quote->dst, 16);
	return tuple_read_l4(quote->l4, quote->l4_len, from_inside, out) == TUPLE_TRACKED;
}

/* Sent, and not acknowledged yet. */
static bool is_under_way(struct conn *c, unsigned direction, uint32_t seq)
{
	struct half *s = &c->halves[direction];
	struct half *r = &c->halves[!direction];
	uint32_t s_flags = atomic_load_explicit(&s->flags, memory_order_acquire);
	uint32_t r_flags = atomic_load_explicit(&r->flags, memory_order_acquire);
	uint32_t end = atomic_load_explicit(&s->end, memory_order_relaxed);
	uint32_t window = atomic_load_explicit(&r->window, memory_order_relaxed);
	uint32_t begin = end - window - 1;

	if (!(s_flags & HALF_SEATED))
		return false;
	if (!(r_flags & HALF_SEATED)) /* its SYN alone */
		begin = atomic_load_explicit(&s->first, memory_order_relaxed);
	else if (r_flags & HALF_EDGE)
		begin = atomic_load_explicit(&r->ack, memory_order_relaxed);
	return !seq_before(seq, begin) && !seq_before(end, seq);
}

/* RFC 9260, 10: an INIT has none, all others that of their direction. */
static bool has_tag(struct conn *c, unsigned direction, uint32_t tag)
{
	struct half *h = &c->halves[direction];

	if (tag == 0)
		return conn_state(c) == STATE_SYN_SENT;
	return atomic_load_explicit(&h->flags, memory_order_acquire) & HALF_SEATED &&
	       atomic_load_explicit(&h->first, memory_order_relaxed) == tag;
}

static bool is_believable(const struct visit *v, struct conn *c, const struct quote *quote)
{
	unsigned direction = conn_direction(c, !v->inbound);
	uint32_t number = get_be32(quote->l4 + 4);

	if (quote->proto == PROTO_TCP)
		return is_under_way(c, direction, number);
	return quote->proto != PROTO_SCTP || has_tag(c, direction, number);
}

enum conn_answer icmp_judge_error(struct visit *v)
{
	struct quote quote;
	struct tuple tuple;
	struct conn *c;

	if (!read_quote(v->p, &quote) || !reaches_sender(v->p, &quote) ||
	    !quote_key(v, &quote, &tuple))
		return visit_drop(v, REASON_CONN_UNRELATED);
	c = judge_find(v, table_bucket(v->t, &tuple.key), &tuple.key);
	/*
	 * An error needs no question of its own, but cannot stand in for one either: while policy
	 * has changed and no packet has yet asked about the connection, it does not pass on the old
	 * answer.  Its sender repeats it if the matter lasts.
	 */
	if (!c || !judge_is_fresh(v, c) || !is_believable(v, c, &quote))
		return visit_drop(v, REASON_CONN_UNRELATED);
	return CONN_INSIDE;
}
