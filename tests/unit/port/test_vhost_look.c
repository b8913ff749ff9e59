/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * Kicks that do not come: with a descriptor that another took the place of, or because somebody else
 * told the guest that none are wanted.  A worker that sleeps finds out what waits all the same.
 */
#include "vhost_front.h"

#include "port/vhost_user/session.h"

static struct session *session_of(const struct front_lab *lab)
{
	return ((struct vhost_device *)lab->b)->session;
}

/* A pair runs, and the worker of queue 0 sleeps: kicks are on, and none is there. */
static void lab_open(struct front_lab *lab, uint64_t features)
{
	front_lab_open(lab);
	front_start(lab, FEATURES_PLAIN | features);
	lab->b->ops->disarm(lab->b, 0);
	assert_false(lab->b->ops->arm(lab->b, 0));
	assert_false(front_is_awake(lab, 0));
}

static void look(struct front_lab *lab, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++)
		session_look(session_of(lab));
}

static bool has_missed(const struct front_lab *lab, const char *kicks)
{
	const char *fact = front_fact(lab, "ring 1");
	const char *missed = strstr(fact, " kicks missed");

	if (!kicks)
		return missed != NULL;
	return missed && missed - fact > (ptrdiff_t)strlen(kicks) &&
	       strncmp(missed - strlen(kicks), kicks, strlen(kicks)) == 0;
}

/* The guest kicked before the worker watched the new descriptor, or while it did not watch the old. */
static void wakes_when_the_kick_is_replaced(void **state)
{
	const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct front_lab lab;

	(void)state;
	lab_open(&lab, 0);
	front_say_fd(&lab, REQUEST_SET_VRING_KICK, 1, fd);
	assert_true(front_is_awake(&lab, 0));
	assert_false(front_is_awake(&lab, 1));
	lab.b->ops->disarm(lab.b, 0);
	/* of a ring to the guest nobody waits for kicks, and what is said again changes nothing */
	front_say_fd(&lab, REQUEST_SET_VRING_KICK, 0, fd);
	front_say_state(&lab, REQUEST_SET_VRING_NUM, 1, RING_SIZE);
	assert_false(front_is_awake(&lab, 0));
	(void)close(fd);
	front_lab_close(&lab);
}

static void wakes_for_what_nobody_kicked_for(void **state)
{
	static const uint64_t features[] = { 0, FEATURE(VHOST_RING_EVENT_IDX) };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct front_lab lab;

		lab_open(&lab, features[i]);
		front_send(&lab, 1, 60);
		look(&lab, 1); /* it may be on its way */
		assert_false(front_is_awake(&lab, 0));
		assert_false(has_missed(&lab, NULL));
		look(&lab, 1);
		assert_true(front_is_awake(&lab, 0));
		assert_true(has_missed(&lab, ", 1"));

		/* and the worker asks anew */
		assert_int_equal(front_received(&lab, 0), 1);
		lab.b->ops->disarm(lab.b, 0);
		assert_false(lab.b->ops->arm(lab.b, 0));
		look(&lab, 3);
		assert_false(front_is_awake(&lab, 0));
		assert_true(has_missed(&lab, ", 1"));
		front_lab_close(&lab);
	}
}

/* QEMU before 9.0, where it meets us while the guest kicks. */
static void asks_anew_where_somebody_else_asked_for_none(void **state)
{
	const uint16_t no_notify = 1;
	uint8_t *flags;
	struct front_lab lab;

	(void)state;
	lab_open(&lab, 0);
	flags = lab.bytes + RING_AT(1) + USED_AT;
	memcpy(flags, &no_notify, sizeof(no_notify));
	front_send(&lab, 1, 60);
	look(&lab, 2);
	assert_true(front_is_awake(&lab, 0));
	assert_int_equal(front_received(&lab, 0), 1);
	lab.b->ops->disarm(lab.b, 0);
	assert_int_equal(flags[0], no_notify);
	assert_false(lab.b->ops->arm(lab.b, 0));
	assert_int_equal(flags[0], 0);
	front_lab_close(&lab);
}

/* Nothing waits, or it does not wait long, or its worker is awake and looks by itself. */
static void lets_workers_be(void **state)
{
	struct front_lab lab;

	(void)state;
	lab_open(&lab, 0);
	look(&lab, 3);
	assert_false(front_is_awake(&lab, 0));
	for (int i = 0; i < 5; i++) {
		front_send(&lab, 1, 60);
		look(&lab, 1);
		assert_int_equal(front_received(&lab, 0), 1);
		assert_false(lab.b->ops->arm(lab.b, 0));
	}
	lab.b->ops->disarm(lab.b, 0);
	front_send(&lab, 1, 60);
	look(&lab, 3);
	assert_false(front_is_awake(&lab, 0));
	assert_false(has_missed(&lab, NULL));
	front_lab_close(&lab);
}

/* What waited with one front end does not wait with the next. */
static void forgets_with_the_front_end(void **state)
{
	struct front_lab lab;

	(void)state;
	lab_open(&lab, 0);
	front_send(&lab, 1, 60);
	look(&lab, 1);
	front_leave(&lab);
	front_turn(&lab);
	look(&lab, 2);
	memset(lab.bytes, 0, MEMORY);
	lab.sent[1] = 0;
	front_start(&lab, FEATURES_PLAIN);
	lab.b->ops->disarm(lab.b, 0);
	assert_false(lab.b->ops->arm(lab.b, 0));
	front_send(&lab, 1, 60);
	look(&lab, 1);
	assert_false(front_is_awake(&lab, 0));
	look(&lab, 1);
	assert_true(front_is_awake(&lab, 0));
	front_lab_close(&lab);
}

/* By itself, each second. */
static void looks_while_rings_run(void **state)
{
	struct front_lab lab;

	(void)state;
	lab_open(&lab, 0);
	front_send(&lab, 1, 60);
	while (!front_is_awake(&lab, 0))
		(void)event_base_loop(loop_base(lab.loop), EVLOOP_ONCE);
	assert_true(has_missed(&lab, ", 1"));
	front_lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wakes_when_the_kick_is_replaced),
		cmocka_unit_test(wakes_for_what_nobody_kicked_for),
		cmocka_unit_test(asks_anew_where_somebody_else_asked_for_none),
		cmocka_unit_test(lets_workers_be),
		cmocka_unit_test(forgets_with_the_front_end),
		cmocka_unit_test(looks_while_rings_run),
	};

	return cmocka_run_group_tests_name("vhost_look", tests, NULL, NULL);
}
