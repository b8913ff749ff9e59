/* SPDX-License-Identifier: Apache-2.0 */
/* policy/queue.h - "xvs.queue/1", per port: the queues at which packets wait to leave by it. */
#ifndef XVS_POLICY_QUEUE_H
#define XVS_POLICY_QUEUE_H

#include "xvs/extension.h"

enum { QUEUES_MAX = 64 }; /* of one port */

struct policy_queue_row {
	uint32_t id;     /* by which forwarders name it */
	uint32_t weight; /* 1..100: of what is left when all have what they are promised */
	uint64_t min_kbps;
	uint64_t max_kbps;     /* 0: no limit */
	uint64_t burst_kbytes; /* 1000 bytes that may pass at once beyond max_kbps; 0: 10 ms of it */
};

struct policy_queue {
	uint64_t kbps;           /* of the port, of each link of a team; 0: as said elsewhere */
	uint32_t queue_ms;       /* a packet that would wait longer is dropped */
	uint32_t weight;         /* of packets that are of none of the queues */
	struct xvs_table queues; /* struct policy_queue_row */
};

static inline const struct policy_queue_row *queue_row(const struct policy_queue *policy,
						       uint32_t idx)
{
	return (const void *)((const char *)policy->queues.items +
			      (size_t)idx * policy->queues.stride);
}

extern const struct xvs_feature builtin_queue;

#endif /* XVS_POLICY_QUEUE_H */
