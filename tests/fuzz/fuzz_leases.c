/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_leases - a file of leases in which guests and a broken program wrote what they like.
 * links: xvs_dhcp xvs_base
 */
#include <assert.h>
#include <string.h>

#include "dhcp/leases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = text + size;
	struct dhcp_lease lease;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t len = newline ? (size_t)(newline - text) : (size_t)(end - text);

		if (dhcp_lease_read(text, len, &lease)) {
			assert(lease.until_s >= 0);
			for (const char *at = lease.name; *at; at++)
				assert(*at > ' ' && *at <= '~');
		}
		text += newline ? len + 1 : len;
	}
	return 0;
}
