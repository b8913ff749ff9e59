/* SPDX-License-Identifier: Apache-2.0 */
/* agent/queues.h - queues of ports, to those who ask for them or name one. */
#ifndef OPENFLOW_AGENT_QUEUES_H
#define OPENFLOW_AGENT_QUEUES_H

#include "agent/agent.h"

struct of_queue_list {
	struct of_queue_view *views; /* free() it, whatever came of it */
	uint32_t count;
};

/*
 * Queues of a port or of all (OF_PORT_ANY), of one number or of any (OF_QUEUE_ALL).  -ENOENT: there is no
 * such port; -ENOMEM.
 */
int of_queues_list(struct of_agent *a, uint32_t port, uint32_t queue, struct of_queue_list *out);

/* May packets be put into the queues that ENQUEUE names? */
of_fault of_queues_check(struct of_agent *a, const struct of_actions *actions);

#endif /* OPENFLOW_AGENT_QUEUES_H */
