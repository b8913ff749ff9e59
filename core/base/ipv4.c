/* SPDX-License-Identifier: Apache-2.0 */
/* base/ipv4.c - IPv4 addresses and prefixes as people write them. */
#include "base/ipv4.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* 0 .. 32 in at most two digits, without a leading zero. */
static bool len_parse(const char *text, uint32_t *len)
{
	size_t digits = strspn(text, "0123456789");
	uint32_t value = 0;

	if (digits == 0 || digits > 2 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (uint32_t)(text[i] - '0');
	*len = value;
	return value <= 32;
}

bool ipv4_parse(const char *text, struct ipv4 *out)
{
	const char *slash = strchr(text, '/');
	size_t bytes = slash ? (size_t)(slash - text) : strlen(text);
	struct ipv4 ip = { .len = 32, .has_len = slash != NULL };
	char address[INET_ADDRSTRLEN];
	struct in_addr in;

	if (bytes >= sizeof(address))
		return false;
	memcpy(address, text, bytes);
	address[bytes] = '\0';
	if (inet_pton(AF_INET, address, &in) != 1 || (slash && !len_parse(slash + 1, &ip.len)))
		return false;
	ip.address = ntohl(in.s_addr);
	*out = ip;
	return true;
}

bool ipv4_range_parse(const char *text, uint32_t *first, uint32_t *last)
{
	const char *dash = strchr(text, '-');
	char before[INET_ADDRSTRLEN];
	struct ipv4 from;
	struct ipv4 to;

	if (!dash || (size_t)(dash - text) >= sizeof(before))
		return false;
	memcpy(before, text, (size_t)(dash - text));
	before[dash - text] = '\0';
	if (!ipv4_parse(before, &from) || !ipv4_parse(dash + 1, &to) || from.has_len || to.has_len)
		return false;
	*first = from.address;
	*last = to.address;
	return true;
}

const char *ipv4_print(uint32_t address, char out[IPV4_TEXT])
{
	(void)snprintf(out, IPV4_TEXT, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
		       address >> 8 & 255, address & 255);
	return out;
}
