/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - see ring.h.  The switch is never asked to interrupt: we look.
 */
#include "ring.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct split_desc {
	uint64_t guest;
	uint32_t len;
	uint16_t flags, next;
};

struct packed_desc {
	uint64_t guest;
	uint32_t len;
	uint16_t id;
	_Atomic uint16_t flags;
};

struct split_avail {
	uint16_t flags;
	_Atomic uint16_t idx;
	uint16_t ring[];
};

struct split_used {
	uint16_t flags;
	_Atomic uint16_t idx;
	struct {
		uint32_t id, len;
	} ring[];
};

enum { NO_INTERRUPT = 1 };

static void *place(const struct ring *r, uint32_t offset)
{
	return r->base + offset;
}

void ring_init(struct ring *r, uint8_t *base, uint64_t guest, uint16_t size, bool is_packed)
{
	uint16_t *driver_flags;

	memset(r, 0, sizeof(*r));
	r->base = base;
	r->guest = guest;
	r->size = size;
	r->is_packed = is_packed;
	r->wraps[0] = r->wraps[1] = true;
	r->room = r->spares = size;
	for (uint16_t i = 0; i < size; i++)
		r->spare[i] = i;
	memset(base, 0, RING_TABLES);
	driver_flags = place(r, RING_DRIVER + (is_packed ? 2 : 0));
	*driver_flags = NO_INTERRUPT;
}

/* ---- putting ----------------------------------------------------------------------------------- */

static void write_table(const struct ring *r, uint16_t head, const struct piece *pieces,
			uint32_t count, uint16_t flags)
{
	struct split_desc *split = place(r, RING_TABLES + head * (uint32_t)RING_TABLE_BYTES);
	struct packed_desc *packed = (void *)split;

	for (uint32_t i = 0; i < count; i++) {
		if (r->is_packed) {
			packed[i].guest = pieces[i].guest;
			packed[i].len = pieces[i].len;
			atomic_store_explicit(&packed[i].flags, flags, memory_order_relaxed);
		} else {
			uint16_t more = i + 1 < count ? DESC_NEXT : 0;

			split[i] =
				(struct split_desc){ pieces[i].guest, pieces[i].len,
						     (uint16_t)(flags | more), (uint16_t)(i + 1) };
		}
	}
}

/* A chain takes its descriptors from the top of the spare ones. */
static void split_put(struct ring *r, const struct piece *pieces, uint32_t count, uint16_t flags)
{
	struct split_desc *desc = place(r, 0);
	struct split_avail *avail = place(r, RING_DRIVER);
	uint16_t head = r->spare[r->spares - 1];

	for (uint32_t i = 0; i < count; i++) {
		uint16_t at = r->spare[--r->spares];
		bool has_more = i + 1 < count;

		r->after[at] = has_more ? r->spare[r->spares - 1] : 0;
		desc[at] = (struct split_desc){ pieces[i].guest, pieces[i].len,
						(uint16_t)(flags | (has_more ? DESC_NEXT : 0)),
						r->after[at] };
	}
	avail->ring[r->next & (r->size - 1)] = head;
	r->next++;
	atomic_store_explicit(&avail->idx, r->next, memory_order_release);
}

static uint16_t packed_flags(const struct ring *r, uint16_t flags)
{
	return (uint16_t)(flags | (r->wraps[0] ? DESC_AVAIL : DESC_USED));
}

/* The first descriptor is shown last: with it all are. */
static void packed_put(struct ring *r, const struct piece *pieces, uint32_t count, uint16_t flags)
{
	struct packed_desc *desc = place(r, 0);
	uint16_t id = r->spare[--r->spares];
	uint16_t first = r->next, first_flags = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint16_t more = i + 1 < count ? DESC_NEXT : 0;
		uint16_t all = packed_flags(r, (uint16_t)(flags | more));

		desc[r->next].guest = pieces[i].guest;
		desc[r->next].len = pieces[i].len;
		desc[r->next].id = id;
		if (i == 0)
			first_flags = all;
		else
			atomic_store_explicit(&desc[r->next].flags, all, memory_order_relaxed);
		if (++r->next == r->size) {
			r->next = 0;
			r->wraps[0] = !r->wraps[0];
		}
	}
	atomic_store_explicit(&desc[first].flags, first_flags, memory_order_release);
}

bool ring_put(struct ring *r, const struct piece *pieces, uint32_t count, bool is_written,
	      bool is_indirect, uint16_t token)
{
	uint16_t flags = is_written ? DESC_WRITE : 0;
	uint16_t used = is_indirect ? 1 : (uint16_t)count;
	uint16_t head;
	struct piece table;

	if (used > r->room)
		return false;
	head = r->spare[r->spares - 1];
	if (is_indirect) {
		write_table(r, head, pieces, count, flags);
		table.guest = r->guest + RING_TABLES + head * (uint64_t)RING_TABLE_BYTES;
		table.len = count * 16;
		pieces = &table;
		flags = DESC_INDIRECT;
	}
	r->token[head] = token;
	r->count[head] = used;
	if (r->is_packed)
		packed_put(r, pieces, used, flags);
	else
		split_put(r, pieces, used, flags);
	r->room = (uint16_t)(r->room - used);
	return true;
}

/* ---- taking ------------------------------------------------------------------------------------ */

static void give_split_chain(struct ring *r, uint16_t head)
{
	uint16_t at = head;

	for (uint16_t i = 0; i < r->count[head]; i++) {
		r->spare[r->spares++] = at;
		at = r->after[at];
	}
}

static enum ring_taken split_take(struct ring *r, uint16_t *token, uint32_t *len)
{
	struct split_used *used = place(r, RING_DEVICE);
	uint32_t id;

	if (atomic_load_explicit(&used->idx, memory_order_acquire) == r->used)
		return RING_NOTHING;
	id = used->ring[r->used & (r->size - 1)].id;
	if (id >= r->size || r->count[id] == 0)
		return RING_WRONG;
	*len = used->ring[r->used & (r->size - 1)].len;
	*token = r->token[id];
	r->used++;
	give_split_chain(r, (uint16_t)id);
	r->room = (uint16_t)(r->room + r->count[id]);
	r->count[id] = 0;
	return RING_TAKEN;
}

static enum ring_taken packed_take(struct ring *r, uint16_t *token, uint32_t *len)
{
	struct packed_desc *desc = (struct packed_desc *)place(r, 0) + r->used;
	uint16_t flags = atomic_load_explicit(&desc->flags, memory_order_acquire);
	uint16_t id, used;

	if (!!(flags & DESC_AVAIL) != r->wraps[1] || !!(flags & DESC_USED) != r->wraps[1])
		return RING_NOTHING;
	id = desc->id;
	if (id >= r->size || r->count[id] == 0)
		return RING_WRONG;
	*len = desc->len;
	*token = r->token[id];
	used = r->count[id];
	r->count[id] = 0;
	r->used = (uint16_t)(r->used + used);
	if (r->used >= r->size) {
		r->used = (uint16_t)(r->used - r->size);
		r->wraps[1] = !r->wraps[1];
	}
	r->spare[r->spares++] = id;
	r->room = (uint16_t)(r->room + used);
	return RING_TAKEN;
}

enum ring_taken ring_take(struct ring *r, uint16_t *token, uint32_t *len)
{
	return r->is_packed ? packed_take(r, token, len) : split_take(r, token, len);
}

void ring_kick(const struct ring *r)
{
	uint64_t one = 1;

	if (write(r->kick, &one, sizeof(one)) < 0)
		return; /* the counter is at its end: the switch is awake */
}
