/* SPDX-License-Identifier: Apache-2.0 */
/* base/ipv4.h - IPv4 addresses and prefixes as people write them; numbers in host order. */
#ifndef XVS_BASE_IPV4_H
#define XVS_BASE_IPV4_H

#include <stdbool.h>
#include <stdint.h>

struct ipv4 {
	uint32_t address;
	uint32_t len; /* of the prefix, 0 .. 32 */
	bool has_len; /* it was written; else len is 32 */
};

enum { IPV4_TEXT = 20 };

/* [any] "192.0.2.1" or "192.0.2.1/24"; no leading zeros.  False: neither. */
bool ipv4_parse(const char *text, struct ipv4 *out);
/* [any] "192.0.2.10-192.0.2.99", in whatever order.  False: not that. */
bool ipv4_range_parse(const char *text, uint32_t *first, uint32_t *last);
/* [any] Returns out. */
const char *ipv4_print(uint32_t address, char out[IPV4_TEXT]);

/* [any] The mask of a prefix length up to 32. */
static inline uint32_t ipv4_mask(uint32_t len)
{
	return len ? UINT32_MAX << (32 - len) : 0;
}

#endif /* XVS_BASE_IPV4_H */
