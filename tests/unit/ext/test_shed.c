/* SPDX-License-Identifier: Apache-2.0 */
/* "xvs.shed/1" across real threads, and what it refuses. */
#include "bench.h"

#include <errno.h>

#include "xvs/ext/shed.h"

enum { PORT = 3, WISHES = 500, LETTERS_AT_LEAST = 16 };

static const struct xvs_shed_host *shed;
static atomic_uint added;
static atomic_uint forgotten;
static pthread_t bench_control;
static struct xvs_shed_source last;

static bool can(const struct instance_env *env, uint32_t port)
{
	(void)env;
	return port == PORT;
}

static int add(struct instance *i, const struct xvs_shed_source *s)
{
	assert_ptr_equal(i, bench.instance);
	assert_true(pthread_equal(pthread_self(), bench_control));
	last = *s;
	atomic_fetch_add(&added, 1);
	return 0;
}

static int take_back(struct instance *i, uint32_t port, const struct xvs_ip *prefix)
{
	(void)i;
	(void)prefix;
	return port == PORT ? 0 : -ENOENT;
}

static void forget(struct instance *i)
{
	(void)i;
	atomic_fetch_add(&forgotten, 1);
}

static int setup(void **state)
{
	const int code = bench_setup(state);

	bench_control = pthread_self();
	bench.env.shed_can = can;
	bench.env.shed_add = add;
	bench.env.shed_remove = take_back;
	bench.env.shed_forget = forget;
	bench_make();
	shed = bench.host->query(bench.host, XVS_SHED);
	assert_non_null(shed);
	atomic_store(&added, 0);
	atomic_store(&forgotten, 0);
	return code;
}

static struct xvs_shed_source wish(void)
{
	struct xvs_shed_source s = { .size = sizeof(s), .port = PORT, .ms = 1000, .reason = 2 };

	s.prefix.prefix_len = 64;
	s.prefix.addr[0] = 0xfd;
	return s;
}

static int ask_as_worker(uint32_t nr, const struct xvs_shed_source *s)
{
	int code;

	worker_self = bench.workers[nr];
	code = shed->add(bench.host, s);
	worker_self = NULL;
	return code;
}

static void the_control_thread_is_served_at_once(void **state)
{
	const struct xvs_shed_source s = wish();

	(void)state;
	assert_int_equal(shed->add(bench.host, &s), 0);
	assert_int_equal(added, 1);
	assert_memory_equal(&last, &s, sizeof(s));
	assert_int_equal(shed->remove(bench.host, PORT, &s.prefix), 0);
	assert_int_equal(shed->remove(bench.host, PORT + 1, &s.prefix), -ENOENT);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct xvs_shed_source s = wish();

	(void)state;
	assert_int_equal(shed->add(bench.host, NULL), -EINVAL);
	s.size = 8;
	assert_int_equal(shed->add(bench.host, &s), -EINVAL);
	s = wish();
	s.ms = 0;
	assert_int_equal(shed->add(bench.host, &s), -EINVAL);
	s.ms = XVS_SHED_MS_MAX + 1;
	assert_int_equal(shed->add(bench.host, &s), -EINVAL);
	s = wish();
	s.prefix.prefix_len = 129;
	assert_int_equal(shed->add(bench.host, &s), -EINVAL);
	s = wish();
	s.reserved = 1;
	assert_int_equal(shed->add(bench.host, &s), -EINVAL);
	s = wish();
	s.port = PORT + 1;
	assert_int_equal(shed->add(bench.host, &s), -EOPNOTSUPP);
	assert_int_equal(added, 0);
}

/* What is behind our end is a demand that we do not know: zero it must be. */
static void newer_structures_are_taken_where_they_ask_for_nothing_new(void **state)
{
	struct {
		struct xvs_shed_source s;
		uint32_t more;
	} newer = { .s = wish() };

	(void)state;
	newer.s.size = sizeof(newer);
	assert_int_equal(shed->add(bench.host, &newer.s), 0);
	assert_int_equal(last.size, sizeof(last));
	newer.more = 1;
	assert_int_equal(shed->add(bench.host, &newer.s), -EINVAL);
}

static void a_workers_wish_reaches_the_control_thread(void **state)
{
	const struct xvs_shed_source s = wish();

	(void)state;
	assert_int_equal(ask_as_worker(1, &s), 0);
	assert_int_equal(added, 0);
	bench_wait(&added, 1);
	assert_memory_equal(&last, &s, sizeof(s));
}

static void wishes_under_way_are_bounded(void **state)
{
	const struct xvs_shed_source s = wish();
	unsigned sent = 0;

	(void)state;
	while (ask_as_worker(0, &s) == 0)
		sent++;
	assert_int_equal(ask_as_worker(0, &s), -EAGAIN);
	assert_true(sent >= LETTERS_AT_LEAST);
	/* the other worker has its own */
	assert_int_equal(ask_as_worker(1, &s), 0);
	bench_wait(&added, sent + 1);
	assert_int_equal(ask_as_worker(0, &s), 0);
	bench_wait(&added, sent + 2);
}

static void *no_thread_of_ours(void *arg)
{
	const struct xvs_shed_source s = wish();

	*(int *)arg = shed->add(bench.host, &s);
	return NULL;
}

static void other_threads_are_refused(void **state)
{
	pthread_t thread;
	int code = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, no_thread_of_ours, &code), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(code, -EPERM);
	assert_int_equal(added, 0);
}

static void *asker(void *arg)
{
	const struct xvs_shed_source s = wish();

	worker_self = arg;
	for (int i = 0; i < WISHES;) {
		if (shed->add(bench.host, &s) == 0)
			i++;
		else
			(void)sched_yield();
	}
	worker_self = NULL;
	return NULL;
}

static void no_wish_of_several_workers_is_lost(void **state)
{
	pthread_t threads[BENCH_WORKERS];

	(void)state;
	for (uint32_t n = 0; n < BENCH_WORKERS; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, asker, bench.workers[n]), 0);
	bench_wait(&added, WISHES * BENCH_WORKERS);
	for (uint32_t n = 0; n < BENCH_WORKERS; n++)
		assert_int_equal(pthread_join(threads[n], NULL), 0);
}

static void an_instance_that_ends_wishes_nothing_more(void **state)
{
	const struct xvs_shed_source s = wish();

	(void)state;
	assert_int_equal(ask_as_worker(0, &s), 0);
	instance_silence(bench.instance);
	assert_int_equal(forgotten, 1);
	assert_int_equal(shed->add(bench.host, &s), -ENOENT);
	loop_drain(bench.loop);
	assert_int_equal(added, 0);
}

/* Its letters come home to nobody, and are freed then. */
static void letters_may_come_home_after_the_end(void **state)
{
	const struct xvs_shed_source s = wish();

	(void)state;
	assert_int_equal(ask_as_worker(0, &s), 0);
	assert_int_equal(ask_as_worker(1, &s), 0);
	bench_unmake();
	loop_drain(bench.loop);
	assert_int_equal(added, 0);
	bench_make();
}

#define SHED_TEST(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHED_TEST(the_control_thread_is_served_at_once),
		SHED_TEST(what_makes_no_sense_is_refused),
		SHED_TEST(newer_structures_are_taken_where_they_ask_for_nothing_new),
		SHED_TEST(a_workers_wish_reaches_the_control_thread),
		SHED_TEST(wishes_under_way_are_bounded),
		SHED_TEST(other_threads_are_refused),
		SHED_TEST(no_wish_of_several_workers_is_lost),
		SHED_TEST(an_instance_that_ends_wishes_nothing_more),
		SHED_TEST(letters_may_come_home_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
