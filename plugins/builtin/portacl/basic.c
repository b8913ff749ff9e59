/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of xvs.acl/1: the one that says most of the addresses decides.
 *
 * "Most" is the number of bits: a prefix counts those it has, an adapter's address 48, local and
 * remote together.  Among rules that say equally much, deny comes first.
 */
#include <string.h>

#include "ruleset.h"
#include "xvs/ext/sdk.h"

enum { MAC_BITS = 48, IPV4_PREFIX = 96 };

static uint32_t prefix_bits(const struct xvs_ip *ip)
{
	if (ip->prefix_len == 0)
		return 0;
	return prefix_is_ipv4(ip) ? ip->prefix_len - (uint32_t)IPV4_PREFIX : ip->prefix_len;
}

/* The number of bits that it says. */
static uint32_t draft_mac(const uint8_t mac[6], uint8_t out[6], uint8_t mask[6])
{
	static const uint8_t any[6];

	if (memcmp(mac, any, sizeof(any)) == 0)
		return 0;
	memcpy(out, mac, sizeof(any));
	memset(mask, 0xff, sizeof(any));
	return MAC_BITS;
}

int basic_draft(const void *rule, uint32_t nr, struct draft *out, struct xvs_error *err)
{
	const struct basic_rule *p = rule;
	struct xvs_classify_rule *r = &out->rule;
	uint32_t bits = prefix_bits(&p->local) + prefix_bits(&p->remote);
	int code = draft_addresses(out, &p->local, &p->remote, nr, err);

	if (code)
		return code;
	bits += draft_mac(p->local_mac, r->eth_src, r->eth_src_mask);
	bits += draft_mac(p->remote_mac, r->eth_dst, r->eth_dst_mask);
	/* 0.0.0.0/0 says more than nothing: that the packet is of IPv4 */
	r->weight = bits << 2 | (r->matches & XVS_CLASSIFY_ETHERTYPE ? 2u : 0u) |
		    (p->action == ACTION_DENY ? 1u : 0u);
	out->name = p->name;
	out->fact.action = (uint16_t)p->action;
	out->direction = p->direction;
	out->table = p->action == ACTION_METER ? TABLE_METER : TABLE_ACCESS;
	return 0;
}
