/* SPDX-License-Identifier: Apache-2.0 */
/* policy/guest_team.c - which ports of a switch are one guest's, who makes a team of them himself. */
#include "policy/builtin.h"

static const struct xvs_field guest_team_fields[] = {
	{
		.name = "name",
		.help = "Ports of the switch with the same name are one guest's: he may use the addresses "
			"of all their adapters at each of them; empty: those of this port alone",
		.offset = offsetof(struct policy_guest_team, name),
		.type = XVS_TEXT,
		.max = sizeof(((struct policy_guest_team *)0)->name),
	},
};

const struct xvs_feature builtin_guest_team = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_guest_team),
	.id = "xvs.guest-team/1",
	.summary = "Team that a guest makes of its adapters",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(guest_team_fields),
};
