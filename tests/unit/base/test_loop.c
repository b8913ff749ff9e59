/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"

static struct loop *loop;
static char order[64];

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	memset(order, 0, sizeof(order));
	return loop_create(&loop, &err);
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(loop);
	return 0;
}

static void note(const char *what)
{
	strncat(order, what, sizeof(order) - strlen(order) - 1);
}

struct mail {
	struct letter letter; /* first */
	const char *text;
};

static void on_mail(struct letter *letter)
{
	note(((struct mail *)letter)->text);
}

static void on_last(struct letter *letter)
{
	(void)letter;
	loop_stop(loop);
}

static struct mail mails[] = {
	{ .text = "a" },
	{ .text = "b" },
	{ .text = "c" },
	{ .text = "d" },
};
static struct letter last;

static void *post_all(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++)
		loop_post(loop, &mails[i].letter, on_mail);
	loop_post(loop, &last, on_last);
	return NULL;
}

static void letters_of_another_thread_come_in_order(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, post_all, NULL), 0);
	loop_run(loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(order, "abcd");
}

static void drain_runs_letters_without_the_loop(void **state)
{
	(void)state;
	loop_drain(loop);
	loop_post(loop, &mails[0].letter, on_mail);
	loop_post(loop, &mails[1].letter, on_mail);
	loop_drain(loop);
	assert_string_equal(order, "ab");
}

static void *stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
	return NULL;
}

static void any_thread_stops_the_loop_also_before_it_runs(void **state)
{
	pthread_t thread;

	(void)state;
	loop_stop(loop);
	loop_run(loop);
	assert_int_equal(pthread_create(&thread, NULL, stop, NULL), 0);
	loop_run(loop); /* the first stop was for the first run */
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void on_first(void *arg)
{
	(void)arg;
	note("1");
}

static void on_second(void *arg)
{
	(void)arg;
	note("2");
	loop_stop(loop);
}

static void timers_fire_in_order_and_not_early(void **state)
{
	struct loop_timer *first = loop_timer_create(loop, on_first, NULL);
	struct loop_timer *second = loop_timer_create(loop, on_second, NULL);
	uint64_t start = clock_ns();

	(void)state;
	assert_non_null(first);
	assert_non_null(second);
	loop_timer_arm(second, 3 * NS_PER_MS);
	loop_timer_arm(first, NS_PER_MS);
	loop_run(loop);
	assert_string_equal(order, "12");
	assert_true(clock_ns() - start >= 3 * NS_PER_MS);
	loop_timer_destroy(first);
	loop_timer_destroy(second);
}

static void arming_again_replaces_the_time(void **state)
{
	struct loop_timer *first = loop_timer_create(loop, on_first, NULL);
	struct loop_timer *second = loop_timer_create(loop, on_second, NULL);

	(void)state;
	loop_timer_arm(first, 0);
	loop_timer_arm(first, 3600 * NS_PER_S);
	loop_timer_arm(second, NS_PER_MS);
	loop_run(loop);
	assert_string_equal(order, "2");
	loop_timer_destroy(first);
	loop_timer_destroy(second);
}

static struct loop_timer *own;

static void destroy_own(void *arg)
{
	(void)arg;
	note("x");
	loop_timer_destroy(own);
	loop_stop(loop);
}

static void timer_may_be_destroyed_from_its_callback(void **state)
{
	(void)state;
	loop_timer_destroy(NULL);
	own = loop_timer_create(loop, destroy_own, NULL);
	loop_timer_arm(own, 1);
	loop_run(loop);
	assert_string_equal(order, "x");
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		LOOP_TEST(letters_of_another_thread_come_in_order),
		LOOP_TEST(drain_runs_letters_without_the_loop),
		LOOP_TEST(any_thread_stops_the_loop_also_before_it_runs),
		LOOP_TEST(timers_fire_in_order_and_not_early),
		LOOP_TEST(arming_again_replaces_the_time),
		LOOP_TEST(timer_may_be_destroyed_from_its_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
