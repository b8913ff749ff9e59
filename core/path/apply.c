/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c - run the program of each packet's leg, in chain order, for a whole burst at a time.
 *
 * Places at which nothing happens to any packet of the burst are skipped altogether.  At a place,
 * in this order: connection, call, rewrite, drop.
 */
#include <string.h>

#include "path/walk.h"

/*
 * What the legs of the live packets have in store, gathered in one pass: a bit for each place at
 * which some packet, or every packet, has something to do.  Legs that change make it out of date.
 */
struct work {
	uint64_t events;
	uint64_t calls, all_calls;
	uint64_t rewrites;
	uint64_t drops;
	uint64_t tracked,
		inside;  /* packets, not places: connections stand at one place of a chain */
	uint64_t who;    /* packets whose legs were looked at */
	uint32_t sample; /* of all of them */
};

/* The first half of a leg, in which legs that do the same are equal: two registers everywhere. */
typedef uint64_t two_words __attribute__((vector_size(16)));
_Static_assert(offsetof(struct flow_leg, conn_index) == 2 * sizeof(two_words), "what happens");

static inline bool legs_agree(const struct burst *b, uint64_t who, const struct flow_leg *first)
{
	two_words want[2], has[2];
	two_words low = { 0 };
	two_words high = { 0 };

	memcpy(want, first, sizeof(want));
	for (XVS_EACH(i, who)) {
		memcpy(has, b->legs[i], sizeof(has));
		low |= has[0] ^ want[0];
		high |= has[1] ^ want[1];
	}
	low |= high;
	return (low[0] | low[1]) == 0;
}

static void gather_leg(const struct burst *b, const struct flow_leg *leg, uint64_t who,
		       struct work *k)
{
	bool has_conn = leg->conn_place == b->chain->conn_place;

	k->events |= leg->events;
	k->calls |= leg->calls;
	k->all_calls &= leg->calls;
	k->rewrites |= leg->rewrites;
	k->tracked |= has_conn && leg->conn_kind == FLOW_CONN_TRACK ? who : 0;
	k->inside |= has_conn && leg->conn_kind == FLOW_CONN_INSIDE ? who : 0;
	if (leg->drop_place != FLOW_NO_PLACE)
		k->drops |= UINT64_C(1) << leg->drop_place;
}

static void gather(const struct burst *b, struct work *k)
{
	uint64_t who = b->live & ~b->plain;
	const struct flow_leg *first = who ? b->legs[__builtin_ctzll(who)] : NULL;

	*k = (struct work){ .all_calls = UINT64_MAX, .who = who };
	if (!first)
		return;
	/* nearly always: one chain, and packets that nobody refuses */
	if (legs_agree(b, who, first)) {
		gather_leg(b, first, who, k);
		k->sample = first->sample;
		return;
	}
	for (XVS_EACH(i, who))
		gather_leg(b, b->legs[i], UINT64_C(1) << i, k);
}

static void gather_again(struct burst *b, struct work *k)
{
	if (b->has_relooked)
		gather(b, k);
	b->has_relooked = false;
}

static void apply_conn(struct burst *b, const struct work *k, uint32_t place)
{
	if (place == b->chain->conn_place && (k->tracked | k->inside) & b->live)
		burst_conn(b, place, k->tracked & b->live, k->inside & b->live);
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

	if (inst && !w->trace)
		counter_add(&inst->workers[w->w.nr].cost.drops, 1);
}

/* The forwarder's place, or behind all: choosing where a packet goes is a stage of its own. */
static uint32_t stage_of(const struct burst *b, uint32_t place)
{
	if (b->stage == XVS_STAGE_INGRESS &&
	    (place >= b->chain->count || b->chain->places[place].instance->cls == XVS_FORWARD))
		return XVS_STAGE_FORWARD;
	return b->stage;
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
	burst_drop_at(b, i, stage_of(b, place), leg->drop_instance, leg->drop_reason);
}

static uint64_t callers(const struct burst *b, uint64_t who, uint64_t bit)
{
	uint64_t mask = 0;

	for (XVS_EACH(i, who))
		mask |= (uint64_t)((b->legs[i]->calls & bit) != 0) << i;
	return mask;
}

static void apply_calls(struct burst *b, const struct work *k, uint32_t place)
{
	uint64_t bit = UINT64_C(1) << place;
	uint64_t who = k->who & b->live;
	uint64_t mask = k->all_calls & bit ? who : callers(b, who, bit);

	if (!mask)
		return;
	if (k->sample && bit == (k->calls & -k->calls))
		burst_call_sampled(b, place, mask, k->sample);
	else
		burst_call(b, place, mask);
}

static void apply_place(struct burst *b, struct work *k, uint32_t place)
{
	uint64_t bit = UINT64_C(1) << place;

	apply_conn(b, k, place);
	gather_again(b, k);
	if (k->calls & bit)
		apply_calls(b, k, place);
	gather_again(b, k);
	for (XVS_EACH(i, k->rewrites & bit ? b->live : 0)) {
		if (b->legs[i]->rewrites & bit)
			apply_rewrite(b, place, (uint32_t)i);
	}
	for (XVS_EACH(n, k->drops & bit ? b->live : 0))
		apply_drop(b, place, (uint32_t)n);
}

static void apply_tapped_place(struct burst *b, struct work *k, uint32_t place)
{
	tap_before(b, place);
	apply_place(b, k, place);
	tap_after(b, place);
}

void burst_apply(struct burst *b)
{
	uint64_t behind = UINT64_MAX;
	uint64_t taps = 0;
	struct work k;

	if ((tap_is_at(b->worker, CAPTURE_BEFORE) || tap_is_at(b->worker, CAPTURE_AFTER)) &&
	    !b->worker->trace)
		taps = tap_places(b);
	gather(b, &k);
	b->has_relooked = false;
	b->worker->call_until = 0;
	while ((k.events | taps) & behind) {
		uint32_t place = (uint32_t)__builtin_ctzll((k.events | taps) & behind);

		if (taps >> place & 1)
			apply_tapped_place(b, &k, place);
		else
			apply_place(b, &k, place);
		gather_again(b, &k);
		/* only what lies behind: shifting by 64 is undefined, so in two steps */
		behind = ~UINT64_C(1) << place;
	}
}
