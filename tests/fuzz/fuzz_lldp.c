/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an adjacent switch tells of itself, or somebody who claims to be one.
 * links: xvs_packet xvs_base
 */
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/lldp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends within its room, and can be printed. */
static void check_text(const char text[LLDP_TEXT])
{
	if (!memchr(text, '\0', LLDP_TEXT))
		abort();
	for (const char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lldp_neighbour untouched;
	struct lldp_neighbour n;

	memset(&untouched, 0x5a, sizeof(untouched));
	memcpy(&n, &untouched, sizeof(n));
	if (!lldp_read(data, (uint32_t)size, &n)) {
		/* NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c): not one byte */
		if (memcmp(&n, &untouched, sizeof(n)) != 0)
			abort();
		return 0;
	}
	check_text(n.chassis);
	check_text(n.port);
	check_text(n.description);
	check_text(n.system);
	if (n.pvid > 4095 || n.max_frame > UINT16_MAX || (n.pvid && !n.has_pvid))
		abort();
	return 0;
}
