/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/ring.h - one virtio ring as its driver sees it: split or packed, to or from the switch.
 *
 * A ring has as many buffers as its size divided by 'parts', each of 'stride' bytes at a place that
 * never changes.  A buffer is known by its number: it is put (made available), the switch uses it,
 * and it is got back.  Up to 'parts' descriptors are a buffer's own, so that it may be put in one
 * piece, as a chain, or by an indirect table; what is put in one piece costs least.
 *
 * What the switch writes is checked: a buffer number that cannot be ends the ring (is_broken).
 *
 * Sources: virtio 1.2, sections 2.7 (split) and 2.8 (packed).
 */
#ifndef XVS_VGEN_RING_H
#define XVS_VGEN_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RING_SIZE_MAX = 32768, RING_PARTS_MAX = 16, RING_BATCH_MAX = 256 };

struct split_descriptor {
	uint64_t address;
	uint32_t len;
	uint16_t flags, next;
};

struct packed_descriptor {
	uint64_t address;
	uint32_t len;
	uint16_t id, flags;
};

/* Driver and device area of a packed ring: does this side want to be told? */
struct packed_event {
	uint16_t position, flags;
};

struct ring_shape {
	uint16_t size;  /* places; split: a power of two */
	uint16_t parts; /* descriptors a buffer may take: 1 .. RING_PARTS_MAX, divides size */
	bool is_packed;
	bool is_written; /* the switch writes into the buffers: a receive ring */
	bool has_event_index;
	uint32_t stride; /* bytes of a buffer */
};

/* A piece of a buffer. */
struct ring_slice {
	uint32_t offset, len;
};

enum ring_form { RING_CHAIN, RING_INDIRECT };

struct ring {
	struct ring_shape shape;
	uint16_t buffer_count;
	/* In the memory that is shared, and where that is for the switch. */
	uint8_t *descriptors, *driver, *device, *tables, *buffers;
	uint64_t descriptors_guest, driver_guest, device_guest, tables_guest, buffers_guest;
	int kick; /* eventfd: the switch is told of new buffers */
	int call; /* eventfd: the switch tells of used ones */
	/* Positions; the bit is the wrap counter of a packed ring. */
	uint16_t avail, used;
	bool avail_wrap, used_wrap;
	uint32_t *put_len;   /* by buffer: split: len of its descriptor; 0: it is a chain */
	uint16_t *put_parts; /* by buffer: packed: places that it takes in the ring */
	uint64_t kicks;
	bool is_broken; /* the switch gave back what cannot be */
};

/* Bytes of shared memory that a ring of this shape needs, page by page. */
size_t ring_bytes(const struct ring_shape *shape);

/* Takes 'memory', zeroed, which the switch knows as 'guest'; false: no memory or no descriptors. */
bool ring_init(struct ring *r, const struct ring_shape *shape, uint8_t *memory, uint64_t guest);
void ring_finish(struct ring *r);

/* Everything is forgotten: no buffer is put.  The switch does not use the ring at the time. */
void ring_clear(struct ring *r);

static inline uint8_t *ring_buffer(const struct ring *r, uint32_t buffer)
{
	return r->buffers + (size_t)buffer * r->shape.stride;
}

/* Makes buffers available, each the first 'len' bytes in one piece.  Then ring_kick(). */
void ring_put(struct ring *r, const uint16_t *buffers, uint32_t count, uint32_t len);

/* Makes one buffer available in 1 .. parts slices. */
void ring_put_slices(struct ring *r, uint16_t buffer, enum ring_form form,
		     const struct ring_slice *slices, uint32_t count);

/*
 * Something was put since r->avail was 'before': tells the switch, if it wants to be told.  Between
 * ring_put() and this a full fence is needed; ring_fence() is one for any number of rings.
 */
void ring_kick(struct ring *r, uint16_t before);

static inline void ring_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with the switch's before it sleeps */
}

/*
 * About how many can be got now: cheap.  A packed ring says 0, 1 (at least one) or, where buffers
 * are in one piece, 'max' (as many).
 */
uint32_t ring_used(const struct ring *r, uint32_t max);

/* Takes back up to 'max' used buffers, and how many bytes the switch says it wrote into each. */
uint32_t ring_get(struct ring *r, uint16_t *buffers, uint32_t *lens, uint32_t max);

/* From now on the switch is asked to call, or not to: rings begin without. */
void ring_want_calls(struct ring *r, bool wanted);

#endif /* XVS_VGEN_RING_H */
