/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking xvsd: every call is answered once, whatever is at the other end.
 * links: xvs_hv xvs_rpc xvs_base pkg::jansson pkg::libevent
 */
#include "support/test.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "control/protocol.h"
#include "switch.h"

static struct {
	char dir[TEST_PATH];
	char path[TEST_PATH + 8];
	struct loop *loop;
	struct switch_client *client;
	struct evconnlistener *listener;
	struct bufferevent *stream;
	const char *reply; /* NULL: it hangs up */
	char asked[400];
	/* what was told */
	unsigned answers;
	int code;
	bool has_result;
	char error[600];
	bool is_slow;
} w;

static void on_asked(struct bufferevent *stream, void *arg)
{
	char *line = evbuffer_readln(bufferevent_get_input(stream), NULL, EVBUFFER_EOL_LF);

	(void)arg;
	if (!line)
		return;
	(void)str_copy(w.asked, sizeof(w.asked), line);
	free(line);
	if (w.reply) {
		(void)bufferevent_write(stream, w.reply, strlen(w.reply));
		return;
	}
	bufferevent_free(stream);
	w.stream = NULL;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
		      int len, void *arg)
{
	(void)listener;
	(void)from;
	(void)len;
	(void)arg;
	if (w.stream)
		bufferevent_free(w.stream);
	w.stream = bufferevent_socket_new(loop_base(w.loop), fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(w.stream, on_asked, NULL, NULL, NULL);
	(void)bufferevent_enable(w.stream, EV_READ | EV_WRITE);
}

static void listen_anew(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)str_copy(address.sun_path, sizeof(address.sun_path), w.path);
	w.listener =
		evconnlistener_new_bind(loop_base(w.loop), on_accept, NULL, LEV_OPT_CLOSE_ON_FREE,
					4, (const struct sockaddr *)&address, sizeof(address));
}

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	memset(&w, 0, sizeof(w));
	if (!test_temp_dir(w.dir) || loop_create(&w.loop, &err))
		return -1;
	(void)snprintf(w.path, sizeof(w.path), "%.100s/sock", w.dir);
	listen_anew();
	w.client = switch_create(w.loop, w.path);
	return w.listener && w.client ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	switch_destroy(w.client);
	if (w.stream)
		bufferevent_free(w.stream);
	if (w.listener)
		evconnlistener_free(w.listener);
	loop_destroy(w.loop);
	test_temp_remove(w.dir);
	return 0;
}

static void on_answer(void *arg, const struct switch_answer *answer)
{
	(void)arg;
	w.answers++;
	w.code = answer->code;
	w.has_result = answer->result != NULL;
	w.is_slow = answer->is_slow;
	(void)str_copy(w.error, sizeof(w.error), answer->error ? answer->error : "");
}

static void ask(const char *reply)
{
	unsigned before = w.answers;

	w.reply = reply;
	switch_call(w.client, "port.show", json_pack("{s:s}", "target", "lab/web"), on_answer,
		    NULL);
	while (w.answers == before)
		(void)event_base_loop(loop_base(w.loop), EVLOOP_ONCE);
	assert_int_equal(w.answers, before + 1);
}

static void hears_results_and_refusals(void **state)
{
	(void)state;
	ask("{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {\"a\": 1}}\n");
	assert_true(w.has_result);
	assert_non_null(strstr(w.asked, "\"method\":\"port.show\""));
	assert_non_null(strstr(w.asked, "lab/web"));
	ask("{\"jsonrpc\": \"2.0\", \"id\": 1, \"error\": {\"code\": -32004, \"message\": \"none\"}}\n");
	assert_false(w.has_result);
	assert_int_equal(w.code, -32004);
	assert_string_equal(w.error, "switch: none");
}

static void notices_that_xvsd_has_gone(void **state)
{
	struct switch_mark mark;
	struct switch_mark none = { 0 };

	(void)state;
	switch_mark(w.client, &mark);
	assert_true(switch_is_same(w.client, &mark));
	assert_false(switch_is_same(w.client, &none));
	evconnlistener_free(w.listener);
	w.listener = NULL;
	assert_false(switch_is_same(w.client, &mark));
	(void)usleep(20000); /* more than a tick of the file system's clock */
	assert_int_equal(unlink(w.path), 0);
	assert_false(switch_is_same(w.client, &mark));
	listen_anew();
	assert_false(switch_is_same(w.client, &mark));
	switch_mark(w.client, &mark);
	assert_true(switch_is_same(w.client, &mark));
}

/* Connections that nobody has taken yet are as many as there may be. */
static void is_there_when_nobody_else_may_connect(void **state)
{
	enum { MANY = 64 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct switch_mark mark;
	int fds[MANY];
	int count = 0;
	int code = 0;

	(void)state;
	switch_mark(w.client, &mark);
	(void)str_copy(address.sun_path, sizeof(address.sun_path), w.path);
	while (code == 0 && count < MANY) {
		fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		code = connect(fds[count++], (struct sockaddr *)&address, sizeof(address));
	}
	assert_int_equal(code, -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(switch_is_same(w.client, &mark));
	while (count > 0)
		(void)close(fds[--count]);
}

static void says_that_an_answer_is_odd(void **state)
{
	static const char *const odd[] = { "\n", "{\n", "[]\n", "{\"id\": 1}\n",
					   "{\"result\": 1, \"result\": 2}\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		ask(odd[i]);
		assert_false(w.has_result);
		assert_int_equal(w.code, 0);
		assert_non_null(strstr(w.error, "odd"));
	}
}

static void says_that_nobody_is_there(void **state)
{
	(void)state;
	ask(NULL);
	assert_non_null(strstr(w.error, "ended the connection"));
	evconnlistener_free(w.listener);
	w.listener = NULL;
	ask(NULL);
	assert_non_null(strstr(w.error, "is it running?"));
	assert_false(w.is_slow);
}

static void does_not_wait_for_ever(void **state)
{
	(void)state;
	w.reply = "";
	switch_call_within(w.client, 0, "port.show", json_object(), on_answer, NULL);
	while (!w.answers)
		(void)event_base_loop(loop_base(w.loop), EVLOOP_ONCE);
	assert_non_null(strstr(w.error, "in time"));
	assert_true(w.is_slow); /* but it is there */
}

static void answers_nobody_after_its_end(void **state)
{
	(void)state;
	switch_call(w.client, "port.show", json_object(), on_answer, NULL);
	switch_destroy(w.client);
	w.client = NULL;
	(void)event_base_loop(loop_base(w.loop), EVLOOP_NONBLOCK);
	assert_int_equal(w.answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hears_results_and_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(notices_that_xvsd_has_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(is_there_when_nobody_else_may_connect, setup,
						teardown),
		cmocka_unit_test_setup_teardown(says_that_an_answer_is_odd, setup, teardown),
		cmocka_unit_test_setup_teardown(says_that_nobody_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(does_not_wait_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_nobody_after_its_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
