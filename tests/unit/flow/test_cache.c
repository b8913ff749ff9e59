/* SPDX-License-Identifier: Apache-2.0 */
/* The flow cache beside a plain list that is searched from end to end. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "flow/cache.h"

enum { ENTRIES = 1024, MODEL = 4096, PORTS = 5, HOSTS = 40 };

/* What the list knows of an entry: 'cookie' of its only step is the place in the list. */
struct model_entry {
	struct flow_key key, mask;
	struct flow_entry *entry; /* NULL: it has left */
	unsigned retired;
};

static struct model_entry model[MODEL];
static uint32_t model_count;
static struct flow_cache *cache;
static uint64_t seed;

static void on_retire(void *arg, struct flow_entry *e)
{
	struct model_entry *m;

	assert_ptr_equal(arg, &model);
	assert_non_null(e->leg.steps);
	m = &model[e->leg.steps->cookie];
	assert_ptr_equal(m->entry, e);
	m->retired++;
	m->entry = NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(model, 0, sizeof(model));
	model_count = 0;
	seed = 42;
	cache = flow_cache_create(ENTRIES, on_retire, &model);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	flow_cache_destroy(cache);
	for (uint32_t i = 0; i < model_count; i++)
		assert_int_equal(model[i].retired, 1);
	return 0;
}

/* Few values, so that packets meet. */
static void random_key(struct flow_key *key)
{
	memset(key, 0, sizeof(*key));
	key->k.port = 1 + (uint32_t)(test_random(&seed) % PORTS);
	key->k.ethertype = 8;
	key->k.ip_src[15] = (uint8_t)(test_random(&seed) % HOSTS);
	key->k.ip_dst[15] = (uint8_t)(test_random(&seed) % HOSTS);
	key->k.l4_dst = (uint16_t)(test_random(&seed) % 4);
	key->segment = (uint32_t)(test_random(&seed) % 2);
}

/* As a chain would examine: the same fields for the same port, so that entries never disagree. */
static void mask_of(const struct flow_key *key, struct flow_key *mask)
{
	flow_mask_base(mask);
	if (key->k.port & 1)
		memset(mask->k.ip_src, 0xff, 16);
	if (key->k.port & 2)
		memset(mask->k.ip_dst, 0xff, 16);
	if (key->k.port & 4 && key->k.ip_dst[15] & 1)
		mask->k.l4_dst = UINT16_MAX;
	if (key->k.port & 4)
		memset(mask->k.ip_dst, 0xff, 16);
}

static struct flow_entry *insert(const struct flow_key *key, const struct flow_key *mask,
				 uint64_t now_ns)
{
	struct flow_entry *e = flow_new(cache);
	struct model_entry *m;

	assert_non_null(e);
	assert_true(model_count < MODEL);
	m = &model[model_count];
	e->leg.steps = flow_step_new(cache);
	assert_non_null(e->leg.steps);
	e->leg.steps->cookie = model_count++;
	e->tally.last_ns = now_ns;
	e->idle_ms = 1000;
	m->key = *key;
	m->mask = *mask;
	m->entry = e;
	if (!flow_insert(cache, e, key, mask))
		flow_temporary(cache, e);
	return e;
}

static struct flow_entry *model_find(const struct flow_key *key)
{
	for (uint32_t i = 0; i < model_count; i++) {
		struct flow_key masked;

		if (!model[i].entry || model[i].entry->is_retired)
			continue;
		flow_key_and(&masked, &model[i].key, &model[i].mask);
		if (flow_key_matches(&masked, &model[i].mask, key))
			return model[i].entry;
	}
	return NULL;
}

static void what_is_found_is_what_a_search_of_all_entries_finds(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 20000 && model_count < MODEL; n++) {
		struct flow_key key, mask;
		struct flow_entry *found;

		random_key(&key);
		found = flow_find(cache, &key);
		assert_ptr_equal(found, model_find(&key));
		mask_of(&key, &mask);
		if (!found)
			(void)insert(&key, &mask, n);
		else if (test_random(&seed) % 16 == 0)
			flow_retire(cache, found);
		if (n % 64 == 0)
			flow_reclaim(cache);
	}
}

static void an_equal_entry_takes_the_place_of_the_old(void **state)
{
	struct flow_key key, mask;
	struct flow_entry *first, *second;

	(void)state;
	random_key(&key);
	mask_of(&key, &mask);
	first = insert(&key, &mask, 1);
	second = insert(&key, &mask, 2);
	assert_true(first->is_retired);
	assert_ptr_equal(flow_find(cache, &key), second);
	/* until the end of the burst the old one may still be read, and nobody has been told */
	assert_int_equal(model[0].retired, 0);
	assert_int_equal(first->leg.steps->cookie, 0);
	flow_retire(cache, first);
	flow_reclaim(cache);
	assert_int_equal(model[0].retired, 1);
}

static void a_full_cache_evicts_and_stays_within_its_bounds(void **state)
{
	struct flow_cache_stats s;
	struct flow_key key = { .k.port = 1 }, mask;

	(void)state;
	memset(&mask, 0xff, sizeof(mask));
	for (uint32_t i = 0; i < MODEL; i++) {
		key.k.l4_src = (uint16_t)i;
		(void)insert(&key, &mask, i);
		assert_non_null(flow_find(cache, &key));
		if (i % 64 == 63)
			flow_reclaim(cache);
	}
	flow_reclaim(cache);
	flow_cache_stats(cache, &s);
	assert_in_range(s.entries, ENTRIES / 4, ENTRIES);
	assert_true(s.evictions >= MODEL - ENTRIES);
	assert_int_equal(s.masks, 1);
}

static void more_masks_than_there_is_room_for_are_not_cached(void **state)
{
	struct flow_key key, mask;
	struct flow_cache_stats s;

	(void)state;
	memset(&key, 0, sizeof(key));
	flow_mask_base(&mask);
	for (uint32_t i = 0; i < FLOW_MASKS_MAX + 10; i++) {
		struct flow_entry *e;

		key.segment = i;
		mask.k.ip_src[15] = (uint8_t)(i + 1);
		e = insert(&key, &mask, i);
		assert_int_equal(e->is_retired, i >= FLOW_MASKS_MAX);
		assert_ptr_equal(flow_find(cache, &key), i < FLOW_MASKS_MAX ? e : NULL);
		memset(mask.k.ip_src, 0, sizeof(mask.k.ip_src));
	}
	flow_cache_stats(cache, &s);
	assert_int_equal(s.masks, FLOW_MASKS_MAX);
	/* one that nobody uses any more makes room */
	key.segment = 5;
	flow_retire(cache, flow_find(cache, &key));
	flow_cache_stats(cache, &s);
	assert_int_equal(s.masks, FLOW_MASKS_MAX - 1);
	memset(&mask, 0xff, sizeof(mask));
	assert_int_equal(insert(&key, &mask, 1)->is_retired, 0);
}

static uint32_t due_count;

static void on_due(void *arg, struct flow_entry *e)
{
	(void)arg;
	(void)e;
	due_count++;
}

static void sweeping_retires_what_was_idle_and_looks_at_the_rest(void **state)
{
	const uint64_t ms = 1000000;
	struct flow_key key = { .k.port = 1 }, mask;

	(void)state;
	memset(&mask, 0xff, sizeof(mask));
	for (uint32_t i = 0; i < 100; i++) {
		key.k.l4_src = (uint16_t)i;
		(void)insert(&key, &mask, i % 2 ? 5000 * ms : 100 * ms);
	}
	due_count = 0;
	assert_false(flow_sweep(cache, 60, 5500 * ms, on_due, NULL));
	assert_true(flow_sweep(cache, 60, 5500 * ms, on_due, NULL));
	assert_int_equal(due_count, 50);
	flow_reclaim(cache);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(model[i].retired, i % 2 ? 0 : 1);
}

static void parts_of_entries_that_left_are_used_again(void **state)
{
	struct flow_key key = { .k.port = 1 }, mask;

	(void)state;
	memset(&mask, 0xff, sizeof(mask));
	for (uint32_t i = 0; i < MODEL; i++) {
		struct flow_entry *e;

		key.k.l4_src = (uint16_t)(i % 7);
		e = insert(&key, &mask, i);
		e->leg.steps->rewrite = flow_rewrite_new(cache);
		assert_non_null(e->leg.steps->rewrite);
		e->more = flow_legs_new(cache);
		assert_non_null(e->more);
		e->more[3].steps = flow_step_new(cache);
		assert_non_null(e->more[3].steps);
		flow_reclaim(cache);
	}
}

/* A chain so long that steps run out before entries: old flows go, new ones are not refused. */
static void entries_with_many_steps_evict_before_steps_run_out(void **state)
{
	struct flow_key key = { .k.port = 1 }, mask;

	(void)state;
	memset(&mask, 0xff, sizeof(mask));
	for (uint32_t i = 0; i < MODEL / 2; i++) {
		struct flow_entry *e;

		key.k.l4_src = (uint16_t)i;
		e = insert(&key, &mask, i);
		for (int n = 0; n < 15; n++) {
			struct flow_step *s = flow_step_new(cache);

			assert_non_null(s);
			s->next = e->leg.steps->next;
			e->leg.steps->next = s;
		}
		if (i % 32 == 31)
			flow_reclaim(cache);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_is_found_is_what_a_search_of_all_entries_finds),
		TEST(an_equal_entry_takes_the_place_of_the_old),
		TEST(a_full_cache_evicts_and_stays_within_its_bounds),
		TEST(more_masks_than_there_is_room_for_are_not_cached),
		TEST(sweeping_retires_what_was_idle_and_looks_at_the_rest),
		TEST(parts_of_entries_that_left_are_used_again),
		TEST(entries_with_many_steps_evict_before_steps_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
