/* SPDX-License-Identifier: Apache-2.0 */
/* path/tracing.h - notes for a trace under way: worker->trace is set.  Private to core/path. */
#ifndef XVS_PATH_TRACING_H
#define XVS_PATH_TRACING_H

#include "path/trace.h"
#include "path/worker.h"

/* A copy, for more to be written into. */
struct trace_event *trace_add(struct path_worker *w, const struct trace_event *e);
/* The extension's sentence on packet 0 of the batch that it has just answered. */
void trace_explain(struct path_worker *w, const struct instance *inst, const struct xvs_batch *b,
		   struct trace_event *e);
/* In place of the instance's own. */
uint64_t *trace_counters(struct path_worker *w, const struct instance *inst);
void trace_dropped(struct path_worker *w, uint32_t port, uint32_t stage, uint32_t instance,
		   uint32_t reason);

#endif /* XVS_PATH_TRACING_H */
