/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.h - what the rules of all ports may name: address sets and groups.
 *
 * A set is a list of prefixes.  A group is the addresses of the ports that are in it (members.h),
 * and of those in the groups that it includes.  Everything here belongs to the control thread, but
 * set_contains().
 */
#ifndef SECGROUP_OBJECTS_H
#define SECGROUP_OBJECTS_H

#include "xvs/ext/classify.h"
#include "xvs/extension.h"

enum {
	NAME_BYTES = 64,
	SETS_MAX = 4096,
	SET_PREFIXES_MAX = 100000,
	GROUPS_MAX = 4096,
	GROUP_INCLUDES_MAX = 64,
};

struct name_policy {
	char name[NAME_BYTES];
};

struct prefix_policy {
	struct xvs_ip prefix;
};

struct set_policy {
	char name[NAME_BYTES];
	struct xvs_table prefixes; /* struct prefix_policy */
};

struct group_policy {
	char name[NAME_BYTES];
	struct xvs_table includes; /* struct name_policy */
};

/* "org.xvs.secgroup.objects/1" */
struct objects_policy {
	struct xvs_table sets;   /* struct set_policy */
	struct xvs_table groups; /* struct group_policy */
};

/* Known by its address, which is the same as long as somebody holds it. */
struct group {
	struct group *next; /* in the list of all */
	uint32_t holders;
	char name[NAME_BYTES];
};

/* Immutable. */
struct set {
	const struct xvs_host *host;
	const struct xvs_classify_host *classify;
	struct xvs_classifier *prefixes;
	uint32_t holders;
	char name[NAME_BYTES];
};

struct objects;

/* What objects are made with. */
struct objects_env {
	const struct xvs_host *host;
	const struct xvs_classify_host *classify;
	struct group **groups; /* head of the list of all groups of the instance */
};

/*
 * -EINVAL: a name twice or empty, an unknown or circular inclusion, a set without a name; -ENOMEM.
 * NULL policy: no objects.
 */
int objects_create(const struct objects_env *env, const struct objects_policy *policy,
		   struct objects **out, struct xvs_error *err);
void objects_destroy(struct objects *o); /* NULL is fine */

/* NULL: there is none of this name. */
struct set *objects_set(const struct objects *o, const char *name);
struct group *objects_group(const struct objects *o, const char *name);

/*
 * The group and all that it includes, held, in memory for the caller to free after group_put() of
 * each.  NULL: out of memory.
 */
struct group **objects_closure(const struct objects *o, const struct group *g, uint32_t *count);

struct set *set_hold(struct set *s);
void set_put(struct set *s); /* NULL is fine; no worker looks at it any more, if it was the last */
struct group *group_hold(struct group *g);
void group_put(struct group **all, struct group *g);

/* [worker] Is the source address of this key in the set? */
bool set_contains(const struct set *s, const struct xvs_flow_key *key);

#endif /* SECGROUP_OBJECTS_H */
