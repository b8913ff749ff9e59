/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/rewrite.c - one end of a packet gets another name.
 *
 * Checksums are corrected by the difference (RFC 1624, equation 3), so what was wrong stays wrong
 * and the receiver finds out.  A partial checksum holds the sum of the pseudo header alone, not
 * complemented: addresses change it, ports do not.  All the packets that a GSO packet stands for
 * have the same ends, so nothing more is to be done for one.
 */
#include "nat/nat.h"
#include "nat/words.h"

static void fix_l4(struct packet *p, uint64_t pseudo, uint64_t header)
{
	uint8_t *field = p->x.data + packet_sum_place(p);
	bool is_udp = p->x.l4_proto == PROTO_UDP;

	if (p->x.flags & XVS_PKT_CSUM_TODO) {
		words_add(field, p->x.l4_proto == PROTO_ICMP ? 0 : pseudo);
		return;
	}
	/* UDP: zero means that there is none (RFC 768), and no sum may become that */
	if (is_udp && get_be16(field) == 0)
		return;
	words_fix(field, p->x.l4_proto == PROTO_ICMP ? header : pseudo + header);
	if (is_udp && get_be16(field) == 0)
		put_be16(field, 0xffff);
}

void nat_rewrite(struct packet *p, enum nat_side side, uint32_t address, uint16_t port)
{
	uint8_t *ip = p->x.data + p->x.l3_off;
	uint8_t *l4 = p->x.data + p->x.l4_off;
	uint8_t *at = l4 + (p->x.l4_proto == PROTO_ICMP ? 4 : side == NAT_SOURCE ? 0 : 2);
	uint64_t pseudo = words_put32(ip + (side == NAT_SOURCE ? 12 : 16), address);

	words_fix(ip + 10, pseudo);
	if (p->x.flags & XVS_PKT_L4)
		fix_l4(p, pseudo, words_put16(at, port));
}

void nat_rewrite_address(struct packet *p, enum nat_side side, uint32_t address)
{
	uint8_t *ip = p->x.data + p->x.l3_off;

	words_fix(ip + 10, words_put32(ip + (side == NAT_SOURCE ? 12 : 16), address));
}

bool nat_take_hop(struct packet *p)
{
	uint8_t *ip = p->x.data + p->x.l3_off;

	if (ip[8] <= 1)
		return false;
	/* the time to live is the first byte of its word */
	words_fix(ip + 10, words_put16(ip + 8, (uint16_t)(get_be16(ip + 8) - 0x100)));
	return true;
}
