/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/rank.h - the flows of a table in the order in which they make room: the least important first,
 * the oldest among equals (1.4.0, 6.5).  Kept where a controller wants eviction.  [control]
 */
#ifndef OPENFLOW_TABLE_RANK_H
#define OPENFLOW_TABLE_RANK_H

#include "table/rule.h"

/* A heap; a rule knows its place in it. */
struct of_rank {
	struct of_rule **list;
	uint32_t count, room;
};

void of_rank_finish(struct of_rank *k);

/* -ENOMEM, or so many in all find room, which they keep. */
int of_rank_reserve(struct of_rank *k, uint32_t count);
void of_rank_put(struct of_rank *k, struct of_rule *r); /* has room */
void of_rank_take(struct of_rank *k, struct of_rule *r);

/* NULL: there is none. */
static inline struct of_rule *of_rank_least(const struct of_rank *k)
{
	return k->count ? k->list[0] : NULL;
}

#endif /* OPENFLOW_TABLE_RANK_H */
