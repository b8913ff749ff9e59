/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls and events between two host cores, over a real link.
 * links: xvs_hv xvs_rpc xvs_tls xvs_base pkg::openssl pkg::jansson pkg::libevent
 */
#include "remote.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "remote_lines.h"
#include "support/test.h"

#include "support/certificates.h"

static char dir[TEST_PATH];
static struct loop *loop;
static struct authority authority;
static struct host_files a, b;
static struct tls_context *client, *server_tls;
static struct remote_server *server;
static struct remote_link *link_;
static struct remote_session *session; /* of the server; NULL: none */
static struct rpc_call *late;          /* not answered yet */
static bool is_admitted, is_ready;
static char told[2048];
static char port_text[16];
static uint16_t port;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	size_t len = strlen(told);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(told + len, sizeof(told) - len, format, args);
	va_end(args);
}

static void until_told(const char *expected)
{
	for (int i = 0; i < 20000 && !strstr(told, expected); i++) {
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
		(void)usleep(100);
	}
	if (!strstr(told, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, told);
	told[0] = '\0';
}

/* ---- the answering side ------------------------------------------------------------------------ */

static void echo(struct rpc_call *call)
{
	rpc_answer(call, json_pack("{s:s, s:s}", "text", rpc_text(call, "text"), "from",
				   remote_session_name(rpc_context(call))));
}

static void refuse(struct rpc_call *call)
{
	rpc_refuse(call, RPC_REFUSED, "no,\nbecause");
}

static void wait(struct rpc_call *call)
{
	late = call;
	tell("it waits;");
}

static void much(struct rpc_call *call)
{
	char *text = calloc(1, REMOTE_LINE_MAX + 1);

	memset(text, 'x', REMOTE_LINE_MAX);
	rpc_answer(call, json_pack("{s:s}", "text", text));
	free(text);
}

static const struct rpc_method methods[] = {
	{ .name = "echo",
	  .role = RPC_ADMIN,
	  .summary = "Says it again",
	  .result = "the same",
	  .handler = echo,
	  .params = { { "text", RPC_TEXT, true, "what" } } },
	{ .name = "refuse", .role = RPC_ADMIN, .summary = "", .result = "", .handler = refuse },
	{ .name = "wait", .role = RPC_ADMIN, .summary = "", .result = "", .handler = wait },
	{ .name = "much", .role = RPC_ADMIN, .summary = "", .result = "", .handler = much },
};

static bool on_admits(void *arg, const struct remote_session *s)
{
	(void)arg;
	session = (struct remote_session *)(uintptr_t)s;
	return is_admitted && remote_session_is_named(s, "hosta");
}

static void on_left(void *arg, struct remote_session *s)
{
	(void)arg;
	assert_ptr_equal(s, session);
	session = NULL;
	tell("left;");
}

static const struct remote_service service = { .methods = methods,
					       .method_count = sizeof(methods) / sizeof(*methods),
					       .admits = on_admits,
					       .left = on_left };

/* ---- the asking side --------------------------------------------------------------------------- */

static void on_ready(void *arg, const char *name)
{
	(void)arg;
	is_ready = true;
	tell("ready %s;", name);
}

static void on_event(void *arg, const char *name, const json_t *params)
{
	(void)arg;
	tell("event %s %s;", name, json_string_value(json_object_get(params, "what")));
}

static void on_ended(void *arg, const char *why)
{
	(void)arg;
	tell("ended: %s;", why);
}

static const struct remote_ops ops = { on_ready, on_event, on_ended };

static void on_answer(void *arg, const json_t *value, const char *why)
{
	if (value)
		tell("%s: %s from %s;", (const char *)arg,
		     json_string_value(json_object_get(value, "text")),
		     json_string_value(json_object_get(value, "from")));
	else
		tell("%s refused: %s;", (const char *)arg, why);
}

static void ask(const char *method, json_t *params)
{
	remote_ask(link_, method, params, on_answer, (void *)(uintptr_t)method);
}

static void connect_to(void)
{
	link_ = remote_connect(loop, client, "127.0.0.1", port, &ops, NULL);
	assert_non_null(link_);
}

static int set_up(void **state)
{
	struct xvs_error err = ERROR_INIT;
	int fd;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)test_temp_dir(dir);
	assert_int_equal(loop_create(&loop, &err), 0);
	authority_init(&authority, dir, "lab");
	host_init(&a, &authority, "hosta", true, CERTIFICATE_S);
	host_init(&b, &authority, "hostb", true, CERTIFICATE_S);
	assert_int_equal(tls_context_create(&a.files, &client, &err), 0);
	assert_int_equal(tls_context_create(&b.files, &server_tls, &err), 0);
	for (port = 20000 + (uint16_t)(getpid() % 20000); tls_listen("127.0.0.1", port, &fd, &err);)
		port++;
	(void)snprintf(port_text, sizeof(port_text), "%u", port);
	assert_int_equal(remote_server_create(loop, server_tls, fd, &service, &server, &err), 0);
	told[0] = '\0';
	is_admitted = true;
	is_ready = false;
	late = NULL;
	session = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	remote_close(link_);
	link_ = NULL;
	remote_server_destroy(server);
	tls_context_destroy(client);
	tls_context_destroy(server_tls);
	loop_drain(loop);
	loop_destroy(loop);
	authority_finish(&authority);
	test_temp_remove(dir);
	return 0;
}

static void asks_and_is_answered(void **state)
{
	(void)state;
	connect_to();
	until_told("ready hostb;");
	ask("echo", json_pack("{s:s}", "text", "one"));
	ask("echo", json_pack("{s:s}", "text", "two"));
	until_told("echo: one from hosta;echo: two from hosta;");
	ask("refuse", NULL);
	until_told("refuse refused: no,?because;");
	ask("unknown", NULL);
	until_told("unknown refused: ");
	assert_string_equal(remote_session_local(session), "127.0.0.1");
}

static void hears_events(void **state)
{
	(void)state;
	connect_to();
	until_told("ready hostb;");
	remote_session_tell(session, "vm.move.event", json_pack("{s:s}", "what", "QEMU ended"));
	until_told("event vm.move.event QEMU ended;");
}

static void answers_every_call_when_the_link_ends(void **state)
{
	(void)state;
	connect_to();
	until_told("ready hostb;");
	ask("wait", NULL);
	until_told("it waits;");
	remote_server_destroy(server);
	server = NULL;
	until_told("wait refused: ");
	rpc_answer(late, json_object()); /* to nobody */
	ask("echo", json_pack("{s:s}", "text", "late"));
	until_told("echo refused: the link has ended;");
}

static void tells_who_left(void **state)
{
	(void)state;
	connect_to();
	until_told("ready hostb;");
	ask("wait", NULL);
	until_told("it waits;");
	remote_close(link_);
	link_ = NULL;
	until_told("left;");
	rpc_answer(late, json_object());
}

static void lets_nobody_in_whom_it_does_not_know(void **state)
{
	(void)state;
	is_admitted = false;
	connect_to();
	until_told("ended: ");
}

static void many_who_say_nothing_keep_nobody_out(void **state)
{
	enum { MUTE = 40 };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fds[MUTE];

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned n = 0; n < MUTE; n++) {
		fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[n], (struct sockaddr *)&address, sizeof(address)), 0);
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	}
	connect_to();
	until_told("ready hostb;");
	for (unsigned n = 0; n < MUTE; n++)
		(void)close(fds[n]);
}

static void bounds_what_comes(void **state)
{
	(void)state;
	connect_to();
	until_told("ready hostb;");
	ask("much", NULL);
	until_told("ended: it sent a line of more than 1 MiB;");
}

static bool take(void *arg, const char *line, size_t len)
{
	(void)arg;
	tell("[%.*s]", (int)len, line);
	return len != 4 || memcmp(line, "last", 4) != 0;
}

/* However a stream is cut into pieces, its lines are the same. */
static void takes_lines_in_any_pieces(void **state)
{
	static const char text[] = "one\n\ntwo and three\nlast\nnot this";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct lines l = { 0 };
		enum lines_end end = LINES_FINE;

		for (size_t at = 0; at < sizeof(text) - 1 && end == LINES_FINE; at += piece) {
			size_t left = sizeof(text) - 1 - at;

			end = lines_input(&l, (const uint8_t *)text + at,
					  left < piece ? left : piece, take, NULL);
		}
		assert_int_equal(end, LINES_GONE);
		assert_string_equal(told, "[one][][two and three][last]");
		told[0] = '\0';
		lines_finish(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asks_and_is_answered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hears_events, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_every_call_when_the_link_ends, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(tells_who_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lets_nobody_in_whom_it_does_not_know, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(many_who_say_nothing_keep_nobody_out, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(bounds_what_comes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_lines_in_any_pieces, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
