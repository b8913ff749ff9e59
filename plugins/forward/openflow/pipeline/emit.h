/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/emit.h - a packet leaves by several outputs.
 *
 * The last one takes the packet itself, those before it copies.  So an output waits until the next
 * one comes, or until the packet is changed, or the end.
 */
#ifndef OPENFLOW_PIPELINE_EMIT_H
#define OPENFLOW_PIPELINE_EMIT_H

#include "pipeline/program.h"

struct of_emitter {
	struct of_pipeline *pipeline;
	struct xvs_batch *batch; /* NULL: the packet is the extension's own */
	uint32_t index;          /* in the batch */
	struct xvs_packet *packet;
	uint64_t now_ns;
	uint32_t port; /* of entry */
	uint16_t reason;
	uint8_t remark; /* by how much the drop precedence rises from now on */
	bool is_dry;    /* an operator's trace: nothing is counted, told or sent */
	bool has_sent;  /* copies have gone */
	bool is_waiting;
	bool is_not_told;        /* the last one was for controllers, and one too many */
	struct of_output output; /* the one that waits */
	struct of_image image;
	uint32_t depth;
	struct xvs_packet *parents[OF_DEPTH_MAX]; /* of the bucket's copy in hand */
	struct xvs_packet *undo; /* dry.c: what the packet was before the last bucket's way */
};

/* False: it ends here. */
bool of_emit_meter(struct of_emitter *e, uint32_t id);
void of_emit_output(struct of_emitter *e, const struct of_output *o, const struct of_image *image);

/* Before the packet's bytes change. */
void of_emit_flush(struct of_emitter *e);

bool of_emit_fork(struct of_emitter *e);
void of_emit_join(struct of_emitter *e);

/* The packet is on its way, dropped or consumed. */
void of_emit_end(struct of_emitter *e);

#endif /* OPENFLOW_PIPELINE_EMIT_H */
