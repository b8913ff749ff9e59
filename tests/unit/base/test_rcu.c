/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers use plain loads on what they reach through a published pointer, and old objects are
 * spoiled with plain stores: ThreadSanitizer proves that a grace period lies between.
 */
#include "support/test.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"

enum { READERS = 2, CHANGES = 2000, ALIVE = 0x600d };

struct object {
	struct rcu_node node; /* first */
	unsigned alive;
	unsigned twice; /* 2 * nr */
	unsigned nr;
};

static struct object *published;
static bool readers_end;

static struct object *object_create(unsigned nr)
{
	struct object *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	o->alive = ALIVE;
	o->nr = nr;
	o->twice = 2 * nr;
	return o;
}

static void object_spoil(struct rcu_node *node)
{
	struct object *o = (struct object *)node;

	o->alive = 0;
	o->twice = 1;
	free(o);
}

/* Returns what a reader saw wrong, as a number. */
static void *read_objects(void *arg)
{
	uintptr_t wrong = 0;
	unsigned batches = 0;

	(void)arg;
	rcu_register();
	while (!__atomic_load_n(&readers_end, __ATOMIC_RELAXED)) {
		const struct object *o = rcu_read(&published);

		wrong += o->alive != ALIVE || o->twice != 2 * o->nr;
		rcu_quiescent();
		if (++batches % 64 == 0) {
			rcu_offline();
			rcu_online();
		}
	}
	rcu_unregister();
	return (void *)wrong;
}

static void start_readers(pthread_t threads[READERS])
{
	__atomic_store_n(&readers_end, false, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_objects, NULL), 0);
}

static void end_readers(const pthread_t threads[READERS])
{
	void *wrong;

	__atomic_store_n(&readers_end, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

static void readers_never_see_a_spoiled_object(void **state)
{
	pthread_t threads[READERS];

	(void)state;
	published = object_create(0);
	start_readers(threads);
	for (unsigned i = 1; i <= CHANGES; i++) {
		struct object *old = published;

		rcu_publish(&published, object_create(i));
		rcu_synchronize();
		object_spoil(&old->node);
	}
	end_readers(threads);
	free(published);
}

static unsigned spoiled;
static struct loop *test_loop;

static void spoil_and_count(struct rcu_node *node)
{
	object_spoil(node);
	if (++spoiled == CHANGES)
		loop_stop(test_loop);
}

static void start(void)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(loop_create(&test_loop, &err), 0);
	assert_int_equal(rcu_start(test_loop, &err), 0);
}

static void finish(void)
{
	rcu_stop();
	loop_destroy(test_loop);
}

static void deferred_calls_wait_for_the_readers(void **state)
{
	pthread_t threads[READERS];

	(void)state;
	start();
	spoiled = 0;
	published = object_create(0);
	start_readers(threads);
	for (unsigned i = 1; i <= CHANGES; i++) {
		struct object *old = published;

		rcu_publish(&published, object_create(i));
		rcu_defer(&old->node, spoil_and_count);
	}
	loop_run(test_loop);
	end_readers(threads);
	assert_int_equal(spoiled, CHANGES);
	free(published);
	finish();
}

/* A reader that holds still until it is told to pass a quiescent point. */
struct slow_reader {
	pthread_t thread;
	sem_t ready;
	sem_t go_on;
	bool asleep; /* holds still while offline */
};

static void *read_slowly(void *arg)
{
	struct slow_reader *r = arg;

	rcu_register();
	if (r->asleep)
		rcu_offline();
	(void)sem_post(&r->ready);
	(void)sem_wait(&r->go_on);
	if (r->asleep)
		rcu_online();
	rcu_quiescent();
	rcu_unregister();
	return NULL;
}

static void slow_reader_start(struct slow_reader *r, bool asleep)
{
	r->asleep = asleep;
	assert_int_equal(sem_init(&r->ready, 0, 0), 0);
	assert_int_equal(sem_init(&r->go_on, 0, 0), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, read_slowly, r), 0);
	(void)sem_wait(&r->ready);
}

static void slow_reader_end(struct slow_reader *r)
{
	(void)sem_post(&r->go_on);
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	(void)sem_destroy(&r->ready);
	(void)sem_destroy(&r->go_on);
}

static unsigned calls;

static void count_call(struct rcu_node *node)
{
	(void)node;
	calls++;
}

static void nothing_is_called_while_a_reader_holds_still(void **state)
{
	struct slow_reader reader;
	struct rcu_node node;

	(void)state;
	start();
	calls = 0;
	slow_reader_start(&reader, false);
	rcu_defer(&node, count_call);
	for (int i = 0; i < 5000; i++) { /* time enough to go wrong in */
		(void)sched_yield();
		loop_drain(test_loop);
	}
	assert_int_equal(calls, 0);
	slow_reader_end(&reader);
	finish();
	assert_int_equal(calls, 1);
}

static void sleeping_reader_delays_nobody(void **state)
{
	struct slow_reader reader;

	(void)state;
	slow_reader_start(&reader, true);
	rcu_synchronize(); /* would wait for ever */
	slow_reader_end(&reader);
}

enum { NODES = 300 };

struct numbered {
	struct rcu_node node; /* first */
	unsigned nr;
};

static unsigned in_order;

static void check_order(struct rcu_node *node)
{
	in_order += ((struct numbered *)node)->nr == in_order;
}

static void stop_runs_what_is_due_in_order(void **state)
{
	static struct numbered nodes[NODES];

	(void)state;
	start();
	in_order = 0;
	for (unsigned i = 0; i < NODES; i++) {
		nodes[i].nr = i;
		rcu_defer(&nodes[i].node, check_order);
		if (i % 50 == 0)
			loop_drain(test_loop);
	}
	finish();
	assert_int_equal(in_order, NODES);
}

static void defer_again(struct rcu_node *node)
{
	if (++calls < 5)
		rcu_defer(node, defer_again);
	else
		loop_stop(test_loop);
}

static void node_may_be_used_again_in_its_call(void **state)
{
	struct rcu_node node;

	(void)state;
	start();
	calls = 0;
	rcu_defer(&node, defer_again);
	loop_run(test_loop);
	assert_int_equal(calls, 5);
	finish();
}

static void without_a_loop_defer_waits_in_place(void **state)
{
	struct rcu_node node;

	(void)state;
	calls = 0;
	rcu_defer(&node, count_call);
	assert_int_equal(calls, 1);
	rcu_free(NULL);
	rcu_free(malloc(10)); /* the leak checker sees it go */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_never_see_a_spoiled_object),
		cmocka_unit_test(deferred_calls_wait_for_the_readers),
		cmocka_unit_test(nothing_is_called_while_a_reader_holds_still),
		cmocka_unit_test(sleeping_reader_delays_nobody),
		cmocka_unit_test(stop_runs_what_is_due_in_order),
		cmocka_unit_test(node_may_be_used_again_in_its_call),
		cmocka_unit_test(without_a_loop_defer_waits_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
