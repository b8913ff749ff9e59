/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/key.h - the key of the flow cache: the public key, and the place in the switch.
 *
 * Entry and exit port, segment, ethertype, the VLAN and fragment bits and the place in the chain are
 * exact in every entry (architecture 16.1a).  80 bytes, ten words, no padding.
 */
#ifndef XVS_FLOW_KEY_H
#define XVS_FLOW_KEY_H

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "xvs/extension.h"

struct flow_key {
	struct xvs_flow_key k;
	uint32_t segment;
	uint32_t place; /* flow_place() */
	uint32_t other; /* on egress: the entry port; else 0 */
	uint32_t zero;
} __attribute__((aligned(8)));

enum { FLOW_WORDS = sizeof(struct flow_key) / 8 };
_Static_assert(sizeof(struct flow_key) == 80, "ten words");

static inline uint32_t flow_place(uint32_t stage, uint32_t place)
{
	return stage << 8 | place;
}

/* Keys are read and written as words too; the public key is aligned to its largest member alone. */
typedef uint64_t __attribute__((may_alias, aligned(4))) flow_word;

static inline const flow_word *flow_words(const struct flow_key *k)
{
	return (const flow_word *)(const void *)k;
}

static inline flow_word *flow_words_of(struct flow_key *k)
{
	return (flow_word *)(void *)k;
}

static inline void flow_key_and(struct flow_key *out, const struct flow_key *a,
				const struct flow_key *mask)
{
	for (unsigned i = 0; i < FLOW_WORDS; i++)
		flow_words_of(out)[i] = flow_words(a)[i] & flow_words(mask)[i];
}

static inline bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	uint64_t diff = 0;

	for (unsigned i = 0; i < FLOW_WORDS; i++)
		diff |= flow_words(a)[i] ^ flow_words(b)[i];
	return diff == 0;
}

/* True if 'key' is one that an entry with this masked key stands for. */
static inline bool flow_key_matches(const struct flow_key *masked, const struct flow_key *mask,
				    const struct flow_key *key)
{
	uint64_t diff = 0;

	for (unsigned i = 0; i < FLOW_WORDS; i++)
		diff |= (flow_words(masked)[i] ^ flow_words(key)[i]) & flow_words(mask)[i];
	return diff == 0;
}

/* The bits that are exact in every entry. */
static inline void flow_mask_base(struct flow_key *mask)
{
	*mask = (struct flow_key){
		.k.port = UINT32_MAX,
		.k.ethertype = UINT16_MAX,
		.k.bits = UINT8_MAX,
		.segment = UINT32_MAX,
		.place = UINT32_MAX,
		.other = UINT32_MAX,
		.zero = UINT32_MAX,
	};
}

#endif /* XVS_FLOW_KEY_H */
