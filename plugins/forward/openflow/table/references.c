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

/* Into a list with room for so many; 'forgets': but those that nothing names. */
static int move(struct of_references *r, uint32_t count, bool forgets)
{
	struct of_references now = { .room = ROOM_FIRST,
				     .total = r->total,
				     .used = r->used - (forgets ? r->idle : 0),
				     .idle = forgets ? 0 : r->idle };

	while (now.room < 4 * count)
		now.room *= 2;
	now.list = calloc(now.room, sizeof(*now.list));
	if (!now.list)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->room; i++) {
		if (r->list[i].is_used && (r->list[i].count || !forgets))
			*place_of(&now, r->list[i].number) = r->list[i];
	}
	free(r->list);
	*r = now;
	return 0;
}

int of_references_reserve(struct of_references *r, uint32_t more)
{
	return r->used + more <= r->room / 2 ? 0 : move(r, r->used + more, false);
}

void of_references_forget(struct of_references *r)
{
	if (r->idle > ROOM_FIRST && r->idle > r->used / 2)
		(void)move(r, r->used - r->idle, true); /* or later */
}

void of_references_add(struct of_references *r, uint32_t number)
{
	struct of_reference *at = place_of(r, number);

	r->used += !at->is_used;
	r->idle -= at->is_used && !at->count;
	at->number = number;
	at->is_used = true;
	at->count++;
	r->total++;
}

void of_references_drop(struct of_references *r, uint32_t number)
{
	r->idle += --place_of(r, number)->count == 0;
	r->total--;
}

uint32_t of_references_of(const struct of_references *r, uint32_t number)
{
	return r->room ? place_of(r, number)->count : 0;
}
