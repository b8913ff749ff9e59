/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the daemon as tests/golden/xvsctl/NAME.json, and what people see of them as NAME.txt.
 * After a change that is meant: XVS_UPDATE=1 unit_xvsctl_format writes the texts anew.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verbs.h"

static void file_path(char out[512], const char *name, const char *suffix)
{
	(void)snprintf(out, 512, "%s/tests/golden/xvsctl/%s.%s", XVS_SOURCE_DIR, name, suffix);
}

static char *file_text(const char *path)
{
	char *text = calloc(1, 1 << 16);
	FILE *f = fopen(path, "r");

	assert_non_null(text);
	if (f) {
		assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
		(void)fclose(f);
	}
	return text;
}

static void compare(const char *name, void (*print)(struct strbuf *out, const json_t *result))
{
	struct strbuf out = { NULL, 0, 0, false };
	char path[512];
	json_t *answer;
	char *wanted;

	file_path(path, name, "json");
	answer = json_load_file(path, 0, NULL);
	assert_non_null(answer);
	if (print)
		print(&out, answer);
	else
		format_tree(&out, answer, 0);
	file_path(path, name, "txt");
	if (getenv("XVS_UPDATE")) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		(void)fputs(out.text, f);
		(void)fclose(f);
	}
	wanted = file_text(path);
	assert_string_equal(out.text, wanted);
	free(wanted);
	strbuf_finish(&out);
	json_decref(answer);
}

static void shows_a_status_on_one_screen(void **state)
{
	(void)state;
	compare("status", print_status);
}

static void shows_who_changed_what(void **state)
{
	(void)state;
	compare("log", print_log);
}

static void shows_drops_largest_first_with_their_meaning(void **state)
{
	(void)state;
	compare("drops", print_drops);
}

static void shows_connections(void **state)
{
	(void)state;
	compare("connections", print_connections);
}

static void shows_flows(void **state)
{
	(void)state;
	compare("flows", print_flows);
}

static void shows_where_the_cycles_of_workers_went(void **state)
{
	(void)state;
	compare("workers", print_workers);
}

static void shows_what_connects_a_port_and_what_works_worse_than_asked(void **state)
{
	(void)state;
	compare("ports", print_ports);
}

static void shows_effective_policies_with_their_sources(void **state)
{
	(void)state;
	compare("policy", print_policy);
}

static void shows_the_order_of_a_chain_and_why(void **state)
{
	(void)state;
	compare("switch", print_switch);
}

static void shows_anything_as_a_tree(void **state)
{
	(void)state;
	compare("tree", NULL);
}

/* A name that an extension made up must not speak to the terminal. */
static void prints_no_control_characters(void **state)
{
	static const struct column columns[] = { { "A", "a", false }, { NULL, NULL, false } };
	json_t *rows = json_pack("[{s:s}]", "a", "x\033[2Jy\nz");
	struct strbuf out = { NULL, 0, 0, false };

	(void)state;
	format_table(&out, rows, columns, "");
	assert_string_equal(out.text, "A\nx?[2Jy?z\n");
	strbuf_finish(&out);
	format_tree(&out, rows, 0);
	assert_null(strchr(out.text, '\033'));
	strbuf_finish(&out);
	json_decref(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_a_status_on_one_screen),
		cmocka_unit_test(shows_who_changed_what),
		cmocka_unit_test(shows_drops_largest_first_with_their_meaning),
		cmocka_unit_test(shows_connections),
		cmocka_unit_test(shows_flows),
		cmocka_unit_test(shows_where_the_cycles_of_workers_went),
		cmocka_unit_test(shows_what_connects_a_port_and_what_works_worse_than_asked),
		cmocka_unit_test(shows_effective_policies_with_their_sources),
		cmocka_unit_test(shows_the_order_of_a_chain_and_why),
		cmocka_unit_test(shows_anything_as_a_tree),
		cmocka_unit_test(prints_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
