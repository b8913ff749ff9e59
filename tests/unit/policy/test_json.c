/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base pkg::jansson */
#include <stdlib.h>
#include <string.h>

#include "sample.h"

static void keeps_a_tree_both_ways(void **state)
{
	struct node *n = sample_node("{\"a\": [1, true, null, \"x\"], \"b\": {\"c\": 1.5}}");
	json_t *j = node_to_json(n);
	char *text = json_dumps(j, 0);
	struct node *again = node_from_json(j, &sample_diags);

	(void)state;
	assert_string_equal(text,
			    "{\"a\": [\"1\", \"true\", null, \"x\"], \"b\": {\"c\": \"1.5\"}}");
	assert_true(node_equal(n, again));
	free(text);
	json_decref(j);
	node_destroy(n);
	node_destroy(again);
}

static void bounds_depth(void **state)
{
	char text[2 * 33 + 1];
	json_t *j;

	(void)state;
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	text[66] = '\0';
	j = json_loads(text, 0, NULL);
	sample_diags.count = 0;
	assert_null(node_from_json(j, &sample_diags));
	assert_int_equal(sample_diags.count, 1);
	assert_string_equal(sample_diags.items[0].text, "JSON nests deeper than 32");
	json_decref(j);
}

static void refuses_text_with_a_nul(void **state)
{
	json_t *j = json_stringn("a\0b", 3);

	(void)state;
	sample_diags.count = 0;
	assert_null(node_from_json(j, &sample_diags));
	assert_string_equal(sample_diags.items[0].text,
			    "JSON text holds a NUL, which no value may");
	json_decref(j);
}

static void reads_assignments(void **state)
{
	static const char *const words[] = { "rate_kbps=5", "name=a=b", "ports=[80, \"90-91\"]",
					     "empty=", "quoted=\"[::1]:80\"" };
	struct node *n;

	(void)state;
	sample_diags.count = 0;
	n = node_from_assignments(words, 5, &sample_diags);
	assert_non_null(n);
	assert_string_equal(node_get(n, "rate_kbps")->text, "5");
	assert_string_equal(node_get(n, "name")->text, "a=b");
	assert_int_equal(node_get(n, "ports")->count, 2);
	assert_string_equal(node_get(n, "empty")->text, "");
	assert_string_equal(node_get(n, "quoted")->text, "[::1]:80");
	node_destroy(n);
}

static void refuses_bad_assignments(void **state)
{
	static const char *const words[] = { "burst", "=5", "a=1", "a=2", "b=[::1]:80" };

	(void)state;
	sample_diags.count = 0;
	assert_null(node_from_assignments(words, 5, &sample_diags));
	assert_int_equal(sample_diags.count, 4);
	assert_string_equal(sample_diags.items[0].text, "burst is not FIELD=VALUE");
	assert_string_equal(sample_diags.items[1].text, "=5 is not FIELD=VALUE");
	assert_string_equal(sample_diags.items[2].text, "a is given twice");
	assert_memory_equal(sample_diags.items[3].text, "b is not valid JSON (", 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_tree_both_ways),  cmocka_unit_test(bounds_depth),
		cmocka_unit_test(refuses_text_with_a_nul), cmocka_unit_test(reads_assignments),
		cmocka_unit_test(refuses_bad_assignments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
