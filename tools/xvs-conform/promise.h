/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/promise.h - packets that are equal in the bits examined get the same verdict. */
#ifndef XVS_CONFORM_PROMISE_H
#define XVS_CONFORM_PROMISE_H

#include "xvs/extension.h"

/* Against what was answered before. */
void promise_check(const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		   const struct xvs_flow_verdict *v);
/* Verdicts may differ from here on. */
void promise_forget(void);

#endif /* XVS_CONFORM_PROMISE_H */
