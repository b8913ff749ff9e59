/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_secgroup_objects */
/* Port lists of security groups: any text is read or refused, and what is read holds together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct port_set set;
	char why[64];
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (ports_parse(text, &set, why, sizeof(why)) == 0) {
		for (uint32_t i = 0; i < set.count; i++) {
			if (set.ranges[i].first > set.ranges[i].last ||
			    !ports_contain(&set, set.ranges[i].last))
				abort();
		}
	}
	free(text);
	return 0;
}
