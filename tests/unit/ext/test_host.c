/* SPDX-License-Identifier: Apache-2.0 */
/* struct xvs_host: log, now, query, defer; collect of "xvs.flow-host/1". */
#include "bench.h"

#include <errno.h>

static char lines[64][600];
static int levels[64];
static atomic_uint line_count;
static atomic_uint deferred;
static unsigned deferred_order[8];

static void on_line(struct instance *i, int level, const char *text)
{
	unsigned n = atomic_load(&line_count);

	assert_string_equal(i->name, "bench");
	assert_true(n < 64);
	levels[n] = level;
	(void)snprintf(lines[n], sizeof(lines[n]), "%s", text);
	atomic_store(&line_count, n + 1);
}

static int setup(void **state)
{
	int code = bench_setup(state);

	bench.env.log = on_line;
	atomic_store(&line_count, 0);
	atomic_store(&deferred, 0);
	bench_make();
	return code;
}

static void say(int level, const char *text)
{
	bench.host->log(bench.host, level, text);
}

static void says_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(bench.host->size, sizeof(struct xvs_host));
	assert_int_equal(bench.host->abi_minor, XVS_ABI_MINOR);
	assert_string_equal(bench.host->name, "xvs " XVS_VERSION);
}

static void time_is_monotonic_and_of_the_batch(void **state)
{
	uint64_t before = clock_ns();
	uint64_t now = bench.host->now(bench.host);

	(void)state;
	assert_in_range(now, before, clock_ns());
}

/* "Optional host interface, or NULL." */
static void query_knows_what_is_offered_and_nothing_else(void **state)
{
	static const char *const offered[] = { XVS_FLOW_HOST, XVS_CONN_HOST, XVS_TIMER,
					       XVS_MAILBOX,   XVS_TASK,      "xvs.loop/1" };
	static const char *const absent[] = { "xvs.event/1",
					      "xvs.queue/1",
					      "xvs.stream/1",
					      "xvs.offload/1",
					      "xvs.timer/2",
					      "xvs.timer",
					      "" };

	(void)state;
	for (unsigned n = 0; n < sizeof(offered) / sizeof(offered[0]); n++) {
		const void *interface = bench.host->query(bench.host, offered[n]);
		uint32_t size;

		assert_non_null(interface);
		memcpy(&size, interface, sizeof(size));
		assert_true(size >= 16);
		assert_true(interface_is_offered(offered[n]));
	}
	for (unsigned n = 0; n < sizeof(absent) / sizeof(absent[0]); n++) {
		assert_null(bench.host->query(bench.host, absent[n]));
		assert_false(interface_is_offered(absent[n]));
	}
	assert_null(bench.host->query(bench.host, NULL));
}

static void lines_keep_their_level(void **state)
{
	(void)state;
	say(XVS_LOG_ERROR, "one");
	say(XVS_LOG_DEBUG, "two");
	say(5, "three");
	say(-1, "four");
	say(XVS_LOG_INFO, NULL);
	assert_int_equal(atomic_load(&line_count), 4);
	assert_int_equal(levels[0], XVS_LOG_ERROR);
	assert_int_equal(levels[1], XVS_LOG_DEBUG);
	assert_int_equal(levels[2], XVS_LOG_INFO);
	assert_int_equal(levels[3], XVS_LOG_INFO);
	assert_string_equal(lines[2], "three");
}

/* "Rate-limited per call site by the host" */
static void one_site_does_not_silence_another(void **state)
{
	static const char noisy[] = "noisy";

	(void)state;
	for (unsigned n = 0; n < 100; n++)
		say(XVS_LOG_INFO, noisy);
	assert_int_equal(atomic_load(&line_count), 10);
	say(XVS_LOG_INFO, "quiet");
	assert_int_equal(atomic_load(&line_count), 11);
	assert_string_equal(lines[10], "quiet");
}

static void what_was_held_back_is_counted(void **state)
{
	static const char noisy[] = "noisy";
	uint64_t end = clock_ns() + 10 * NS_PER_S;

	(void)state;
	for (unsigned n = 0; n < 13; n++)
		say(XVS_LOG_INFO, noisy);
	assert_int_equal(atomic_load(&line_count), 10);
	/* One more is allowed after a second; each try until then is held back as well. */
	while (atomic_load(&line_count) == 10 && clock_ns() < end) {
		bench_turn();
		say(XVS_LOG_INFO, noisy);
	}
	assert_non_null(strstr(lines[10], "noisy ("));
	assert_non_null(strstr(lines[10], " more like this were not shown)"));
}

static void lines_of_a_worker_come_by_the_control_thread(void **state)
{
	(void)state;
	worker_self = bench.workers[1];
	say(XVS_LOG_WARN, "from a worker");
	worker_self = NULL;
	assert_int_equal(atomic_load(&line_count), 0);
	bench_wait(&line_count, 1);
	assert_string_equal(lines[0], "from a worker");
	assert_int_equal(levels[0], XVS_LOG_WARN);
}

static void last_words_of_a_worker_are_not_lost(void **state)
{
	(void)state;
	worker_self = bench.workers[0];
	say(XVS_LOG_ERROR, "giving up");
	worker_self = NULL;
	bench_unmake();
	assert_int_equal(atomic_load(&line_count), 1);
	bench_turn();
	assert_int_equal(atomic_load(&line_count), 1);
}

static void a_worker_has_few_sheets_and_counts_the_rest(void **state)
{
	static const char many[] = "many";

	(void)state;
	worker_self = bench.workers[0];
	for (unsigned n = 0; n < 6; n++)
		say(XVS_LOG_INFO, many);
	worker_self = NULL;
	bench_wait(&line_count, 4);
	worker_self = bench.workers[0];
	say(XVS_LOG_INFO, many);
	worker_self = NULL;
	bench_wait(&line_count, 5);
	assert_string_equal(lines[4], "many (2 more like this were not shown)");
}

static void *say_from_elsewhere(void *arg)
{
	(void)arg;
	for (unsigned n = 0; n < 100; n++)
		say(XVS_LOG_INFO, "from a thread of its own");
	return NULL;
}

static void on_line_counted(struct instance *i, int level, const char *text)
{
	(void)i;
	(void)level;
	(void)text;
	atomic_fetch_add(&line_count, 1);
}

static void any_thread_may_log(void **state)
{
	pthread_t threads[2];

	(void)state;
	bench.env.log = on_line_counted;
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, say_from_elsewhere, NULL), 0);
	say(XVS_LOG_INFO, "and here");
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(pthread_join(threads[n], NULL), 0);
	assert_in_range(atomic_load(&line_count), 11, 40);
}

static void on_deferred(void *arg)
{
	deferred_order[atomic_fetch_add(&deferred, 1)] = *(unsigned *)arg;
}

static unsigned numbers[4] = { 0, 1, 2, 3 };

static void defer(unsigned n)
{
	bench.host->defer(bench.host, on_deferred, &numbers[n]);
}

/* "fn never runs before this call has returned" */
static void deferred_functions_run_later_and_in_order(void **state)
{
	(void)state;
	bench_run();
	for (unsigned n = 0; n < 3; n++)
		defer(n);
	assert_int_equal(atomic_load(&deferred), 0);
	bench_wait(&deferred, 3);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(deferred_order[n], n);
}

static void without_a_waiting_thread_it_still_runs_later(void **state)
{
	(void)state;
	rcu_stop();
	defer(0);
	assert_int_equal(atomic_load(&deferred), 0);
	bench_wait(&deferred, 1);
}

static unsigned deferred_at_destroy;

static void destroy_that_looks(void *self)
{
	(void)self;
	deferred_at_destroy = atomic_load(&deferred);
	defer(3);
}

/* "Then nothing calls you any more." */
static void what_was_deferred_runs_before_destroy(void **state)
{
	(void)state;
	bench_unmake();
	bench.ops.destroy = destroy_that_looks;
	bench_make();
	defer(0);
	defer(1);
	bench_unmake();
	assert_int_equal(deferred_at_destroy, 2);
	assert_int_equal(atomic_load(&deferred), 3);
	for (unsigned n = 0; n < 5; n++)
		bench_turn();
	assert_int_equal(atomic_load(&deferred), 3);
}

static void *defer_from_elsewhere(void *arg)
{
	(void)arg;
	defer(0);
	return NULL;
}

static void defer_belongs_to_the_control_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, defer_from_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (unsigned n = 0; n < 5; n++)
		bench_turn();
	assert_int_equal(atomic_load(&deferred), 0);
	assert_string_equal(lines[0], "defer() belongs to the control thread and needs a function");
}

/* ---- collect ---- */

static void (*collected)(void *arg);
static void *collected_arg;
static atomic_uint collections;

static int collect_later(const struct xvs_host *h, void (*done)(void *arg), void *arg)
{
	assert_ptr_equal(h, bench.host);
	collected = done;
	collected_arg = arg;
	return 0;
}

static int setup_collect(void **state)
{
	int code = bench_setup(state);

	bench.env.flow_collect = collect_later;
	atomic_store(&collections, 0);
	bench_make();
	return code;
}

static void on_collection(void *arg)
{
	assert_ptr_equal(arg, &collections);
	atomic_fetch_add(&collections, 1);
}

static const struct xvs_flow_host *flow_host(void)
{
	return bench.host->query(bench.host, XVS_FLOW_HOST);
}

static void a_collection_is_answered_once(void **state)
{
	(void)state;
	assert_int_equal(flow_host()->collect(bench.host, on_collection, &collections), 0);
	assert_int_equal(atomic_load(&collections), 0);
	collected(collected_arg);
	assert_int_equal(atomic_load(&collections), 1);
	bench_unmake();
	assert_int_equal(atomic_load(&collections), 1);
}

/* "Then nothing calls you any more." */
static void a_collection_ends_before_destroy(void **state)
{
	(void)state;
	assert_int_equal(flow_host()->collect(bench.host, on_collection, &collections), 0);
	bench_unmake();
	assert_int_equal(atomic_load(&collections), 1);
	collected(collected_arg);
	assert_int_equal(atomic_load(&collections), 1);
}

static void nothing_is_collected_after_the_end(void **state)
{
	(void)state;
	instance_silence(bench.instance);
	assert_int_equal(flow_host()->collect(bench.host, on_collection, &collections), -ESHUTDOWN);
}

#define COLLECT(test) cmocka_unit_test_setup_teardown(test, setup_collect, bench_teardown)
#define HOST(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST(says_what_it_is),
		HOST(time_is_monotonic_and_of_the_batch),
		HOST(query_knows_what_is_offered_and_nothing_else),
		HOST(lines_keep_their_level),
		HOST(one_site_does_not_silence_another),
		HOST(what_was_held_back_is_counted),
		HOST(lines_of_a_worker_come_by_the_control_thread),
		HOST(last_words_of_a_worker_are_not_lost),
		HOST(a_worker_has_few_sheets_and_counts_the_rest),
		HOST(any_thread_may_log),
		HOST(deferred_functions_run_later_and_in_order),
		HOST(without_a_waiting_thread_it_still_runs_later),
		HOST(what_was_deferred_runs_before_destroy),
		HOST(defer_belongs_to_the_control_thread),
		COLLECT(a_collection_is_answered_once),
		COLLECT(a_collection_ends_before_destroy),
		COLLECT(nothing_is_collected_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
