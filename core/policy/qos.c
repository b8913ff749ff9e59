/* SPDX-License-Identifier: Apache-2.0 */
/* policy/qos.c - field table of "xvs.qos/1". */
#include "policy/qos.h"

#include <stddef.h>

enum { PRIORITY_MAX = 7, DSCP_MAX = 63 };

static const struct xvs_field qos_fields[] = {
	{
		.name = "trust_priority",
		.help = "Keep the 802.1p priority that packets of the port come with",
		.offset = offsetof(struct policy_qos, trust_priority),
		.type = XVS_BOOL,
	},
	{
		.name = "priority",
		.help = "802.1p priority of packets whose own is not trusted",
		.offset = offsetof(struct policy_qos, priority),
		.type = XVS_U32,
		.max = PRIORITY_MAX,
	},
	{
		.name = "trust_dscp",
		.help = "Keep the DSCP that packets of the port come with",
		.offset = offsetof(struct policy_qos, trust_dscp),
		.type = XVS_BOOL,
		.dflt = true,
	},
	{
		.name = "dscp",
		.help = "DSCP of packets whose own is not trusted",
		.offset = offsetof(struct policy_qos, dscp),
		.type = XVS_U32,
		.max = DSCP_MAX,
	},
};

const struct xvs_feature builtin_qos = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_qos),
	.id = "xvs.qos/1",
	.summary = "Trust in priorities of a port, and marking",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(qos_fields),
};
