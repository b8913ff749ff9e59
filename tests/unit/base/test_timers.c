/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/timers.h"

enum { MANY = 500 };

static uint64_t fired_at[MANY + 1];
static unsigned fired;

static void record(struct timer *timer, uint64_t now_ns)
{
	(void)now_ns;
	fired_at[fired++] = timer->due_ns;
}

static int setup(void **state)
{
	static struct timers t;

	fired = 0;
	*state = &t;
	return timers_init(&t);
}

static int teardown(void **state)
{
	timers_finish(*state);
	return 0;
}

static void assert_heap(const struct timers *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		assert_int_equal(t->heap[i]->position, i + 1);
		if (i > 0)
			assert_true(t->heap[(i - 1) / 2]->due_ns <= t->heap[i]->due_ns);
	}
}

static void random_arming_keeps_the_heap_in_order(void **state)
{
	static struct timer timers[MANY];
	struct timers *t = *state;
	uint64_t seed = 1;

	for (int round = 0; round < 20000; round++) {
		struct timer *timer = &timers[test_random(&seed) % MANY];

		timer->fn = record;
		if (test_random(&seed) % 4 == 0)
			timers_disarm(t, timer);
		else
			assert_true(timers_arm(t, timer, test_random(&seed) % 1000));
		if (round % 16 == 0)
			assert_heap(t);
	}
	assert_heap(t);
	assert_true(t->count > MANY / 4);

	uint32_t armed = t->count;

	assert_true(timers_run(t, 1000) == UINT64_MAX);
	assert_int_equal(fired, armed);
	for (unsigned i = 1; i < fired; i++)
		assert_true(fired_at[i - 1] <= fired_at[i]);
}

static void run_fires_what_is_due_and_says_what_is_next(void **state)
{
	struct timer a = { .fn = record };
	struct timer b = { .fn = record };

	assert_true(timers_run(*state, 100) == UINT64_MAX);
	assert_true(timers_arm(*state, &a, 10));
	assert_true(timers_arm(*state, &b, 20));
	assert_true(timers_run(*state, 9) == 10);
	assert_int_equal(fired, 0);
	assert_true(timers_run(*state, 10) == 20);
	assert_int_equal(fired, 1);
	assert_int_equal(a.position, 0);
	timers_disarm(*state, &a); /* not armed: nothing happens */
	timers_disarm(*state, &b);
	assert_true(timers_run(*state, 1000) == UINT64_MAX);
	assert_int_equal(fired, 1);
}

static void arming_again_replaces_the_time(void **state)
{
	struct timer a = { .fn = record };

	assert_true(timers_arm(*state, &a, 10));
	assert_true(timers_arm(*state, &a, 30));
	assert_true(timers_run(*state, 20) == 30);
	assert_true(timers_arm(*state, &a, 5));
	assert_true(timers_run(*state, 20) == UINT64_MAX);
	assert_int_equal(fired, 1);
}

static struct timers *again_heap;

static void fire_again(struct timer *timer, uint64_t now_ns)
{
	fired++;
	assert_true(timers_arm(again_heap, timer, now_ns)); /* due at once */
}

static void callback_that_arms_itself_for_now_does_not_hold_the_run(void **state)
{
	struct timer a = { .fn = fire_again };

	again_heap = *state;
	assert_true(timers_arm(*state, &a, 1));
	assert_true(timers_run(*state, 7) == 7);
	assert_int_equal(fired, 1);
	assert_true(timers_run(*state, 8) == 8);
	assert_int_equal(fired, 2);
	timers_disarm(*state, &a);
}

static struct timer victim = { .fn = record };

static void disarm_victim(struct timer *timer, uint64_t now_ns)
{
	(void)timer;
	(void)now_ns;
	timers_disarm(again_heap, &victim);
}

static void callback_may_disarm_another_due_timer(void **state)
{
	struct timer killer = { .fn = disarm_victim };

	again_heap = *state;
	assert_true(timers_arm(*state, &killer, 1));
	assert_true(timers_arm(*state, &victim, 2));
	assert_true(timers_run(*state, 5) == UINT64_MAX);
	assert_int_equal(fired, 0);
}

static void full_heap_refuses_new_timers_but_moves_armed_ones(void **state)
{
	static struct timer timers[TIMERS_MAX];
	struct timer one_more = { .fn = record };

	for (uint32_t i = 0; i < TIMERS_MAX; i++)
		assert_true(timers_arm(*state, &timers[i], i + 1));
	assert_false(timers_arm(*state, &one_more, 0));
	assert_int_equal(one_more.position, 0);
	assert_true(timers_arm(*state, &timers[TIMERS_MAX - 1], 0));
	assert_heap(*state);
	timers_disarm(*state, &timers[7]);
	assert_true(timers_arm(*state, &one_more, 0));
}

int main(void)
{
#define TIMERS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TIMERS_TEST(random_arming_keeps_the_heap_in_order),
		TIMERS_TEST(run_fires_what_is_due_and_says_what_is_next),
		TIMERS_TEST(arming_again_replaces_the_time),
		TIMERS_TEST(callback_that_arms_itself_for_now_does_not_hold_the_run),
		TIMERS_TEST(callback_may_disarm_another_due_timer),
		TIMERS_TEST(full_heap_refuses_new_timers_but_moves_armed_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
