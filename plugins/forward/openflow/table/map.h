/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/map.h - objects by number, in versions: groups and meters.
 *
 * As rules are (table/flows.h): what a transaction brings and takes is seen at once by who looks
 * at its version.  Written by the control thread, read by workers without a lock.
 */
#ifndef OPENFLOW_TABLE_MAP_H
#define OPENFLOW_TABLE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "table/reclaim.h"

/* The first member of what is in a map. */
struct of_entry {
	uint32_t id;
	uint64_t added;
	_Atomic uint64_t removed;
	_Atomic(struct of_entry *) older; /* of the same number */
	struct of_entry *bin;             /* the control thread's: the next on its way out */
	bool is_new;                      /* in the transaction in hand */
	bool is_leaving;
};

struct of_map_slots;

struct of_map {
	_Atomic(struct of_map_slots *) slots;
	uint32_t count;   /* that are there */
	uint32_t entries; /* with those that are not */
	uint64_t seed;
	const struct of_reclaim *reclaim;
	void (*free)(struct of_entry *e); /* [control] */
	struct of_entry *changes;         /* of the transaction in hand */
	struct of_entry *leaving, *unlinking, *freeing;
};

/* 'reclaim' is kept. */
void of_map_init(struct of_map *m, uint64_t seed, const struct of_reclaim *reclaim,
		 void (*free)(struct of_entry *e));
void of_map_destroy(struct of_map *m); /* nobody reads; frees all */

/* Within a transaction of which the version is 'next'.  -ENOMEM.  An older one is to be taken out before. */
int of_map_put(struct of_map *m, struct of_entry *e, uint64_t next);
void of_map_take(struct of_map *m, struct of_entry *e, uint64_t next);
bool of_map_has_changed(const struct of_map *m);
void of_map_commit(struct of_map *m); /* when the version has been published */
void of_map_abort(struct of_map *m);

/* [control] As of now, the transaction in hand included. */
struct of_entry *of_map_get(const struct of_map *m, uint32_t id);
/*
 * [control] fn for each that is there, in no order, until it returns false; then so does this.  fn may
 * take out the one that it is given.
 */
bool of_map_each(const struct of_map *m, bool (*fn)(void *arg, struct of_entry *e), void *arg);

/* [control] The numbers of all that are there, in order: the caller's to free.  -ENOMEM. */
int of_map_ids(const struct of_map *m, uint32_t **ids, uint32_t *count);

/* [any] */
struct of_entry *of_map_find(const struct of_map *m, uint32_t id, uint64_t version);

#endif /* OPENFLOW_TABLE_MAP_H */
