/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/rcu.c - liburcu's QSBR flavour, annotated, and deferred calls on the control thread.
 *
 *   control thread            waiter thread                 control thread
 *   rcu_defer() --> queue --> takes all that is queued
 *                             one grace period
 *                             appends to 'due', a letter -> runs 'due' in order
 *
 * The waiter is no reader, so it can wait without delaying anybody.  One grace period serves
 * all that was queued when it began, so a burst of changes costs one.
 */
#include "base/rcu.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/urcu-qsbr.h>

#if defined(__SANITIZE_THREAD__)
#define RCU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RCU_TSAN 1
#endif
#endif

/*
 * What liburcu's barriers guarantee, told to ThreadSanitizer: all that a reader did before a
 * quiescent point happens before the end of a grace period, and all that the writer did before
 * one began happens before what a reader does after its next quiescent point.  Two marks,
 * because one would also order readers among themselves and hide their races.
 */
#ifdef RCU_TSAN
#include <sanitizer/tsan_interface.h>
static char readers_mark;
static char writer_mark;
#define tsan_release(mark) __tsan_release(mark)
#define tsan_acquire(mark) __tsan_acquire(mark)
#else
#define tsan_release(mark) ((void)0)
#define tsan_acquire(mark) ((void)0)
#endif

struct rcu_list {
	struct rcu_node *first;
	struct rcu_node **end; /* NULL stands for &first, so that zeroed is empty */
};

static struct {
	pthread_mutex_t lock; /* all below but 'loop', 'thread' and 'running' */
	pthread_cond_t queued_some;
	struct rcu_list queued; /* no grace period has begun for these */
	struct rcu_list due;    /* one has passed */
	struct letter letter;
	bool letter_sent;
	bool stopping;

	struct loop *loop; /* constant while the waiter runs */
	pthread_t thread;
	bool running; /* the control thread's */
} waiter = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.queued_some = PTHREAD_COND_INITIALIZER,
};

void rcu_register(void)
{
	urcu_qsbr_register_thread();
	tsan_acquire(&writer_mark);
}

void rcu_unregister(void)
{
	tsan_release(&readers_mark);
	urcu_qsbr_unregister_thread();
}

void rcu_quiescent(void)
{
	tsan_release(&readers_mark);
	urcu_qsbr_quiescent_state();
	tsan_acquire(&writer_mark);
}

void rcu_offline(void)
{
	tsan_release(&readers_mark);
	urcu_qsbr_thread_offline();
}

void rcu_online(void)
{
	urcu_qsbr_thread_online();
	tsan_acquire(&writer_mark);
}

void rcu_synchronize(void)
{
	tsan_release(&writer_mark);
	urcu_qsbr_synchronize_rcu();
	tsan_acquire(&readers_mark);
}

static void list_append(struct rcu_list *list, struct rcu_list *more)
{
	if (!more->first)
		return;
	*(list->end ? list->end : &list->first) = more->first;
	list->end = more->end;
	*more = (struct rcu_list){ NULL, NULL };
}

static void list_add(struct rcu_list *list, struct rcu_node *node)
{
	struct rcu_list one = { node, &node->next };

	node->next = NULL;
	list_append(list, &one);
}

/* Empties 'list' into the result. */
static struct rcu_list list_take(struct rcu_list *list)
{
	struct rcu_list taken = *list;

	*list = (struct rcu_list){ NULL, NULL };
	return taken;
}

static void run_due(void)
{
	struct rcu_list batch;
	struct rcu_node *node;

	(void)pthread_mutex_lock(&waiter.lock);
	batch = list_take(&waiter.due);
	waiter.letter_sent = false;
	(void)pthread_mutex_unlock(&waiter.lock);

	for (node = batch.first; node;) {
		struct rcu_node *next = node->next; /* fn may free the node or defer it again */

		node->fn(node);
		node = next;
	}
}

static void on_letter(struct letter *letter)
{
	(void)letter;
	run_due();
}

/* Under the lock.  False: nothing is queued and the waiter is to end. */
static bool wait_for_nodes(void)
{
	while (!waiter.queued.first && !waiter.stopping)
		(void)pthread_cond_wait(&waiter.queued_some, &waiter.lock);
	return waiter.queued.first != NULL;
}

static void *wait_for_grace(void *arg)
{
	(void)arg;
	(void)pthread_mutex_lock(&waiter.lock);
	while (wait_for_nodes()) {
		struct rcu_list batch = list_take(&waiter.queued);

		(void)pthread_mutex_unlock(&waiter.lock);
		rcu_synchronize();
		(void)pthread_mutex_lock(&waiter.lock);

		list_append(&waiter.due, &batch);
		if (!waiter.letter_sent) {
			waiter.letter_sent = true;
			loop_post(waiter.loop, &waiter.letter, on_letter);
		}
	}
	(void)pthread_mutex_unlock(&waiter.lock);
	return NULL;
}

int rcu_start(struct loop *loop, struct xvs_error *err)
{
	sigset_t all;
	sigset_t old;
	int code;

	waiter.loop = loop;
	waiter.stopping = false;
	waiter.letter_sent = false;

	/* Signals are for the control thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pthread_create(&waiter.thread, NULL, wait_for_grace, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (code)
		return error_set(err, -code, "", "thread for grace periods: %s", strerror(code));
	(void)pthread_setname_np(waiter.thread, "xvs-rcu");
	waiter.running = true;
	return 0;
}

void rcu_stop(void)
{
	if (!waiter.running)
		return;
	(void)pthread_mutex_lock(&waiter.lock);
	waiter.stopping = true;
	(void)pthread_cond_signal(&waiter.queued_some);
	(void)pthread_mutex_unlock(&waiter.lock);
	(void)pthread_join(waiter.thread, NULL);

	/* Callbacks that defer from here on wait in place. */
	waiter.running = false;
	loop_drain(waiter.loop); /* our letter may not stay there: the loop may go next */
	run_due();
}

void rcu_defer(struct rcu_node *node, void (*fn)(struct rcu_node *node))
{
	node->fn = fn;
	if (!waiter.running) {
		rcu_synchronize();
		fn(node);
		return;
	}
	(void)pthread_mutex_lock(&waiter.lock);
	list_add(&waiter.queued, node);
	(void)pthread_cond_signal(&waiter.queued_some);
	(void)pthread_mutex_unlock(&waiter.lock);
}

struct garbage {
	struct rcu_node node; /* first */
	void *memory;
};

static void free_garbage(struct rcu_node *node)
{
	struct garbage *garbage = (struct garbage *)node;

	free(garbage->memory);
	free(garbage);
}

void rcu_free(void *p)
{
	struct garbage *garbage;

	if (!p)
		return;
	garbage = malloc(sizeof(*garbage));
	if (!garbage) {
		rcu_synchronize();
		free(p);
		return;
	}
	garbage->memory = p;
	rcu_defer(&garbage->node, free_garbage);
}
