/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.c - when has a change taken hold, and have extensions given back what they held.  [control]
 *
 * The answer to an operator waits for a grace period, for at most a second: then the worker that
 * is held, and in whose call, is named in the answer (architecture 16.2c, 16.6).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "path/control.h"
#include "path/link.h"
#include "path/rate.h"

/* The instance in whose callback some worker has been since before 'cycles'. */
static struct instance *holder(const struct path *path, uint32_t *worker)
{
	for (uint32_t nr = 0; nr < path->worker_count; nr++) {
		for (uint32_t i = 1; i < INSTANCES_MAX; i++) {
			struct instance *inst = path->instances[i];

			if (!inst || !__atomic_load_n(&inst->workers[nr].callback_since_cycles,
						      __ATOMIC_RELAXED))
				continue;
			*worker = nr;
			return inst;
		}
	}
	return NULL;
}

enum { WAIT_STEP_MS = 5 };

struct settling {
	struct rcu_node rcu;
	struct path *path;
	struct loop_timer *watch;
	struct loop_timer *again; /* while packets wait that were let through before the change */
	uint64_t changes;
	_Atomic bool is_waited;
	bool answered;
	void (*done)(void *arg, int slow, struct instance *who);
	void *arg;
};

static void settle_slow(void *arg)
{
	struct settling *s = arg;
	uint32_t worker = 0;
	struct instance *who = holder(s->path, &worker);

	s->answered = true;
	s->done(s->arg, (int)worker, who);
}

static void settle_end(struct settling *s)
{
	if (!s->answered)
		s->done(s->arg, -1, NULL);
	loop_timer_destroy(s->watch);
	loop_timer_destroy(s->again);
	free(s);
}

static void look_on(struct path_worker *w, void *arg)
{
	struct settling *s = arg;

	if (shape_has_older(w, s->changes) || link_has_older(w, s->changes))
		atomic_store_explicit(&s->is_waited, true, memory_order_relaxed);
}

static void looked(void *arg)
{
	struct settling *s = arg;

	if (atomic_exchange_explicit(&s->is_waited, false, memory_order_relaxed) && s->again)
		loop_timer_arm(s->again, (uint64_t)WAIT_STEP_MS * NS_PER_MS);
	else
		settle_end(s);
}

/* Queues to limited ports are short: what is in them leaves soon. */
static void look(void *arg)
{
	struct settling *s = arg;

	if (atomic_load_explicit(&s->path->shaped, memory_order_relaxed) == 0 ||
	    path_each_worker(s->path, look_on, looked, s) != 0)
		settle_end(s);
}

static void settled(struct rcu_node *node)
{
	look(node);
}

void path_settle(struct path *path, void (*done)(void *arg, int slow, struct instance *who),
		 void *arg)
{
	struct settling *s = calloc(1, sizeof(*s));

	if (!s) {
		rcu_synchronize();
		done(arg, -1, NULL);
		return;
	}
	*s = (struct settling){ .path = path, .changes = epoch_changes(), .done = done, .arg = arg };
	s->watch = loop_timer_create(path->loop, settle_slow, s);
	s->again = loop_timer_create(path->loop, look, s);
	if (s->watch)
		loop_timer_arm(s->watch, NS_PER_S);
	rcu_defer(&s->rcu, settled);
}

/* ---- drain ---------------------------------------------------------------------------------------- */

enum { DRAIN_STEP_MS = 10, DRAIN_STEPS = 100 };

struct draining {
	struct path *path;
	struct instance *instance;
	void *port_state;
	struct loop_timer *again;
	uint32_t steps;
	void (*done)(void *arg, uint32_t left);
	void *arg;
};

static void drain_on(struct path_worker *w, void *arg)
{
	struct draining *d = arg;
	struct instance *inst = d->instance;

	if (!inst->ops.drain)
		return;
	w->inside = inst;
	inst->ops.drain(inst->self, inst->workers[w->w.nr].state, d->port_state);
	w->inside = NULL;
}

static void drain_end(struct draining *d)
{
	uint32_t left = d->port_state ? 0 : instance_held(d->instance);

	loop_timer_destroy(d->again);
	d->done(d->arg, left);
	free(d);
}

/* What was given back goes on in the next burst; for all of an instance, wait until it holds none. */
static void drain_look(void *arg)
{
	struct draining *d = arg;

	if (d->port_state || instance_held(d->instance) == 0 || ++d->steps > DRAIN_STEPS ||
	    !d->again)
		drain_end(d);
	else
		loop_timer_arm(d->again, (uint64_t)DRAIN_STEP_MS * NS_PER_MS);
}

void path_drain(struct path *path, struct instance *i, void *port_state,
		void (*done)(void *arg, uint32_t left), void *arg)
{
	struct draining *d = calloc(1, sizeof(*d));

	if (!d) {
		done(arg, instance_held(i));
		return;
	}
	*d = (struct draining){
		.path = path, .instance = i, .port_state = port_state, .done = done, .arg = arg
	};
	d->again = loop_timer_create(path->loop, drain_look, d);
	if (path_each_worker(path, drain_on, drain_look, d) != 0)
		drain_end(d);
}

/* ---- reclaim: what was set aside ------------------------------------------------------------------- */

struct reclaiming {
	uint16_t nr;
	void (*done)(void *arg);
	void *arg;
};

static void reclaim_one(void *arg, struct packet *p)
{
	packet_drop(arg, p, p->x.port_in, p->stage, 0, REASON_STALE);
}

static void reclaim_on(struct path_worker *w, void *arg)
{
	pool_each_owned(w->pool, ((struct reclaiming *)arg)->nr, reclaim_one, w);
}

static void reclaimed(void *arg)
{
	struct reclaiming *r = arg;

	r->done(r->arg);
	free(r);
}

void path_reclaim(struct path *path, uint16_t nr, void (*done)(void *arg), void *arg)
{
	struct reclaiming *r = malloc(sizeof(*r));

	/* Without memory they stay lost, as they have been so far. */
	if (r)
		*r = (struct reclaiming){ nr, done, arg };
	if (r && path_each_worker(path, reclaim_on, reclaimed, r) == 0)
		return;
	free(r);
	done(arg);
}
