/* SPDX-License-Identifier: Apache-2.0 */
/* table/references.c - a table by number. */
#include "table/references.h"

#include <errno.h>
#include <stdlib.h>

#include "table/hash.h"

enum { ROOM_FIRST = 16 };

/* That of the number, or the free one where it would be. */
static struct of_reference *place_of(const struct of_references *r, uint32_t number)
{
	uint32_t at = (uint32_t)of_hash_end(of_hash_word(r->room, number)) & (r->room - 1);

	while (r->list[at].is_used && r->list[at].number != number)
		at = (at + 1) & (r->room - 1);
	return &r->list[at];
}

void of_references_finish(struct of_references *r)
{
	free(r->list);
	*r = (struct of_references){ 0 };
}

static bool stays(const struct of_reference *at, bool forgets)
{
	return at->is_used && (at->count > 0 || !forgets);
}

int of_references_reserve(struct of_references *r, uint32_t more, bool forgets)
{
	struct of_references now = { .room = ROOM_FIRST, .total = r->total };
	uint32_t count = more;

	if (r->used + more <= r->room / 2)
		return 0;
	for (uint32_t i = 0; i < r->room; i++)
		count += stays(&r->list[i], forgets);
	while (now.room < 4 * count)
		now.room *= 2;
	now.list = calloc(now.room, sizeof(*now.list));
	if (!now.list)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->room; i++) {
		if (!stays(&r->list[i], forgets))
			continue;
		*place_of(&now, r->list[i].number) = r->list[i];
		now.used++;
	}
	free(r->list);
	*r = now;
	return 0;
}

void of_references_add(struct of_references *r, uint32_t number)
{
	struct of_reference *at = place_of(r, number);

	r->used += !at->is_used;
	at->number = number;
	at->is_used = true;
	at->count++;
	r->total++;
}

void of_references_drop(struct of_references *r, uint32_t number)
{
	place_of(r, number)->count--;
	r->total--;
}

uint32_t of_references_of(const struct of_references *r, uint32_t number)
{
	return r->room ? place_of(r, number)->count : 0;
}
