/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

enum { ARGV_MAX = 16 };

/* Splits at blanks; texts go nowhere. */
static const struct verb *read_line(const char *line, struct args *a, int *code)
{
	static char copy[256];
	char *argv[ARGV_MAX] = { "xvsctl" };
	char *rest = copy;
	int argc = 1;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	while (argc < ARGV_MAX - 1 && (argv[argc] = strsep(&rest, " ")))
		argc++;
	return args_read(argc, argv, a, code);
}

static void takes_options_anywhere(void **state)
{
	struct args a;
	const struct verb *v;
	json_t *params;
	int code;

	(void)state;
	v = read_line("--json policy --socket /x unset lab/vm1 --override xvs.vlan/1", &a, &code);
	assert_non_null(v);
	assert_string_equal(v->method, "policy.unset");
	assert_string_equal(a.socket, "/x");
	assert_true(a.is_json);
	params = verb_params(v, &a);
	assert_true(json_is_true(json_object_get(params, "override")));
	assert_string_equal(json_string_value(json_object_get(params, "target")), "lab/vm1");
	assert_string_equal(json_string_value(json_object_get(params, "feature")), "xvs.vlan/1");
	json_decref(params);

	v = read_line("flow list --port=vm1 --limit 7", &a, &code);
	assert_non_null(v);
	params = verb_params(v, &a);
	assert_string_equal(json_string_value(json_object_get(params, "port")), "vm1");
	assert_int_equal(json_integer_value(json_object_get(params, "limit")), 7);
	json_decref(params);

	v = read_line("port show -- --odd", &a, &code);
	assert_non_null(v);
	assert_string_equal(a.words[0], "--odd");
}

static void refuses_wrong_use_with_2(void **state)
{
	static const char *const wrong[] = {
		"",
		"prt list",
		"port",
		"port lst",
		"port show",
		"port show a b",
		"port list --override",
		"port list --nonsense",
		"flow list --port",
		"policy set vm1 xvs.vlan/1",
	};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int code = 0;

		if (read_line(wrong[i], &a, &code) || code != EXIT_WRONG_USE)
			fail_msg("\"%s\" was taken", wrong[i]);
	}
}

static void takes_the_socket_from_the_environment(void **state)
{
	struct args a;
	int code;

	(void)state;
	(void)setenv("XVS_SOCKET", "/from/env", 1);
	assert_non_null(read_line("status", &a, &code));
	assert_string_equal(a.socket, "/from/env");
	assert_non_null(read_line("status --socket /given", &a, &code));
	assert_string_equal(a.socket, "/given");
	(void)unsetenv("XVS_SOCKET");
	assert_non_null(read_line("status", &a, &code));
	assert_string_equal(a.socket, XVS_SOCKET_DEFAULT);
}

static void reads_assignments(void **state)
{
	static const char *const words[] = { "mode=access", "backend.kind=tap", "backend.queues=2",
					     "rules=[{\"proto\":\"tcp\"}]", "empty=" };
	static const char *const wrong[] = { "novalue", "=x", "a=[1", "mode=a" };
	json_t *got = assignments(words, 5);
	json_t *wanted =
		json_pack("{s:s, s:{s:s, s:s}, s:[{s:s}], s:s}", "mode", "access", "backend",
			  "kind", "tap", "queues", "2", "rules", "proto", "tcp", "empty", "");

	(void)state;
	assert_true(json_equal(got, wanted));
	json_decref(got);
	json_decref(wanted);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *const two[] = { "mode=b", wrong[i] };

		assert_null(assignments(two, 2));
	}
}

static void tells_files_from_names(void **state)
{
	(void)state;
	assert_true(is_file_name("./guard"));
	assert_true(is_file_name("guard.so"));
	assert_false(is_file_name("org.xvs.guard"));
	assert_false(is_file_name("guard"));
	assert_true(is_file_name("../guard"));
	assert_false(is_file_name("lab/guard"));
	assert_false(is_file_name(".so"));
}

/* Whoever adds a verb describes it. */
static void has_every_verb_and_option_in_its_manual(void **state)
{
	char *manual = calloc(1, 1 << 18);
	FILE *f = fopen(XVS_SOURCE_DIR "/docs/man/xvsctl.8", "r");
	char word[128];

	(void)state;
	assert_non_null(manual);
	assert_non_null(f);
	assert_true(fread(manual, 1, (1 << 18) - 1, f) > 0);
	(void)fclose(f);
	for (const struct verb *v = verbs; v->group; v++) {
		(void)snprintf(word, sizeof(word), ".It Cm %s%s%s", v->group, v->name[0] ? " " : "",
			       v->name);
		if (!strstr(manual, word))
			fail_msg("xvsctl.8 has no \"%s\"", word);
	}
	for (size_t i = 0; option_defs[i].name; i++) {
		const char *name = option_defs[i].name;
		bool is_long = name[1] == '-';

		(void)snprintf(word, sizeof(word), is_long ? "Fl Fl %s" : "Fl %s A",
			       name + 1 + is_long);
		if (!strstr(manual, word))
			fail_msg("xvsctl.8 has no \"%s\"", word);
	}
	free(manual);
}

static void completes_every_verb(void **state)
{
	struct strbuf out = { NULL, 0, 0, false };

	(void)state;
	completion_bash(&out);
	for (const struct verb *v = verbs; v->group; v++) {
		assert_non_null(strstr(out.text, v->group));
		assert_non_null(strstr(out.text, v->name));
	}
	strbuf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_options_anywhere),
		cmocka_unit_test(refuses_wrong_use_with_2),
		cmocka_unit_test(takes_the_socket_from_the_environment),
		cmocka_unit_test(reads_assignments),
		cmocka_unit_test(tells_files_from_names),
		cmocka_unit_test(has_every_verb_and_option_in_its_manual),
		cmocka_unit_test(completes_every_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
