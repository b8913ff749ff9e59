/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/destset.h - several ports as one destination ("xvs.destset/1").
 *
 * Workers read a table of sets by number, which is published; a set is never changed but replaced.
 * Flow entries have the ports compiled in, and a note that they were made of this set: a change is
 * told to them by the log of the switch (flow/epoch.h).
 */
#ifndef XVS_PATH_DESTSET_H
#define XVS_PATH_DESTSET_H

#include "base/counters.h"
#include "path/path.h"

struct xvs_destset_host;

enum {
	DESTSETS_MAX = 1 << 16, /* of a switch; below what a number may be */
	DESTSET_TAGS = 64,      /* a change tells those whose number is this one's, modulo */
	DESTSET_TELLER = INSTANCES_MAX, /* who tells of changes in the log: no instance */
};

struct destset {
	struct rcu_node rcu;
	uint32_t count;
	uint32_t ports[];
};

struct destset_table {
	uint32_t room;
	struct destset *sets[]; /* published; NULL: none of this number */
};

extern const struct xvs_destset_host destset_host;

static inline bool is_destset(uint32_t dest)
{
	return dest - XVS_DEST_SET < DESTSETS_MAX;
}

/* [worker] The set of a destination; NULL: there is none. */
static inline const struct destset *destset_of(const struct path_switch *sw, uint32_t dest)
{
	const struct destset_table *t = rcu_read(&sw->destset_table);
	uint32_t number = dest - XVS_DEST_SET;

	return t && number < t->room ? rcu_read(&t->sets[number]) : NULL;
}

/* Of the flows that were judged by a set. */
static inline uint64_t destset_tag(uint32_t dest)
{
	return UINT64_C(1) << (dest - XVS_DEST_SET) % DESTSET_TAGS;
}

/* [control] A port leaves every set of its switch; an instance's sets end; all of a switch's. */
void destsets_forget_port(struct path_switch *sw, uint32_t port);
void destsets_forget_instance(struct path_switch *sw, uint32_t instance);
void destsets_finish(struct path_switch *sw);

#endif /* XVS_PATH_DESTSET_H */
