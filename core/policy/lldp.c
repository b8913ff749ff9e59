/* SPDX-License-Identifier: Apache-2.0 */
/* policy/lldp.c - field table of "xvs.lldp/1". */
#include "policy/lldp.h"

#include <stddef.h>

enum { INTERVAL_MIN_S = 5, INTERVAL_MAX_S = 3600, INTERVAL_USUAL_S = 30 };

static const char *const mode_names[] = {
	[LLDP_BOTH] = "both",
	[LLDP_LISTEN] = "listen",
	[LLDP_ADVERTISE] = "advertise",
	[LLDP_OFF] = "off",
};

static const struct xvs_field lldp_fields[] = {
	{
		.name = "mode",
		.help = "Listen to what the adjacent switch tells of itself, tell it of this host, or both",
		.offset = offsetof(struct policy_lldp, mode),
		.type = XVS_ENUM,
		.dflt = LLDP_BOTH,
		.names = XVS_TABLE(mode_names),
	},
	{
		.name = "interval_s",
		.help = "Seconds between what is told",
		.offset = offsetof(struct policy_lldp, interval_s),
		.type = XVS_U32,
		.min = INTERVAL_MIN_S,
		.max = INTERVAL_MAX_S,
		.dflt = INTERVAL_USUAL_S,
	},
	{
		.name = "cdp",
		.help = "Listen to CDP as well, of an adjacent switch that does not tell by LLDP",
		.offset = offsetof(struct policy_lldp, cdp),
		.type = XVS_BOOL,
		.dflt = true,
	},
	{
		.name = "cdp_tell",
		.help = "Tell by CDP as well, where this host tells at all",
		.offset = offsetof(struct policy_lldp, cdp_tell),
		.type = XVS_BOOL,
	},
};

const struct xvs_feature builtin_lldp = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_lldp),
	.id = "xvs.lldp/1",
	.summary = "LLDP with the adjacent switch of an uplink",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(lldp_fields),
};
