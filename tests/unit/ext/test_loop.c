/* SPDX-License-Identifier: Apache-2.0 */
/* "xvs.loop/1" without TLS: watches, connections, listeners, and that all of it ends in time. */
#include "sockets.h"

#include <sys/stat.h>
#include <sys/un.h>

/* ---- watches ---------------------------------------------------------------------------------------- */

struct watched {
	struct xvs_watch *watch;
	uint32_t events;
	atomic_uint count;
	bool ends_itself;
};

static void on_watched(void *arg, int fd, uint32_t events)
{
	struct watched *w = arg;

	(void)fd;
	w->events = events;
	atomic_fetch_add(&w->count, 1);
	if (w->ends_itself)
		loops->unwatch(bench.host, w->watch);
}

static void pair_make(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
}

static void tells_again_until_it_is_read(void **state)
{
	struct watched w = { .count = 0 };
	char byte;
	int pair[2];
	unsigned before;

	(void)state;
	pair_make(pair);
	w.watch = loops->watch(bench.host, pair[0], XVS_LOOP_READ, on_watched, &w);
	assert_non_null(w.watch);
	turn_on(5);
	assert_int_equal(atomic_load(&w.count), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	bench_wait(&w.count, 3);
	assert_int_equal(w.events, XVS_LOOP_READ);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	before = atomic_load(&w.count);
	turn_on(5);
	assert_int_equal(atomic_load(&w.count), before);
	loops->unwatch(bench.host, w.watch);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void changes_what_is_watched(void **state)
{
	struct watched w = { .count = 0 };
	int pair[2];
	unsigned before;

	(void)state;
	pair_make(pair);
	w.watch = loops->watch(bench.host, pair[0], 0, on_watched, &w);
	turn_on(5);
	assert_int_equal(atomic_load(&w.count), 0);
	loops->change(bench.host, w.watch, XVS_LOOP_READ | XVS_LOOP_WRITE);
	bench_wait(&w.count, 1);
	assert_int_equal(w.events, XVS_LOOP_WRITE);
	loops->change(bench.host, w.watch, 0);
	before = atomic_load(&w.count);
	turn_on(5);
	assert_int_equal(atomic_load(&w.count), before);
	loops->change(bench.host, w.watch, XVS_LOOP_READ);
	(void)close(pair[1]);
	/* the end comes as what was asked for */
	bench_wait(&w.count, before + 1);
	assert_int_equal(w.events, XVS_LOOP_READ);
	(void)close(pair[0]);
	/* the host ends the watch */
}

static void a_watch_may_end_itself(void **state)
{
	struct watched w = { .ends_itself = true };
	int pair[2];

	(void)state;
	pair_make(pair);
	w.watch = loops->watch(bench.host, pair[0], XVS_LOOP_WRITE, on_watched, &w);
	bench_wait(&w.count, 1);
	turn_on(5);
	assert_int_equal(atomic_load(&w.count), 1);
	loops->unwatch(bench.host, NULL);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void refuses_a_watch_of_nothing(void **state)
{
	(void)state;
	assert_null(loops->watch(bench.host, -1, XVS_LOOP_READ, on_watched, NULL));
	assert_null(loops->watch(bench.host, 0, XVS_LOOP_READ, NULL, NULL));
	assert_null(loops->watch(bench.host, 0, 4, on_watched, NULL));
}

/* ---- connections ------------------------------------------------------------------------------------ */

static void exchange(void)
{
	char text[8] = "";

	write_all(asked.fd, "ping", 4);
	assert_int_equal(read_all(called.fd, text, 4), 4);
	assert_string_equal(text, "ping");
	write_all(called.fd, "pong", 4);
	assert_int_equal(read_all(asked.fd, text, 4), 4);
	assert_string_equal(text, "pong");
}

static void connects_and_accepts_by_tcp(void **state)
{
	struct xvs_listener *l;
	unsigned port = listen_somewhere("ptcp", &l);
	char address[32];

	(void)state;
	connect_to("tcp", port);
	assert_int_equal(atomic_load(&asked.count), 0); /* later, never at once */
	bench_wait(&asked.count, 1);
	bench_wait(&called.count, 1);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	assert_string_equal(asked.text, address);
	assert_int_equal(strncmp(called.text, "127.0.0.1:", 10), 0);
	exchange();
	/* what was accepted goes on without the listener */
	loops->unlisten(bench.host, l);
	exchange();
	turn_on(5);
	assert_int_equal(atomic_load(&asked.count), 1);
}

static void tells_why_it_is_not_connected(void **state)
{
	struct xvs_listener *l;
	unsigned port = listen_somewhere("ptcp", &l);

	(void)state;
	loops->unlisten(bench.host, l);
	connect_to("tcp", port);
	bench_wait(&asked.count, 1);
	assert_int_equal(asked.fd, -ECONNREFUSED);
	assert_string_equal(asked.text, strerror(ECONNREFUSED));
}

static void connects_by_udp(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[8] = "";

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	connect_to("udp", ntohs(address.sin_port));
	bench_wait(&asked.count, 1);
	assert_int_equal(write(asked.fd, "one", 3), 3);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	assert_string_equal(text, "one");
	(void)close(fd);
}

static void connects_and_accepts_by_unix(void **state)
{
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];
	char text[TEST_PATH + 32];
	struct xvs_listener *l;
	struct stat st;

	(void)state;
	(void)test_temp_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/x.sock", dir);
	(void)snprintf(text, sizeof(text), "punix:%s", path);
	assert_int_equal(loops->listen(bench.host, text, on_asked, &called, &l), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(loops->connect(bench.host, text + 1, on_asked, &asked), 0);
	assert_int_equal(atomic_load(&asked.count), 0);
	bench_wait(&asked.count, 1);
	bench_wait(&called.count, 1);
	assert_string_equal(asked.text, text + 1);
	assert_string_equal(called.text, text + 1);
	exchange();
	loops->unlisten(bench.host, l);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(loops->connect(bench.host, text + 1, on_asked, &asked), 0);
	(void)close(asked.fd);
	bench_wait(&asked.count, 2);
	assert_int_equal(asked.fd, -ENOENT);
	test_temp_remove(dir);
}

static void an_address_is_taken_once(void **state)
{
	struct xvs_listener *l;
	struct xvs_listener *other = NULL;
	unsigned port = listen_somewhere("ptcp", &l);
	char text[64];

	(void)state;
	(void)snprintf(text, sizeof(text), "ptcp:%u", port);
	assert_int_equal(loops->listen(bench.host, text, on_asked, &called, &other), -EADDRINUSE);
	assert_null(other);
	loops->unlisten(bench.host, l);
	assert_int_equal(loops->listen(bench.host, text, on_asked, &called, &other), 0);
}

/* ---- what is refused -------------------------------------------------------------------------------- */

static void refuses_what_is_no_target(void **state)
{
	struct xvs_listener *l;

	(void)state;
	assert_int_equal(loops->connect(bench.host, "http:x:1", on_asked, &asked), -EINVAL);
	assert_int_equal(loops->connect(bench.host, "ptcp:6653", on_asked, &asked), -EINVAL);
	assert_int_equal(loops->connect(bench.host, NULL, on_asked, &asked), -EINVAL);
	assert_int_equal(loops->connect(bench.host, "tcp:192.0.2.1:1", NULL, &asked), -EINVAL);
	assert_int_equal(loops->listen(bench.host, "tcp:192.0.2.1:1", on_asked, &called, &l),
			 -EINVAL);
	assert_int_equal(loops->listen(bench.host, "ptcp:1", NULL, &called, &l), -EINVAL);
}

static void refuses_what_the_operator_does_not_allow(void **state)
{
	static const char *const allow[] = { "tcp:127.0.0.1:*", "ptcp:*:127.0.0.1" };
	const struct network_settings settings = { .allow = allow, .allow_count = 2 };
	struct xvs_error err = ERROR_INIT;
	struct xvs_listener *l;

	(void)state;
	assert_int_equal(network_set(bench.env.network, &settings, &err), 0);
	connect_to("tcp", listen_somewhere("ptcp", &l));
	bench_wait(&asked.count, 1);
	assert_true(asked.fd >= 0);
	assert_int_equal(loops->connect(bench.host, "tcp:127.0.0.2:1", on_asked, &asked), -EPERM);
	assert_int_equal(loops->connect(bench.host, "unix:/x", on_asked, &asked), -EPERM);
	assert_int_equal(loops->listen(bench.host, "ptcp:1:0.0.0.0", on_asked, &called, &l),
			 -EPERM);
}

static void needs_the_right(void **state)
{
	struct xvs_listener *l;

	(void)state;
	bench_unmake();
	bench.ext.rights = XVS_RIGHT_ORIGINATE;
	bench_make();
	assert_int_equal(loops->connect(bench.host, "tcp:127.0.0.1:1", on_asked, &asked), -EPERM);
	assert_int_equal(loops->listen(bench.host, "ptcp:1", on_asked, &called, &l), -EPERM);
	assert_null(loops->watch(bench.host, 0, XVS_LOOP_READ, on_watched, NULL));
}

static void there_are_no_keys(void **state)
{
	struct xvs_listener *l;

	(void)state;
	assert_int_equal(loops->connect(bench.host, "tls:127.0.0.1:1", on_asked, &asked), -ENOKEY);
	assert_int_equal(loops->listen(bench.host, "pssl:1", on_asked, &called, &l), -ENOKEY);
}

static void *from_elsewhere(void *arg)
{
	struct xvs_listener *l;

	(void)arg;
	assert_int_equal(loops->connect(bench.host, "tcp:127.0.0.1:1", on_asked, &asked), -EPERM);
	assert_int_equal(loops->listen(bench.host, "ptcp:1", on_asked, &called, &l), -EPERM);
	assert_null(loops->watch(bench.host, 0, XVS_LOOP_READ, on_watched, NULL));
	return NULL;
}

static void belongs_to_the_control_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, from_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void there_is_an_end_of_connections_under_way(void **state)
{
	int code = 0;

	(void)state;
	for (unsigned n = 0; code == 0 && n < 1000; n++)
		code = loops->connect(bench.host, "unix:/x", on_asked, &asked);
	assert_int_equal(code, -EAGAIN);
	assert_int_equal(atomic_load(&asked.count), 0);
	bench_wait(&asked.count, 1);
	/* by then there is room again */
	turn_on(20);
	assert_int_equal(loops->connect(bench.host, "unix:/x", on_asked, &asked), 0);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

/* "done() is called exactly once, later, unless active(false) or destroy() comes first." */
static void standing_down_ends_what_is_under_way(void **state)
{
	struct xvs_listener *l;
	struct xvs_listener *other;
	unsigned port;
	char text[64];

	(void)state;
	instance_set_active(bench.instance, true);
	port = listen_somewhere("ptcp", &l);
	connect_to("tcp", port);
	bench_wait(&called.count, 1);
	bench_wait(&asked.count, 1);
	assert_int_equal(loops->connect(bench.host, "unix:/x", on_asked, &asked), 0);
	instance_set_active(bench.instance, false);
	turn_on(20);
	assert_int_equal(atomic_load(&asked.count), 1);
	exchange(); /* what is connected is the extension's */
	(void)snprintf(text, sizeof(text), "ptcp:%u", port);
	assert_int_equal(loops->listen(bench.host, text, on_asked, &called, &other), 0);
	loops->unlisten(bench.host, l); /* the handle is still good */
	loops->unlisten(bench.host, other);
}

static void late_destroy(void *self)
{
	struct watched *w = self;

	assert_int_equal(loops->connect(bench.host, "unix:/x", on_asked, &asked), -ESHUTDOWN);
	assert_null(loops->watch(bench.host, 0, XVS_LOOP_READ, on_watched, w));
	loops->change(bench.host, w->watch, XVS_LOOP_READ | XVS_LOOP_WRITE);
	loops->unwatch(bench.host, w->watch);
}

static int watched_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			  struct xvs_error *err)
{
	static struct watched w;

	(void)args;
	(void)err;
	memset(&w, 0, sizeof(w));
	bench.host = host;
	*self = &w;
	return 0;
}

/* "Watches, connections under way and listeners fall silent before destroy(); handles stay good" */
static void everything_is_silent_before_destroy(void **state)
{
	struct watched *w;
	struct xvs_listener *l;
	int pair[2];
	unsigned before;

	(void)state;
	bench_unmake();
	bench.ops.create = watched_create;
	bench.ops.destroy = late_destroy;
	sockets_make();
	w = bench.instance->self;
	pair_make(pair);
	w->watch = loops->watch(bench.host, pair[0], XVS_LOOP_WRITE, on_watched, w);
	connect_to("tcp", listen_somewhere("ptcp", &l));
	bench_wait(&w->count, 1);
	before = atomic_load(&w->count);
	bench_unmake();
	turn_on(20);
	assert_int_equal(atomic_load(&w->count), before);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKETS(tells_again_until_it_is_read),
		SOCKETS(changes_what_is_watched),
		SOCKETS(a_watch_may_end_itself),
		SOCKETS(refuses_a_watch_of_nothing),
		SOCKETS(connects_and_accepts_by_tcp),
		SOCKETS(tells_why_it_is_not_connected),
		SOCKETS(connects_by_udp),
		SOCKETS(connects_and_accepts_by_unix),
		SOCKETS(an_address_is_taken_once),
		SOCKETS(refuses_what_is_no_target),
		SOCKETS(refuses_what_the_operator_does_not_allow),
		SOCKETS(needs_the_right),
		SOCKETS(there_are_no_keys),
		SOCKETS(belongs_to_the_control_thread),
		SOCKETS(there_is_an_end_of_connections_under_way),
		SOCKETS(standing_down_ends_what_is_under_way),
		SOCKETS(everything_is_silent_before_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
