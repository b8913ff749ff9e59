/* SPDX-License-Identifier: Apache-2.0 */
/* agent/removed.c - FLOW_REMOVED, when the last packets of the flow have been counted. */
#include <stdlib.h>

#include "agent/agent.h"

struct of_removal {
	struct of_removal *next;
	struct of_rule *rule; /* held */
	uint64_t at_ns;
	uint8_t reason;
};

struct of_age of_age_of(uint64_t since_ns, uint64_t now_ns)
{
	uint64_t age = now_ns > since_ns ? now_ns - since_ns : 0;

	return (struct of_age){ (uint32_t)(age / 1000000000), (uint32_t)(age % 1000000000) };
}

struct of_flow_view of_flow_view_of(const struct of_rule *r, struct of_match *match,
				    uint64_t now_ns)
{
	match->value = r->value;
	match->mask = r->subtable->whole;
	return (struct of_flow_view){
		.match = match,
		.instructions = r->instructions,
		.counts = { of_count(&r->stats->packets), of_count(&r->stats->bytes) },
		.age = of_age_of(r->created_ns, now_ns),
		.cookie = r->cookie,
		.priority = r->priority,
		.idle_timeout = r->idle_timeout,
		.hard_timeout = r->hard_timeout,
		.flags = r->flags,
		.importance = r->importance,
		.table = r->table,
	};
}

static void tell(struct of_agent *a, const struct of_removal *x)
{
	struct of_match match;
	struct of_flow_view v = of_flow_view_of(x->rule, &match, x->at_ns);

	for (struct of_controller *c = a->controllers; c; c = c->next) {
		struct of_to to;

		if (!c->connection || !of_controller_wants(c, OF_ASYNC_FLOW_REMOVED, x->reason) ||
		    !of_connection_has_room(c->connection))
			continue;
		to = of_connection_to(c->connection, 0);
		of_put_flow_removed(&to, &v, x->reason);
		of_connection_flush(c->connection);
	}
}

static void free_all(struct of_removal *x)
{
	while (x) {
		struct of_removal *next = x->next;

		of_rule_drop(x->rule);
		free(x);
		x = next;
	}
}

static void ask(void *arg);

static void on_collected(void *arg)
{
	struct of_agent *a = arg;

	for (struct of_removal *x = a->removed_asked; x; x = x->next)
		tell(a, x);
	free_all(a->removed_asked);
	a->removed_asked = NULL;
	if (a->removed_fresh)
		ask(a);
}

/* One question to the workers for all that went in one turn, or while the last was under way. */
static void ask(void *arg)
{
	struct of_agent *a = arg;
	struct of_removal *x;

	if (a->removed_asked)
		return;
	while ((x = a->removed_fresh) != NULL) { /* back into their order */
		a->removed_fresh = x->next;
		x->next = a->removed_asked;
		a->removed_asked = x;
	}
	if (a->removed_asked && a->flow->collect(a->host, on_collected, a) != 0)
		on_collected(a);
}

void of_agent_tell_removed(struct of_agent *a, struct of_rule *r, uint8_t reason)
{
	struct of_removal *x = calloc(1, sizeof(*x));

	if (!x)
		return;
	*x = (struct of_removal){ .rule = r, .at_ns = a->host->now(a->host), .reason = reason };
	of_rule_hold(r);
	x->next = a->removed_fresh;
	a->removed_fresh = x;
	if (!x->next && !a->removed_asked)
		a->host->defer(a->host, ask, a);
}

void of_agent_drop_removed(struct of_agent *a)
{
	free_all(a->removed_fresh);
	free_all(a->removed_asked);
	a->removed_fresh = a->removed_asked = NULL;
}
