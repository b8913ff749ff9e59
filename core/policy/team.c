/* SPDX-License-Identifier: Apache-2.0 */
/* policy/team.c - what a port may say of the team of uplinks through which it leaves the switch. */
#include "policy/builtin.h"

static const struct xvs_field team_fields[] = {
	{
		.name = "uplink",
		.help = "Uplink of the team that sends what this port sends, as long as it can; not given: "
			"as the team's mode says",
		.offset = offsetof(struct policy_team, uplink),
		.type = XVS_TEXT,
		.max = sizeof(((struct policy_team *)0)->uplink),
	},
};

const struct xvs_feature builtin_team = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_team),
	.id = "xvs.team/1",
	.summary = "Uplink that a port uses",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(team_fields),
};
