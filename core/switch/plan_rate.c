/* SPDX-License-Identifier: Apache-2.0 */
/* switch/plan_rate.c - limits of the ports of a switch: does what their policies say make sense. */
#include <stdio.h>

#include "policy/rate.h"
#include "switch/transaction.h"

struct rate_check {
	struct plan *p;
	const struct plan_switch *ps;
	struct plan_port *pp;
};

static void refuse(const struct rate_check *c, const char *field, const char *text)
{
	struct position at =
		policy_position(c->p->model, c->ps, c->pp, NULL, builtin_rate.id, field);

	if (!c->pp->is_tolerated)
		plan_error(c->p, at, "port %s/%s: policy %s, %s: %s", c->ps->spec->name,
			   c->pp->spec->name, builtin_rate.id, field, text);
	else if (c->pp->problem[0] == '\0')
		(void)snprintf(c->pp->problem, sizeof(c->pp->problem), "policy %s, %s: %s",
			       builtin_rate.id, field, text);
}

/* What goes with a limit that is not there says nothing, and is a mistake. */
static void check_pairs(const struct rate_check *c, const struct policy_rate *rate)
{
	if (rate->from_burst_kbytes && !rate->from_kbps)
		refuse(c, "from_burst_kbytes", "it needs a limit; give from_kbps too");
	if (rate->from_burst_packets && !rate->from_pps)
		refuse(c, "from_burst_packets", "it needs a limit; give from_pps too");
	if (rate->to_burst_kbytes && !rate->to_kbps)
		refuse(c, "to_burst_kbytes", "it needs a limit; give to_kbps too");
	if (rate->to_burst_packets && !rate->to_pps)
		refuse(c, "to_burst_packets", "it needs a limit; give to_pps too");
	if (rate->to_queue_ms && !rate->to_kbps && !rate->to_pps)
		refuse(c, "to_queue_ms", "nothing waits without a limit; give to_kbps or to_pps");
}

void plan_rates(struct plan *p, struct plan_switch *ps)
{
	struct rate_check c = { .p = p, .ps = ps };

	for (size_t i = 0; i < ps->port_count; i++) {
		const struct policy_rate *rate =
			settings_bytes(&ps->ports[i].settings, builtin_rate.id);

		c.pp = &ps->ports[i];
		if (rate)
			check_pairs(&c, rate);
	}
}
