/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/match.c - matches: put together, compared.
 */
#include "model/match.h"

#include <string.h>

/* Bits of a member beyond those that mean something; 'value' outside of 'mask'. */
static of_fault check_value(const struct of_field *f, const uint8_t *value, const uint8_t *mask)
{
	uint32_t spare = f->bytes * 8u - f->bits;

	for (uint32_t i = 0; i < f->bytes; i++) {
		uint8_t beyond = 0;

		if (spare >= 8 * (i + 1))
			beyond = 0xff;
		else if (spare > 8 * i)
			beyond = (uint8_t)(0xff00u >> (spare - 8 * i));
		if (value[i] & beyond)
			return OF_BAD_MATCH_VALUE;
		if (mask && value[i] & ~mask[i])
			return OF_BAD_MATCH_WILDCARDS;
	}
	return OF_OK;
}

/* A tag without the bit that says so is none: only "no tag" (0) has it not. */
static of_fault check_vid(const uint8_t *value, const uint8_t *mask)
{
	uint32_t vid = (uint32_t)value[0] << 8 | value[1];
	uint32_t care = mask ? (uint32_t)mask[0] << 8 | mask[1] : 0x1fff;

	if (!(vid & OF_VID_PRESENT) && vid & care & 0xfff)
		return OF_BAD_MATCH_VALUE;
	return OF_OK;
}

bool of_match_has(const struct of_match *m, uint32_t id)
{
	const struct of_field *f = of_field(id);
	const uint8_t *mask;

	if (!f)
		return false;
	mask = (const uint8_t *)&m->mask + f->offset;
	for (uint32_t i = 0; i < f->bytes; i++) {
		if (mask[i])
			return of_field_is_there(&m->value, &m->mask, id);
	}
	return false;
}

of_fault of_match_add(struct of_match *m, uint32_t id, const uint8_t *value, const uint8_t *mask)
{
	const struct of_field *f = of_field(id);
	of_fault fault;

	if (!f || !(f->flags & OF_FIELD_MATCHABLE))
		return OF_BAD_MATCH_FIELD;
	if (mask && !(f->flags & OF_FIELD_MASKABLE))
		return OF_BAD_MATCH_MASK;
	if (of_match_has(m, id))
		return OF_BAD_MATCH_DUPLICATE;
	if (!of_field_is_there(&m->value, &m->mask, id))
		return OF_BAD_MATCH_PREREQUISITE;
	fault = check_value(f, value, mask);
	if (!fault && id == OF_VLAN_VID)
		fault = check_vid(value, mask);
	if (fault)
		return fault;
	of_field_write(&m->value, id, value, mask);
	if (mask)
		of_field_write(&m->mask, id, mask, NULL);
	else
		of_field_whole(&m->mask, id);
	return OF_OK;
}

uint64_t of_match_fields(const struct of_match *m)
{
	uint64_t found = 0;

	for (uint32_t id = 0; id < OF_FIELDS; id++) {
		if (of_match_has(m, id))
			found |= UINT64_C(1) << id;
	}
	return found;
}

bool of_match_is_equal(const struct of_match *a, const struct of_match *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool of_match_contains(const struct of_match *outer, const struct of_match *inner)
{
	const of_word *om = of_const_words(&outer->mask);
	const of_word *im = of_const_words(&inner->mask);
	const of_word *ov = of_const_words(&outer->value);
	const of_word *iv = of_const_words(&inner->value);

	for (unsigned i = 0; i < OF_WORDS; i++) {
		if (om[i] & ~im[i] || (iv[i] ^ ov[i]) & om[i])
			return false;
	}
	return true;
}

bool of_match_overlaps(const struct of_match *a, const struct of_match *b)
{
	const of_word *am = of_const_words(&a->mask);
	const of_word *bm = of_const_words(&b->mask);
	const of_word *av = of_const_words(&a->value);
	const of_word *bv = of_const_words(&b->value);

	for (unsigned i = 0; i < OF_WORDS; i++) {
		if ((av[i] ^ bv[i]) & am[i] & bm[i])
			return false;
	}
	return true;
}
