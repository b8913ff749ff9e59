/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit/ext/sockets.h - an instance with "xvs.loop/1", and both ends of its connections.
 */
#ifndef XVS_TEST_UNIT_EXT_SOCKETS_H
#define XVS_TEST_UNIT_EXT_SOCKETS_H

#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "ext/network.h"
#include "xvs/ext/loop.h"

/* One that was connected or accepted. */
struct socket_end {
	atomic_uint count; /* how often it was told */
	int fd;
	char text[300];
};

static const struct xvs_loop_host *loops;
static struct socket_end asked, called;

static void on_asked(void *arg, int fd, const char *text)
{
	struct socket_end *e = arg;

	e->fd = fd;
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
	atomic_fetch_add(&e->count, 1);
}

static void sockets_make(void)
{
	bench.ext.rights = XVS_RIGHT_NETWORK;
	bench_make();
	loops = bench.host->query(bench.host, XVS_LOOP);
	assert_non_null(loops);
	memset(&asked, 0, sizeof(asked));
	memset(&called, 0, sizeof(called));
	asked.fd = -1;
	called.fd = -1;
}

static int sockets_setup(void **state)
{
	int code = bench_setup(state);

	(void)signal(SIGPIPE, SIG_IGN);
	bench.env.network = network_create();
	sockets_make();
	return code;
}

static int sockets_teardown(void **state)
{
	struct network *network = bench.env.network;

	if (asked.fd >= 0)
		(void)close(asked.fd);
	if (called.fd >= 0)
		(void)close(called.fd);
	(void)bench_teardown(state);
	network_destroy(network);
	return 0;
}

/* A listener at some free port; the port. */
static inline unsigned listen_somewhere(const char *kind, struct xvs_listener **out)
{
	int code = -EADDRINUSE;
	unsigned port = 0;

	for (unsigned n = 0; code == -EADDRINUSE && n < 200; n++) {
		char text[64];

		port = 20000 + ((unsigned)getpid() * 7 + n * 131) % 10000;
		(void)snprintf(text, sizeof(text), "%s:%u", kind, port);
		code = loops->listen(bench.host, text, on_asked, &called, out);
	}
	assert_int_equal(code, 0);
	return port;
}

static inline void connect_to(const char *kind, unsigned port)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s:127.0.0.1:%u", kind, port);
	assert_int_equal(loops->connect(bench.host, text, on_asked, &asked), 0);
}

/* Turns until nothing can be on its way any more. */
static inline void turn_on(unsigned turns)
{
	for (unsigned n = 0; n < turns; n++)
		bench_turn();
}

/* All of it, both loops of a stream turning. */
static inline void write_all(int fd, const void *bytes, size_t len)
{
	uint64_t end = clock_ns() + BENCH_WAIT_S * NS_PER_S;
	const char *at = bytes;

	while (len > 0) {
		ssize_t done = write(fd, at, len);

		assert_true(done > 0 || errno == EAGAIN);
		assert_true(clock_ns() < end);
		if (done > 0) {
			at += done;
			len -= (size_t)done;
		}
		bench_turn();
	}
}

/* So many, or fewer where the stream ends before. */
static inline size_t read_all(int fd, void *bytes, size_t len)
{
	uint64_t end = clock_ns() + BENCH_WAIT_S * NS_PER_S;
	size_t got = 0;

	while (got < len) {
		ssize_t done = read(fd, (char *)bytes + got, len - got);

		assert_true(done >= 0 || errno == EAGAIN);
		assert_true(clock_ns() < end);
		if (done == 0)
			break;
		if (done > 0)
			got += (size_t)done;
		bench_turn();
	}
	return got;
}

#define SOCKETS(test) cmocka_unit_test_setup_teardown(test, sockets_setup, sockets_teardown)

#endif /* XVS_TEST_UNIT_EXT_SOCKETS_H */
