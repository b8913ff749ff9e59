/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/split.c - the split ring (virtio 1.2, 2.7).
 *
 *      descriptor table   16 bytes each
 *      available ring     flags, idx, ring[size] (heads), used_event
 *      used ring          flags, idx, ring[size] (head, bytes written), avail_event
 */
#include "port/vhost_user/vring.h"

enum { FLAGS_AT = 0, IDX_AT = 2, RING_AT = 4, HEAD_BYTES = 2, USED_BYTES = 8 };
enum { NO_INTERRUPT = 1, NO_NOTIFY = 1 };
enum { LINE = 64 };
/* Of the second half of a descriptor: its length, and above it its flags. */
enum { REST_AT = 8, FLAGS_SHIFT = 32 };

/*
 * How many chains the guest has put behind 'position', at most 'want'.  Its index is in a line that
 * it writes all the time, so we look there only when what we saw last is not enough.
 */
static uint32_t available(const struct vring *vr, uint16_t position, uint32_t want)
{
	struct vhost_ring *r = vr->ring;
	uint32_t count = (uint16_t)(r->seen - position);

	if (count >= want)
		return want;
	/* acquire: what the guest wrote before it moved its index */
	r->seen = ring_read16(vr->at->driver + IDX_AT, __ATOMIC_ACQUIRE);
	count = (uint16_t)(r->seen - position);
	if (count > vr->at->size) {
		r->seen = position;
		vhost_break(vr->device, "the index of available buffers jumped");
		return 0;
	}
	return count < want ? count : want;
}

bool split_has(const struct vring *vr, uint16_t position)
{
	return ring_read16(vr->at->driver + IDX_AT, __ATOMIC_ACQUIRE) != position;
}

uint16_t split_used(const struct vring *vr)
{
	return ring_read16(vr->at->device + IDX_AT, __ATOMIC_RELAXED);
}

/*
 * Read once, in up to two pieces.  Descriptors are asked for before all heads are known to be good:
 * to ask for what is not there does no harm.
 */
static bool read_heads(const struct vring *vr, uint16_t position, uint16_t *heads, uint32_t count)
{
	const uint8_t *ring = vr->at->driver + RING_AT;
	const uint8_t *table = vr->at->desc;
	const uint32_t size = vr->at->size;
	const uint32_t from = position & (size - 1u);
	const uint32_t first = count < size - from ? count : size - from;
	uint32_t all = 0;

	memcpy(heads, ring + from * sizeof(*heads), first * sizeof(*heads));
	memcpy(heads + first, ring, (count - first) * sizeof(*heads));
	for (uint32_t i = 0; i < count; i++) {
		__builtin_prefetch(table + (size_t)heads[i] * DESC_BYTES);
		all |= heads[i];
	}
	/* a size is a power of two, so any head that is too large shows in 'all' */
	if (all < size)
		return true;
	vhost_break(vr->device, "a head is no descriptor of its ring");
	return false;
}

/* Where used elements will be written: the guest has just read these lines. */
static void fetch_used(const struct vring *vr, uint16_t position, uint32_t count)
{
	const uint8_t *ring = vr->at->device + RING_AT;
	uint32_t mask = vr->at->size - 1u;

	for (uint32_t i = 0; i < count; i += LINE / USED_BYTES)
		fetch(ring + (size_t)((position + i) & mask) * USED_BYTES, true);
}

/* For the next time: heads that the guest has written already. */
static void fetch_heads(const struct vring *vr, uint16_t position)
{
	const uint8_t *ring = vr->at->driver + RING_AT;
	const uint32_t mask = vr->at->size - 1u;
	const uint32_t seen = (uint16_t)(vr->ring->seen - position);
	const uint32_t count = seen < STAGE_CHAINS ? seen : STAGE_CHAINS;

	for (uint32_t i = 0; i < count; i += LINE / HEAD_BYTES)
		fetch(ring + (size_t)((position + i) & mask) * HEAD_BYTES, false);
}

/* In turns: the simple chains in a row, then one that is not. */
static inline __attribute__((always_inline)) uint32_t simple(const struct vring *vr,
							     struct vring_stage *st,
							     const uint16_t *heads, uint32_t count,
							     bool is_writable)
{
	const uint64_t looked_at =
		(uint64_t)(DESC_NEXT | DESC_WRITE | DESC_INDIRECT) << FLAGS_SHIFT | UINT32_MAX;
	const uint64_t expected = (uint64_t)(is_writable ? DESC_WRITE : 0) << FLAGS_SHIFT;
	const struct vring_near near = vring_near(vr);
	const uint8_t *table = vr->at->desc;
	struct vring_chain *chains = st->chains + st->chain_count;
	struct vhost_used *used = st->used + st->chain_count;
	uint32_t done = 0;

	for (; done < count; done++) {
		const uint8_t *d = table + (size_t)heads[done] * DESC_BYTES;
		uint64_t addr = guest_read64(d);
		uint64_t len = (guest_read64(d + REST_AT) & looked_at) ^ expected;

		if (!chain_near(&chains[done], &near, addr, len, is_writable))
			break;
		used[done] = used_of(heads[done], 0);
	}
	st->chain_count += done;
	return done;
}

static inline __attribute__((always_inline)) uint32_t stage(struct vring *vr,
							    struct vring_stage *st,
							    const uint16_t *heads, uint32_t count,
							    bool is_writable)
{
	const uint8_t *table = vr->at->desc;
	uint32_t done = 0;

	for (;;) {
		done += simple(vr, st, heads + done, count - done, is_writable);
		if (done == count || st->segment_count >= STAGE_SEGMENTS ||
		    !chain_gather(vr, st, desc_read(table, heads[done], false), heads[done],
				  is_writable))
			break;
		done++;
	}
	st->position = (uint16_t)(st->position + done);
	return done;
}

uint32_t split_stage(struct vring *vr, struct vring_stage *st, uint32_t want, bool is_writable)
{
	uint16_t heads[STAGE_CHAINS];
	uint32_t count;

	count = available(vr, st->position, want < STAGE_CHAINS ? want : STAGE_CHAINS);
	if (count == 0 || !read_heads(vr, st->position, heads, count))
		return 0;
	fetch_used(vr, vr->ring->at.next_used, count);
	fetch_heads(vr, (uint16_t)(st->position + count));
	return is_writable ? stage(vr, st, heads, count, true) : stage(vr, st, heads, count, false);
}

/* ---- giving back ---------------------------------------------------------------------------------- */

static void log_used(const struct vring *vr, uint16_t position, uint32_t count)
{
	uint64_t at = vr->at->device_guest;
	uint32_t size = vr->at->size;
	uint32_t from = position & (size - 1u);
	uint32_t first = count < size - from ? count : size - from;

	vhost_log(vr->view, at + RING_AT + (uint64_t)from * USED_BYTES,
		  (uint64_t)first * USED_BYTES);
	vhost_log(vr->view, at + RING_AT, (uint64_t)(count - first) * USED_BYTES);
}

_Static_assert(sizeof(struct vhost_used) == USED_BYTES, "what is ours is written as it is");

uint16_t split_publish(const struct vring *vr, uint16_t position, const struct vhost_used *used,
		       uint32_t count)
{
	uint8_t *ring = vr->at->device + RING_AT;
	uint32_t size = vr->at->size;
	uint32_t from = position & (size - 1u);
	uint32_t first = count < size - from ? count : size - from;
	uint16_t next = (uint16_t)(position + count);

	memcpy(ring + (size_t)from * USED_BYTES, used, (size_t)first * USED_BYTES);
	memcpy(ring, used + first, (size_t)(count - first) * USED_BYTES);
	if (vr->logs_ring)
		log_used(vr, position, count);
	/* release: the elements, and the bytes in the buffers; pairs with the driver's acquire */
	ring_write16(vr->at->device + IDX_AT, next, __ATOMIC_RELEASE);
	if (vr->logs_ring)
		vhost_log(vr->view, vr->at->device_guest + IDX_AT, 2);
	return next;
}

/* ---- notification (2.7.7, 2.7.10) ------------------------------------------------------------------ */

bool split_wants_call(const struct vring *vr, uint16_t from, uint16_t to)
{
	uint16_t event;

	if (!vr->has_event)
		return !(ring_read16(vr->at->driver + FLAGS_AT, __ATOMIC_RELAXED) & NO_INTERRUPT);
	event = ring_read16(vr->at->driver + RING_AT + 2 * (size_t)vr->at->size, __ATOMIC_RELAXED);
	return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

/* With events there is no way to say "never": an old position is as good for 65,535 buffers. */
void split_ask(const struct vring *vr, uint16_t position, bool wanted)
{
	uint32_t at = vr->has_event ? RING_AT + (uint32_t)USED_BYTES * vr->at->size : FLAGS_AT;
	uint16_t word = wanted ? 0 : NO_NOTIFY;

	if (vr->has_event)
		word = wanted ? position : (uint16_t)(position - 1);
	ring_write16(vr->at->device + at, word, __ATOMIC_RELAXED);
	if (vr->logs_ring)
		vhost_log(vr->view, vr->at->device_guest + at, 2);
}
