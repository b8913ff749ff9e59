/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/stats.h - what has passed a flow, a bucket, a group or a meter.
 *
 * Workers credit whole flows at a time, so the atomic additions are rare.  It lives as long as
 * anybody holds it: the rule, and each cached flow that will still be credited.
 */
#ifndef OPENFLOW_TABLE_STATS_H
#define OPENFLOW_TABLE_STATS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct of_stats {
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes;
	_Atomic uint64_t last_ns; /* of the last packet; 0: none yet */
	_Atomic uint32_t holders;
};

/* [any] Held once; NULL: out of memory. */
static inline struct of_stats *of_stats_new(void)
{
	struct of_stats *s = calloc(1, sizeof(*s));

	if (s)
		atomic_store_explicit(&s->holders, 1, memory_order_relaxed);
	return s;
}

/* [any] By who holds it, or reaches it by something that does. */
static inline struct of_stats *of_stats_hold(struct of_stats *s)
{
	atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
	return s;
}

/* [any] NULL is fine. */
static inline void of_stats_drop(struct of_stats *s)
{
	if (s && atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) == 1)
		free(s);
}

/* [any] */
static inline void of_stats_credit(struct of_stats *s, uint64_t packets, uint64_t bytes,
				   uint64_t last_ns)
{
	uint64_t seen = atomic_load_explicit(&s->last_ns, memory_order_relaxed);

	atomic_fetch_add_explicit(&s->packets, packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->bytes, bytes, memory_order_relaxed);
	while (seen < last_ns &&
	       !atomic_compare_exchange_weak_explicit(&s->last_ns, &seen, last_ns,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static inline uint64_t of_count(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

#endif /* OPENFLOW_TABLE_STATS_H */
