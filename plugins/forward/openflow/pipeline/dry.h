/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/dry.h - the packet of an operator's trace goes several ways by itself.
 *
 * There are no copies for it.  Where others would go with a copy, it goes as it is; before anything
 * else becomes of it, its bytes are put back.
 */
#ifndef OPENFLOW_PIPELINE_DRY_H
#define OPENFLOW_PIPELINE_DRY_H

#include "pipeline/emit.h"

/* [worker] */
bool of_dry_fork(struct of_emitter *e); /* false: out of memory, or too deep */
void of_dry_join(struct of_emitter *e);
void of_dry_flush(struct of_emitter *e); /* it goes on */
void of_dry_end(struct of_emitter *e);   /* it leaves as it is now */

#endif /* OPENFLOW_PIPELINE_DRY_H */
