/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/sets.c - sets by the ports that they have.
 *
 * A worker may hold a set that has just been taken out of its bucket, and judge a flow by its number.
 * That does no harm: the host tells of the end of a set as of any change, so the flow is judged anew,
 * and the memory waits for whoever holds it.
 */
#include "pipeline/sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/hash.h"

bool of_set_ports_add(struct of_set_ports *p, uint32_t port)
{
	uint32_t at = p->count;

	while (at > 0 && p->ports[at - 1] > port)
		at--;
	if (p->count == OF_SET_PORTS_MAX || (at > 0 && p->ports[at - 1] == port))
		return false;
	memmove(&p->ports[at + 1], &p->ports[at], (p->count - at) * sizeof(p->ports[0]));
	p->ports[at] = port;
	p->count++;
	return true;
}

static uint64_t hash_of(const struct of_set_ports *p)
{
	uint64_t hash = p->count;

	for (uint32_t i = 0; i < p->count; i++)
		hash = of_hash_word(hash, p->ports[i]);
	return of_hash_end(hash);
}

static _Atomic(struct of_set *) *bucket_of(const struct of_sets *s, const struct of_set_ports *p)
{
	return (_Atomic(struct of_set *) *)(uintptr_t)&s->buckets[hash_of(p) % OF_SET_BUCKETS];
}

static bool is_equal(const struct of_set_ports *a, const struct of_set_ports *b)
{
	return a->count == b->count &&
	       memcmp(a->ports, b->ports, a->count * sizeof(a->ports[0])) == 0;
}

struct of_set *of_sets_find(const struct of_sets *s, const struct of_set_ports *ports)
{
	struct of_set *set = atomic_load_explicit(bucket_of(s, ports), memory_order_acquire);

	while (set && !is_equal(&set->ports, ports))
		set = atomic_load_explicit(&set->next, memory_order_acquire);
	return set;
}

bool of_set_may_ask(struct of_set_asked *asked, const struct of_set_ports *ports, uint64_t now_ns)
{
	const uint64_t lately_ns = UINT64_C(100000000);
	uint64_t hash = hash_of(ports);

	if (asked->hash == hash && now_ns < asked->until_ns)
		return false;
	*asked = (struct of_set_asked){ hash, now_ns + lately_ns };
	return true;
}

void of_set_hold(struct of_set *set)
{
	if (set)
		atomic_fetch_add_explicit(&set->holders, 1, memory_order_relaxed);
}

void of_set_drop(struct of_set *set)
{
	if (set)
		atomic_fetch_sub_explicit(&set->holders, 1, memory_order_release);
}

/* ---- life: the control thread --------------------------------------------------------------------- */

static bool is_held(const struct of_set *set)
{
	return atomic_load_explicit(&((struct of_set *)(uintptr_t)set)->holders,
				    memory_order_acquire) > 0;
}

/* Out of the buckets for long enough: nobody can come to hold one anew. */
static void sweep(struct of_sets *s)
{
	struct of_set **at = &s->bin;

	while (*at) {
		struct of_set *set = *at;

		if (is_held(set)) {
			at = &set->bin;
			continue;
		}
		*at = set->bin;
		free(set);
	}
}

static void unreachable(void *what)
{
	struct of_set *set = what;
	struct of_sets *s = set->owner;

	set->bin = s->bin;
	s->bin = set;
	sweep(s);
}

static void take_out(struct of_sets *s, struct of_set *set)
{
	_Atomic(struct of_set *) *at = bucket_of(s, &set->ports);

	while (atomic_load_explicit(at, memory_order_relaxed) != set)
		at = &atomic_load_explicit(at, memory_order_relaxed)->next;
	atomic_store_explicit(at, atomic_load_explicit(&set->next, memory_order_relaxed),
			      memory_order_release);
	s->destsets->destroy(s->host, set->number);
	s->count--;
	s->reclaim.later(s->reclaim.arg, unreachable, set);
}

static void take_out_if(struct of_sets *s, bool (*is_meant)(struct of_set *, uint32_t),
			uint32_t port)
{
	for (uint32_t i = 0; i < OF_SET_BUCKETS; i++) {
		struct of_set *set = atomic_load_explicit(&s->buckets[i], memory_order_relaxed);

		while (set) {
			struct of_set *next =
				atomic_load_explicit(&set->next, memory_order_relaxed);

			if (is_meant(set, port))
				take_out(s, set);
			set = next;
		}
	}
}

/* Now, and when it was last asked. */
static bool is_idle(struct of_set *set, uint32_t port)
{
	bool was_idle = set->was_idle;

	(void)port;
	set->was_idle = !is_held(set);
	return set->was_idle && was_idle;
}

static void make_room(struct of_sets *s, uint64_t now_ns)
{
	const uint64_t pause_ns = 1000000000;

	if (now_ns - s->swept_ns < pause_ns)
		return;
	s->swept_ns = now_ns;
	take_out_if(s, is_idle, 0);
}

static bool has_port(struct of_set *set, uint32_t port)
{
	for (uint32_t i = 0; i < set->ports.count; i++) {
		if (set->ports.ports[i] == port)
			return true;
	}
	return false;
}

static int make(struct of_sets *s, const struct of_set_ports *ports)
{
	_Atomic(struct of_set *) *bucket = bucket_of(s, ports);
	struct of_set *set = calloc(1, sizeof(*set));
	int number = set ? s->destsets->create(s->host) : -ENOMEM;
	int code = number;

	if (number > 0)
		code = s->destsets->replace(s->host, (uint32_t)number, ports->ports, ports->count);
	if (code < 0) {
		if (number > 0)
			s->destsets->destroy(s->host, (uint32_t)number);
		free(set);
		return code;
	}
	set->owner = s;
	set->number = (uint32_t)number;
	set->ports = *ports;
	atomic_store_explicit(&set->next, atomic_load_explicit(bucket, memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(bucket, set, memory_order_release);
	s->count++;
	return 1;
}

int of_sets_make(struct of_sets *s, const struct of_set_ports *ports, uint64_t now_ns)
{
	if (!s->destsets || ports->count < 2 || ports->count > OF_SET_PORTS_MAX)
		return -EINVAL;
	if (of_sets_find(s, ports))
		return 0;
	if (s->count == OF_SETS_MAX)
		make_room(s, now_ns);
	return s->count == OF_SETS_MAX ? -ENOSPC : make(s, ports);
}

void of_sets_forget_port(struct of_sets *s, uint32_t port)
{
	take_out_if(s, has_port, port);
}

void of_sets_destroy(struct of_sets *s)
{
	for (uint32_t i = 0; i < OF_SET_BUCKETS; i++) {
		struct of_set *set;

		while ((set = atomic_load_explicit(&s->buckets[i], memory_order_relaxed)) != NULL) {
			atomic_store_explicit(&s->buckets[i],
					      atomic_load_explicit(&set->next,
								   memory_order_relaxed),
					      memory_order_relaxed);
			free(set);
		}
	}
	while (s->bin) {
		struct of_set *set = s->bin;

		s->bin = set->bin;
		free(set);
	}
}
