/* SPDX-License-Identifier: Apache-2.0 */
/* switch/queue.h - "xvs.queue/1": queues of exit ports.  Inside this folder; all of it [control]. */
#ifndef XVS_SWITCH_QUEUE_H
#define XVS_SWITCH_QUEUE_H

#include "path/link.h"
#include "policy/queue.h"
#include "switch/world.h"

/* A queue of a port as it is now, all links of a team together. */
struct queue_view {
	const struct policy_queue_row *row; /* NULL: of packets that are of none */
	uint32_t weight;
	uint64_t port_kbps; /* that the port sends, each link of a team; 0: nobody limits it */
	uint64_t since_ns;
	struct link_counts counts;
};

/* Its settings of this kind, or those of its team; NULL: it has no queues, or leaves it to its links. */
const struct policy_queue *queue_policy(const struct port *p);
/* Behind compile_rate(): a port with queues keeps its limit by them. */
void compile_queues(const struct port *p, struct port_conf *conf);
/* How what leaves by the port is shared; NULL: no memory. */
struct link_plan *queue_plan(const struct port *p, const struct policy_queue *policy);

/* How many queues the port has, the common one with them as number 0; 0: none at all. */
uint32_t queue_count(const struct port *p);
void queue_view(const struct port *p, uint32_t nr, struct queue_view *out);
/* [{id, min_kbps, .., tx_packets, ..}]; NULL: the port has no queues. */
json_t *queues_json(const struct port *p);

#endif /* XVS_SWITCH_QUEUE_H */
