/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keymap.h - which bytes of a frame the flow key tells, and by which of its bits.
 */
#ifndef CAPTURE_KEYMAP_H
#define CAPTURE_KEYMAP_H

#include "frame.h"
#include "xvs/extension.h"

/* Where a value comes from. */
enum origin {
	ORIGIN_KNOWN = 0, /* the key; the bits have been marked */
	ORIGIN_OPAQUE,    /* something that the key does not tell */
	ORIGIN_FRAGMENT,  /* flags and fragment offset of IPv4: see keymap_tells_fragment() */
};

struct keymap {
	const struct xvs_flow_key *key;
	struct xvs_flow_key *seen; /* mask of what was used */
};

/* [worker] Of the 'size' bytes of the frame from 'at'; within what can be read. */
enum origin keymap_origin(struct keymap *m, const struct frame *f, uint32_t at, uint32_t size);

/* [worker] Does the key tell whether any bit of 'mask' is set in a value of ORIGIN_FRAGMENT? */
bool keymap_tells_fragment(struct keymap *m, uint32_t mask);

#endif /* CAPTURE_KEYMAP_H */
