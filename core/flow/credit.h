/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/credit.h - packets that were found are counted at their entries.
 *
 * Nearly all of them are of an entry that is known to be true, and count for one.  This is a loop that
 * has room for all it needs in registers; whatever else there is ends it, and is seen to by its caller.
 *
 * Private to core/flow, as flow/batch.h is.
 */
#ifndef XVS_FLOW_CREDIT_H
#define XVS_FLOW_CREDIT_H

#include "base/ones.h"
#include "flow/table.h"

/* What is known of an entry that a packet led to. */
enum credit_if {
	CREDIT_FOUND, /* it is the packet's, and perhaps that of the next one too, or there is none */
	CREDIT_ONE_MASK, /* it has the mask of the way, if it is at this port and place */
	CREDIT_ANY_MASK, /* nothing */
};

/* A batch under way. */
struct crediting {
	const struct flow_cache *cache;
	const struct flow_batch *batch;
	const struct flow_way *way;
	struct flow_entry **found;
	struct flow_credit to;
	uint32_t tick;
	bool is_renewed; /* what was found has been asked whether it is still true */
};

static inline void credit_begin(struct crediting *k)
{
	/* no entry is true in such a world */
	static const struct flow_credit nobody = { .world = UINT64_MAX };

	k->to = k->batch->credit ? *k->batch->credit : nobody;
	k->tick = flow_tick(k->to.now_ns);
}

/*
 * Crediting has stopped at this entry of 'some', which is not known to be true: if others may be true
 * again, it goes on with it.  Once a batch; 'rest' was found as well.
 */
static inline bool credit_again(struct crediting *k, const struct flow_entry *e, uint64_t rest,
				struct ones some)
{
	if (k->is_renewed || !k->to.log || !e || entry_verified(e) == k->to.world)
		return false;
	k->is_renewed = true;
	flow_renew(k->cache, &k->to, k->batch->port, k->found,
		   rest | (ones_below(some.end) & ~ones_below(some.first)));
	return true;
}

static inline void credit_end(const struct crediting *k)
{
	if (k->batch->credit)
		*k->batch->credit = k->to;
}

/* Which of [first, end) have a plain entry; mostly all or none have: 'all', 'any'. */
static inline uint64_t credit_plain(const struct crediting *k, struct ones some, uint32_t all,
				    uint32_t any)
{
	uint64_t plain = 0;

	if (all || !any)
		return any ? ones_below(some.end) & ~ones_below(some.first) : 0;
	for (uint64_t i = some.first; i < some.end; i++)
		plain |= (uint64_t)k->found[i]->is_plain << i;
	return plain;
}

/* Returns the first packet that was left. */
static inline __attribute__((always_inline)) uint64_t credit_some(struct crediting *k,
								  struct ones some,
								  enum credit_if known)
{
	const struct xvs_packet *const *pkts = k->batch->pkts;
	const struct xvs_flow_key *keys = k->batch->keys;
	const struct xvs_flow_key *bits = k->way->bits;
	const struct flow_cache *c = k->cache;
	struct flow_entry *const *found = k->found;
	struct flow_leg **legs = k->to.legs;
	const struct flow_spot spot = k->batch->spot;
	const uint64_t world = k->to.world;
	const uint64_t now_ns = k->to.now_ns;
	const uint32_t tick = k->tick;
	uint32_t all = 1;
	uint32_t any = 0;
	uint64_t i;

	for (i = some.first; i < some.end; i++) {
		struct flow_entry *e = found[i];

		if (known == CREDIT_FOUND && (!e || (i + 1 < some.end && found[i + 1] == e)))
			break;
		if (known == CREDIT_ONE_MASK && !flow_entry_equals(e, &keys[i], bits, spot))
			break;
		if (known == CREDIT_ANY_MASK && !flow_entry_is(c, e, &keys[i], spot))
			break;
		if (__builtin_expect(!entry_is_verified(e, world, tick), 0))
			break;
		/* NOLINTBEGIN(clang-analyzer-core.*): without packets and legs, no entry is true */
		__atomic_store_n(&e->tally.last_ns, now_ns, __ATOMIC_RELAXED);
		counter_add(&e->tally.packets, 1);
		counter_add(&e->tally.bytes, pkts[i]->len);
		e->tcp_flags |= keys[i].tcp_flags;
		legs[i] = &e->leg;
		/* NOLINTEND(clang-analyzer-core.*) */
		all &= e->is_plain;
		any |= e->is_plain;
	}
	some.end = i;
	k->to.done |= ones_below(i) & ~ones_below(some.first);
	k->to.plain |= credit_plain(k, some, all, any);
	return i;
}

#define CREDIT(name, known) \
	static __attribute__((noinline)) uint64_t name(struct crediting *k, struct ones some) \
	{ \
		return credit_some(k, some, known); \
	}
CREDIT(credit_found, CREDIT_FOUND)
CREDIT(credit_one_mask, CREDIT_ONE_MASK)
CREDIT(credit_any_mask, CREDIT_ANY_MASK)
#undef CREDIT

#endif /* XVS_FLOW_CREDIT_H */
