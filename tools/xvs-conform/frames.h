/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/frames.h - frames that the kit sends: of all usual protocols, and what becomes of those by chance. */
#ifndef XVS_CONFORM_FRAMES_H
#define XVS_CONFORM_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

enum { FRAME_ROOM = 2048, HOSTS = 3 /* two guests, and one behind the uplink */ };

struct frame {
	uint32_t port; /* where it comes in: that of its sender */
	uint32_t len;
	uint8_t bytes[FRAME_ROOM];
};

/* The adapter of host 0 .. HOSTS - 1. */
void frame_mac(unsigned host, uint8_t out[6]);

/* Numbers by chance; *state is any. */
uint64_t frame_random(uint64_t *state);

/* As hosts send them: who, to whom, and what by chance. */
void frame_make(uint64_t *state, struct frame *out);
/* Does the network itself live by it: ARP, or IPv6 neighbour discovery? */
bool frame_is_vital(const struct frame *f);
/* It may wait in the switch for the rest of its datagram. */
bool frame_is_fragment(const struct frame *f);
/* Some bits are others, or its end is missing, or something is behind it. */
void frame_mutate(uint64_t *state, struct frame *f);

#endif /* XVS_CONFORM_FRAMES_H */
