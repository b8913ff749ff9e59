/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an adjacent switch tells of itself by CDP, or somebody who claims to be one.  The checksum is made
 * right, so that what is behind it is reached.
 * links: xvs_packet xvs_base
 */
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "packet/cdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE = 22, SUM = 24 };

/* Ends within its room, and can be printed. */
static void check_text(const char text[LLDP_TEXT])
{
	if (!memchr(text, '\0', LLDP_TEXT))
		abort();
	for (const char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			abort();
}

static void finish(uint8_t *frame, size_t len)
{
	uint64_t sum = 0;

	if (len < SUM + 2)
		return;
	put_be16(frame + 12, (uint16_t)(len - 14));
	put_be16(frame + SUM, 0);
	for (size_t i = MESSAGE; i < len; i++)
		sum += i & 1 ? frame[i] : (uint64_t)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	put_be16(frame + SUM, (uint16_t)~sum);
}

/* Byte by byte, those between the members too. */
static bool is_touched(const void *now, const void *before, size_t size)
{
	return memcmp(now, before, size) != 0;
}

static void read_one(const uint8_t *frame, size_t len)
{
	struct lldp_neighbour untouched;
	struct lldp_neighbour n;

	memset(&untouched, 0x5a, sizeof(untouched));
	memcpy(&n, &untouched, sizeof(n));
	if (!cdp_read(frame, (uint32_t)len, &n)) {
		if (is_touched(&n, &untouched, sizeof(n)))
			abort();
		return;
	}
	check_text(n.chassis);
	check_text(n.port);
	check_text(n.description);
	check_text(n.system);
	if (!n.is_cdp || n.pvid > 4095 || n.max_frame > UINT16_MAX || n.has_pvid != (n.pvid != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame;

	read_one(data, size);
	if (size > LLDP_BYTES)
		return 0;
	frame = malloc(size + 1);
	if (!frame)
		return 0;
	memcpy(frame, data, size);
	finish(frame, size);
	read_one(frame, size);
	free(frame);
	return 0;
}
