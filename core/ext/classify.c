/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/classify.c - "xvs.classify/1": the classifiers of core/acl, for extensions.
 *
 * Nothing here belongs to an instance, so any thread may call: rules are copied into those of
 * core/acl, whose layout is free to change, and a classifier is one of core/acl's behind a name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl.h"
#include "base/error.h"
#include "ext/services.h"

/* The numbers that rules speak in are the same on both sides. */
_Static_assert((int)XVS_CLASSIFY_SEGMENT == (int)ACL_SEGMENT &&
		       (int)XVS_CLASSIFY_ETHERTYPE == (int)ACL_ETHERTYPE &&
		       (int)XVS_CLASSIFY_VLAN == (int)ACL_VLAN &&
		       (int)XVS_CLASSIFY_PROTO == (int)ACL_PROTO &&
		       (int)XVS_CLASSIFY_DSCP == (int)ACL_DSCP &&
		       (int)XVS_CLASSIFY_SRC_PORTS == (int)ACL_SRC_PORTS &&
		       (int)XVS_CLASSIFY_DST_PORTS == (int)ACL_DST_PORTS &&
		       (int)XVS_CLASSIFY_ICMP_TYPE == (int)ACL_ICMP_TYPE &&
		       (int)XVS_CLASSIFY_ICMP_CODE == (int)ACL_ICMP_CODE,
	       "a field has one number");
_Static_assert(XVS_CLASSIFY_NONE == ACL_NONE, "no rule is no rule");
_Static_assert((int)XVS_CLASSIFY_RULES_MAX == (int)ACL_RULES_MAX, "one limit");

static const struct acl *acl_of(const struct xvs_classifier *c)
{
	return (const struct acl *)(const void *)c;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void rule_copy(const struct xvs_classify_rule *from, struct acl_rule *to)
{
	*to = (struct acl_rule){
		.weight = from->weight,
		.answer = from->answer,
		.segment = from->segment,
		.matches = from->matches,
		.ethertype = from->ethertype,
		.vlan = from->vlan,
		.proto = from->proto,
		.dscp = from->dscp,
		.src = from->src,
		.dst = from->dst,
		.src_ports = { from->src_port_first, from->src_port_last },
		.dst_ports = { from->dst_port_first, from->dst_port_last },
		.icmp_type = from->icmp_type,
		.icmp_code = from->icmp_code,
		.tcp_flags = from->tcp_flags,
		.tcp_flags_mask = from->tcp_flags_mask,
		.bits = from->bits,
		.bits_mask = from->bits_mask,
	};
	memcpy(to->eth_src, from->eth_src, sizeof(to->eth_src));
	memcpy(to->eth_src_mask, from->eth_src_mask, sizeof(to->eth_src_mask));
	memcpy(to->eth_dst, from->eth_dst, sizeof(to->eth_dst));
	memcpy(to->eth_dst_mask, from->eth_dst_mask, sizeof(to->eth_dst_mask));
}

static bool is_zero(const uint8_t *bytes, uint32_t from, uint32_t to)
{
	while (from < to && bytes[from] == 0)
		from++;
	return from == to;
}

/* A newer extension's rules are longer; what we do not know of must ask for nothing. */
static int rules_copy(const struct xvs_table *from, struct acl_rule *to, struct xvs_error *err)
{
	const uint8_t *at = from->items;

	for (uint32_t i = 0; i < from->count; i++, at += from->stride) {
		struct xvs_classify_rule rule;

		if (!is_zero(at, sizeof(rule), from->stride))
			return error_set(err, -E2BIG, "rules",
					 "rule %u asks for a field that this host does not know",
					 i);
		memcpy(&rule, at, sizeof(rule));
		rule_copy(&rule, &to[i]);
	}
	return 0;
}

static int table_check(const struct xvs_table *rules, struct xvs_error *err)
{
	if (!rules || (rules->count > 0 && !rules->items))
		return error_set(err, -EINVAL, "rules", "there is no list of rules");
	if (rules->count > 0 && rules->stride < sizeof(struct xvs_classify_rule))
		return error_set(err, -EINVAL, "rules",
				 "rules of %u bytes are shorter than the first revision, of %zu",
				 rules->stride, sizeof(struct xvs_classify_rule));
	if (rules->count > XVS_CLASSIFY_RULES_MAX)
		return error_set(err, -E2BIG, "rules",
				 "%u rules are too many for one list, which has room for %u",
				 rules->count, XVS_CLASSIFY_RULES_MAX);
	return 0;
}

/* ---- the interface --------------------------------------------------------------------------- */

static int classify_create(const struct xvs_host *h, const struct xvs_table *rules,
			   struct xvs_classifier **out, struct xvs_error *err)
{
	struct acl_rule *copies;
	struct acl *a;
	int code = table_check(rules, err);

	(void)h;
	if (code)
		return code;
	copies = calloc(rules->count + (size_t)1, sizeof(*copies));
	if (!copies)
		return error_set(err, -ENOMEM, "rules", "out of memory for a list of %u rules",
				 rules->count);
	code = rules_copy(rules, copies, err);
	if (code == 0)
		code = acl_create(copies, rules->count, &a, err);
	free(copies);
	if (code == 0)
		*out = (struct xvs_classifier *)(void *)a;
	return code;
}

static void classify_destroy(const struct xvs_host *h, struct xvs_classifier *c)
{
	(void)h;
	acl_destroy((struct acl *)(void *)c);
}

static uint32_t classify_find(const struct xvs_host *h, const struct xvs_classifier *c,
			      const struct xvs_flow_key *key, uint32_t segment,
			      struct xvs_flow_key *mask)
{
	(void)h;
	return c ? acl_find(acl_of(c), key, segment, mask) : XVS_CLASSIFY_NONE;
}

/* NOLINTNEXTLINE(readability-function-size): so it is in xvs/ext/classify.h */
static uint32_t classify_find_first(const struct xvs_host *h,
				    const struct xvs_classifier *const *list, uint32_t count,
				    const struct xvs_flow_key *key, uint32_t segment,
				    struct xvs_flow_key *mask, uint32_t *which)
{
	uint32_t answer = XVS_CLASSIFY_NONE;
	uint32_t i = 0;

	while (i < count) {
		answer = classify_find(h, list[i], key, segment, mask);
		if (answer != XVS_CLASSIFY_NONE)
			break;
		i++;
	}
	if (which)
		*which = i;
	return answer;
}

static void classify_info(const struct xvs_host *h, const struct xvs_classifier *c,
			  struct xvs_classify_info *out)
{
	const uint32_t size = out->size;
	struct acl_info info;
	struct xvs_classify_info known;

	(void)h;
	acl_info(acl_of(c), &info);
	known = (struct xvs_classify_info){
		.size = size,
		.rules = info.rules,
		.depth = info.depth,
		.largest = info.largest,
		.bytes = info.bytes,
		.build_bytes = info.build_bytes,
	};
	memcpy(out, &known, size < sizeof(known) ? size : sizeof(known));
}

const struct xvs_classify_host classify_host = {
	.size = sizeof(classify_host),
	.create = classify_create,
	.destroy = classify_destroy,
	.find = classify_find,
	.find_first = classify_find_first,
	.info = classify_info,
};
