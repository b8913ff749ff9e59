/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - is what arrived what was sent?  Frames come in the order in which they were sent; one
 * that the receiver does not take whole comes in parts, in order too.
 */
#ifndef FRONT_VERIFY_H
#define FRONT_VERIFY_H

#include "frame.h"

struct verify {
	uint64_t features; /* of the receiver */
	uint32_t done;     /* bytes of payload of the frame that is arriving */
	uint32_t parts;    /* of it, so far */
	char why[200];     /* what is wrong */
};

enum verified { VERIFY_MORE, VERIFY_WHOLE, VERIFY_WRONG };

/* 'bytes' of 'len' are the next packet, in which 'f' or the rest of it is expected. */
enum verified verify_packet(struct verify *v, const struct frame *f, const struct facts *facts,
			    const uint8_t *bytes, uint32_t len);

#endif /* FRONT_VERIFY_H */
