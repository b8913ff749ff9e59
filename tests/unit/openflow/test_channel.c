/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a controller is called again, and who makes room where too many call: a host whose calls all fail,
 * a clock that is set by hand.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/test.h"

#define XVS_USE_DRAFT
#include "channel/channel.h"

enum { CALLS_MAX = 64, TIMERS_MAX = 256 };

struct xvs_timer {
	xvs_timer_fn fn;
	void *arg;
};
struct xvs_watch {
	int fd;
};

static uint64_t now_ns;
static uint64_t called_ns[CALLS_MAX];
static uint32_t calls;
static xvs_connect_fn on_called;
static void *called_arg;
static xvs_accept_fn on_accepted;
static void *accepted_arg;
static struct xvs_timer timers[TIMERS_MAX];
static uint32_t timer_count;
static struct xvs_watch watch;
static struct of_channel channel;

/* ---- the host --------------------------------------------------------------------------------------- */

static uint64_t host_now(const struct xvs_host *h)
{
	(void)h;
	return now_ns;
}

static int host_connect(const struct xvs_host *h, const char *target, xvs_connect_fn done,
			void *arg)
{
	(void)h;
	(void)target;
	assert_true(calls < CALLS_MAX);
	called_ns[calls++] = now_ns;
	on_called = done;
	called_arg = arg;
	return 0;
}

static struct xvs_watch *host_watch(const struct xvs_host *h, int fd, uint32_t events,
				    xvs_watch_fn fn, void *arg)
{
	(void)h;
	(void)fd;
	(void)events;
	(void)fn;
	(void)arg;
	return &watch;
}

static void host_change(const struct xvs_host *h, struct xvs_watch *w, uint32_t events)
{
	(void)h;
	(void)w;
	(void)events;
}

static void host_unwatch(const struct xvs_host *h, struct xvs_watch *w)
{
	(void)h;
	(void)w;
}

static int host_listen(const struct xvs_host *h, const char *target, xvs_accept_fn fn, void *arg,
		       struct xvs_listener **out)
{
	(void)h;
	(void)target;
	on_accepted = fn;
	accepted_arg = arg;
	*out = (struct xvs_listener *)(void *)&watch;
	return 0;
}

static void host_unlisten(const struct xvs_host *h, struct xvs_listener *l)
{
	(void)h;
	(void)l;
}

static struct xvs_timer *host_timer(const struct xvs_host *h, xvs_timer_fn fn, void *arg)
{
	(void)h;
	assert_true(timer_count < TIMERS_MAX);
	timers[timer_count] = (struct xvs_timer){ fn, arg };
	return &timers[timer_count++];
}

static void host_arm(const struct xvs_host *h, struct xvs_timer *t, uint64_t delay_ns)
{
	(void)h;
	(void)t;
	(void)delay_ns;
}

static void host_untimer(const struct xvs_host *h, struct xvs_timer *t)
{
	(void)h;
	(void)t;
}

static const struct xvs_host host = { .size = sizeof(host), .now = host_now };
static const struct xvs_loop_host loop = {
	.size = sizeof(loop),
	.connect = host_connect,
	.watch = host_watch,
	.change = host_change,
	.unwatch = host_unwatch,
	.listen = host_listen,
	.unlisten = host_unlisten,
};
static const struct xvs_timer_host timer_host = {
	.size = sizeof(timer_host),
	.create = host_timer,
	.arm = host_arm,
	.destroy = host_untimer,
};

/* ---- the agent -------------------------------------------------------------------------------------- */

static char last_why[128];

static void opened(void *arg, struct of_connection *c)
{
	(void)arg;
	(void)c;
}

static void message(void *arg, struct of_connection *c, const struct of_message *m,
		    struct of_bytes bytes)
{
	(void)arg;
	(void)c;
	(void)m;
	(void)bytes;
}

static void closed(void *arg, struct of_connection *c, const char *why)
{
	(void)arg;
	(void)c;
	(void)snprintf(last_why, sizeof(last_why), "%s", why);
}

static void ticked(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
}

static void tick(uint64_t ms)
{
	now_ns += ms * 1000000;
	timers[0].fn(timers[0].arg);
}

static int make_channel(const char *target, uint32_t backoff_max_s)
{
	const struct of_handler handler = { .opened = opened,
					    .message = message,
					    .closed = closed };
	const struct of_pace pace = { .backoff_max_s = backoff_max_s };

	now_ns = 1000000000;
	calls = timer_count = 0;
	assert_int_equal(of_channel_init(&channel, &host, &loop, &timer_host, &handler, ticked), 0);
	channel.dice = 99;
	of_channel_set(&channel, of_target_list_new(&target, 1), 1u << OF_V13, &pace);
	of_channel_on(&channel, true);
	tick(0);
	return 0;
}

static void calls_are_ever_rarer_up_to_the_limit_and_not_in_step(void **state)
{
	const uint64_t second = 1000000000;
	uint64_t expected = 1;
	bool is_out_of_step = false;

	(void)state;
	make_channel("tcp:192.0.2.1:6653", 4);
	for (uint32_t i = 0; i < 12; i++) {
		uint64_t failed_ns = now_ns;
		uint32_t before = calls;

		on_called(called_arg, -ECONNREFUSED, "Connection refused");
		while (calls == before)
			tick(10);
		assert_in_range(called_ns[calls - 1] - failed_ns, expected * second,
				expected * second * 5 / 4 + 10000000);
		is_out_of_step |= called_ns[calls - 1] - failed_ns > expected * second + 20000000;
		expected = expected * 2 > 4 ? 4 : expected * 2;
	}
	assert_true(is_out_of_step);
	assert_string_equal(channel.targets[0]->last_error, "Connection refused");
	assert_false(channel.targets[0]->is_well);
	of_channel_destroy(&channel);
}

static void who_has_said_nothing_for_longest_makes_room(void **state)
{
	int ends[OF_CALLERS_MAX + 1][2];
	uint8_t byte;

	(void)state;
	make_channel("ptcp:6653", 4);
	for (uint32_t i = 0; i <= OF_CALLERS_MAX; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends[i]), 0);
		on_accepted(accepted_arg, ends[i][0], "192.0.2.7:1");
		if (i == 0) /* as if it had said HELLO: it stays */
			channel.connections->is_open = true;
	}
	assert_int_equal(channel.connection_count, OF_CALLERS_MAX);
	assert_int_equal(channel.turned_away, 1);
	assert_string_equal(last_why, "others called, and it had not said HELLO");
	/* each was told HELLO; the second is the one whose connection has ended */
	for (uint32_t i = 0; i <= OF_CALLERS_MAX; i++) {
		while (recv(ends[i][1], &byte, 1, 0) == 1)
			;
		assert_int_equal(recv(ends[i][1], &byte, 1, 0), i == 1 ? 0 : -1);
	}
	of_channel_destroy(&channel);
	for (uint32_t i = 0; i <= OF_CALLERS_MAX; i++)
		(void)close(ends[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_ever_rarer_up_to_the_limit_and_not_in_step),
		cmocka_unit_test(who_has_said_nothing_for_longest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
