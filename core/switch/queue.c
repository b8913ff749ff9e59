/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/queue.c - "xvs.queue/1": does it make sense, what workers do about it, and what is told of it.
 */
#include "switch/queue.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "policy/link.h"
#include "policy/rate.h"
#include "switch/team.h"
#include "switch/transaction.h"

enum {
	BITS_OF_KBIT = 1000,
	BITS_OF_KBYTE = 8000,
	KBITS_OF_MBIT = 1000,
	LIMIT_DEPTH_NS = 4 * NS_PER_MS, /* of a port's rate, and the least of a queue's */
};

/* ---- plan ---------------------------------------------------------------------------------------- */

struct queue_check {
	struct plan *p;
	const struct plan_switch *ps;
	struct plan_port *pp;
	const struct policy_queue *policy;
};

__attribute__((format(printf, 3, 4))) static void refuse(const struct queue_check *c,
							 const char *field, const char *format, ...)
{
	struct position at =
		policy_position(c->p->model, c->ps, c->pp, NULL, builtin_queue.id, field);
	char text[PROBLEM_MAX - 64];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!c->pp->is_tolerated)
		plan_error(c->p, at, "port %s/%s: policy %s, %s: %s", c->ps->spec->name,
			   c->pp->spec->name, builtin_queue.id, field, text);
	else if (c->pp->problem[0] == '\0')
		(void)snprintf(c->pp->problem, sizeof(c->pp->problem), "policy %s, %s: %s",
			       builtin_queue.id, field, text);
}

static bool is_twice(const struct policy_queue *policy, uint32_t idx)
{
	for (uint32_t i = 0; i < idx; i++)
		if (queue_row(policy, i)->id == queue_row(policy, idx)->id)
			return true;
	return false;
}

static void check_row(const struct queue_check *c, uint32_t idx)
{
	const struct policy_queue_row *row = queue_row(c->policy, idx);

	if (is_twice(c->policy, idx))
		refuse(c, "queues", "there are two of id %u; give each its own", row->id);
	if (row->max_kbps && row->min_kbps > row->max_kbps)
		refuse(c, "queues", "queue %u is promised %llu and may send %llu kbit/s", row->id,
		       (unsigned long long)row->min_kbps, (unsigned long long)row->max_kbps);
	if (row->burst_kbytes && !row->max_kbps)
		refuse(c, "queues", "burst_kbytes of queue %u needs a limit; give max_kbps too",
		       row->id);
}

/* What is said to be the port's; 0: nothing is. */
static uint64_t said_kbps(const struct settings *settings, const struct policy_queue *policy)
{
	const struct policy_rate *rate = settings_bytes(settings, builtin_rate.id);
	uint64_t to = rate ? rate->to_kbps : 0;

	return to && (!policy->kbps || to < policy->kbps) ? to : policy->kbps;
}

static uint64_t promised_kbps(const struct policy_queue *policy)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < policy->queues.count; i++)
		sum += queue_row(policy, i)->min_kbps;
	return sum;
}

static void check_port(const struct queue_check *c)
{
	uint64_t kbps = said_kbps(&c->pp->settings, c->policy);
	uint64_t promised = promised_kbps(c->policy);

	for (uint32_t i = 0; i < c->policy->queues.count; i++)
		check_row(c, i);
	if (kbps && promised > kbps)
		refuse(c, "queues",
		       "its queues are promised %llu kbit/s together, and it sends %llu",
		       (unsigned long long)promised, (unsigned long long)kbps);
	if (c->pp->spec->role == PORT_UPLINK && settings_bytes(&c->pp->settings, builtin_link.id))
		refuse(c, "queues", "%s shares out what the uplink sends; unset one of them",
		       builtin_link.id);
}

void plan_queues(struct plan *p, struct plan_switch *ps)
{
	struct queue_check c = { .p = p, .ps = ps };

	for (size_t i = 0; i < ps->port_count; i++) {
		c.pp = &ps->ports[i];
		c.policy = settings_bytes(&c.pp->settings, builtin_queue.id);
		if (c.policy && !c.pp->is_member)
			check_port(&c);
	}
}

/* ---- workers ------------------------------------------------------------------------------------- */

const struct policy_queue *queue_policy(const struct port *p)
{
	return port_is_team(p) ? NULL : settings_bytes(&team_ruler(p)->settings, builtin_queue.id);
}

/* 0: nobody knows, or nobody limits it. */
static uint64_t kbps_of(const struct port *p, const struct policy_queue *policy)
{
	if (policy->kbps || p->spec.role != PORT_UPLINK || !p->backend)
		return policy->kbps;
	return (uint64_t)p->backend->speed_mbps * KBITS_OF_MBIT;
}

/* What may leave a team's link has passed the limit of the team. */
void compile_queues(const struct port *p, struct port_conf *conf)
{
	const struct policy_queue *policy = queue_policy(p);
	struct rate *link = &conf->rates[RATE_LINK];
	uint64_t bits;

	if (!policy)
		return;
	if (!p->is_member) {
		*link = conf->rates[RATE_TO];
		conf->rates[RATE_TO] = (struct rate){ .per_second = { 0 } };
		conf->rate_kinds &= ~(1u << RATE_TO);
	}
	bits = kbps_of(p, policy) * BITS_OF_KBIT;
	if (bits && (!link->per_second[RATE_BITS] || bits < link->per_second[RATE_BITS])) {
		link->per_second[RATE_BITS] = bits;
		link->depth_ns[RATE_BITS] = LIMIT_DEPTH_NS;
	}
	conf->rate_kinds |= 1u << RATE_LINK;
}

static struct link_claim claim_of(const struct policy_queue_row *row)
{
	struct link_claim claim = { .reserved = row->min_kbps * BITS_OF_KBIT,
				    .limit = row->max_kbps * BITS_OF_KBIT,
				    .weight = row->weight };

	/* a burst of no limit closes its port, but no start */
	if (!row->burst_kbytes || !claim.limit)
		return claim;
	/* at most 3.2e10 bits: by nanoseconds that is more than 64 bits hold, by microseconds not */
	claim.depth_ns = row->burst_kbytes * BITS_OF_KBYTE * (NS_PER_S / NS_PER_US) / claim.limit *
			 NS_PER_US;
	if (claim.depth_ns < LIMIT_DEPTH_NS)
		claim.depth_ns = LIMIT_DEPTH_NS;
	return claim;
}

struct link_plan *queue_plan(const struct port *p, const struct policy_queue *policy)
{
	const struct rate *rate = &p->path_port->conf->rates[RATE_LINK];
	uint64_t promised = promised_kbps(policy) * BITS_OF_KBIT;
	struct link_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	plan->queue_ns = (uint64_t)policy->queue_ms * NS_PER_MS;
	plan->has_queues = true;
	plan->has_reserved = promised > 0;
	plan->is_kept = !rate->per_second[RATE_BITS] || promised <= rate->per_second[RATE_BITS];
	plan->part = PORT_HELD_MAX / 2 / (policy->queues.count + 1);
	plan->claims[LINK_COMMON].weight = policy->weight;
	for (uint32_t i = 0; i < policy->queues.count; i++) {
		const struct policy_queue_row *row = queue_row(policy, i);

		plan->class_of[row->id] = (uint16_t)row->id;
		plan->claims[row->id] = claim_of(row);
	}
	return plan;
}

/* ---- what is told -------------------------------------------------------------------------------- */

static const struct policy_queue *policy_of(const struct port *p)
{
	return settings_bytes(&p->settings, builtin_queue.id);
}

uint32_t queue_count(const struct port *p)
{
	const struct policy_queue *policy = p->is_member ? NULL : policy_of(p);

	return policy ? policy->queues.count + 1 : 0;
}

/* A team's queue is as old as the oldest of its links'. */
static void add_link(const struct port *link, struct queue_view *v)
{
	uint32_t id = v->row ? v->row->id : 0;
	uint64_t since = link->path_port ? path_link_counts(link->path_port, id, &v->counts) : 0;

	if (!since)
		return;
	v->port_kbps = link->path_port->conf->rates[RATE_LINK].per_second[RATE_BITS] / BITS_OF_KBIT;
	if (!v->since_ns || since < v->since_ns)
		v->since_ns = since;
}

void queue_view(const struct port *p, uint32_t nr, struct queue_view *out)
{
	const struct policy_queue *policy = policy_of(p);
	const struct team *t = port_is_team(p) ? p->sw->team : NULL;

	*out = (struct queue_view){ .row = nr ? queue_row(policy, nr - 1) : NULL };
	out->weight = out->row ? out->row->weight : policy->weight;
	if (!t)
		add_link(p, out);
	for (uint32_t m = 0; t && m < TEAM_MEMBERS; m++)
		if (t->links[m].port)
			add_link(t->links[m].port, out);
}

static json_t *view_json(const struct queue_view *v)
{
	static const struct policy_queue_row common = { .id = 0 };
	const struct policy_queue_row *row = v->row ? v->row : &common;
	const struct link_counts *c = &v->counts;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:I}", "id",
			 (json_int_t)row->id, "min_kbps", (json_int_t)row->min_kbps, "max_kbps",
			 (json_int_t)row->max_kbps, "weight", (json_int_t)v->weight, "tx_packets",
			 (json_int_t)c->tx_packets, "tx_bytes", (json_int_t)c->tx_bytes, "drops",
			 "queue_share", (json_int_t)c->full, "pool", (json_int_t)c->pool, "exit",
			 (json_int_t)c->exit, "seconds",
			 (json_int_t)(v->since_ns ? (clock_ns() - v->since_ns) / NS_PER_S : 0));
}

json_t *queues_json(const struct port *p)
{
	uint32_t count = queue_count(p);
	json_t *list = count ? json_array() : NULL;

	for (uint32_t nr = 0; nr < count; nr++) {
		struct queue_view v;

		queue_view(p, nr, &v);
		(void)json_array_append_new(list, view_json(&v));
	}
	return list;
}
