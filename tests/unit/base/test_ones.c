/* SPDX-License-Identifier: Apache-2.0 */
/* Ones of a mask that stand together: every one is met once, in order. */
#include "support/test.h"

#include "base/ones.h"

/* The mask, put together again from its runs. */
static uint64_t walked(uint64_t mask)
{
	uint64_t rest = mask;
	uint64_t met = 0;

	while (rest) {
		struct ones some = ones_lowest(rest);

		assert_true(some.first < some.end && some.end <= 64);
		for (uint64_t i = some.first; i < some.end; i++)
			met |= UINT64_C(1) << i;
		rest = ones_from(rest, some.end);
		assert_false(rest & met);
	}
	return met;
}

static void finds_where_they_begin_and_end(void **state)
{
	struct ones some = ones_lowest(UINT64_C(0x5c)); /* 1011100 */

	(void)state;
	assert_int_equal(some.first, 2);
	assert_int_equal(some.end, 5);
	some = ones_lowest(UINT64_MAX);
	assert_int_equal(some.first, 0);
	assert_int_equal(some.end, 64);
	some = ones_lowest(UINT64_C(3) << 62);
	assert_int_equal(some.first, 62);
	assert_int_equal(some.end, 64);
}

static void keeps_those_behind_a_place(void **state)
{
	(void)state;
	assert_int_equal(ones_from(UINT64_MAX, 0), UINT64_MAX);
	assert_int_equal(ones_from(UINT64_MAX, 63), UINT64_C(1) << 63);
	assert_int_equal(ones_from(UINT64_MAX, 64), 0);
}

static void meets_every_one_of_any_mask(void **state)
{
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);

	(void)state;
	for (int n = 0; n < 10000; n++) {
		uint64_t sparse = random;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		assert_int_equal(walked(random), random);
		assert_int_equal(walked(random | sparse), random | sparse);
		assert_int_equal(walked(random & sparse), random & sparse);
	}
	assert_int_equal(walked(UINT64_MAX), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_where_they_begin_and_end),
		cmocka_unit_test(keeps_those_behind_a_place),
		cmocka_unit_test(meets_every_one_of_any_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
