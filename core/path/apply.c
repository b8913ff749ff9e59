/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c - run the program of each packet's leg, in chain order, for a whole burst at a time.
 *
 * Places at which nothing happens to any packet of the burst are skipped altogether.  At a place,
 * in this order: connection, call, rewrite, drop.
 */
#include "path/walk.h"

/* Live packets whose leg has 'bit' in the word at this offset of struct flow_leg. */
#define LEGS_WITH(b, member, bit, out) \
	do { \
		(out) = 0; \
		for (XVS_EACH(i_, (b)->live)) { \
			if ((b)->legs[i_]->member & (bit)) \
				(out) |= UINT64_C(1) << i_; \
		} \
	} while (0)

static uint64_t burst_events(const struct burst *b)
{
	uint64_t events = 0;

	for (XVS_EACH(i, b->live))
		events |= b->legs[i]->events;
	return events;
}

static void apply_conn(struct burst *b, uint32_t place)
{
	uint64_t mask = 0;

	if (place != b->chain->conn_place)
		return;
	for (XVS_EACH(i, b->live)) {
		if (b->legs[i]->conn_kind != FLOW_CONN_NONE && b->legs[i]->conn_place == place)
			mask |= UINT64_C(1) << i;
	}
	if (mask)
		burst_conn(b, place, mask);
}

static void apply_rewrite(struct burst *b, uint32_t place, uint32_t i)
{
	const struct flow_step *s = flow_leg_step(b->legs[i], place);
	struct packet *p = b->pkts[i];

	/* two steps may stand at one place: a firewall's, and the one that rewrites */
	while (s && !s->rewrite && !s->queue)
		s = s->next;
	if (!s || s->place != place)
		return;
	if (s->queue)
		p->x.queue = s->queue;
	if (!s->rewrite)
		return;
	if (packet_rewrite(p, &s->rewrite->set, &s->rewrite->mask) != 0)
		burst_lose(b, i, place + 1, 0, REASON_POOL);
	else if (b->stage == XVS_STAGE_INGRESS && rewrite_is_tag(&s->rewrite->mask) &&
		 !admit_tag(b->conf, p))
		burst_lose(b, i, place + 1, 0, REASON_VLAN);
}

/* A denied connection is remembered for longer than who denied it may be there. */
static void count_drop(struct path_worker *w, uint32_t nr)
{
	struct instance *inst = nr ? rcu_read(&w->path->instances[nr]) : NULL;

	if (inst)
		counter_add(&inst->workers[w->w.nr].cost.drops, 1);
}

static void apply_drop(struct burst *b, uint32_t place, uint32_t i)
{
	const struct flow_leg *leg = b->legs[i];

	if (leg->drop_place != place)
		return;
	if (leg->reject)
		reject_answer(b, i);
	count_drop(b->worker, leg->drop_instance);
	if (leg->is_settled)
		account_missed(b, i, place + 1);
	burst_drop(b, i, leg->drop_instance, leg->drop_reason);
}

static void apply_place(struct burst *b, uint32_t place)
{
	uint64_t bit = UINT64_C(1) << place;
	uint64_t mask;

	apply_conn(b, place);
	LEGS_WITH(b, calls, bit, mask);
	if (mask)
		burst_call(b, place, mask);
	LEGS_WITH(b, rewrites, bit, mask);
	for (XVS_EACH(i, mask))
		apply_rewrite(b, place, (uint32_t)i);
	LEGS_WITH(b, events, bit, mask);
	for (XVS_EACH(i, mask))
		apply_drop(b, place, (uint32_t)i);
}

static void apply_tapped_place(struct burst *b, uint32_t place)
{
	tap_before(b, place);
	apply_place(b, place);
	tap_after(b, place);
}

void burst_apply(struct burst *b)
{
	uint64_t taps = 0;
	uint64_t events;

	if (tap_is_at(b->worker, CAPTURE_BEFORE) || tap_is_at(b->worker, CAPTURE_AFTER))
		taps = tap_places(b);
	events = burst_events(b) | taps;
	b->has_relooked = false;
	while (events) {
		uint32_t place = (uint32_t)__builtin_ctzll(events);

		if (taps >> place & 1)
			apply_tapped_place(b, place);
		else
			apply_place(b, place);
		if (b->has_relooked)
			events |= burst_events(b);
		b->has_relooked = false;
		/* only what lies behind: shifting by 64 is undefined, so in two steps */
		events &= ~UINT64_C(1) << place;
	}
}
