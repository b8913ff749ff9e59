/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/icmp.c - ICMP errors: what they quote was translated, so the quotation is translated back
 * (RFC 5508, 4).
 *
 * The quotation is whatever somebody sends: it is checked as a packet is, and only what lies within
 * the error is read or written.  At least 8 bytes behind the quoted IP header are there (RFC 792), so
 * a TCP checksum may be missing.
 */
#include "nat/nat.h"
#include "nat/words.h"

enum { QUOTE_L4_MIN = 8, QUOTE_L4_READ = 20, OFFSET_MASK = 0x1fff };
enum { ICMP_ECHO_REPLY = 0, ICMP_ECHO = 8 };

static bool view_l4(const uint8_t *l4, struct nat_view *v)
{
	if (v->proto == PROTO_TCP || v->proto == PROTO_UDP) {
		v->src_port = get_be16(l4);
		v->dst_port = get_be16(l4 + 2);
		return true;
	}
	if (v->proto != PROTO_ICMP || (l4[0] != ICMP_ECHO && l4[0] != ICMP_ECHO_REPLY))
		return false;
	*(l4[0] == ICMP_ECHO ? &v->src_port : &v->dst_port) = get_be16(l4 + 4);
	v->is_query = l4[0] == ICMP_ECHO;
	return true;
}

/* So many bytes from the start of the packet are linear, private and of its IP packet. */
static bool has(struct packet *p, uint32_t end)
{
	return end <= packet_l3_end(p) && end <= p->x.len && packet_pull(p, end) == 0;
}

bool nat_quote_of(struct packet *p, struct nat_quote *q)
{
	uint32_t at = p->x.l4_off + (uint32_t)ICMP_BYTES;
	uint32_t header;
	uint32_t end;
	const uint8_t *ip;

	if (packet_unshare(p) != 0 || !has(p, at + IPV4_BYTES + QUOTE_L4_MIN))
		return false;
	ip = p->x.data + at;
	header = (ip[0] & 0xfu) * 4;
	if (ip[0] >> 4 != 4 || header < IPV4_BYTES || get_be16(ip + 6) & OFFSET_MASK ||
	    !has(p, at + header + QUOTE_L4_MIN))
		return false;
	end = packet_l3_end(p);
	if (end > at + header + QUOTE_L4_READ)
		end = at + header + QUOTE_L4_READ;
	if (!has(p, end))
		return false;
	ip = p->x.data + at;
	*q = (struct nat_quote){
		.view = { .src = get_be32(ip + 12), .dst = get_be32(ip + 16), .proto = ip[9] },
		.ip = at,
		.l4 = at + header,
		.bytes = end - at - header
	};
	return view_l4(ip + header, &q->view);
}

/* Place of the quoted checksum, behind the quoted L4 header; 0: none is there. */
static uint32_t sum_at(const struct nat_quote *q, const uint8_t *l4)
{
	uint32_t at = q->view.proto == PROTO_TCP   ? TCP_SUM_AT
		      : q->view.proto == PROTO_UDP ? UDP_SUM_AT
						   : ICMP_SUM_AT;

	if (at + 2 > q->bytes || (q->view.proto == PROTO_UDP && get_be16(l4 + at) == 0))
		return 0;
	return at;
}

void nat_rewrite_quote(struct packet *p, const struct nat_quote *q, enum nat_side side,
		       uint32_t address, uint16_t port)
{
	uint8_t *ip = p->x.data + q->ip;
	uint8_t *l4 = p->x.data + q->l4;
	bool is_icmp = q->view.proto == PROTO_ICMP;
	uint64_t pseudo = words_put32(ip + (side == NAT_SOURCE ? 12 : 16), address);
	uint64_t ports = words_put16(l4 + (is_icmp ? 4 : side == NAT_SOURCE ? 0 : 2), port);
	uint64_t all = pseudo + ports + words_fix(ip + 10, pseudo);
	uint32_t sum = sum_at(q, l4);

	if (sum)
		all += words_fix(l4 + sum, is_icmp ? ports : pseudo + ports);
	if (!(p->x.flags & XVS_PKT_CSUM_TODO))
		words_fix(p->x.data + p->x.l4_off + ICMP_SUM_AT, all);
}
