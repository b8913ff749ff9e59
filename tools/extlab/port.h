/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extlab/port.h - a port of memory: what is queued comes in, what goes out is told of.
 *
 * As with a guest, all but the first bytes of a frame are lent to the switch until its batch is done, and
 * overwritten then.  So who judges what it did not pull(), or keeps a pointer, is found out.
 */
#ifndef XVS_EXTLAB_PORT_H
#define XVS_EXTLAB_PORT_H

#include "port/backend.h"

struct memory_queue {
	struct memory_frame **frames;
	size_t head, done, tail, room; /* of 'frames': taken, given back, queued */
};

struct memory_port {
	struct backend base; /* first */
	uint32_t nr;
	_Atomic bool may_begin; /* rx gives nothing before */
	struct memory_queue queues[BACKEND_QUEUES_MAX];
	/* The lab's: a whole frame goes out. */
	void (*sent)(void *arg, uint32_t port, const uint8_t *frame, uint32_t len);
	void *arg;
};

extern const struct backend_ops memory_backend;
#define MEMORY_KIND "memory"

/*
 * [control] What the next port that is opened gets of its lab: 'lookup' finds number by name.
 */
struct memory_owner {
	uint32_t queues;
	uint32_t (*lookup)(void *arg, const char *name, struct memory_port *port);
	void (*sent)(void *arg, uint32_t port, const uint8_t *frame, uint32_t len);
	void *arg;
};
void memory_own(const struct memory_owner *owner);

/* [control] -ENOMEM. */
int memory_push(struct memory_port *m, uint32_t queue, const void *frame, uint32_t len);
/* [control] Have all queues given back what they were given? */
bool memory_is_idle(const struct memory_port *m);

#endif /* XVS_EXTLAB_PORT_H */
