/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that nobody can guess, and for tools those that repeat themselves. */
#include "support/test.h"

#include <string.h>

#include "base/random.h"

enum { BYTES = 37 };

static void chance_repeats_itself_with_its_seed(void **state)
{
	uint8_t kernel[BYTES] = { 0 }, first[BYTES] = { 0 }, again[BYTES] = { 0 },
		other[BYTES] = { 0 };

	(void)state;
	random_fill(kernel, sizeof(kernel));
	random_repeat(1);
	random_fill(first, sizeof(first));
	random_fill(other, sizeof(other));
	assert_memory_not_equal(first, other, sizeof(first)); /* it goes on */
	random_repeat(1);
	random_fill(again, sizeof(again));
	assert_memory_equal(first, again, sizeof(first));
	random_repeat(2);
	random_fill(other, sizeof(other));
	assert_memory_not_equal(first, other, sizeof(first));
	assert_memory_not_equal(first, kernel, sizeof(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chance_repeats_itself_with_its_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
