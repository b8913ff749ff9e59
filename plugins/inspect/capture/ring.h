/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - captured packets on their way from one worker to the thread that writes files.
 *
 * Bytes in a circle; one writer (the worker), one reader (the drain).  A full ring loses the
 * packet and counts it: a worker never waits.  Its memory is made once, and touched only in use.
 */
#ifndef CAPTURE_RING_H
#define CAPTURE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RING_BYTES = 4 << 20 };

struct iface;

/* Followed by 'captured' bytes of the frame. */
struct record {
	uint32_t size;    /* of the record with its bytes, a multiple of 8 */
	uint32_t session; /* number of the capture that it is for; 0: padding to the end */
	uint32_t captured;
	uint32_t wire_len;
	uint64_t ns;         /* CLOCK_MONOTONIC */
	struct iface *iface; /* of the port */
	uint32_t direction;  /* enum pcapng_direction */
	uint32_t pad;
};

struct ring {
	_Atomic uint64_t head; /* bytes ever written; by the worker */
	_Atomic uint64_t lost; /* packets that found no room; by the worker */
	uint8_t pad[48];
	_Atomic uint64_t tail; /* bytes ever read; by the drain */
	uint8_t pad2[56];
	uint8_t bytes[RING_BYTES] __attribute__((aligned(64)));
};

/* [control] NULL: out of memory. */
struct ring *ring_create(void);
void ring_destroy(struct ring *r); /* NULL is fine */

/* [worker] Room for a record with 'captured' bytes behind it, or NULL: counted as lost. */
struct record *ring_reserve(struct ring *r, uint32_t captured);
/* [worker] The record is complete. */
void ring_commit(struct ring *r, const struct record *record);

/* [reader] The record at *tail, or NULL at 'limit'; padding is stepped over. */
const struct record *ring_next(const struct ring *r, uint64_t *tail, uint64_t limit);
/* [reader] Everything before 'tail' may be written over. */
void ring_release(struct ring *r, uint64_t tail);

static inline uint64_t ring_head(const struct ring *r)
{
	return atomic_load_explicit(&r->head, memory_order_acquire);
}

static inline uint64_t ring_lost(const struct ring *r)
{
	return atomic_load_explicit(&r->lost, memory_order_relaxed);
}

#endif /* CAPTURE_RING_H */
