/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receiver.c - the receiving end of "bytes" (ends.h).  What lies behind the bytes that the switch
 * says it wrote must be as it was.
 */
#include <stdio.h>
#include <string.h>

#include "ends.h"

enum {
	HEADER = sizeof(struct facts),
	RX_RING = 0,
	UNTOUCHED = 0xa5,
	LOOKED_AT = 64, /* bytes behind a packet */
	MERGED_BYTES = 4096,
	MERGED_SLOTS = 2048,
	WHOLE_SLOTS = 200,
	WHOLE_PIECE = 4096,
};

static bool is_mergeable(const struct receiver *r)
{
	return r->front.features >> 15 & 1;
}

static uint64_t slot_place(const struct receiver *r, uint16_t slot)
{
	return front_buffers(&r->front) + slot * (uint64_t)r->slot_bytes;
}

/* Mergeable: buffers of any size; else one that takes the longest packet, in pages. */
static bool post(struct receiver *r, uint16_t slot)
{
	bool is_indirect = r->front.features >> 28 & 1 && random_next(&r->random) & 1;
	uint64_t guest = FRONT_GUEST + slot_place(r, slot);
	uint32_t len = r->slot_bytes, count = 0;
	struct piece pieces[RING_PIECES_MAX];

	if (is_mergeable(r))
		len = 1024 + random_below(&r->random, r->slot_bytes - 1024 + 1);
	memset(r->front.memory + slot_place(r, slot), UNTOUCHED, r->slot_bytes);
	r->posted[slot] = len;
	for (uint32_t from = 0; from < len; count++) {
		uint32_t part = 1 + random_below(&r->random, 2 * WHOLE_PIECE);

		if (is_mergeable(r) || count + 1 == RING_PIECES_MAX || part > len - from)
			part = len - from;
		pieces[count] = (struct piece){ guest + from, part };
		from += part;
	}
	return ring_put(&r->front.rings[RX_RING], pieces, count, true, is_indirect, slot);
}

bool receiver_open(struct receiver *r, const char *path, uint64_t features, uint32_t longest)
{
	bool is_merging = features >> 15 & 1;

	r->front.features = features;
	r->random.state = 3;
	r->slot_bytes = is_merging ? MERGED_BYTES : longest + HEADER + LOOKED_AT;
	r->slots = is_merging ? MERGED_SLOTS : WHOLE_SLOTS;
	if (!front_open(&r->front, path, 2, ENDS_RING, (uint64_t)r->slots * r->slot_bytes))
		return false;
	for (uint16_t i = 0; i < r->slots && post(r, i); i++)
		;
	ring_kick(&r->front.rings[RX_RING]);
	return true;
}

static bool is_untouched(const struct receiver *r, uint16_t slot, uint32_t from)
{
	uint32_t end = from + LOOKED_AT < r->slot_bytes ? from + LOOKED_AT : r->slot_bytes;
	const uint8_t *bytes = r->front.memory + slot_place(r, slot);

	while (from < end && bytes[from] == UNTOUCHED)
		from++;
	return from == end;
}

static int complain(const char *what)
{
	fprintf(stderr, "%s\n", what);
	return -1;
}

/* One buffer is added at 'have'; the bytes together, 0: none came. */
static int take_buffer(struct receiver *r, uint32_t have)
{
	enum ring_taken taken;
	uint16_t slot;
	uint32_t len;

	taken = ring_take(&r->front.rings[RX_RING], &slot, &len);
	if (taken == RING_NOTHING)
		return 0;
	if (taken == RING_WRONG)
		return complain("a buffer came back that the switch did not have");
	if (len > r->posted[slot] || have + len > sizeof(r->bytes))
		return complain("more bytes are said to be written than there was room");
	if (!is_untouched(r, slot, len))
		return complain("bytes behind the packet were written");
	memcpy(r->bytes + have, r->front.memory + slot_place(r, slot), len);
	if (!post(r, slot))
		return complain("no room for a buffer that came back");
	return (int)(have + len);
}

int receiver_take(struct receiver *r)
{
	int len = take_buffer(r, 0);

	if (len <= 0)
		return len;
	if (len < HEADER)
		return complain("a packet is shorter than its header");
	memcpy(&r->facts, r->bytes, HEADER);
	if (r->facts.buffers == 0 || (r->facts.buffers > 1 && !is_mergeable(r)))
		return complain("the number of buffers cannot be");
	for (uint16_t i = 1; i < r->facts.buffers; i++) {
		len = take_buffer(r, (uint32_t)len);
		if (len <= 0)
			return complain("a packet came without all its buffers");
	}
	return len;
}
