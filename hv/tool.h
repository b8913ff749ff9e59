/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/tool.h - helper programs that run to their end, as qemu-img, without waiting for them.
 * [control]
 */
#ifndef XVS_HV_TOOL_H
#define XVS_HV_TOOL_H

#include "process.h"

enum { TOOL_OUTPUT_MAX = 1 << 20, TOOL_DEADLINE_S = 600 };

struct tool;

/* It ended with 'status' 0, or not; 'output' is what it wrote to stdout and stderr. */
typedef void (*tool_fn)(void *arg, int status, const char *output);

struct tool_end {
	uint32_t deadline_s; /* it is killed then, or when it writes more than TOOL_OUTPUT_MAX */
	tool_fn done;
	void *arg;
};

/* Starts the plan, whose output this is.  done() once, unless tool_cancel() comes before. */
int tool_start(struct loop *loop, struct plan *p, const struct tool_end *end, struct tool **out,
	       struct xvs_error *err);
void tool_cancel(struct tool *t); /* kills it; waits for a moment at most; NULL is fine */

#endif /* XVS_HV_TOOL_H */
