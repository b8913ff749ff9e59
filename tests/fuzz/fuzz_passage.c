/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame by which links of a team ask each other what passes; or what somebody else sends to that group.
 * links: xvs_packet xvs_base
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/passage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t vlan = size > 1 ? (uint16_t)(data[0] << 8 | data[1]) : 0;
	uint8_t written[PASSAGE_BYTES];
	struct passage p;

	if (size < 2 || !passage_read(data + 2, (uint32_t)(size - 2), vlan, &p))
		return 0;
	/* What is read is written as the same: nothing else is in it. */
	(void)passage_write(written, &p, data + 8);
	if (memcmp(written, data + 2, 31) != 0)
		abort();
	return 0;
}
