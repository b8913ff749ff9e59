/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address sets and groups, made of what the operator wrote for the switch.
 *
 * Groups that include one another in a circle are refused: what such a group would be is clear, but
 * it is never what was meant.
 */
#include "objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, IPV4_BITS = 96 };

/* A group of these objects, and which of their groups it includes, by place. */
struct node {
	struct group *group;
	uint32_t *includes;
	uint32_t include_count;
	uint32_t visit; /* enum visit, while circles are looked for */
};

enum visit { VISIT_NONE, VISIT_UNDER_WAY, VISIT_DONE };

struct objects {
	struct group **all;
	struct set **sets;
	struct node *nodes;
	uint32_t set_count, node_count;
};

/* ---- lists of the host ----------------------------------------------------------------------- */

static const void *row(const struct xvs_table *t, uint32_t i)
{
	return (const uint8_t *)t->items + (size_t)i * t->stride;
}

static int refuse(struct xvs_error *err, const char *list, uint32_t i, const char *member,
		  const char *text)
{
	char field[64];

	(void)snprintf(field, sizeof(field), "%s[%u].%s", list, i, member);
	return xvs_refuse(err, -EINVAL, field, text);
}

static int no_memory(struct xvs_error *err)
{
	return xvs_refuse(err, -ENOMEM, "", "out of memory");
}

/* ---- groups ---------------------------------------------------------------------------------- */

struct group *group_hold(struct group *g)
{
	g->holders++;
	return g;
}

void group_put(struct group **all, struct group *g)
{
	struct group **place = all;

	if (--g->holders > 0)
		return;
	while (*place != g)
		place = &(*place)->next;
	*place = g->next;
	free(g);
}

/* The group of this name, as it is known in the instance; held. */
static struct group *group_named(struct group **all, const char *name)
{
	struct group *g = *all;

	while (g && strcmp(g->name, name) != 0)
		g = g->next;
	if (g)
		return group_hold(g);
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	g->holders = 1;
	g->next = *all;
	*all = g;
	return g;
}

static struct node *node_named(const struct objects *o, const char *name)
{
	for (uint32_t i = 0; i < o->node_count; i++) {
		if (strcmp(o->nodes[i].group->name, name) == 0)
			return &o->nodes[i];
	}
	return NULL;
}

static int add_group(struct objects *o, const struct group_policy *p, uint32_t i,
		     struct xvs_error *err)
{
	struct node *n = &o->nodes[o->node_count];

	if (p->name[0] == '\0')
		return refuse(err, "groups", i, "name", "a group needs a name");
	if (node_named(o, p->name))
		return refuse(err, "groups", i, "name", "there is a group of this name already");
	n->includes = calloc(p->includes.count + 1u, sizeof(*n->includes));
	n->group = n->includes ? group_named(o->all, p->name) : NULL;
	if (!n->group) {
		free(n->includes);
		return no_memory(err);
	}
	o->node_count++;
	return 0;
}

static int add_includes(struct objects *o, const struct group_policy *p, uint32_t i,
			struct xvs_error *err)
{
	struct node *n = &o->nodes[i];

	for (uint32_t k = 0; k < p->includes.count; k++) {
		const struct name_policy *name = row(&p->includes, k);
		const struct node *included = node_named(o, name->name);
		char text[188];

		(void)snprintf(text, sizeof(text),
			       "group '%s' includes '%s', which is not a group of this switch",
			       p->name, name->name);
		if (!included)
			return refuse(err, "groups", i, "includes", text);
		n->includes[n->include_count++] = (uint32_t)(included - o->nodes);
	}
	return 0;
}

/*
 * Goes down from a group that was not visited; a group that is met on the way to itself, or NULL.
 * 'way' has room for each group, 'next' says which inclusion of each is to be followed.
 */
static const struct node *find_circle(struct objects *o, uint32_t from, uint32_t *way,
				      uint32_t *next)
{
	uint32_t depth = 1;

	way[0] = from;
	o->nodes[from].visit = VISIT_UNDER_WAY;
	while (depth > 0) {
		uint32_t at = way[depth - 1];
		struct node *n = &o->nodes[at];
		struct node *to;

		if (next[at] == n->include_count) {
			n->visit = VISIT_DONE;
			depth--;
			continue;
		}
		to = &o->nodes[n->includes[next[at]++]];
		if (to->visit == VISIT_UNDER_WAY)
			return to;
		if (to->visit == VISIT_NONE) {
			to->visit = VISIT_UNDER_WAY;
			way[depth++] = (uint32_t)(to - o->nodes);
		}
	}
	return NULL;
}

static int check_circles(struct objects *o, struct xvs_error *err)
{
	uint32_t *way = calloc(o->node_count * (size_t)2 + 1, sizeof(*way));
	const struct node *circle = NULL;
	char text[188];

	if (!way)
		return no_memory(err);
	for (uint32_t i = 0; i < o->node_count && !circle; i++) {
		if (o->nodes[i].visit == VISIT_NONE)
			circle = find_circle(o, i, way, way + o->node_count);
	}
	free(way);
	if (!circle)
		return 0;
	(void)snprintf(text, sizeof(text), "group '%s' includes itself by way of others",
		       circle->group->name);
	return refuse(err, "groups", (uint32_t)(circle - o->nodes), "includes", text);
}

static int add_groups(struct objects *o, const struct xvs_table *groups, struct xvs_error *err)
{
	int result = 0;

	o->nodes = calloc(groups->count + 1u, sizeof(*o->nodes));
	if (!o->nodes)
		return no_memory(err);
	for (uint32_t i = 0; i < groups->count && result == 0; i++)
		result = add_group(o, row(groups, i), i, err);
	for (uint32_t i = 0; i < groups->count && result == 0; i++)
		result = add_includes(o, row(groups, i), i, err);
	return result ? result : check_circles(o, err);
}

/* ---- sets ------------------------------------------------------------------------------------ */

static bool is_ipv4(const struct xvs_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return ip->prefix_len >= IPV4_BITS && memcmp(ip->addr, mapped, sizeof(mapped)) == 0;
}

struct set *set_hold(struct set *s)
{
	s->holders++;
	return s;
}

void set_put(struct set *s)
{
	if (!s || --s->holders > 0)
		return;
	s->classify->destroy(s->host, s->prefixes);
	free(s);
}

bool set_contains(const struct set *s, const struct xvs_flow_key *key)
{
	return s->classify->find(s->host, s->prefixes, key, 0, NULL) != XVS_CLASSIFY_NONE;
}

static int classify_prefixes(const struct objects_env *env, const struct set_policy *p,
			     struct xvs_classifier **out, struct xvs_error *err)
{
	struct xvs_classify_rule *rules = calloc(p->prefixes.count + 1u, sizeof(*rules));
	const struct xvs_table table = { rules, p->prefixes.count, sizeof(*rules) };
	int result;

	if (!rules)
		return no_memory(err);
	for (uint32_t i = 0; i < p->prefixes.count; i++) {
		const struct prefix_policy *prefix = row(&p->prefixes, i);

		rules[i].src = prefix->prefix;
		if (prefix->prefix.prefix_len == 0)
			continue; /* every address of both families */
		rules[i].matches = XVS_CLASSIFY_ETHERTYPE;
		rules[i].ethertype = is_ipv4(&prefix->prefix) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	}
	result = env->classify->create(env->host, &table, out, err);
	free(rules);
	return result;
}

static int add_set(const struct objects_env *env, struct objects *o, const struct set_policy *p,
		   uint32_t i, struct xvs_error *err)
{
	struct set *s;
	int result;

	if (p->name[0] == '\0')
		return refuse(err, "sets", i, "name", "a set needs a name");
	if (objects_set(o, p->name))
		return refuse(err, "sets", i, "name", "there is a set of this name already");
	s = calloc(1, sizeof(*s));
	if (!s)
		return no_memory(err);
	result = classify_prefixes(env, p, &s->prefixes, err);
	if (result) {
		free(s);
		return result;
	}
	s->host = env->host;
	s->classify = env->classify;
	s->holders = 1;
	(void)snprintf(s->name, sizeof(s->name), "%s", p->name);
	o->sets[o->set_count++] = s;
	return 0;
}

static int add_sets(const struct objects_env *env, struct objects *o, const struct xvs_table *sets,
		    struct xvs_error *err)
{
	int result = 0;

	/* NOLINTNEXTLINE(bugprone-sizeof-expression): places for pointers is what is meant */
	o->sets = calloc(sets->count + 1u, sizeof(*o->sets));
	if (!o->sets)
		return no_memory(err);
	for (uint32_t i = 0; i < sets->count && result == 0; i++)
		result = add_set(env, o, row(sets, i), i, err);
	return result;
}

/* ---- the whole ------------------------------------------------------------------------------- */

int objects_create(const struct objects_env *env, const struct objects_policy *policy,
		   struct objects **out, struct xvs_error *err)
{
	static const struct objects_policy nothing;
	const struct objects_policy *p = policy ? policy : &nothing;
	struct objects *o = calloc(1, sizeof(*o));
	int result;

	if (!o)
		return no_memory(err);
	o->all = env->groups;
	result = add_sets(env, o, &p->sets, err);
	if (result == 0)
		result = add_groups(o, &p->groups, err);
	if (result) {
		objects_destroy(o);
		return result;
	}
	*out = o;
	return 0;
}

void objects_destroy(struct objects *o)
{
	if (!o)
		return;
	for (uint32_t i = 0; i < o->set_count; i++)
		set_put(o->sets[i]);
	for (uint32_t i = 0; i < o->node_count; i++) {
		group_put(o->all, o->nodes[i].group);
		free(o->nodes[i].includes);
	}
	free(o->sets);
	free(o->nodes);
	free(o);
}

struct set *objects_set(const struct objects *o, const char *name)
{
	for (uint32_t i = 0; o && i < o->set_count; i++) {
		if (strcmp(o->sets[i]->name, name) == 0)
			return o->sets[i];
	}
	return NULL;
}

struct group *objects_group(const struct objects *o, const char *name)
{
	const struct node *n = o ? node_named(o, name) : NULL;

	return n ? n->group : NULL;
}

struct group **objects_closure(const struct objects *o, const struct group *g, uint32_t *count)
{
	struct group **out = calloc(o->node_count, sizeof(struct group *));
	uint32_t *waiting = calloc(o->node_count, sizeof(*waiting));
	bool *is_in = calloc(o->node_count, sizeof(*is_in));
	uint32_t done = 0;
	uint32_t found = 0;

	if (out && waiting && is_in) {
		waiting[found++] = (uint32_t)(node_named(o, g->name) - o->nodes);
		is_in[waiting[0]] = true;
	}
	for (; done < found; done++) {
		const struct node *n = &o->nodes[waiting[done]];

		out[done] = group_hold(n->group);
		for (uint32_t i = 0; i < n->include_count; i++) {
			if (!is_in[n->includes[i]])
				waiting[found++] = n->includes[i];
			is_in[n->includes[i]] = true;
		}
	}
	free(waiting);
	free(is_in);
	if (found == 0) {
		free(out);
		return NULL;
	}
	*count = found;
	return out;
}
