/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/word.h - packets and rules as rows of numbers, which is all that the trees know of them.
 *
 * Each bit of a word is one bit of the key, so that bits of a word that were examined are bits of
 * the key.  An IPv6 prefix is a span in each of four words; a MAC address is two words of 24 bits.
 * Private to core/acl.
 */
#ifndef XVS_ACL_WORD_H
#define XVS_ACL_WORD_H

#include "acl/acl.h"
#include "packet/headers.h"

/*
 * In the order in which a leaf asks: what is examined anyway, or is few bits wide, comes first,
 * because a rule is out with the first word that it does not match.  Ports are last: they tell
 * connections apart, and an answer without them is good for many.
 */
enum acl_word {
	WORD_PROTO,
	WORD_BITS,
	WORD_ETHERTYPE,
	WORD_SEGMENT,
	WORD_VLAN, /* id, and bit 12: tagged */
	WORD_DST,  /* four words, the highest first; IPv4: in the last */
	WORD_SRC = WORD_DST + 4,
	WORD_DST_MAC = WORD_SRC + 4, /* two */
	WORD_SRC_MAC = WORD_DST_MAC + 2,
	WORD_DSCP = WORD_SRC_MAC + 2,
	WORD_TCP_FLAGS,
	WORD_DST_PORT,
	WORD_SRC_PORT,
	WORDS,
};
_Static_assert(WORDS < 32, "a bit for each in 32");

/* Rules of one class are in one tree; what makes the class is in every mask. */
enum acl_class {
	CLASS_IPV4,
	CLASS_IPV4_LATER, /* fragments without a header of layer 4 */
	CLASS_IPV6,
	CLASS_IPV6_LATER,
	CLASS_OTHER,
	CLASSES,
};

/* One word of a rule: x matches if low <= x <= high, and x equals low in the bits of 'holes'. */
struct acl_span {
	uint32_t low, high;
	uint32_t holes; /* 0: the span says all; else the mask, which is no prefix */
};

/* Largest value of each word. */
extern const uint32_t word_max[WORDS];

/* The classes (a bit each) in which a packet may match the rule. */
uint32_t rule_classes(const struct acl_rule *r);

/* The rule in each of its words. */
void rule_spans(const struct acl_rule *r, struct acl_span spans[WORDS]);

/* -EINVAL with a sentence about what contradicts itself; 'number' is its place in the list. */
int rule_check(const struct acl_rule *r, uint32_t number, struct xvs_error *err);

/* [worker] */
enum acl_class key_class(const struct xvs_flow_key *key);
void key_words(const struct xvs_flow_key *key, uint32_t segment, uint32_t words[WORDS]);

/* [worker] Adds to 'mask' what was examined: bits of words, widened to one of few lengths. */
void mask_add(struct xvs_flow_key *mask, enum acl_class kind, const uint32_t seen[WORDS]);

#endif /* XVS_ACL_WORD_H */
