/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/cache.h - the flow table of one worker: exact places first, then masked tables.
 *
 *      key -> exact cache      a hash of all bits that any mask at this port has leads to an
 *                              entry; the entry's own mask verifies, so a place may be out of
 *                              date or foreign and does no harm
 *          -> masked index     once for each mask in use at this port, those with most hits first
 *          -> judge            (core/path/judge.c)
 *
 * Bounded: entries, steps, masks.  When full, entries of ports that have more than their share go
 * first, and among equals those that were never hit again, then those idle longest.  Memory is
 * mapped at creation and touched when used; nothing is allocated later.  One worker owns it all.
 * An entry that leaves stays readable until flow_reclaim(), so legs in the hands of the current
 * burst stay good, and what the burst still adds to it is in its last account.
 */
#ifndef XVS_FLOW_CACHE_H
#define XVS_FLOW_CACHE_H

#include "flow/entry.h"

struct flow_cache;

/* Told of each entry that left, by flow_reclaim() before its steps are freed: the last account(). */
typedef void (*flow_retire_fn)(void *arg, struct flow_entry *e);

enum { FLOW_MASKS_MAX = 128 };

/* [control] 'entries' is rounded up to a power of two.  NULL: out of memory. */
struct flow_cache *flow_cache_create(uint32_t entries, flow_retire_fn retire, void *arg);
void flow_cache_destroy(struct flow_cache *c); /* retires all */

/* Where a packet is: the words of its key that are behind the public part, in their order. */
struct flow_spot {
	uint64_t where; /* flow_where() */
	uint64_t other;
};

/*
 * Most packets are of an entry that is known to be true, and nothing is left to do but to count them: that is
 * done with the entry at hand.  Who asked is left with the others: entries to be looked at first, and packets
 * in a row of one entry.
 */
struct epoch_log;
struct flow_credit {
	uint64_t world; /* in which an entry is true, if its tally says so */
	const struct epoch_log
		*log; /* what has changed softly: renew.c; NULL: nobody is asked that */
	uint64_t now_ns;
	struct flow_leg **legs; /* out: of those that are done */
	uint64_t done;          /* out */
	uint64_t plain;         /* out: of them */
};

/* Keys of packets at one port and place; where 'live' has bit i. */
struct flow_batch {
	const struct xvs_flow_key *keys; /* aligned to 64 bytes */
	const struct flow_spot *spots;   /* NULL: all are at 'spot' */
	struct flow_spot spot;
	const struct xvs_packet *const *pkts; /* for their hashes and lengths; NULL: not known */
	uint64_t live;
	uint32_t port;
	uint32_t place;
	struct flow_credit *credit; /* NULL: nobody is counted; else all count for one, see entry.h */
};

/*
 * [worker] found[i] for each live packet; NULL: not there, which is no miss yet: it is asked for again
 * by flow_find(), since an earlier packet of the batch may be of the same flow.
 */
void flow_find_batch(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found);

/* [worker] NULL: not there. */
struct flow_entry *flow_find(struct flow_cache *c, const struct flow_key *key);

/*
 * [worker] The entry of this key that is no common one; NULL: there is none.  flow_lead(): packets
 * with this x.hash find it first; where entries of the port do not tell ports apart, nothing.
 */
struct flow_entry *flow_find_own(const struct flow_cache *c, const struct flow_key *key);
void flow_lead(struct flow_cache *c, const struct flow_entry *e, const struct flow_key *key,
	       uint32_t tuple);

/*
 * [worker] An empty entry, not in the index yet.  Where entries or their parts run short, old ones
 * are evicted, which are free after the burst.  NULL: a burst made more than there is room for.
 */
struct flow_entry *flow_new(struct flow_cache *c);

/*
 * [worker] Into the index under 'key' and 'mask', and into the exact cache for the whole key.  An
 * equal one that is there already is retired.  False: no room for one more mask, or no bucket: the
 * entry is temporary then.
 */
bool flow_insert(struct flow_cache *c, struct flow_entry *e, const struct flow_key *key,
		 const struct flow_key *mask);

/* [worker] Used for this burst only: goes at flow_reclaim(). */
void flow_temporary(struct flow_cache *c, struct flow_entry *e);

/* [worker] Leaves the index now; told of and freed by flow_reclaim().  Again: does nothing. */
void flow_retire(struct flow_cache *c, struct flow_entry *e);

/* [worker] End of the burst: tells of what left, whose memory may be used again. */
void flow_reclaim(struct flow_cache *c);

/* [worker] Looks at the next 'count' entries for age; retires what is idle.  True: a full round ended. */
bool flow_sweep(struct flow_cache *c, uint32_t count, uint64_t now_ns,
		void (*due)(void *arg, struct flow_entry *e), void *arg);

/* [worker] Each entry in use. */
void flow_each(struct flow_cache *c, void (*fn)(void *arg, struct flow_entry *e), void *arg);
/*
 * [worker] The same for FLOW_EACH_STEP places from 'at' on, and only those that were hit at this time or later.
 * True: there are places behind them.
 */
enum { FLOW_EACH_STEP = 32768 };
bool flow_each_since(struct flow_cache *c, uint32_t at, uint64_t since_ns,
		     void (*fn)(void *arg, struct flow_entry *e), void *arg);

/* [worker] Parts of an entry; NULL: none left (the entry is then made without caching). */
struct flow_step *flow_step_new(struct flow_cache *c);
struct flow_rewrite *flow_rewrite_new(struct flow_cache *c);
struct flow_leg *flow_legs_new(struct flow_cache *c); /* FLOW_OUTS - 1, zeroed */

struct flow_cache_stats {
	uint64_t exact_hits, masked_hits, misses, evictions;
	uint32_t entries, masks;
};
/* [any] Approximate when asked from another thread. */
void flow_cache_stats(const struct flow_cache *c, struct flow_cache_stats *out);

#endif /* XVS_FLOW_CACHE_H */
