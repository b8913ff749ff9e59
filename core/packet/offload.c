/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/offload.c - what an exit port cannot do itself: checksums, and cutting GSO packets.
 */
#include <errno.h>

#include "packet/headers.h"
#include "packet/sum.h"

enum { SEQUENCE_AT = 4, TCP_FLAGS_AT = 13 };

/* In a tunnel of the guest's the protocol is told by where the sum stands in the header. */
int packet_checksum(struct packet *p)
{
	uint32_t place = (uint32_t)p->x.csum_start + p->x.csum_off;
	bool is_outer = p->x.csum_start == p->x.l4_off;
	uint32_t end;

	if (!(p->x.flags & XVS_PKT_CSUM_TODO))
		return 0;
	end = packet_l3_end(p);
	if (p->x.gso_type || place + 2 > p->x.linear || place + 2 > end || end > p->x.len)
		return -EINVAL;
	if (packet_unshare(p))
		return -ENOBUFS;
	sum_store(p->x.data + place, sum_packet(p, p->x.csum_start, end),
		  p->x.csum_off == UDP_SUM_AT);
	p->x.flags &= ~(uint32_t)XVS_PKT_CSUM_TODO;
	if (is_outer)
		p->x.flags |= XVS_PKT_CSUM_OK;
	return 0;
}

/* One GSO packet on its way to becoming segments. */
struct cut {
	const struct packet *p;
	uint32_t header; /* bytes of all headers */
	uint32_t end;    /* of the payload, from 'data' */
	uint32_t size;   /* payload of every segment but the last */
	uint32_t count;
};

struct packet *packet_new_segment(const struct packet *p, uint32_t len)
{
	struct packet *out;

	if (len > PACKET_PARSE)
		return packet_new_linear(p->pool, len);
	out = packet_new(p->pool);
	if (!out)
		return NULL;
	out->x.len = len;
	out->x.linear = len;
	return out;
}

/* IPv4 identification goes on from segment to segment, as the adapters count it. */
static void finish_ip(struct packet *out, uint32_t nr)
{
	uint8_t *ip = out->x.data + out->x.l3_off;
	uint32_t len = out->x.len - out->x.l3_off;

	if (out->x.flags & XVS_PKT_IPV6) {
		put_be16(ip + 4, (uint16_t)(len - IPV6_BYTES));
		return;
	}
	put_be16(ip + 2, (uint16_t)len);
	put_be16(ip + 4, (uint16_t)(get_be16(ip + 4) + nr));
	put_be16(ip + 10, 0);
	sum_store(ip + 10, sum_bytes(ip, (size_t)(out->x.l4_off - out->x.l3_off)), false);
}

/* FIN and PSH belong to the last byte, CWR to the first (RFC 3168, 6.1.2). */
static void finish_tcp(const struct cut *c, struct packet *out, uint32_t nr)
{
	uint8_t *tcp = out->x.data + out->x.l4_off;

	put_be32(tcp + SEQUENCE_AT, get_be32(tcp + SEQUENCE_AT) + nr * c->size);
	if (nr > 0)
		tcp[TCP_FLAGS_AT] &= (uint8_t)~TCP_CWR;
	if (nr + 1 < c->count)
		tcp[TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

static void finish_l4(const struct cut *c, struct packet *out, uint32_t nr)
{
	uint32_t len = out->x.len - out->x.l4_off;
	uint8_t *l4 = out->x.data + out->x.l4_off;
	bool is_udp = out->x.l4_proto == PROTO_UDP;
	uint8_t *place = out->x.data + packet_sum_place(out);

	if (is_udp)
		put_be16(l4 + 4, (uint16_t)len);
	else
		finish_tcp(c, out, nr);
	put_be16(place, 0);
	sum_store(place, sum_add(sum_pseudo(out, len), sum_bytes(l4, len)), is_udp);
}

static struct packet *segment(const struct cut *c, uint32_t nr)
{
	uint32_t from = c->header + nr * c->size;
	uint32_t len = c->end - from < c->size ? c->end - from : c->size;
	struct packet *out = packet_new_segment(c->p, c->header + len);

	if (!out)
		return NULL;
	packet_copy_facts(out, c->p);
	out->x.gso_type = GSO_NONE;
	out->x.gso_size = 0;
	out->x.csum_start = 0;
	out->x.csum_off = 0;
	out->x.flags &= ~(uint32_t)XVS_PKT_CSUM_TODO;
	out->x.flags |= XVS_PKT_CSUM_OK;

	packet_read(c->p, 0, out->x.data, c->header);
	packet_read(c->p, from, out->x.data + c->header, len);
	finish_ip(out, nr);
	finish_l4(c, out, nr);
	return out;
}

static bool can_cut(const struct xvs_packet *x)
{
	if (!(x->flags & XVS_PKT_L4) || x->flags & (XVS_PKT_FRAG | XVS_PKT_BAD) || x->gso_size == 0)
		return false;
	switch (x->gso_type & ~GSO_ECN) {
	case GSO_TCPV4:
	case GSO_TCPV6:
		return x->l4_proto == PROTO_TCP;
	case GSO_UDP:
	case GSO_UDP_L4:
		return x->l4_proto == PROTO_UDP;
	default:
		return false;
	}
}

int packet_segment(const struct packet *p, struct packet **out, int max)
{
	struct cut c = { .p = p, .size = p->x.gso_size };

	if (!can_cut(&p->x))
		return -EINVAL;
	if ((p->x.gso_type & ~GSO_ECN) == GSO_UDP)
		return packet_fragment(p, out, max);
	c.header = packet_payload_off(p);
	c.end = packet_l3_end(p);
	c.count = (c.end - c.header + c.size - 1) / c.size;
	if (c.count == 0)
		c.count = 1;
	if (max < 0 || c.count > (uint32_t)max)
		return -ENOSPC;
	for (uint32_t nr = 0; nr < c.count; nr++) {
		out[nr] = segment(&c, nr);
		if (out[nr])
			continue;
		while (nr > 0)
			packet_free(out[--nr]);
		return -ENOBUFS;
	}
	return (int)c.count;
}
