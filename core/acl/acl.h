/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/acl.h - which of many rules is the first that a packet matches, and how little of the packet
 * had to be looked at to say so.
 *
 *	rules -> acl_create() -> an immutable classifier -> acl_find() for the first packet of each flow
 *
 * A changed rule set is a new classifier: the caller publishes it (base/rcu.h) and destroys the
 * old one after a grace period.  100,000 rules are built in some hundred milliseconds; look-up
 * depends little on how many there are.
 */
#ifndef XVS_ACL_ACL_H
#define XVS_ACL_ACL_H

#include <stdbool.h>

#include "xvs/extension.h"

struct acl;

enum {
	ACL_RULES_MAX = 1 << 20,
	ACL_COPIES = 4, /* entries in a class, for each rule, at most */
};

/* What acl_find() gives where no rule matches; no rule may have it as its answer. */
#define ACL_NONE UINT32_MAX

/* Which of a rule's plain fields count; those that have a mask or a prefix speak for themselves. */
enum acl_match {
	ACL_SEGMENT = 1u << 0,
	ACL_ETHERTYPE = 1u << 1,
	ACL_VLAN = 1u << 2,  /* tagged, with this id */
	ACL_PROTO = 1u << 3, /* IP protocol; with ethertype ARP its operation */
	ACL_DSCP = 1u << 4,
	ACL_SRC_PORTS = 1u << 5, /* protocol TCP, UDP or SCTP */
	ACL_DST_PORTS = 1u << 6,
	ACL_ICMP_TYPE = 1u << 7, /* protocol ICMP or ICMPv6 */
	ACL_ICMP_CODE = 1u << 8,
};

/* Both ends are in it. */
struct acl_ports {
	uint16_t first, last;
};

/*
 * All that is said must be true of a packet; a zeroed rule matches every packet.  Numbers are in
 * host order.  A rule that names a protocol, DSCP, ports, ICMP or TCP flags is about IP: without
 * an ethertype about IPv4 and IPv6.  One about ports, ICMP or TCP flags matches no later fragment,
 * which has no such header.
 */
struct acl_rule {
	uint32_t weight; /* the highest that matches wins; among equals the earliest in the list */
	uint32_t answer; /* what acl_find() gives: the caller's number of the rule, say */
	uint32_t segment;
	uint16_t matches;   /* enum acl_match */
	uint16_t ethertype; /* behind all tags */
	uint16_t vlan;      /* 0..4095, of the outermost tag */
	uint8_t proto;
	uint8_t dscp; /* 0..63 */
	struct xvs_ip src,
		dst; /* prefix_len 0: any.  ACL_ETHERTYPE says IPv4, ARP (96 + n bits) or IPv6 */
	struct acl_ports src_ports, dst_ports;
	uint8_t icmp_type, icmp_code;
	uint16_t tcp_flags,
		tcp_flags_mask;  /* 12 bits; protocol TCP; only bits of the mask may be set */
	uint8_t bits, bits_mask; /* enum xvs_key_bit: fragments, tags, options */
	uint8_t eth_src[6], eth_src_mask[6];
	uint8_t eth_dst[6], eth_dst_mask[6];
};

/*
 * [control] Builds a classifier; 'rules' are not used afterwards.  Takes time in proportion to
 * 'count', so a caller with many rules does it off the event loop: it may run in any thread.
 * Memory is bounded whatever the rules are: at most ACL_COPIES entries for each in one of
 * five classes (IPv4, IPv6, their later fragments, all else).
 * -EINVAL: a rule contradicts itself (err->field names it); -E2BIG: over ACL_RULES_MAX, or more
 * than a classifier can hold; -ENOMEM.
 */
int acl_create(const struct acl_rule *rules, uint32_t count, struct acl **out,
	       struct xvs_error *err);

/* [control] No worker is in it any more.  NULL is fine. */
void acl_destroy(struct acl *a);

/*
 * [any] The answer of the best rule for this packet, or ACL_NONE.  No lock, no allocation.
 *
 * 'mask', if not NULL, gains the bits of the key that were examined, in the meaning of xvs.flow/1: any packet of
 * the same segment that equals this one in those bits gets the same answer.  Bits that are there
 * already stay, so that one mask may gather several questions.  A cache has a table for each
 * different mask, so addresses and ports are made a little longer than need be, to one of few
 * lengths: rules of addresses, protocols and ports have at most 91 masks in an IP version, some 30
 * in practice.
 */
uint32_t acl_find(const struct acl *a, const struct xvs_flow_key *key, uint32_t segment,
		  struct xvs_flow_key *mask);

/* [any] Does this one rule match?  acl_find() agrees with asking it of all rules, only faster. */
bool acl_rule_matches(const struct acl_rule *rule, const struct xvs_flow_key *key,
		      uint32_t segment);

struct acl_info {
	uint32_t rules;
	uint32_t nodes; /* of the trees */
	uint32_t leaves;
	uint32_t entries;     /* rules in leaves; one rule may be in several */
	uint32_t depth;       /* nodes from a root to the farthest leaf */
	uint32_t largest;     /* entries in the fullest leaf */
	uint64_t bytes;       /* that the classifier holds */
	uint64_t build_bytes; /* that acl_create() held at its peak, 'bytes' among them */
};
/* [any] */
void acl_info(const struct acl *a, struct acl_info *out);

#endif /* XVS_ACL_ACL_H */
