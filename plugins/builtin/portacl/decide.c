/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The basic rules, then the extended ones: both must let a packet pass.
 *
 * Where rules are stateful, the host tracks the port's connections and has authorised this packet's
 * before it comes here.  A packet that its own direction denies passes all the same if it is a
 * reply: if the rule for the packets that it answers is stateful.  That rule is found by turning
 * the packet round, so the answer hangs on the key and the rules alone, as a flow's verdict must.
 */
#include "decide.h"

#include <string.h>

#include "xvs/ext/sdk.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, PROTO_ICMP = 1, PROTO_ICMPV6 = 58 };
enum { VLAN_ID = 0xfff, ICMP_NONE = 256 };

/* ---- asking ---------------------------------------------------------------------------------- */

static uint32_t segment_of(const struct question *q)
{
	uint32_t vlan = q->key->bits & XVS_KEY_VLAN ? xvs_ntoh16(q->key->vlan_tci) & VLAN_ID : 0;

	return vlan ? vlan : atomic_load_explicit(&q->port->segment, memory_order_relaxed);
}

/* The rule and what it is (ANSWER_*). */
struct hit {
	uint32_t nr; /* NO_RULE: none, which does nothing */
	uint32_t is;
};

static struct hit find(const struct question *q, const struct tally *t, enum table table)
{
	static const struct hit none = { NO_RULE, 0 };
	const struct acl *a = q->acl;

	uint32_t answer;

	if (!t)
		return none;
	answer = a->classify->find(a->host, t->set->tables[q->direction][table], q->key,
				   segment_of(q), q->mask);
	if (answer == NO_RULE)
		return none;
	return (struct hit){ answer & ANSWER_RULE, answer & ~(uint32_t)ANSWER_RULE };
}

/* ---- replies --------------------------------------------------------------------------------- */

static void swap(void *a, void *b, size_t size)
{
	uint8_t between[16];

	memcpy(between, a, size);
	memcpy(a, b, size);
	memcpy(b, between, size);
}

/* A key, or a mask, of packets the other way. */
static void turn_round(struct xvs_flow_key *k)
{
	swap(k->eth_src, k->eth_dst, sizeof(k->eth_src));
	swap(k->ip_src, k->ip_dst, sizeof(k->ip_src));
	swap(&k->l4_src, &k->l4_dst, sizeof(k->l4_src));
}

static bool is_icmp(const struct xvs_flow_key *key)
{
	return key->ip_proto == PROTO_ICMP || key->ip_proto == PROTO_ICMPV6;
}

static bool is_icmp_error(const struct xvs_flow_key *key)
{
	uint16_t type = xvs_ntoh16(key->l4_src);

	if (key->ip_proto == PROTO_ICMPV6)
		return type >= 1 && type <= 4;
	return (type >= 3 && type <= 5) || type == 11 || type == 12;
}

/* The type of the question that this one answers (RFC 792, RFC 950, RFC 4443, RFC 4620). */
static uint16_t icmp_question(const struct xvs_flow_key *key)
{
	uint16_t type = xvs_ntoh16(key->l4_src);

	if (key->ip_proto == PROTO_ICMPV6)
		return type == 129 || type == 140 ? (uint16_t)(type - 1) : ICMP_NONE;
	if (type == 0)
		return 8;
	return type == 14 || type == 16 || type == 18 ? (uint16_t)(type - 1) : ICMP_NONE;
}

static void mask_add(struct xvs_flow_key *mask, const struct xvs_flow_key *seen)
{
	uint64_t *to = (uint64_t *)(void *)mask;
	const uint64_t *from = (const uint64_t *)(const void *)seen;

	for (size_t i = 0; mask && i < sizeof(*mask) / sizeof(*to); i++)
		to[i] |= from[i];
}

/*
 * The rule that lets the packets pass that this one answers, if it is stateful.  One that denies, or
 * lets pass without state, is none.
 */
static bool find_stateful(const struct question *q, const struct tally *t, struct hit *out)
{
	struct xvs_flow_key key = *q->key;
	struct xvs_flow_key mask = { 0 };
	struct question other = *q;
	struct hit hit;

	if (is_icmp(&key)) {
		uint16_t type = icmp_question(&key);

		if (type == ICMP_NONE)
			return false;
		/* type and code have no ends that could be turned round */
		swap(&key.l4_src, &key.l4_dst, sizeof(key.l4_src));
		key.l4_dst = xvs_ntoh16(type);
	}
	turn_round(&key);
	other.key = &key;
	other.mask = &mask;
	other.direction = q->direction == DIRECTION_IN ? DIRECTION_OUT : DIRECTION_IN;
	hit = find(&other, t, TABLE_ACCESS);
	turn_round(&mask);
	mask_add(q->mask, &mask);
	if (!(hit.is & ANSWER_STATEFUL))
		return false;
	*out = hit;
	return true;
}

/*
 * Does it pass though this rule denies packets of its direction?  What the tracker does not let in
 * without its connection needs no second rule: later fragments, which follow their first, and errors
 * about a connection, but where the rule names ICMP.
 */
static bool is_reply(const struct question *q, const struct tally *t, struct hit *hit)
{
	static const struct xvs_flow_key seen = { .ethertype = UINT16_MAX,
						  .ip_proto = UINT8_MAX,
						  .l4_src = UINT16_MAX,
						  .bits = XVS_KEY_LATER };
	uint16_t ethertype = xvs_ntoh16(q->key->ethertype);

	if (!q->is_of_connection || !t->set->is_stateful)
		return false;
	/* where there are connections, flows are told apart by all of this anyway */
	mask_add(q->mask, &seen);
	if (ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_IPV6)
		return false;
	if (q->key->bits & XVS_KEY_LATER)
		return true;
	if (is_icmp(q->key) && is_icmp_error(q->key))
		return !(hit->is & ANSWER_ICMP);
	return find_stateful(q, t, hit);
}

/* ---- deciding -------------------------------------------------------------------------------- */

static void decide_basic(const struct question *q, struct answer *out)
{
	const struct tally *t = port_tally(q->port, FEATURE_BASIC);
	const struct hit hit = find(q, t, TABLE_ACCESS);

	out->basic_tally = t;
	out->access = hit.nr;
	if (!(hit.is & ANSWER_DENIES))
		return;
	out->is_denied = true;
	out->reason = ACL_BASIC_DENY;
}

static void decide_extended(const struct question *q, struct answer *out)
{
	const struct tally *t = port_tally(q->port, FEATURE_EXTENDED);
	struct hit hit = find(q, t, TABLE_ACCESS);

	if (hit.is & ANSWER_DENIES)
		out->is_reply = is_reply(q, t, &hit);
	if (hit.is & ANSWER_DENIES && !out->is_reply) {
		out->is_denied = true;
		out->reason = ACL_EXTENDED_DENY;
	} else if (hit.is & ANSWER_MORE) {
		out->idle_ms = t->set->facts[hit.nr].idle_ms;
	}
	out->extended_tally = t;
	out->extended = hit.nr;
	out->has_more = (hit.is & ANSWER_MORE) != 0;
}

void decide(const struct question *q, struct answer *out)
{
	*out = (struct answer){ .access = NO_RULE, .meter = NO_RULE, .extended = NO_RULE };
	decide_basic(q, out);
	if (!out->is_denied)
		decide_extended(q, out);
	/* what is denied is no use of the line that somebody could be billed for */
	if (!out->is_denied)
		out->meter = find(q, out->basic_tally, TABLE_METER).nr;
}
