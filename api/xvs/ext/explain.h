/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/explain.h - DRAFT "xvs.explain/1": say which of your rules decided.
 *
 * An operator's trace sends a packet marked XVS_PKT_DRY through the chain and shows what each
 * extension answered.  "dropped: no-rule" tells who and why; which line of the policy to edit only
 * you know.  Offer this from query(), and the trace has your sentence beside your verdict.
 */
#ifndef XVS_EXT_EXPLAIN_H
#define XVS_EXT_EXPLAIN_H

#ifndef XVS_USE_DRAFT
#error "explain.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_EXPLAIN "xvs.explain/1"

/* Yours, from query(); it stays until destroy(). */
struct xvs_explain {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [worker] Right after your judge(), authorise() or packet callback answered on packet 'i' of
	 * this batch, which bears XVS_PKT_DRY; never for everyday packets.  'key' is what the packet is
	 * now.  Write at most 'bytes' bytes, the end included, as "rule 3 (in tcp 80,443
	 * allow)"; it was zeroed, and empty stands for nothing to say.  More lines, divided by
	 * '\n', tell how it came to that.  Count and change nothing.
	 */
	void (*explain)(void *self, const struct xvs_batch *b, uint32_t i,
			const struct xvs_flow_key *key, char *text, uint32_t bytes);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_EXPLAIN_H */
