/* SPDX-License-Identifier: Apache-2.0 */
/* "xvs.task/1" with its real helper thread. */
#include "bench.h"

#include <errno.h>

static const struct xvs_task_host *tasks;
static atomic_uint started;
static atomic_uint ended;
static atomic_uint cancelled_count;
static unsigned order[32];
static pthread_t runner;

static int setup(void **state)
{
	int code = bench_setup(state);

	bench_make();
	tasks = bench.host->query(bench.host, XVS_TASK);
	assert_non_null(tasks);
	atomic_store(&started, 0);
	atomic_store(&ended, 0);
	atomic_store(&cancelled_count, 0);
	return code;
}

static void run_noting(void *arg, const volatile bool *cancelled)
{
	(void)cancelled;
	runner = pthread_self();
	order[atomic_fetch_add(&started, 1)] = *(unsigned *)arg;
}

/* Goes on until it is asked to stop. */
static void run_until_cancelled(void *arg, const volatile bool *cancelled)
{
	(void)arg;
	atomic_fetch_add(&started, 1);
	while (!__atomic_load_n(cancelled, __ATOMIC_RELAXED))
		(void)sched_yield();
}

static void on_done(void *arg, bool cancelled)
{
	assert_false(pthread_equal(pthread_self(), runner));
	assert_non_null(arg);
	if (cancelled)
		atomic_fetch_add(&cancelled_count, 1);
	atomic_fetch_add(&ended, 1);
}

static void runs_on_a_helper_and_ends_on_the_control_thread(void **state)
{
	unsigned number = 7;

	(void)state;
	assert_int_equal(tasks->start(bench.host, run_noting, on_done, &number), 0);
	bench_wait(&ended, 1);
	assert_int_equal(order[0], 7);
	assert_int_equal(atomic_load(&cancelled_count), 0);
	assert_false(pthread_equal(runner, pthread_self()));
}

/* "Tasks of one instance run one after another." */
static void tasks_run_in_the_order_of_their_start(void **state)
{
	static unsigned numbers[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	(void)state;
	for (unsigned n = 0; n < 10; n++)
		assert_int_equal(tasks->start(bench.host, run_noting, on_done, &numbers[n]), 0);
	bench_wait(&ended, 10);
	for (unsigned n = 0; n < 10; n++)
		assert_int_equal(order[n], n);
}

/* "then done() on the control thread, also if cancelled" */
static void cancelled_tasks_end_too(void **state)
{
	unsigned number = 1;

	(void)state;
	assert_int_equal(tasks->start(bench.host, run_until_cancelled, on_done, &number), 0);
	assert_int_equal(tasks->start(bench.host, run_noting, on_done, &number), 0);
	bench_wait(&started, 1);
	tasks->cancel(bench.host);
	bench_wait(&ended, 2);
	assert_int_equal(atomic_load(&cancelled_count), 2);
	assert_int_equal(atomic_load(&started), 1); /* the second had not begun, so it never runs */
}

static void a_task_after_cancel_runs(void **state)
{
	unsigned number = 3;

	(void)state;
	tasks->cancel(bench.host);
	assert_int_equal(tasks->start(bench.host, run_noting, on_done, &number), 0);
	bench_wait(&ended, 1);
	assert_int_equal(order[0], 3);
	assert_int_equal(atomic_load(&cancelled_count), 0);
}

/* "The host waits for a running run() before destroy()." */
static void destroy_waits_and_answers(void **state)
{
	unsigned number = 1;

	(void)state;
	assert_int_equal(tasks->start(bench.host, run_until_cancelled, on_done, &number), 0);
	assert_int_equal(tasks->start(bench.host, run_noting, on_done, &number), 0);
	bench_wait(&started, 1);
	bench_unmake();
	assert_int_equal(atomic_load(&ended), 2);
	assert_int_equal(atomic_load(&cancelled_count), 2);
	for (unsigned n = 0; n < 5; n++)
		bench_turn();
	assert_int_equal(atomic_load(&ended), 2);
}

/* The second has begun, so the first is through, though nobody has been told yet. */
static void a_task_that_has_run_is_answered_at_destroy_as_complete(void **state)
{
	unsigned number = 1;

	(void)state;
	assert_int_equal(tasks->start(bench.host, run_noting, on_done, &number), 0);
	assert_int_equal(tasks->start(bench.host, run_until_cancelled, on_done, &number), 0);
	while (atomic_load(&started) < 2)
		(void)sched_yield();
	bench_unmake();
	assert_int_equal(atomic_load(&ended), 2);
	assert_int_equal(atomic_load(&cancelled_count), 1);
}

static void tasks_are_bounded(void **state)
{
	static unsigned number = 1; /* nobody waits for the last task */
	unsigned count = 0;

	(void)state;
	assert_int_equal(tasks->start(bench.host, NULL, on_done, &number), -EINVAL);
	while (tasks->start(bench.host, run_until_cancelled, on_done, &number) == 0)
		count++;
	assert_int_equal(count, 16);
	assert_int_equal(tasks->start(bench.host, run_until_cancelled, on_done, &number), -EAGAIN);
	tasks->cancel(bench.host);
	bench_wait(&ended, 16);
	assert_int_equal(tasks->start(bench.host, run_noting, NULL, &number), 0);
}

static int start_result;

static void done_that_starts(void *arg, bool cancelled)
{
	(void)cancelled;
	start_result = tasks->start(bench.host, run_noting, NULL, arg);
	atomic_fetch_add(&ended, 1);
}

static void nothing_begins_after_silence(void **state)
{
	unsigned number = 1;

	(void)state;
	assert_int_equal(tasks->start(bench.host, run_until_cancelled, done_that_starts, &number),
			 0);
	instance_silence(bench.instance);
	assert_int_equal(atomic_load(&ended), 1);
	assert_int_equal(start_result, -ESHUTDOWN);
}

static void *start_from_elsewhere(void *arg)
{
	start_result = tasks->start(bench.host, run_noting, NULL, arg);
	return NULL;
}

static void only_the_control_thread_starts_tasks(void **state)
{
	unsigned number = 1;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, start_from_elsewhere, &number), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(start_result, -EPERM);
}

#define TASK(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TASK(runs_on_a_helper_and_ends_on_the_control_thread),
		TASK(tasks_run_in_the_order_of_their_start),
		TASK(cancelled_tasks_end_too),
		TASK(a_task_after_cancel_runs),
		TASK(destroy_waits_and_answers),
		TASK(a_task_that_has_run_is_answered_at_destroy_as_complete),
		TASK(tasks_are_bounded),
		TASK(nothing_begins_after_silence),
		TASK(only_the_control_thread_starts_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
