/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_policy xvs_base pkg::jansson */
#include <unistd.h>

#include "sample.h"

static void refused(const char *text, const char *errors)
{
	assert_null(sample_yaml(text));
	assert_errors(errors);
}

static void keeps_every_scalar_as_text(void **state)
{
	struct node *root =
		sample_yaml("a: no\nb: 010\nc: 'x y'\nd: \"t\\tz\"\ne: null\nf: ''\ng:\n");

	(void)state;
	assert_non_null(root);
	assert_string_equal(node_get(root, "a")->text, "no");
	assert_string_equal(node_get(root, "b")->text, "010");
	assert_string_equal(node_get(root, "c")->text, "x y");
	assert_string_equal(node_get(root, "d")->text, "t\tz");
	assert_string_equal(node_get(root, "e")->text, "null");
	assert_int_equal(node_get(root, "f")->kind, NODE_SCALAR);
	assert_string_equal(node_get(root, "f")->text, "");
	assert_int_equal(node_get(root, "g")->kind, NODE_NULL);
	node_destroy(root);
}

static void knows_the_place_of_everything(void **state)
{
	struct node *root = accepted_yaml("top:\n  - {k: v, list: [1, two]}\n");
	const struct node *map;

	(void)state;
	assert_non_null(root);
	map = node_get(root, "top")->items[0];
	assert_int_equal(map->line, 2);
	assert_int_equal(map->column, 5);
	assert_int_equal(node_get(map, "k")->key_column, 6);
	assert_int_equal(node_get(map, "k")->column, 9);
	assert_int_equal(node_get(map, "list")->items[1]->column, 22);
	node_destroy(root);
}

static void takes_an_empty_document_as_nothing(void **state)
{
	static const char *const texts[] = { "", "# only words\n", "\xef\xbb\xbf", "---\n" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct node *root = accepted_yaml(texts[i]);

		assert_non_null(root);
		assert_int_equal(root->kind, NODE_NULL);
		node_destroy(root);
	}
}

static void refuses_what_cannot_be_read_off_the_page(void **state)
{
	(void)state;
	refused("a: &x 1\nb: *x\n",
		"x.yaml:1:4: anchor &x is not allowed; write the value where it is needed\n"
		"x.yaml:2:4: alias *x is not allowed; write the value where it is needed\n");
	refused("a: !!int 1\nb: !own [1]\n",
		"x.yaml:1:4: tag tag:yaml.org,2002:int is not allowed; the schema decides the type "
		"of a value\n"
		"x.yaml:2:4: tag !own is not allowed; the schema decides the type of a value\n");
	refused("a: 1\n---\nb: 2\n",
		"x.yaml:2:1: a second document begins here; a file holds one\n");
	refused("%YAML 1.1\n---\na: 1\n", "x.yaml:1:1: directives (%YAML, %TAG) are not allowed\n");
	refused("[a, b]: 1\n", "x.yaml:1:1: a key must be plain text, not a map or a list\n");
}

static void refuses_duplicate_keys_at_each_place(void **state)
{
	(void)state;
	refused("a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\na: 3\n",
		"x.yaml:2:17: key c is given twice, before on line 2\n"
		"x.yaml:3:1: key a is given twice, before on line 1\n"
		"x.yaml:4:1: key a is given twice, before on line 3\n");
}

static void refuses_bytes_that_are_no_text(void **state)
{
	(void)state;
	refused("a: 1\nb: \xc3\x28\n",
		"x.yaml:2:4: byte 0xc3 is not UTF-8; save the file as UTF-8\n");
	refused("\xc3\xa9: \xed\xa0\x80\n",
		"x.yaml:1:4: byte 0xed is not UTF-8; save the file as UTF-8\n");
	refused("a: \xc0\x80\n", "x.yaml:1:4: byte 0xc0 is not UTF-8; save the file as UTF-8\n");
	refused("a: \xf4\x90\x80\x80",
		"x.yaml:1:4: byte 0xf4 is not UTF-8; save the file as UTF-8\n");
	refused("a: \xe2\x82", "x.yaml:1:4: byte 0xe2 is not UTF-8; save the file as UTF-8\n");
	refused("a: \"x\\0y\"\n", "x.yaml:1:4: a text holds a NUL, which no value may\n");
	refused("a: 1\nb: \x01\n",
		"x.yaml:2:4: this is not YAML: control characters are not allowed\n");
	sample_diags.count = 0;
	assert_null(yaml_read("a: b\0c", 6, &sample_diags));
	assert_errors("x.yaml:1:5: a NUL byte is not allowed in the file\n");
}

static void refuses_broken_syntax_with_its_place(void **state)
{
	(void)state;
	refused("a: [1, 2\nb: 3\n",
		"x.yaml:2:2: this is not YAML: did not find expected ',' or ']' (while parsing a flow "
		"sequence)\n");
	refused("a:\n\t- 1\n",
		"x.yaml:2:1: this is not YAML: found character that cannot start any token (while "
		"scanning for the next token)\n");
}

static void bounds_depth(void **state)
{
	char text[2 * 33 + 1] = "";

	(void)state;
	memset(text, '[', 32);
	memset(text + 32, ']', 32);
	node_destroy(sample_yaml(text));
	assert_int_equal(sample_diags.count, 0);
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	refused(text, "x.yaml:1:33: maps and lists nest deeper than 32\n");
}

static void bounds_size(void **state)
{
	(void)state;
	sample_diags.count = 0;
	assert_null(yaml_read("", (64u << 20) + 1, &sample_diags));
	assert_errors("the document is larger than 64 MiB\n");
}

static void shows_odd_keys_harmlessly(void **state)
{
	(void)state;
	refused("\"\\e[2J\": 1\n\"\\e[2J\": 2\n",
		"x.yaml:2:1: key ?[2J is given twice, before on line 1\n");
}

static void reads_a_file(void **state)
{
	struct node *root;

	(void)state;
	sample_diags.count = 0;
	root = yaml_read_file(GOLDEN "complete.yaml", &sample_diags);
	assert_non_null(root);
	assert_int_equal(root->count, 3);
	assert_string_equal(sample_diags.file, GOLDEN "complete.yaml");
	node_destroy(root);
}

static void names_a_file_that_cannot_be_read(void **state)
{
	(void)state;
	sample_diags.count = 0;
	assert_null(yaml_read_file("/nowhere/xvs.yaml", &sample_diags));
	assert_errors("/nowhere/xvs.yaml cannot be read: No such file or directory\n");
	sample_diags.count = 0;
	assert_null(yaml_read_file("/", &sample_diags));
	assert_errors("/ cannot be read: Is a directory\n");
}

/* A pipe does not say how long it is, and gives little at once. */
static void reads_a_pipe(void **state)
{
	static const char text[] = "a: 1\n";
	struct node *root;
	char path[64];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, sizeof(text) - 1), sizeof(text) - 1);
	(void)close(ends[1]);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	sample_diags.count = 0;
	root = yaml_read_file(path, &sample_diags);
	(void)close(ends[0]);
	assert_non_null(root);
	assert_string_equal(node_get(root, "a")->text, "1");
	node_destroy(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_every_scalar_as_text),
		cmocka_unit_test(knows_the_place_of_everything),
		cmocka_unit_test(takes_an_empty_document_as_nothing),
		cmocka_unit_test(refuses_what_cannot_be_read_off_the_page),
		cmocka_unit_test(refuses_duplicate_keys_at_each_place),
		cmocka_unit_test(refuses_bytes_that_are_no_text),
		cmocka_unit_test(refuses_broken_syntax_with_its_place),
		cmocka_unit_test(bounds_depth),
		cmocka_unit_test(bounds_size),
		cmocka_unit_test(shows_odd_keys_harmlessly),
		cmocka_unit_test(reads_a_file),
		cmocka_unit_test(names_a_file_that_cannot_be_read),
		cmocka_unit_test(reads_a_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
