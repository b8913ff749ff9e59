/* SPDX-License-Identifier: Apache-2.0 */
/* policy/qos.h - "xvs.qos/1", per port: whose priorities count, and what packets are marked with. */
#ifndef XVS_POLICY_QOS_H
#define XVS_POLICY_QOS_H

#include "xvs/extension.h"

/* Without it: both are left as they are. */
struct policy_qos {
	bool trust_priority; /* IEEE 802.1p; default false where the policy is set */
	bool trust_dscp;     /* default true */
	uint8_t pad[2];
	uint32_t priority; /* 0..7, of packets whose own is not trusted */
	uint32_t dscp;     /* 0..63 */
};

extern const struct xvs_feature builtin_qos;

#endif /* XVS_POLICY_QOS_H */
