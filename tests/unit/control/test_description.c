/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published description of the API is what the table of methods gives.
 * links: xvs_methods
 *
 * After a change of the table: XVS_UPDATE=1 unit_control_description writes it anew.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "control/control.h"

static const char path[] = XVS_SOURCE_DIR "/api/control/xvs-rpc.json";

static void is_the_published_one(void **state)
{
	struct rpc_table table;
	json_t *published;
	json_t *described;

	(void)state;
	control_table(NULL, &table);
	described = rpc_describe(&table);
	assert_non_null(described);
	if (getenv("XVS_UPDATE"))
		assert_int_equal(json_dump_file(described, path, JSON_INDENT(2)), 0);
	published = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(published);
	assert_true(json_equal(published, described));
	json_decref(published);
	json_decref(described);
}

static void has_each_method_once_with_words_for_people(void **state)
{
	struct rpc_table table;

	(void)state;
	control_table(NULL, &table);
	for (size_t i = 0; i < table.count; i++) {
		assert_non_null(table.methods[i].handler);
		assert_true(table.methods[i].summary[0] != '\0');
		for (size_t n = 0; n < i; n++)
			assert_string_not_equal(table.methods[i].name, table.methods[n].name);
	}
}

/* Who talks to whom: as with the kernel's tracker, not for everybody on the machine. */
static bool tells_of_traffic(const char *name)
{
	return !strcmp(name, "conn.list") || !strcmp(name, "conn.count") ||
	       !strcmp(name, "flow.list") || !strcmp(name, "nat.list") || !strcmp(name, "trace");
}

/* What only asks is for everybody; what the configuration file says is changed by admins alone. */
static void gives_changes_to_those_who_run_the_switch(void **state)
{
	struct rpc_table table;

	(void)state;
	control_table(NULL, &table);
	for (size_t i = 0; i < table.count; i++) {
		const char *verb = strrchr(table.methods[i].name, '.');
		bool is_question = !verb || !strcmp(verb, ".list") || !strcmp(verb, ".show") ||
				   !strcmp(verb, ".stats") || !strcmp(verb, ".count") ||
				   !strcmp(verb, ".help") || !strcmp(verb, ".schema") ||
				   !strcmp(verb, ".log");

		assert_int_equal(table.methods[i].role == RPC_READ_ONLY,
				 is_question && !tells_of_traffic(table.methods[i].name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_published_one),
		cmocka_unit_test(has_each_method_once_with_words_for_people),
		cmocka_unit_test(gives_changes_to_those_who_run_the_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
