/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ends.h - the two ends of a run of "bytes": one sends frames in buffers of all shapes, the other
 * offers buffers of all shapes and puts together what comes in them.
 */
#ifndef FRONT_ENDS_H
#define FRONT_ENDS_H

#include "frame.h"
#include "random.h"
#include "session.h"

enum { ENDS_RING = 4096, END_SLOTS = 4096, TX_SLOTS = 64, PACKET_ROOM = 69632 };

struct sender {
	struct front front;
	struct random random;
	uint16_t spare[TX_SLOTS];
	uint32_t spares;
};

/* Its slots have a size: of one buffer. */
struct receiver {
	struct front front;
	struct random random;
	uint32_t slot_bytes, slots;
	uint32_t posted[END_SLOTS]; /* bytes of it that the switch may write */
	struct facts facts;         /* of the packet that came last */
	uint8_t bytes[2 * PACKET_ROOM];
};

bool sender_open(struct sender *s, const char *path, uint64_t features);
/* False: no room now. */
bool sender_send(struct sender *s, const struct frame *f);
/* Takes back what was sent; false: the switch gave back what it did not have. */
bool sender_reap(struct sender *s);

/* 'longest': frames that may come. */
bool receiver_open(struct receiver *r, const char *path, uint64_t features, uint32_t longest);
/* Bytes of the next packet in r->bytes; 0: none now; -1: what came cannot be. */
int receiver_take(struct receiver *r);

#endif /* FRONT_ENDS_H */
