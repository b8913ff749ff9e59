/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/verdict.h - what the host can do by itself with the packets of a flow. */
#ifndef OPENFLOW_PIPELINE_VERDICT_H
#define OPENFLOW_PIPELINE_VERDICT_H

#include "pipeline/program.h"

/*
 * [worker] The verdict on the flow of a packet that has walked.  True: the draft is to be kept as its
 * program, which its packets are counted by; false: each of its packets walks by itself.
 */
bool of_verdict(const struct of_walk *w, struct of_draft *d, struct xvs_flow_verdict *v);

#endif /* OPENFLOW_PIPELINE_VERDICT_H */
