/* SPDX-License-Identifier: Apache-2.0 */
/* table/rank.c - a binary heap. */
#include "table/rank.h"

#include <errno.h>

void of_rank_finish(struct of_rank *k)
{
	free((void *)k->list);
	*k = (struct of_rank){ 0 };
}

int of_rank_reserve(struct of_rank *k, uint32_t count)
{
	uint32_t room = k->room ? k->room : 64;
	struct of_rule **list;

	if (count <= k->room)
		return 0;
	while (room < count)
		room *= 2;
	list = realloc((void *)k->list, room * sizeof(struct of_rule *));
	if (!list)
		return -ENOMEM;
	k->list = list;
	k->room = room;
	return 0;
}

static bool is_before(const struct of_rule *a, const struct of_rule *b)
{
	return a->importance != b->importance ? a->importance < b->importance : a->nr < b->nr;
}

static void place(struct of_rank *k, uint32_t at, struct of_rule *r)
{
	k->list[at] = r;
	r->rank = at;
}

static void rise(struct of_rank *k, uint32_t at, struct of_rule *r)
{
	for (; at > 0 && is_before(r, k->list[(at - 1) / 2]); at = (at - 1) / 2)
		place(k, at, k->list[(at - 1) / 2]);
	place(k, at, r);
}

static void sink(struct of_rank *k, uint32_t at, struct of_rule *r)
{
	uint32_t below;

	while ((below = 2 * at + 1) < k->count) {
		below += below + 1 < k->count && is_before(k->list[below + 1], k->list[below]);
		if (!is_before(k->list[below], r))
			break;
		place(k, at, k->list[below]);
		at = below;
	}
	place(k, at, r);
}

void of_rank_put(struct of_rank *k, struct of_rule *r)
{
	rise(k, k->count++, r);
}

void of_rank_take(struct of_rank *k, struct of_rule *r)
{
	struct of_rule *last = k->list[--k->count];
	uint32_t at = r->rank;

	if (last == r)
		return;
	if (at > 0 && is_before(last, k->list[(at - 1) / 2]))
		rise(k, at, last);
	else
		sink(k, at, last);
}
