/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published description of the API of xvs-hv is what the table of methods gives.
 * links: xvs_rpc pkg::jansson
 *
 * After a change of the table: XVS_UPDATE=1 unit_hv_description writes it anew.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "methods.h"

static const char path[] = XVS_SOURCE_DIR "/api/control/xvs-hv-rpc.json";

static void is_the_published_one(void **state)
{
	struct rpc_table table;
	json_t *published;
	json_t *described;

	(void)state;
	methods_table(NULL, &table);
	described = rpc_describe_as(&table, "xvs-hv control");
	assert_non_null(described);
	if (getenv("XVS_UPDATE"))
		assert_int_equal(json_dump_file(described, path, JSON_INDENT(2)), 0);
	published = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(published);
	assert_true(json_equal(published, described));
	json_decref(published);
	json_decref(described);
}

/* Definitions name files of the host, and consoles are somebody's: not for everybody. */
static void leaves_to_everybody_what_names_nothing(void **state)
{
	static const char *const open[] = { "version", "vm.list", "vm.host" };
	struct rpc_table table;

	(void)state;
	methods_table(NULL, &table);
	for (size_t i = 0; i < table.count; i++) {
		const struct rpc_method *m = &table.methods[i];
		bool is_open = false;

		for (size_t n = 0; n < sizeof(open) / sizeof(open[0]); n++)
			is_open |= strcmp(m->name, open[n]) == 0;
		assert_non_null(m->handler);
		assert_int_equal(m->role == RPC_READ_ONLY, is_open);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_published_one),
		cmocka_unit_test(leaves_to_everybody_what_names_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
