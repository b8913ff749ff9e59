/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.c - the sending end of "bytes" (ends.h).  Each buffer is cut at random places, the header
 * too, and has a gap behind each piece, so that nothing is right by being beside something else.
 */
#include <string.h>

#include "ends.h"

enum { GAP_MAX = 8, HEADER = sizeof(struct facts), TX_SLOT_BYTES = PACKET_ROOM, TX_RING = 1 };

bool sender_open(struct sender *s, const char *path, uint64_t features)
{
	s->front.features = features;
	s->random.state = 2;
	s->spares = 0;
	if (!front_open(&s->front, path, 2, ENDS_RING, (uint64_t)TX_SLOTS * TX_SLOT_BYTES))
		return false;
	for (uint32_t i = 0; i < TX_SLOTS; i++)
		s->spare[s->spares++] = (uint16_t)i;
	return true;
}

/* Lengths of up to 'count' pieces, none of them empty, 'len' together. */
static uint32_t cut(struct random *r, uint32_t len, uint32_t count, struct piece *out)
{
	uint32_t pieces = 0;

	while (len > 0) {
		uint32_t left = count - pieces;
		uint32_t part = left <= 1 ? len : 1 + random_below(r, 2 * len / left + 1);

		if (part > len)
			part = len;
		out[pieces++].len = part;
		len -= part;
	}
	return pieces;
}

static void copy_out(const struct frame *f, uint32_t from, uint8_t *to, uint32_t len)
{
	const uint8_t *header = (const void *)&f->facts;

	for (; len > 0 && from < HEADER; len--)
		*to++ = header[from++];
	memcpy(to, f->bytes + from - HEADER, len);
}

bool sender_send(struct sender *s, const struct frame *f)
{
	struct ring *r = &s->front.rings[TX_RING];
	bool is_indirect = s->front.features >> 28 & 1 && random_next(&s->random) & 1;
	uint32_t most = 1 + random_below(&s->random, is_indirect ? RING_PIECES_MAX : 20);
	struct piece pieces[RING_PIECES_MAX];
	uint32_t count, from = 0;
	uint64_t at;

	if (s->spares == 0 || r->room < most)
		return false;
	count = cut(&s->random, f->len + HEADER, most, pieces);
	at = front_buffers(&s->front) + s->spare[s->spares - 1] * (uint64_t)TX_SLOT_BYTES;
	for (uint32_t i = 0; i < count; i++) {
		at += random_below(&s->random, GAP_MAX);
		copy_out(f, from, s->front.memory + at, pieces[i].len);
		pieces[i].guest = FRONT_GUEST + at;
		from += pieces[i].len;
		at += pieces[i].len;
	}
	return ring_put(r, pieces, count, false, is_indirect, s->spare[--s->spares]);
}

bool sender_reap(struct sender *s)
{
	enum ring_taken taken;
	uint16_t slot;
	uint32_t len;

	while ((taken = ring_take(&s->front.rings[TX_RING], &slot, &len)) == RING_TAKEN)
		s->spare[s->spares++] = slot;
	return taken == RING_NOTHING;
}
