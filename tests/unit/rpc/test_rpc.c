/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "rpc/fake_table.h"

static struct rpc_session *session;
static char sent[1 << 16];
static unsigned lines;

static void on_send(void *arg, const char *line, size_t len)
{
	size_t at = strlen(sent);

	(void)arg;
	assert_true(at + len < sizeof(sent));
	assert_int_equal(line[len - 1], '\n');
	assert_null(memchr(line, '\n', len - 1));
	memcpy(sent + at, line, len);
	sent[at + len] = '\0';
	lines++;
}

static void open_as(enum rpc_role role)
{
	sent[0] = '\0';
	lines = 0;
	fake_later_count = 0;
	fake_runs = 0;
	session = rpc_session_create(&fake_table, role, on_send, NULL);
	assert_non_null(session);
}

static int setup(void **state)
{
	(void)state;
	open_as(RPC_ADMIN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rpc_session_close(session);
	session = NULL;
	return 0;
}

static void say(const char *line)
{
	sent[0] = '\0';
	lines = 0;
	rpc_session_input(session, line, strlen(line));
}

static void expect(const char *question, const char *answer)
{
	json_t *got;
	json_t *wanted = json_loads(answer, 0, NULL);

	say(question);
	got = json_loads(sent, 0, NULL);
	assert_non_null(wanted);
	if (!json_equal(got, wanted))
		fail_msg("%s\nwas answered by %s\nnot by      %s", question, sent, answer);
	json_decref(got);
	json_decref(wanted);
}

static json_int_t code_of(const char *question)
{
	json_t *got;
	json_int_t code;

	say(question);
	got = json_loads(sent, 0, NULL);
	assert_non_null(got);
	code = json_integer_value(json_object_get(json_object_get(got, "error"), "code"));
	json_decref(got);
	return code;
}

static void answers_by_id(void **state)
{
	(void)state;
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"text\":\"hi\"}}",
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"hi\"}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"sum\",\"params\":{\"a\":1}}",
	       "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":8}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"sum\",\"params\":[1, 2]}",
	       "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":3}");
	expect("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"later\",\"params\":{\"x\":1}}",
	       "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"error\":{\"code\":-32602,"
	       "\"message\":\"later: unknown parameter \\\"x\\\"\"}}");
}

static void does_not_answer_notifications(void **state)
{
	(void)state;
	say("{\"jsonrpc\":\"2.0\",\"method\":\"change\"}");
	assert_int_equal(lines, 0);
	assert_int_equal(fake_runs, 1);
	say("{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}");
	assert_int_equal(lines, 0);
	say("[{\"jsonrpc\":\"2.0\",\"method\":\"change\"},{\"jsonrpc\":\"2.0\",\"method\":\"change\"}]");
	assert_int_equal(lines, 0);
	assert_int_equal(fake_runs, 3);
}

static void refuses_what_is_not_json(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"nonsense",
		"{\"jsonrpc\":\"2.0\"",
		"[1,",
		"\"\xff\"",
		"{}{}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"echo\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"text\":\"a\",\"text\":\"b\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (code_of(bad[i]) != RPC_PARSE_ERROR)
			fail_msg("%s was answered by %s", bad[i], sent);
	}
}

static void refuses_what_is_no_request(void **state)
{
	static const char *const bad[] = {
		"1",
		"null",
		"\"x\"",
		"{}",
		"[]",
		"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"echo\"}",
		"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"echo\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}",
		"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"echo\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"echo\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":\"text\"}",
		"{\"jsonrpc\":\"2.0\",\"method\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (code_of(bad[i]) != RPC_INVALID_REQUEST)
			fail_msg("%s was answered by %s", bad[i], sent);
	}
}

/* The examples of the specification, section 7. */
static void answers_batches_as_specified(void **state)
{
	(void)state;
	expect("[1,2]", "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
			"\"message\":\"a request is an object\"}},"
			"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
			"\"message\":\"a request is an object\"}}]");
	expect("[{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"sum\",\"params\":[1,2]},"
	       "{\"jsonrpc\":\"2.0\",\"method\":\"change\"},"
	       "{\"foo\":\"boo\"},"
	       "{\"jsonrpc\":\"2.0\",\"id\":\"9\",\"method\":\"echo\",\"params\":[\"x\"]}]",
	       "[{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":3},"
	       "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
	       "\"message\":\"\\\"jsonrpc\\\" must be \\\"2.0\\\"\"}},"
	       "{\"jsonrpc\":\"2.0\",\"id\":\"9\",\"result\":\"x\"}]");
	assert_int_equal(lines, 1);
}

struct long_batch {
	json_t *answers;
	size_t bytes;
};

static void on_send_long(void *arg, const char *line, size_t len)
{
	struct long_batch *got = arg;

	got->answers = json_loadb(line, len, 0, NULL);
	got->bytes = len;
}

/* A hundred long answers of one line would be held all at once. */
static void bound_answers(enum rpc_role role, size_t max, size_t length)
{
	enum { COUNT = 100 };
	struct long_batch got = { NULL, 0 };
	struct rpc_session *s = rpc_session_create(&fake_table, role, on_send_long, &got);
	char *text = malloc(length + 1);
	json_t *batch = json_array();
	size_t whole = 0;
	char *line;

	assert_non_null(text);
	memset(text, 'x', length);
	text[length] = '\0';
	for (int i = 0; i < COUNT - 1; i++)
		json_array_append_new(batch, json_pack("{s:s, s:i, s:s, s:[s]}", "jsonrpc", "2.0",
						       "id", i, "method", "echo", "params", text));
	json_array_append_new(batch, json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", "change"));
	line = json_dumps(batch, JSON_COMPACT);
	rpc_session_input(s, line, strlen(line));
	assert_int_equal(json_array_size(got.answers), COUNT - 1);
	assert_true(got.bytes < max + 2 * length);
	for (size_t i = 0; i < COUNT - 1; i++) {
		const json_t *one = json_array_get(got.answers, i);
		const json_t *error = json_object_get(one, "error");

		assert_int_equal(json_integer_value(json_object_get(one, "id")), i);
		whole += error == NULL;
		if (error)
			assert_int_equal(json_integer_value(json_object_get(error, "code")),
					 RPC_BUSY);
	}
	assert_true(whole >= max / (length + 100) && whole <= max / length + 1);
	assert_int_equal(fake_runs, 0);
	free(line);
	free(text);
	json_decref(batch);
	json_decref(got.answers);
	rpc_session_close(s);
}

static void bounds_the_answers_of_a_batch(void **state)
{
	(void)state;
	bound_answers(RPC_ADMIN, RPC_BATCH_ANSWERS_MAX, 200000);
	bound_answers(RPC_READ_ONLY, RPC_BATCH_ANSWERS_READ_ONLY, 10000);
}

static void runs_no_question_that_wants_no_answer(void **state)
{
	(void)state;
	say("{\"jsonrpc\":\"2.0\",\"method\":\"later\"}");
	assert_int_equal(fake_later_count, 0);
	say("{\"jsonrpc\":\"2.0\",\"method\":\"change\"}");
	assert_int_equal(fake_runs, 1);
	assert_int_equal(lines, 0);
}

static void bounds_a_batch(void **state)
{
	char line[4096] = "[";

	(void)state;
	for (int i = 0; i <= RPC_BATCH_MAX; i++)
		strcat(line, i ? ",1" : "1");
	strcat(line, "]");
	assert_int_equal(code_of(line), RPC_INVALID_REQUEST);
	assert_int_equal(lines, 1);
}

static void names_the_nearest_method(void **state)
{
	(void)state;
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ecko\"}",
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,"
	       "\"message\":\"unknown method \\\"ecko\\\", did you mean \\\"echo\\\"\"}}");
}

static void checks_parameters(void **state)
{
	static const char *const bad[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[]}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[\"a\",\"b\"]}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"text\":1}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"text\":null}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sum\",\"params\":{\"a\":-1}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sum\",\"params\":{\"a\":1.5}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"change\",\"params\":{\"force\":1}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"change\",\"params\":{\"fields\":[]}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (code_of(bad[i]) != RPC_BAD_PARAMS)
			fail_msg("%s was answered by %s", bad[i], sent);
	}
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"txet\":\"\"}}",
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":"
	       "\"echo: unknown parameter \\\"txet\\\", did you mean \\\"text\\\"\"}}");
}

static void keeps_roles_apart(void **state)
{
	static const char change[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"change\"}";
	static const char refuse[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"refuse\"}";

	(void)state;
	rpc_session_close(session);
	open_as(RPC_READ_ONLY);
	expect(change, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32003,\"message\":"
		       "\"change is for the role operator, and you are read-only: join the group "
		       "xvs, or use root\"}}");
	assert_int_equal(fake_runs, 0);
	rpc_session_close(session);
	open_as(RPC_OPERATOR);
	assert_int_equal(code_of(refuse), RPC_FORBIDDEN);
	expect(change, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}");
	rpc_session_close(session);
	open_as(RPC_ADMIN);
	assert_int_equal(code_of(refuse), RPC_REFUSED);
}

static void gives_every_error_its_position(void **state)
{
	(void)state;
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"refuse\"}",
	       "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,\"message\":"
	       "\"xvs.yaml:12:15: port web-1: burst is 5000, must be 1..1000 (and 1 more)\","
	       "\"data\":{\"count\":2,\"errors\":["
	       "{\"file\":\"xvs.yaml\",\"line\":12,\"column\":15,"
	       "\"text\":\"port web-1: burst is 5000, must be 1..1000\"},"
	       "{\"file\":\"xvs.yaml\",\"text\":\"switch lab: no such type\"}]}}}");
}

static void answers_later(void **state)
{
	(void)state;
	say("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"later\"},"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"sum\",\"params\":[1,1]}]");
	assert_int_equal(lines, 0);
	assert_int_equal(rpc_session_pending(session), 1);
	fake_answer_all();
	assert_int_equal(lines, 1);
	assert_int_equal(rpc_session_pending(session), 0);
	assert_non_null(strstr(sent, "\"id\":1"));
	assert_non_null(strstr(sent, "\"id\":2"));
}

static void survives_a_caller_that_went_away(void **state)
{
	(void)state;
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"later\"}");
	rpc_session_close(session);
	session = NULL;
	fake_answer_all();
	assert_int_equal(lines, 0);
}

static void nests_no_deeper_than_the_parser(void **state)
{
	enum { DEPTH = 100000 };
	char *line = malloc(DEPTH + 1);

	(void)state;
	assert_non_null(line);
	memset(line, '[', DEPTH);
	line[DEPTH] = '\0';
	assert_int_equal(code_of(line), RPC_PARSE_ERROR);
	free(line);
}

static void describes_its_methods(void **state)
{
	json_t *d = rpc_describe(&fake_table);
	const json_t *echo = json_array_get(json_object_get(d, "methods"), 0);
	const json_t *text = json_array_get(json_object_get(echo, "params"), 0);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(echo, "name")), "echo");
	assert_string_equal(json_string_value(json_object_get(echo, "x-role")), "read-only");
	assert_string_equal(json_string_value(json_object_get(text, "name")), "text");
	assert_true(json_is_true(json_object_get(text, "required")));
	json_decref(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_by_id, setup, teardown),
		cmocka_unit_test_setup_teardown(does_not_answer_notifications, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_not_json, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_request, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_batches_as_specified, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds_a_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds_the_answers_of_a_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(runs_no_question_that_wants_no_answer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(names_the_nearest_method, setup, teardown),
		cmocka_unit_test_setup_teardown(checks_parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_roles_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_every_error_its_position, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_later, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_a_caller_that_went_away, setup, teardown),
		cmocka_unit_test_setup_teardown(nests_no_deeper_than_the_parser, setup, teardown),
		cmocka_unit_test_setup_teardown(describes_its_methods, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
