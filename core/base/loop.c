/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/loop.c - libevent for the control thread, and an eventfd by which others wake it.
 *
 * Other threads touch only the letter box, the stop flag and the eventfd, never libevent, so
 * the base is made without locks.
 */
#include "base/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/inbox.h"

struct loop {
	struct event_base *base;
	struct event *wake;
	int wake_fd;
	atomic_bool stopping; /* set by anyone, cleared by the control thread */
	struct inbox inbox;
};

struct loop_timer {
	struct event *event;
	void (*fn)(void *arg);
	void *arg;
};

/* The eventfd is cleared before the box is emptied: a letter that comes later writes again. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	uint64_t count;

	(void)what;
	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	(void)inbox_run(&loop->inbox);
	if (atomic_load_explicit(&loop->stopping, memory_order_acquire))
		(void)event_base_loopbreak(loop->base);
}

static void loop_wake(struct loop *loop)
{
	static const uint64_t one = 1;

	while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/*
 * Timers run from the time when they are set, not from when the loop last woke (no cache), and
 * are exact to the microsecond, not to the millisecond of epoll_wait (precise timer).
 */
static struct event_base *base_create(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
						  EVENT_BASE_FLAG_NO_CACHE_TIME |
						  EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

int loop_create(struct loop **out, struct xvs_error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int code = -ENOMEM;

	if (!loop)
		return error_set(err, code, "", "event loop: out of memory");
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake_fd < 0) {
		code = error_set(err, -errno, "", "event loop: no eventfd: %s", strerror(errno));
		goto err_free;
	}
	loop->base = base_create();
	if (!loop->base) {
		code = error_set(err, code, "", "event loop: libevent has no usable back end");
		goto err_close;
	}
	loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
	if (!loop->wake || event_add(loop->wake, NULL)) {
		code = error_set(err, code, "", "event loop: out of memory");
		goto err_base;
	}
	*out = loop;
	return 0;

err_base:
	if (loop->wake)
		event_free(loop->wake);
	event_base_free(loop->base);
err_close:
	(void)close(loop->wake_fd);
err_free:
	free(loop);
	return code;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	event_free(loop->wake);
	event_base_free(loop->base);
	(void)close(loop->wake_fd);
	free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

void loop_run(struct loop *loop)
{
	/* A stop from before counts: its eventfd is still readable. */
	(void)event_base_dispatch(loop->base);
	atomic_store_explicit(&loop->stopping, false, memory_order_relaxed);
}

void loop_stop(struct loop *loop)
{
	/* Release: pairs with on_wake(), so what the stopper wrote is seen after loop_run(). */
	atomic_store_explicit(&loop->stopping, true, memory_order_release);
	loop_wake(loop);
}

void loop_post(struct loop *loop, struct letter *letter, void (*fn)(struct letter *letter))
{
	if (inbox_push(&loop->inbox, letter, fn))
		loop_wake(loop);
}

void loop_drain(struct loop *loop)
{
	(void)inbox_run(&loop->inbox);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;

	(void)fd;
	(void)what;
	timer->fn(timer->arg); /* may destroy the timer */
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->fn = fn;
	timer->arg = arg;
	timer->event = evtimer_new(loop->base, on_timer, timer);
	if (!timer->event) {
		free(timer);
		return NULL;
	}
	return timer;
}

void loop_timer_arm(struct loop_timer *t, uint64_t delay_ns)
{
	uint64_t us = delay_ns / NS_PER_US + (delay_ns % NS_PER_US != 0);
	struct timeval delay = {
		.tv_sec = (time_t)(us / (NS_PER_S / NS_PER_US)),
		.tv_usec = (suseconds_t)(us % (NS_PER_S / NS_PER_US)),
	};

	/* Out of memory for libevent's heap: early is better than never. */
	if (evtimer_add(t->event, &delay))
		event_active(t->event, EV_TIMEOUT, 0);
}

void loop_timer_destroy(struct loop_timer *t)
{
	if (!t)
		return;
	event_free(t->event);
	free(t);
}
