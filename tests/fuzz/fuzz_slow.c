/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame of a slow protocol, as an adjacent switch sends it, or somebody who claims to be one.
 * links: xvs_packet xvs_base
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/slow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lacp_actor untouched;
	struct lacp_actor actor;

	memset(&untouched, 0x5a, sizeof(untouched));
	memcpy(&actor, &untouched, sizeof(actor));
	/* What is taken for a partner has a whole actor in it; nothing else leaves a trace. */
	if (lacp_read(data, (uint32_t)size, &actor)) {
		if (size < 36 || memcmp(actor.system, data + 20, sizeof(actor.system)) != 0)
			abort();
		/* NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c): not one byte */
	} else if (memcmp(&actor, &untouched, sizeof(actor)) != 0) {
		abort();
	}
	return 0;
}
