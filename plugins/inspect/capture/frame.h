/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - a packet as a frame on the wire: with the outermost tag, which the host keeps beside
 * the bytes, back in its place.  Reading only; nothing is copied until frame_copy().
 */
#ifndef CAPTURE_FRAME_H
#define CAPTURE_FRAME_H

#include <string.h>

#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

enum { FRAME_TAG_AT = 12, FRAME_TAG_BYTES = 4 };

struct frame {
	const struct xvs_packet *packet;
	uint32_t tag_bytes; /* 4 or 0 */
	uint32_t linear;    /* bytes that can be read */
	uint32_t len;       /* of the whole frame */
	uint8_t tag[FRAME_TAG_BYTES];
};

static inline struct frame frame_of(const struct xvs_packet *p)
{
	struct frame f = { .packet = p };

	if ((p->flags & XVS_PKT_VLAN) && p->linear >= FRAME_TAG_AT) {
		f.tag_bytes = FRAME_TAG_BYTES;
		xvs_put16(f.tag, p->flags & XVS_PKT_SVLAN ? 0x88a8 : 0x8100);
		xvs_put16(f.tag + 2, p->vlan_tci);
	}
	f.linear = p->linear + f.tag_bytes;
	f.len = p->len + f.tag_bytes;
	return f;
}

/* 'at' is below f->linear. */
static inline uint8_t frame_byte(const struct frame *f, uint32_t at)
{
	if (at < FRAME_TAG_AT || f->tag_bytes == 0)
		return f->packet->data[at];
	if (at < FRAME_TAG_AT + FRAME_TAG_BYTES)
		return f->tag[at - FRAME_TAG_AT];
	return f->packet->data[at - FRAME_TAG_BYTES];
}

/* The first 'len' bytes, which are no more than f->linear. */
static inline void frame_copy(const struct frame *f, uint8_t *to, uint32_t len)
{
	uint32_t head = len < FRAME_TAG_AT ? len : FRAME_TAG_AT;
	uint32_t tag = f->tag_bytes < len - head ? f->tag_bytes : len - head;

	memcpy(to, f->packet->data, head);
	memcpy(to + head, f->tag, tag);
	memcpy(to + head + tag, f->packet->data + head, len - head - tag);
}

#endif /* CAPTURE_FRAME_H */
