/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
#include "frames.h"

static bool is_name(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static void every_reason_has_its_own_name_and_an_explanation(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < REASON_COUNT; i++) {
		assert_true(is_name(reason_name(i)));
		assert_true(strlen(reason_help(i)) > 5);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(reason_name(i), reason_name(k));
	}
	assert_string_equal(reason_name(REASON_UPLINK), "uplink-to-uplink");
}

static void unknown_numbers_are_no_reason(void **state)
{
	(void)state;
	assert_string_equal(reason_name(REASON_COUNT), "none");
	assert_string_equal(reason_help(UINT32_MAX), reason_help(REASON_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_its_own_name_and_an_explanation),
		cmocka_unit_test(unknown_numbers_are_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
