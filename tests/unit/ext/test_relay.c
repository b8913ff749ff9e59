/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "xvs.loop/1" with TLS: who gets in, and that what nobody reads is bounded.
 * links: xvs_ext xvs_tls xvs_base pkg::openssl
 */
#include "sockets.h"

#include <openssl/ssl.h>

#include "support/certificates.h"

enum { MUCH = 3 << 20, FAR_TOO_MUCH = 48 << 20, PATIENCE = 400 };

static char dir[TEST_PATH];
static struct authority authority;
static struct host_files files;
static struct tls_context *stranger; /* of whom is on the other side, where that is no instance */

/* A link that is no relay's. */
static struct {
	struct tls_link *link;
	atomic_uint ready, closed;
	size_t got;
} peer;

static void peer_ready(void *arg)
{
	(void)arg;
	atomic_fetch_add(&peer.ready, 1);
}

static void peer_input(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	peer.got += len;
}

static void peer_closed(void *arg, const struct xvs_error *why)
{
	(void)arg;
	(void)why;
	atomic_fetch_add(&peer.closed, 1);
}

static const struct tls_ops peer_ops = { .ready = peer_ready,
					 .input = peer_input,
					 .closed = peer_closed };

static void keys_set(bool takes_tls12)
{
	struct network_settings settings = { .files = files.files };
	struct xvs_error err = ERROR_INIT;

	settings.files.takes_tls12 = takes_tls12;
	if (network_set(bench.env.network, &settings, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)sockets_setup(state);
	(void)test_temp_dir(dir);
	authority_init(&authority, dir, "lab");
	host_init(&files, &authority, "switch.example", true, CERTIFICATE_S);
	keys_set(true);
	memset(&peer, 0, sizeof(peer));
	assert_int_equal(tls_context_create(&files.files, &stranger, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	tls_link_destroy(peer.link);
	tls_context_destroy(stranger);
	authority_finish(&authority);
	test_temp_remove(dir);
	return sockets_teardown(state);
}

static void meet(void)
{
	struct xvs_listener *l;

	connect_to("tls", listen_somewhere("pssl", &l));
	bench_wait(&asked.count, 1);
	bench_wait(&called.count, 1);
	assert_true(asked.fd >= 0 && called.fd >= 0);
	loops->unlisten(bench.host, l);
}

static void meet_peer(void)
{
	struct xvs_listener *l;
	unsigned port = listen_somewhere("pssl", &l);

	peer.link = tls_link_connect(bench.loop, stranger, "127.0.0.1", (uint16_t)port, &peer_ops,
				     NULL);
	assert_non_null(peer.link);
	bench_wait(&called.count, 1);
	assert_true(called.fd >= 0);
}

static void bytes_arrive_whole_and_in_order(void **state)
{
	uint8_t *sent = malloc(MUCH);
	uint8_t *got = calloc(1, MUCH);
	size_t out = 0;
	size_t in = 0;
	uint64_t seed = 7;

	(void)state;
	for (size_t n = 0; n < MUCH; n++)
		sent[n] = (uint8_t)test_random(&seed);
	meet();
	while (in < MUCH) {
		ssize_t len = out < MUCH ? write(asked.fd, sent + out, MUCH - out) : 0;

		out += len > 0 ? (size_t)len : 0;
		(void)event_base_loop(loop_base(bench.loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
		len = read(called.fd, got + in, MUCH - in);
		assert_true(len > 0 || (len < 0 && errno == EAGAIN));
		in += len > 0 ? (size_t)len : 0;
	}
	assert_memory_equal(sent, got, MUCH);
	free(sent);
	free(got);
}

static void tells_addresses(void **state)
{
	(void)state;
	meet();
	assert_int_equal(strncmp(asked.text, "127.0.0.1:", 10), 0);
	assert_int_equal(strncmp(called.text, "127.0.0.1:", 10), 0);
}

/* The other side's TCP has to wait for an extension that does not read. */
static void who_does_not_read_stops_the_other_side(void **state)
{
	char *bytes = calloc(1, FAR_TOO_MUCH);
	size_t left;

	(void)state;
	meet_peer();
	assert_true(tls_link_send(peer.link, bytes, FAR_TOO_MUCH));
	turn_on(PATIENCE);
	left = tls_link_queued(peer.link);
	assert_true(left > FAR_TOO_MUCH / 2);
	turn_on(PATIENCE);
	assert_int_equal(tls_link_queued(peer.link), left);
	/* and goes on when it does */
	assert_int_equal(read_all(called.fd, bytes, FAR_TOO_MUCH), FAR_TOO_MUCH);
	free(bytes);
}

/* An extension has to wait for the other side. */
static void what_the_other_side_does_not_read_is_bounded(void **state)
{
	char *bytes = calloc(1, 1 << 20);
	size_t sent = 0;
	unsigned full = 0;

	(void)state;
	meet_peer();
	bench_wait(&peer.ready, 1);
	tls_link_pause(peer.link, true);
	while (full < PATIENCE) {
		ssize_t len = write(called.fd, bytes, 1 << 20);

		full = len > 0 ? 0 : full + 1;
		sent += len > 0 ? (size_t)len : 0;
		assert_true(sent < FAR_TOO_MUCH / 2);
		bench_turn();
	}
	assert_true(peer.got == 0);
	tls_link_pause(peer.link, false);
	for (unsigned n = 0; n < 100000 && peer.got < sent; n++)
		bench_turn();
	assert_int_equal(peer.got, sent);
	free(bytes);
}

/* "When one direction ends, the link does": behind what was written before. */
static void closing_sends_what_was_written(void **state)
{
	(void)state;
	meet_peer();
	assert_int_equal(write(called.fd, "last words", 10), 10);
	(void)close(called.fd);
	called.fd = -1;
	bench_wait(&peer.closed, 1);
	assert_int_equal(peer.got, 10);
}

/* More than one turn takes, while what came for it cannot be handed over any more. */
static void closing_sends_all_of_it_whatever_is_unread(void **state)
{
	enum { WORDS = 60 << 10 };
	char *bytes = calloc(1, MUCH);

	(void)state;
	meet_peer();
	bench_wait(&peer.ready, 1);
	assert_true(tls_link_send(peer.link, bytes, MUCH));
	turn_on(PATIENCE);
	assert_int_equal(write(called.fd, bytes, WORDS), WORDS);
	(void)close(called.fd);
	called.fd = -1;
	bench_wait(&peer.closed, 1);
	assert_int_equal(peer.got, WORDS);
	free(bytes);
}

static void half_an_end_is_an_end(void **state)
{
	char text[16];

	(void)state;
	meet_peer();
	bench_wait(&peer.ready, 1);
	assert_int_equal(shutdown(called.fd, SHUT_WR), 0);
	bench_wait(&peer.closed, 1);
	assert_int_equal(read_all(called.fd, text, sizeof(text)), 0);
}

static void the_other_side_ends_behind_what_it_sent(void **state)
{
	char *bytes = calloc(1, MUCH);

	(void)state;
	meet_peer();
	bench_wait(&peer.ready, 1);
	assert_true(tls_link_send(peer.link, bytes, MUCH / 8));
	tls_link_end(peer.link);
	peer.link = NULL;
	turn_on(PATIENCE); /* it is gone before anything is read */
	assert_int_equal(read_all(called.fd, bytes, MUCH), MUCH / 8);
	free(bytes);
}

static void many_who_say_nothing_keep_nobody_out(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct xvs_listener *l;
	unsigned port = listen_somewhere("pssl", &l);
	int silent[100];

	(void)state;
	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned n = 0; n < 100; n++) {
		silent[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(silent[n], (struct sockaddr *)&address, sizeof(address)),
				 0);
		turn_on(3);
	}
	connect_to("tls", port);
	bench_wait(&asked.count, 1);
	assert_true(asked.fd >= 0);
	bench_wait(&called.count, 1);
	assert_true(called.fd >= 0);
	for (unsigned n = 0; n < 100; n++)
		(void)close(silent[n]);
}

/* ---- who gets in ------------------------------------------------------------------------------------ */

static void strangers_stay_outside(void **state)
{
	struct authority other;
	struct host_files theirs;
	struct tls_context *context;
	struct xvs_error err = ERROR_INIT;
	struct xvs_listener *l;
	unsigned port = listen_somewhere("pssl", &l);

	(void)state;
	authority_init(&other, dir, "elsewhere");
	host_init(&theirs, &other, "stranger", true, CERTIFICATE_S);
	theirs.files.ca = authority.ca; /* they trust us, and we do not trust them */
	assert_int_equal(tls_context_create(&theirs.files, &context, &err), 0);
	peer.link =
		tls_link_connect(bench.loop, context, "127.0.0.1", (uint16_t)port, &peer_ops, NULL);
	bench_wait(&peer.closed, 1);
	turn_on(20);
	assert_int_equal(atomic_load(&called.count), 0);
	tls_context_destroy(context);
	authority_finish(&other);
}

static void we_do_not_talk_to_strangers(void **state)
{
	struct authority other;
	struct host_files theirs;
	struct xvs_listener *l;
	unsigned port;
	struct network_settings settings = { .allow_count = 0 };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	authority_init(&other, dir, "elsewhere");
	host_init(&theirs, &other, "stranger", true, CERTIFICATE_S);
	port = listen_somewhere("pssl", &l);
	/* who asks trusts another authority than who answers has */
	settings.files = theirs.files;
	connect_to("tls", port);
	bench_wait(&asked.count, 1);
	assert_true(asked.fd >= 0);
	(void)close(asked.fd);
	settings.files.certificate = files.files.certificate;
	settings.files.key = files.files.key;
	assert_int_equal(network_set(bench.env.network, &settings, &err), 0);
	connect_to("tls", port);
	bench_wait(&asked.count, 2);
	assert_int_equal(asked.fd, -EACCES);
	assert_non_null(strstr(asked.text, "certificate is refused"));
	authority_finish(&other);
}

static SSL_CTX *old_client(void)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());

	assert_int_equal(SSL_CTX_set_max_proto_version(ssl, TLS1_2_VERSION), 1);
	assert_int_equal(SSL_CTX_use_certificate_chain_file(ssl, files.certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(ssl, files.key, SSL_FILETYPE_PEM), 1);
	return ssl;
}

/* Turns while the client's handshake, which does not block, goes on; its result. */
static int shake(SSL *ssl)
{
	uint64_t end = clock_ns() + BENCH_WAIT_S * NS_PER_S;
	int result;

	do {
		int what;

		result = SSL_connect(ssl);
		what = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, result);
		if (what != SSL_ERROR_WANT_READ && what != SSL_ERROR_WANT_WRITE)
			break;
		bench_turn();
	} while (clock_ns() < end);
	return result;
}

static int connect_old(unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL_CTX *context = old_client();
	SSL *ssl = SSL_new(context);
	int result;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)evutil_make_socket_nonblocking(fd);
	(void)SSL_set_fd(ssl, fd);
	result = shake(ssl);
	SSL_free(ssl);
	SSL_CTX_free(context);
	(void)close(fd);
	return result;
}

static void takes_tls_1_2(void **state)
{
	struct xvs_listener *l;
	unsigned port = listen_somewhere("pssl", &l);

	(void)state;
	assert_int_equal(connect_old(port), 1);
	bench_wait(&called.count, 1);
	keys_set(false);
	assert_int_not_equal(connect_old(port), 1);
}

/* Who connects and says nothing costs a descriptor for a while, and keeps nobody out. */
static void who_says_nothing_keeps_nobody_out(void **state)
{
	enum { MUTE = 20 };
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct xvs_listener *l;
	unsigned port = listen_somewhere("pssl", &l);
	int fds[MUTE];

	(void)state;
	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned n = 0; n < MUTE; n++) {
		fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[n], (struct sockaddr *)&address, sizeof(address)), 0);
		bench_turn();
	}
	connect_to("tls", port);
	bench_wait(&called.count, 1);
	assert_true(called.fd >= 0);
	for (unsigned n = 0; n < MUTE; n++)
		(void)close(fds[n]);
}

static void ends_in_the_middle_of_a_handshake(void **state)
{
	struct xvs_listener *l;

	(void)state;
	instance_set_active(bench.instance, true);
	connect_to("tls", listen_somewhere("pssl", &l));
	turn_on(2);
	instance_set_active(bench.instance, false);
	turn_on(20);
	assert_true(atomic_load(&asked.count) <= 1);
	if (asked.fd < 0)
		assert_int_equal(atomic_load(&asked.count), 0);
}

static void ends_with_bytes_under_way(void **state)
{
	char bytes[4096] = { 0 };

	(void)state;
	meet();
	for (unsigned n = 0; n < 100; n++) {
		(void)!write(asked.fd, bytes, sizeof(bytes));
		(void)!write(called.fd, bytes, sizeof(bytes));
	}
	turn_on(5);
	bench_unmake();
	/* the inner ends are closed with the instance */
	while (read(asked.fd, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(read(asked.fd, bytes, sizeof(bytes)), 0);
}

#define RELAY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY(bytes_arrive_whole_and_in_order),
		RELAY(tells_addresses),
		RELAY(who_does_not_read_stops_the_other_side),
		RELAY(what_the_other_side_does_not_read_is_bounded),
		RELAY(closing_sends_what_was_written),
		RELAY(closing_sends_all_of_it_whatever_is_unread),
		RELAY(half_an_end_is_an_end),
		RELAY(the_other_side_ends_behind_what_it_sent),
		RELAY(strangers_stay_outside),
		RELAY(we_do_not_talk_to_strangers),
		RELAY(takes_tls_1_2),
		RELAY(who_says_nothing_keeps_nobody_out),
		RELAY(many_who_say_nothing_keep_nobody_out),
		RELAY(ends_in_the_middle_of_a_handshake),
		RELAY(ends_with_bytes_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
