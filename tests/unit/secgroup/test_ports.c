/* SPDX-License-Identifier: Apache-2.0 */
/* Port lists: what is read, and what is refused with a sentence. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "ports.h"

static void assert_list(const char *text, uint32_t count, uint16_t inside, uint16_t outside)
{
	struct port_set set;
	char why[128];

	assert_int_equal(ports_parse(text, &set, why, sizeof(why)), 0);
	assert_int_equal(set.count, count);
	assert_true(ports_contain(&set, inside));
	assert_false(ports_contain(&set, outside));
}

static void reads_numbers_and_ranges(void **state)
{
	(void)state;
	assert_list("80", 1, 80, 81);
	assert_list("80,443,1000-2000", 3, 1500, 999);
	assert_list(" 80 , 90 - 95 ", 2, 95, 96);
	assert_list("0-65534", 1, 0, 65535);
	assert_list("65535", 1, 65535, 0);
}

static void nothing_is_every_port(void **state)
{
	struct port_set set;
	char why[128];

	(void)state;
	assert_int_equal(ports_parse("  ", &set, why, sizeof(why)), 0);
	assert_int_equal(set.count, 0);
	assert_true(ports_contain(&set, 0));
	assert_true(ports_contain(&set, 65535));
}

static void refuses_what_is_no_list(void **state)
{
	static const char *const wrong[] = {
		"x",     "80,",  ",80",   "80,,90", "80 90",
		"65536", "-1",   "1-",    "80-70",  "99999999999999999999",
		"80;90", "0x50", "1-2-3", "+1"
	};
	struct port_set set;
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why[0] = '\0';
		assert_int_equal(ports_parse(wrong[i], &set, why, sizeof(why)), -EINVAL);
		assert_int_not_equal(why[0], '\0');
	}
}

static void refuses_one_range_too_many(void **state)
{
	char text[256] = "1";
	struct port_set set;
	char why[128];

	(void)state;
	for (int i = 1; i < PORT_RANGES_MAX; i++)
		strcat(text, ",1");
	assert_int_equal(ports_parse(text, &set, why, sizeof(why)), 0);
	assert_int_equal(set.count, PORT_RANGES_MAX);
	strcat(text, ",1");
	assert_int_equal(ports_parse(text, &set, why, sizeof(why)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers_and_ranges),
		cmocka_unit_test(nothing_is_every_port),
		cmocka_unit_test(refuses_what_is_no_list),
		cmocka_unit_test(refuses_one_range_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
