/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/run.h - what a worker does: verdicts on flows, and watched packets.
 *
 * A flow's cookie is its program, which the worker that judged it owns.  Cookie 0 of a watched
 * packet: what becomes of it cannot be told by its flow key, so it walks through the tables itself.
 */
#ifndef OPENFLOW_PIPELINE_RUN_H
#define OPENFLOW_PIPELINE_RUN_H

#include "model/text.h"
#include "pipeline/program.h"
#include "pipeline/story.h"

/* A worker's own. */
struct of_worker {
	struct of_pipeline *pipeline;
	struct of_walk walk;
	struct of_draft draft;
	struct of_text story; /* of the last packet of a trace */
	char story_bytes[OF_STORY_BYTES];
};

/* [worker] */
void of_judge(struct of_worker *w, const struct xvs_batch *b, uint32_t i,
	      struct xvs_flow_verdict *v);
void of_forward(struct of_worker *w, struct xvs_batch *b);
void of_account(const struct xvs_flow_stats *stats);
/* Right after one of the first two, of a packet of a trace. */
void of_explain(const struct of_worker *w, char *text, uint32_t bytes);

/*
 * [worker] A packet of the extension's own, which a controller has sent: given.  'port': where it is
 * said to have come in, or XVS_PORT_NONE.
 */
void of_send(struct of_worker *w, struct xvs_packet *p, uint32_t port,
	     const struct of_actions *actions, uint64_t now_ns);

#endif /* OPENFLOW_PIPELINE_RUN_H */
