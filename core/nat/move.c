/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/move.c - sessions that leave for another table: told again when their state is another one.
 *
 * What was told of a session is kept by its place in the table: its generation and its word.  So a
 * pass is one walk over the table, without a list to keep in step with workers.
 */
#include "nat/move.h"

#include <stdlib.h>

#include "base/record.h"
#include "nat/table.h"

enum { LOOKED_AT_ONCE = 8192 };

struct nat_watch {
	struct nat_table *t;
	uint32_t limit; /* of the table when it began */
	uint32_t at;    /* in this pass */
	size_t prefix_count;
	struct nat_prefix prefixes[NAT_WATCH_PREFIXES];
	uint64_t told[]; /* generation << 32 | word; 0: never */
};

struct nat_watch *nat_watch_create(struct nat_table *t)
{
	/* calloc: pages that no session of ours touches take no memory */
	struct nat_watch *w = calloc(1, sizeof(*w) + (size_t)t->limit * sizeof(w->told[0]));

	if (!w)
		return NULL;
	w->t = t;
	w->limit = t->limit;
	return w;
}

void nat_watch_destroy(struct nat_watch *w)
{
	free(w);
}

bool nat_watch_is_of(const struct nat_watch *w, const struct nat_table *t)
{
	return w->t == t && w->limit == t->limit;
}

void nat_watch_begin(struct nat_watch *w, const struct nat_prefix *whose, size_t count)
{
	w->at = 0;
	w->prefix_count = count < NAT_WATCH_PREFIXES ? count : NAT_WATCH_PREFIXES;
	memcpy(w->prefixes, whose, w->prefix_count * sizeof(*whose));
}

static bool is_watched(const struct nat_watch *w, uint32_t inside)
{
	for (size_t i = 0; i < w->prefix_count; i++) {
		if (nat_prefix_has(w->prefixes[i], inside))
			return true;
	}
	return false;
}

/* Of one that lives and is watched; false: it is not.  A life that ends meanwhile is told by the next pass. */
static bool look(const struct nat_watch *w, const struct session *s, struct nat_key keys[2],
		 uint64_t *state)
{
	uint32_t generation = atomic_load_explicit(&s->generation, memory_order_acquire);

	if (!(generation & 1))
		return false;
	keys[NAT_OUT] = nat_session_key(s, NAT_OUT);
	keys[NAT_IN] = nat_session_key(s, NAT_IN);
	*state = (uint64_t)generation << 32 | atomic_load_explicit(&s->word, memory_order_acquire);
	return is_watched(w, key_own(keys[NAT_OUT])) &&
	       atomic_load_explicit(&s->generation, memory_order_relaxed) == generation;
}

static uint32_t high_of(const struct nat_watch *w)
{
	return atomic_load_explicit(&w->t->fresh, memory_order_relaxed);
}

/* ---- entries ------------------------------------------------------------------------------- */

static void put_counts(struct writer *out, const _Atomic uint64_t counts[2])
{
	put_u64(out, atomic_load_explicit(&counts[NAT_OUT], memory_order_relaxed));
	put_u64(out, atomic_load_explicit(&counts[NAT_IN], memory_order_relaxed));
}

static void put_entry(struct writer *out, const struct session *s, const struct nat_key keys[2],
		      uint64_t now_ns)
{
	uint64_t begin_ns = atomic_load_explicit(&s->begin_ns, memory_order_relaxed);
	uint32_t seen = atomic_load_explicit(&s->seen, memory_order_relaxed);
	int32_t idle = (int32_t)(stamp_of(now_ns) - seen);
	uint32_t idle_ms =
		idle > 0 ? (uint32_t)(((uint64_t)(uint32_t)idle << STAMP_SHIFT) / NS_PER_MS) : 0;

	put_u32(out, key_own(keys[NAT_OUT]));
	put_u32(out, key_own(keys[NAT_IN]));
	put_u32(out, key_remote(keys[NAT_OUT]));
	put_u16(out, key_own_port(keys[NAT_OUT]));
	put_u16(out, key_own_port(keys[NAT_IN]));
	put_u16(out, key_remote_port(keys[NAT_OUT]));
	put_u8(out, key_proto(keys[NAT_OUT]));
	put_u16(out, (uint16_t)atomic_load_explicit(&s->word, memory_order_relaxed));
	put_u32(out, idle_ms);
	put_u64(out, now_ns > begin_ns ? (now_ns - begin_ns) / NS_PER_MS : 0);
	put_counts(out, s->packets);
	put_counts(out, s->bytes);
}

size_t nat_watch_next(struct nat_watch *w, uint64_t now_ns, void *out, size_t room, bool *more)
{
	struct writer to = writer_of(out, room);
	uint32_t high = high_of(w);
	uint32_t end = w->at + LOOKED_AT_ONCE < high ? w->at + LOOKED_AT_ONCE : high;

	for (; w->at < end && writer_room(&to) >= NAT_ENTRY_BYTES; w->at++) {
		const struct session *s = &w->t->sessions[w->at];
		struct nat_key keys[2];
		uint64_t state;

		if (!look(w, s, keys, &state) || state == w->told[w->at])
			continue;
		put_entry(&to, s, keys, now_ns);
		w->told[w->at] = state;
	}
	*more = w->at < high;
	return room - writer_room(&to);
}

uint32_t nat_watch_end(struct nat_watch *w)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < high_of(w); i++) {
		struct session *s = &w->t->sessions[i];
		struct nat_key keys[2];
		uint64_t state;

		if (!look(w, s, keys, &state))
			continue;
		nat_lock(w->t);
		if (look(w, s, keys, &state)) {
			nat_session_close(w->t, s);
			count++;
		}
		nat_unlock(w->t);
	}
	return count;
}

static void share_count(struct nat_share out[NAT_ADDRESSES_MAX], size_t *count, uint32_t outside)
{
	size_t i = 0;

	while (i < *count && out[i].outside != outside)
		i++;
	if (i == NAT_ADDRESSES_MAX)
		return;
	if (i == *count)
		out[(*count)++] = (struct nat_share){ .outside = outside };
	out[i].sessions++;
}

size_t nat_watch_shares(const struct nat_watch *w, struct nat_share out[NAT_ADDRESSES_MAX])
{
	size_t count = 0;

	for (uint32_t i = 0; i < high_of(w); i++) {
		struct nat_key keys[2];
		uint64_t state;

		if (look(w, &w->t->sessions[i], keys, &state))
			share_count(out, &count, key_own(keys[NAT_IN]));
	}
	return count;
}
