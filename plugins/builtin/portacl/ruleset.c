/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling a policy: each rule becomes one rule of a classifier for each direction that it has.
 */
#include "ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/sdk.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, IPV4_PREFIX = 96 };

int refuse_rule(struct xvs_error *err, uint32_t nr, const char *member, const char *text)
{
	char field[64];

	(void)snprintf(field, sizeof(field), "rules[%u].%s", nr, member);
	return xvs_refuse(err, -EINVAL, field, text);
}

bool prefix_is_ipv4(const struct xvs_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return ip->prefix_len >= IPV4_PREFIX && memcmp(ip->addr, mapped, sizeof(mapped)) == 0;
}

/* NOLINTNEXTLINE(readability-function-size): two addresses, their rule and the place of a refusal */
int draft_addresses(struct draft *d, const struct xvs_ip *local, const struct xvs_ip *remote,
		    uint32_t nr, struct xvs_error *err)
{
	const struct xvs_ip *any = local->prefix_len ? local : remote;
	bool is_ipv4 = prefix_is_ipv4(any);

	if (any->prefix_len == 0)
		return 0;
	if (local->prefix_len && remote->prefix_len &&
	    prefix_is_ipv4(local) != prefix_is_ipv4(remote))
		return refuse_rule(err, nr, "remote",
				   "is of another family than the local address, so no packet has "
				   "both");
	d->rule.src = *local;
	d->rule.dst = *remote;
	d->rule.matches |= XVS_CLASSIFY_ETHERTYPE;
	d->rule.ethertype = is_ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	return 0;
}

/* ---- the policy ----------------------------------------------------------------------------- */

static struct xvs_table rules_of(enum feature feature, const void *value)
{
	if (feature == FEATURE_BASIC)
		return ((const struct basic_policy *)value)->rules;
	return ((const struct extended_policy *)value)->rules;
}

static const void *rule_at(const struct xvs_table *rules, uint32_t nr)
{
	return (const char *)rules->items + (size_t)nr * rules->stride;
}

const void *ruleset_rule(const struct ruleset *set, uint32_t nr)
{
	struct xvs_table rules = rules_of(set->feature, set->value);

	return rule_at(&rules, nr);
}

size_t ruleset_rule_bytes(const struct ruleset *set)
{
	return set->feature == FEATURE_BASIC ? sizeof(struct basic_rule)
					     : sizeof(struct extended_rule);
}

/* ---- building -------------------------------------------------------------------------------- */

/* Lists of one policy, before they are classifiers. */
struct lists {
	struct xvs_classify_rule *rules[DIRECTION_COUNT][TABLE_COUNT];
	uint32_t count[DIRECTION_COUNT][TABLE_COUNT];
};

static void swap(void *a, void *b, size_t size)
{
	uint8_t between[32];

	memcpy(between, a, size);
	memcpy(a, b, size);
	memcpy(b, between, size);
}

/* What a packet to the VM has: remote as source. */
static void turn_round(struct xvs_classify_rule *r)
{
	uint16_t src = r->matches & XVS_CLASSIFY_SRC_PORTS;
	uint16_t dst = r->matches & XVS_CLASSIFY_DST_PORTS;

	swap(&r->src, &r->dst, sizeof(r->src));
	swap(r->eth_src, r->eth_dst, sizeof(r->eth_src));
	swap(r->eth_src_mask, r->eth_dst_mask, sizeof(r->eth_src_mask));
	swap(&r->src_port_first, &r->dst_port_first, sizeof(r->src_port_first));
	swap(&r->src_port_last, &r->dst_port_last, sizeof(r->src_port_last));
	r->matches &= (uint16_t) ~(XVS_CLASSIFY_SRC_PORTS | XVS_CLASSIFY_DST_PORTS);
	r->matches |= (uint16_t)(src ? XVS_CLASSIFY_DST_PORTS : 0);
	r->matches |= (uint16_t)(dst ? XVS_CLASSIFY_SRC_PORTS : 0);
}

static void list_add(struct lists *l, const struct draft *d, enum direction direction)
{
	struct xvs_classify_rule *r =
		&l->rules[direction][d->table][l->count[direction][d->table]++];

	*r = d->rule;
	if (direction == DIRECTION_IN)
		turn_round(r);
}

static bool lists_init(struct lists *l, enum feature feature, uint32_t count)
{
	uint32_t tables = feature == FEATURE_BASIC ? TABLE_COUNT : TABLE_METER;
	bool ok = true;

	memset(l, 0, sizeof(*l));
	for (uint32_t i = 0; i < DIRECTION_COUNT * tables; i++) {
		struct xvs_classify_rule **rules = &l->rules[i / tables][i % tables];

		*rules = calloc((size_t)count + 1, sizeof(**rules));
		ok = ok && *rules;
	}
	return ok;
}

static void lists_finish(struct lists *l)
{
	for (uint32_t i = 0; i < DIRECTION_COUNT * TABLE_COUNT; i++)
		free(l->rules[i / TABLE_COUNT][i % TABLE_COUNT]);
}

static uint32_t answer_of(uint32_t nr, const struct rule_fact *fact)
{
	return nr | (fact->action == ACTION_DENY ? ANSWER_DENIES : 0) |
	       (fact->flags & FACT_STATEFUL ? ANSWER_STATEFUL : 0) |
	       (fact->flags & FACT_ICMP ? ANSWER_ICMP : 0) |
	       (fact->idle_ms || fact->effect ? ANSWER_MORE : 0);
}

/* Room doubles at powers of two. */
static int effect_add(struct ruleset *set, const struct draft *d, uint32_t nr)
{
	uint32_t count = set->effect_count;

	if (effect_is_none(&d->effect))
		return 0;
	if ((count & (count - 1)) == 0) {
		size_t room = count ? count * (size_t)2 : 1;
		void *effects = realloc(set->effects, room * sizeof(*set->effects));

		if (!effects)
			return -ENOMEM;
		set->effects = effects;
	}
	set->effects[count] = d->effect;
	set->facts[nr].effect = ++set->effect_count;
	set->has_limits |= (d->effect.pps.per_second | d->effect.bps.per_second) != 0;
	set->has_logs |= d->effect.log_sample != 0;
	return 0;
}

static int read_rules(struct ruleset *set, const struct xvs_table *rules, struct lists *l,
		      struct xvs_error *err)
{
	for (uint32_t nr = 0; nr < set->count; nr++) {
		const void *rule = rule_at(rules, nr);
		struct draft d = { .effect = { .priority = XVS_MARK_LEAVE,
					       .dscp = XVS_MARK_LEAVE } };
		int code = set->feature == FEATURE_BASIC ? basic_draft(rule, nr, &d, err)
							 : extended_draft(rule, nr, &d, err);

		if (code)
			return code;
		set->facts[nr] = d.fact;
		if (effect_add(set, &d, nr) != 0)
			return xvs_refuse(err, -ENOMEM, "", "out of memory");
		d.rule.answer = answer_of(nr, &set->facts[nr]);
		memcpy(set->names[nr], d.name, NAME_BYTES);
		set->is_stateful |= (d.fact.flags & FACT_STATEFUL) != 0;
		if (d.direction != DIRECTION_OUT)
			list_add(l, &d, DIRECTION_IN);
		if (d.direction != DIRECTION_IN)
			list_add(l, &d, DIRECTION_OUT);
	}
	return 0;
}

static int classify(const struct acl *a, struct ruleset *set, const struct lists *l,
		    struct xvs_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < DIRECTION_COUNT * TABLE_COUNT && code == 0; i++) {
		uint32_t direction = i / TABLE_COUNT;
		uint32_t table = i % TABLE_COUNT;
		struct xvs_table rules = { l->rules[direction][table], l->count[direction][table],
					   sizeof(struct xvs_classify_rule) };

		if (rules.count == 0)
			continue;
		code = a->classify->create(a->host, &rules, &set->tables[direction][table], err);
	}
	/* What is wrong with one rule was found before; the numbers of these are others. */
	if (code)
		(void)snprintf(err->field, sizeof(err->field), "rules");
	return code;
}

static void ruleset_destroy(const struct acl *a, struct ruleset *set)
{
	for (uint32_t i = 0; i < DIRECTION_COUNT * TABLE_COUNT; i++)
		a->classify->destroy(a->host, set->tables[i / TABLE_COUNT][i % TABLE_COUNT]);
	free(set->names);
	free(set->effects);
	free(set);
}

static uint32_t log_rate_of(enum feature feature, const void *value)
{
	return feature == FEATURE_BASIC ? 0 : ((const struct extended_policy *)value)->log_rate;
}

static uint64_t rules_hash(enum feature feature, const void *value)
{
	struct xvs_table rules = rules_of(feature, value);
	size_t words = (size_t)rules.count * rules.stride / sizeof(uint64_t);
	uint64_t hash = rules.count | (uint64_t)log_rate_of(feature, value) << 32;

	for (size_t i = 0; i < words; i++) {
		uint64_t word;

		memcpy(&word, (const char *)rules.items + i * sizeof(word), sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

static int ruleset_create(const struct acl *a, enum feature feature, const void *value,
			  struct ruleset **out, struct xvs_error *err)
{
	struct xvs_table rules = rules_of(feature, value);
	struct ruleset *set = calloc(1, sizeof(*set) + rules.count * sizeof(set->facts[0]));
	struct lists lists;
	int code;

	if (!set)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	set->feature = feature;
	set->value = value;
	set->hash = rules_hash(feature, value);
	set->count = rules.count;
	set->log_rate = log_rate_of(feature, value);
	set->names = calloc((size_t)set->count + 1, sizeof(*set->names));
	if (lists_init(&lists, feature, set->count) && set->names)
		code = read_rules(set, &rules, &lists, err);
	else
		code = xvs_refuse(err, -ENOMEM, "", "out of memory");
	if (code == 0)
		code = classify(a, set, &lists, err);
	lists_finish(&lists);
	if (code) {
		ruleset_destroy(a, set);
		return code;
	}
	*out = set;
	return 0;
}

/* ---- sharing --------------------------------------------------------------------------------- */

/*
 * A value stays where it is while a port has it, so the same address is the same value.  Of one that
 * nobody has the memory may have become another's: what it says must be the same as well.
 */
static struct ruleset *ruleset_find(const struct acl *a, enum feature feature, const void *value)
{
	struct ruleset *set = a->rulesets;

	while (set && (set->users == 0 || set->feature != feature || set->value != value))
		set = set->next;
	if (!set && a->kept && a->kept->feature == feature && a->kept->value == value &&
	    a->kept->hash == rules_hash(feature, value))
		set = a->kept;
	return set;
}

int ruleset_use(struct acl *a, enum feature feature, const void *value, struct ruleset **out,
		struct xvs_error *err)
{
	struct ruleset *set = ruleset_find(a, feature, value);
	int code = 0;

	if (!set) {
		code = ruleset_create(a, feature, value, &set, err);
		if (code)
			return code;
		set->next = a->rulesets;
		a->rulesets = set;
	}
	set->users++;
	set->refs++;
	*out = set;
	return 0;
}

void ruleset_leave(struct ruleset *set)
{
	set->users--;
}

static void forget_kept(void *arg)
{
	struct acl *a = arg;
	struct ruleset *kept = a->kept;

	a->kept = NULL;
	if (kept)
		ruleset_put(a, kept);
}

void ruleset_keep(struct acl *a, struct ruleset *set)
{
	if (a->kept == set)
		return;
	set->refs++;
	forget_kept(a);
	a->kept = set;
	a->host->defer(a->host, forget_kept, a);
}

void ruleset_put(struct acl *a, struct ruleset *set)
{
	struct ruleset **place = &a->rulesets;

	if (--set->refs > 0)
		return;
	while (*place != set)
		place = &(*place)->next;
	*place = set->next;
	ruleset_destroy(a, set);
}
