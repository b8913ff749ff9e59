/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/table.c - the table's memory, its lock, and the two chains that sessions are found by.
 */
#include "nat/table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/hash.h"

enum { WALK_MAX = 64 }; /* a reader that met so many is among chains that change: a miss */

/* ---- the lock ------------------------------------------------------------------------------ */

static void pause_briefly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

void nat_lock(struct nat_table *t)
{
	while (atomic_exchange_explicit(&t->lock, 1, memory_order_acquire)) {
		while (atomic_load_explicit(&t->lock, memory_order_relaxed))
			pause_briefly();
	}
}

void nat_unlock(struct nat_table *t)
{
	atomic_store_explicit(&t->lock, 0, memory_order_release);
}

/* ---- chains -------------------------------------------------------------------------------- */

static uint32_t bucket_of(const struct nat_table *t, enum nat_dir dir, struct nat_key key)
{
	const uint64_t words[2] = { key.ends, key.ports };

	return (uint32_t)hash_words(words, 2, dir) & t->mask;
}

/* Acquire, so that a generation read afterwards is no older than what was read here. */
struct nat_key nat_session_key(const struct session *s, enum nat_dir dir)
{
	return (struct nat_key){ atomic_load_explicit(&s->keys[dir][0], memory_order_acquire),
				 atomic_load_explicit(&s->keys[dir][1], memory_order_acquire) };
}

static bool session_is(const struct session *s, enum nat_dir dir, struct nat_key key)
{
	struct nat_key has = nat_session_key(s, dir);

	return has.ends == key.ends && has.ports == key.ports;
}

/* Both keys of one life; false: it is none, or another one began meanwhile. */
static bool session_read(struct session *s, enum nat_dir dir, struct nat_key key,
			 struct nat_key keys[2])
{
	uint32_t generation = atomic_load_explicit(&s->generation, memory_order_acquire);

	if (!(generation & 1) || !session_is(s, dir, key))
		return false;
	keys[NAT_OUT] = nat_session_key(s, NAT_OUT);
	keys[NAT_IN] = nat_session_key(s, NAT_IN);
	return atomic_load_explicit(&s->generation, memory_order_relaxed) == generation;
}

struct session *nat_find(struct nat_table *t, enum nat_dir dir, struct nat_key key,
			 struct nat_key keys[2])
{
	uint32_t at = atomic_load_explicit(&t->buckets[dir][bucket_of(t, dir, key)],
					   memory_order_acquire);

	for (uint32_t steps = 0; at && steps < WALK_MAX; steps++) {
		struct session *s = &t->sessions[at - 1];

		if (session_read(s, dir, key, keys))
			return s;
		at = atomic_load_explicit(&s->next[dir], memory_order_acquire);
	}
	return NULL;
}

static void link_one(struct nat_table *t, struct session *s, enum nat_dir dir, struct nat_key key)
{
	_Atomic uint32_t *bucket = &t->buckets[dir][bucket_of(t, dir, key)];
	uint32_t first = atomic_load_explicit(bucket, memory_order_relaxed);
	uint32_t index = (uint32_t)(s - t->sessions) + 1;

	atomic_store_explicit(&s->next[dir], first, memory_order_release);
	s->prev[dir] = 0;
	if (first)
		t->sessions[first - 1].prev[dir] = index;
	atomic_store_explicit(bucket, index, memory_order_release);
}

void nat_session_link(struct nat_table *t, struct session *s, const struct nat_key keys[2])
{
	uint32_t generation = atomic_load_explicit(&s->generation, memory_order_relaxed);

	/* release: who reads one of these knows that the former life is over */
	for (int dir = 0; dir < 2; dir++) {
		atomic_store_explicit(&s->keys[dir][0], keys[dir].ends, memory_order_release);
		atomic_store_explicit(&s->keys[dir][1], keys[dir].ports, memory_order_release);
	}
	atomic_store_explicit(&s->generation, generation + 1, memory_order_release);
	link_one(t, s, NAT_OUT, keys[NAT_OUT]);
	link_one(t, s, NAT_IN, keys[NAT_IN]);
}

static void unlink_one(struct nat_table *t, struct session *s, enum nat_dir dir)
{
	uint32_t next = atomic_load_explicit(&s->next[dir], memory_order_relaxed);
	uint32_t prev = s->prev[dir];

	if (next)
		t->sessions[next - 1].prev[dir] = prev;
	if (prev)
		atomic_store_explicit(&t->sessions[prev - 1].next[dir], next, memory_order_release);
	else
		atomic_store_explicit(&t->buckets[dir][bucket_of(t, dir, nat_session_key(s, dir))],
				      next, memory_order_release);
}

/* It stays readable: who stands on it gets on by its links. */
void nat_session_unlink(struct nat_table *t, struct session *s)
{
	uint32_t generation = atomic_load_explicit(&s->generation, memory_order_relaxed);

	atomic_store_explicit(&s->generation, generation + 1, memory_order_release);
	unlink_one(t, s, NAT_OUT);
	unlink_one(t, s, NAT_IN);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* Zeroed pages, not there until touched. */
static void *map(size_t count, size_t size)
{
	size_t bytes;
	void *pages;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

static void unmap(void *pages, size_t count, size_t size)
{
	if (pages)
		(void)munmap(pages, count * size);
}

static uint32_t chains_for(uint32_t sessions)
{
	uint32_t chains = 64;

	while (chains < sessions)
		chains *= 2;
	return chains;
}

static bool table_map(struct nat_table *t)
{
	size_t chains = (size_t)t->mask + 1;

	t->sessions = map(t->limit, sizeof(*t->sessions));
	t->bindings = map(t->limit, sizeof(*t->bindings));
	t->hosts = map(t->limit, sizeof(*t->hosts));
	t->buckets[NAT_OUT] = map(chains, sizeof(uint32_t));
	t->buckets[NAT_IN] = map(chains, sizeof(uint32_t));
	t->peers = map(chains, sizeof(uint32_t));
	t->binding_chains = map(chains, sizeof(uint32_t));
	t->host_chains = map(chains, sizeof(uint32_t));
	return t->sessions && t->bindings && t->hosts && t->buckets[NAT_OUT] &&
	       t->buckets[NAT_IN] && t->peers && t->binding_chains && t->host_chains;
}

void nat_table_destroy(struct nat_table *t)
{
	size_t chains = t ? (size_t)t->mask + 1 : 0;

	if (!t)
		return;
	for (uint32_t i = 0; i < NAT_ADDRESSES_MAX; i++) {
		for (uint32_t proto = 0; proto < PROTOS; proto++)
			nat_ports_free(t->outsides[i].owner[proto]);
	}
	unmap(t->sessions, t->limit, sizeof(*t->sessions));
	unmap(t->bindings, t->limit, sizeof(*t->bindings));
	unmap(t->hosts, t->limit, sizeof(*t->hosts));
	unmap(t->buckets[NAT_OUT], chains, sizeof(uint32_t));
	unmap(t->buckets[NAT_IN], chains, sizeof(uint32_t));
	unmap(t->peers, chains, sizeof(uint32_t));
	unmap(t->binding_chains, chains, sizeof(uint32_t));
	unmap(t->host_chains, chains, sizeof(uint32_t));
	free(t->rules);
	free(t);
}

int nat_table_create(uint32_t sessions, struct nat_table **out, struct xvs_error *err)
{
	struct nat_table *t = aligned_alloc(64, sizeof(*t));

	if (!t)
		return error_set(err, -ENOMEM, "", "out of memory");
	memset(t, 0, sizeof(*t));
	t->limit = sessions;
	t->mask = chains_for(sessions) - 1;
	if (!table_map(t)) {
		nat_table_destroy(t);
		return error_set(err, -ENOMEM, "", "out of memory for %u sessions", sessions);
	}
	*out = t;
	return 0;
}
