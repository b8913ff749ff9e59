/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - the packet path comes and goes: workers with their pools, caches and threads.  [control] */
#include "path/path.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "path/control.h"
#include "path/shed.h"
#include "path/walk.h"

enum {
	FLOWS_DEFAULT = 262144,
	WALKS = 16,
	REFILL_PERIOD_MS = 100,
	REFILL_SOON_MS = 10,
	POOL_PACKETS = 8192,
	POOL_SMALL = 4096,
	POOL_LARGE = 768,
};

static const struct conn_limits conn_defaults = {
	.connections = 262144,
	.per_port = 65536,
	.half_open = 4096,
	.denied_per_port = 1024,
	.midstream_ms = CONN_MIDSTREAM_MS,
};

static void worker_forget(struct path_worker *w)
{
	if (!w)
		return;
	flow_cache_destroy(w->cache);
	w->cache = NULL;
}

static void worker_finish(struct path_worker *w)
{
	if (!w)
		return;
	flow_cache_destroy(w->cache);
	own_destroy(w);
	slab_finish(&w->walks);
	park_finish(&w->park);
	timers_finish(&w->w.timers);
	pool_destroy(w->pool);
	free(w->exits);
	free(w->targets);
	free(w->mirror);
	if (w->epoll >= 0)
		(void)close(w->epoll);
	if (w->w.wake_fd >= 0)
		(void)close(w->w.wake_fd);
	free(w);
}

static bool worker_open(struct path_worker *w)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->w.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return w->epoll >= 0 && w->w.wake_fd >= 0 &&
	       epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->w.wake_fd, &ev) == 0;
}

static struct path_worker *worker_create(struct path *path, uint32_t nr, uint32_t flows)
{
	static const struct pool_limits limits = { POOL_PACKETS, POOL_SMALL, POOL_LARGE };
	struct path_worker *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);

	if (!w)
		return NULL;
	*w = (struct path_worker){ .path = path,
				   .epoll = -1,
				   .core = -1,
				   .rate_due_ns = UINT64_MAX,
				   .w = { .nr = nr, .wake_fd = -1 } };
	w->cycles_until = clock_cycles();
	w->w.shard = counters_shard(path->counters, nr);
	w->pool = pool_create(&limits);
	w->cache = flow_cache_create(flows, account_retire, w);
	w->exits = calloc(EXITS_MAX, sizeof(*w->exits));
	w->targets = calloc(1, sizeof(*w->targets));
	w->mirror = calloc(1, sizeof(*w->mirror));
	random_fill(&w->random, sizeof(w->random));
	w->random |= 1;
	if (w->pool && w->cache && w->exits && w->targets && w->mirror && own_create(w, flows) &&
	    timers_init(&w->w.timers) == 0 && slab_init(&w->walks, WALKS, sizeof(struct walk)) &&
	    park_init(&w->park) && worker_open(w))
		return w;
	worker_finish(w);
	return NULL;
}

static int worker_start(struct path_worker *w, const uint32_t *cores, struct xvs_error *err)
{
	cpu_set_t set;
	int e = pthread_create(&w->thread, NULL, worker_main, w);

	if (e)
		return error_set(err, -e, "", "worker %u: no thread can be made: %s", w->w.nr,
				 strerror(e));
	w->started = true;
	if (!cores)
		return 0;
	w->core = (int32_t)cores[w->w.nr];
	CPU_ZERO(&set);
	CPU_SET(cores[w->w.nr], &set);
	e = pthread_setaffinity_np(w->thread, sizeof(set), &set);
	if (e)
		return error_set(err, -e, "workers", "worker %u: core %u cannot be used: %s",
				 w->w.nr, cores[w->w.nr], strerror(e));
	return 0;
}

static void refill(void *arg)
{
	struct path *path = arg;
	uint64_t ms = conn_refill(path->conns) ? REFILL_SOON_MS : REFILL_PERIOD_MS;

	loop_timer_arm(path->refill, ms * NS_PER_MS);
}

static int path_start(struct path *path, const struct path_config *c, struct xvs_error *err)
{
	struct conn_limits limits = c->conn.connections ? c->conn : conn_defaults;
	struct conn_env env;
	int e;

	firewall_env(&env);
	e = conn_table_create(&limits, c->workers, &env, &path->conns, err);
	if (e)
		return e;
	path->refill = loop_timer_create(c->loop, refill, path);
	path->shed = shed_create(path);
	if (!path->refill || !path->shed || !balance_start(path))
		return error_set(err, -ENOMEM, "", "packet path: out of memory");
	for (uint32_t i = 0; i < c->workers; i++) {
		path->workers[i] = worker_create(path, i, c->flows ? c->flows : FLOWS_DEFAULT);
		if (!path->workers[i])
			return error_set(err, -ENOMEM, "",
					 "worker %u: out of memory or descriptors", i);
		path->worker_list[i] = &path->workers[i]->w;
		path->worker_count = i + 1;
	}
	(void)conn_refill(path->conns);
	for (uint32_t i = 0; i < c->workers && e == 0 && !c->is_driven; i++)
		e = worker_start(path->workers[i], c->cores, err);
	loop_timer_arm(path->refill, (uint64_t)REFILL_PERIOD_MS * NS_PER_MS);
	return e;
}

int path_create(const struct path_config *c, struct path **out, struct xvs_error *err)
{
	struct path *path = calloc(1, sizeof(*path));
	int e;

	if (!path)
		return error_set(err, -ENOMEM, "", "packet path: out of memory");
	path->loop = c->loop;
	path->counters = c->counters;
	path->polling = c->polling;
	path->env = (struct instance_env){
		.loop = c->loop,
		.network = c->network,
		.keep_dir = c->keep_dir,
		.workers = path->worker_list,
		.worker_count = c->workers,
		.now = c->now,
	};
	hostcalls_fill(&path->env);
	e = path_start(path, c, err);
	if (e == 0)
		*out = path;
	else
		path_destroy(path);
	return e;
}

static void worker_stop(struct path_worker *w)
{
	uint64_t one = 1;

	atomic_store_explicit(&w->stop, 1, memory_order_release);
	if (!w->started)
		return;
	if (write(w->w.wake_fd, &one, sizeof(one)) < 0)
		return; /* full: it is awake */
}

void path_destroy(struct path *path)
{
	if (!path)
		return;
	for (uint32_t i = 0; i < path->worker_count; i++)
		worker_stop(path->workers[i]);
	for (uint32_t i = 0; i < path->worker_count; i++) {
		if (path->workers[i]->started)
			(void)pthread_join(path->workers[i]->thread, NULL);
	}
	/* letters on their way home may name a worker, or be part of one */
	balance_stop(path);
	loop_drain(path->loop);
	loop_timer_destroy(path->refill);
	shed_destroy(path->shed);
	/* what entries have counted is told to connections, so they go first */
	for (uint32_t i = 0; i < path->worker_count; i++)
		worker_forget(path->workers[i]);
	conn_table_destroy(path->conns);
	for (uint32_t i = 0; i < path->worker_count; i++)
		worker_finish(path->workers[i]);
	free(path);
}

const struct instance_env *path_instance_env(const struct path *path)
{
	return &path->env;
}

void path_lend(struct path *path, const void *(*offer)(const char *id))
{
	path->env.offer_above = offer;
}

void path_on_limit(struct path *path, void (*fn)(void *arg, uint32_t port), void *arg)
{
	path->limited = fn;
	path->limited_arg = arg;
}

struct conn_table *path_conns(const struct path *path)
{
	return path->conns;
}

uint32_t path_workers(const struct path *path)
{
	return path->worker_count;
}
