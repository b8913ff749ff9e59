/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat_in.c - what comes from the wire: for whom inside it is, or what the NAT says to it.
 */
#include "path/nat_part.h"

enum { ICMP_TIME_EXCEEDED = 11 << 8 };

/* Addresses that nobody outside may send from: our own, the inside's, and what is no station's. */
static bool is_source(const struct nat_facts *f, uint32_t address)
{
	return address >> 24 != 0 && address >> 24 < 224 && address >> 24 != 127 &&
	       !nat_is_outside(f, address) && !nat_is_inside(f, address);
}

static enum nat_fate in_flow(struct nat_hand *h, struct packet *p, const struct nat_view *v)
{
	struct nat_moment m = nat_moment_of(h);
	struct nat_answer a;

	if (!nat_inward(h->nat->table, v, &m, p->x.len, &a))
		return nat_drop(h, a.reason);
	if (p->x.data[p->x.l3_off + 8] <= 1) {
		nat_complain(h, p, false, ICMP_TIME_EXCEEDED, 0);
		return nat_drop(h, REASON_NAT_HOPS);
	}
	if (packet_unshare(p) != 0)
		return nat_drop(h, REASON_POOL);
	if (p->x.flags & XVS_PKT_FRAG) {
		nat_fragment_first(h->lane->fragments, p, v, &a, m.now_ns);
		nat_wait_news(h->nat);
	}
	nat_rewrite(p, NAT_DESTINATION, a.address, a.port);
	return FATE_GO;
}

static enum nat_fate in_later(struct nat_hand *h, struct packet *p, const struct nat_view *v)
{
	struct nat_answer a;

	if (!nat_fragment_later(h->lane->fragments, p, v, h->w->w.now_ns, &a))
		return nat_wait_put(h, p, WAIT_IN_FRAGMENT, get_be16(p->x.data + p->x.l3_off + 4));
	if (p->x.data[p->x.l3_off + 8] <= 1)
		return nat_drop(h, REASON_NAT_HOPS);
	if (packet_unshare(p) != 0)
		return nat_drop(h, REASON_POOL);
	nat_rewrite_address(p, NAT_DESTINATION, a.address);
	return FATE_GO;
}

/* The error is about what an inside end has sent, or it is none of ours. */
static enum nat_fate in_error(struct nat_hand *h, struct packet *p, const struct nat_view *v)
{
	struct nat_answer a;
	struct nat_quote q;

	if (!nat_quote_of(p, &q) || q.view.src != v->dst)
		return nat_drop(h, REASON_NAT_STATE);
	if (!nat_quoted_inward(h->nat->table, &q.view, &a))
		return nat_drop(h, a.reason);
	if (p->x.data[p->x.l3_off + 8] <= 1)
		return nat_drop(h, REASON_NAT_HOPS);
	nat_rewrite_quote(p, &q, NAT_SOURCE, a.address, a.port);
	nat_rewrite_address(p, NAT_DESTINATION, a.address);
	return FATE_GO;
}

static enum nat_fate translate_in(struct nat_hand *h, struct packet *p)
{
	const struct nat_facts *f = &h->world->facts;
	struct nat_view v = { 0 };
	enum nat_kind kind = nat_view_of(p, &v);

	if (kind != NAT_OTHER && !nat_is_outside(f, v.dst))
		return nat_drop(h, REASON_NAT_ELSEWHERE);
	if (kind != NAT_OTHER && !is_source(f, v.src))
		return nat_drop(h, REASON_NAT_SOURCE);
	switch (kind) {
	case NAT_FLOW:
		return v.is_query ? nat_echo(h, p, false) : in_flow(h, p, &v);
	case NAT_LATER:
		return in_later(h, p, &v);
	case NAT_ERROR:
		return in_error(h, p, &v);
	default:
		return nat_drop(h, REASON_NAT_PROTOCOL);
	}
}

enum nat_fate nat_in_packet(struct nat_hand *h, struct packet *p)
{
	enum nat_fate fate;

	if (packet_is_in_vlan(p))
		return nat_drop(h, REASON_VLAN);
	if (p->x.ethertype == ETHERTYPE_ARP)
		return nat_arp(h, p, false);
	if (memcmp(p->x.data, h->world->facts.mac, 6) != 0)
		return nat_drop(h, REASON_NAT_ELSEWHERE);
	fate = translate_in(h, p);
	if (fate != FATE_GO)
		return fate;
	(void)nat_take_hop(p); /* there is one: that was looked at before */
	p->x.hash = packet_hash(p);
	return nat_hop_inside(h, p);
}
