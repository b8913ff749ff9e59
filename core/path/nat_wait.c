/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat_wait.c - packets that cannot go on yet: the next hop has not answered, or the first fragment of
 * their datagram has not come.
 *
 * Few of each, and not for long.  Each worker has its own; while some wait it does not sleep for longer
 * than a millisecond, since the answer may come to another worker.
 */
#include "path/nat_part.h"

enum {
	WAIT_MAX = 256, /* a worker and NAT */
	WAIT_EACH = 32, /* for the same thing */
	HOP_MS = 3000,  /* three questions, RFC 1122 2.3.2.1 */
	FRAGMENT_MS = 200,
};

/* Set aside: 'place' is the kind, 'epoch' the end, 'behind' what for, 'port_out' the outside port. */
static bool is_fragment(const struct packet *p)
{
	return p->place == WAIT_IN_FRAGMENT || p->place == WAIT_OUT_FRAGMENT;
}

static void count_waiting(struct path_worker *w, struct nat_lane *lane, int by)
{
	lane->count += (uint32_t)by;
	__atomic_store_n(&w->nat_waiting, w->nat_waiting + (uint32_t)by, __ATOMIC_RELAXED);
}

static void append(struct path_worker *w, struct nat_lane *lane, struct packet *p)
{
	p->next = NULL;
	*lane->last = p;
	lane->last = &p->next;
	count_waiting(w, lane, 1);
}

static uint32_t count_alike(const struct nat_lane *lane, enum nat_wait kind, uint32_t what)
{
	uint32_t count = 0;

	for (const struct packet *p = lane->first; p; p = p->next)
		count += p->place == kind && p->behind == what;
	return count;
}

enum nat_fate nat_wait_put(struct nat_hand *h, struct packet *p, enum nat_wait kind, uint32_t what)
{
	struct nat_lane *lane = h->lane;

	if (lane->count >= WAIT_MAX || count_alike(lane, kind, what) >= WAIT_EACH)
		return nat_drop(h, REASON_NAT_BUSY);
	if (packet_own(p) != 0)
		return nat_drop(h, REASON_POOL);
	p->place = (uint16_t)kind;
	p->behind = what;
	p->port_out = h->conf->port->id;
	p->epoch = h->w->w.now_ns + (uint64_t)(is_fragment(p) ? FRAGMENT_MS : HOP_MS) * NS_PER_MS;
	append(h->w, lane, p);
	return FATE_TAKEN;
}

/* All that wait, taken off the lane; who still has to wait comes back. */
static struct packet *take_all(struct path_worker *w, struct nat_lane *lane)
{
	struct packet *all = lane->first;

	lane->first = NULL;
	lane->last = &lane->first;
	count_waiting(w, lane, -(int)lane->count);
	return all;
}

static enum nat_fate try_again(struct nat_hand *h, struct packet *p)
{
	switch (p->place) {
	case WAIT_IN_HOP:
		return nat_hop_inside(h, p);
	case WAIT_OUT_HOP:
		return nat_hop_outside(h, p);
	case WAIT_IN_FRAGMENT:
		return nat_in_packet(h, p);
	default:
		return nat_out_packet(h, p);
	}
}

static void go_on(struct nat_hand *h, struct packet *p)
{
	bool is_inward = p->place == WAIT_IN_HOP || p->place == WAIT_IN_FRAGMENT;
	uint32_t stage = is_inward ? XVS_STAGE_INGRESS : XVS_STAGE_EGRESS;
	uint64_t until = p->epoch;
	enum nat_fate fate;

	if (until <= h->w->w.now_ns || !h->conf->is_open) {
		packet_drop(h->w, p, h->conf->port->id, stage, 0,
			    !h->conf->is_open ? REASON_PORT_CLOSED
			    : is_fragment(p)  ? REASON_FRAGMENT
					      : REASON_NAT_NEIGHBOUR);
		return;
	}
	fate = try_again(h, p);
	if (fate == FATE_DROP)
		packet_drop(h->w, p, h->conf->port->id, stage, 0, h->reason);
	else if (fate == FATE_GO && is_inward)
		nat_say_inside(h, p);
	else if (fate == FATE_GO)
		nat_say_outside(h, p);
	else if (h->lane->first && h->lane->last == &p->next)
		p->epoch = until; /* it waits on, not anew */
}

static void run(struct nat_hand *h)
{
	struct packet *p = take_all(h->w, h->lane);

	while (p) {
		struct packet *next = p->next;

		p->next = NULL;
		go_on(h, p);
		p = next;
	}
}

void nat_wait_drop(struct path_worker *w, struct path_nat *n, uint32_t port)
{
	struct nat_lane *lane = &n->lanes[w->w.nr];
	struct packet *p = take_all(w, lane);

	while (p) {
		struct packet *next = p->next;

		p->next = NULL;
		if (port == XVS_PORT_NONE || p->port_out == port)
			packet_drop(w, p, p->port_out, XVS_STAGE_INGRESS, 0, REASON_SHUTDOWN);
		else
			append(w, lane, p);
		p = next;
	}
}

/* A look costs as much as a packet each: when something was heard, else every millisecond. */
static bool is_due(struct path_worker *w, struct path_nat *n)
{
	struct nat_lane *lane = &n->lanes[w->w.nr];
	uint32_t news = atomic_load_explicit(&n->news, memory_order_acquire);

	if (!lane->first || (news == lane->news && w->w.now_ns < lane->due_ns))
		return false;
	lane->news = news;
	lane->due_ns = w->w.now_ns + NS_PER_MS;
	return true;
}

void nat_wait_turn(struct path_worker *w)
{
	for (uint32_t i = 0; i < NATS_MAX; i++) {
		struct path_nat *n = rcu_read(&w->path->nats[i]);
		struct path_port *port;
		struct nat_hand h;

		if (!n || !is_due(w, n))
			continue;
		port = path_port_of(w->path, n->lanes[w->w.nr].first->port_out);
		if (port && rcu_read(&port->conf)->nat == n &&
		    nat_hand_open(&h, w, rcu_read(&port->conf)))
			run(&h);
	}
}
