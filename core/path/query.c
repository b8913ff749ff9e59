/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - what operators ask of the path; gathered by letters, so no worker is stopped.  [control] */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path/control.h"

/* Each worker fills its own part of 'infos'. */
struct listing {
	struct path *path;
	uint32_t port;
	uint32_t max; /* a worker */
	void (*done)(void *arg, const struct flow_info *infos, uint32_t count, uint64_t total);
	void *arg;
	uint32_t counts[WORKERS_MAX];
	uint64_t totals[WORKERS_MAX];
	struct flow_info *infos;
};

struct listing_on {
	struct listing *listing;
	struct path_worker *worker;
};

static void describe(const struct path_worker *w, struct flow_entry *e, struct flow_info *out)
{
	const struct flow_leg *leg = &e->leg;

	*out = (struct flow_info){
		.worker = w->w.nr,
		.port_in = e->key.other ? e->key.other : leg->port,
		.segment = e->key.segment,
		.key = e->key.k,
		.mask = e->mask->k,
		.packets = e->tally.packets,
		.bytes = e->tally.bytes,
		.age_ns = w->w.now_ns - e->first_ns,
		.idle_ns = w->w.now_ns > e->tally.last_ns ? w->w.now_ns - e->tally.last_ns : 0,
		.tcp_flags = e->tcp_seen | e->tcp_flags,
		.watchers = (uint16_t)__builtin_popcountll(leg->calls),
		.out_count = e->out_count,
	};
	if (leg->drop_place != FLOW_NO_PLACE) {
		out->drop_reason = leg->drop_reason;
		out->drop_instance = leg->drop_instance;
		out->is_dropped = true;
	}
	for (uint32_t i = 0; i < e->out_count; i++) {
		const struct flow_leg *o = flow_out(e, i);

		out->outs[i] = o->port;
		out->watchers = (uint16_t)(out->watchers + __builtin_popcountll(o->calls));
		if (o->drop_place == FLOW_NO_PLACE || out->is_dropped || e->out_count > 1)
			continue;
		out->drop_reason = o->drop_reason;
		out->drop_instance = o->drop_instance;
		out->is_dropped = true;
	}
}

static void list_entry(void *arg, struct flow_entry *e)
{
	const struct listing_on *on = arg;
	struct listing *l = on->listing;
	uint32_t nr = on->worker->w.nr;

	if (l->port && e->leg.port != l->port && e->key.other != l->port)
		return;
	l->totals[nr]++;
	if (l->counts[nr] < l->max)
		describe(on->worker, e, &l->infos[(size_t)nr * l->max + l->counts[nr]++]);
}

static void list_on(struct path_worker *w, void *arg)
{
	struct listing_on on = { arg, w };

	flow_each(w->cache, list_entry, &on);
}

static void listed(void *arg)
{
	struct listing *l = arg;
	uint64_t total = 0;
	uint32_t count = 0;

	for (uint32_t nr = 0; nr < l->path->worker_count; nr++) {
		memmove(&l->infos[count], &l->infos[(size_t)nr * l->max],
			l->counts[nr] * sizeof(l->infos[0]));
		count += l->counts[nr];
		total += l->totals[nr];
	}
	l->done(l->arg, l->infos, count < l->max ? count : l->max, total);
	free(l->infos);
	free(l);
}

void path_flow_list(struct path *path, uint32_t port, uint32_t max,
		    void (*done)(void *arg, const struct flow_info *infos, uint32_t count,
				 uint64_t total),
		    void *arg)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (l)
		l->infos = calloc((size_t)(max ? max : 1) * path->worker_count, sizeof(*l->infos));
	if (!l || !l->infos) {
		free(l);
		done(arg, NULL, 0, 0);
		return;
	}
	l->path = path;
	l->port = port;
	l->max = max;
	l->done = done;
	l->arg = arg;
	if (path_each_worker(path, list_on, listed, l) != 0)
		listed(l);
}

void path_worker_stats(const struct path *path, uint32_t worker, struct worker_stats *out)
{
	const struct path_worker *w = path->workers[worker];
	struct flow_cache_stats s;

	flow_cache_stats(w->cache, &s);
	*out = (struct worker_stats){
		.bursts = counter_read(&w->bursts),
		.packets = counter_read(&w->packets),
		.sleeps = counter_read(&w->sleeps),
		.hits_exact = s.exact_hits,
		.hits_masked = s.masked_hits,
		.misses = s.misses,
		.stale = counter_read(&w->stale),
		.rejudged = counter_read(&w->rejudged),
		.entries = s.entries,
		.masks = s.masks,
		.evictions = s.evictions,
		.moves = counter_read(&w->moves),
		.queues = __atomic_load_n(&w->rx_count, __ATOMIC_RELAXED),
		.kernel_queues = __atomic_load_n(&w->kernel_queues, __ATOMIC_RELAXED),
		.load_permille = w->load_permille,
		.core = w->core,
	};
	for (uint32_t i = 0; i < CYCLES_KINDS; i++) {
		out->cycles[i] = counter_read(&w->cycles[i]);
		out->cycles_busy += i == CYCLES_IDLE ? 0 : out->cycles[i];
	}
}

uint64_t path_held(const struct path *path)
{
	uint64_t held = atomic_load_explicit(&path->fragments_held, memory_order_relaxed) +
			atomic_load_explicit(&path->shaped, memory_order_relaxed);

	for (uint32_t i = 1; i < INSTANCES_MAX; i++) {
		if (path->instances[i])
			held += instance_held(path->instances[i]);
	}
	for (uint32_t nr = 0; nr < path->worker_count; nr++)
		held += __atomic_load_n(&path->workers[nr]->later.count, __ATOMIC_RELAXED) +
			__atomic_load_n(&path->workers[nr]->park.packets, __ATOMIC_RELAXED) +
			__atomic_load_n(&path->workers[nr]->nat_waiting, __ATOMIC_RELAXED);
	return held;
}
