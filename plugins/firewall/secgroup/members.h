/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members.h - which addresses are in which group: one table an instance, read by workers while the
 * control thread puts ports in and takes them out.
 */
#ifndef SECGROUP_MEMBERS_H
#define SECGROUP_MEMBERS_H

#include <stdatomic.h>

#include "objects.h"

enum { MEMBER_GROUPS_MAX = 64, MEMBER_ADDRESSES_MAX = 1024, MEMBER_BUCKETS = 4096 };

/* One address in one group, because of one port. */
struct member {
	_Atomic(struct member *) next;
	const struct group *group;
	uint8_t address[16];
};

/* All zero: nobody is in any group. */
struct members {
	_Atomic(struct member *) buckets[MEMBER_BUCKETS];
};

/* What one port adds: its addresses in each of its groups. */
struct membership {
	uint32_t group_count;
	uint32_t count; /* of all */
	struct group **groups;
	struct member all[];
};

/* What a port says of itself. */
struct member_policy {
	struct xvs_table groups;    /* struct name_policy */
	struct xvs_table addresses; /* struct prefix_policy */
};

/* [control] -EINVAL: an unknown group, an address that is a network; -ENOMEM. */
int membership_create(const struct objects *o, struct group **all, const struct member_policy *p,
		      struct membership **out, struct xvs_error *err);
/* [control] No worker looks at it any more.  NULL is fine. */
void membership_destroy(struct group **all, struct membership *m);
/* [control] Cannot fail.  What was left may be destroyed after a grace period.  NULL is fine. */
void members_join(struct members *table, struct membership *m);
void members_leave(struct members *table, struct membership *m);

/* [worker] */
bool members_contain(const struct members *table, const struct group *g, const uint8_t address[16]);

#endif /* SECGROUP_MEMBERS_H */
