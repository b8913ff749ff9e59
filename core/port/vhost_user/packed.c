/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/packed.c - the packed ring (virtio 1.2, 2.8).
 *
 * One table of descriptors that both sides write: address (8), length (4), id (2), flags (2).  A
 * used element takes the place of the first descriptor of a chain given back, not always the same
 * chain, and as many places are skipped as that one had descriptors.
 */
#include "port/vhost_user/vring.h"

enum { REST_AT = 8, FLAGS_SHIFT = 48, ID_SHIFT = 32 };
/* Event suppression: off_wrap (2), flags (2) (2.8.10). */
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };

static uint32_t slot_of(uint16_t position)
{
	return position & POSITION_SLOT;
}

/* Length, id and flags.  Acquire: the guest writes the flags last. */
static uint64_t read_rest(const struct vring *vr, uint32_t slot)
{
	const uint8_t *at = vr->at->desc + (size_t)slot * DESC_BYTES + REST_AT;

	return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void write_rest(uint8_t *table, uint32_t slot, uint64_t rest, int order)
{
	uint8_t *at = table + (size_t)slot * DESC_BYTES + REST_AT;

	__atomic_store_n((uint64_t *)(void *)at, rest, order);
}

/* Available in this lap: the avail bit is the wrap counter, the used bit is not. */
static uint64_t expected_flags(uint16_t position)
{
	return position & POSITION_WRAP ? DESC_AVAIL : DESC_USED;
}

static bool is_available(uint16_t position, uint64_t rest)
{
	return (rest >> FLAGS_SHIFT & (DESC_AVAIL | DESC_USED)) == expected_flags(position);
}

bool packed_has(const struct vring *vr, uint16_t position)
{
	return is_available(position, read_rest(vr, slot_of(position)));
}

bool packed_used_bit(const struct vring *vr, uint16_t position)
{
	return (read_rest(vr, slot_of(position)) >> FLAGS_SHIFT & DESC_USED) != 0;
}

bool packed_is_used(const struct vring *vr, uint16_t position)
{
	uint16_t flags = (uint16_t)(read_rest(vr, slot_of(position)) >> FLAGS_SHIFT);
	uint16_t used = position & POSITION_WRAP ? DESC_AVAIL | (uint16_t)DESC_USED : 0;

	return (flags & (DESC_AVAIL | DESC_USED)) == used;
}

uint16_t packed_id(const struct vring *vr, uint16_t position)
{
	return (uint16_t)(read_rest(vr, slot_of(position)) >> ID_SHIFT);
}

enum { LINE_SLOTS = 4, LINES_AHEAD = 3 };

/* Simple chains in a row, up to the end of the table. */
static inline __attribute__((always_inline)) uint32_t simple_lap(const struct vring *vr,
								 struct vring_stage *st,
								 uint32_t want, bool is_writable)
{
	const uint64_t looked_at =
		(uint64_t)(DESC_NEXT | DESC_WRITE | DESC_INDIRECT | DESC_AVAIL | DESC_USED)
			<< FLAGS_SHIFT |
		UINT32_MAX;
	const uint64_t expected = (expected_flags(st->position) | (is_writable ? DESC_WRITE : 0u))
				  << FLAGS_SHIFT;
	const struct vring_near near = vring_near(vr);
	const uint32_t from = slot_of(st->position);
	const uint32_t end = want < vr->at->size - from ? from + want : vr->at->size;
	uint8_t *table = vr->at->desc;
	struct vring_chain *chains = st->chains + st->chain_count;
	struct vhost_used *used = st->used + st->chain_count;
	uint32_t slot = from;

	for (; slot < end; slot++) {
		uint64_t rest = read_rest(vr, slot);
		uint64_t addr = guest_read64(table + (size_t)slot * DESC_BYTES);

		/* for writing: it is where the used element goes, or near */
		if (slot % LINE_SLOTS == 0)
			fetch(table + (size_t)(slot + LINES_AHEAD * LINE_SLOTS) * DESC_BYTES, true);
		if (!chain_near(chains++, &near, addr, (rest & looked_at) ^ expected, is_writable))
			break;
		*used++ = used_of((uint16_t)(rest >> ID_SHIFT), 1);
	}
	st->chain_count += slot - from;
	st->position = packed_forward(st->position, slot - from, vr->at->size);
	return slot - from;
}

/* In turns: the simple chains in a row, then one that is not.  Moves the position. */
static inline __attribute__((always_inline)) uint32_t simple(const struct vring *vr,
							     struct vring_stage *st, uint32_t want,
							     bool is_writable)
{
	uint32_t done = simple_lap(vr, st, want, is_writable);

	if (done > 0 && done < want && slot_of(st->position) == 0)
		done += simple_lap(vr, st, want - done, is_writable);
	return done;
}

/* The chain at the position, of any shape; false: there is none, or it cannot be. */
static bool any(struct vring *vr, struct vring_stage *st, bool is_writable)
{
	uint32_t slot = slot_of(st->position);
	uint64_t rest = read_rest(vr, slot);
	uint64_t addr = guest_read64(vr->at->desc + (size_t)slot * DESC_BYTES);
	uint32_t slots;

	if (!is_available(st->position, rest) || st->segment_count >= STAGE_SEGMENTS)
		return false;
	slots = chain_gather(vr, st, desc_of(addr, rest, true), slot, is_writable);
	st->position = packed_forward(st->position, slots, vr->at->size);
	return slots > 0;
}

static inline __attribute__((always_inline)) uint32_t stage(struct vring *vr,
							    struct vring_stage *st, uint32_t want,
							    bool is_writable)
{
	uint32_t done = 0;

	for (;;) {
		done += simple(vr, st, want - done, is_writable);
		if (done == want || !any(vr, st, is_writable))
			return done;
		done++;
	}
}

/* More than the ring has cannot be available: used elements are not written in between. */
uint32_t packed_stage(struct vring *vr, struct vring_stage *st, uint32_t want, bool is_writable)
{
	if (want > STAGE_CHAINS)
		want = STAGE_CHAINS;
	return is_writable ? stage(vr, st, want, true) : stage(vr, st, want, false);
}

/* ---- giving back ---------------------------------------------------------------------------------- */

static void log_descriptor(const struct vring *vr, uint32_t slot)
{
	vhost_log(vr->view, vr->at->desc_guest + (uint64_t)slot * DESC_BYTES + REST_AT, 8);
}

static uint64_t used_flags(uint16_t position, bool is_writable)
{
	uint64_t flags = position & POSITION_WRAP ? DESC_AVAIL | DESC_USED : 0;

	if (is_writable)
		flags |= DESC_WRITE;
	return flags << FLAGS_SHIFT;
}

static uint64_t used_rest(struct vhost_used u, uint64_t flags)
{
	return u.len | (uint64_t)u.id << ID_SHIFT | flags;
}

/*
 * All but the first.  Returns the position behind them; *last is that of the last one.  A lap ends
 * once in a while, which a branch is told by the one before; the next slot must not wait for it.
 */
static uint16_t write_others(const struct vring *vr, uint16_t position,
			     const struct vhost_used *used, uint32_t count, bool is_writable,
			     uint16_t *last)
{
	const uint32_t size = vr->at->size;
	uint8_t *table = vr->at->desc;
	uint16_t wrap = position & POSITION_WRAP;
	uint64_t flags = used_flags(wrap, is_writable);
	uint32_t slot = slot_of(position);

	*last = position;
	for (uint32_t i = 0; i < count; i++) {
		const struct vhost_used u = used[i];

		if (i > 0) {
			write_rest(table, slot, used_rest(u, flags), __ATOMIC_RELAXED);
			*last = (uint16_t)(slot | wrap);
		}
		slot += u.slots;
		if (__builtin_expect(slot >= size, 0)) {
			slot -= size;
			wrap ^= POSITION_WRAP;
			flags = used_flags(wrap, is_writable);
		}
	}
	return (uint16_t)(slot | wrap);
}

static void log_all(const struct vring *vr, uint16_t position, const struct vhost_used *used,
		    uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		log_descriptor(vr, slot_of(position));
		position = packed_forward(position, used[i].slots, vr->at->size);
	}
}

/* The first element last: the driver looks at them in order, so it sees all of them or none. */
uint16_t packed_publish(const struct vring *vr, uint16_t position, const struct vhost_used *used,
			uint32_t count, bool is_writable)
{
	uint16_t last;
	uint16_t at = write_others(vr, position, used, count, is_writable, &last);

	vr->ring->mark->last_used = last;
	/* release: all the others, and the bytes in the buffers; pairs with the driver's acquire */
	write_rest(vr->at->desc, slot_of(position),
		   used_rest(used[0], used_flags(position, is_writable)), __ATOMIC_RELEASE);
	if (vr->logs_ring)
		log_all(vr, position, used, count);
	return at;
}

/* ---- notification (2.8.10, 2.8.21.3) ---------------------------------------------------------------- */

bool packed_wants_call(const struct vring *vr, uint16_t from, uint16_t to)
{
	const void *at = vr->at->driver;
	uint32_t word = __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
	uint32_t flags = word >> 16 & 3;
	uint32_t event = slot_of((uint16_t)word);
	uint32_t start = slot_of(from);
	uint32_t end = slot_of(to);

	if (flags != EVENT_DESC || !vr->has_event)
		return flags != EVENT_DISABLE;
	/* all as distances back from 'to', in the lap that it is in */
	if ((from ^ to) & POSITION_WRAP)
		start -= vr->at->size;
	if ((word ^ to) & POSITION_WRAP)
		event -= vr->at->size;
	return (uint16_t)(end - event - 1) < (uint16_t)(end - start);
}

void packed_ask(const struct vring *vr, uint16_t position, bool wanted)
{
	uint32_t flags = EVENT_DISABLE;
	uint32_t word;

	if (wanted)
		flags = vr->has_event ? EVENT_DESC : EVENT_ENABLE;
	word = position | flags << 16;
	__atomic_store_n((uint32_t *)(void *)vr->at->device, word, __ATOMIC_RELAXED);
	if (vr->logs_ring)
		vhost_log(vr->view, vr->at->device_guest, 4);
}
