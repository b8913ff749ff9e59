/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set with its names looked up, and what it says of a connection.
 *
 * Rules that name nothing are one list; those that name a group or a set are a list for each name,
 * and it is asked only where the other end is in what is named.  The answer with the lowest number
 * decides, as in one list of all.
 */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset.h"
#include "xvs/ext/sdk.h"

/* A group with all that it includes, or a set. */
struct source {
	struct set *set;
	struct group **groups;
	uint32_t group_count;
};

struct rules {
	struct rule_set *set;
	struct group **all_groups;
	const struct members *members;
	uint32_t source_count;
	struct source sources[];
};

/* ---- names ----------------------------------------------------------------------------------- */

static int refuse_name(const struct reference *r, struct xvs_error *err)
{
	char field[64];
	char text[188];

	(void)snprintf(field, sizeof(field), "rules[%u].%s", r->first,
		       r->is_group ? "group" : "set");
	(void)snprintf(text, sizeof(text),
		       "'%s' is not %s of this switch; org.xvs.secgroup.objects/1 names those that "
		       "are",
		       r->name, r->is_group ? "a group" : "a set");
	return xvs_refuse(err, -EINVAL, field, text);
}

static int look_up(const struct objects *o, const struct reference *r, struct source *out,
		   struct xvs_error *err)
{
	struct set *set = r->is_group ? NULL : objects_set(o, r->name);
	const struct group *group = r->is_group ? objects_group(o, r->name) : NULL;

	if (!set && !group)
		return refuse_name(r, err);
	if (set) {
		out->set = set_hold(set);
		return 0;
	}
	out->groups = objects_closure(o, group, &out->group_count);
	return out->groups ? 0 : xvs_refuse(err, -ENOMEM, "", "out of memory");
}

int rules_create(const struct objects_env *env, struct rule_set *s, const struct objects *o,
		 const struct members *members, struct rules **out, struct xvs_error *err)
{
	struct rules *r = calloc(1, sizeof(*r) + s->reference_count * sizeof(r->sources[0]));
	int result = 0;

	if (!r)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	r->set = rule_set_hold(s);
	r->all_groups = env->groups;
	r->members = members;
	for (uint32_t i = 0; i < s->reference_count && result == 0; i++)
		result = look_up(o, &s->references[i], &r->sources[r->source_count++], err);
	if (result) {
		rules_destroy(r);
		return result;
	}
	*out = r;
	return 0;
}

void rules_destroy(struct rules *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->source_count; i++) {
		set_put(r->sources[i].set);
		for (uint32_t g = 0; g < r->sources[i].group_count; g++)
			group_put(r->all_groups, r->sources[i].groups[g]);
		free(r->sources[i].groups);
	}
	rule_set_put(r->set);
	free(r);
}

/* ---- deciding -------------------------------------------------------------------------------- */

static struct xvs_flow_key key_of(const struct rule_query *q)
{
	bool is_ipv4 = is_ipv4_address(q->remote);
	struct xvs_flow_key key = {
		.ethertype = xvs_ntoh16(is_ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6),
		.ip_proto = q->proto,
		.l4_dst = xvs_ntoh16(q->service),
	};

	memcpy(key.ip_src, q->remote, sizeof(key.ip_src));
	if (q->proto == PROTO_ICMP || q->proto == PROTO_ICMPV6) {
		key.l4_src = xvs_ntoh16(q->service >> 8);
		key.l4_dst = xvs_ntoh16(q->service & UINT8_MAX);
	}
	return key;
}

static bool source_has(const struct rules *r, const struct source *s,
		       const struct xvs_flow_key *key)
{
	if (s->set)
		return set_contains(s->set, key);
	for (uint32_t i = 0; i < s->group_count; i++) {
		if (members_contain(r->members, s->groups[i], key->ip_src))
			return true;
	}
	return false;
}

static uint32_t find_in(const struct rule_set *s, uint32_t list, const struct xvs_flow_key *key,
			enum direction direction)
{
	if (!(s->directions[list] >> direction & 1))
		return XVS_CLASSIFY_NONE;
	return s->classify->find(s->host, s->lists[list], key, direction, NULL);
}

struct rule_answer rules_decide(const struct rules *r, const struct rule_query *q)
{
	const struct rule_set *s = r->set;
	const struct xvs_flow_key key = key_of(q);
	uint32_t best = find_in(s, 0, &key, q->direction);

	for (uint32_t i = 0; i < r->source_count; i++) {
		uint32_t nr;

		/* XVS_CLASSIFY_NONE is above all numbers */
		if (s->references[i].first > best || !source_has(r, &r->sources[i], &key))
			continue;
		nr = find_in(s, 1 + i, &key, q->direction);
		best = nr < best ? nr : best;
	}
	if (best == XVS_CLASSIFY_NONE)
		return (struct rule_answer){ s->defaults[q->direction], s->count + q->direction,
					     false, true };
	return (struct rule_answer){ (enum rule_action)s->verdicts[best].action, best,
				     s->verdicts[best].log, false };
}

/* ---- facts ----------------------------------------------------------------------------------- */

struct rule_set *rules_set(const struct rules *r)
{
	return r->set;
}

uint32_t rules_count(const struct rules *r)
{
	return r->set->count;
}

bool rules_keep_established(const struct rules *r)
{
	return r->set->keeps_established;
}

uint32_t rules_log_rate(const struct rules *r)
{
	return r->set->log_rate;
}

uint32_t rules_log_sample(const struct rules *r)
{
	return r->set->log_sample;
}

void rules_credit(const struct rules *r, uint32_t nr, uint32_t worker)
{
	const struct hits *h = &r->set->hits;
	_Atomic uint64_t *count = &h->counts[(size_t)worker * h->stride + nr];

	/* one writer, this worker; status reads */
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

uint64_t rules_hits(const struct rules *r, uint32_t nr)
{
	const struct hits *h = &r->set->hits;
	uint64_t sum = 0;

	for (uint32_t w = 0; w < h->workers; w++)
		sum += atomic_load_explicit(&h->counts[(size_t)w * h->stride + nr],
					    memory_order_relaxed);
	return sum;
}

void rules_set_hits(const struct rules *r, uint32_t nr, uint64_t hits)
{
	const struct hits *h = &r->set->hits;

	for (uint32_t w = 0; w < h->workers; w++)
		atomic_store_explicit(&h->counts[(size_t)w * h->stride + nr], w ? 0 : hits,
				      memory_order_relaxed);
}
