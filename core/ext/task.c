/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/task.c - "xvs.task/1": one helper thread an instance, made with its first task.
 *
 * The helper takes tasks in order and sends each home by letter when it has run, or at once when
 * it was cancelled before.  A task is in the control thread's list until it is answered.
 */
#include "ext/services.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { TASKS_MAX = 16 };

struct task {
	struct letter letter;      /* first */
	struct task *next;         /* in 'all'; the control thread's */
	struct task *queued;       /* in 'queue' */
	struct instance *instance; /* NULL: answered; the control thread's */
	xvs_task_run run;
	xvs_task_done done;
	void *arg;
	volatile bool is_cancelled; /* written atomically; the extension reads it as it likes */
	bool was_cancelled;         /* the helper's word, sent home with the letter */
};

struct tasks {
	struct loop *loop;
	struct task *all; /* in order; the control thread's */
	uint32_t count;   /* the control thread's */
	pthread_t thread;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t changed;
	struct task *queue; /* in order */
	bool is_ending;
};

static void task_answer(struct instance *i, struct task *t)
{
	struct tasks *tasks = i->services->tasks;
	struct task **place = &tasks->all;
	uint64_t since = control_enter();

	while (*place != t)
		place = &(*place)->next;
	*place = t->next;
	tasks->count--;
	t->instance = NULL;
	if (t->done)
		t->done(t->arg, t->was_cancelled);
	control_leave(i, "the end of a task", since);
}

static void on_home(struct letter *letter)
{
	struct task *t = (struct task *)letter; /* its first member */

	if (t->instance)
		task_answer(t->instance, t);
	free(t);
}

/* The next task, or NULL: the instance ends.  The queue is empty then. */
static struct task *task_wait(struct tasks *tasks)
{
	struct task *t;

	(void)pthread_mutex_lock(&tasks->lock);
	while (!tasks->queue && !tasks->is_ending)
		(void)pthread_cond_wait(&tasks->changed, &tasks->lock);
	t = tasks->queue;
	if (t)
		tasks->queue = t->queued;
	(void)pthread_mutex_unlock(&tasks->lock);
	return t;
}

static void *helper(void *arg)
{
	struct tasks *tasks = arg;
	struct task *t;

	while ((t = task_wait(tasks))) {
		if (!__atomic_load_n(&t->is_cancelled, __ATOMIC_RELAXED))
			t->run(t->arg, &t->is_cancelled);
		t->was_cancelled = __atomic_load_n(&t->is_cancelled, __ATOMIC_RELAXED);
		loop_post(tasks->loop, &t->letter, on_home);
	}
	return NULL;
}

static int helper_start(struct tasks *tasks)
{
	sigset_t all;
	sigset_t old;
	int code;

	/* Signals are for the control thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pthread_create(&tasks->thread, NULL, helper, tasks);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (code == 0)
		(void)pthread_setname_np(tasks->thread, "xvs-task");
	return -code;
}

static int tasks_create(struct instance *i)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));
	int code;

	if (!tasks)
		return -ENOMEM;
	tasks->loop = i->env->loop;
	(void)pthread_mutex_init(&tasks->lock, NULL);
	(void)pthread_cond_init(&tasks->changed, NULL);
	code = helper_start(tasks);
	if (code) {
		free(tasks);
		return code;
	}
	i->services->tasks = tasks;
	return 0;
}

static void task_queue(struct tasks *tasks, struct task *t)
{
	struct task **end = &tasks->all;

	while (*end)
		end = &(*end)->next;
	*end = t;
	tasks->count++;

	(void)pthread_mutex_lock(&tasks->lock);
	for (end = &tasks->queue; *end; end = &(*end)->queued)
		;
	*end = t;
	(void)pthread_cond_signal(&tasks->changed);
	(void)pthread_mutex_unlock(&tasks->lock);
}

static int task_start(const struct xvs_host *h, xvs_task_run run, xvs_task_done done, void *arg)
{
	struct instance *i = instance_of(h);
	struct task *t;
	int code;

	if (!is_on_control(i))
		return -EPERM;
	if (!run)
		return -EINVAL;
	if (i->services->is_silent)
		return -ESHUTDOWN;
	if (i->services->tasks && i->services->tasks->count >= TASKS_MAX)
		return -EAGAIN;
	code = i->services->tasks ? 0 : tasks_create(i);
	if (code)
		return code;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct task){ .instance = i, .run = run, .done = done, .arg = arg };
	task_queue(i->services->tasks, t);
	return 0;
}

static void tasks_cancel(struct instance *i)
{
	struct tasks *tasks = i->services->tasks;

	for (struct task *t = tasks ? tasks->all : NULL; t; t = t->next)
		__atomic_store_n(&t->is_cancelled, true, __ATOMIC_RELAXED);
}

static void task_cancel(const struct xvs_host *h)
{
	if (is_on_control(instance_of(h)))
		tasks_cancel(instance_of(h));
}

/* Once the helper has gone, each task's letter is in the loop's box and frees it. */
void tasks_silence(struct instance *i)
{
	struct tasks *tasks = i->services->tasks;

	if (!tasks || tasks->is_ending)
		return;
	tasks_cancel(i);
	(void)pthread_mutex_lock(&tasks->lock);
	tasks->is_ending = true;
	(void)pthread_cond_signal(&tasks->changed);
	(void)pthread_mutex_unlock(&tasks->lock);
	(void)pthread_join(tasks->thread, NULL);
	while (tasks->all)
		task_answer(i, tasks->all);
}

void tasks_close(struct instance *i)
{
	struct tasks *tasks = i->services->tasks;

	if (!tasks)
		return;
	(void)pthread_cond_destroy(&tasks->changed);
	(void)pthread_mutex_destroy(&tasks->lock);
	free(tasks);
	i->services->tasks = NULL;
}

const struct xvs_task_host task_host = {
	.size = sizeof(task_host),
	.start = task_start,
	.cancel = task_cancel,
};
