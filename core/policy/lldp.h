/* SPDX-License-Identifier: Apache-2.0 */
/* policy/lldp.h - "xvs.lldp/1", per uplink or team: LLDP with the adjacent switch, and listening to CDP. */
#ifndef XVS_POLICY_LLDP_H
#define XVS_POLICY_LLDP_H

#include "xvs/extension.h"

enum lldp_mode { LLDP_BOTH = 0, LLDP_LISTEN = 1, LLDP_ADVERTISE = 2, LLDP_OFF = 3 };

struct policy_lldp {
	uint32_t mode;       /* enum lldp_mode */
	uint32_t interval_s; /* between what is told; it holds for four times as long */
	bool cdp;            /* what is told by CDP alone counts, too */
	bool cdp_tell;       /* what is told is told by CDP, too */
	uint8_t pad[2];
};

static inline bool lldp_listens(const struct policy_lldp *p)
{
	return p && (p->mode == LLDP_BOTH || p->mode == LLDP_LISTEN);
}

static inline bool lldp_advertises(const struct policy_lldp *p)
{
	return p && (p->mode == LLDP_BOTH || p->mode == LLDP_ADVERTISE);
}

extern const struct xvs_feature builtin_lldp;

#endif /* XVS_POLICY_LLDP_H */
