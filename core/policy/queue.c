/* SPDX-License-Identifier: Apache-2.0 */
/* policy/queue.c - field tables of "xvs.queue/1". */
#include "policy/queue.h"

#include <stddef.h>

enum {
	KBPS_MAX = 1000000000, /* 1 Tbit/s */
	BURST_MAX = 4000000,   /* as of xvs.rate/1, as is the next one */
	QUEUE_MS_MAX = 500,
	QUEUE_MS_USUAL = 50,
	WEIGHT_MAX = 100,
	WEIGHT_USUAL = 10,
	ID_MAX = 1023,
};

static const struct xvs_field row_fields[] = {
	{
		.name = "id",
		.help = "Number by which forwarders name the queue",
		.offset = offsetof(struct policy_queue_row, id),
		.type = XVS_U32,
		.flags = XVS_FIELD_REQUIRED,
		.min = 1,
		.max = ID_MAX,
	},
	{
		.name = "min_kbps",
		.help = "Kilobits a second that the queue is promised; 0: none",
		.offset = offsetof(struct policy_queue_row, min_kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
	{
		.name = "max_kbps",
		.help = "Kilobits a second that it sends at most; 0: no limit of its own",
		.offset = offsetof(struct policy_queue_row, max_kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
	{
		.name = "burst_kbytes",
		.help = "Kilobytes at once beyond max_kbps; at least 4 ms of it; 0: 10 ms of it",
		.offset = offsetof(struct policy_queue_row, burst_kbytes),
		.type = XVS_U64,
		.max = BURST_MAX,
	},
	{
		.name = "weight",
		.help = "Share of what is left when all have what they are promised",
		.offset = offsetof(struct policy_queue_row, weight),
		.type = XVS_U32,
		.min = 1,
		.max = WEIGHT_MAX,
		.dflt = WEIGHT_USUAL,
	},
};

static const struct xvs_field queue_fields[] = {
	{
		.name = "kbps",
		.help = "Kilobits a second that the port sends, each link of a team; 0: as to_kbps of "
			"xvs.rate/1 says, or an uplink's device",
		.offset = offsetof(struct policy_queue, kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
	{
		.name = "queue_ms",
		.help = "Milliseconds that packets wait at most",
		.offset = offsetof(struct policy_queue, queue_ms),
		.type = XVS_U32,
		.min = 1,
		.max = QUEUE_MS_MAX,
		.dflt = QUEUE_MS_USUAL,
	},
	{
		.name = "weight",
		.help = "Share of packets that are of none of the queues",
		.offset = offsetof(struct policy_queue, weight),
		.type = XVS_U32,
		.min = 1,
		.max = WEIGHT_MAX,
		.dflt = WEIGHT_USUAL,
	},
	{
		.name = "queues",
		.help = "Queues of the port",
		.offset = offsetof(struct policy_queue, queues),
		.type = XVS_LIST,
		.max = QUEUES_MAX,
		.fields = XVS_TABLE(row_fields),
		.element_bytes = sizeof(struct policy_queue_row),
	},
};

const struct xvs_feature builtin_queue = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_queue),
	.id = "xvs.queue/1",
	.summary = "Queues of an exit port: what each is promised and sends at most",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(queue_fields),
};
