/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void records_code_field_and_sentence(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(error_set(&err, -EINVAL, "burst", "burst is %d, must be 1..10", 11),
			 -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.field, "burst");
	assert_string_equal(err.text, "burst is 11, must be 1..10");
}

static void no_error_wanted_still_returns_the_code(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, -ENOENT, "", "gone"), -ENOENT);
}

static void context_goes_in_front(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	(void)error_set(&err, -EBUSY, "f", "in use");
	assert_int_equal(error_context(&err, "port %s", "web-1"), -EBUSY);
	assert_string_equal(err.text, "port web-1: in use");
	assert_string_equal(err.field, "f");
}

static void long_text_ends_with_dots(void **state)
{
	struct xvs_error err = ERROR_INIT;
	char long_text[1000];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	(void)error_set(&err, -EINVAL, long_text, "%s", long_text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_string_equal(err.text + sizeof(err.text) - 4, "...");
	assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
	(void)error_context(&err, "%s", long_text);
	assert_string_equal(err.text + sizeof(err.text) - 4, "...");
}

static void arguments_may_be_of_the_error_itself(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	(void)error_set(&err, -EINVAL, "rules[3]", "no such word");
	(void)error_set(&err, err.code, err.field, "%s: %s", err.field, err.text);
	assert_string_equal(err.text, "rules[3]: no such word");
	assert_string_equal(err.field, "rules[3]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_code_field_and_sentence),
		cmocka_unit_test(no_error_wanted_still_returns_the_code),
		cmocka_unit_test(context_goes_in_front),
		cmocka_unit_test(long_text_ends_with_dots),
		cmocka_unit_test(arguments_may_be_of_the_error_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
