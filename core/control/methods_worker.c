/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_worker.c - what the packet threads did, and where their cycles went. */
#include "control/methods.h"

static const char *const kind_names[CYCLES_KINDS] = {
	[CYCLES_RX] = "rx",       [CYCLES_PARSE] = "parse",   [CYCLES_LOOKUP] = "lookup",
	[CYCLES_APPLY] = "apply", [CYCLES_OUTPUT] = "output", [CYCLES_TX] = "tx",
	[CYCLES_OTHER] = "other", [CYCLES_IDLE] = "idle",
};

static json_t *cycles_json(const struct worker_stats *s)
{
	json_t *j = json_object();

	for (size_t i = 0; i < CYCLES_KINDS; i++)
		(void)json_object_set_new(j, kind_names[i], json_integer((json_int_t)s->cycles[i]));
	return j;
}

/* Without what was spent on waiting: that is a matter of load, not of packets. */
static json_t *each_packet_json(const struct worker_stats *s)
{
	uint64_t packets = s->packets ? s->packets : 1;
	json_t *j = json_object();

	for (size_t i = 0; i < CYCLES_KINDS; i++) {
		if (i != CYCLES_IDLE)
			(void)json_object_set_new(
				j, kind_names[i],
				json_integer((json_int_t)(s->cycles[i] / packets)));
	}
	(void)json_object_set_new(j, "total", json_integer((json_int_t)(s->cycles_busy / packets)));
	return j;
}

static json_t *counts_json(const struct worker_stats *s, uint32_t nr)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I, s:I, s:I}",
			 "worker", (json_int_t)nr, "queues", (json_int_t)s->queues, "kernel_queues",
			 (json_int_t)s->kernel_queues, "moves", (json_int_t)s->moves,
			 "load_permille", (json_int_t)s->load_permille, "bursts",
			 (json_int_t)s->bursts, "packets", (json_int_t)s->packets, "cycles_busy",
			 (json_int_t)s->cycles_busy, "sleeps", (json_int_t)s->sleeps, "hits_exact",
			 (json_int_t)s->hits_exact, "hits_masked", (json_int_t)s->hits_masked,
			 "misses", (json_int_t)s->misses, "stale", (json_int_t)s->stale, "rejudged",
			 (json_int_t)s->rejudged, "entries", (json_int_t)s->entries, "masks",
			 (json_int_t)s->masks, "evictions", (json_int_t)s->evictions);
}

static json_t *worker_json(const struct control *c, uint32_t nr)
{
	struct worker_stats s = { .bursts = 0 };
	json_t *j;

	path_worker_stats(c->path, nr, &s);
	j = counts_json(&s, nr);
	if (s.core >= 0)
		(void)json_object_set_new(j, "core", json_integer(s.core));
	(void)json_object_set_new(j, "cycles", cycles_json(&s));
	(void)json_object_set_new(j, "cycles_per_packet", each_packet_json(&s));
	(void)json_object_set_new(j, "extensions", world_worker_costs(c->world, nr));
	return j;
}

void on_workers(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	json_t *list = json_array();

	for (uint32_t i = 0; i < path_workers(c->path); i++)
		(void)json_array_append_new(list, worker_json(c, i));
	rpc_answer(call, list);
}
