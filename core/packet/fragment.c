/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/fragment.c - a datagram that is still to be cut into IP fragments (virtio's UFO), and one that is
 * longer than the next network takes.
 *
 *      [ether][IP][          UDP and payload           ]       gso_size of it in each fragment
 *      [ether][IP][ piece ]  [ether][IP][ piece ]  ...         RFC 791: offset in the header
 *      [ether][IP][44][ piece ]  ...                           RFC 8200, 4.5: a header of its own
 *
 * Unlike segments these are one datagram still: one UDP header, and one sum over all of it, which
 * is filled in before.  Options of IPv4 that say so are in each fragment, as are the headers of
 * IPv6 that routers read.
 */
#include <errno.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "packet/headers.h"
#include "packet/reason.h"
#include "packet/sum.h"

enum {
	UNIT = 8, /* of fragment offsets */
	DO_NOT_IPV4 = 0x4000,
	MORE_IPV4 = 0x2000,
	OFFSET_IPV4 = 0x1fff,
	MORE_IPV6 = 1,
	OPTION_END = 0,
	OPTION_NOTHING = 1,
	OPTION_COPIED = 0x80,
	DATAGRAM_MAX = 65535,
};

struct fragments {
	const struct packet *p;
	uint32_t head; /* bytes that go ahead of each piece */
	uint32_t type; /* IPv6: place in them that says what follows */
	uint32_t end;  /* of the datagram */
	uint32_t size; /* of all pieces but the last */
	uint32_t count;
	uint32_t id;
	uint32_t first; /* IPv4: where it begins, if it is a fragment itself, in units */
	bool has_more;  /* and others follow it */
	bool has_sum;   /* there is none to fill in */
};

static bool is_ipv6(const struct packet *p)
{
	return (p->x.flags & XVS_PKT_IPV6) != 0;
}

/* Of the fragment header; one piece alone is no fragment (RFC 6946). */
static uint32_t extra_bytes(const struct fragments *f)
{
	return is_ipv6(f->p) && f->count > 1 ? EXTENSION_BYTES : 0;
}

/* Up to the last of the headers that routers read: hop-by-hop options, routing. */
static void find_head_ipv6(struct fragments *f)
{
	const uint8_t *data = f->p->x.data;
	uint32_t type = f->p->x.l3_off + 6u;
	uint32_t at = f->p->x.l3_off + (uint32_t)IPV6_BYTES;

	f->head = at;
	f->type = type;
	while (at < f->p->x.l4_off) {
		uint8_t proto = data[type];
		uint32_t len =
			proto == PROTO_AH ? (data[at + 1] + 2u) * 4 : (data[at + 1] + 1u) * 8;

		type = at;
		at += len;
		if (proto != PROTO_HOPOPTS && proto != PROTO_ROUTING)
			continue;
		f->head = at;
		f->type = type;
	}
}

/* False: it cannot be cut in this way. */
static bool measure(const struct packet *p, struct fragments *f)
{
	uint32_t ip = p->x.l3_off + (is_ipv6(p) ? (uint32_t)IPV6_BYTES : 0);

	*f = (struct fragments){ .p = p, .head = p->x.l4_off };
	f->end = packet_l3_end(p);
	f->size = p->x.gso_size / UNIT * UNIT;
	if (p->x.l4_proto != PROTO_UDP || f->size == 0 || f->end - ip > DATAGRAM_MAX ||
	    get_be16(p->x.data + p->x.l4_off + 4) != f->end - p->x.l4_off)
		return false;
	if (is_ipv6(p))
		find_head_ipv6(f);
	f->count = (f->end - f->head + f->size - 1) / f->size;
	/* all headers are in the first fragment: RFC 7112 */
	return f->count <= SEGMENTS_MAX && f->head + f->size >= p->x.l4_off + (uint32_t)UDP_BYTES;
}

bool packet_can_fragment(const struct packet *p)
{
	struct fragments f;

	return measure(p, &f);
}

/* Nobody can tell the next one, nor how many others there were (RFC 7739). */
static uint32_t new_id(const struct packet *p)
{
	static _Atomic uint32_t count;
	uint64_t n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);

	return (uint32_t)hash_mix(n ^ hash_secret[2], p->x.hash ^ hash_secret[3]) | 1;
}

/* What is not to be copied becomes nothing, so that the header stays as long as it is. */
static void clear_options(uint8_t *ip, uint32_t header)
{
	uint32_t at = IPV4_BYTES;

	while (at < header && ip[at] != OPTION_END) {
		uint32_t len = ip[at] == OPTION_NOTHING ? 1 : at + 1 < header ? ip[at + 1] : 0;
		bool is_sound = len > 0 && at + len <= header;

		if (!is_sound)
			len = header - at; /* nor does what is behind it make sense */
		if (!is_sound || !(ip[at] & OPTION_COPIED))
			memset(ip + at, OPTION_NOTHING, len);
		at += len;
	}
}

static void finish_ipv4(const struct fragments *f, struct packet *out, uint32_t nr)
{
	uint8_t *ip = out->x.data + f->p->x.l3_off;
	uint32_t header = f->head - f->p->x.l3_off;
	uint32_t more = nr + 1 < f->count || f->has_more ? MORE_IPV4 : 0;

	if (nr > 0)
		clear_options(ip, header);
	put_be16(ip + 2, (uint16_t)(out->x.len - f->p->x.l3_off));
	if (get_be16(ip + 4) == 0 && !f->first && !f->has_more)
		put_be16(ip + 4, (uint16_t)f->id);
	put_be16(ip + 6, (uint16_t)((f->first + nr * f->size / UNIT) | more));
	put_be16(ip + 10, 0);
	sum_store(ip + 10, sum_bytes(ip, header), false);
}

static void finish_ipv6(const struct fragments *f, struct packet *out, uint32_t nr)
{
	uint8_t *ip = out->x.data + f->p->x.l3_off;
	uint8_t *header = out->x.data + f->head;
	uint32_t more = nr + 1 < f->count ? MORE_IPV6 : 0;

	put_be16(ip + 4, (uint16_t)(out->x.len - f->p->x.l3_off - IPV6_BYTES));
	header[0] = out->x.data[f->type];
	header[1] = 0;
	put_be16(header + 2, (uint16_t)(nr * f->size | more));
	put_be32(header + 4, f->id);
	out->x.data[f->type] = PROTO_FRAGMENT;
}

static void fill_sum(const struct fragments *f, struct packet *out)
{
	uint8_t *place = out->x.data + packet_sum_place(f->p) + extra_bytes(f);

	sum_store(place, sum_packet(f->p, f->p->x.l4_off, f->end), f->p->x.l4_proto == PROTO_UDP);
}

static struct packet *piece(const struct fragments *f, uint32_t nr)
{
	uint32_t from = f->head + nr * f->size;
	uint32_t len = f->end - from < f->size ? f->end - from : f->size;
	uint32_t head = f->head + extra_bytes(f);
	struct packet *out = packet_new_segment(f->p, head + len);
	uint16_t bad;

	if (!out)
		return NULL;
	packet_copy_facts(out, f->p);
	out->x.gso_type = GSO_NONE;
	out->x.gso_size = 0;
	out->x.csum_start = 0;
	out->x.csum_off = 0;
	out->x.flags &= ~(uint32_t)(XVS_PKT_CSUM_TODO | XVS_PKT_CSUM_OK);
	packet_read(f->p, 0, out->x.data, f->head);
	packet_read(f->p, from, out->x.data + head, len);
	if (nr == 0 && !f->has_sum)
		fill_sum(f, out);
	if (extra_bytes(f))
		finish_ipv6(f, out, nr);
	else if (!is_ipv6(f->p))
		finish_ipv4(f, out, nr);
	packet_parse(out, &bad);
	return out;
}

static int cut(struct fragments *f, struct packet **out, int max)
{
	if (max < 0 || f->count > (uint32_t)max)
		return -ENOSPC;
	f->id = new_id(f->p);
	for (uint32_t nr = 0; nr < f->count; nr++) {
		out[nr] = piece(f, nr);
		if (out[nr])
			continue;
		while (nr > 0)
			packet_free(out[--nr]);
		return -ENOBUFS;
	}
	return (int)f->count;
}

int packet_fragment(const struct packet *p, struct packet **out, int max)
{
	struct fragments f;

	return measure(p, &f) ? cut(&f, out, max) : -EINVAL;
}

/* ---- longer than the next network takes ---------------------------------------------------------- */

bool packet_may_fragment(const struct packet *p)
{
	return (p->x.flags & XVS_PKT_IPV4) && p->x.gso_type == GSO_NONE &&
	       !(get_be16(p->x.data + p->x.l3_off + 6) & DO_NOT_IPV4);
}

/* Its checksum, if one is to be filled in, is in the first piece. */
static bool measure_ipv4(const struct packet *p, uint32_t mtu, struct fragments *f)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;
	uint32_t header = (uint32_t)(ip[0] & 15) * 4;
	uint32_t offset = get_be16(ip + 6);

	*f = (struct fragments){ .p = p,
				 .head = p->x.l3_off + header,
				 .end = packet_l3_end(p),
				 .first = offset & OFFSET_IPV4,
				 .has_more = offset & MORE_IPV4,
				 .has_sum = !(p->x.flags & XVS_PKT_CSUM_TODO) };
	if (mtu < header + UNIT || f->end <= f->head)
		return false;
	f->size = (mtu - header) / UNIT * UNIT;
	f->count = (f->end - f->head + f->size - 1) / f->size;
	return f->count <= SEGMENTS_MAX &&
	       (f->has_sum || packet_sum_place(p) + 2 <= f->head + f->size);
}

int packet_fragment_ipv4(const struct packet *p, uint32_t mtu, struct packet **out, int max)
{
	struct fragments f;

	if (!packet_may_fragment(p) || !measure_ipv4(p, mtu, &f))
		return -EINVAL;
	return cut(&f, out, max);
}
