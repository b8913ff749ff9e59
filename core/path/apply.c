/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c - run the program of each packet's leg, in chain order, for a whole burst at a time.
 *
 * Places at which nothing happens to any packet of the burst are skipped altogether.  At a place,
 * in this order: connection, call, rewrite, drop.
 */
#include <string.h>

#include "base/ones.h"
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
		inside;       /* packets, not places: connections stand at one place of a chain */
	uint64_t who;         /* packets whose legs were looked at */
	uint32_t sample;      /* of all of them */
	struct conn_run *run; /* the connections of those that are tracked */
};

/* The first half of a leg, in which legs that do the same are equal: two registers everywhere. */
typedef uint64_t two_words __attribute__((vector_size(16)));
_Static_assert(offsetof(struct flow_leg, conn_index) == 2 * sizeof(two_words), "what happens");

static inline two_words leg_words(const struct flow_leg *leg, uint32_t at)
{
	two_words words;

	memcpy(&words, (const uint8_t *)leg + at, sizeof(words));
	return words;
}

static inline void legs_compare(two_words differs[2], const struct flow_leg *leg,
				const two_words want[2])
{
	differs[0] |= leg_words(leg, 0) ^ want[0];
	differs[1] |= leg_words(leg, sizeof(two_words)) ^ want[1];
}

static inline bool are_equal(const two_words differs[2])
{
	two_words any = differs[0] | differs[1];

	return (any[0] | any[1]) == 0;
}

/*
 * Do they do the same as the first?  With a run: memory is asked for their connections on the way,
 * which they all have if they agree.
 */
static inline __attribute__((always_inline)) bool legs_agree(const struct burst *b, uint64_t who,
							     const struct flow_leg *first,
							     struct conn_run *run, bool are_paired)
{
	const two_words want[2] = { leg_words(first, 0), leg_words(first, sizeof(two_words)) };
	two_words differs[2] = { 0 };

	while (who) {
		struct ones some = ones_lowest(who);

		for (uint64_t i = some.first; i < some.end; i++) {
			const struct flow_leg *leg = b->legs[i];

			legs_compare(differs, leg, want);
			if (run)
				conn_run_add(run, i, leg_conn(leg));
			if (are_paired)
				conn_run_add_twin(run, i, leg_conn(&b->entries[i]->out));
		}
		who = ones_from(who, some.end);
	}
	return are_equal(differs);
}

static bool leg_is_tracked(const struct burst *b, const struct flow_leg *leg)
{
	return leg->conn_place == b->chain->conn_place && leg->conn_kind == FLOW_CONN_TRACK;
}

static void gather_leg(const struct burst *b, const struct flow_leg *leg, uint64_t who,
		       struct work *k)
{
	bool has_conn = leg->conn_place == b->chain->conn_place;

	k->tracked |= leg_is_tracked(b, leg) ? who : 0;
	k->events |= leg->events;
	k->calls |= leg->calls;
	k->all_calls &= leg->calls;
	k->rewrites |= leg->rewrites;
	k->inside |= has_conn && leg->conn_kind == FLOW_CONN_INSIDE ? who : 0;
	if (leg->drop_place != FLOW_NO_PLACE)
		k->drops |= UINT64_C(1) << leg->drop_place;
}

/* Legs that do not all do the same. */
static void gather_each(const struct burst *b, struct work *k)
{
	for (XVS_EACH(i, k->who))
		gather_leg(b, b->legs[i], UINT64_C(1) << i, k);
	k->tracked &= ~b->paired;
	for (XVS_EACH(n, k->tracked)) {
		conn_run_add(k->run, n, leg_conn(b->legs[n]));
		if (!b->legs[n]->is_paired)
			continue;
		conn_run_add_twin(k->run, n, leg_conn(&b->entries[n]->out));
		k->run->twins |= UINT64_C(1) << n;
	}
}

static void gather(const struct burst *b, struct work *k, struct conn_run *run)
{
	uint64_t who = b->live & ~b->plain;
	const struct flow_leg *first = who ? b->legs[__builtin_ctzll(who)] : NULL;
	bool agree;

	*k = (struct work){ .all_calls = UINT64_MAX, .who = who, .run = run };
	if (!first)
		return;
	conn_run_begin(b->worker->path->conns, run);
	/* nearly always: one chain, and packets that nobody refuses */
	if (!leg_is_tracked(b, first) || !(who & ~b->paired))
		agree = legs_agree(b, who, first, NULL, false);
	else if (first->is_paired)
		agree = legs_agree(b, who, first, run, true);
	else
		agree = legs_agree(b, who, first, run, false);
	if (!agree) {
		gather_each(b, k);
		return;
	}
	run->twins = first->is_paired ? who : 0;
	gather_leg(b, first, who, k);
	k->tracked &= ~b->paired;
	k->sample = first->sample;
}

static void gather_again(struct burst *b, struct work *k)
{
	if (b->has_relooked)
		gather(b, k, k->run);
	b->has_relooked = false;
}

static void apply_conn(struct burst *b, const struct work *k, uint32_t place)
{
	if (place == b->chain->conn_place && (k->tracked | k->inside) & b->live)
		burst_conn(b, place, k->run, k->tracked & b->live, k->inside & b->live);
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
void count_drop(struct path_worker *w, uint32_t nr)
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
	struct conn_run run;
	struct work k;

	if ((tap_is_at(b->worker, CAPTURE_BEFORE) || tap_is_at(b->worker, CAPTURE_AFTER)) &&
	    !b->worker->trace)
		taps = tap_places(b);
	gather(b, &k, &run);
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
