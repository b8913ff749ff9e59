/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers through memory that both sides share, one of them hostile. */
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ext/lane.h"

static struct {
	struct lane_out *out;
	struct lane_in *in;
	struct lane lane;
} rig;

static int open_rig(void **state)
{
	(void)state;
	rig.out = aligned_alloc(64, sizeof(*rig.out));
	rig.in = aligned_alloc(64, sizeof(*rig.in));
	assert_non_null(rig.out);
	assert_non_null(rig.in);
	memset(rig.out, 0, sizeof(*rig.out));
	memset(rig.in, 0, sizeof(*rig.in));
	lane_open(&rig.lane, rig.out, rig.in);
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	free(rig.out);
	free(rig.in);
	return 0;
}

static bool ask(uint64_t ticket, uint64_t cookie)
{
	struct lane_question *q = lane_room(&rig.lane);

	if (!q)
		return false;
	q->cookie = cookie;
	(void)lane_send(&rig.lane, ticket);
	return true;
}

static void answer_one(uint64_t cookie)
{
	const struct xvs_flow_verdict v = { .size = sizeof(v), .cookie = cookie };

	lane_answer(rig.in, &v);
}

static void answers_come_in_order_with_their_tickets(void **state)
{
	struct xvs_flow_verdict v;
	uint64_t ticket;

	(void)state;
	for (uint64_t round = 0; round < 5; round++) {
		for (uint64_t n = 1; n <= LANE_SLOTS; n++)
			assert_true(ask(n, n));
		assert_false(ask(1, 1));
		for (uint64_t n = 1; n <= LANE_SLOTS; n++) {
			assert_int_equal(lane_next(rig.out, rig.in)->cookie, n);
			answer_one(n + 1000);
		}
		assert_null(lane_next(rig.out, rig.in));
		for (uint64_t n = 1; n <= LANE_SLOTS; n++) {
			assert_int_equal(lane_take(&rig.lane, &ticket, &v), LANE_ANSWER);
			assert_int_equal(ticket, n);
			assert_int_equal(v.cookie, n + 1000);
		}
		assert_int_equal(lane_take(&rig.lane, &ticket, &v), LANE_NOTHING);
	}
}

static void what_nobody_waits_for_makes_room_when_it_was_answered(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < 4 * LANE_SLOTS; n++) {
		if (n >= LANE_SLOTS)
			lane_answer(rig.in, NULL);
		assert_true(ask(0, n));
	}
	assert_false(ask(0, 0));
}

static void an_answer_that_was_not_asked_for_is_forged(void **state)
{
	static const uint64_t forged[] = { 3, UINT64_MAX, 1 << 20, UINT64_C(1) << 63 };
	struct xvs_flow_verdict v;
	uint64_t ticket;

	(void)state;
	assert_true(ask(1, 1));
	assert_true(ask(2, 2));
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		atomic_store(&rig.in->answered, forged[i]);
		assert_int_equal(lane_take(&rig.lane, &ticket, &v), LANE_FORGED);
		(void)lane_room(&rig.lane);
	}
	atomic_store(&rig.in->answered, 1);
	assert_int_equal(lane_take(&rig.lane, &ticket, &v), LANE_ANSWER);
	atomic_store(&rig.in->answered, 0); /* back again */
	assert_int_equal(lane_take(&rig.lane, &ticket, &v), LANE_FORGED);
	assert_int_equal(lane_lose(&rig.lane), 2);
	assert_int_equal(lane_lose(&rig.lane), 0);
}

static void who_falls_asleep_looks_once_more(void **state)
{
	(void)state;
	assert_true(ask(1, 1));
	assert_false(lane_sleep(rig.out, rig.in));
	answer_one(1);
	assert_true(lane_sleep(rig.out, rig.in));
	assert_non_null(lane_room(&rig.lane));
	assert_true(lane_send(&rig.lane, 2));
	lane_wake(rig.in);
	assert_non_null(lane_room(&rig.lane));
	assert_false(lane_send(&rig.lane, 3));
}

enum { MANY = 100000 };

static void *answering(void *arg)
{
	(void)arg;
	for (uint64_t n = 1; n <= MANY;) {
		const struct lane_question *q = lane_next(rig.out, rig.in);

		if (!q)
			continue;
		answer_one(2 * q->cookie);
		n++;
	}
	return NULL;
}

static void two_threads_ask_and_answer(void **state)
{
	struct xvs_flow_verdict v;
	pthread_t thread;
	uint64_t ticket;
	uint64_t taken = 0;
	uint64_t asked = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, answering, NULL), 0);
	while (taken < MANY) {
		if (asked < MANY && ask(asked + 1, asked + 1))
			asked++;
		while (lane_take(&rig.lane, &ticket, &v) == LANE_ANSWER) {
			assert_int_equal(ticket, ++taken);
			assert_int_equal(v.cookie, 2 * taken);
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(answers_come_in_order_with_their_tickets),
		RIG_TEST(what_nobody_waits_for_makes_room_when_it_was_answered),
		RIG_TEST(an_answer_that_was_not_asked_for_is_forged),
		RIG_TEST(who_falls_asleep_looks_once_more),
		RIG_TEST(two_threads_ask_and_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
