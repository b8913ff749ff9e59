/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <string.h>

#include "base/excerpt.h"

static void assert_excerpt(const char *text, const char *expected)
{
	char out[EXCERPT_TEXT];

	assert_ptr_equal(excerpt(text, out), out);
	assert_string_equal(out, expected);
}

static void shows_what_is_there(void **state)
{
	(void)state;
	assert_excerpt("tcp", "tcp");
	assert_excerpt("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	assert_excerpt("", "\"\"");
}

static void hides_control_characters(void **state)
{
	(void)state;
	assert_excerpt("a\x1b[2J\nb\x7f", "a?[2J?b?");
	assert_excerpt("\xc2\x9b"
		       "2J",
		       "??2J");
}

static void cuts_between_characters(void **state)
{
	char text[80];
	char expected[EXCERPT_TEXT];

	(void)state;
	memset(text, 'a', 64);
	text[64] = '\0';
	memset(expected, 'a', 60);
	memcpy(expected + 60, "...", 4);
	assert_excerpt(text, expected);
	text[63] = '\0';
	assert_excerpt(text, text);
	memcpy(text + 59,
	       "\xc3\xbc"
	       "bbbbbbb",
	       10);
	memcpy(expected + 59, "...", 4);
	assert_excerpt(text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_what_is_there),
		cmocka_unit_test(hides_control_characters),
		cmocka_unit_test(cuts_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
