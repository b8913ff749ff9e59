/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/timers.c - a binary heap: heap[0] is due first, no parent is due after its children.
 *
 * Each timer knows its place, so that arming again and disarming need no search.
 */
#include "base/timers.h"

#include <errno.h>
#include <stdlib.h>

static void place(struct timers *t, uint32_t at, struct timer *timer)
{
	t->heap[at] = timer;
	timer->position = at + 1;
}

/* Finds the place for 'timer' from the hole 'at' towards the root. */
static void sift_up(struct timers *t, uint32_t at, struct timer *timer)
{
	while (at > 0) {
		uint32_t parent = (at - 1) / 2;

		if (t->heap[parent]->due_ns <= timer->due_ns)
			break;
		place(t, at, t->heap[parent]);
		at = parent;
	}
	place(t, at, timer);
}

/* Of the children of 'at', the one due first; t->count and more: there are none. */
static uint32_t first_child(const struct timers *t, uint32_t at)
{
	uint32_t child = 2 * at + 1;

	if (child + 1 < t->count && t->heap[child + 1]->due_ns < t->heap[child]->due_ns)
		return child + 1;
	return child;
}

/* Finds the place for 'timer' from the hole 'at' towards the leaves. */
static void sift_down(struct timers *t, uint32_t at, struct timer *timer)
{
	for (;;) {
		uint32_t child = first_child(t, at);

		if (child >= t->count || t->heap[child]->due_ns >= timer->due_ns)
			break;
		place(t, at, t->heap[child]);
		at = child;
	}
	place(t, at, timer);
}

/* Puts 'timer' into the hole 'at', from which it may have to go either way. */
static void settle(struct timers *t, uint32_t at, struct timer *timer)
{
	if (at > 0 && t->heap[(at - 1) / 2]->due_ns > timer->due_ns)
		sift_up(t, at, timer);
	else
		sift_down(t, at, timer);
}

int timers_init(struct timers *t)
{
	struct timer **heap = calloc(TIMERS_MAX, sizeof(struct timer *));

	if (!heap)
		return -ENOMEM;
	*t = (struct timers){ .heap = heap };
	return 0;
}

void timers_finish(struct timers *t)
{
	if (!t)
		return;
	free(t->heap);
	*t = (struct timers){ .heap = NULL };
}

bool timers_arm(struct timers *t, struct timer *timer, uint64_t due_ns)
{
	if (timer->position != 0) {
		timer->due_ns = due_ns;
		settle(t, timer->position - 1, timer);
		return true;
	}
	if (t->count == TIMERS_MAX)
		return false;
	timer->due_ns = due_ns;
	sift_up(t, t->count++, timer);
	return true;
}

void timers_disarm(struct timers *t, struct timer *timer)
{
	uint32_t at = timer->position - 1;
	struct timer *last;

	if (timer->position == 0)
		return;
	timer->position = 0;
	last = t->heap[--t->count];
	if (last != timer)
		settle(t, at, last);
}

uint64_t timers_run(struct timers *t, uint64_t now_ns)
{
	/*
	 * No more than are armed now: a callback that arms itself for a time that has passed
	 * comes again in the next run, and does not hold this one for ever.
	 */
	for (uint32_t left = t->count; left > 0 && t->count > 0; left--) {
		struct timer *timer = t->heap[0];

		if (timer->due_ns > now_ns)
			break;
		timers_disarm(t, timer);
		timer->fn(timer, now_ns);
	}
	return t->count > 0 ? t->heap[0]->due_ns : UINT64_MAX;
}

uint64_t timers_next(const struct timers *t)
{
	return t->count > 0 ? t->heap[0]->due_ns : UINT64_MAX;
}
