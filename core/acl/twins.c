/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/twins.c - rules that say the same inside a box, but for the word that is cut.
 *
 * Of such rules the earliest hides the others wherever it covers the cut word.  They are found by
 * a hash of what is left of each word inside the box, and then compared, so that nothing depends
 * on the hash but time.
 */
#include "acl/twins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SPREAD = 2 }; /* places for each rule */

static uint32_t places_for(uint32_t count)
{
	uint32_t places = 16;

	while (places < count * (uint64_t)SPREAD)
		places *= 2;
	return places;
}

uint64_t twins_bytes(uint32_t count)
{
	return places_for(count) * (uint64_t)sizeof(uint32_t) + count * sizeof(uint16_t);
}

int twins_init(struct acl_twins *t, uint32_t count)
{
	memset(t, 0, sizeof(*t));
	t->table = calloc(places_for(count), sizeof(*t->table));
	t->hidden = calloc(count, sizeof(*t->hidden));
	return t->table && t->hidden ? 0 : -ENOMEM;
}

void twins_finish(struct acl_twins *t)
{
	free(t->table);
	free(t->hidden);
}

void twins_begin(struct acl_twins *t, const struct acl_build *b, const struct acl_box *box,
		 uint32_t cut_word, const struct acl_set *set)
{
	t->b = b;
	t->box = box;
	t->set = set;
	t->places = places_for(set->count);
	t->count = 0;
	t->word_count = 0;
	for (uint32_t i = 0; i < b->word_count; i++) {
		uint32_t word = b->words[i];

		/* of a word that has one value left there is nothing to tell */
		if (word != cut_word && box->low[word] < box->high[word])
			t->words[t->word_count++] = word;
	}
	memset(t->table, 0, t->places * sizeof(*t->table));
	memset(t->hidden, 0, set->count * sizeof(*t->hidden));
}

/* What is left of a rule in a word of the box. */
static struct acl_span left(const struct acl_twins *t, uint32_t word, uint32_t rank)
{
	struct acl_span s = t->b->spans[word][rank];

	if (span_covers(&s, t->box->low[word], t->box->high[word]))
		return (struct acl_span){ t->box->low[word], t->box->high[word], 0 };
	if (s.holes)
		return s;
	s.low = s.low > t->box->low[word] ? s.low : t->box->low[word];
	s.high = s.high < t->box->high[word] ? s.high : t->box->high[word];
	return s;
}

static uint64_t mixed(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static bool are_twins(const struct acl_twins *t, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < t->word_count; i++) {
		struct acl_span x = left(t, t->words[i], a);
		struct acl_span y = left(t, t->words[i], b);

		if (x.low != y.low || x.high != y.high || x.holes != y.holes)
			return false;
	}
	return true;
}

/* Where the rule is in the table, or is to be. */
static uint32_t find_place(struct acl_twins *t, uint32_t rank)
{
	uint64_t hash = 1;
	uint32_t place;

	t->is_whole = true;
	for (uint32_t n = 0; n < t->word_count; n++) {
		uint32_t word = t->words[n];
		struct acl_span s = left(t, word, rank);

		t->is_whole = t->is_whole && s.low == t->box->low[word] &&
			      s.high == t->box->high[word] && s.holes == 0;
		hash = mixed(mixed(hash, s.holes), (uint64_t)s.low << 32 | s.high);
	}
	place = (uint32_t)(hash >> 32) & (t->places - 1);
	while (t->table[place] && !are_twins(t, rank, t->set->ranks[t->table[place] - 1]))
		place = (place + 1) & (t->places - 1);
	return place;
}

uint16_t *twins_add(struct acl_twins *t, uint32_t i)
{
	uint32_t *place = &t->table[find_place(t, t->set->ranks[i])];

	if (*place == 0) {
		*place = i + 1;
		t->count++;
	}
	return &t->hidden[*place - 1];
}

uint32_t twins_hidden(struct acl_twins *t, uint32_t i)
{
	uint32_t place;

	if (t->count == 0)
		return 0;
	place = t->table[find_place(t, t->set->ranks[i])];
	return place ? t->hidden[place - 1] : 0;
}
