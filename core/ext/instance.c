/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/instance.c - the life of an instance: made in the ABI's order, undone in reverse.
 *
 *   create -> query -> worker_attach 0, 1, ...  |  silence -> ... worker_detach 1, 0 -> destroy
 */
#include "ext/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/str.h"
#include "ext/module_ref.h"
#include "ext/normalise.h"
#include "ext/remote.h"
#include "ext/services.h"
#include "packet/reason.h"
#include "xvs/ext/explain.h"
#include "xvs/ext/rows.h"

enum { LINE = 64, WHO_BYTES = 144, NUMA_UNKNOWN = -1 };

bool instance_is_on_control(const struct instance *i)
{
	return pthread_equal(pthread_self(), i->services->control) != 0;
}

struct instance_worker *worker_here(struct instance *i, struct worker **worker)
{
	struct worker *w = worker_self;

	if (!w || w->nr >= i->env->worker_count || i->env->workers[w->nr] != w)
		return NULL;
	*worker = w;
	return &i->workers[w->nr];
}

int services_open(struct instance *i)
{
	i->services = calloc(1, sizeof(*i->services));
	if (!i->services)
		return -ENOMEM;
	i->services->control = pthread_self();
	i->services->sayings = sayings_create(i);
	if (i->services->sayings && shed_open(i) == 0)
		return 0;
	sayings_destroy(i->services->sayings);
	free(i->services);
	return -ENOMEM;
}

void services_silence(struct instance *i)
{
	/* First, so that what is answered here cannot begin anything new. */
	i->services->is_silent = true;
	timers_silence(i);
	collections_silence(i);
	mailbox_silence(i);
	tasks_silence(i);
	shed_silence(i);
	sockets_silence(i);
}

void services_close(struct instance *i)
{
	timers_close(i);
	mailbox_close(i);
	tasks_close(i);
	shed_close(i);
	sockets_close(i);
	sayings_destroy(i->services->sayings);
	free(i->services);
}

void instance_silence(struct instance *i)
{
	services_silence(i);
}

/* Zeroed cache lines; NULL: out of memory. */
static void *lines_alloc(size_t count, size_t size)
{
	size_t bytes;
	void *memory;

	if (__builtin_mul_overflow(count ? count : 1, size, &bytes))
		return NULL;
	bytes = (bytes + LINE - 1) & ~(size_t)(LINE - 1);
	memory = aligned_alloc(LINE, bytes);
	if (memory)
		memset(memory, 0, bytes);
	return memory;
}

static void instance_free(struct instance *i)
{
	for (uint32_t w = 0; i->workers && w < i->env->worker_count; w++)
		free(i->workers[w].counters);
	free(i->workers);
	arena_finish(&i->row_names);
	module_put(i->module);
	free(i);
}

static int workers_alloc(struct instance *i)
{
	i->workers = lines_alloc(i->env->worker_count, sizeof(*i->workers));
	if (!i->workers)
		return -ENOMEM;
	for (uint32_t w = 0; w < i->env->worker_count; w++) {
		i->workers[w].counters = lines_alloc(i->ext->counter_count, sizeof(uint64_t));
		if (!i->workers[w].counters)
			return -ENOMEM;
	}
	return 0;
}

/* Everything of ours, nothing of the extension's yet; NULL: out of memory. */
static struct instance *instance_alloc(const struct extension *ext,
				       const struct instance_args *args,
				       const struct instance_env *env)
{
	struct instance *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->ext = ext;
	i->env = env;
	i->nr = args->nr;
	i->cls = ext->cls;
	i->rights = ext->rights & args->rights_allowed;
	i->ops = ext->ops;
	i->owner = args->owner;
	i->remote = ext->remote;
	i->state = INSTANCE_LOADED;
	(void)str_copy(i->name, sizeof(i->name), args->name);
	(void)str_copy(i->switch_name, sizeof(i->switch_name), args->switch_name);
	/* Extensions that are linked in (tests, the runner) have no module. */
	i->module = ext->module ? module_get(ext->module) : NULL;
	if (workers_alloc(i) || services_open(i)) {
		instance_free(i);
		return NULL;
	}
	host_fill(i);
	return i;
}

/* As call_result(), with the file, which matters while an instance is made. */
static int made(const struct instance *i, const char *what, int code, struct xvs_error *said,
		struct xvs_error *err)
{
	char who[WHO_BYTES];

	(void)snprintf(who, sizeof(who), "%s (%s%s%s)", i->name, i->ext->id, i->module ? ", " : "",
		       i->module ? module_path(i->module) : "");
	return call_result(who, what, code, said, err);
}

static int self_create(struct instance *i, const struct instance_args *args, struct xvs_error *err)
{
	struct xvs_create create = {
		.size = sizeof(create),
		.workers = i->env->worker_count,
		.switch_name = i->switch_name,
		.instance = i->name,
		.ports_max = args->ports_max,
		.flags = args->is_upgrade ? XVS_CREATE_UPGRADE : 0,
	};
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	int code;

	if (args->switch_uuid)
		memcpy(create.switch_uuid, args->switch_uuid, sizeof(create.switch_uuid));
	random_fill(&create.seed, sizeof(create.seed));
	i->services->is_creating = true;
	code = i->ops.create(&i->host, &create, &i->self, &said);
	i->services->is_creating = false;
	control_leave(i, "create", since);
	return made(i, "create", code, &said, err);
}

static int offers_check(struct instance *i, struct xvs_error *said)
{
	const struct xvs_conn_ops *conn = i->ops.query(i->self, XVS_CONN);
	const struct xvs_flow *flow = i->ops.query(i->self, XVS_FLOW);
	const struct xvs_explain *explain = i->ops.query(i->self, XVS_EXPLAIN);
	const struct xvs_rows *rows = i->ops.query(i->self, XVS_ROWS);
	struct xvs_explain said_why = { 0 };
	struct xvs_rows said_rows = { 0 };
	const struct xvs_conn_scope *scope = i->ops.query(i->self, XVS_CONN_SCOPE);
	const struct xvs_state *state = i->ops.query(i->self, XVS_STATE);
	int code = 0;

	if (flow)
		code = flow_copy(flow, &i->flow, said);
	if (code == 0 && conn && i->cls != XVS_FIREWALL)
		code = error_set(said, -EINVAL, "", "offers %s, which belongs to class firewall",
				 XVS_CONN);
	if (code == 0 && conn)
		code = conn_copy(conn, &i->conn, said);
	if (code == 0 && explain)
		code = explain_copy(explain, &said_why, said);
	if (code == 0 && rows)
		code = rows_copy(rows, &i->row_names, &said_rows, said);
	if (code == 0 && conn && scope)
		code = conn_scope_copy(scope, &i->conn_scope, said);
	if (code == 0 && state)
		code = state_copy(state, &i->run_state, said);
	if (code)
		return code;
	i->explain = said_why.explain;
	i->row_features = said_rows.features.items;
	i->row_feature_count = said_rows.features.count;
	i->rows_read = said_rows.read;
	i->has_flow = flow != NULL;
	i->has_conn = conn != NULL;
	i->has_state = state != NULL;
	return 0;
}

/* What it offers beside its table of functions. */
static int offers_read(struct instance *i, struct xvs_error *err)
{
	struct xvs_error said = ERROR_INIT;
	int code = i->ops.query ? offers_check(i, &said) : 0;

	if (code == 0 && i->cls == XVS_FORWARD && !i->ops.forward && !i->has_flow)
		code = error_set(&said, -EINVAL, "", "has neither forward() nor %s", XVS_FLOW);
	return made(i, "query", code, &said, err);
}

static int worker_attach(struct instance *i, uint32_t nr, struct xvs_error *err)
{
	struct instance_worker *w = &i->workers[nr];
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	void *state = NULL;
	int code = 0;

	if (i->ops.worker_attach)
		code = i->ops.worker_attach(i->self, nr, NUMA_UNKNOWN, &state, &said);
	control_leave(i, "worker_attach", since);
	if (code == 0) {
		w->state = state;
		/* Release: pairs with timers that fire on the worker at once. */
		__atomic_store_n(&w->attached, 1, __ATOMIC_RELEASE);
	}
	return made(i, "worker_attach", code, &said, err);
}

/* In reverse, those that are attached. */
static void workers_detach(struct instance *i)
{
	for (uint32_t nr = i->env->worker_count; nr-- > 0;) {
		struct instance_worker *w = &i->workers[nr];
		uint64_t since = control_enter();

		if (!w->attached)
			continue;
		__atomic_store_n(&w->attached, 0, __ATOMIC_RELEASE);
		if (i->ops.worker_detach)
			i->ops.worker_detach(i->self, w->state);
		control_leave(i, "worker_detach", since);
	}
}

static int workers_attach(struct instance *i, struct xvs_error *err)
{
	int code = 0;

	for (uint32_t nr = 0; code == 0 && nr < i->env->worker_count; nr++)
		code = worker_attach(i, nr, err);
	return code;
}

/* After create() succeeded: everything in reverse. */
static void self_destroy(struct instance *i)
{
	uint64_t since;

	services_silence(i);
	workers_detach(i);
	/* Deferred functions may use what destroy() frees, and none may come after it. */
	deferrals_flush(i);
	since = control_enter();
	i->ops.destroy(i->self);
	control_leave(i, "destroy", since);
}

/* Nothing of the extension's is called any more, but what it asked for in its last breath. */
static void instance_end(struct instance *i)
{
	services_silence(i);
	deferrals_flush(i);
	services_close(i);
	instance_free(i);
}

int instance_create(const struct extension *ext, const struct instance_args *args,
		    const struct instance_env *env, struct instance **out, struct xvs_error *err)
{
	struct instance *i = instance_alloc(ext, args, env);
	int code;

	if (!i)
		return error_set(err, -ENOMEM, "", "%s (%s): out of memory", args->name, ext->id);
	code = self_create(i, args, err);
	if (code)
		goto err_end;
	code = offers_read(i, err);
	if (code == 0)
		code = workers_attach(i, err);
	if (code)
		goto err_self;
	i->state = INSTANCE_CREATED;
	*out = i;
	return 0;

err_self:
	self_destroy(i);
err_end:
	instance_end(i);
	return code;
}

void instance_destroy(struct instance *i)
{
	if (!i)
		return;
	instance_set_active(i, false);
	self_destroy(i);
	instance_end(i);
}

/* A structure of nothing but counters: summed as such, whatever is appended. */
static void cost_add(struct instance_cost *sum, const struct instance_cost *cost)
{
	enum { WORDS = sizeof(struct instance_cost) / sizeof(uint64_t) };
	const uint64_t *from = (const uint64_t *)cost;
	uint64_t *to = (uint64_t *)sum;

	for (size_t n = 0; n < WORDS; n++)
		to[n] += __atomic_load_n(&from[n], __ATOMIC_RELAXED);
}

void instance_cost_of(const struct instance *i, uint32_t worker, struct instance_cost *out)
{
	memset(out, 0, sizeof(*out));
	if (worker < i->env->worker_count)
		cost_add(out, &i->workers[worker].cost);
}

void instance_cost_sum(const struct instance *i, struct instance_cost *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t w = 0; w < i->env->worker_count; w++)
		cost_add(out, &i->workers[w].cost);
}

uint64_t instance_counter_sum(const struct instance *i, uint32_t slot)
{
	uint64_t sum = 0;

	if (slot >= i->ext->counter_count)
		return 0;
	if (i->remote && i->self)
		return remote_counter(i, slot);
	for (uint32_t w = 0; w < i->env->worker_count; w++)
		sum += __atomic_load_n(&i->workers[w].counters[slot], __ATOMIC_RELAXED);
	return sum;
}

uint32_t instance_held(const struct instance *i)
{
	uint32_t sum = 0;

	for (uint32_t w = 0; w < i->env->worker_count; w++)
		sum += __atomic_load_n(&i->workers[w].held, __ATOMIC_RELAXED);
	return sum;
}

/* An undeclared number counts under the catch-all, entry 0. */
const char *instance_reason(const struct instance *i, uint32_t reason)
{
	if (!i)
		return reason_name(reason);
	if (reason == XVS_REASON_CONSUMED)
		return "consumed";
	if (i->ext->reason_count == 0)
		return "unspecified";
	return i->ext->reasons[reason < i->ext->reason_count ? reason : 0].name;
}
