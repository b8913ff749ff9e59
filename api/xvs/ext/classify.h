/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/classify.h - DRAFT "xvs.classify/1": which of many rules is the first that a packet matches.
 *
 *	rules -> create() -> an immutable classifier -> find() for the first packet of each flow
 *
 * Look-up depends little on how many rules there are, and says how little of the packet it had to
 * look at: just what a verdict of "xvs.flow/1" has to say of itself.
 *
 * Changed rules are a new classifier: publish it with a release store, then host->defer() the
 * destroy() of the old one.  A classifier is yours and all of them are destroyed before your
 * own destroy() returns.
 */
#ifndef XVS_EXT_CLASSIFY_H
#define XVS_EXT_CLASSIFY_H

#ifndef XVS_USE_DRAFT
#error "classify.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_CLASSIFY "xvs.classify/1"

enum { XVS_CLASSIFY_RULES_MAX = 1 << 20 };

/* What find() gives where no rule matches; no rule may have it as its answer. */
#define XVS_CLASSIFY_NONE 0xffffffffu

/* Which of a rule's plain fields count; those that have a mask or a prefix speak for themselves. */
enum xvs_classify_match {
	XVS_CLASSIFY_SEGMENT = 1u << 0,
	XVS_CLASSIFY_ETHERTYPE = 1u << 1,
	XVS_CLASSIFY_VLAN = 1u << 2,  /* tagged, with this id */
	XVS_CLASSIFY_PROTO = 1u << 3, /* IP protocol; with ethertype ARP its operation */
	XVS_CLASSIFY_DSCP = 1u << 4,
	XVS_CLASSIFY_SRC_PORTS = 1u << 5, /* protocol TCP, UDP or SCTP */
	XVS_CLASSIFY_DST_PORTS = 1u << 6,
	XVS_CLASSIFY_ICMP_TYPE = 1u << 7, /* protocol ICMP or ICMPv6 */
	XVS_CLASSIFY_ICMP_CODE = 1u << 8,
};

/*
 * All that is said must be true of a packet; a zeroed rule matches every packet.  Numbers are in
 * host order.  A rule that names a protocol, DSCP, ports, ICMP or TCP flags is about IP: without an
 * ethertype about IPv4 and IPv6.  One about ports, ICMP or TCP flags matches no later fragment,
 * which has no such header.  An address needs an ethertype: IPv4, ARP (sender and target; both of
 * 96 + n bits) or IPv6.  It grows at its end by the rule for arrays: what the host does not know
 * must be zero.
 */
struct xvs_classify_rule {
	uint32_t weight;    /* the highest that matches wins; among equals the earliest in the list */
	uint32_t answer;    /* what find() gives: your number of the rule, say */
	uint32_t segment;
	uint16_t matches;   /* enum xvs_classify_match */
	uint16_t ethertype; /* behind all tags */
	uint16_t vlan;      /* 0..4095, of the outermost tag */
	uint8_t proto;
	uint8_t dscp;       /* 0..63 */
	struct xvs_ip src, dst; /* prefix_len 0: any; bits behind it are ignored */
	uint16_t src_port_first, src_port_last; /* both ends are in it */
	uint16_t dst_port_first, dst_port_last;
	uint8_t icmp_type, icmp_code;
	uint16_t tcp_flags, tcp_flags_mask; /* 12 bits; protocol TCP; flags only where the mask is */
	uint8_t bits, bits_mask;            /* enum xvs_key_bit: fragments, tags, options */
	uint8_t eth_src[6], eth_src_mask[6];
	uint8_t eth_dst[6], eth_dst_mask[6];
};
XVS_STATIC_ASSERT(sizeof(struct xvs_classify_rule) == 100, "no holes");

struct xvs_classify_info {
	uint32_t size;
	uint32_t rules;       /* that it was made of */
	uint32_t depth;       /* steps to the farthest rules, at most */
	uint32_t largest;     /* rules that are compared one by one in one place, at most */
	uint64_t bytes;       /* that it holds */
	uint64_t build_bytes; /* that create() held at its peak, 'bytes' among them */
};

struct xvs_classifier;

/*
 * find() and find_first() take no lock and allocate nothing.  'mask', which may be NULL, gains the
 * bits of the key that were examined: any packet of the same segment that equals this one in those
 * bits gets the same answer.  Bits that are there already stay, so one mask (of a flow verdict:
 * v->examined) gathers several questions.  Of the key all fields count but 'port' and 'ip_ttl'.
 */
struct xvs_classify_host {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [any] also in run() of "xvs.task/1".  A classifier of these rules (struct
	 * xvs_classify_rule), which are not used afterwards.  It takes time in proportion to their
	 * number, some milliseconds for a thousand: build what may be large in a task, unless the
	 * operator waits for it.  No rules: a classifier whose answer is always NONE.
	 * 'err' may be NULL.  -EINVAL: a rule contradicts itself, or is shorter than the first
	 * revision of it (err->field names it, as "rules[3].src_ports").  -E2BIG: over
	 * XVS_CLASSIFY_RULES_MAX, more than one classifier can hold, or a rule asks for what this
	 * host does not know.  -ENOMEM.  'out' is written on success only.
	 */
	int (*create)(const struct xvs_host *h, const struct xvs_table *rules,
		      struct xvs_classifier **out, struct xvs_error *err);

	/* [any] No worker can be in it any more.  NULL is fine. */
	void (*destroy)(const struct xvs_host *h, struct xvs_classifier *c);

	/* [any] The answer of the best rule for this packet, or XVS_CLASSIFY_NONE; also where 'c' is NULL. */
	uint32_t (*find)(const struct xvs_host *h, const struct xvs_classifier *c,
			 const struct xvs_flow_key *key, uint32_t segment,
			 struct xvs_flow_key *mask);

	/*
	 * [any] One list behind another: asks each classifier in order and stops at the first that
	 * has an answer.  'which' (not NULL) is its place, or 'count'
	 * where none has and XVS_CLASSIFY_NONE is returned.
	 */
	uint32_t (*find_first)(const struct xvs_host *h, const struct xvs_classifier *const *list,
			       uint32_t count, const struct xvs_flow_key *key, uint32_t segment,
			       struct xvs_flow_key *mask, uint32_t *which);

	/* [any] Writes as many bytes as out->size says, and no more than it knows. */
	void (*info)(const struct xvs_host *h, const struct xvs_classifier *c,
		     struct xvs_classify_info *out);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_CLASSIFY_H */
