/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of ids and text, names of classes and rights. */
#include "support/test.h"

#include <errno.h>
#include <string.h>

#include "ext/module.h"
#include "ext/names.h"

#define LETTERS_60 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh"

static void ids_have_parts_with_dots_between(void **state)
{
	(void)state;
	assert_true(id_is_valid("org.xvs.guard"));
	assert_true(id_is_valid("a.b"));
	assert_true(id_is_valid("com.Example-1.my_filter"));
	assert_false(id_is_valid(""));
	assert_false(id_is_valid("guard"));
	assert_false(id_is_valid(".guard"));
	assert_false(id_is_valid("org."));
	assert_false(id_is_valid("org..guard"));
	assert_false(id_is_valid("org.gu ard"));
	assert_false(id_is_valid("org.guard/1"));
	assert_true(id_is_valid("a." LETTERS_60 "x"));
	assert_false(id_is_valid("a." LETTERS_60 "xy"));
}

static void revisions_are_plain_numbers_from_one(void **state)
{
	(void)state;
	assert_true(id_with_rev_is_valid("org.xvs.guard/1"));
	assert_true(id_with_rev_is_valid("xvs.vlan/12345"));
	assert_false(id_with_rev_is_valid("xvs.vlan/123456"));
	assert_false(id_with_rev_is_valid("xvs.vlan"));
	assert_false(id_with_rev_is_valid("xvs.vlan/"));
	assert_false(id_with_rev_is_valid("xvs.vlan/0"));
	assert_false(id_with_rev_is_valid("xvs.vlan/01"));
	assert_false(id_with_rev_is_valid("xvs.vlan/1a"));
	assert_false(id_with_rev_is_valid("xvs.vlan/1/2"));
	assert_false(id_with_rev_is_valid("vlan/1"));
	assert_false(id_with_rev_is_valid("a." LETTERS_60 "/1"));
}

static void words_begin_with_a_letter(void **state)
{
	(void)state;
	assert_true(word_is_valid("rate_kbps"));
	assert_true(word_is_valid("spoofed-mac2"));
	assert_false(word_is_valid(""));
	assert_false(word_is_valid("2mac"));
	assert_false(word_is_valid("rate.kbps"));
	assert_true(word_is_valid("abc" LETTERS_60));
	assert_false(word_is_valid("abcd" LETTERS_60));
}

static void text_is_one_line_of_utf8(void **state)
{
	static const char *const good[] = { "plain", "\xc3\xbc\xc3\x9f", "\xe2\x82\xac",
					    "\xf0\x9f\x98\x80" };
	static const char *const bad[] = { "a\nb",
					   "\x7f",
					   "\xc3",
					   "\xc0\x80",
					   "\xe0\x80\x80",
					   "\xed\xa0\x80",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\x80",
					   "\xe2\x82" };

	(void)state;
	for (size_t n = 0; n < sizeof(good) / sizeof(good[0]); n++)
		assert_int_equal(text_check("x", good[n], 16, NULL), 0);
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
		assert_int_equal(text_check("x", bad[n], 16, NULL), -EINVAL);
	assert_int_equal(text_check("x", "12345", 5, NULL), 0);
	assert_int_equal(text_check("x", "123456", 5, NULL), -EINVAL);
	assert_int_equal(text_check("x", NULL, 5, NULL), -EINVAL);
}

static void classes_have_names(void **state)
{
	(void)state;
	assert_string_equal(class_name(XVS_INSPECT), "inspect");
	assert_string_equal(class_name(XVS_FORWARD), "forward");
	assert_string_equal(class_name(0), "unknown");
	assert_string_equal(class_name(5), "unknown");
}

static void rights_are_listed(void **state)
{
	char out[128];
	char small[12];

	(void)state;
	rights_print(0, out, sizeof(out));
	assert_string_equal(out, "none");
	rights_print(XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE, out, sizeof(out));
	assert_string_equal(out, "originate,rewrite");
	rights_print((XVS_RIGHT_NETWORK << 1) - 1, out, sizeof(out));
	assert_string_equal(out,
			    "originate,rewrite,queue,impersonate,trusted-origin,payload,network");
	rights_print(XVS_RIGHT_QUEUE | 1u << 31, out, sizeof(out));
	assert_string_equal(out, "queue,0x80000000");
	rights_print(1u << 7, out, sizeof(out));
	assert_string_equal(out, "0x80");
	rights_print(~0u, small, sizeof(small));
	assert_string_equal(small, "originate,r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_have_parts_with_dots_between),
		cmocka_unit_test(revisions_are_plain_numbers_from_one),
		cmocka_unit_test(words_begin_with_a_letter),
		cmocka_unit_test(text_is_one_line_of_utf8),
		cmocka_unit_test(classes_have_names),
		cmocka_unit_test(rights_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
