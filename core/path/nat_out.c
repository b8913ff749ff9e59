/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat_out.c - what the inside sends to its gateway: to the wire, back inside (hairpin), or to the NAT
 * itself.
 */
#include "path/nat_part.h"
#include "xvs/ext/sdk.h"

enum {
	ICMP_TIME_EXCEEDED = 11 << 8,
	ICMP_TOO_LONG = 3 << 8 | 4,
	ICMP_NO_ROUTE = 3 << 8,
};

/* ---- the source becomes an outside one ------------------------------------------------------- */

static enum nat_fate out_flow(struct nat_hand *h, struct packet *p, const struct nat_view *v)
{
	struct nat_moment m = nat_moment_of(h);
	struct nat_answer a;

	if (!nat_outward(h->nat->table, v, &m, p->x.len, &a))
		return nat_drop(h, a.reason);
	if (packet_unshare(p) != 0)
		return nat_drop(h, REASON_POOL);
	if (p->x.flags & XVS_PKT_FRAG) {
		nat_fragment_first(h->lane->fragments, p, v, &a, m.now_ns);
		nat_wait_news(h->nat);
	}
	nat_rewrite(p, NAT_SOURCE, a.address, a.port);
	return FATE_GO;
}

static enum nat_fate out_later(struct nat_hand *h, struct packet *p, const struct nat_view *v)
{
	struct nat_answer a;

	if (!nat_fragment_later(h->lane->fragments, p, v, h->w->w.now_ns, &a))
		return nat_wait_put(h, p, WAIT_OUT_FRAGMENT, get_be16(p->x.data + p->x.l3_off + 4));
	if (packet_unshare(p) != 0)
		return nat_drop(h, REASON_POOL);
	nat_rewrite_address(p, NAT_SOURCE, a.address);
	return FATE_GO;
}

/* From the inside end itself or from a router before it: outside, both are the session's address. */
static enum nat_fate out_error(struct nat_hand *h, struct packet *p)
{
	struct nat_answer a;
	struct nat_quote q;

	if (!nat_quote_of(p, &q))
		return nat_drop(h, REASON_NAT_STATE);
	if (!nat_quoted_outward(h->nat->table, &q.view, &a))
		return nat_drop(h, a.reason);
	nat_rewrite_quote(p, &q, NAT_DESTINATION, a.address, a.port);
	nat_rewrite_address(p, NAT_SOURCE, a.address);
	return FATE_GO;
}

static enum nat_fate translate_out(struct nat_hand *h, struct packet *p, enum nat_kind kind,
				   const struct nat_view *v)
{
	switch (kind) {
	case NAT_FLOW:
		return out_flow(h, p, v);
	case NAT_LATER:
		return out_later(h, p, v);
	case NAT_ERROR:
		return out_error(h, p);
	default:
		return nat_drop(h, REASON_NAT_PROTOCOL);
	}
}

/* ---- where to -------------------------------------------------------------------------------- */

/* The last hop, or more than the wire takes: its sender is told. */
static bool may_travel(struct nat_hand *h, struct packet *p)
{
	uint32_t mtu = h->conf->mtu;

	if (p->x.data[p->x.l3_off + 8] <= 1) {
		nat_complain(h, p, true, ICMP_TIME_EXCEEDED, 0);
		h->reason = REASON_NAT_HOPS;
		return false;
	}
	if (!mtu || xvs_l3_bytes(&p->x) <= mtu || packet_may_fragment(p))
		return true; /* what may be cut is, at the end: tx.c */
	nat_complain(h, p, true, ICMP_TOO_LONG, mtu);
	h->reason = REASON_TOO_LONG;
	return false;
}

static enum nat_fate to_wire(struct nat_hand *h, struct packet *p, enum nat_kind kind,
			     const struct nat_view *v)
{
	enum nat_fate fate;

	if (!may_travel(h, p))
		return FATE_DROP;
	fate = translate_out(h, p, kind, v);
	if (fate != FATE_GO)
		return fate;
	(void)nat_take_hop(p);
	return nat_hop_outside(h, p);
}

/* Back to where it came from, by the outside port's ingress: policies see it as from the gateway. */
static enum nat_fate back_inside(struct nat_hand *h, struct packet *p)
{
	enum nat_fate fate;

	if (packet_unshare(p) != 0)
		return nat_drop(h, REASON_POOL);
	if (!nat_take_hop(p))
		return nat_drop(h, REASON_NAT_HOPS);
	p->x.hash = packet_hash(p);
	fate = nat_hop_inside(h, p);
	if (fate != FATE_GO)
		return fate;
	if (packet_own(p) != 0)
		return nat_drop(h, REASON_POOL);
	nat_say_inside(h, p);
	return FATE_TAKEN;
}

/* RFC 4787, REQ-9: who is asked sees the outside address of who asks. */
static enum nat_fate hairpin(struct nat_hand *h, struct packet *p, enum nat_kind kind,
			     const struct nat_view *v)
{
	struct nat_moment m = nat_moment_of(h);
	struct nat_view outside = { 0 };
	struct nat_answer a;

	if (kind == NAT_FLOW && v->is_query)
		return nat_echo(h, p, true);
	if (kind != NAT_FLOW || p->x.flags & XVS_PKT_FRAG)
		return nat_drop(h, REASON_NAT_PROTOCOL);
	if (out_flow(h, p, v) != FATE_GO)
		return FATE_DROP;
	(void)nat_view_of(p, &outside);
	if (!nat_inward(h->nat->table, &outside, &m, p->x.len, &a))
		return nat_drop(h, a.reason);
	nat_rewrite(p, NAT_DESTINATION, a.address, a.port);
	return back_inside(h, p);
}

static bool is_destination(uint32_t address)
{
	return address >> 24 != 0 && address >> 24 < 224 && address >> 24 != 127;
}

static enum nat_fate route(struct nat_hand *h, struct packet *p)
{
	const struct nat_facts *f = &h->world->facts;
	struct nat_view v = { 0 };
	enum nat_kind kind = nat_view_of(p, &v);
	uint32_t dst;

	if (!(p->x.flags & XVS_PKT_IPV4))
		return nat_drop(h, REASON_NAT_PROTOCOL);
	dst = get_be32(p->x.data + p->x.l3_off + 16);
	if (!nat_is_inside(f, get_be32(p->x.data + p->x.l3_off + 12)) || v.src == f->inside.address)
		return nat_drop(h, REASON_NAT_SOURCE);
	if (dst == f->inside.address)
		return v.is_query ? nat_echo(h, p, true) : nat_drop(h, REASON_NAT_ELSEWHERE);
	if (!is_destination(dst))
		return nat_drop(h, REASON_NAT_ELSEWHERE);
	if (nat_is_outside(f, dst))
		return hairpin(h, p, kind, &v);
	if (nat_is_inside(f, dst))
		return back_inside(h, p);
	return to_wire(h, p, kind, &v);
}

enum nat_fate nat_out_packet(struct nat_hand *h, struct packet *p)
{
	if (p->x.ethertype == ETHERTYPE_ARP)
		return nat_arp(h, p, true);
	if (memcmp(p->x.data, h->world->facts.mac, 6) != 0)
		return nat_drop(h, REASON_NAT_ELSEWHERE);
	return route(h, p);
}
