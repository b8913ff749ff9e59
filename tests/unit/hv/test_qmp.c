/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with QEMU against a socket that says what each test wants.
 * links: xvs_rpc xvs_base pkg::libevent pkg::jansson
 */
#include "support/test.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "qmp.h"

#define GREETING \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": " \
	"\"\"}, \"capabilities\": []}}\r\n"
#define AGREED "{\"return\": {}}\r\n"

static char folder[TEST_PATH];
static char path[TEST_PATH + 16];
static struct loop *loop;
static struct qmp *conversation;
static int listener = -1;
static int qemu = -1;   /* the other end */
static char told[4096]; /* what was told to us, in order */

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	size_t len = strlen(told);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(told + len, sizeof(told) - len, format, args);
	va_end(args);
}

static void assert_told(const char *expected)
{
	assert_string_equal(told, expected);
	told[0] = '\0';
}

/* Everything that can happen now does. */
static void turn(void)
{
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
}

static void says(const char *text)
{
	assert_int_equal(write(qemu, text, strlen(text)), (ssize_t)strlen(text));
	turn();
}

static const char *heard(void)
{
	static char text[8192];
	ssize_t got;

	turn();
	got = recv(qemu, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static void on_ready(void *arg, const uint32_t version[3])
{
	(void)arg;
	tell("ready %u.%u.%u;", version[0], version[1], version[2]);
}

static void on_event(void *arg, const char *name, const json_t *data)
{
	(void)arg;
	tell("%s%s;", name, data ? " with data" : "");
}

static void on_ended(void *arg, const char *why)
{
	(void)arg;
	tell("ended: %s;", why);
}

static void on_answer(void *arg, const struct qmp_answer *answer)
{
	const char *name = arg;

	if (answer->error)
		tell("%s: %s%s%s;", name, answer->class, answer->class[0] ? ": " : "",
		     answer->error);
	else
		tell("%s: done;", name);
}

static void start(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct qmp_listener l = { on_ready, on_event, on_ended, NULL };
	struct xvs_error err = ERROR_INIT;

	told[0] = '\0';
	assert_int_equal(loop_create(&loop, &err), 0);
	(void)test_temp_dir(folder);
	(void)snprintf(path, sizeof(path), "%s/qmp", folder);
	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(qmp_open(loop, path, &l, &conversation, &err), 0);
	qemu = accept(listener, NULL, NULL);
	assert_true(qemu >= 0);
}

static void start_ready(void)
{
	start();
	says(GREETING);
	assert_non_null(strstr(heard(), "qmp_capabilities"));
	says(AGREED);
	assert_told("ready 7.2.22;");
}

static int finish(void **state)
{
	(void)state;
	qmp_close(conversation);
	conversation = NULL;
	loop_destroy(loop);
	loop = NULL;
	(void)close(qemu);
	(void)close(listener);
	test_temp_remove(folder);
	return 0;
}

static void refuses_where_nobody_listens(void **state)
{
	struct qmp_listener l = { on_ready, on_event, on_ended, NULL };
	struct xvs_error err = ERROR_INIT;
	struct qmp *q = NULL;
	struct loop *own;

	(void)state;
	assert_int_equal(loop_create(&own, &err), 0);
	assert_true(qmp_open(own, "/nowhere/qmp", &l, &q, &err) < 0);
	assert_null(q);
	assert_non_null(strstr(err.text, "/nowhere/qmp: nobody answers"));
	loop_destroy(own);
}

static void sends_what_was_given_early_once_qemu_is_ready(void **state)
{
	(void)state;
	start();
	qmp_command(conversation, "query-status", NULL, 0, on_answer, "status");
	assert_string_equal(heard(), "");
	says(GREETING);
	assert_null(strstr(heard(), "query-status"));
	says(AGREED);
	assert_string_equal(heard(), "{\"execute\":\"query-status\",\"id\":1}\n");
	says("{\"return\": {\"status\": \"running\"}, \"id\": 1}\r\n");
	assert_told("ready 7.2.22;status: done;");
}

static void gives_each_answer_to_its_command(void **state)
{
	(void)state;
	start_ready();
	qmp_command(conversation, "stop", NULL, 0, on_answer, "first");
	qmp_command(conversation, "cont", json_pack("{s:i}", "a", 1), 0, on_answer, "second");
	assert_non_null(strstr(heard(), "\"arguments\":{\"a\":1}"));
	says("{\"return\": {}, \"id\": 2}\n{\"id\": 1, \"error\": {\"class\": \"GenericError\", "
	     "\"desc\": \"no\\u0007pe\"}}\n");
	assert_told("second: done;first: GenericError: no?pe;");
}

static void keeps_events_in_order_and_in_pieces(void **state)
{
	(void)state;
	start_ready();
	says("{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\n{\"eve");
	says("nt\": \"SHUTDOWN\", \"data\": {\"guest\": true}}\n{\"event\": \"RESUME\"}");
	assert_told("STOP;SHUTDOWN with data;");
	says("\n");
	assert_told("RESUME;");
}

static void hears_what_came_just_before_the_end(void **state)
{
	(void)state;
	start_ready();
	qmp_command(conversation, "quit", NULL, 0, on_answer, "quit");
	turn();
	assert_true(write(qemu, "{\"event\": \"SHUTDOWN\"}\n", 22) == 22);
	(void)shutdown(qemu, SHUT_RDWR);
	turn();
	assert_told("SHUTDOWN;quit: QEMU closed the connection;ended: QEMU closed the connection;");
	qmp_command(conversation, "quit", NULL, 0, on_answer, "again");
	assert_told("again: QEMU is not connected;");
}

static void answers_at_the_deadline_and_forgets_what_comes_later(void **state)
{
	(void)state;
	start_ready();
	qmp_command(conversation, "query-status", NULL, 1, on_answer, "status");
	while (!told[0])
		(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
	assert_told("status: QEMU did not answer within 1 ms;");
	says("{\"return\": {}, \"id\": 1}\n");
	assert_told("");
}

static void on_answer_close(void *arg, const struct qmp_answer *answer)
{
	on_answer(arg, answer);
	qmp_close(conversation);
	conversation = NULL;
}

static void may_be_closed_by_its_own_callback(void **state)
{
	(void)state;
	start_ready();
	qmp_command(conversation, "one", NULL, 0, on_answer_close, "one");
	qmp_command(conversation, "two", NULL, 0, on_answer, "two");
	turn();
	says("{\"return\": {}, \"id\": 1}\n{\"return\": {}, \"id\": 2}\n");
	assert_told("one: done;");
}

static void passes_a_descriptor(void **state)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	char text[256] = "";
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int got = -1;

	(void)state;
	start_ready();
	/* In order, whatever is still to be sent. */
	qmp_command(conversation, "stop", NULL, 0, on_answer, "stop");
	qmp_command_fd(conversation, "getfd", json_pack("{s:s}", "fdname", "x"), fd, on_answer,
		       "getfd");
	qmp_command(conversation, "cont", NULL, 0, on_answer, "cont");
	turn();
	for (int i = 0; i < 3 && got < 0; i++) {
		m.msg_controllen = sizeof(control.bytes);
		assert_true(recvmsg(qemu, &m, 0) > 0);
		if (CMSG_FIRSTHDR(&m))
			memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
	}
	assert_true(got >= 0 && got != fd);
	assert_non_null(strstr(text, "\"getfd\""));
	(void)close(got);
	(void)close(fd);
	says("{\"return\": {}, \"id\": 2}\n");
	assert_told("getfd: done;");
	says("{\"return\": {}, \"id\": 1}\n{\"return\": {}, \"id\": 3}\n");
	assert_told("stop: done;cont: done;");
}

/* What a QEMU in the hands of its guest may say, and how the conversation ends then. */
static void ends_where_qemu_is_hostile(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "no JSON\n", "a line is no JSON" },
		{ "{\"return\": {}, \"return\": {}}\n", "duplicate" },
		{ "[]\n", "neither greeting nor answer nor event" },
		{ "{\"return\": {}, \"id\": -1}\n", "neither" },
		{ "{\"return\": {}, \"id\": \"1\"}\n", "neither" },
		{ "{\"return\": {}}\n", "answered what nobody had asked" },
		{ "{\"return\": {}, \"id\": 77}\n", "answered what nobody had asked" },
		{ "{\"event\": \"a b\"}\n", "neither" },
		{ "{\"event\": \"E\", \"data\": 3}\n", "neither" },
		{ "{\"error\": {\"desc\": \"x\"}, \"id\": 1}\n", "neither" },
		{ GREETING, "greeted twice" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_ready();
		qmp_command(conversation, "stop", NULL, 0, on_answer, "stop");
		turn();
		says(cases[i].line);
		if (!strstr(told, cases[i].why) || !strstr(told, "stop: QEMU") ||
		    !strstr(told, "ended: "))
			fail_msg("%s: %s", cases[i].line, told);
		(void)finish(state);
	}
	start();
}

static void ends_where_a_line_has_no_end(void **state)
{
	char *junk = malloc(1 << 20);

	(void)state;
	assert_non_null(junk);
	memset(junk, 'a', 1 << 20);
	start_ready();
	(void)fcntl(qemu, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 4096 && !told[0]; i++) {
		(void)!write(qemu, junk, 1 << 20);
		turn();
	}
	free(junk);
	assert_told("ended: QEMU does not speak QMP: a line is longer than 4194304 bytes;");
}

static void ends_where_qemu_speaks_before_it_greets(void **state)
{
	(void)state;
	start();
	says("{\"event\": \"STOP\"}\n");
	assert_told("ended: QEMU spoke before it greeted;");
}

static void takes_no_more_commands_than_fit(void **state)
{
	(void)state;
	start_ready();
	for (int i = 0; i < QMP_COMMANDS_MAX; i++)
		qmp_command(conversation, "stop", NULL, 0, NULL, NULL);
	qmp_command(conversation, "stop", NULL, 0, on_answer, "one more");
	assert_told("one more: too many commands to QEMU at once;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_where_nobody_listens),
		cmocka_unit_test_teardown(sends_what_was_given_early_once_qemu_is_ready, finish),
		cmocka_unit_test_teardown(gives_each_answer_to_its_command, finish),
		cmocka_unit_test_teardown(keeps_events_in_order_and_in_pieces, finish),
		cmocka_unit_test_teardown(hears_what_came_just_before_the_end, finish),
		cmocka_unit_test_teardown(answers_at_the_deadline_and_forgets_what_comes_later,
					  finish),
		cmocka_unit_test_teardown(may_be_closed_by_its_own_callback, finish),
		cmocka_unit_test_teardown(passes_a_descriptor, finish),
		cmocka_unit_test_teardown(ends_where_qemu_is_hostile, finish),
		cmocka_unit_test_teardown(ends_where_a_line_has_no_end, finish),
		cmocka_unit_test_teardown(ends_where_qemu_speaks_before_it_greets, finish),
		cmocka_unit_test_teardown(takes_no_more_commands_than_fit, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
