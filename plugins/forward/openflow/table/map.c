/* SPDX-License-Identifier: Apache-2.0 */
/* table/map.c - open addressing; each slot has the list of what ever had the number, newest first. */
#include "table/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/hash.h"

enum { BITS_MIN = 4 };
#define NEVER UINT64_MAX

struct of_map_slots {
	uint32_t bits;
	uint32_t used; /* slots that are not NULL */
	_Atomic(struct of_entry *) at[];
};

static struct of_entry tombstone;

void of_map_init(struct of_map *m, uint64_t seed, const struct of_reclaim *reclaim,
		 void (*free_entry)(struct of_entry *e))
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
	m->reclaim = reclaim;
	m->free = free_entry;
}

static uint32_t slot_count(const struct of_map_slots *s)
{
	return UINT32_C(1) << s->bits;
}

/* The slot of this number, or the free one where it would be. */
static _Atomic(struct of_entry *) *slot_of(const struct of_map *m, struct of_map_slots *s,
					   uint32_t id)
{
	uint64_t hash = of_hash_end(of_hash_word(m->seed, id));
	uint32_t at = (uint32_t)hash & (slot_count(s) - 1);
	struct of_entry *e;

	while ((e = atomic_load_explicit(&s->at[at], memory_order_acquire)) != NULL &&
	       (e == &tombstone || e->id != id))
		at = (at + 1) & (slot_count(s) - 1);
	return &s->at[at];
}

static struct of_entry *list_of(const struct of_map *m, uint32_t id)
{
	struct of_map_slots *s = atomic_load_explicit(&m->slots, memory_order_acquire);

	return s ? atomic_load_explicit(slot_of(m, s, id), memory_order_acquire) : NULL;
}

static bool is_there(const struct of_entry *e)
{
	return atomic_load_explicit(&e->removed, memory_order_relaxed) == NEVER;
}

struct of_entry *of_map_find(const struct of_map *m, uint32_t id, uint64_t version)
{
	struct of_entry *e = list_of(m, id);

	while (e && !(e->added <= version &&
		      version < atomic_load_explicit(&e->removed, memory_order_relaxed)))
		e = atomic_load_explicit(&e->older, memory_order_acquire);
	return e;
}

struct of_entry *of_map_get(const struct of_map *m, uint32_t id)
{
	struct of_entry *e = list_of(m, id);

	while (e && !is_there(e))
		e = atomic_load_explicit(&e->older, memory_order_relaxed);
	return e;
}

static struct of_entry *now_of(struct of_entry *e)
{
	while (e && e != &tombstone && !is_there(e))
		e = atomic_load_explicit(&e->older, memory_order_relaxed);
	return e == &tombstone ? NULL : e;
}

bool of_map_each(const struct of_map *m, bool (*fn)(void *arg, struct of_entry *e), void *arg)
{
	const struct of_map_slots *s = atomic_load_explicit(&m->slots, memory_order_relaxed);

	for (uint32_t i = 0; s && i < slot_count(s); i++) {
		struct of_entry *e = now_of(atomic_load_explicit(&s->at[i], memory_order_relaxed));

		if (e && !fn(arg, e))
			return false;
	}
	return true;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int of_map_ids(const struct of_map *m, uint32_t **ids, uint32_t *count)
{
	const struct of_map_slots *s = atomic_load_explicit(&m->slots, memory_order_relaxed);
	uint32_t *list = malloc((m->count + 1) * sizeof(*list));
	uint32_t n = 0;

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; s && i < slot_count(s) && n < m->count; i++) {
		struct of_entry *e = now_of(atomic_load_explicit(&s->at[i], memory_order_relaxed));

		if (e)
			list[n++] = e->id;
	}
	qsort(list, n, sizeof(*list), by_number);
	*ids = list;
	*count = n;
	return 0;
}

static void slots_copy(const struct of_map *m, const struct of_map_slots *from,
		       struct of_map_slots *to)
{
	for (uint32_t i = 0; i < slot_count(from); i++) {
		struct of_entry *e = atomic_load_explicit(&from->at[i], memory_order_relaxed);

		if (!e || e == &tombstone)
			continue;
		atomic_store_explicit(slot_of(m, to, e->id), e, memory_order_relaxed);
		to->used++;
	}
}

static int reserve(struct of_map *m)
{
	struct of_map_slots *old = atomic_load_explicit(&m->slots, memory_order_relaxed);
	uint32_t bits = BITS_MIN;
	struct of_map_slots *now;

	if (old && old->used + 1 <= slot_count(old) / 2)
		return 0;
	while ((m->entries + 1) * 3 > UINT32_C(1) << bits)
		bits++;
	now = calloc(1, sizeof(*now) + sizeof(now->at[0]) * ((size_t)1 << bits));
	if (!now)
		return -ENOMEM;
	now->bits = bits;
	if (old)
		slots_copy(m, old, now);
	atomic_store_explicit(&m->slots, now, memory_order_release);
	if (old)
		m->reclaim->later(m->reclaim->arg, free, old);
	return 0;
}

int of_map_put(struct of_map *m, struct of_entry *e, uint64_t next)
{
	struct of_map_slots *s;
	_Atomic(struct of_entry *) *slot;
	struct of_entry *older;

	if (reserve(m) != 0)
		return -ENOMEM;
	s = atomic_load_explicit(&m->slots, memory_order_relaxed);
	slot = slot_of(m, s, e->id);
	older = atomic_load_explicit(slot, memory_order_relaxed);
	s->used += older == NULL;
	e->added = next;
	e->is_new = true;
	atomic_store_explicit(&e->removed, NEVER, memory_order_relaxed);
	atomic_store_explicit(&e->older, older, memory_order_relaxed);
	atomic_store_explicit(slot, e, memory_order_release);
	e->bin = m->changes;
	m->changes = e;
	m->count++;
	m->entries++;
	return 0;
}

void of_map_take(struct of_map *m, struct of_entry *e, uint64_t next)
{
	atomic_store_explicit(&e->removed, next, memory_order_relaxed);
	e->is_leaving = true;
	m->count--;
	if (e->is_new) /* on the list already */
		return;
	e->bin = m->changes;
	m->changes = e;
}

bool of_map_has_changed(const struct of_map *m)
{
	return m->changes != NULL;
}

static void unlink_entry(struct of_map *m, struct of_entry *e)
{
	struct of_map_slots *s = atomic_load_explicit(&m->slots, memory_order_relaxed);
	_Atomic(struct of_entry *) *slot = slot_of(m, s, e->id);
	_Atomic(struct of_entry *) *at = slot;
	struct of_entry *older = atomic_load_explicit(&e->older, memory_order_relaxed);

	while (atomic_load_explicit(at, memory_order_relaxed) != e)
		at = &atomic_load_explicit(at, memory_order_relaxed)->older;
	if (at == slot && !older)
		older = &tombstone;
	atomic_store_explicit(at, older, memory_order_release);
	m->entries--;
}

static void free_step(void *what);

static void unlink_step(void *what)
{
	struct of_map *m = what;

	for (struct of_entry *e = m->unlinking; e; e = e->bin)
		unlink_entry(m, e);
	m->freeing = m->unlinking;
	m->unlinking = NULL;
	m->reclaim->later(m->reclaim->arg, free_step, m);
}

static void bin_start(struct of_map *m)
{
	if (!m->leaving || m->unlinking || m->freeing)
		return;
	m->unlinking = m->leaving;
	m->leaving = NULL;
	m->reclaim->later(m->reclaim->arg, unlink_step, m);
}

static void free_list(struct of_map *m, struct of_entry *e)
{
	while (e) {
		struct of_entry *next = e->bin;

		m->free(e);
		e = next;
	}
}

static void free_step(void *what)
{
	struct of_map *m = what;
	struct of_entry *list = m->freeing;

	m->freeing = NULL;
	free_list(m, list);
	bin_start(m);
}

void of_map_commit(struct of_map *m)
{
	struct of_entry *e = m->changes;

	while (e) {
		struct of_entry *next = e->bin;

		e->is_new = false;
		if (e->is_leaving) {
			e->bin = m->leaving;
			m->leaving = e;
		}
		e = next;
	}
	m->changes = NULL;
	bin_start(m);
}

/* What came was never seen; it goes the way of those that were. */
void of_map_abort(struct of_map *m)
{
	struct of_entry *e = m->changes;

	while (e) {
		struct of_entry *next = e->bin;

		if (e->is_new) {
			m->count -= is_there(e);
			/* not in the version that will have this number */
			atomic_store_explicit(&e->removed, 0, memory_order_relaxed);
			e->is_new = false;
			e->bin = m->leaving;
			m->leaving = e;
		} else {
			atomic_store_explicit(&e->removed, NEVER, memory_order_relaxed);
			e->is_leaving = false;
			m->count++;
		}
		e = next;
	}
	m->changes = NULL;
	bin_start(m);
}

void of_map_destroy(struct of_map *m)
{
	struct of_map_slots *s = atomic_load_explicit(&m->slots, memory_order_relaxed);

	free_list(m, m->freeing); /* no longer in a slot */
	for (uint32_t i = 0; s && i < slot_count(s); i++) {
		struct of_entry *e = atomic_load_explicit(&s->at[i], memory_order_relaxed);

		while (e && e != &tombstone) {
			struct of_entry *older =
				atomic_load_explicit(&e->older, memory_order_relaxed);

			m->free(e);
			e = older;
		}
	}
	free(s);
	memset(m, 0, sizeof(*m));
}
