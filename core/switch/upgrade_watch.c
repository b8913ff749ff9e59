/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/upgrade_watch.c - a version that came by an upgrade is looked after for a while: who holds a worker or
 * the control thread, tries what it may not, or drops packets by its catch-all reason, has to go again.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/error.h"
#include "ext/module_ref.h"
#include "switch/upgrade.h"

enum {
	LOOK_MS = 20,
	HELD_MS = 250,  /* a worker, in one call */
	SLOW_CALLS = 3, /* on the control thread: ext/calls.c */
};

struct upgrade_watch {
	struct member *member;
	struct module *former; /* one reference */
	const struct extension *ext;
	struct loop_timer *timer;
	uint64_t until_ns;
	uint64_t since_cycles[WORKERS_MAX]; /* of the call that each worker was in */
	uint64_t seen_ns[WORKERS_MAX];      /* when it was first seen there */
};

struct dropping {
	uint16_t instance;
	uint64_t packets;
};

/* NOLINTNEXTLINE(readability-function-size): the arguments are those of counters_drops(). */
static void add_drop(void *arg, uint32_t port, uint32_t stage, uint32_t instance, uint32_t reason,
		     uint64_t packets, uint64_t bytes)
{
	struct dropping *d = arg;

	(void)port;
	(void)stage;
	(void)bytes;
	if (instance == d->instance && reason == 0)
		d->packets += packets;
}

static bool holds_worker(struct upgrade_watch *watch, uint32_t worker, uint64_t now_ns)
{
	const struct instance *i = watch->member->instance;
	uint64_t since =
		__atomic_load_n(&i->workers[worker].callback_since_cycles, __ATOMIC_RELAXED);

	if (since != watch->since_cycles[worker]) {
		watch->since_cycles[worker] = since;
		watch->seen_ns[worker] = now_ns;
	}
	return since && now_ns - watch->seen_ns[worker] >= HELD_MS * NS_PER_MS;
}

/* What it did that it should not; false: nothing. */
static bool is_broken(struct upgrade_watch *watch, char why[PROBLEM_MAX])
{
	const struct instance *i = watch->member->instance;
	struct dropping d = { .instance = i->nr };
	struct instance_cost cost = { 0 };
	uint64_t now_ns = clock_ns();

	for (uint32_t w = 0; w < i->env->worker_count; w++) {
		if (!holds_worker(watch, w, now_ns))
			continue;
		(void)snprintf(why, PROBLEM_MAX, "it held worker %u for over %d ms", w, HELD_MS);
		return true;
	}
	instance_cost_sum(i, &cost);
	counters_drops(watch->member->sw->w->counters, add_drop, &d);
	if (i->slow_calls >= SLOW_CALLS)
		(void)snprintf(why, PROBLEM_MAX, "it held the control thread %u times",
			       i->slow_calls);
	else if (cost.refused)
		(void)snprintf(why, PROBLEM_MAX, "it did %llu times what it has no right to",
			       (unsigned long long)cost.refused);
	else if (d.packets)
		(void)snprintf(why, PROBLEM_MAX,
			       "it dropped %llu packets by its catch-all reason, %s",
			       (unsigned long long)d.packets, instance_reason(i, 0));
	return why[0] != '\0';
}

static void look(void *arg)
{
	struct upgrade_watch *watch = arg;
	struct member *m = watch->member;
	char why[PROBLEM_MAX] = "";

	if (is_broken(watch, why)) {
		log_message(MSG_UPGRADE, "switch %s: instance %s: %s %s goes back to %s: %s",
			    m->sw->name, m->name, m->extension, m->ext->version,
			    watch->ext->version, why);
		upgrade_back(m, watch->former, watch->ext, why);
		upgrade_watch_end(m);
	} else if (clock_ns() >= watch->until_ns) {
		upgrade_watch_end(m);
	} else {
		loop_timer_arm(watch->timer, LOOK_MS * NS_PER_MS);
	}
}

void upgrade_watch_begin(struct member *m, struct module *former, const struct extension *ext,
			 uint64_t seconds)
{
	struct upgrade_watch *watch = seconds ? calloc(1, sizeof(*watch)) : NULL;

	if (!watch)
		return;
	watch->timer = loop_timer_create(m->sw->w->loop, look, watch);
	if (!watch->timer) {
		free(watch);
		return;
	}
	watch->member = m;
	watch->former = module_get(former);
	watch->ext = ext;
	watch->until_ns = clock_ns() + seconds * NS_PER_S;
	m->watch = watch;
	m->upgraded->watched_s = seconds;
	loop_timer_arm(watch->timer, LOOK_MS * NS_PER_MS);
}

void upgrade_watch_end(struct member *m)
{
	struct upgrade_watch *watch = m->watch;

	if (!watch)
		return;
	m->watch = NULL;
	loop_timer_destroy(watch->timer);
	module_put(watch->former);
	free(watch);
}
