/* SPDX-License-Identifier: Apache-2.0 */
/* switch/qos.c - "xvs.qos/1": does it make sense, and what workers do about it. */
#include <stdio.h>

#include "policy/qos.h"
#include "switch/transaction.h"

void compile_qos(const struct port *p, struct port_conf *conf)
{
	const struct policy_qos *qos = settings_bytes(&p->settings, builtin_qos.id);

	if (!qos)
		return;
	conf->marks = (uint8_t)((qos->trust_priority ? 0 : MARK_PRIORITY) |
				(qos->trust_dscp ? 0 : MARK_DSCP));
	conf->priority = (uint8_t)qos->priority;
	conf->dscp = (uint8_t)qos->dscp;
}

static void refuse(struct plan *p, const struct plan_switch *ps, struct plan_port *pp,
		   const char *field)
{
	struct position at = policy_position(p->model, ps, pp, NULL, builtin_qos.id, field);
	char text[PROBLEM_MAX];

	(void)snprintf(text, sizeof(text),
		       "policy %s, %s: it marks nothing while the port is trusted; "
		       "give trust_%s: false too",
		       builtin_qos.id, field, field);
	if (!pp->is_tolerated)
		plan_error(p, at, "port %s/%s: %s", ps->spec->name, pp->spec->name, text);
	else if (pp->problem[0] == '\0')
		memcpy(pp->problem, text, sizeof(pp->problem));
}

void plan_qos(struct plan *p, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		const struct policy_qos *qos =
			settings_bytes(&ps->ports[i].settings, builtin_qos.id);

		if (qos && qos->priority && qos->trust_priority)
			refuse(p, ps, &ps->ports[i], "priority");
		if (qos && qos->dscp && qos->trust_dscp)
			refuse(p, ps, &ps->ports[i], "dscp");
	}
}
