/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/expiry.c - flows that have been idle, or there, for too long.
 *
 *	looks at what is due -> asks workers, who tell of packets now and then -> ends who is idle still
 *
 * However many end at once, each turn ends a few of them: they need not go together.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/agent.h"

enum { ENDED_AT_ONCE = 1024 }; /* also: so many are told of one by one (table/flows.c) */

static void suspect(struct of_expiry *x, struct of_rule *r)
{
	uint32_t space = x->space ? x->space * 2 : 64;
	struct of_rule **list;

	if (x->count == x->space) {
		list = realloc((void *)x->suspects, space * sizeof(struct of_rule *));
		if (!list)
			return; /* it is looked at again with the next turn */
		x->suspects = list;
		x->space = space;
	}
	of_rule_hold(r);
	x->suspects[x->count++] = r;
}

static void on_due(void *arg, struct of_rule *r, uint8_t reason)
{
	struct of_agent *a = arg;

	if (reason == OF_REMOVED_IDLE)
		suspect(&a->expiry, r);
	else
		(void)of_flows_remove(&a->pipeline.state.flows, r, reason);
}

static void on_collected(void *arg)
{
	struct of_agent *a = arg;

	a->expiry.phase = OF_EXPIRY_ENDS;
	of_agent_expire_on(a);
}

/* True: that was all. */
static bool look(struct of_agent *a)
{
	struct of_expiry *x = &a->expiry;
	bool is_all;

	of_state_begin(&a->pipeline.state, x->until_ns);
	is_all = of_wheel_turn(&a->wheel, x->until_ns, ENDED_AT_ONCE, on_due, a);
	of_state_commit(&a->pipeline.state);
	return is_all;
}

static void end_some(struct of_agent *a)
{
	struct of_expiry *x = &a->expiry;
	uint64_t now = a->host->now(a->host);
	uint8_t reason;

	of_state_begin(&a->pipeline.state, now);
	for (uint32_t n = 0; n < ENDED_AT_ONCE && x->at < x->count; n++) {
		struct of_rule *r = x->suspects[x->at++];

		if (of_rule_is_there(r) && of_rule_ends_ns(r, &reason) <= now)
			(void)of_flows_remove(&a->pipeline.state.flows, r, reason);
		of_rule_drop(r);
	}
	of_state_commit(&a->pipeline.state);
}

static void on_turn(void *arg)
{
	struct of_agent *a = arg;
	struct of_expiry *x = &a->expiry;

	if (a->job) /* which calls when it is done */
		return;
	if (x->phase == OF_EXPIRY_LOOKS && look(a)) {
		x->phase = x->count ? OF_EXPIRY_ASKS : OF_EXPIRY_RESTS;
		if (x->count && a->flow->collect(a->host, on_collected, a) != 0)
			on_collected(a);
	} else if (x->phase == OF_EXPIRY_ENDS) {
		end_some(a);
		if (x->at == x->count) {
			x->at = x->count = 0;
			x->phase = OF_EXPIRY_RESTS;
		}
	}
	of_agent_expire_on(a);
}

void of_agent_expire_on(struct of_agent *a)
{
	if (a->expiry.phase == OF_EXPIRY_LOOKS || a->expiry.phase == OF_EXPIRY_ENDS)
		a->timers->arm(a->host, a->expiry.timer, 0);
}

void of_agent_expire(struct of_agent *a, uint64_t now_ns)
{
	if (a->expiry.phase != OF_EXPIRY_RESTS)
		return;
	a->expiry.phase = OF_EXPIRY_LOOKS;
	a->expiry.until_ns = now_ns;
	on_turn(a);
}

int of_expiry_init(struct of_agent *a)
{
	a->expiry.timer = a->timers->create(a->host, on_turn, a);
	return a->expiry.timer ? 0 : -ENOMEM;
}

void of_expiry_destroy(struct of_agent *a)
{
	struct of_expiry *x = &a->expiry;

	if (x->timer)
		a->timers->destroy(a->host, x->timer);
	while (x->at < x->count)
		of_rule_drop(x->suspects[x->at++]);
	free((void *)x->suspects);
	*x = (struct of_expiry){ .phase = OF_EXPIRY_RESTS };
}
