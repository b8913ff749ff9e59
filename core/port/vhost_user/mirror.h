/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/mirror.h - what must be known of a ring when the daemon has died: the layout of the
 * mirror file, which is also what workers work with, so that mirroring costs nothing.
 *
 * A file in memory keeps every store that a killed process made, in the order of the program.  So
 * one store decides each step, and what it decides about is written before it:
 *
 *      reserve   used[] and seq, state = TAKEN, then position (avail, seq + 1)
 *      publish   state = PUBLISHING (and from where), the guest's ring, position (used), IDLE
 *
 * Whoever takes up finds a batch that is TAKEN: if the position knows its seq, its buffers go back
 * empty, else they were never taken.  PUBLISHING: the ring shows whether the guest has it.
 */
#ifndef XVS_PORT_VHOST_USER_MIRROR_H
#define XVS_PORT_VHOST_USER_MIRROR_H

#include "base/worker.h"

enum { VHOST_TAKEN_MAX = 1024 }; /* heads of one worker at a time */

/* A head that is ours: how the ring knows it, and what is written back.  Split: the used element. */
struct vhost_used {
	uint16_t id;
	uint16_t slots; /* packed: of the ring that it takes; split: 0 */
	uint32_t len;
};

enum vhost_phase { PHASE_IDLE = 0, PHASE_TAKEN = 1, PHASE_PUBLISHING = 2 };

/* state: phase, count << 16, position of the first used element << 32 */
struct vhost_taken {
	_Atomic uint64_t state;
	uint32_t seq;
	uint8_t reserved[52];
	struct vhost_used used[VHOST_TAKEN_MAX];
};

/* Which ring these positions are of. */
struct vhost_mark_key {
	uint64_t file[2]; /* st_dev, st_ino */
	uint64_t desc;    /* places in the file */
	uint64_t driver, device;
	uint32_t size;
	uint32_t is_packed;
};

enum { LAST_NONE = 1 << 16 };

/* position: next_avail, next_used << 16, seq << 32 */
struct vhost_mark {
	_Atomic uint64_t position;
	_Atomic uint32_t is_valid;
	uint32_t last_used; /* packed: position of the newest used element, or LAST_NONE */
	uint32_t workers;   /* whose batches may be here */
	struct vhost_mark_key key;
	uint8_t reserved[52];
	struct vhost_taken taken[WORKERS_MAX];
};

static inline uint64_t taken_state(enum vhost_phase phase, uint32_t count, uint16_t from)
{
	return (uint64_t)phase | (uint64_t)count << 16 | (uint64_t)from << 32;
}

#endif /* XVS_PORT_VHOST_USER_MIRROR_H */
