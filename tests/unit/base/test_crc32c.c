/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum against known values, and both ways of computing it against each other. */
#include "base/crc32c.h"

#include <string.h>

#include "support/test.h"

/* RFC 3720 section B.4; the last is the check value of the catalogue of CRCs. */
static void gives_known_values(void **state)
{
	uint8_t bytes[32];

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_plain(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void is_the_same_by_any_way_and_in_parts(void **state)
{
	uint8_t bytes[300];
	uint64_t seed = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)test_random(&seed);
	for (size_t len = 0; len < sizeof(bytes) - 8; len++) {
		const uint8_t *from = bytes + len % 8;
		uint32_t whole = crc32c_plain(0, from, len);

		assert_int_equal(crc32c(0, from, len), whole);
		assert_int_equal(crc32c(crc32c(0, from, len / 3), from + len / 3, len - len / 3),
				 whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_known_values),
		cmocka_unit_test(is_the_same_by_any_way_and_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
