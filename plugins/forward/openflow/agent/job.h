/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/job.h - a transaction that takes several turns of the control thread: a bundle, or one message
 * that changes very many flows.
 *
 *	messages -> each is carried out, many flows a few at a time -> in force -> told of -> answered
 *	                          a fault -> undone -> refused
 *
 * Packets see all of it at once, when it comes into force.  Until it is answered nobody else sees or
 * changes flows, groups and meters: messages of controllers wait where they are, what has been asked
 * before is told of later.
 */
#ifndef OPENFLOW_AGENT_JOB_H
#define OPENFLOW_AGENT_JOB_H

#include "agent/agent.h"

/* Would it take long?  Of a message that is no bundle's. */
bool of_job_is_wanted(const struct of_agent *a, const struct of_message *m);

/*
 * 'm', whose bytes these are, is carried out and answered, now or in later turns; 'bundle': what it commits, which
 * is taken over.  A fault: nothing was done.
 */
of_fault of_job_start(struct of_controller *c, const struct of_message *m, struct of_bytes bytes,
		      struct of_held_bundle *bundle);

/* The agent ends, and all that it was about. */
void of_job_drop(struct of_agent *a);

#endif /* OPENFLOW_AGENT_JOB_H */
