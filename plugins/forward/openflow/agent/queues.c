/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/queues.c - queues of ports, as the host has them: the operator declares them, controllers ask
 * and choose.
 */
#include "agent/queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many; the first 'max' of them are written. */
static uint32_t list(const struct of_agent *a, uint32_t id, struct xvs_queue_info *out,
		     uint32_t max)
{
	int count = a->queue_host ? a->queue_host->list(a->host, id, out, sizeof(*out), max) : 0;

	return count > 0 ? (uint32_t)count : 0;
}

/* In tenths of a percent of what the port is said to carry: 1.3.5, 7.2.2. */
static uint16_t rate_of(const struct of_port *p, const struct xvs_queue_info *info, uint64_t kbps)
{
	uint64_t all = p->speed_mbps ? (uint64_t)p->speed_mbps * 1000 : info->port_kbps;
	uint64_t part = all ? (kbps * 1000 + all / 2) / all : 0;

	if (!kbps || !all)
		return UINT16_MAX;
	return part < 1 ? 1 : part < 1000 ? (uint16_t)part : 1000;
}

static void add(struct of_agent *a, const struct of_port *p, const struct xvs_queue_info *info,
		struct of_queue_list *out)
{
	out->views[out->count++] = (struct of_queue_view){
		.port = of_port_number(&a->pipeline, p->id),
		.queue = info->id,
		.tx_bytes = info->tx_bytes,
		.tx_packets = info->tx_packets,
		.tx_errors = info->tx_drops,
		.age = of_age_of(info->since_ns, a->host->now(a->host)),
		.min_rate = rate_of(p, info, info->min_kbps),
		.max_rate = rate_of(p, info, info->max_kbps),
	};
}

static int add_port(struct of_agent *a, const struct of_port *p, uint32_t queue,
		    struct of_queue_list *out)
{
	uint32_t count = list(a, p->id, NULL, 0);
	struct xvs_queue_info *infos = calloc(count + 1, sizeof(*infos));
	void *more = realloc(out->views, (out->count + count + 1) * sizeof(*out->views));

	if (more)
		out->views = more;
	if (infos && more)
		count = list(a, p->id, infos, count);
	for (uint32_t i = 0; infos && more && i < count; i++)
		if (queue == OF_QUEUE_ALL || infos[i].id == queue)
			add(a, p, &infos[i], out);
	free(infos);
	return infos && more ? 0 : -ENOMEM;
}

int of_queues_list(struct of_agent *a, uint32_t port, uint32_t queue, struct of_queue_list *out)
{
	const struct of_port *one = port == OF_PORT_ANY ? NULL : of_agent_port(a, port);
	int code = 0;

	*out = (struct of_queue_list){ .count = 0 };
	if (port != OF_PORT_ANY)
		return one ? add_port(a, one, queue, out) : -ENOENT;
	for (uint32_t id = 1; id < a->pipeline.ports_max && code == 0; id++)
		if (a->ports[id].is_there)
			code = add_port(a, &a->ports[id], queue, out);
	return code;
}

/* 1.0, 5.2.4: of ports that are there it is known what queues they have. */
of_fault of_queues_check(struct of_agent *a, const struct of_actions *actions)
{
	for (uint32_t i = 0; i < actions->count; i++) {
		uint32_t queue = actions->list[i].number;
		struct of_queue_list found;
		int code;

		if (!of_actions_is_enqueue(actions, i) || queue == 0)
			continue;
		code = of_queues_list(a, actions->list[i + 1].number, queue, &found);
		free(found.views);
		if (code != -ENOENT && found.count == 0)
			return OF_BAD_ACTION_QUEUE;
	}
	return OF_OK;
}
