/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_acl xvs_packet xvs_base
 *
 * Rules and packets from bytes: a rule that is not sound is refused, and of all others a classifier
 * gives the answer that asking each of them gives; as it does for a packet that agrees in the bits
 * examined and differs in some of the rest.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl.h"
#include "base/error.h"

enum { RULES = 48, KEYS = 16, SEGMENT = 1 };

struct input {
	const uint8_t *at;
	size_t left;
};

static void take(struct input *in, void *to, size_t size)
{
	size_t taken = size < in->left ? size : in->left;

	memset(to, 0, size);
	memcpy(to, in->at, taken);
	in->at += taken;
	in->left -= taken;
}

/* Any bytes are a rule; those that would be refused are cut to what is allowed every other time. */
static struct acl_rule take_rule(struct input *in)
{
	struct acl_rule r;

	take(in, &r, sizeof(r));
	if (r.weight & 1)
		return r;
	r.weight &= 6;
	r.segment &= 1;
	r.matches &= ACL_ICMP_CODE * 2 - 1;
	r.bits_mask &= XVS_KEY_OPTIONS * 2 - 1;
	r.bits &= r.bits_mask;
	r.tcp_flags_mask = r.proto == 6 ? r.tcp_flags_mask & 0xfff : 0;
	r.tcp_flags &= r.tcp_flags_mask;
	r.vlan &= 3;
	r.dscp &= 63;
	r.src.prefix_len %= 129;
	r.dst.prefix_len %= 129;
	return r;
}

static uint32_t linear(const struct acl_rule *rules, uint32_t count, const struct xvs_flow_key *key)
{
	const struct acl_rule *best = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if ((!best || rules[i].weight > best->weight) &&
		    acl_rule_matches(&rules[i], key, SEGMENT))
			best = &rules[i];
	}
	return best ? best->answer : ACL_NONE;
}

/* A packet that this rule may be about, where bytes do not say otherwise. */
static struct xvs_flow_key take_key(struct input *in, const struct acl_rule *like)
{
	struct xvs_flow_key key, noise;

	take(in, &key, sizeof(key));
	take(in, &noise, sizeof(noise));
	if (noise.port & 1)
		return key;
	key = (struct xvs_flow_key){
		.ethertype = __builtin_bswap16(like->ethertype),
		.vlan_tci = __builtin_bswap16(like->vlan),
		.ip_proto = like->proto,
		.ip_tos = (uint8_t)(like->dscp << 2),
		.bits = like->bits,
		.l4_src = __builtin_bswap16(like->src_ports.first),
		.l4_dst = __builtin_bswap16(like->dst_ports.last),
		.tcp_flags = __builtin_bswap16(like->tcp_flags),
	};
	memcpy(key.eth_src, like->eth_src, 6);
	memcpy(key.eth_dst, like->eth_dst, 6);
	memcpy(key.ip_src, like->src.addr, 16);
	memcpy(key.ip_dst, like->dst.addr, 16);
	if (noise.port & 2)
		((uint8_t *)&key)[4 + noise.ip_ttl % 60] ^= (uint8_t)(1 << (noise.ip_tos & 7));
	return key;
}

static void check_key(const struct acl *a, const struct acl_rule *rules, uint32_t count,
		      struct input *in)
{
	struct acl_rule none = { 0 };
	struct xvs_flow_key key = take_key(in, count ? &rules[in->left % count] : &none);
	struct xvs_flow_key mask = { 0 };
	struct xvs_flow_key unused = { 0 };
	uint32_t answer = acl_find(a, &key, SEGMENT, &mask);
	struct xvs_flow_key other;

	assert(answer == linear(rules, count, &key));
	assert(acl_find(a, &key, SEGMENT, NULL) == answer);
	take(in, &other, sizeof(other));
	for (size_t i = 0; i < sizeof(key); i++) {
		uint8_t m = ((const uint8_t *)&mask)[i];
		uint8_t *o = (uint8_t *)&other + i;

		*o = (uint8_t)((((const uint8_t *)&key)[i] & m) | (*o & ~m));
	}
	assert(acl_find(a, &other, SEGMENT, &unused) == answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct acl_rule rules[RULES];
	uint8_t wanted;
	uint32_t count = 0;
	struct acl *a;

	take(&in, &wanted, 1);
	for (uint32_t i = 0; i < wanted % RULES; i++) {
		struct xvs_error err = ERROR_INIT;

		rules[count] = take_rule(&in);
		if (acl_create(&rules[count], 1, &a, &err)) {
			assert(err.code && err.text[0]);
			continue;
		}
		acl_destroy(a);
		rules[count].answer = count;
		count++;
	}
	if (acl_create(rules, count, &a, NULL))
		abort();
	for (uint32_t i = 0; i < KEYS; i++)
		check_key(a, rules, count, &in);
	acl_destroy(a);
	return 0;
}
