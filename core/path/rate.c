/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.c - buckets counted in time, purses of workers, and what may be read from a limited port.
 *
 * A bucket is one word, the time at which it would be full (ITU-T I.371, the generic cell rate
 * algorithm): all zero is a full bucket, and a debt is a time further away than the bucket is deep.
 */
#include "path/rate.h"

#include <stdlib.h>

#include "base/clock.h"

enum {
	QUANTUM_NS = NS_PER_MS,
	LONGEST_FIRST = 1514, /* bytes: before anything came */
	LONGEST_FADES = 64,   /* by a part of so many with each batch of shorter ones */
};

struct rate_state *rate_create(struct path_port *port, uint32_t workers)
{
	size_t bytes = sizeof(struct rate_state) + workers * sizeof(struct rate_purse);
	struct rate_state *s = aligned_alloc(64, bytes);

	if (!s)
		return NULL;
	memset(s, 0, bytes);
	for (uint32_t i = 0; i < workers; i++) {
		s->purses[i].port = port;
		s->purses[i].longest = LONGEST_FIRST;
	}
	return s;
}

void rate_change(struct rate_state *s, const struct port_conf *old, const struct port_conf *conf)
{
	for (uint32_t kind = 0; kind < RATE_KINDS; kind++) {
		bool is_other =
			memcmp(&old->rates[kind], &conf->rates[kind], sizeof(conf->rates[0])) != 0;

		for (uint32_t unit = 0; is_other && unit < RATE_UNITS; unit++)
			atomic_store_explicit(&s->full_at_ns[kind][unit], 0, memory_order_relaxed);
	}
}

void path_port_fills(const struct path_port *port, uint64_t now_ns,
		     uint64_t fills[RATE_KINDS * RATE_UNITS])
{
	for (uint32_t i = 0; i < RATE_KINDS * RATE_UNITS; i++) {
		uint64_t full = atomic_load_explicit(
			&port->rate->full_at_ns[i / RATE_UNITS][i % RATE_UNITS],
			memory_order_relaxed);

		fills[i] = full > now_ns ? full - now_ns : 0;
	}
}

void path_port_fill(struct path_port *port, uint64_t now_ns,
		    const uint64_t fills[RATE_KINDS * RATE_UNITS])
{
	for (uint32_t i = 0; i < RATE_KINDS * RATE_UNITS; i++) {
		uint32_t kind = i / RATE_UNITS;
		uint32_t unit = i % RATE_UNITS;
		uint64_t depth = port->conf->rates[kind].depth_ns[unit];
		uint64_t fill = fills[i] < depth ? fills[i] : depth;

		atomic_store_explicit(&port->rate->full_at_ns[kind][unit], fill ? now_ns + fill : 0,
				      memory_order_relaxed);
	}
}

/* ---- a bucket ---------------------------------------------------------------------------------- */

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* A quantum, if it has one: less is not worth the other workers' waiting for the word. */
static uint64_t borrow(_Atomic uint64_t *full_at, uint64_t depth_ns, uint64_t now_ns)
{
	uint64_t seen = atomic_load_explicit(full_at, memory_order_relaxed);
	uint64_t full;

	do {
		full = later_of(seen, now_ns) + QUANTUM_NS;
		if (full > now_ns + depth_ns)
			return 0;
	} while (!atomic_compare_exchange_weak_explicit(full_at, &seen, full, memory_order_relaxed,
							memory_order_relaxed));
	return QUANTUM_NS;
}

void rate_owe(_Atomic uint64_t *full_at, uint64_t debt_ns, uint64_t now_ns)
{
	uint64_t seen = atomic_load_explicit(full_at, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(full_at, &seen,
						      later_of(seen, now_ns) + debt_ns,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

/* ---- a run ------------------------------------------------------------------------------------- */

/* What goes on the wire of it. */
static uint64_t frames_of(const struct packet *p)
{
	uint32_t payload = p->x.len - (p->x.l4_off < p->x.len ? p->x.l4_off : p->x.len);

	return p->x.gso_size ? payload / p->x.gso_size + 1 : 1;
}

/* A batch is below 2^26 bits, and so is what a quantum pays for, so nothing overflows. */
static uint64_t cost_ns(const struct rate_run *r, enum rate_unit unit)
{
	return r->spent[unit] * NS_PER_S / r->rate->per_second[unit];
}

void rate_open(struct rate_run *r, struct path_worker *w, const struct port_conf *conf,
	       enum rate_kind kind)
{
	*r = (struct rate_run){
		.state = conf->port->rate,
		.purse = &conf->port->rate->purses[w->w.nr],
		.rate = &conf->rates[kind],
		.kind = kind,
		.now_ns = w->w.now_ns,
	};
}

static bool may_spend(struct rate_run *r, enum rate_unit unit)
{
	uint64_t *left = &r->purse->left_ns[r->kind][unit];

	if (!r->rate->per_second[unit])
		return true;
	if (*left > cost_ns(r, unit))
		return true;
	if (r->spent[unit])
		return false;
	*left += borrow(&r->state->full_at_ns[r->kind][unit], r->rate->depth_ns[unit], r->now_ns);
	return *left > 0;
}

bool rate_may(struct rate_run *r)
{
	if (may_spend(r, RATE_BITS) && may_spend(r, RATE_PACKETS))
		return true;
	/* perhaps only what was borrowed is spent */
	rate_pay(r);
	return may_spend(r, RATE_BITS) && may_spend(r, RATE_PACKETS);
}

void rate_spend(struct rate_run *r, const struct packet *p)
{
	r->spent[RATE_BITS] += (uint64_t)p->x.len * 8;
	r->spent[RATE_PACKETS] += frames_of(p);
}

void rate_pay(struct rate_run *r)
{
	for (uint32_t unit = 0; unit < RATE_UNITS; unit++) {
		uint64_t *left = &r->purse->left_ns[r->kind][unit];
		uint64_t cost = r->rate->per_second[unit] ? cost_ns(r, unit) : 0;

		r->spent[unit] = 0;
		if (cost > *left)
			rate_owe(&r->state->full_at_ns[r->kind][unit], cost - *left, r->now_ns);
		*left -= cost < *left ? cost : *left;
	}
}

uint64_t rate_due(const struct rate_run *r)
{
	uint64_t due = r->now_ns;

	for (uint32_t unit = 0; unit < RATE_UNITS; unit++) {
		uint64_t full = atomic_load_explicit(&r->state->full_at_ns[r->kind][unit],
						     memory_order_relaxed) +
				QUANTUM_NS;
		uint64_t depth = r->rate->depth_ns[unit];

		if (r->rate->per_second[unit] && !r->purse->left_ns[r->kind][unit] && full > depth)
			due = later_of(due, full - depth);
	}
	return due;
}

/* ---- from -------------------------------------------------------------------------------------- */

/* How many packets of so many tokens what is left pays for, at least one. */
static uint32_t affordable(const struct rate_run *r, enum rate_unit unit, uint64_t tokens,
			   uint32_t packets)
{
	uint64_t rate = r->rate->per_second[unit];
	uint64_t cost = rate ? tokens * NS_PER_S / rate : 0;
	uint64_t count;

	if (!cost)
		return packets;
	count = r->purse->left_ns[r->kind][unit] / cost;
	return count == 0 ? 1 : count < packets ? (uint32_t)count : packets;
}

uint32_t rate_budget(struct path_worker *w, const struct path_port *port, uint32_t packets,
		     uint64_t *due_ns)
{
	const struct port_conf *conf = conf_of_entry(rcu_read(&port->conf));
	struct rate_run r;

	if (!(conf->rate_kinds & 1u << RATE_FROM))
		return packets;
	rate_open(&r, w, conf, RATE_FROM);
	if (!rate_may(&r)) {
		*due_ns = rate_due(&r);
		return 0;
	}
	packets = affordable(&r, RATE_BITS, (uint64_t)r.purse->longest * 8, packets);
	return affordable(&r, RATE_PACKETS, 1, packets);
}

/* Longer ones are believed at once: how many come is decided before their lengths are seen. */
static void note_longest(struct rate_purse *purse, const struct burst *b)
{
	uint32_t longest = purse->longest - purse->longest / LONGEST_FADES;

	for (uint32_t i = 0; i < b->count; i++)
		longest = b->pkts[i]->x.len > longest ? b->pkts[i]->x.len : longest;
	purse->longest = longest;
}

static void pay_received(const struct burst *b, enum rate_kind kind)
{
	struct rate_run r;

	rate_open(&r, b->worker, b->conf, kind);
	r.purse->is_promised = false;
	for (uint32_t i = 0; i < b->count; i++)
		rate_spend(&r, b->pkts[i]);
	rate_pay(&r);
	if (kind == RATE_FROM)
		note_longest(r.purse, b);
}

void rate_received(const struct burst *b)
{
	if (b->conf->rate_kinds & 1u << RATE_FROM)
		pay_received(b, RATE_FROM);
	/* what a port gives beyond is no debt: it was its share of what others left */
	if (b->conf->port->rate->purses[b->worker->w.nr].is_promised)
		pay_received(b, RATE_RESERVED);
}

bool rate_is_reserved(struct path_worker *w, const struct path_port *port)
{
	const struct port_conf *conf = conf_of_entry(rcu_read(&port->conf));
	struct rate_run r;

	if (!(conf->rate_kinds & 1u << RATE_RESERVED))
		return false;
	rate_open(&r, w, conf, RATE_RESERVED);
	r.purse->is_promised = rate_may(&r);
	return r.purse->is_promised;
}
