/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/timer.c - "xvs.timer/1": the interface, timers of the control thread, and their life.
 */
#include "ext/timer.h"

#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"

static void control_timer_apply(struct xvs_timer *t)
{
	uint64_t want = atomic_exchange_explicit(&t->want_ns, 0, memory_order_acq_rel);
	uint64_t now = clock_ns();

	if (want && t->control_timer)
		loop_timer_arm(t->control_timer, want > now ? want - now : 0);
}

static void control_timer_letter(struct letter *letter)
{
	struct xvs_timer *t = timer_of_letter(letter);

	/* First, so that a time which is set from here on sends another letter. */
	(void)atomic_exchange_explicit(&t->is_sent, false, memory_order_acq_rel);
	if (t->is_released)
		free(t);
	else
		control_timer_apply(t);
}

static void control_timer_fire(void *arg)
{
	const struct xvs_timer *t = arg;
	struct instance *i = t->instance;
	uint64_t since = control_enter();

	t->fn(t->arg); /* may destroy the timer */
	control_leave(i, "a timer", since);
}

/* Common to both kinds; NULL: out of memory, or not the time or the thread to make one. */
static struct xvs_timer *timer_new(struct instance *i, void *arg)
{
	struct xvs_timer *t;

	if (!is_on_control(i) || i->services->is_silent)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->instance = i;
	t->loop = i->env->loop;
	t->arg = arg;
	return t;
}

static struct xvs_timer *timer_link(struct xvs_timer *t)
{
	struct instance_services *s = t->instance->services;

	t->next = s->timers;
	s->timers = t;
	return t;
}

static struct xvs_timer *timer_make(const struct xvs_host *h, xvs_timer_fn fn, void *arg)
{
	struct xvs_timer *t = fn ? timer_new(instance_of(h), arg) : NULL;

	if (!t)
		return NULL;
	t->fn = fn;
	t->control_timer = loop_timer_create(t->loop, control_timer_fire, t);
	if (!t->control_timer) {
		free(t);
		return NULL;
	}
	return timer_link(t);
}

static struct xvs_timer *timer_make_on(const struct xvs_host *h, uint32_t worker,
				       xvs_worker_timer_fn fn, void *arg)
{
	struct instance *i = instance_of(h);
	struct xvs_timer *t;

	if (!fn || worker >= i->env->worker_count)
		return NULL;
	t = timer_new(i, arg);
	if (!t)
		return NULL;
	if (!worker_timer_admit(worker)) {
		free(t);
		return NULL;
	}
	t->worker = i->env->workers[worker];
	t->worker_fn = fn;
	t->worker_timer.fn = worker_timer_fire;
	return timer_link(t);
}

static bool is_on_owner(const struct xvs_timer *t)
{
	return t->worker ? worker_self == t->worker : is_on_control(t->instance);
}

static void timer_send(struct xvs_timer *t)
{
	/* Release: pairs with the owner's exchange, which then sees want_ns. */
	if (atomic_exchange_explicit(&t->is_sent, true, memory_order_acq_rel))
		return;
	if (t->worker)
		worker_post(t->worker, &t->letter, worker_timer_letter);
	else
		loop_post(t->loop, &t->letter, control_timer_letter);
}

static void timer_arm(const struct xvs_host *h, struct xvs_timer *t, uint64_t delay_ns)
{
	uint64_t want;

	(void)h;
	if (!t || atomic_load_explicit(&t->state, memory_order_acquire) == TIMER_STOPPED)
		return;
	if (__builtin_add_overflow(clock_ns(), delay_ns, &want))
		want = UINT64_MAX;
	atomic_store_explicit(&t->was_armed, true, memory_order_relaxed);
	atomic_store_explicit(&t->want_ns, want, memory_order_release);
	if (!is_on_owner(t))
		timer_send(t);
	else if (t->worker)
		worker_timer_apply(t);
	else
		control_timer_apply(t);
}

/* When it returns, the callback does not run and will not. */
static void timer_stop(struct xvs_timer *t)
{
	uint32_t ready = TIMER_READY;

	loop_timer_destroy(t->control_timer);
	t->control_timer = NULL;
	/* Acquire: pairs with the end of the callback, so its writes are seen. */
	while (!atomic_compare_exchange_weak_explicit(&t->state, &ready, TIMER_STOPPED,
						      memory_order_acq_rel, memory_order_acquire)) {
		if (ready == TIMER_STOPPED)
			return;
		ready = TIMER_READY;
		(void)sched_yield(); /* worker callbacks are short and never wait for us */
	}
}

static void timer_release(struct xvs_timer *t)
{
	if (t->worker)
		worker_timer_release(t);
	else if (atomic_load_explicit(&t->is_sent, memory_order_acquire))
		t->is_released = true;
	else
		free(t);
}

static void timer_destroy(const struct xvs_host *h, struct xvs_timer *t)
{
	struct xvs_timer **place = &instance_of(h)->services->timers;

	if (!t || !is_on_control(instance_of(h)))
		return;
	while (*place && *place != t)
		place = &(*place)->next;
	if (!*place)
		return; /* not one of this instance */
	*place = t->next;
	timer_stop(t);
	timer_release(t);
}

void timers_silence(struct instance *i)
{
	for (struct xvs_timer *t = i->services->timers; t; t = t->next)
		timer_stop(t);
}

void timers_close(struct instance *i)
{
	struct xvs_timer *t = i->services->timers;

	i->services->timers = NULL;
	while (t) {
		struct xvs_timer *next = t->next;

		timer_release(t);
		t = next;
	}
}

const struct xvs_timer_host timer_host = {
	.size = sizeof(timer_host),
	.create = timer_make,
	.create_on = timer_make_on,
	.arm = timer_arm,
	.destroy = timer_destroy,
};
