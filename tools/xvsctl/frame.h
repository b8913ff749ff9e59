/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/frame.h - a packet as somebody types it, as bytes.
 *
 *	eth dst=52:54:00:00:00:02 / ipv4 src=10.0.0.1 dst=10.0.0.2 / tcp dport=80 flags=S / payload 100
 *
 * Layers from the outside in, with their fields; "eth" may be left out.  What says which layer
 * follows, lengths and checksums are filled in, unless the field is named.
 */
#ifndef XVSCTL_FRAME_H
#define XVSCTL_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 65550, FRAME_WHY = 256 };

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
};

/*
 * 'source' is eth src= where none is given; NULL: 02:00:00:00:00:01.  Destination: broadcast.
 * Otherwise the length, or -1 and a sentence in 'why'.
 */
int frame_build(const char *text, const uint8_t source[6], struct frame *out, char why[FRAME_WHY]);

#endif /* XVSCTL_FRAME_H */
