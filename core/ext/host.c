/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/host.c - struct xvs_host of one instance: time, optional interfaces, deferred calls,
 * collections.
 */
#include "ext/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* One call of host->defer().  Ends by a grace period, or before destroy(), whichever is first. */
struct deferral {
	struct rcu_node node; /* first */
	struct letter letter;
	struct deferral *next;
	struct instance *instance; /* NULL: has run, only to be freed */
	void (*fn)(void *arg);
	void *arg;
	bool is_in_call; /* host_defer() has not returned yet */
};

static uint64_t host_now(const struct xvs_host *h)
{
	const struct instance_env *env = instance_of(h)->env;

	return env->now ? env->now() : clock_ns();
}

static void deferral_unlink(struct instance *i, struct deferral *d)
{
	struct deferral **place = &i->services->deferrals;

	while (*place != d)
		place = &(*place)->next;
	*place = d->next;
}

static void deferral_run(struct instance *i, struct deferral *d)
{
	uint64_t since = control_enter();

	deferral_unlink(i, d);
	d->instance = NULL;
	d->fn(d->arg);
	control_leave(i, "a deferred function", since);
}

static void deferral_finish(struct deferral *d)
{
	if (d->instance)
		deferral_run(d->instance, d);
	free(d);
}

static void on_letter(struct letter *letter)
{
	char *d = (char *)letter - offsetof(struct deferral, letter);

	deferral_finish((struct deferral *)(void *)d);
}

static void on_grace(struct rcu_node *node)
{
	struct deferral *d = (struct deferral *)node;

	/* Without a thread that waits, the grace period passes within rcu_defer(). */
	if (d->is_in_call)
		loop_post(d->instance->env->loop, &d->letter, on_letter);
	else
		deferral_finish(d);
}

static void host_defer(const struct xvs_host *h, void (*fn)(void *arg), void *arg)
{
	struct instance *i = instance_of(h);
	struct deferral **end = &i->services->deferrals;
	struct deferral *d;

	if (!fn || !is_on_control(i)) {
		host_log(h, XVS_LOG_ERROR,
			 "defer() belongs to the control thread and needs a function");
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		/* What waits to be freed stays: the only end that is certain to do no harm. */
		host_log(h, XVS_LOG_ERROR, "out of memory: a deferred function does not run");
		return;
	}
	d->instance = i;
	d->fn = fn;
	d->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = d;
	d->is_in_call = true;
	rcu_defer(&d->node, on_grace);
	d->is_in_call = false;
}

void deferrals_flush(struct instance *i)
{
	if (!i->services->deferrals)
		return;
	rcu_synchronize();
	while (i->services->deferrals)
		deferral_run(i, i->services->deferrals);
}

/*
 * One call of xvs_flow_host.collect().  Its end is certain: when the instance ends first, all its
 * flows have ended before, with their last account().
 */
struct collection {
	struct collection *next;
	struct instance *instance; /* NULL: has ended, only to be freed */
	void (*done)(void *arg);
	void *arg;
};

static void collection_end(struct instance *i, struct collection *c)
{
	struct collection **place = &i->services->collections;
	uint64_t since = control_enter();

	while (*place != c)
		place = &(*place)->next;
	*place = c->next;
	c->instance = NULL;
	if (c->done)
		c->done(c->arg);
	control_leave(i, "the end of a collection", since);
}

static void on_collected(void *arg)
{
	struct collection *c = arg;

	if (c->instance)
		collection_end(c->instance, c);
	free(c);
}

static int host_collect(const struct xvs_host *h, void (*done)(void *arg), void *arg)
{
	struct instance *i = instance_of(h);
	struct collection **end = &i->services->collections;
	struct collection *c;
	int code;

	if (!is_on_control(i))
		return -EPERM;
	if (i->services->is_silent)
		return -ESHUTDOWN;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct collection){ .instance = i, .done = done, .arg = arg };
	code = i->env->flow_collect(h, on_collected, c);
	if (code) {
		free(c);
		return code;
	}
	while (*end)
		end = &(*end)->next;
	*end = c;
	return 0;
}

void collections_silence(struct instance *i)
{
	while (i->services->collections)
		collection_end(i, i->services->collections);
}

/* Of upper floors, from below. */
static const void *offer_of(const struct instance_env *env, const char *id)
{
	const void *found = env->offer ? env->offer(id) : NULL;

	return found || !env->offer_above ? found : env->offer_above(id);
}

static const void *host_query(const struct xvs_host *h, const char *id)
{
	const struct instance_services *s = instance_of(h)->services;
	const struct instance_env *env = instance_of(h)->env;
	const struct {
		const char *id;
		const void *interface;
	} offers[] = {
		{ XVS_FLOW_HOST, &s->flow_host }, { XVS_CONN_HOST, &s->conn_host },
		{ XVS_TIMER, &timer_host },       { XVS_MAILBOX, &mailbox_host },
		{ XVS_TASK, &task_host },         { XVS_SHED, &shed_host },
		{ XVS_CLASSIFY, &classify_host }, { XVS_LOOP, &loop_host },
	};

	if (id && env->withholds && env->withholds(id))
		return NULL;
	for (size_t n = 0; id && n < sizeof(offers) / sizeof(offers[0]); n++) {
		if (strcmp(offers[n].id, id) == 0)
			return offers[n].interface;
	}
	return id ? offer_of(env, id) : NULL;
}

bool interface_is_offered(const char *id)
{
	static const char *const ids[] = {
		XVS_FLOW_HOST, XVS_CONN_HOST, XVS_TIMER, XVS_MAILBOX, XVS_TASK,
		XVS_SHED,      XVS_CLASSIFY,  XVS_MARK,  XVS_MIRROR,  XVS_L2,
		XVS_LOOP,      XVS_DESTSET,   XVS_PORTS,
	};

	for (size_t n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
		if (strcmp(ids[n], id) == 0)
			return true;
	}
	return false;
}

void host_fill(struct instance *i)
{
	const struct instance_env *env = i->env;

	i->host = (struct xvs_host){
		.size = sizeof(i->host),
		.abi_minor = XVS_ABI_MINOR,
		.name = "xvs " XVS_VERSION,
		.log = host_log,
		.now = host_now,
		.query = host_query,
		.defer = host_defer,
		.pull = env->pull,
		.unshare = env->unshare,
		.clone = env->clone,
		.alloc = env->alloc,
		.resume = env->resume,
		.inject = env->inject,
		.deliver = env->deliver,
		.release = env->release,
	};
	i->services->flow_host = (struct xvs_flow_host){
		.size = sizeof(struct xvs_flow_host),
		.invalidate = env->flow_invalidate,
		.invalidate_match = env->flow_invalidate_match,
		.collect = host_collect,
	};
	i->services->conn_host = (struct xvs_conn_host){
		.size = sizeof(struct xvs_conn_host),
		.invalidate = env->conn_invalidate,
	};
}
