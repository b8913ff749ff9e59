/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting.  100,000 rules on 100 ports would be 320 MB of counts a worker, nearly all of them zero:
 * they are mapped, and only pages with a rule that was met exist.
 */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "acl.h"
#include "xvs/ext/sdk.h"

/* ---- which rules go on ----------------------------------------------------------------------- */

/* Rules of the former policy by their bytes: a table of numbers + 1, open addressing. */
struct known {
	const struct ruleset *set;
	uint32_t *slots;
	uint32_t mask;
};

static uint64_t hash_of(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t hash = size;

	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

static bool known_init(struct known *k, const struct ruleset *set)
{
	uint32_t size = 16;

	while (size < 2 * set->count)
		size *= 2;
	k->set = set;
	k->mask = size - 1;
	k->slots = calloc(size, sizeof(*k->slots));
	if (!k->slots)
		return false;
	for (uint32_t nr = 0; nr < set->count; nr++) {
		uint64_t at = hash_of(ruleset_rule(set, nr), ruleset_rule_bytes(set));

		while (k->slots[at & k->mask])
			at++;
		k->slots[at & k->mask] = nr + 1;
	}
	return true;
}

/* Taken out, as the same rule may be there twice. */
static uint32_t known_take(struct known *k, const void *rule, size_t bytes, uint32_t *where)
{
	uint64_t at = hash_of(rule, bytes);

	for (; k->slots[at & k->mask]; at++) {
		uint32_t nr = k->slots[at & k->mask] - 1;

		if (where[nr] != NO_RULE || memcmp(ruleset_rule(k->set, nr), rule, bytes) != 0)
			continue;
		return nr;
	}
	return NO_RULE;
}

/* For each rule of the former policy its number in the new one; NULL: out of memory. */
static uint32_t *find_moves(const struct ruleset *former, const struct ruleset *set)
{
	size_t bytes = ruleset_rule_bytes(set);
	uint32_t *where = malloc(((size_t)former->count + 1) * sizeof(*where));
	struct known k = { .slots = NULL };

	if (!where || !known_init(&k, former)) {
		free(where);
		return NULL;
	}
	memset(where, 0xff, (size_t)former->count * sizeof(*where));
	for (uint32_t nr = 0; nr < set->count; nr++) {
		uint32_t old = known_take(&k, ruleset_rule(set, nr), bytes, where);

		if (old != NO_RULE)
			where[old] = nr;
	}
	free(k.slots);
	return where;
}

_Static_assert(NO_RULE == UINT32_MAX, "all ones");

/* ---- life ------------------------------------------------------------------------------------ */

static void tally_put(struct tally *t)
{
	while (t && --t->refs == 0) {
		struct tally *next = t->next;

		if (t->counts)
			(void)munmap(t->counts, t->bytes);
		ruleset_put(t->acl, t->set);
		free(t->moved);
		free(t->meters);
		free(t->log);
		free(t);
		t = next;
	}
}

static int counts_map(struct tally *t, uint32_t workers)
{
	size_t count = t->set->count ? t->set->count : 1;

	t->rows = workers + 1;
	t->bytes = t->rows * count * sizeof(*t->counts);
	t->counts = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->counts == MAP_FAILED) {
		t->counts = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int follow(struct tally *t, const struct tally *former)
{
	t->generation = 1;
	if (!former)
		return 0;
	t->generation = former->generation % GENERATIONS + 1;
	t->moved_generation = former->generation;
	t->moved_count = former->set->count;
	t->moved = find_moves(former->set, t->set);
	return t->moved ? 0 : -ENOMEM;
}

/* A policy begins with full buckets. */
static int effects_make(struct tally *t, uint32_t workers)
{
	const struct ruleset *set = t->set;

	if (set->has_limits)
		t->meters = calloc(set->effect_count, sizeof(*t->meters));
	if (set->has_logs)
		t->log = calloc(1, sizeof(*t->log) + workers * sizeof(t->log->lines[0]));
	return (set->has_limits && !t->meters) || (set->has_logs && !t->log) ? -ENOMEM : 0;
}

int tally_create(struct acl *a, struct ruleset *set, const struct tally *former, struct tally **out,
		 struct xvs_error *err)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (!t) {
		ruleset_leave(set);
		ruleset_put(a, set);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	t->acl = a;
	t->set = set;
	t->refs = 1;
	if (counts_map(t, a->workers) != 0 || effects_make(t, a->workers) != 0 ||
	    follow(t, former) != 0) {
		tally_abort(t);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	*out = t;
	return 0;
}

void tally_abort(struct tally *t)
{
	if (!t)
		return;
	ruleset_leave(t->set);
	if (t->set->users == 0)
		ruleset_keep(t->acl, t->set);
	tally_put(t);
}

/* ---- counting -------------------------------------------------------------------------------- */

static struct count *count_at(const struct tally *t, uint32_t row, uint32_t nr)
{
	return &t->counts[(size_t)row * t->set->count + nr];
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static void count_add(struct count *to, const struct credit *c)
{
	add(&to->packets, c->packets);
	add(&to->bytes, c->bytes);
	add(&to->connections, c->connections);
	add(&to->limited, c->limited);
}

void tally_credit(const struct tally *t, uint32_t worker, const struct credit *c)
{
	uint32_t nr = c->nr;

	if (c->generation == t->generation) {
		if (nr < t->set->count)
			count_add(count_at(t, worker, nr), c);
	} else if (c->generation == t->moved_generation && nr < t->moved_count &&
		   t->moved[nr] != NO_RULE) {
		count_add(count_at(t, worker, t->moved[nr]), c);
	}
}

void tally_carry(const struct tally *t, const struct credit *c)
{
	struct count *to = count_at(t, t->rows - 1, c->nr);

	atomic_store_explicit(&to->packets, c->packets, memory_order_relaxed);
	atomic_store_explicit(&to->bytes, c->bytes, memory_order_relaxed);
	atomic_store_explicit(&to->connections, c->connections, memory_order_relaxed);
}

struct rule_count tally_sum(const struct tally *t, uint32_t nr)
{
	struct rule_count sum = { .nr = nr, .action = t->set->facts[nr].action };

	for (uint32_t row = 0; row < t->rows; row++) {
		struct count *c = count_at(t, row, nr);

		sum.packets += atomic_load_explicit(&c->packets, memory_order_relaxed);
		sum.bytes += atomic_load_explicit(&c->bytes, memory_order_relaxed);
		sum.connections += atomic_load_explicit(&c->connections, memory_order_relaxed);
		sum.limited += atomic_load_explicit(&c->limited, memory_order_relaxed);
	}
	return sum;
}

/* ---- handing on ------------------------------------------------------------------------------ */

static void hand_on(struct tally *t)
{
	struct tally *to = t->next;

	for (uint32_t nr = 0; nr < t->set->count && nr < to->moved_count; nr++) {
		struct rule_count sum = tally_sum(t, nr);
		struct credit c = { .packets = sum.packets,
				    .bytes = sum.bytes,
				    .connections = sum.connections,
				    .limited = sum.limited };

		if (to->moved[nr] == NO_RULE || !(sum.packets | sum.connections))
			continue;
		/* the last row is the control thread's */
		count_add(count_at(to, to->rows - 1, to->moved[nr]), &c);
	}
	/* what came was given away; who comes later brings only what is new */
	(void)madvise(t->counts, t->bytes, MADV_DONTNEED);
}

/* Those before it may come after it. */
static void leave_behind(void *arg)
{
	struct tally *t = arg;

	t->is_spent = true;
	for (struct tally *at = t; at->is_spent && at->next; at = at->next)
		hand_on(at);
	tally_put(t);
}

void tally_retire(struct tally *t, struct tally *next)
{
	t->next = next;
	if (next)
		next->refs++;
	ruleset_leave(t->set);
	t->acl->host->defer(t->acl->host, leave_behind, t);
}

void tally_finish(struct tally *t)
{
	if (!t)
		return;
	ruleset_leave(t->set);
	tally_put(t);
}
