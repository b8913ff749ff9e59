/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/connections.c - fields of "xvs.connections/1": how many connections of a guarded port are
 * tracked, and for how long.
 */
#include "policy/builtin.h"

enum { IDLE_MAX_S = 1000000, LIMIT_MAX = 16777216 };

#define IDLE(member, seconds, text) \
	{ \
		.name = #member, .help = "Seconds of silence allowed " text, \
		.offset = offsetof(struct policy_connections, member), .type = XVS_U32, .min = 1, \
		.max = IDLE_MAX_S, .dflt = (seconds) \
	}

/* The defaults are those of conn/times.c. */
static const struct xvs_field fields[] = {
	{
		.name = "limit",
		.help = "Connections tracked at most",
		.offset = offsetof(struct policy_connections, limit),
		.type = XVS_U32,
		.min = 1,
		.max = LIMIT_MAX,
		.dflt = 65536,
	},
	{
		.name = "half_open",
		.help = "Connections tracked at most that have not been answered; the oldest make room",
		.offset = offsetof(struct policy_connections, half_open),
		.type = XVS_U32,
		.min = 1,
		.max = 1048576,
		.dflt = 4096,
	},
	{
		.name = "switch_limit",
		.help = "No more are opened while the ports of the switch have so many together; 0: no "
			"bound",
		.offset = offsetof(struct policy_connections, switch_limit),
		.type = XVS_U32,
		.max = LIMIT_MAX,
	},
	{
		.name = "midstream_s",
		.help = "Seconds after the daemon's start in which TCP that is under way may go on; 0: "
			"never",
		.offset = offsetof(struct policy_connections, midstream_s),
		.type = XVS_U32,
		.max = IDLE_MAX_S,
		.dflt = 60,
	},
	IDLE(tcp_syn_sent_s, 240, "after a SYN that was not answered"),
	IDLE(tcp_syn_received_s, 240, "while both ends have sent a SYN, and not both acknowledged"),
	IDLE(tcp_established_s, 7440, "of an established TCP connection"),
	IDLE(tcp_closing_s, 240, "once one end has sent a FIN"),
	IDLE(tcp_time_wait_s, 240, "once both have acknowledged the other's FIN"),
	IDLE(udp_s, 120, "of UDP while nobody has answered"),
	IDLE(udp_stream_s, 300, "of UDP between two who both speak"),
	IDLE(icmp_s, 60, "of an ICMP question and its answers"),
	IDLE(sctp_opening_s, 60, "while an SCTP association is being made"),
	IDLE(sctp_established_s, 600, "of an established SCTP association"),
	IDLE(sctp_closing_s, 60, "while an SCTP association is being shut down"),
	IDLE(other_s, 600, "of any other protocol between two addresses"),
};

const struct xvs_feature builtin_connections = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_connections),
	.id = "xvs.connections/1",
	.summary = "Bounds of a guarded port's connections",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(fields),
};
