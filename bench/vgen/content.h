/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/content.h - frames for verify: every byte follows from a number, so that whoever receives a
 * frame can write it again and compare.
 */
#ifndef XVS_VGEN_CONTENT_H
#define XVS_VGEN_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "vgen/front.h"

enum { CONTENT_MAX = 65550, CONTENT_MTU_FRAME = 1514 };

/* What a frame is, in the order in which numbers choose. */
enum content_kind {
	CONTENT_RAW,      /* an ethertype of nobody's */
	CONTENT_UDP,      /* with a checksum */
	CONTENT_UDP_CSUM, /* the checksum is left to the switch */
	CONTENT_TCP_CSUM,
	CONTENT_TCP4_GSO,
	CONTENT_TCP6_GSO,
	CONTENT_UDP_GSO, /* to be cut into IP fragments (UFO) */
	CONTENT_KINDS,
};

struct content {
	uint64_t serial;
	uint32_t size; /* 14 .. CONTENT_MAX */
	bool is_backward;
	uint64_t features; /* as negotiated: which offloads may be asked for */
};

/* A kind that fits the size and the features. */
enum content_kind content_kind_of(const struct content *c);
const char *content_name(enum content_kind kind);

/* Writes 'size' bytes and the header that goes in front. */
void content_write(const struct content *c, uint8_t *frame, struct front_header *h);

/* Puts in the checksum that 'h' asks for, as a switch may. */
void content_complete(uint8_t *frame, uint32_t size, const struct front_header *h);

#endif /* XVS_VGEN_CONTENT_H */
