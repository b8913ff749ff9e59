/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tls_room.c - who goes where too many shake hands: whoever opens many, and none beside him.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/bytes.h"
#include "base/tls.h"

/* An IPv6 host has addresses without number, but one network of 64 bits. */
uint64_t tls_origin(const struct sockaddr_storage *address)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (address->ss_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		return ntohl(v4.sin_addr.s_addr);
	}
	if (address->ss_family != AF_INET6)
		return 0;
	memcpy(&v6, address, sizeof(v6));
	if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) /* of a listener at [::] */
		return get_be32(v6.sin6_addr.s6_addr + 12);
	return (uint64_t)get_be32(v6.sin6_addr.s6_addr) << 32 | get_be32(v6.sin6_addr.s6_addr + 4);
}

static size_t count_of(const struct tls_link *const *links, size_t count, uint64_t origin)
{
	size_t same = 0;

	for (size_t i = 0; i < count; i++)
		same += tls_link_origin(links[i]) == origin;
	return same;
}

size_t tls_room(const struct tls_link *const *links, size_t count)
{
	size_t most = 0;
	size_t chosen = 0;

	for (size_t i = 0; i < count; i++) {
		size_t same = count_of(links, count, tls_link_origin(links[i]));

		/* the last of them is the oldest */
		if (same >= most) {
			most = same;
			chosen = i;
		}
	}
	return chosen;
}
