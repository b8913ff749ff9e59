/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/denied.c - the memory of refusals.
 *
 * Sets of eight cells, each guarded by a version: odd while somebody writes.  A reader that saw the
 * version change takes what it read for nothing; a writer that finds one at work leaves it.  Either
 * way a firewall is asked once more than needed, which is all that can go wrong here.
 */
#include "conn/denied.h"

#include "base/hash.h"
#include "base/pages.h"

enum { WAYS_MAX = 8 };

struct denied_cell {
	_Atomic uint32_t version;
	uint32_t reserved;
	_Atomic uint64_t words[DENIAL_WORDS];
};

struct denied {
	uint32_t sets; /* a power of two */
	uint32_t ways;
	_Atomic uint32_t used; /* 0: nothing was ever refused here, so that nobody need look */
	uint32_t reserved;
	struct denied_cell cells[];
};

static size_t denied_bytes(uint32_t sets, uint32_t ways)
{
	return sizeof(struct denied) + (size_t)sets * ways * sizeof(struct denied_cell);
}

/* Of the sizes that fit the index, the largest that does not exceed what was allowed. */
struct denied *denied_create(uint32_t count)
{
	uint32_t ways = count < WAYS_MAX ? count : WAYS_MAX;
	uint32_t sets = 1;
	struct denied *d;

	while (sets < 1u << 20 && sets * 2 * ways <= count)
		sets *= 2;
	d = pages_map(denied_bytes(sets, ways));
	if (!d)
		return NULL;
	d->sets = sets;
	d->ways = ways;
	return d;
}

void denied_destroy(struct denied *d)
{
	if (d)
		pages_unmap(d, denied_bytes(d->sets, d->ways));
}

static struct denied_cell *set_of(struct denied *d, const struct conn_key *key)
{
	uint64_t words[KEY_WORDS];

	memcpy(words, key, sizeof(words));
	/* Another seed than the connections', or all of one bucket would meet here as well. */
	return &d->cells[(hash_words(words, KEY_WORDS, 1) & (d->sets - 1)) * d->ways];
}

/* False: somebody was writing. */
static bool cell_read(struct denied_cell *cell, struct denial *out)
{
	uint32_t before = atomic_load_explicit(&cell->version, memory_order_acquire);
	uint64_t words[DENIAL_WORDS];

	for (unsigned i = 0; i < DENIAL_WORDS; i++)
		words[i] = atomic_load_explicit(&cell->words[i], memory_order_acquire);
	if (before & 1 || atomic_load_explicit(&cell->version, memory_order_relaxed) != before)
		return false;
	memcpy(out, words, sizeof(*out));
	return true;
}

static void cell_write(struct denied_cell *cell, const struct denial *denial)
{
	uint32_t version = atomic_load_explicit(&cell->version, memory_order_relaxed);
	uint64_t words[DENIAL_WORDS];

	if (version & 1 ||
	    !atomic_compare_exchange_strong_explicit(&cell->version, &version, version + 1,
						     memory_order_acquire, memory_order_relaxed))
		return;
	memcpy(words, denial, sizeof(words));
	/* Release: who reads one of these words sees the odd version too. */
	for (unsigned i = 0; i < DENIAL_WORDS; i++)
		atomic_store_explicit(&cell->words[i], words[i], memory_order_release);
	atomic_store_explicit(&cell->version, version + 2, memory_order_release);
}

static bool is_same(const struct denial *a, const struct conn_key *key, bool inbound)
{
	return memcmp(&a->key, key, sizeof(*key)) == 0 && a->inbound == inbound;
}

bool denied_find(struct denied *d, const struct conn_key *key, bool inbound, uint32_t epoch,
		 uint64_t now_ns, struct denial *out)
{
	struct denied_cell *set;

	if (!atomic_load_explicit(&d->used, memory_order_relaxed))
		return false;
	set = set_of(d, key);
	for (unsigned i = 0; i < d->ways; i++) {
		struct denial found;

		if (!cell_read(&set[i], &found) || !is_same(&found, key, inbound))
			continue;
		if (found.epoch == epoch && found.until_ns > now_ns) {
			*out = found;
			return true;
		}
	}
	return false;
}

void denied_add(struct denied *d, const struct denial *denial)
{
	struct denied_cell *set = set_of(d, &denial->key);
	struct denied_cell *oldest = set;
	uint64_t least = UINT64_MAX;

	atomic_store_explicit(&d->used, 1, memory_order_relaxed);
	for (unsigned i = 0; i < d->ways; i++) {
		struct denial found;

		if (!cell_read(&set[i], &found))
			continue;
		if (is_same(&found, &denial->key, denial->inbound)) {
			cell_write(&set[i], denial);
			return;
		}
		if (found.until_ns < least) {
			least = found.until_ns;
			oldest = &set[i];
		}
	}
	cell_write(oldest, denial);
}

void denied_each(struct denied *d, uint32_t epoch, uint64_t now_ns,
		 bool (*fn)(void *arg, const struct denial *denial), void *arg)
{
	for (uint32_t i = 0; i < d->sets * d->ways; i++) {
		struct denial found;

		if (!cell_read(&d->cells[i], &found) || found.until_ns <= now_ns ||
		    found.epoch != epoch)
			continue;
		if (!fn(arg, &found))
			return;
	}
}

void denied_forget(struct denied *d, bool (*fn)(void *arg, const struct denial *denial), void *arg)
{
	static const struct denial nothing;

	for (uint32_t i = 0; i < d->sets * d->ways; i++) {
		struct denial found;

		if (cell_read(&d->cells[i], &found) && found.until_ns && fn(arg, &found))
			cell_write(&d->cells[i], &nothing);
	}
}
