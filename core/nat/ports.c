/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/ports.c - outside ports: who has which, and a free one at random.
 *
 * An inside address gets all its ports of one outside address as long as that has any (RFC 4787,
 * REQ-2: paired pooling), and UDP a port of the same parity where one is found soon (4.2.2).
 */
#include "nat/table.h"

#include <stdlib.h>

#include "base/hash.h"
#include "xvs/ext/sdk.h"

enum { TRIES = 24 }; /* at random, before all are looked through */

uint32_t *nat_ports_create(void)
{
	return calloc(PORTS, sizeof(uint32_t));
}

void nat_ports_free(uint32_t *owners)
{
	free(owners);
}

struct outside *nat_outside_find(struct nat_table *t, uint32_t address)
{
	for (uint32_t i = 0; i < NAT_ADDRESSES_MAX; i++) {
		if (t->outsides[i].owner[0] && t->outsides[i].address == address)
			return &t->outsides[i];
	}
	return NULL;
}

static bool try_random(const uint32_t *owner, const struct nat_pool *pool, const struct nat_view *v,
		       uint64_t *random, uint16_t *port)
{
	uint32_t count = (uint32_t)pool->last - pool->first + 1;

	for (uint32_t i = 0; i < TRIES; i++) {
		uint32_t at = pool->first + (uint32_t)((xvs_random(random) >> 32) % count);

		if (v->proto == PROTO_UDP && i < TRIES / 2)
			at ^= (at ^ v->src_port) & 1;
		if (at < pool->first || at > pool->last || owner[at] != OWNER_NOBODY)
			continue;
		*port = (uint16_t)at;
		return true;
	}
	return false;
}

/* Nearly full: from somewhere on, once around. */
static bool try_all(const uint32_t *owner, const struct nat_pool *pool, uint64_t *random,
		    uint16_t *port)
{
	uint32_t count = (uint32_t)pool->last - pool->first + 1;
	uint32_t start = (uint32_t)((xvs_random(random) >> 32) % count);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = pool->first + (start + i) % count;

		if (owner[at] != OWNER_NOBODY)
			continue;
		*port = (uint16_t)at;
		return true;
	}
	return false;
}

struct outside *nat_ports_take(struct nat_table *t, const struct nat_view *v, uint64_t *random,
			       uint16_t *port)
{
	const struct nat_rules *r = t->rules;
	const uint64_t word = v->src;
	uint32_t first = r->pool_count ? (uint32_t)(hash_words(&word, 1, 5) % r->pool_count) : 0;
	uint32_t *full = &t->full[proto_index(v->proto)];

	for (uint32_t i = 0; i < r->pool_count; i++) {
		uint32_t nr = (first + i) % r->pool_count;
		const struct nat_pool *pool = &r->pools[nr];
		struct outside *o = nat_outside_find(t, pool->address);
		const uint32_t *owner = o->owner[proto_index(v->proto)];

		/* looked through once: a guest must not have that done for each of its packets */
		if (*full >> nr & 1)
			continue;
		if (try_random(owner, pool, v, random, port) || try_all(owner, pool, random, port))
			return o;
		*full |= 1u << nr;
	}
	t->no_ports++;
	return NULL;
}

static uint32_t *owner_of(struct nat_table *t, const struct binding *b)
{
	struct outside *o = nat_outside_find(t, b->outside);

	return o ? &o->owner[proto_index(b->proto)][b->outside_port] : NULL;
}

bool nat_ports_has(struct nat_table *t, uint32_t binding)
{
	const uint32_t *owner = owner_of(t, &t->bindings[binding - 1]);

	return owner && *owner == binding;
}

void nat_ports_give(struct nat_table *t, uint32_t binding)
{
	const struct binding *b = &t->bindings[binding - 1];

	/* other rules may have given it to a forward, or taken it out of the pools */
	if (!nat_ports_has(t, binding))
		return;
	*owner_of(t, b) = OWNER_NOBODY;
	t->full[proto_index(b->proto)] = 0;
}

bool nat_ports_in_pool(const struct nat_rules *r, uint32_t address, uint16_t port)
{
	for (uint32_t i = 0; i < r->pool_count; i++) {
		const struct nat_pool *pool = &r->pools[i];

		if (pool->address == address && port >= pool->first && port <= pool->last)
			return true;
	}
	return false;
}
