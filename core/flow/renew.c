/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renew.c - entries that were true a moment ago are asked whether they still are, by what has come anyway.
 *
 * Where a controller changes single rules thousands of times a second, something has changed between any
 * two packets of most flows, and nothing that concerns them.  To say so for each step of an entry takes
 * lines of memory that a hit does not read.  But an entry whose packets do nothing but leave rewrites
 * nothing, so each of its steps has seen its key as it is; where no change by match may concern a packet
 * of that key, whoever told of it, none concerns the entry.  That needs its first two lines alone.
 */
#include "base/ones.h"
#include "flow/epoch.h"
#include "flow/table.h"

/* What no step may count on: the port is never part of a match, the tag is another at each exit. */
static void known_of(const struct flow_mask *m, struct xvs_flow_key *known)
{
	*known = m->bits.k;
	known->port = 0;
	known->vlan_tci = 0;
	known->bits &= (uint8_t) ~(XVS_KEY_VLAN | XVS_KEY_SVLAN);
}

/* Was it true in a world that differs by soft changes alone, and is nothing else due? */
static bool is_candidate(const struct flow_entry *e, uint64_t was, uint64_t world, uint32_t tick)
{
	return was != world && worlds_differ_softly(was, world) && e->is_plain &&
	       (int32_t)(tick - e->expires_tick) < 0;
}

/* Unless who may has come to doubt it meanwhile; else nobody but its worker writes there. */
static inline void renew(struct flow_entry *e, uint64_t world)
{
	uint64_t was = entry_verified(e);

	if (!worlds_differ_softly(was, world))
		return;
	if (e->is_bound)
		(void)__atomic_compare_exchange_n(&e->tally.verified, &was, world, false,
						  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&e->tally.verified, world, __ATOMIC_RELAXED);
}

/* Those of whom the digest is to be asked, and as of when. */
struct asked {
	uint64_t end; /* of what is in the digest */
	uint64_t oldest;
	uint64_t who;
	uint64_t seen[XVS_BATCH_MAX];
};

/* Where somebody was found may be another by now, even of another switch: only its own port's are asked. */
static void choose(const struct flow_credit *credit, uint32_t port, struct flow_entry *const *found,
		   uint64_t who, struct asked *a)
{
	const uint64_t floor = epoch_log_floor(credit->log);
	const uint32_t tick = flow_tick(credit->now_ns);

	a->oldest = a->end;
	for (XVS_EACH(i, who)) {
		const struct flow_entry *e = found[i];
		uint64_t was = e ? entry_verified(e) : TALLY_NEVER;
		uint32_t behind = (uint32_t)a->end - (uint32_t)was;

		a->seen[i] = a->end - behind;
		if (!e || !is_candidate(e, was, credit->world, tick) || e->key.k.port != port ||
		    behind > DIGEST_BEHIND_MAX || a->seen[i] < floor)
			continue;
		a->who |= UINT64_C(1) << i;
		a->oldest = a->seen[i] < a->oldest ? a->seen[i] : a->oldest;
	}
}

void flow_renew(const struct flow_cache *c, const struct flow_credit *credit, uint32_t port,
		struct flow_entry *const *found, uint64_t who)
{
	const struct epoch_digest *digest = &credit->log->digest;
	struct asked a = { .end = epoch_log_digested(credit->log) }; /* before the floor: epoch.h */
	uint32_t known_nr = FLOW_NO_MASK;
	struct digest_plan plan;
	struct xvs_flow_key known;

	if ((int32_t)((uint32_t)a.end - (uint32_t)credit->world) < 0)
		return; /* the newest is not in there yet */
	choose(credit, port, found, who, &a);
	if (!a.who || !digest_plan_since(digest, a.oldest, &plan))
		return;
	for (XVS_EACH(i, a.who)) {
		struct flow_entry *e = found[i];

		if (known_nr != e->mask_nr) {
			known_nr = e->mask_nr;
			known_of(&c->masks[known_nr], &known);
			digest_plan_known(digest, &known, &plan);
		}
		if (!digest_plan_concerns(digest, &plan, a.seen[i], &e->key.k))
			renew(e, credit->world);
	}
}
