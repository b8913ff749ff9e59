/* SPDX-License-Identifier: Apache-2.0 */
/* Every way of copying does what the plain one does: each length, each alignment, nothing beside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/copy.h"

enum { ROOM = 70000, EDGE = 128, VARIANTS_MAX = 8 };

static uint8_t from[ROOM];
static uint8_t to[ROOM];
static uint8_t plain[ROOM];
static uint64_t random_state = 5;

static uint32_t some(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

static void fill(void)
{
	for (uint32_t i = 0; i < ROOM; i++)
		from[i] = (uint8_t)some(256);
}

static void short_copy(uint8_t *t, const uint8_t *f, size_t len)
{
	copy_short(t, f, (uint32_t)len);
}

static void assert_same(copy_fn fn, uint32_t to_at, uint32_t from_at, uint32_t len)
{
	const uint32_t span = to_at + len + EDGE;

	memset(to, 0x5a, span);
	memset(plain, 0x5a, span);
	fn(to + to_at, from + from_at, len);
	copy_plain(plain + to_at, from + from_at, len);
	assert_memory_equal(to, plain, span);
}

static void short_ones_are_as_the_plain_one(void **state)
{
	(void)state;
	fill();
	for (uint32_t len = 0; len <= COPY_SHORT; len++) {
		for (uint32_t i = 0; i < 64; i++)
			assert_same(short_copy, EDGE + i, some(64), len);
	}
}

static void each_variant_is_as_the_plain_one(void **state)
{
	copy_fn variants[VARIANTS_MAX];
	const uint32_t count = copy_variants(variants, VARIANTS_MAX);

	(void)state;
	assert_true(count >= 1);
	fill();
	for (uint32_t v = 0; v < count; v++) {
		for (uint32_t len = 0; len < 1200; len++) {
			for (uint32_t i = 0; i < 4; i++)
				assert_same(variants[v], EDGE + some(64), some(64), len);
		}
		for (uint32_t i = 0; i < 2000; i++)
			assert_same(variants[v], EDGE + some(64), some(64), some(66000));
	}
}

static void the_chosen_one_is_the_best_there_is(void **state)
{
	copy_fn variants[VARIANTS_MAX];
	const uint32_t count = copy_variants(variants, VARIANTS_MAX);

	(void)state;
	assert_true(copy_long == variants[count - 1]);
	assert_int_equal(copy_variants(variants, 1), 1);
	assert_true(variants[0] == copy_plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_ones_are_as_the_plain_one),
		cmocka_unit_test(each_variant_is_as_the_plain_one),
		cmocka_unit_test(the_chosen_one_is_the_best_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
