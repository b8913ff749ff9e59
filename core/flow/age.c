/* SPDX-License-Identifier: Apache-2.0 */
/*
 * age.c - which entries go: those that were idle for too long, and when the cache is full, those
 * that will be missed least.
 *
 * A hand goes round over all entries and looks at a few for each that must go.  First of all go
 * entries of ports that have more than an equal share: so a guest that floods the table with
 * flows of one packet throws out its own, and never what other guests use.  Where there are so many
 * ports that the hand finds none of those, the newest of the port that has most are asked.  Among
 * equals, an entry that was never hit again goes before one that was; then the one that was idle
 * longest.
 */
#include "flow/table.h"

enum {
	LOOK_AT = 8,
	LOOK_HARDER = 64, /* while nobody was found who has more than its share */
	AHEAD = 8,
	RANK_CROWD = 3,
};

/* The golden ratio of 2^32: steps of it go everywhere, and neighbours are never looked at together. */
static const uint32_t stride = 0x9e3779b1;

static bool is_live(const struct flow_entry *e)
{
	return e->key.zero == 0;
}

static void prefetch(const struct flow_entry *e)
{
	__builtin_prefetch(&e->key);
	__builtin_prefetch(&e->key.segment);
}

/* Entry of the hand's n-th look from now. */
static struct flow_entry *at_hand(const struct flow_cache *c, uint32_t n)
{
	uint32_t turn = c->evict_hand + n * stride;

	return &c->entries[1 + (uint32_t)((uint64_t)turn * (c->fresh - 1) >> 32)];
}

static bool is_crowd(const struct flow_cache *c, const struct flow_group *g)
{
	return g->entries > c->used / (c->group_count ? c->group_count : 1);
}

/* The higher, the sooner it goes; 0: not in the index. */
static uint32_t rank_of(const struct flow_cache *c, const struct flow_entry *e)
{
	const struct flow_group *g;

	if (!is_live(e))
		return 0;
	g = flow_group_of(c, e->key.k.port, e->key.place);
	return 1 + (e->tally.packets <= 1 ? 1u : 0u) + (is_crowd(c, g) ? RANK_CROWD - 1u : 0u);
}

/* The one of the two that goes first. */
static struct flow_entry *worse(const struct flow_cache *c, struct flow_entry *a,
				struct flow_entry *b)
{
	uint32_t rank_a = a ? rank_of(c, a) : 0;
	uint32_t rank_b = rank_of(c, b);

	if (rank_a != rank_b)
		return rank_a > rank_b ? a : b;
	return a && a->tally.last_ns <= b->tally.last_ns ? a : b;
}

/* The worst of the newest of the largest group, and of 'other'. */
static struct flow_entry *worst_of_largest(const struct flow_cache *c, struct flow_entry *other)
{
	const struct flow_group *g = c->largest;

	if (!g || !is_crowd(c, g))
		return other;
	for (uint32_t i = 0; i < GROUP_NEWEST; i++)
		other = worse(c, other, &c->entries[g->newest[i]]);
	return other;
}

void flow_evict(struct flow_cache *c)
{
	struct flow_entry *victim = NULL;

	for (uint32_t n = 0; n < LOOK_HARDER && c->used > 0; n++) {
		if (n >= LOOK_AT && rank_of(c, victim) >= RANK_CROWD)
			break;
		if (n >= LOOK_AT && c->group_count <= 1 && is_live(victim))
			break;
		prefetch(at_hand(c, n + AHEAD));
		victim = worse(c, victim, at_hand(c, n));
	}
	c->evict_hand += LOOK_AT * stride;
	if (victim && c->group_count > 1 && rank_of(c, victim) < RANK_CROWD)
		victim = worst_of_largest(c, victim);
	if (!victim || !is_live(victim))
		return;
	flow_count(&c->evictions, 1);
	flow_retire(c, victim);
}

struct flow_entry *flow_worst_in_bucket(const struct flow_cache *c, const struct flow_bucket *b)
{
	struct flow_entry *victim = NULL;

	for (unsigned i = 0; i < PLACES; i++)
		victim = worse(c, victim, &c->entries[b->number[i]]);
	return victim;
}

/* ---- sweeping ----------------------------------------------------------------------------------- */

bool flow_sweep(struct flow_cache *c, uint32_t count, uint64_t now_ns,
		void (*due)(void *arg, struct flow_entry *e), void *arg)
{
	for (uint32_t i = 0; i < count && c->hand < c->fresh; i++) {
		struct flow_entry *e = &c->entries[c->hand++];

		prefetch(&c->entries[c->hand + AHEAD < c->fresh ? c->hand + AHEAD : 0]);
		if (!is_live(e))
			continue;
		/* no entry ends before so long, and then its fifth line need not be read */
		if (now_ns > e->tally.last_ns && now_ns - e->tally.last_ns > c->idle_least_ns &&
		    now_ns - e->tally.last_ns > (uint64_t)e->idle_ms * 1000000)
			flow_retire(c, e);
		else
			due(arg, e);
	}
	if (c->hand < c->fresh)
		return false;
	c->hand = 1;
	return true;
}

void flow_each(struct flow_cache *c, void (*fn)(void *arg, struct flow_entry *e), void *arg)
{
	for (uint32_t i = 1; i < c->fresh; i++) {
		if (is_live(&c->entries[i]))
			fn(arg, &c->entries[i]);
	}
}

bool flow_each_since(struct flow_cache *c, uint32_t at, uint64_t since_ns,
		     void (*fn)(void *arg, struct flow_entry *e), void *arg)
{
	uint32_t end = at + FLOW_EACH_STEP < c->fresh ? at + FLOW_EACH_STEP : c->fresh;

	/* the line with the time first: of most entries no other is touched */
	for (uint32_t i = at ? at : 1; i < end; i++)
		if (c->entries[i].tally.last_ns >= since_ns && is_live(&c->entries[i]))
			fn(arg, &c->entries[i]);
	return end < c->fresh;
}
