/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/binding.c - inside endpoints and the outside ones that stand for them; how many sessions an
 * inside address has.  All of it under the table's lock.
 */
#include "nat/table.h"

#include "base/hash.h"

static uint32_t binding_bucket(const struct nat_table *t, uint32_t inside, uint16_t port,
			       uint8_t proto)
{
	const uint64_t word = (uint64_t)inside << 32 | (uint64_t)port << 8 | proto;

	return (uint32_t)hash_words(&word, 1, 3) & t->mask;
}

static uint32_t binding_find(struct nat_table *t, const struct nat_view *v)
{
	uint32_t at = t->binding_chains[binding_bucket(t, v->src, v->src_port, v->proto)];

	while (at) {
		const struct binding *b = &t->bindings[at - 1];

		if (b->inside == v->src && b->inside_port == v->src_port && b->proto == v->proto &&
		    nat_ports_has(t, at))
			return at;
		at = b->next;
	}
	return 0;
}

static uint32_t binding_take(struct nat_table *t)
{
	uint32_t at = t->free_binding;

	if (at) {
		t->free_binding = t->bindings[at - 1].next;
		return at;
	}
	return t->fresh_binding < t->limit ? ++t->fresh_binding : 0;
}

/* 'at' was taken, and the port is nobody's. */
static void binding_put(struct nat_table *t, uint32_t at, const struct nat_view *v,
			const struct outside *o, uint16_t port)
{
	uint32_t *bucket = &t->binding_chains[binding_bucket(t, v->src, v->src_port, v->proto)];

	t->bindings[at - 1] = (struct binding){ .inside = v->src,
						.outside = o->address,
						.inside_port = v->src_port,
						.outside_port = port,
						.proto = v->proto,
						.next = *bucket };
	*bucket = at;
	o->owner[proto_index(v->proto)][port] = at;
	t->binding_count++;
}

static uint32_t binding_make(struct nat_table *t, const struct nat_view *v, uint64_t *random,
			     uint16_t *reason)
{
	uint32_t at = binding_take(t);
	uint16_t port = 0;
	const struct outside *o;

	*reason = REASON_NAT_SESSIONS;
	if (!at)
		return 0;
	o = nat_ports_take(t, v, random, &port);
	if (!o) {
		*reason = REASON_NAT_PORTS;
		t->bindings[at - 1].next = t->free_binding;
		t->free_binding = at;
		return 0;
	}
	binding_put(t, at, v, o, port);
	return at;
}

uint32_t nat_binding_claim(struct nat_table *t, const struct nat_view *v, uint32_t outside,
			   uint16_t port)
{
	const struct outside *o = nat_outside_find(t, outside);
	uint32_t at = binding_find(t, v);

	if (at)
		return t->bindings[at - 1].outside == outside &&
				       t->bindings[at - 1].outside_port == port
			       ? at
			       : 0;
	if (!o || o->owner[proto_index(v->proto)][port] != OWNER_NOBODY)
		return 0;
	at = binding_take(t);
	if (at)
		binding_put(t, at, v, o, port);
	return at;
}

uint32_t nat_binding_get(struct nat_table *t, const struct nat_view *v, uint64_t *random,
			 uint16_t *reason)
{
	uint32_t at = binding_find(t, v);

	return at ? at : binding_make(t, v, random, reason);
}

void nat_binding_release(struct nat_table *t, uint32_t binding)
{
	struct binding *b = &t->bindings[binding - 1];
	uint32_t *at = &t->binding_chains[binding_bucket(t, b->inside, b->inside_port, b->proto)];

	if (b->sessions)
		return;
	while (*at != binding)
		at = &t->bindings[*at - 1].next;
	*at = b->next;
	nat_ports_give(t, binding);
	b->next = t->free_binding;
	t->free_binding = binding;
	t->binding_count--;
}

/* ---- inside hosts -------------------------------------------------------------------------- */

static uint32_t host_bucket(const struct nat_table *t, uint32_t address)
{
	const uint64_t word = address;

	return (uint32_t)hash_words(&word, 1, 4) & t->mask;
}

static uint32_t host_find(const struct nat_table *t, uint32_t address)
{
	uint32_t at = t->host_chains[host_bucket(t, address)];

	while (at && t->hosts[at - 1].address != address)
		at = t->hosts[at - 1].next;
	return at;
}

/* A host has a session, so there are never more of them. */
static uint32_t host_make(struct nat_table *t, uint32_t address)
{
	uint32_t *bucket = &t->host_chains[host_bucket(t, address)];
	uint32_t at = t->free_host;

	if (at)
		t->free_host = t->hosts[at - 1].next;
	else if (t->fresh_host < t->limit)
		at = ++t->fresh_host;
	else
		return 0;
	t->hosts[at - 1] = (struct host){ .address = address, .next = *bucket };
	*bucket = at;
	t->host_count++;
	return at;
}

bool nat_host_has_sessions(const struct nat_table *t, uint32_t address)
{
	return host_find(t, address) != 0;
}

bool nat_host_is_full(struct nat_table *t, uint32_t address)
{
	uint32_t most = t->rules->host_sessions;
	uint32_t at = most ? host_find(t, address) : 0;

	if (!at || t->hosts[at - 1].sessions < most)
		return false;
	t->host_limit++;
	return true;
}

uint32_t nat_host_take(struct nat_table *t, uint32_t address, uint16_t *reason)
{
	uint32_t at;

	if (nat_host_is_full(t, address)) {
		*reason = REASON_NAT_HOST;
		return 0;
	}
	at = host_find(t, address);
	if (!at)
		at = host_make(t, address);
	if (at)
		t->hosts[at - 1].sessions++;
	else
		t->no_room++;
	return at;
}

void nat_host_give(struct nat_table *t, uint32_t host)
{
	struct host *h = &t->hosts[host - 1];
	uint32_t *at = &t->host_chains[host_bucket(t, h->address)];

	if (--h->sessions)
		return;
	while (*at != host)
		at = &t->hosts[*at - 1].next;
	*at = h->next;
	h->next = t->free_host;
	t->free_host = host;
	t->host_count--;
}
