/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/l2.h - DRAFT "xvs.l2/1": does the switch know where a packet's destination is, and whose is an
 * address?
 *
 * What it does not know is flooded to uplinks and to ports that learn.  Whether it does is a fact
 * of this moment: what is unknown now may be learned by the next packet.  So a verdict that asked is
 * judged anew when that address comes, goes or moves, and no sooner.
 */
#ifndef XVS_EXT_L2_H
#define XVS_EXT_L2_H

#ifndef XVS_USE_DRAFT
#error "l2.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_L2 "xvs.l2/1"

struct xvs_l2_host {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [worker] 1: some port has the packet's destination address in its segment, or it is a
	 * group's; 0: none has.  'p' is a packet of the batch in hand.  Within judge() the host marks
	 * the address as examined, and remembers that the verdict depends on it.  It is about the
	 * table of the built-in switch, whoever forwards.  -EPERM: not on a worker, or no packet of
	 * the batch in hand.
	 */
	int (*knows)(const struct xvs_host *h, const struct xvs_packet *p);

	/*
	 * [worker] Within judge() alone, of its packet.  1: its source address, on the way out its
	 * destination, is that of the port's adapter, or of another port of the same guest, who has
	 * made a team of them ("xvs.guest-team/1"); 0: it is not.  Examined and remembered as above.
	 * -EPERM: not within judge(), or another packet.
	 */
	int (*owns)(const struct xvs_host *h, const struct xvs_packet *p);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_L2_H */
