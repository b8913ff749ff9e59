/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/link.h - "xvs.link/1", per uplink or team: how fast each link sends, and who gets what of it;
 * "xvs.class/1", per port: the kind of the system's traffic that it carries.
 */
#ifndef XVS_POLICY_LINK_H
#define XVS_POLICY_LINK_H

#include "xvs/extension.h"

enum system_class {
	CLASS_NONE = 0,
	CLASS_MANAGEMENT = 1,
	CLASS_MIGRATION = 2,
	CLASS_STORAGE = 3,
	CLASS_REPLICATION = 4,
	CLASS_COUNT = 5,
};

struct policy_class {
	uint32_t name; /* enum system_class */
};

/* Of one class of the system's traffic. */
struct link_share {
	uint64_t kbps;   /* 0: no limit */
	uint32_t weight; /* 1..100 */
	uint32_t pad;
};

struct policy_link {
	uint64_t kbps; /* 1000 bits a second, frames without preamble and checksum; 0: as the device says */
	uint32_t queue_ms; /* a packet that would wait longer is dropped */
	uint32_t weight;   /* of all ports together of which nothing is said */
	struct link_share shares[CLASS_COUNT - 1]; /* from CLASS_MANAGEMENT on */
};

extern const struct xvs_feature builtin_link, builtin_class;

#endif /* XVS_POLICY_LINK_H */
