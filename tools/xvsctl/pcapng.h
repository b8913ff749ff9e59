/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/pcapng.h - a pcapng file (draft-ietf-opsawg-pcapng), written block by block.
 *
 * Byte order is that of this machine, times are in nanoseconds, packets are Ethernet frames.
 * Errors are the stream's: look at ferror() and what fclose() says.
 */
#ifndef XVSCTL_PCAPNG_H
#define XVSCTL_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

enum { PCAPNG_TEXT_MAX = 255 }; /* bytes of a name or a comment; longer ones are cut */

enum pcapng_direction { PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 }; /* as in epb_flags */

struct pcapng_packet {
	const uint8_t *bytes;
	uint32_t cap_len;
	uint32_t wire_len;
	uint64_t ns;        /* since 1970 */
	uint32_t interface; /* in the order in which they were written, from 0 */
	enum pcapng_direction direction;
	const char *comment; /* "": none */
};

void pcapng_section(FILE *out);
void pcapng_interface(FILE *out, const char *name, uint32_t snaplen);
void pcapng_packet(FILE *out, const struct pcapng_packet *p);

#endif /* XVSCTL_PCAPNG_H */
