/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links between hosts: who gets in, who does not, and that bytes arrive whole and in order.
 * links: xvs_tls xvs_base pkg::openssl
 */
#include "base/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "support/test.h"

#include "support/certificates.h"

enum { MUCH = 3 << 20 };

/* One end. */
struct end {
	struct tls_link *link;
	bool is_ready, is_closed;
	char why[200];
	uint8_t *bytes; /* what came */
	size_t len;
	bool is_destroyed_by_input;
};

struct scene {
	char dir[TEST_PATH];
	struct loop *loop;
	struct authority authority;
	struct host_files a, b;
	struct tls_context *client, *server;
	int listener;
	uint16_t port;
	struct end ends[2];
};

static void on_ready(void *arg)
{
	struct end *e = arg;

	e->is_ready = true;
}

static void on_input(void *arg, const uint8_t *bytes, size_t len)
{
	struct end *e = arg;

	e->bytes = realloc(e->bytes, e->len + len);
	memcpy(e->bytes + e->len, bytes, len);
	e->len += len;
	if (e->is_destroyed_by_input) {
		tls_link_destroy(e->link);
		e->link = NULL;
	}
}

static void on_closed(void *arg, const struct xvs_error *why)
{
	struct end *e = arg;

	e->is_closed = true;
	(void)snprintf(e->why, sizeof(e->why), "%s", why->text);
}

static const struct tls_ops ops = { .ready = on_ready, .input = on_input, .closed = on_closed };

/* The listening end is not the loop's: the test accepts. */
static void take(struct scene *s)
{
	int fd = -1;

	for (int i = 0; i < 1000 && fd < 0; i++) {
		(void)event_base_loop(loop_base(s->loop), EVLOOP_NONBLOCK);
		fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			(void)usleep(1000);
	}
	assert_true(fd >= 0);
	s->ends[1].link = tls_link_accept(s->loop, s->server, fd, &ops, &s->ends[1]);
	assert_non_null(s->ends[1].link);
}

static void meet_as(struct scene *s, const char *host)
{
	s->ends[0].link = tls_link_connect(s->loop, s->client, host, s->port, &ops, &s->ends[0]);
	assert_non_null(s->ends[0].link);
	take(s);
}

/* Until *done, or for long. */
static void turn(struct scene *s, const bool *done)
{
	for (int i = 0; i < 20000 && !*done; i++) {
		(void)event_base_loop(loop_base(s->loop), EVLOOP_NONBLOCK);
		(void)usleep(100);
	}
	assert_true(*done);
}

static void contexts_make(struct scene *s)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(tls_context_create(&s->a.files, &s->client, &err), 0);
	assert_int_equal(tls_context_create(&s->b.files, &s->server, &err), 0);
}

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct xvs_error err = ERROR_INIT;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	(void)signal(SIGPIPE, SIG_IGN);
	(void)test_temp_dir(s->dir);
	assert_int_equal(loop_create(&s->loop, &err), 0);
	authority_init(&s->authority, s->dir, "lab");
	host_init(&s->a, &s->authority, "hosta", true, CERTIFICATE_S);
	host_init(&s->b, &s->authority, "hostb", true, CERTIFICATE_S);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
	s->port = ntohs(address.sin_port);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < 2; i++) {
		tls_link_destroy(s->ends[i].link);
		free(s->ends[i].bytes);
	}
	tls_context_destroy(s->client);
	tls_context_destroy(s->server);
	loop_drain(s->loop);
	loop_destroy(s->loop);
	(void)close(s->listener);
	authority_finish(&s->authority);
	test_temp_remove(s->dir);
	free(s);
	return 0;
}

/* ---- who gets in ----------------------------------------------------------------------------------- */

static void knows_who_is_at_the_other_end(void **state)
{
	struct scene *s = *state;

	contexts_make(s);
	meet_as(s, "127.0.0.1");
	turn(s, &s->ends[0].is_ready);
	turn(s, &s->ends[1].is_ready);
	assert_string_equal(tls_link_name(s->ends[0].link), "hostb");
	assert_string_equal(tls_link_name(s->ends[1].link), "hosta");
	assert_true(tls_link_is_named(s->ends[1].link, "hosta"));
	assert_false(tls_link_is_named(s->ends[1].link, "another"));
	assert_false(tls_link_is_named(s->ends[1].link, "hostb"));
}

static void takes_the_common_name_where_there_is_no_other(void **state)
{
	struct scene *s = *state;

	host_init(&s->a, &s->authority, "plain", false, CERTIFICATE_S);
	contexts_make(s);
	meet_as(s, "127.0.0.1");
	turn(s, &s->ends[1].is_ready);
	assert_string_equal(tls_link_name(s->ends[1].link), "plain");
	assert_true(tls_link_is_named(s->ends[1].link, "plain"));
}

static void refuses_the_certificate_of_another_authority(void **state)
{
	struct scene *s = *state;
	struct authority other;

	authority_init(&other, s->dir, "other");
	host_init(&s->a, &other, "hosta", true, CERTIFICATE_S);
	s->a.files.ca = s->authority.ca; /* it would trust us */
	contexts_make(s);
	meet_as(s, "127.0.0.1");
	turn(s, &s->ends[1].is_closed);
	assert_false(s->ends[1].is_ready);
	assert_non_null(strstr(s->ends[1].why, "its certificate is refused"));
	turn(s, &s->ends[0].is_closed);
	authority_finish(&other);
}

static void refuses_a_certificate_that_has_expired(void **state)
{
	struct scene *s = *state;

	host_init(&s->b, &s->authority, "hostb", true, -60);
	contexts_make(s);
	meet_as(s, "127.0.0.1");
	turn(s, &s->ends[0].is_closed);
	assert_non_null(strstr(s->ends[0].why, "certificate has expired"));
}

static void refuses_a_host_of_another_name_than_asked_for(void **state)
{
	struct scene *s = *state;

	contexts_make(s);
	meet_as(s, "localhost");
	turn(s, &s->ends[0].is_closed);
	assert_false(s->ends[0].is_ready);
	assert_non_null(strstr(s->ends[0].why, "its certificate is that of \"hostb\""));
}

static void refuses_older_versions_and_clients_without_certificate(void **state)
{
	struct scene *s = *state;

	for (int version = 0; version < 2; version++) {
		SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
		SSL *ssl;
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in address = { .sin_family = AF_INET,
					       .sin_port = htons(s->port),
					       .sin_addr = { htonl(INADDR_LOOPBACK) } };

		if (version == 0) {
			contexts_make(s);
			(void)SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION);
		}
		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		take(s);
		assert_int_equal(evutil_make_socket_nonblocking(fd), 0);
		ssl = SSL_new(plain);
		(void)SSL_set_fd(ssl, fd);
		for (int i = 0; i < 2000 && !s->ends[1].is_closed; i++) {
			(void)SSL_connect(ssl);
			(void)event_base_loop(loop_base(s->loop), EVLOOP_NONBLOCK);
			(void)usleep(100);
		}
		assert_true(s->ends[1].is_closed);
		assert_false(s->ends[1].is_ready);
		tls_link_destroy(s->ends[1].link);
		s->ends[1] = (struct end){ .link = NULL };
		SSL_free(ssl);
		SSL_CTX_free(plain);
		(void)close(fd);
	}
}

/* It says nothing; the other end of a link that is accepted. */
static int call_from(const struct scene *s, const char *address)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(s->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
	assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void room_is_made_by_who_has_the_most(void **state)
{
	static const char *const from[] = { "127.0.0.7", "127.0.0.2", "127.0.0.7", "127.0.0.3" };
	enum { COUNT = sizeof(from) / sizeof(*from) };
	struct scene *s = *state;
	struct tls_link *links[COUNT]; /* the newest first */
	int fds[COUNT];

	contexts_make(s);
	for (size_t i = COUNT; i-- > 0;) {
		fds[i] = call_from(s, from[i]);
		take(s);
		links[i] = s->ends[1].link;
		s->ends[1].link = NULL;
	}
	assert_int_equal(tls_room((const struct tls_link *const *)links, COUNT), 2);
	assert_int_equal(tls_room((const struct tls_link *const *)links, 2), 1);
	assert_int_equal(tls_room((const struct tls_link *const *)links, 1), 0);
	for (size_t i = 0; i < COUNT; i++) {
		tls_link_destroy(links[i]);
		(void)close(fds[i]);
	}
}

static uint64_t origin6(const char *text)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	struct sockaddr_storage all = { 0 };

	assert_int_equal(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
	memcpy(&all, &a, sizeof(a));
	return tls_origin(&all);
}

static void a_host_is_one_whatever_its_addresses(void **state)
{
	(void)state;
	assert_true(origin6("2001:db8::1") == origin6("2001:db8::ffff:1:2"));
	assert_false(origin6("2001:db8::1") == origin6("2001:db8:0:1::1"));
	assert_true(origin6("::ffff:192.0.2.1") == 0xc0000201);
	assert_false(origin6("::ffff:192.0.2.1") == origin6("::ffff:192.0.2.2"));
}

static void says_why_nobody_answers(void **state)
{
	struct scene *s = *state;

	contexts_make(s);
	(void)close(s->listener);
	s->ends[0].link =
		tls_link_connect(s->loop, s->client, "127.0.0.1", s->port, &ops, &s->ends[0]);
	turn(s, &s->ends[0].is_closed);
	assert_non_null(strstr(s->ends[0].why, "Connection refused"));
	s->listener = -1;
}

/* ---- bytes ----------------------------------------------------------------------------------------- */

static void carries_much_both_ways(void **state)
{
	struct scene *s = *state;
	uint8_t *bytes = malloc(MUCH);
	uint64_t seed = 1;
	bool is_there = false;

	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (uint8_t)test_random(&seed);
	contexts_make(s);
	meet_as(s, "127.0.0.1");
	assert_true(tls_link_send(s->ends[0].link, bytes, MUCH)); /* before it is open */
	turn(s, &s->ends[1].is_ready);
	assert_true(tls_link_send(s->ends[1].link, bytes, MUCH / 2));
	for (int i = 0; i < 20000 && !is_there; i++) {
		(void)event_base_loop(loop_base(s->loop), EVLOOP_NONBLOCK);
		is_there = s->ends[1].len == MUCH && s->ends[0].len == MUCH / 2;
		(void)usleep(100);
	}
	assert_true(is_there);
	assert_memory_equal(s->ends[1].bytes, bytes, MUCH);
	assert_memory_equal(s->ends[0].bytes, bytes, MUCH / 2);
	assert_int_equal(tls_link_queued(s->ends[0].link), 0);
	free(bytes);
}

static void may_be_destroyed_while_it_reads(void **state)
{
	struct scene *s = *state;

	contexts_make(s);
	meet_as(s, "127.0.0.1");
	s->ends[1].is_destroyed_by_input = true;
	assert_true(tls_link_send(s->ends[0].link, "hello", 5));
	turn(s, &s->ends[0].is_closed);
	assert_int_equal(s->ends[1].len, 5);
	assert_false(tls_link_send(s->ends[0].link, "more", 4));
}

static void sends_the_rest_when_it_ends(void **state)
{
	struct scene *s = *state;
	uint8_t *bytes = calloc(1, MUCH);

	contexts_make(s);
	meet_as(s, "127.0.0.1");
	turn(s, &s->ends[0].is_ready);
	assert_true(tls_link_send(s->ends[0].link, bytes, MUCH));
	tls_link_end(s->ends[0].link);
	s->ends[0].link = NULL;
	turn(s, &s->ends[1].is_closed);
	assert_int_equal(s->ends[1].len, MUCH);
	free(bytes);
}

/* ---- files ----------------------------------------------------------------------------------------- */

static void reads_files_again_when_they_change(void **state)
{
	struct scene *s = *state;
	struct xvs_error err = ERROR_INIT;

	contexts_make(s);
	host_init(&s->b, &s->authority, "hostb", true, -60);
	assert_int_equal(tls_context_refresh(s->server, &err), 0);
	meet_as(s, "127.0.0.1");
	turn(s, &s->ends[0].is_closed);
	assert_non_null(strstr(s->ends[0].why, "certificate has expired"));
}

static void keeps_the_former_files_when_new_ones_are_broken(void **state)
{
	struct scene *s = *state;
	struct xvs_error err = ERROR_INIT;
	FILE *f;

	contexts_make(s);
	f = fopen(s->b.certificate, "w");
	(void)fputs("this is no certificate\n", f);
	(void)fclose(f);
	assert_int_equal(tls_context_refresh(s->server, &err), -EINVAL);
	assert_non_null(strstr(err.text, s->b.certificate));
	assert_int_equal(tls_context_refresh(s->server, &err), 0); /* said once */
	meet_as(s, "127.0.0.1");
	turn(s, &s->ends[1].is_ready);
}

static void refuses_a_key_of_another_certificate(void **state)
{
	struct scene *s = *state;
	struct xvs_error err = ERROR_INIT;

	s->a.files.key = s->b.key;
	assert_int_equal(tls_context_create(&s->a.files, &s->client, &err), -EINVAL);
	assert_non_null(strstr(err.text, s->b.key));
	s->a.files.certificate = "/nowhere";
	assert_int_equal(tls_context_create(&s->a.files, &s->client, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/nowhere"));
	assert_non_null(strstr(err.text, "No such file"));
}

/* ---- addresses ------------------------------------------------------------------------------------- */

static void reads_addresses(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {
		{ "hostb", "hostb", 4790 },
		{ "hostb:1", "hostb", 1 },
		{ "192.0.2.1:65535", "192.0.2.1", 65535 },
		{ "[2001:db8::1]:7", "2001:db8::1", 7 },
		{ "[2001:db8::1]", "2001:db8::1", 4790 },
		{ "2001:db8::1", "2001:db8::1", 4790 },
	};
	static const char *const bad[] = { "",     ":1",   "h:",     "h:0",      "h:65536",
					   "h:1x", "[::1", "[::1]x", "[::1]:",   "a b",
					   "h:+1", "[]:1", "a/b",    "[::1]:-1", "x]" };
	char host[TLS_HOST_TEXT];
	char text[400];
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(tls_address_parse(good[i].text, 4790, host, &port));
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(tls_address_parse(bad[i], 4790, host, &port));
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_false(tls_address_parse(text, 4790, host, &port));
}

static void listens_at_addresses_alone(void **state)
{
	struct xvs_error err = ERROR_INIT;
	int fd;

	(void)state;
	assert_int_equal(tls_listen("nowhere.example", 0, &fd, &err), -EINVAL);
	assert_int_equal(tls_listen("127.0.0.1", 0, &fd, &err), 0);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_who_is_at_the_other_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_the_common_name_where_there_is_no_other,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_the_certificate_of_another_authority,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_certificate_that_has_expired, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_host_of_another_name_than_asked_for,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			refuses_older_versions_and_clients_without_certificate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(room_is_made_by_who_has_the_most, set_up,
						tear_down),
		cmocka_unit_test(a_host_is_one_whatever_its_addresses),
		cmocka_unit_test_setup_teardown(says_why_nobody_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(carries_much_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(may_be_destroyed_while_it_reads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sends_the_rest_when_it_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_files_again_when_they_change, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_former_files_when_new_ones_are_broken,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_key_of_another_certificate, set_up,
						tear_down),
		cmocka_unit_test(reads_addresses),
		cmocka_unit_test(listens_at_addresses_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
