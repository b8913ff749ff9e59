/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/rule.c - what a rule says: is it sound, whom can it match, does it match this packet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "acl/word.h"
#include "base/error.h"

enum {
	MATCHES_ALL = ACL_ICMP_CODE * 2 - 1,
	PORTS = ACL_SRC_PORTS | ACL_DST_PORTS,
	ICMP = ACL_ICMP_TYPE | ACL_ICMP_CODE,
	BITS_ALL = XVS_KEY_OPTIONS * 2 - 1,
	TCP_FLAGS_ALL = 0xfff,
	VLAN_ID_MAX = 4095,
	DSCP_MAX = 63,
	IPV4_PREFIX = 96,
};

static bool has(const struct acl_rule *r, uint32_t matches)
{
	return (r->matches & matches) != 0;
}

static bool has_l4(const struct acl_rule *r)
{
	return has(r, PORTS | ICMP) || r->tcp_flags_mask != 0;
}

static bool has_address(const struct acl_rule *r)
{
	return r->src.prefix_len != 0 || r->dst.prefix_len != 0;
}

static bool is_ethertype(const struct acl_rule *r, uint16_t ethertype)
{
	return has(r, ACL_ETHERTYPE) && r->ethertype == ethertype;
}

static bool is_proto(const struct acl_rule *r, uint8_t a, uint8_t b, uint8_t c)
{
	return has(r, ACL_PROTO) && (r->proto == a || r->proto == b || r->proto == c);
}

/* ---- soundness ------------------------------------------------------------------------------- */

static int refuse(struct xvs_error *err, uint32_t number, const char *field, const char *why)
{
	char place[64];

	(void)snprintf(place, sizeof(place), "rules[%u].%s", number, field);
	return error_set(err, -EINVAL, place, "rule %u: %s", number, why);
}

static int check_numbers(const struct acl_rule *r, uint32_t n, struct xvs_error *err)
{
	if (r->answer == ACL_NONE)
		return refuse(err, n, "answer", "its answer is the one that means no rule");
	if (r->matches & ~MATCHES_ALL)
		return refuse(err, n, "matches", "it asks for a field that is not known here");
	if (has(r, ACL_VLAN) && r->vlan > VLAN_ID_MAX)
		return refuse(err, n, "vlan", "its VLAN is over 4095");
	if (has(r, ACL_DSCP) && r->dscp > DSCP_MAX)
		return refuse(err, n, "dscp", "its DSCP is over 63");
	if (r->bits & ~r->bits_mask || r->bits_mask & ~BITS_ALL)
		return refuse(err, n, "bits", "its bits are not all in a mask of known ones");
	if (r->tcp_flags & ~r->tcp_flags_mask || r->tcp_flags_mask & ~TCP_FLAGS_ALL)
		return refuse(err, n, "tcp_flags",
			      "its TCP flags are not all in a mask of 12 bits");
	return 0;
}

static int check_prefix(const struct acl_rule *r, const struct xvs_ip *ip, uint32_t n,
			const char *field, struct xvs_error *err)
{
	if (ip->prefix_len == 0)
		return 0;
	if (ip->prefix_len > 128)
		return refuse(err, n, field, "its prefix has more than 128 bits");
	if (is_ethertype(r, ETHERTYPE_IPV6))
		return 0;
	if (!is_ethertype(r, ETHERTYPE_IPV4) && !is_ethertype(r, ETHERTYPE_ARP))
		return refuse(
			err, n, field,
			"an address needs an ethertype: IPv4 (0x0800), ARP (0x0806) or IPv6 (0x86dd)");
	if (ip->prefix_len < IPV4_PREFIX)
		return refuse(err, n, field,
			      "an IPv4 address is ::ffff:a.b.c.d with a prefix of 96 bits or more");
	return 0;
}

static int check_ports(const struct acl_rule *r, uint32_t n, struct xvs_error *err)
{
	if (!has(r, PORTS))
		return 0;
	if (!is_proto(r, PROTO_TCP, PROTO_UDP, PROTO_SCTP))
		return refuse(
			err, n, "proto",
			"ports need a protocol that has them: TCP (6), UDP (17) or SCTP (132)");
	if (has(r, ACL_SRC_PORTS) && r->src_ports.first > r->src_ports.last)
		return refuse(err, n, "src_ports", "its first source port is above its last");
	if (has(r, ACL_DST_PORTS) && r->dst_ports.first > r->dst_ports.last)
		return refuse(err, n, "dst_ports", "its first destination port is above its last");
	return 0;
}

static int check_l4(const struct acl_rule *r, uint32_t n, struct xvs_error *err)
{
	if (has(r, ICMP) && !is_proto(r, PROTO_ICMP, PROTO_ICMPV6, PROTO_ICMP))
		return refuse(err, n, "proto",
			      "an ICMP type or code needs protocol ICMP (1) or ICMPv6 (58)");
	if (r->tcp_flags_mask && !is_proto(r, PROTO_TCP, PROTO_TCP, PROTO_TCP))
		return refuse(err, n, "proto", "TCP flags need protocol TCP (6)");
	if (has_l4(r) && r->bits & XVS_KEY_LATER)
		return refuse(err, n, "bits",
			      "a later fragment has no ports, ICMP type or TCP flags to match");
	return check_ports(r, n, err);
}

static int check_ethertype(const struct acl_rule *r, uint32_t n, struct xvs_error *err)
{
	bool is_ip = !has(r, ACL_ETHERTYPE) || is_ethertype(r, ETHERTYPE_IPV4) ||
		     is_ethertype(r, ETHERTYPE_IPV6);

	if (has(r, ACL_PROTO) && !is_ip && !is_ethertype(r, ETHERTYPE_ARP))
		return refuse(err, n, "ethertype", "a protocol needs ethertype IPv4, IPv6 or ARP");
	if (has(r, ACL_DSCP) && !is_ip)
		return refuse(err, n, "ethertype", "a DSCP needs ethertype IPv4 or IPv6");
	if (has_l4(r) && !is_ip)
		return refuse(err, n, "ethertype",
			      "ports, ICMP and TCP flags need ethertype IPv4 or IPv6");
	return 0;
}

int rule_check(const struct acl_rule *r, uint32_t number, struct xvs_error *err)
{
	int e = check_numbers(r, number, err);

	if (e == 0)
		e = check_prefix(r, &r->src, number, "src", err);
	if (e == 0)
		e = check_prefix(r, &r->dst, number, "dst", err);
	if (e == 0)
		e = check_ethertype(r, number, err);
	if (e == 0)
		e = check_l4(r, number, err);
	return e;
}

/* ---- whom it can match ----------------------------------------------------------------------- */

/* Says something that only packets of IP have, and needs no ethertype for that. */
static bool is_about_ip(const struct acl_rule *r)
{
	return has(r, ACL_PROTO | ACL_DSCP) || has_l4(r) || has_address(r);
}

uint32_t rule_classes(const struct acl_rule *r)
{
	uint32_t ipv4 = 1u << CLASS_IPV4 | 1u << CLASS_IPV4_LATER;
	uint32_t ipv6 = 1u << CLASS_IPV6 | 1u << CLASS_IPV6_LATER;
	uint32_t classes = ipv4 | ipv6;

	if (is_ethertype(r, ETHERTYPE_IPV4))
		classes = ipv4;
	else if (is_ethertype(r, ETHERTYPE_IPV6))
		classes = ipv6;
	else if (has(r, ACL_ETHERTYPE))
		classes = 1u << CLASS_OTHER;
	else if (!is_about_ip(r))
		classes |= 1u << CLASS_OTHER;
	if (has_l4(r) || (r->bits_mask & ~r->bits & XVS_KEY_LATER))
		classes &= ~(1u << CLASS_IPV4_LATER | 1u << CLASS_IPV6_LATER);
	if (r->bits & XVS_KEY_LATER)
		classes &= ~(1u << CLASS_IPV4 | 1u << CLASS_IPV6);
	return classes;
}

/* ---- does it match --------------------------------------------------------------------------- */

static bool differs(const uint8_t *a, const uint8_t *b, const uint8_t *mask, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if ((a[i] ^ b[i]) & mask[i])
			return true;
	}
	return false;
}

static bool is_in_prefix(const struct xvs_ip *ip, const uint8_t address[16], uint32_t from_bit)
{
	for (uint32_t bit = from_bit; bit < ip->prefix_len; bit++) {
		if ((ip->addr[bit / 8] ^ address[bit / 8]) & (0x80 >> bit % 8))
			return false;
	}
	return true;
}

static bool matches_ether(const struct acl_rule *r, const struct xvs_flow_key *key)
{
	if (has(r, ACL_ETHERTYPE) && ntohs(key->ethertype) != r->ethertype)
		return false;
	if (has(r, ACL_VLAN) &&
	    (!(key->bits & XVS_KEY_VLAN) || (ntohs(key->vlan_tci) & VLAN_ID_MAX) != r->vlan))
		return false;
	if ((key->bits ^ r->bits) & r->bits_mask)
		return false;
	return !differs(key->eth_src, r->eth_src, r->eth_src_mask, 6) &&
	       !differs(key->eth_dst, r->eth_dst, r->eth_dst_mask, 6);
}

static bool matches_ip(const struct acl_rule *r, const struct xvs_flow_key *key)
{
	/* of an IPv4 address the last four bytes count */
	uint32_t from = is_ethertype(r, ETHERTYPE_IPV6) ? 0 : IPV4_PREFIX;
	uint16_t ethertype = ntohs(key->ethertype);

	if (is_about_ip(r) && !has(r, ACL_ETHERTYPE) && ethertype != ETHERTYPE_IPV4 &&
	    ethertype != ETHERTYPE_IPV6)
		return false;
	if (has(r, ACL_PROTO) && key->ip_proto != r->proto)
		return false;
	if (has(r, ACL_DSCP) && key->ip_tos >> 2 != r->dscp)
		return false;
	return is_in_prefix(&r->src, key->ip_src, from) && is_in_prefix(&r->dst, key->ip_dst, from);
}

static bool is_within(const struct acl_ports *ports, uint16_t port)
{
	return port >= ports->first && port <= ports->last;
}

static bool matches_l4(const struct acl_rule *r, const struct xvs_flow_key *key)
{
	uint16_t src = ntohs(key->l4_src);
	uint16_t dst = ntohs(key->l4_dst);

	if (has_l4(r) && key->bits & XVS_KEY_LATER)
		return false;
	if (has(r, ACL_SRC_PORTS) && !is_within(&r->src_ports, src))
		return false;
	if (has(r, ACL_DST_PORTS) && !is_within(&r->dst_ports, dst))
		return false;
	if (has(r, ACL_ICMP_TYPE) && src != r->icmp_type)
		return false;
	if (has(r, ACL_ICMP_CODE) && dst != r->icmp_code)
		return false;
	return ((ntohs(key->tcp_flags) ^ r->tcp_flags) & r->tcp_flags_mask) == 0;
}

bool acl_rule_matches(const struct acl_rule *rule, const struct xvs_flow_key *key, uint32_t segment)
{
	if (has(rule, ACL_SEGMENT) && rule->segment != segment)
		return false;
	return matches_ether(rule, key) && matches_ip(rule, key) && matches_l4(rule, key);
}
