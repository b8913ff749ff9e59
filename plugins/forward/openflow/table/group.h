/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/group.h - groups: several ways to go on, and which of them are taken.
 *
 * Source: OpenFlow 1.3.5, 5.6 and 6.5.
 */
#ifndef OPENFLOW_TABLE_GROUP_H
#define OPENFLOW_TABLE_GROUP_H

#include "model/mod.h"
#include "table/map.h"
#include "table/stats.h"

enum { OF_BUCKETS_MAX = 1024, OF_GROUPS_MAX = 1 << 16 };

struct of_group_bucket {
	struct of_bucket what; /* its actions are copies */
	struct of_stats *stats;
};

/* Constant once it is in the map: a change is another one with the same statistics. */
struct of_group {
	struct of_entry entry; /* first */
	uint8_t type;          /* enum of_group_type */
	uint32_t bucket_count;
	uint32_t weights; /* of all buckets */
	uint64_t created_ns;
	struct of_stats *stats;
	struct of_group_bucket buckets[];
};

void of_groups_init(struct of_map *groups, uint64_t seed, const struct of_reclaim *reclaim);

/*
 * [control] Within a transaction: of ADD and MODIFY.  'next' is its version.  Faults leave
 * everything as it was.
 */
of_fault of_group_put(struct of_map *groups, const struct of_group_mod *mod, uint64_t next,
		      uint64_t now_ns);

/* [control] Does a bucket of another group lead there? */
bool of_group_is_chained(const struct of_map *groups, uint32_t id);

/* [any] NULL: there is none. */
static inline const struct of_group *of_group_find(const struct of_map *groups, uint32_t id,
						   uint64_t version)
{
	return (const struct of_group *)(const void *)of_map_find(groups, id, version);
}

static inline struct of_group *of_group_of(struct of_entry *e)
{
	return (struct of_group *)(void *)e;
}

#endif /* OPENFLOW_TABLE_GROUP_H */
