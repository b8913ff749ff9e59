/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/mark.h - DRAFT "xvs.mark/1": give the packets of a flow a DSCP or an 802.1p priority.
 *
 * Marking is no rewriting: who a packet is from and to, and what its connection is, stay as they
 * are.  So a firewall may do it as well, and none needs the right REWRITE.
 */
#ifndef XVS_EXT_MARK_H
#define XVS_EXT_MARK_H

#ifndef XVS_USE_DRAFT
#error "mark.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_MARK "xvs.mark/1"

enum { XVS_MARK_LEAVE = 255 }; /* as priority or dscp: as it is */

struct xvs_mark_host {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [worker] Within your judge(), by a filter, firewall or forwarder: packets of this flow go on
	 * with this priority (0..7) and DSCP (0..63; IP alone, ECN stays).  On ingress a packet
	 * without a tag gets one without a VLAN, which trunks send with their own and adapters of
	 * access ports never see; on egress one without a tag has no priority.  It is part of the
	 * verdict: said again each time, and the last call counts.
	 * -EPERM: not within judge(), or an inspector.  -EINVAL: out of range.
	 */
	int (*flow)(const struct xvs_host *h, uint32_t priority, uint32_t dscp);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_MARK_H */
