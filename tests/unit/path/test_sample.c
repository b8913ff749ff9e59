/* SPDX-License-Identifier: Apache-2.0 */
/* Samples: as many as were asked for, wherever in the batch, and only of what is there. */
#include "support/test.h"

#include "path/worker.h"

enum { BATCHES = 20000 };

static struct path_worker worker;

/* How many are shown, and which places of the batch they were at. */
static uint32_t shown_of(uint32_t n, uint64_t mask, uint64_t *seen)
{
	uint32_t count = 0;

	for (int i = 0; i < BATCHES; i++) {
		uint64_t shown = sample_mask(&worker, n, mask);

		assert_int_equal(shown & ~mask, 0);
		count += (uint32_t)__builtin_popcountll(shown);
		*seen |= shown;
	}
	return count;
}

static void shows_one_in_so_many(void **state)
{
	static const uint32_t wanted[] = { 2, 3, 64, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		uint32_t all = BATCHES * XVS_BATCH_MAX / wanted[i];
		uint64_t seen = 0;
		uint32_t count;

		worker.random = 0x9e3779b97f4a7c15; /* the same every time */
		count = shown_of(wanted[i], UINT64_MAX, &seen);
		assert_in_range(count, all - all / 10, all + all / 10);
		assert_int_equal(seen, UINT64_MAX);
	}
}

static void shows_nobody_who_is_not_there(void **state)
{
	const uint64_t mask = UINT64_C(0x8000000100010001);
	uint64_t seen = 0;
	uint32_t count;

	(void)state;
	worker.random = 1;
	count = shown_of(8, mask, &seen);
	assert_in_range(count, BATCHES / 2 - BATCHES / 20, BATCHES / 2 + BATCHES / 20);
	assert_int_equal(seen, mask);
	assert_int_equal(sample_mask(&worker, 2, 0), 0);
}

/* Who wants another share does not disturb the first: what was drawn is thrown away. */
static void two_may_take_turns(void **state)
{
	uint32_t count[2] = { 0 };

	(void)state;
	worker.random = 1;
	for (int i = 0; i < BATCHES; i++) {
		count[0] += (uint32_t)__builtin_popcountll(sample_mask(&worker, 16, UINT64_MAX));
		count[1] += (uint32_t)__builtin_popcountll(sample_mask(&worker, 128, UINT64_MAX));
	}
	assert_in_range(count[0], BATCHES * 4 - BATCHES / 5, BATCHES * 4 + BATCHES / 5);
	assert_in_range(count[1], BATCHES / 2 - BATCHES / 20, BATCHES / 2 + BATCHES / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_one_in_so_many),
		cmocka_unit_test(shows_nobody_who_is_not_there),
		cmocka_unit_test(two_may_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
