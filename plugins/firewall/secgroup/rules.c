/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling rules and finding the first that matches.
 *
 * A rule becomes one record of two compares on the remote address, a protocol and a set of ports.
 * Each of the eight lists (direction, kind of protocol) names those that can match at all, so a
 * new TCP connection inward does not walk the rules for UDP or outward ones.  Records are in the
 * order written, and so are the lists: the first match decides.
 */
#include "rules.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_SCTP = 132 };
enum { PROTO_ANY = 256, LINE = 64 };

/* Kinds of protocol, by which the lists are told apart. */
enum kind { KIND_TCP, KIND_UDP, KIND_ICMP, KIND_OTHER, KIND_COUNT };

struct rule {
	uint64_t address[2]; /* of the other end, already masked */
	uint64_t mask[2];
	uint16_t proto;     /* or PROTO_ANY */
	uint16_t icmp_type; /* or ICMP_TYPE_ANY */
	uint16_t action;
	bool log;
	struct port_set ports;
};

struct list {
	uint32_t count;
	uint16_t *nr;
};

/* Where the counts of a worker are: one a rule, and one for what no rule matched. */
struct rule_hits {
	uint32_t count; /* rules + 2: the last are the defaults of both directions */
	uint32_t workers;
	uint32_t stride; /* counts a worker, in whole cache lines */
	uint32_t pad;
	_Atomic uint64_t *counts;
};

struct rules {
	uint32_t count;
	enum rule_action defaults[DIRECTION_COUNT];
	struct list lists[DIRECTION_COUNT][KIND_COUNT];
	struct rule_hits hits;
	struct rule *rules;
};

static enum kind kind_of(uint32_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return KIND_TCP;
	case PROTO_UDP:
		return KIND_UDP;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return KIND_ICMP;
	default:
		return KIND_OTHER;
	}
}

static bool has_ports(uint32_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

static bool is_icmp(uint32_t proto)
{
	return proto == PROTO_ICMP || proto == PROTO_ICMPV6;
}

/* ---- compiling --------------------------------------------------------------------------- */

static int refuse_rule(struct xvs_error *err, uint32_t nr, const char *member, const char *text)
{
	char field[64];

	(void)snprintf(field, sizeof(field), "rules[%u].%s", nr, member);
	return xvs_refuse(err, -EINVAL, field, text);
}

static uint16_t proto_number(const struct rule_policy *p)
{
	static const uint16_t numbers[RULE_PROTO_COUNT] = {
		[RULE_PROTO_ANY] = PROTO_ANY,       [RULE_PROTO_TCP] = PROTO_TCP,
		[RULE_PROTO_UDP] = PROTO_UDP,       [RULE_PROTO_ICMP] = PROTO_ICMP,
		[RULE_PROTO_ICMPV6] = PROTO_ICMPV6, [RULE_PROTO_SCTP] = PROTO_SCTP,
	};

	return p->proto == RULE_PROTO_NUMBER ? (uint16_t)p->protocol : numbers[p->proto];
}

static void mask_of(uint8_t prefix_len, uint64_t out[2])
{
	uint8_t bytes[16] = { 0 };

	memset(bytes, 0xff, prefix_len / 8u);
	if (prefix_len % 8u)
		bytes[prefix_len / 8u] = (uint8_t)(0xff00u >> prefix_len % 8u);
	memcpy(out, bytes, sizeof(bytes));
}

static void compile_prefix(const struct xvs_ip *prefix, struct rule *rule)
{
	mask_of(prefix->prefix_len <= 128 ? prefix->prefix_len : 128, rule->mask);
	memcpy(rule->address, prefix->addr, sizeof(rule->address));
	rule->address[0] &= rule->mask[0];
	rule->address[1] &= rule->mask[1];
}

static int compile_rule(const struct rule_policy *p, uint32_t nr, struct rule *rule,
			struct xvs_error *err)
{
	char why[128];

	rule->proto = proto_number(p);
	rule->icmp_type = (uint16_t)p->icmp_type;
	rule->action = (uint16_t)p->action;
	rule->log = p->log;
	compile_prefix(&p->prefix, rule);
	if (ports_parse(p->ports, &rule->ports, why, sizeof(why)) != 0)
		return refuse_rule(err, nr, "ports", why);
	if (rule->ports.count && !has_ports(rule->proto))
		return refuse_rule(err, nr, "ports",
				   "needs proto tcp, udp or sctp: other protocols have no ports");
	if (rule->icmp_type != ICMP_TYPE_ANY && !is_icmp(rule->proto))
		return refuse_rule(err, nr, "icmp_type",
				   "needs proto icmp or icmpv6: other protocols have no types");
	return 0;
}

static struct rule_policy rule_at(const struct secgroup_policy *policy, uint32_t nr)
{
	struct rule_policy p;

	memcpy(&p, (const uint8_t *)policy->rules.items + (size_t)nr * policy->rules.stride,
	       sizeof(p));
	return p;
}

static void list_rules(struct rules *r, const struct secgroup_policy *policy)
{
	for (uint32_t nr = 0; nr < r->count; nr++) {
		uint32_t direction = rule_at(policy, nr).direction;

		for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
			struct list *list = &r->lists[direction][kind];

			if (r->rules[nr].proto == PROTO_ANY || kind_of(r->rules[nr].proto) == kind)
				list->nr[list->count++] = (uint16_t)nr;
		}
	}
}

static int hits_init(struct rule_hits *h, uint32_t rules, uint32_t workers)
{
	uint32_t in_line = LINE / sizeof(uint64_t);

	h->count = rules + DIRECTION_COUNT;
	h->workers = workers;
	h->stride = (h->count + in_line - 1) / in_line * in_line;
	h->counts = aligned_alloc(LINE, (size_t)h->stride * workers * sizeof(uint64_t));
	if (!h->counts)
		return -ENOMEM;
	memset(h->counts, 0, (size_t)h->stride * workers * sizeof(uint64_t));
	return 0;
}

static int rules_allocate(struct rules *r, uint32_t workers)
{
	r->rules = calloc(r->count + 1, sizeof(*r->rules));
	if (!r->rules || hits_init(&r->hits, r->count, workers) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < DIRECTION_COUNT * KIND_COUNT; i++) {
		struct list *list = &r->lists[i / KIND_COUNT][i % KIND_COUNT];

		list->nr = calloc(r->count + 1, sizeof(*list->nr));
		if (!list->nr)
			return -ENOMEM;
	}
	return 0;
}

int rules_compile(const struct secgroup_policy *policy, uint32_t workers, struct rules **out,
		  struct xvs_error *err)
{
	struct rules *r = calloc(1, sizeof(*r));
	int result = 0;

	if (!r)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	r->count = policy->rules.count;
	r->defaults[DIRECTION_IN] = policy->default_in == DEFAULT_ALLOW ? RULE_ALLOW : RULE_DENY;
	r->defaults[DIRECTION_OUT] = policy->default_out == DEFAULT_ALLOW ? RULE_ALLOW : RULE_DENY;
	if (rules_allocate(r, workers) != 0)
		result = xvs_refuse(err, -ENOMEM, "", "out of memory");
	for (uint32_t nr = 0; nr < r->count && result == 0; nr++) {
		struct rule_policy p = rule_at(policy, nr);

		result = compile_rule(&p, nr, &r->rules[nr], err);
	}
	if (result != 0) {
		rules_destroy(r);
		return result;
	}
	list_rules(r, policy);
	*out = r;
	return 0;
}

void rules_destroy(struct rules *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < DIRECTION_COUNT * KIND_COUNT; i++)
		free(r->lists[i / KIND_COUNT][i % KIND_COUNT].nr);
	free(r->hits.counts);
	free(r->rules);
	free(r);
}

/* ---- deciding ---------------------------------------------------------------------------- */

static bool rule_matches(const struct rule *rule, const struct rule_query *q,
			 const uint64_t remote[2])
{
	if (((remote[0] & rule->mask[0]) ^ rule->address[0]) |
	    ((remote[1] & rule->mask[1]) ^ rule->address[1]))
		return false;
	if (rule->proto != PROTO_ANY && rule->proto != q->proto)
		return false;
	if (rule->icmp_type != ICMP_TYPE_ANY && rule->icmp_type != q->icmp_type)
		return false;
	return ports_contain(&rule->ports, q->port);
}

uint32_t rules_count(const struct rules *r)
{
	return r->count;
}

struct rule_answer rules_decide(const struct rules *r, const struct rule_query *q)
{
	const struct list *list = &r->lists[q->direction][kind_of(q->proto)];
	uint64_t remote[2];

	memcpy(remote, q->remote, sizeof(remote));
	for (uint32_t i = 0; i < list->count; i++) {
		const struct rule *rule = &r->rules[list->nr[i]];

		if (rule_matches(rule, q, remote))
			return (struct rule_answer){ (enum rule_action)rule->action, list->nr[i],
						     rule->log, false };
	}
	return (struct rule_answer){ r->defaults[q->direction], r->count + q->direction, false,
				     true };
}

void rules_credit(const struct rules *r, uint32_t nr, uint32_t worker)
{
	_Atomic uint64_t *count = &r->hits.counts[(size_t)worker * r->hits.stride + nr];

	/* one writer, this worker; status reads */
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

uint64_t rules_hits(const struct rules *r, uint32_t nr)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < r->hits.workers; w++)
		sum += atomic_load_explicit(&r->hits.counts[(size_t)w * r->hits.stride + nr],
					    memory_order_relaxed);
	return sum;
}
