/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/capture_ring.h - the daemon's end of a capture's memory; control/capture.h is its layout.
 *
 * The other end may be any program, which can write anywhere in that memory at any time.  So
 * nothing is believed that was read from there: each writer keeps its own position, and takes of
 * the reader's only whether there is room.
 */
#ifndef XVS_BASE_CAPTURE_RING_H
#define XVS_BASE_CAPTURE_RING_H

#include "base/error.h"
#include "control/capture.h"

/* One worker's; what it writes for itself is in a cache line of its own. */
struct capture_writer {
	struct capture_ring *ring;
	uint8_t *data;
	uint32_t data_size;
	uint32_t reserved;
	uint64_t head; /* as in the ring, where the reader may have changed it */
	uint64_t lost;
	uint64_t next; /* what head will be with the record that is being written */
} __attribute__((aligned(64)));

struct capture_memory {
	int fd; /* for the reader; owned */
	uint32_t writer_count;
	struct capture_header *header;
	size_t size;
	struct capture_writer writers[];
};

/*
 * [control] A ring of 'data_size' bytes (a power of two, at least 128 KiB) for each of 'writers'.
 * All of it is there from the start, so no worker waits for a page.
 */
int capture_memory_create(uint32_t writers, uint32_t data_size, uint32_t snaplen,
			  struct capture_memory **out, struct xvs_error *err);
/* [control] No worker writes any more; the reader keeps what it has mapped.  NULL is fine. */
void capture_memory_destroy(struct capture_memory *m);

/*
 * [worker] A record with room for 'cap_len' bytes (CAPTURE_SNAPLEN_MAX at most) behind it, its
 * size, kind and cap_len filled in, the rest zero.  NULL: the ring is full, which is counted.
 */
struct capture_record *capture_reserve(struct capture_writer *w, uint32_t cap_len);
/* [worker] The reader may have it now. */
void capture_commit(struct capture_writer *w);

#endif /* XVS_BASE_CAPTURE_RING_H */
