/* SPDX-License-Identifier: Apache-2.0 */
/* table/group.c - groups come and change. */
#include "table/group.h"

#include <string.h>

#include "table/instructions.h"

static void group_free(struct of_entry *e)
{
	struct of_group *g = of_group_of(e);

	of_stats_drop(g->stats);
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		of_stats_drop(g->buckets[i].stats);
		free(g->buckets[i].what.actions.list);
	}
	free(g);
}

void of_groups_init(struct of_map *groups, uint64_t seed, const struct of_reclaim *reclaim)
{
	of_map_init(groups, seed, reclaim, group_free);
}

static bool bucket_copy(struct of_group_bucket *to, const struct of_bucket *from)
{
	size_t bytes = from->actions.count * sizeof(struct of_action);

	to->what = *from;
	to->stats = of_stats_new();
	to->what.actions.list = malloc(bytes ? bytes : 1);
	if (!to->stats || !to->what.actions.list)
		return false;
	if (bytes)
		memcpy(to->what.actions.list, from->actions.list, bytes);
	return true;
}

static struct of_group *group_new(const struct of_group_mod *mod, struct of_group *old)
{
	struct of_group *g = calloc(1, sizeof(*g) + mod->bucket_count * sizeof(g->buckets[0]));

	if (!g)
		return NULL;
	g->entry.id = mod->group;
	g->type = mod->type;
	g->stats = old ? of_stats_hold(old->stats) : of_stats_new();
	for (uint32_t i = 0; i < mod->bucket_count; i++) {
		g->bucket_count = i + 1;
		g->weights += mod->buckets[i].weight;
		if (!bucket_copy(&g->buckets[i], &mod->buckets[i]))
			goto failed;
	}
	if (g->stats)
		return g;
failed:
	group_free(&g->entry);
	return NULL;
}

/* ---- chains --------------------------------------------------------------------------------------- */

/* The n-th group action of a group's buckets; false: there are not so many. */
static bool next_of(const struct of_group *g, uint32_t n, uint32_t *id)
{
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		const struct of_actions *a = &g->buckets[i].what.actions;
		uint32_t watched = g->buckets[i].what.watch_group;

		for (uint32_t k = 0; k < a->count; k++) {
			if (a->list[k].type != OF_ACT_GROUP || n-- > 0)
				continue;
			*id = a->list[k].number;
			return true;
		}
		if (watched != OF_GROUP_ANY && n-- == 0) {
			*id = watched;
			return true;
		}
	}
	return false;
}

/*
 * Does a way lead from one group to the other?  By depth, with the way so far on a stack: deeper than
 * that counts as a loop.
 */
static bool leads_to(const struct of_map *groups, uint32_t from, uint32_t to)
{
	enum { DEPTH = 32, LOOKS = 1 << 16 };
	struct {
		uint32_t id, n;
	} way[DEPTH] = { { .id = from } };
	uint32_t depth = 1;
	uint32_t looks = 0;

	while (depth > 0) {
		struct of_entry *e = of_map_get(groups, way[depth - 1].id);
		uint32_t next;

		if (!e || !next_of(of_group_of(e), way[depth - 1].n++, &next)) {
			depth--;
			continue;
		}
		if (next == to || depth == DEPTH || ++looks > LOOKS)
			return true;
		way[depth].id = next;
		way[depth++].n = 0;
	}
	return false;
}

static of_fault check_chains(const struct of_map *groups, const struct of_group_mod *mod)
{
	for (uint32_t i = 0; i < mod->bucket_count; i++) {
		const struct of_actions *a = &mod->buckets[i].actions;
		uint32_t watched = mod->buckets[i].watch_group;

		if (watched != OF_GROUP_ANY &&
		    (watched == mod->group || leads_to(groups, watched, mod->group)))
			return OF_GROUP_MOD_LOOP;
		for (uint32_t k = 0; k < a->count; k++) {
			if (a->list[k].type != OF_ACT_GROUP)
				continue;
			if (a->list[k].number == mod->group ||
			    leads_to(groups, a->list[k].number, mod->group))
				return OF_GROUP_MOD_LOOP;
			if (!of_map_get(groups, a->list[k].number))
				return OF_BAD_ACTION_OUT_GROUP;
		}
	}
	return OF_OK;
}

static bool is_named(const struct of_actions *a, uint32_t id)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->list[i].type == OF_ACT_GROUP && a->list[i].number == id)
			return true;
	}
	return false;
}

static bool is_unchained(void *arg, struct of_entry *e)
{
	const struct of_group *g = of_group_of(e);
	uint32_t id = *(const uint32_t *)arg;

	for (uint32_t i = 0; i < g->bucket_count; i++) {
		const struct of_bucket *b = &g->buckets[i].what;

		if (b->watch_group == id || is_named(&b->actions, id))
			return false;
	}
	return true;
}

bool of_group_is_chained(const struct of_map *groups, uint32_t id)
{
	return !of_map_each(groups, is_unchained, &id);
}

/* ---- changes -------------------------------------------------------------------------------------- */

of_fault of_group_put(struct of_map *groups, const struct of_group_mod *mod, uint64_t next,
		      uint64_t now_ns)
{
	struct of_entry *old = of_map_get(groups, mod->group);
	struct of_group *g;
	of_fault fault;

	if (mod->command == OF_GROUP_ADD && old)
		return OF_GROUP_MOD_EXISTS;
	if (mod->command == OF_GROUP_MODIFY && !old)
		return OF_GROUP_MOD_UNKNOWN;
	if (mod->bucket_count > OF_BUCKETS_MAX)
		return OF_GROUP_MOD_OUT_OF_BUCKETS;
	if (!old && groups->count >= OF_GROUPS_MAX)
		return OF_GROUP_MOD_OUT_OF_GROUPS;
	fault = check_chains(groups, mod);
	if (fault)
		return fault;
	g = group_new(mod, old ? of_group_of(old) : NULL);
	if (!g)
		return OF_GROUP_MOD_OUT_OF_GROUPS;
	g->created_ns = old ? of_group_of(old)->created_ns : now_ns;
	if (of_map_put(groups, &g->entry, next) != 0) {
		group_free(&g->entry);
		return OF_GROUP_MOD_OUT_OF_GROUPS;
	}
	if (old)
		of_map_take(groups, old, next);
	return OF_OK;
}
