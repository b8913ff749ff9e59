/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/mirror.h - DRAFT "xvs.mirror/1": copies of packets for a mirror session of the switch.
 *
 * The operator names sessions (policy xvs.mirror/1): to which ports copies go, how long they are and
 * one in how many.  You say which packets.  A copy never delays or loses its original, goes past all
 * chains, is not copied again, and is the first to be lost where something is scarce.
 */
#ifndef XVS_EXT_MIRROR_H
#define XVS_EXT_MIRROR_H

#ifndef XVS_USE_DRAFT
#error "mirror.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_MIRROR "xvs.mirror/1"

/*
 * In 'flags' of a text of a policy of yours: it names a session.  One that the switch does not have is
 * refused, with its place, before you see the policy; empty names none.  All the same copy() may not find
 * it: what is wrong when the switch starts closes no port.
 */
enum { XVS_FIELD_SESSION = 1u << 8 };

struct xvs_mirror_host {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [worker] Within your packet callback, with its batch: copies of the packets in 'mask', as
	 * they are now.  What the session leaves out (other VLANs, those not sampled) and what
	 * is lost is the session's to count.
	 * -ENOENT: the switch has no session of this name.  -EPERM: not within a packet callback of
	 * yours, or not its batch.
	 */
	int (*copy)(const struct xvs_host *h, const struct xvs_batch *b, uint64_t mask,
		    const char *session);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_MIRROR_H */
