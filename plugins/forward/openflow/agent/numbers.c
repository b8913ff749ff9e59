/* SPDX-License-Identifier: Apache-2.0 */
/* agent/numbers.c - the book of numbers: few rows, looked through from end to end. */
#include "agent/numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int of_numbers_init(struct of_number_book *b, uint32_t ports_max)
{
	struct of_numbers *n = calloc(1, sizeof(*n) + ports_max * sizeof(n->number_of[0]));

	memset(b, 0, sizeof(*b));
	b->room = 2 * ports_max;
	b->rows = calloc(b->room, sizeof(*b->rows));
	b->published = n;
	if (!n || !b->rows) {
		of_numbers_finish(b);
		return -ENOMEM;
	}
	n->ports_max = ports_max;
	return 0;
}

void of_numbers_finish(struct of_number_book *b)
{
	free(b->rows);
	free(b->published);
	memset(b, 0, sizeof(*b));
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static struct of_number_row *row_of(struct of_number_book *b, uint32_t id)
{
	for (uint32_t i = 0; i < b->count; i++) {
		if (b->rows[i].id == id)
			return &b->rows[i];
	}
	return NULL;
}

static struct of_number_row *row_with(struct of_number_book *b, uint32_t number)
{
	for (uint32_t i = 0; i < b->count; i++) {
		if (b->rows[i].number == number)
			return &b->rows[i];
	}
	return NULL;
}

/* There is one: the book has room for more than there can be ports. */
static struct of_number_row *row_forgotten(struct of_number_book *b)
{
	struct of_number_row *first = NULL;

	for (uint32_t i = 0; i < b->count; i++) {
		struct of_number_row *r = &b->rows[i];

		if (r->id == XVS_PORT_NONE && (!first || r->left < first->left))
			first = r;
	}
	return first;
}

static struct of_number_row *row_for(struct of_number_book *b, const uint8_t uuid[16])
{
	struct of_number_row *r = NULL;

	for (uint32_t i = 0; i < b->count; i++) {
		if (memcmp(b->rows[i].uuid, uuid, sizeof(b->rows[i].uuid)) == 0)
			return &b->rows[i];
	}
	r = b->count < b->room ? &b->rows[b->count++] : row_forgotten(b);
	if (!r)
		return NULL;
	*r = (struct of_number_row){ 0 };
	memcpy(r->uuid, uuid, sizeof(r->uuid));
	return r;
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

/* Each row takes one at most, and there are far fewer rows than numbers. */
static uint32_t lowest_free(const struct of_number_book *b)
{
	enum { BITS = 64 };
	uint64_t taken[OF_NUMBERS / BITS] = { 1 }; /* 0 is no number */
	uint32_t word = 0;

	for (uint32_t i = 0; i < b->count; i++)
		taken[b->rows[i].number / BITS] |= UINT64_C(1) << b->rows[i].number % BITS;
	while (taken[word] == UINT64_MAX)
		word++;
	return word * BITS + (uint32_t)__builtin_ctzll(~taken[word]);
}

static void give(struct of_number_book *b, struct of_number_row *r, uint32_t number)
{
	struct of_numbers *n = b->published;

	if (r->number && of_id_of(n, r->number) == r->id)
		atomic_store_explicit(&n->id_of[r->number], XVS_PORT_NONE, memory_order_relaxed);
	r->number = number;
	if (r->id == XVS_PORT_NONE)
		return;
	atomic_store_explicit(&n->number_of[r->id], number, memory_order_relaxed);
	atomic_store_explicit(&n->id_of[number], r->id, memory_order_relaxed);
}

uint32_t of_numbers_holder(const struct of_number_book *b, const uint8_t uuid[16])
{
	for (uint32_t i = 0; i < b->count; i++) {
		if (memcmp(b->rows[i].uuid, uuid, sizeof(b->rows[i].uuid)) == 0)
			return b->rows[i].id;
	}
	return XVS_PORT_NONE;
}

uint32_t of_numbers_attach(struct of_number_book *b, uint32_t id, const uint8_t uuid[16])
{
	struct of_number_row *r = row_for(b, uuid);

	if (!r)
		return 0;
	r->id = id;
	r->wanted = 0;
	give(b, r, r->number ? r->number : lowest_free(b));
	return r->number;
}

void of_numbers_detach(struct of_number_book *b, uint32_t id)
{
	struct of_numbers *n = b->published;
	struct of_number_row *r = row_of(b, id);

	atomic_store_explicit(&n->number_of[id], 0, memory_order_relaxed);
	/* a port that was made anew under its UUID has it already, by its new id */
	if (!r)
		return;
	atomic_store_explicit(&n->id_of[r->number], XVS_PORT_NONE, memory_order_relaxed);
	r->id = XVS_PORT_NONE;
	r->wanted = 0;
	r->left = ++b->departures;
}

void of_numbers_want(struct of_number_book *b, uint32_t id, uint32_t wanted)
{
	struct of_number_row *r = row_of(b, id);
	struct of_number_row *other = wanted ? row_with(b, wanted) : NULL;

	if (!r)
		return;
	r->wanted = wanted;
	if (!wanted || other == r)
		return;
	if (other)
		give(b, other, lowest_free(b));
	give(b, r, wanted);
}

bool of_numbers_is_wanted(const struct of_number_book *b, uint32_t number)
{
	for (uint32_t i = 0; i < b->count; i++) {
		const struct of_number_row *r = &b->rows[i];

		if (r->number == number && r->wanted == number && r->id != XVS_PORT_NONE)
			return true;
	}
	return false;
}

uint32_t of_numbers_asked(const struct of_number_book *b, uint32_t wanted, const uint8_t but[16])
{
	for (uint32_t i = 0; i < b->count; i++) {
		const struct of_number_row *r = &b->rows[i];

		if (r->wanted == wanted && r->id != XVS_PORT_NONE &&
		    memcmp(r->uuid, but, sizeof(r->uuid)) != 0)
			return r->id;
	}
	return XVS_PORT_NONE;
}
