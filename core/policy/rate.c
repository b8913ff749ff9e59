/* SPDX-License-Identifier: Apache-2.0 */
/* policy/rate.c - field table of "xvs.rate/1". */
#include "policy/rate.h"

#include <stddef.h>

enum {
	KBPS_MAX = 1000000000, /* 1 Tbit/s */
	PPS_MAX = 1000000000,
	BURST_MAX = 4000000,
	WEIGHT_MAX = 100,
	QUEUE_MS_MAX = 500, /* a change of policy is settled when what waited has left */
};

static const struct xvs_field rate_fields[] = {
	{
		.name = "from_kbps",
		.help = "Kilobits a second that the port gives at most; 0: no limit",
		.offset = offsetof(struct policy_rate, from_kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
	{
		.name = "from_burst_kbytes",
		.help = "Kilobytes at once beyond the rate; at least 4 ms of it; 0: 10 ms of it",
		.offset = offsetof(struct policy_rate, from_burst_kbytes),
		.type = XVS_U64,
		.max = BURST_MAX,
	},
	{
		.name = "from_pps",
		.help = "Packets a second that the port gives at most; 0: no limit",
		.offset = offsetof(struct policy_rate, from_pps),
		.type = XVS_U64,
		.max = PPS_MAX,
	},
	{
		.name = "from_burst_packets",
		.help = "Packets at once beyond the rate; at least 4 ms of it; 0: 10 ms of it",
		.offset = offsetof(struct policy_rate, from_burst_packets),
		.type = XVS_U64,
		.max = BURST_MAX,
	},
	{
		.name = "to_kbps",
		.help = "Kilobits a second that the port gets at most; 0: no limit",
		.offset = offsetof(struct policy_rate, to_kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
	{
		.name = "to_burst_kbytes",
		.help = "Kilobytes at once beyond the rate; at least 4 ms of it; 0: 10 ms of it",
		.offset = offsetof(struct policy_rate, to_burst_kbytes),
		.type = XVS_U64,
		.max = BURST_MAX,
	},
	{
		.name = "to_pps",
		.help = "Packets a second that the port gets at most; 0: no limit",
		.offset = offsetof(struct policy_rate, to_pps),
		.type = XVS_U64,
		.max = PPS_MAX,
	},
	{
		.name = "to_burst_packets",
		.help = "Packets at once beyond the rate; at least 4 ms of it; 0: 10 ms of it",
		.offset = offsetof(struct policy_rate, to_burst_packets),
		.type = XVS_U64,
		.max = BURST_MAX,
	},
	{
		.name = "to_queue_ms",
		.help = "Milliseconds that packets beyond the limit wait at most; 0: they are dropped",
		.offset = offsetof(struct policy_rate, to_queue_ms),
		.type = XVS_U32,
		.max = QUEUE_MS_MAX,
	},
	{
		.name = "weight",
		.help = "Share of what the port gives, in the switch and of uplinks with xvs.link/1, while "
			"others have packets too; 0: 10 in the switch, the common one of uplinks",
		.offset = offsetof(struct policy_rate, weight),
		.type = XVS_U32,
		.max = WEIGHT_MAX,
	},
	{
		.name = "reserve_kbps",
		.help = "Kilobits a second that the port may give whatever the others do",
		.offset = offsetof(struct policy_rate, reserve_kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
	{
		.name = "capacity_kbps",
		.help = "Kilobits a second that all ports may reserve together; set it on the switch",
		.offset = offsetof(struct policy_rate, capacity_kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
};

const struct xvs_feature builtin_rate = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_rate),
	.id = "xvs.rate/1",
	.summary = "Limits of what a port gives and gets, its weight and what is reserved for it",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(rate_fields),
};
