/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect.c - what flow entries have counted is credited to extensions before its time: to one that asks,
 * or to all in the chains of a port, whose own counts are whole then.
 *
 * Of a port it is done in slices, so that no worker is held by a full cache for long; and only the first
 * pass looks at every entry, those after it at entries that were hit since.
 */
#include <errno.h>
#include <stdlib.h>

#include "path/control.h"

/* ---- for one that asks ------------------------------------------------------------------------------- */

struct collecting {
	struct instance *instance;
	void (*done)(void *arg);
	void *arg;
};

struct collecting_on {
	struct path_worker *worker;
	struct instance *instance;
};

static void collect_entry(void *arg, struct flow_entry *e)
{
	const struct collecting_on *c = arg;

	account_entry(c->worker, e, c->instance, false);
}

static void collect_on(struct path_worker *w, void *arg)
{
	struct collecting_on c = { w, ((struct collecting *)arg)->instance };

	flow_each(w->cache, collect_entry, &c);
}

static void collected(void *arg)
{
	struct collecting *c = arg;

	c->done(c->arg);
	free(c);
}

int path_collect(const struct xvs_host *h, void (*done)(void *arg), void *arg)
{
	struct instance *inst = instance_of(h);
	struct collecting *c = calloc(1, sizeof(*c));
	int e;

	if (!c)
		return -ENOMEM;
	*c = (struct collecting){ .instance = inst, .done = done, .arg = arg };
	e = path_each_worker(path_of_env(inst->env), collect_on, collected, c);
	if (e)
		free(c);
	return e;
}

/* ---- of a port --------------------------------------------------------------------------------------- */

struct port_credit {
	struct path *path;
	uint32_t port;
	uint32_t at;            /* of this slice, in each worker's cache */
	_Atomic bool is_more;   /* some worker has entries behind it */
	bool is_busy, is_again; /* a pass is under way; another one was asked for meanwhile */
	bool is_closed;
	void (*done)(void *arg); /* NULL: nobody waits */
	void *arg;
	/* By worker, its own time: when the pass under way began there, and the one before. */
	uint64_t began_ns[WORKERS_MAX], since_ns[WORKERS_MAX];
};

struct crediting_on {
	struct path_worker *worker;
	uint32_t port;
};

static void credit_entry(void *arg, struct flow_entry *e)
{
	const struct crediting_on *c = arg;

	account_port(c->worker, e, c->port);
}

static void credit_on(struct path_worker *w, void *arg)
{
	struct port_credit *c = arg;
	struct crediting_on on = { w, c->port };

	if (c->at == 0)
		c->began_ns[w->w.nr] = w->w.now_ns;
	if (flow_each_since(w->cache, c->at, c->since_ns[w->w.nr], credit_entry, &on))
		atomic_store_explicit(&c->is_more, true, memory_order_relaxed);
}

static void credit_pass(struct port_credit *c);

/* The one who asked behind a pass that had begun waits for another.  Without memory it was not whole. */
static void pass_ended(struct port_credit *c, bool is_whole)
{
	void (*done)(void *arg) = c->done;

	if (is_whole)
		memcpy(c->since_ns, c->began_ns, sizeof(c->since_ns));
	if (c->is_again) {
		c->is_again = false;
		credit_pass(c);
		return;
	}
	c->is_busy = false;
	c->done = NULL;
	if (done)
		done(c->arg);
}

static void credited(void *arg)
{
	struct port_credit *c = arg;

	if (c->is_closed) {
		free(c);
		return;
	}
	c->at += FLOW_EACH_STEP;
	if (!atomic_exchange_explicit(&c->is_more, false, memory_order_relaxed))
		pass_ended(c, true);
	else if (path_each_worker(c->path, credit_on, credited, c) != 0)
		pass_ended(c, false);
}

static void credit_pass(struct port_credit *c)
{
	c->at = 0;
	c->is_busy = true;
	if (path_each_worker(c->path, credit_on, credited, c) != 0)
		pass_ended(c, false);
}

struct port_credit *path_credit_open(const struct path_port *port)
{
	struct port_credit *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->path = port->path;
	c->port = port->id;
	return c;
}

void path_credit(struct port_credit *c, void (*done)(void *arg), void *arg)
{
	if (done) {
		c->done = done;
		c->arg = arg;
	}
	if (!c->is_busy)
		credit_pass(c);
	else if (done)
		c->is_again = true;
}

void path_credit_close(struct port_credit *c)
{
	if (!c)
		return;
	c->is_closed = true;
	if (!c->is_busy)
		free(c);
}
