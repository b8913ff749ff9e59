/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/mirror.h - "xvs.mirror/1", per switch: sessions that copy what goes by ports to others.
 */
#ifndef XVS_POLICY_MIRROR_H
#define XVS_POLICY_MIRROR_H

#include <string.h>

#include "policy/builtin.h"

enum mirror_direction { MIRROR_BOTH = 0, MIRROR_FROM_PORT = 1, MIRROR_TO_PORT = 2 };

struct mirror_name {
	char name[64]; /* of a port or group of the switch */
};

struct policy_session {
	char name[64];
	struct xvs_table ports;  /* struct mirror_name */
	struct xvs_table groups; /* struct mirror_name */
	struct xvs_table vlans;  /* struct vlan_range; with ports or groups: only these of theirs */
	struct xvs_table to;     /* struct mirror_name: ports */
	uint32_t direction;      /* enum mirror_direction */
	uint32_t snap;           /* bytes of a copy; 0: all */
	uint32_t sample;         /* one in so many; 1: each */
	bool mark_cut;           /* 4 bytes behind a copy that was cut: how long it was */
	bool normal_traffic;     /* 'to' takes part in the switch all the same */
	bool by_rules;           /* nothing of itself: rules of access lists choose */
	uint8_t pad;
};

struct policy_mirror {
	struct xvs_table sessions; /* struct policy_session */
};

extern const struct xvs_feature builtin_mirror;

static inline const struct policy_session *mirror_session_at(const struct policy_mirror *policy,
							     uint32_t idx)
{
	return (const void *)((const char *)policy->sessions.items +
			      (size_t)idx * policy->sessions.stride);
}

static inline const char *mirror_name_at(const struct xvs_table *names, uint32_t idx)
{
	const struct mirror_name *name =
		(const void *)((const char *)names->items + (size_t)idx * names->stride);

	return name->name;
}

static inline struct vlan_range mirror_range_at(const struct xvs_table *ranges, uint32_t idx)
{
	struct vlan_range r;

	memcpy(&r, (const char *)ranges->items + (size_t)idx * ranges->stride, sizeof(r));
	return r;
}

static inline bool mirror_names(const struct xvs_table *names, const char *name)
{
	for (uint32_t i = 0; i < names->count; i++)
		if (strcmp(mirror_name_at(names, i), name) == 0)
			return true;
	return false;
}

#endif /* XVS_POLICY_MIRROR_H */
