/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - the driver's half of a virtio ring, split and packed (virtio 1.2, 2.7 and 2.8), in
 * memory that is shared with the switch.
 *
 *      +0          descriptors
 *      +RING_DRIVER   split: available ring; packed: driver event suppression
 *      +RING_DEVICE   split: used ring; packed: device event suppression
 *      +RING_TABLES   an indirect table for each descriptor
 *
 * What was put there is remembered here: nothing is read back from the shared memory but what the
 * device writes.
 */
#ifndef FRONT_RING_H
#define FRONT_RING_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RING_SIZE_MAX = 4096,
	RING_PIECES_MAX = 64, /* of a buffer */
	RING_DRIVER = 0x10000,
	RING_DEVICE = 0x14000,
	RING_TABLES = 0x20000,
	RING_TABLE_BYTES = RING_PIECES_MAX * 16,
	RING_BYTES = RING_TABLES + RING_SIZE_MAX * RING_TABLE_BYTES,
};

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };

struct piece {
	uint64_t guest; /* guest-physical address */
	uint32_t len;
};

struct ring {
	uint8_t *base;  /* RING_BYTES of shared memory */
	uint64_t guest; /* their guest-physical address */
	uint16_t size;
	bool is_packed;
	bool wraps[2];                 /* packed: counters of 'next' and of 'used' */
	uint16_t next, used;           /* split: free running */
	uint16_t room;                 /* descriptors that are free */
	uint16_t spares;               /* of 'spare' */
	uint16_t spare[RING_SIZE_MAX]; /* split: free descriptors; packed: free identifiers */
	uint16_t token[RING_SIZE_MAX]; /* by head or identifier */
	uint16_t count[RING_SIZE_MAX]; /* descriptors of that buffer; 0: not with the device */
	uint16_t after[RING_SIZE_MAX]; /* split: the next of a chain */
	int kick, call;
};

void ring_init(struct ring *r, uint8_t *base, uint64_t guest, uint16_t size, bool is_packed);

/*
 * One buffer of 'count' pieces, which the device reads, or writes.  'token' comes back with it.
 * False: no room.
 */
bool ring_put(struct ring *r, const struct piece *pieces, uint32_t count, bool is_written,
	      bool is_indirect, uint16_t token);

enum ring_taken { RING_NOTHING, RING_TAKEN, RING_WRONG };

/* The next buffer that the device gives back; RING_WRONG: one that it did not have. */
enum ring_taken ring_take(struct ring *r, uint16_t *token, uint32_t *len);
void ring_kick(const struct ring *r);

#endif /* FRONT_RING_H */
