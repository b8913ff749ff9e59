/* SPDX-License-Identifier: Apache-2.0 */
/* switch/steps_team.c - the team of a switch after its ports have changed. */
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

const struct step_ops step_team = { settle, NULL, NULL };
