/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <string.h>

#include "base/bytes.h"

static void numbers_are_in_network_order_at_any_alignment(void **state)
{
	uint8_t room[16] = { 0 };

	(void)state;
	for (size_t at = 0; at < 8; at++) {
		put_be32(room + at, 0x01020304);
		assert_memory_equal(room + at, "\1\2\3\4", 4);
		assert_int_equal(get_be32(room + at), 0x01020304);
		put_be16(room + at, 0xfffe);
		assert_memory_equal(room + at, "\xff\xfe", 2);
		assert_int_equal(get_be16(room + at), 0xfffe);
	}
}

static void cursor_stops_at_the_end_and_stays_stopped(void **state)
{
	static const uint8_t bytes[5] = { 1, 2, 3, 4, 5 };
	struct cursor c = cursor_of(bytes, sizeof(bytes));

	(void)state;
	assert_ptr_equal(cursor_take(&c, 2), bytes);
	assert_ptr_equal(cursor_take(&c, 3), bytes + 2);
	assert_non_null(cursor_take(&c, 0));
	assert_true(c.ok);
	assert_null(cursor_take(&c, 1));
	assert_false(c.ok);
	assert_null(cursor_take(&c, 0));

	c = cursor_of(bytes, sizeof(bytes));
	assert_null(cursor_take(&c, SIZE_MAX));
	assert_null(cursor_take(&c, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_in_network_order_at_any_alignment),
		cmocka_unit_test(cursor_stops_at_the_end_and_stays_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
