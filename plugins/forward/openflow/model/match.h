/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/match.h - which packets a flow is about.
 */
#ifndef OPENFLOW_MODEL_MATCH_H
#define OPENFLOW_MODEL_MATCH_H

#include "model/fault.h"
#include "model/field.h"

/* A packet matches that equals 'value' where 'mask' has ones; 'value' is zero elsewhere. */
struct of_match {
	struct of_fields value;
	struct of_fields mask;
};

/*
 * [any] Adds a field, as it is on the wire ('mask' NULL: all of it).  Faults: there already, no
 * such field, not maskable, a value outside of its bits or of its mask, or what it needs
 * (prerequisites) was not said before: 1.3.5, 7.2.3.6 wants them first.
 */
of_fault of_match_add(struct of_match *m, uint32_t id, const uint8_t *value, const uint8_t *mask);

/* [any] Is any bit of the field matched? */
bool of_match_has(const struct of_match *m, uint32_t id);

/*
 * [any] Which fields are in it, one bit for each enum of_field_id that is to be written on the wire:
 * of those that share a member the one that its prerequisites name.
 */
uint64_t of_match_fields(const struct of_match *m);

/* [any] */
bool of_match_is_equal(const struct of_match *a, const struct of_match *b);

/* [any] Does every packet of 'inner' match 'outer' (1.3.5, 6.4: non-strict)? */
bool of_match_contains(const struct of_match *outer, const struct of_match *inner);

/* [any] May one packet match both (CHECK_OVERLAP)? */
bool of_match_overlaps(const struct of_match *a, const struct of_match *b);

/* [any] Does this packet match? */
static inline bool of_match_covers(const struct of_match *m, const struct of_fields *packet)
{
	const of_word *value = of_const_words(&m->value);
	const of_word *mask = of_const_words(&m->mask);
	const of_word *have = of_const_words(packet);
	uint64_t differs = 0;

	for (unsigned i = 0; i < OF_WORDS; i++)
		differs |= (have[i] & mask[i]) ^ value[i];
	return differs == 0;
}

#endif /* OPENFLOW_MODEL_MATCH_H */
