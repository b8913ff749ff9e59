/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/steps_team.c - the team of a switch after its ports have changed, and how an uplink joins one
 * without going down.
 *
 *   join     it has a number and is in the table, and goes on as an uplink by itself
 *   publish  the team's port: open, and sends by it; what comes in still enters at the uplink
 *   publish  the uplink as a member: what comes in enters at the team's port
 *   joined   its addresses are forgotten; its extensions are detached later, as others are
 *
 * No packet is lost.  What is flooded between the two publications, which follow each other at once, may
 * leave twice.
 */
#include "switch/link.h"
#include "switch/lldp.h"
#include "switch/team.h"
#include "switch/transaction.h"

static int settle(struct step *s, struct xvs_error *err)
{
	(void)err;
	team_settle(s->sw, s->plan_switch ? &s->plan_switch->spec->team : NULL);
	link_settle(s->sw);
	lldp_settle(s->sw);
	return 0;
}

static int join(struct step *s, struct xvs_error *err)
{
	struct port *p = s->port;

	(void)err;
	p->is_member = true;
	if (team_join(p) < 0)
		p->is_member =
			false; /* it goes on alone; with at most eight uplinks there is a number */
	team_settle(s->sw, &s->plan_switch->spec->team);
	return 0;
}

static int joined(struct step *s, struct xvs_error *err)
{
	(void)err;
	port_forget_addresses(s->port);
	return 0;
}

const struct step_ops step_team_join = { join, NULL, NULL };
const struct step_ops step_team_joined = { joined, NULL, NULL };
const struct step_ops step_team = { settle, NULL, NULL };
