/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * A worker that is in the middle of a burst: what it may be using stays until it is done, the front end
 * waits for its answer so long, and the control thread waits for nobody.
 */
#include "vhost_front.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/rcu.h"

/* A worker that is quiescent when it is told to be. */
struct reader {
	pthread_t thread;
	_Atomic int asked, done; /* numbers of quiescent points */
	_Atomic int stop;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;

	rcu_register();
	while (!atomic_load(&r->stop)) {
		if (atomic_load(&r->asked) != atomic_load(&r->done)) {
			rcu_quiescent();
			atomic_fetch_add(&r->done, 1);
		}
		(void)poll(NULL, 0, 1);
	}
	rcu_unregister();
	return NULL;
}

static void pass(struct reader *r)
{
	const int asked = atomic_fetch_add(&r->asked, 1) + 1;

	while (atomic_load(&r->done) != asked)
		(void)poll(NULL, 0, 1);
}

/* The grace period ends in another thread, so its letter may take its time. */
static bool answers(struct front_lab *lab, struct front_reply *reply, struct reader *r)
{
	for (int i = 0; i < 5000; i++) {
		if (r)
			pass(r);
		front_turn(lab);
		if (front_read(lab->fd, reply))
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

static bool is_silent(struct front_lab *lab)
{
	struct front_reply reply;

	for (int i = 0; i < 50; i++) {
		front_turn(lab);
		if (front_read(lab->fd, &reply))
			return false;
		(void)poll(NULL, 0, 1);
	}
	return true;
}

static void lab_open(struct front_lab *lab, struct reader *r)
{
	struct xvs_error err = ERROR_INIT;

	front_lab_open(lab);
	assert_int_equal(rcu_start(lab->loop, &err), 0);
	memset(r, 0, sizeof(*r));
	assert_int_equal(pthread_create(&r->thread, NULL, read_on, r), 0);
	pass(r); /* it is registered */
	front_start(lab, FEATURES_PLAIN);
	assert_true(lab->b->up);
}

static void lab_close(struct front_lab *lab, struct reader *r)
{
	atomic_store(&r->stop, 1);
	(void)pthread_join(r->thread, NULL);
	backend_close(lab->b);
	lab->b = NULL;
	rcu_stop();
	front_lab_close(lab);
}

static void on_other(void *arg)
{
	*(int *)arg += 1;
}

static void answers_when_the_worker_has_let_go(void **state)
{
	const struct wire_ring_state base = { 1, 0 };
	const struct front_words ask = { .request = REQUEST_GET_VRING_BASE,
					 .flags = FLAG_VERSION,
					 .payload = &base,
					 .size = sizeof(base) };
	const struct front_words next = { .request = REQUEST_GET_QUEUE_NUM, .flags = FLAG_VERSION };
	struct front_reply reply;
	struct front_lab lab;
	struct loop_timer *other;
	struct reader r;
	int others = 0;

	(void)state;
	lab_open(&lab, &r);
	other = loop_timer_create(lab.loop, on_other, &others);
	assert_true(front_write(lab.fd, &ask));
	assert_true(front_write(lab.fd, &next));
	assert_true(is_silent(&lab));
	/* workers that come in now do not see the ring, and the control thread works on */
	assert_int_equal(front_received(&lab, 0), 0);
	loop_timer_arm(other, 1);
	(void)poll(NULL, 0, 2);
	front_turn(&lab);
	assert_int_equal(others, 1);
	assert_true(answers(&lab, &reply, &r));
	assert_int_equal(reply.request, REQUEST_GET_VRING_BASE);
	assert_true(answers(&lab, &reply, NULL));
	assert_int_equal(reply.request, REQUEST_GET_QUEUE_NUM);
	loop_timer_destroy(other);
	lab_close(&lab, &r);
}

static unsigned mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned count = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		count += strstr(line, "memfd:guest") != NULL;
	(void)fclose(f);
	return count;
}

static void keeps_memory_that_a_worker_may_be_in(void **state)
{
	const struct {
		struct wire_memory head;
		struct wire_region region;
	} table = { { 1, 0 }, { GUEST, MEMORY, USER, 0 } };
	struct front_reply reply;
	struct front_lab lab;
	struct reader r;
	unsigned before;

	(void)state;
	lab_open(&lab, &r);
	for (int i = 0; i < 20; i++) {
		pass(&r);
		front_turn(&lab);
	}
	before = mappings();
	assert_true(
		front_write(lab.fd, &(struct front_words){ REQUEST_SET_MEM_TABLE,
							   FLAG_VERSION | FLAG_NEED_REPLY, &table,
							   sizeof(table), &lab.memory, 1 }));
	assert_true(is_silent(&lab));
	assert_int_equal(mappings(), before + 1);
	assert_true(answers(&lab, &reply, &r));
	assert_int_equal(reply.request, REQUEST_SET_MEM_TABLE);
	assert_int_equal(mappings(), before);
	assert_true(lab.b->up);
	lab_close(&lab, &r);
}

static void waits_with_the_next_front_end(void **state)
{
	struct front_reply reply;
	struct front_lab lab;
	struct reader r;

	(void)state;
	lab_open(&lab, &r);
	front_leave(&lab);
	front_turn(&lab);
	assert_false(lab.b->up);
	/* it may connect, but is not heard before the last one's memory has gone */
	front_connect(&lab);
	assert_true(front_write(lab.fd, &(struct front_words){ .request = REQUEST_GET_QUEUE_NUM,
							       .flags = FLAG_VERSION }));
	assert_true(is_silent(&lab));
	assert_true(answers(&lab, &reply, &r));
	assert_int_equal(reply.request, REQUEST_GET_QUEUE_NUM);
	lab_close(&lab, &r);
}

/* The port is taken away while a grace period is under way, or a letter, or both. */
static void closes_in_the_middle_of_everything(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct wire_ring_state base = { 1, 0 };
		struct front_lab lab;
		struct reader r;

		lab_open(&lab, &r);
		if (i & 1)
			front_say(&lab, REQUEST_GET_VRING_BASE, &base, sizeof(base));
		if (i & 2)
			vhost_break((struct vhost_device *)lab.b, "it lied");
		lab_close(&lab, &r);
	}
}

static void breaks_while_it_waits(void **state)
{
	const struct wire_ring_state base = { 1, 0 };
	struct front_lab lab;
	struct reader r;

	(void)state;
	lab_open(&lab, &r);
	front_say(&lab, REQUEST_GET_VRING_BASE, &base, sizeof(base));
	vhost_break((struct vhost_device *)lab.b, "it lied");
	assert_true(front_is_closed(&lab));
	front_leave(&lab);
	for (int i = 0; i < 5000 && strcmp(front_fact(&lab, "state"), "listening") != 0; i++) {
		pass(&r);
		front_turn(&lab);
	}
	for (int i = 0; i < 20; i++) {
		pass(&r);
		front_turn(&lab);
	}
	memset(lab.bytes, 0, MEMORY);
	lab.sent[1] = 0;
	front_start(&lab, FEATURES_PLAIN);
	assert_true(front_flows(&lab));
	lab_close(&lab, &r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_when_the_worker_has_let_go),
		cmocka_unit_test(keeps_memory_that_a_worker_may_be_in),
		cmocka_unit_test(waits_with_the_next_front_end),
		cmocka_unit_test(closes_in_the_middle_of_everything),
		cmocka_unit_test(breaks_while_it_waits),
	};

	return cmocka_run_group_tests_name("vhost_grace", tests, NULL, NULL);
}
