/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat_hop.c - where a packet goes next, on either side, and the ARP that finds it (RFC 826, RFC 1122
 * 2.3.2).
 *
 * A neighbour is believed when it asks for us or answers us; whoever is known already may say that
 * it has another adapter.  What inside guests claim is for the policies of their ports to check.
 */
#include "path/nat_part.h"
#include "xvs/ext/sdk.h"

enum { QUESTIONS_PER_SECOND = 500 }; /* about new neighbours, of a worker */
enum { ARP_OP_AT = 6, ARP_SENDER_MAC = 8, ARP_SENDER = 14, ARP_TARGET = 24, ARP_REQUEST = 1 };

/* ---- routes ---------------------------------------------------------------------------------- */

/* 0: not inside. */
static uint32_t hop_inside(const struct nat_facts *f, uint32_t address)
{
	if (nat_prefix_has(f->inside.prefix, address))
		return address;
	for (uint32_t i = 0; i < f->route_count; i++) {
		if (nat_prefix_has(f->routes[i].to, address))
			return f->routes[i].via;
	}
	return 0;
}

bool nat_is_inside(const struct nat_facts *f, uint32_t address)
{
	return hop_inside(f, address) != 0;
}

/* The link on which an outside hop is, and our own address there. */
static struct nat_neighbour *outside_place(const struct nat_world *world, uint32_t address,
					   uint32_t *own)
{
	for (uint32_t i = 0; i < world->facts.outside_count; i++) {
		struct nat_neighbour *n = nat_link_at(world->outsides[i], address);

		if (!n)
			continue;
		*own = world->facts.outsides[i].address;
		return n;
	}
	return NULL;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void ask(struct nat_hand *h, bool is_inside, uint32_t own, uint32_t target)
{
	uint8_t bytes[XVS_ARP_BYTES] = { 0 };
	uint8_t from[4];
	uint8_t to[4];
	struct packet *p;

	put_be32(from, own);
	put_be32(to, target);
	xvs_build_arp_request(h->world->facts.mac, from, to, bytes);
	p = nat_packet_of(h, bytes, sizeof(bytes));
	if (!p)
		return;
	if (is_inside)
		nat_say_inside(h, p);
	else
		nat_say_outside(h, p);
}

struct hop {
	struct nat_neighbour *neighbour;
	uint32_t address;
	uint32_t own;
	bool is_inside;
};

/*
 * Each address is asked for at most once a second, and there are many: a scan is not to become a flood.  Who is
 * known is asked again all the same, so that a scan cannot make the others be forgotten.
 */
static bool may_ask(struct nat_hand *h, enum nat_neighbour_state state)
{
	static const struct xvs_meter_rate rate = { QUESTIONS_PER_SECOND, QUESTIONS_PER_SECOND };

	return state == NEIGHBOUR_OLD ||
	       xvs_meter_take(&h->lane->questions, &rate, h->w->w.now_ns, 1, 0) == 0;
}

static enum nat_fate send_to(struct nat_hand *h, struct packet *p, const struct hop *to)
{
	uint64_t now = h->w->w.now_ns;
	uint8_t mac[6];
	enum nat_neighbour_state state = nat_neighbour_get(to->neighbour, now, mac);

	if (state != NEIGHBOUR_KNOWN && nat_neighbour_ask(to->neighbour, now) && may_ask(h, state))
		ask(h, to->is_inside, to->own, to->address);
	if (state == NEIGHBOUR_UNKNOWN)
		return nat_wait_put(h, p, to->is_inside ? WAIT_IN_HOP : WAIT_OUT_HOP, to->address);
	memcpy(p->x.data, mac, 6);
	memcpy(p->x.data + 6, h->world->facts.mac, 6);
	return FATE_GO;
}

static uint32_t destination(const struct packet *p)
{
	return get_be32(p->x.data + p->x.l3_off + 16);
}

enum nat_fate nat_hop_inside(struct nat_hand *h, struct packet *p)
{
	const struct nat_facts *f = &h->world->facts;
	struct hop to = { .own = f->inside.address, .is_inside = true };

	to.address = hop_inside(f, destination(p));
	to.neighbour = to.address ? nat_link_at(h->world->inside, to.address) : NULL;
	if (!to.neighbour || to.address == f->inside.address)
		return nat_drop(h, REASON_NAT_ELSEWHERE);
	return send_to(h, p, &to);
}

enum nat_fate nat_hop_outside(struct nat_hand *h, struct packet *p)
{
	struct hop to = { .address = destination(p) };

	to.neighbour = outside_place(h->world, to.address, &to.own);
	if (!to.neighbour) {
		to.address = h->world->facts.gateway;
		to.neighbour = outside_place(h->world, to.address, &to.own);
	}
	return to.neighbour ? send_to(h, p, &to) : nat_drop(h, REASON_NAT_NEIGHBOUR);
}

/* ---- hearing --------------------------------------------------------------------------------- */

static bool is_own(const struct nat_facts *f, bool is_inside, uint32_t address)
{
	return is_inside ? address == f->inside.address : nat_is_outside(f, address);
}

static bool is_station(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return !(mac[0] & 1) && memcmp(mac, none, 6) != 0;
}

static void note_sender(struct nat_hand *h, const uint8_t *arp, bool is_inside, bool is_for_us)
{
	uint32_t sender = get_be32(arp + ARP_SENDER);
	uint64_t now = h->w->w.now_ns;
	struct nat_neighbour *n;
	uint32_t own = 0;
	uint8_t mac[6];
	bool is_asked;

	n = is_inside ? nat_link_at(h->world->inside, sender)
		      : outside_place(h->world, sender, &own);
	if (!n || is_own(&h->world->facts, is_inside, sender) || !is_station(arp + ARP_SENDER_MAC))
		return;
	is_asked = is_for_us && (get_be16(arp + ARP_OP_AT) == ARP_REQUEST ||
				 atomic_load_explicit(&n->asked, memory_order_relaxed));
	if (!is_asked && nat_neighbour_get(n, now, mac) == NEIGHBOUR_UNKNOWN)
		return;
	nat_neighbour_heard(n, now, arp + ARP_SENDER_MAC);
	nat_wait_news(h->nat);
}

static void answer(struct nat_hand *h, const struct packet *p, bool is_inside)
{
	uint8_t bytes[XVS_ARP_BYTES] = { 0 };
	struct packet *reply;

	if (!nat_may_answer(h) || !xvs_build_arp_reply(&p->x, h->world->facts.mac, bytes))
		return;
	reply = nat_packet_of(h, bytes, sizeof(bytes));
	if (!reply)
		return;
	if (is_inside)
		nat_say_inside(h, reply);
	else
		nat_say_outside(h, reply);
}

enum nat_fate nat_arp(struct nat_hand *h, struct packet *p, bool is_inside)
{
	const uint8_t *arp = p->x.data + p->x.l3_off;
	bool is_for_us;

	if (!packet_is_arp(p))
		return nat_drop(h, REASON_NAT_PROTOCOL);
	is_for_us = is_own(&h->world->facts, is_inside, get_be32(arp + ARP_TARGET));
	note_sender(h, arp, is_inside, is_for_us);
	if (!is_for_us)
		return nat_drop(h, REASON_NAT_ELSEWHERE);
	answer(h, p, is_inside);
	return nat_drop(h, XVS_REASON_CONSUMED);
}
