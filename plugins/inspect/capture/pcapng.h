/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng.h - blocks of a pcapng file (draft-ietf-opsawg-pcapng), written into memory.
 *
 * Byte order is that of the host; the section header says which.  Times are in nanoseconds.
 */
#ifndef CAPTURE_PCAPNG_H
#define CAPTURE_PCAPNG_H

#include <stdint.h>

enum pcapng_direction { PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 }; /* as in epb_flags */

enum {
	PCAPNG_HEADER_MAX = 256,  /* bytes of a section header or an interface description */
	PCAPNG_PACKET_EXTRA = 48, /* bytes of a packet block beside the packet, with padding */
	PCAPNG_NAME_MAX = 63,
};

struct pcapng_packet {
	const uint8_t *bytes;
	uint32_t captured;
	uint32_t wire_len;
	uint64_t ns;    /* since 1970 */
	uint32_t iface; /* number of the description in this file */
	uint32_t direction;
};

/* [any] Each writes one block at 'out' and returns its size. */
uint32_t pcapng_section(uint8_t *out);
uint32_t pcapng_interface(uint8_t *out, const char *name, uint32_t snaplen);
uint32_t pcapng_packet(uint8_t *out, const struct pcapng_packet *p);

#endif /* CAPTURE_PCAPNG_H */
