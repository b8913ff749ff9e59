/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DSCP of another process's sockets: of those that are meant, and of no others.
 * links: xvs_hv xvs_base pkg::jansson pkg::libevent
 */
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "marking.h"

enum { SOCKETS = 3 };

/* A process that has connections, and our own names of them. */
static struct {
	int listeners[SOCKETS], ends[SOCKETS];
	uint16_t ports[SOCKETS];
	struct process child;
} w;

static int listen_at(int family, uint16_t *port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = family == AF_INET ? sizeof(in) : sizeof(in6);
	struct sockaddr *at = family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, at, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, at, &len), 0);
	*port = ntohs(family == AF_INET ? in.sin_port : in6.sin6_port);
	return fd;
}

/* By IPv4; the second is IPv4 in an IPv6 socket. */
static int connect_to(int family, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr), 1);
	assert_int_equal(
		connect(fd, family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6,
			family == AF_INET ? sizeof(in) : sizeof(in6)),
		0);
	return fd;
}

static int set_up(void **state)
{
	static const int families[SOCKETS] = { AF_INET, AF_INET6, AF_INET };
	pid_t pid;

	(void)state;
	for (int i = 0; i < SOCKETS; i++) {
		w.listeners[i] = listen_at(AF_INET, &w.ports[i]);
		w.ends[i] = connect_to(families[i], w.ports[i]);
	}
	pid = fork();
	if (pid == 0) {
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
	w.child = (struct process){ .pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0) };
	return w.child.pidfd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	process_kill(&w.child, SIGKILL);
	(void)process_reap(&w.child);
	process_close(&w.child);
	for (int i = 0; i < SOCKETS; i++) {
		(void)close(w.listeners[i]);
		(void)close(w.ends[i]);
	}
	return 0;
}

static int dscp_of(int fd)
{
	int tos = -1;
	socklen_t len = sizeof(tos);

	assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_TOS, &tos, &len), 0);
	return tos >> 2;
}

static int set(const char *host, uint16_t first, uint16_t second)
{
	const struct marking m = { host, { first, second }, 10 };
	struct xvs_error err = ERROR_INIT;
	int marked = marking_set(&w.child, &m, &err);

	if (marked < 0)
		fail_msg("%s", err.text);
	return marked;
}

static void marks_what_goes_to_the_places(void **state)
{
	(void)state;
	assert_int_equal(set("127.0.0.1", w.ports[0], w.ports[1]), 2);
	assert_int_equal(dscp_of(w.ends[0]), 10);
	assert_int_equal(dscp_of(w.ends[1]), 10);
	assert_int_equal(dscp_of(w.ends[2]), 0);
	assert_int_equal(set("127.0.0.1", w.ports[0], w.ports[1]), 0); /* they have it */
}

static void leaves_others_alone(void **state)
{
	(void)state;
	assert_int_equal(set("127.0.0.2", w.ports[0], w.ports[1]), 0);
	assert_int_equal(set("127.0.0.1", 0, 0), 0);
	assert_int_equal(set("::1", w.ports[0], w.ports[1]), 0);
	for (int i = 0; i < SOCKETS; i++)
		assert_int_equal(dscp_of(w.ends[i]), 0);
}

static void says_when_nobody_is_there(void **state)
{
	const struct marking m = { "127.0.0.1", { w.ports[0], 0 }, 10 };
	const struct process nobody = { .pid = INT32_MAX, .pidfd = -1 };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(marking_set(&nobody, &m, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot be listed"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(marks_what_goes_to_the_places),
		TEST(leaves_others_alone),
		TEST(says_when_nobody_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
