/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit/ext/bench.h - an instance of an extension that is linked in, and threads that act as its
 * workers, so that interfaces are tested across real threads.
 */
#ifndef XVS_TEST_UNIT_EXT_BENCH_H
#define XVS_TEST_UNIT_EXT_BENCH_H

#include "support/test.h"

#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define XVS_USE_DRAFT
#include "base/clock.h"
#include "ext/instance.h"
#include "xvs/ext/mailbox.h"
#include "xvs/ext/task.h"
#include "xvs/ext/timer.h"

enum { BENCH_WORKERS = 2, BENCH_WAIT_S = 20 };

struct bench_thread {
	struct worker worker;
	pthread_t thread;
	atomic_bool stopping;
	bool running;
};

static struct bench {
	struct loop *loop;
	struct bench_thread threads[BENCH_WORKERS];
	struct worker *workers[BENCH_WORKERS];
	struct instance_env env;
	struct xvs_ops ops;
	struct extension ext;
	struct instance *instance;
	const struct xvs_host *host;
} bench;

static void bench_burst(struct worker *w)
{
	w->now_ns = clock_ns();
	(void)inbox_run(&w->inbox);
	(void)timers_run(&w->timers, w->now_ns);
	rcu_quiescent();
}

static void *bench_worker(void *arg)
{
	struct bench_thread *t = arg;
	uint64_t count;

	worker_self = &t->worker;
	rcu_register();
	while (!atomic_load_explicit(&t->stopping, memory_order_acquire)) {
		struct pollfd wait = { .fd = t->worker.wake_fd, .events = POLLIN };

		rcu_offline();
		(void)poll(&wait, 1, 1);
		rcu_online();
		(void)!read(t->worker.wake_fd, &count, sizeof(count));
		bench_burst(&t->worker);
	}
	bench_burst(&t->worker); /* letters that came last */
	rcu_unregister();
	return NULL;
}

/* Workers run until bench_stop(). */
static inline void bench_run(void)
{
	for (unsigned n = 0; n < BENCH_WORKERS; n++) {
		struct bench_thread *t = &bench.threads[n];

		assert_int_equal(pthread_create(&t->thread, NULL, bench_worker, t), 0);
		t->running = true;
	}
}

static inline void bench_stop(void)
{
	for (unsigned n = 0; n < BENCH_WORKERS; n++) {
		struct bench_thread *t = &bench.threads[n];

		if (!t->running)
			continue;
		atomic_store_explicit(&t->stopping, true, memory_order_release);
		(void)pthread_join(t->thread, NULL);
		t->running = false;
	}
}

static int bench_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			struct xvs_error *err)
{
	(void)args;
	(void)err;
	bench.host = host;
	*self = &bench;
	return 0;
}

static void bench_destroy(void *self)
{
	(void)self;
}

/* Everything but the instance; a test may change bench.ops and bench.env before bench_make(). */
static inline int bench_setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	memset(&bench, 0, sizeof(bench));
	if (loop_create(&bench.loop, &err) || rcu_start(bench.loop, &err))
		fail_msg("%s", err.text);
	for (uint32_t n = 0; n < BENCH_WORKERS; n++) {
		struct worker *w = &bench.threads[n].worker;

		w->nr = n;
		w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_true(w->wake_fd >= 0);
		assert_int_equal(timers_init(&w->timers), 0);
		bench.workers[n] = w;
	}
	bench.env.loop = bench.loop;
	bench.env.workers = bench.workers;
	bench.env.worker_count = BENCH_WORKERS;
	bench.ops.size = sizeof(bench.ops);
	bench.ops.create = bench_create;
	bench.ops.destroy = bench_destroy;
	bench.ext.cls = XVS_FILTER;
	bench.ext.id = "com.example.bench";
	bench.ext.version = "1.0.0";
	return 0;
}

static inline int bench_try(struct xvs_error *err)
{
	const struct instance_args args = {
		.name = "bench",
		.switch_name = "lan",
		.nr = 1,
		.rights_allowed = ~0u,
		.ports_max = 64,
	};

	bench.ext.ops = bench.ops;
	return instance_create(&bench.ext, &args, &bench.env, &bench.instance, err);
}

static inline void bench_make(void)
{
	struct xvs_error err = ERROR_INIT;

	if (bench_try(&err))
		fail_msg("%s", err.text);
}

static inline void bench_unmake(void)
{
	instance_destroy(bench.instance);
	bench.instance = NULL;
}

/* Letters travel both ways once more, so that what belongs to them is freed. */
static inline int bench_teardown(void **state)
{
	(void)state;
	bench_unmake();
	bench_stop();
	for (unsigned n = 0; n < BENCH_WORKERS; n++) {
		struct worker *w = &bench.threads[n].worker;

		worker_self = w;
		(void)inbox_run(&w->inbox);
		worker_self = NULL;
		timers_finish(&w->timers);
		(void)close(w->wake_fd);
	}
	rcu_stop();
	loop_drain(bench.loop);
	loop_destroy(bench.loop);
	return 0;
}

/* One turn of the control thread. */
static inline void bench_turn(void)
{
	struct timespec pause = { .tv_nsec = 200000 };

	(void)event_base_loop(loop_base(bench.loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	(void)nanosleep(&pause, NULL);
}

/* Turns until *flag reaches 'want'; fails the test when that takes far too long. */
static inline void bench_wait(atomic_uint *flag, unsigned want)
{
	uint64_t end = clock_ns() + BENCH_WAIT_S * NS_PER_S;

	while (atomic_load(flag) < want) {
		if (clock_ns() > end)
			fail_msg("waited in vain: %u of %u", atomic_load(flag), want);
		bench_turn();
	}
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

#endif /* XVS_TEST_UNIT_EXT_BENCH_H */
