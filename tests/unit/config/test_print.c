/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_spec xvs_policy xvs_base pkg::jansson */
#include "policy/schema.h"
#include "sample.h"

static struct config_spec *complete(void)
{
	return accepted_file(GOLDEN "complete.yaml");
}

static void prints_the_golden_text(void **state)
{
	char *expected = golden_text(GOLDEN "complete.printed.yaml");
	struct config_spec *spec = complete();
	struct node *n = print_config(spec);
	char *text = print_yaml(n);

	(void)state;
	assert_string_equal(text, expected);
	free(text);
	free(expected);
	node_destroy(n);
	config_spec_destroy(spec);
}

static void reads_back_equal(void **state)
{
	struct config_spec *spec = complete();
	struct node *n = print_config(spec);
	char *text = print_yaml(n);
	struct config_spec *again = accepted_config(text);
	struct node *second;

	(void)state;
	assert_non_null(again);
	second = print_config(again);
	assert_true(node_equal(n, second));
	free(text);
	node_destroy(n);
	node_destroy(second);
	config_spec_destroy(spec);
	config_spec_destroy(again);
}

/* Copies stand for themselves after the original is gone. */
static void prints_copies_alike(void **state)
{
	struct config_spec *spec = complete();
	struct node *original = print_switch(&spec->switches[0]);
	struct node *port = print_port(&spec->switches[0].ports[1]);
	struct port_spec port_copy;
	struct switch_spec copy;
	struct node *n;

	(void)state;
	assert_int_equal(switch_spec_copy(&spec->switches[0], &copy), 0);
	assert_int_equal(port_spec_copy(&spec->switches[0].ports[1], &port_copy), 0);
	config_spec_destroy(spec);
	n = print_switch(&copy);
	assert_true(node_equal(n, original));
	node_destroy(n);
	n = print_port(&port_copy);
	assert_true(node_equal(n, port));
	node_destroy(n);
	node_destroy(port);
	node_destroy(original);
	switch_spec_finish(&copy);
	port_spec_finish(&port_copy);
}

static void keeps_texts_that_yaml_could_change(void **state)
{
	static const char *const texts[] = { "",         " a ", "- x",  "a: b",     "#c",
					     "'",        "\"",  "\\",   "%a",       "a\nb",
					     "\n",       "\t",  "\x7f", "\xc3\xa9", "\xe2\x80\xa8",
					     "---",      "...", "[",    "{",        "*a",
					     "&a",       "!a",  "|",    ">",        "@",
					     "`",        "?",   "~",    "null",     "\xef\xbb\xbf",
					     "\xc2\x85", ",",   "a,b",  "a #b",     "trailing ",
					     "-",        ":",   "=",    "<<" };
	struct node *list = node_create(NODE_LIST);
	struct node *map = node_create(NODE_MAP);
	struct node *again;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(node_append(list, NULL, node_scalar(texts[i])), 0);
		assert_int_equal(node_append(map, texts[i], node_scalar(texts[i])), 0);
	}
	assert_int_equal(node_append(list, NULL, node_create(NODE_NULL)), 0);
	assert_int_equal(node_append(list, NULL, node_create(NODE_MAP)), 0);
	assert_int_equal(node_append(list, NULL, node_create(NODE_LIST)), 0);
	assert_int_equal(node_append(map, "absent", node_create(NODE_NULL)), 0);
	assert_int_equal(node_append(map, "list", list), 0);
	text = print_yaml(map);
	assert_non_null(text);
	again = accepted_yaml(text);
	assert_non_null(again);
	assert_true(node_equal(map, again));
	free(text);
	node_destroy(map);
	node_destroy(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_the_golden_text),
		cmocka_unit_test(reads_back_equal),
		cmocka_unit_test(prints_copies_alike),
		cmocka_unit_test(keeps_texts_that_yaml_could_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
