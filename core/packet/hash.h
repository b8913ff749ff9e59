/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/hash.h - x.hash: the same for both directions of a conversation, another one each boot.
 *
 * Private to core/packet; the parser and its fast lanes share it, so that both give the same.
 */
#ifndef XVS_PACKET_HASH_H
#define XVS_PACKET_HASH_H

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

/*
 * One side of a conversation as one number: below 2^48 for MACs and for IPv4 with port.  A product
 * does not tell which side was first.
 */
static inline uint32_t hash_sides(uint64_t a, uint64_t b, uint64_t what)
{
	uint64_t key = hash_secret[0] ^ what << 48;

	return (uint32_t)hash_mix(a ^ key, b ^ key);
}

static inline uint32_t hash_ether(const uint8_t *data, uint16_t ethertype)
{
	uint64_t dst = (uint64_t)get_be16(data) << 32 | get_be32(data + 2);
	uint64_t src = (uint64_t)get_be16(data + 6) << 32 | get_be32(data + 8);

	return hash_sides(dst, src, ethertype);
}

static inline uint64_t hash_load(const uint8_t *bytes, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, bytes, size);
	return word;
}

/* 'ports' are the first four bytes of an L4 header, or zeros. */
static inline uint32_t hash_ipv4(const uint8_t *ip, const uint8_t ports[4], uint8_t proto)
{
	return hash_sides(hash_load(ip + 12, 4) << 16 | hash_load(ports, 2),
			  hash_load(ip + 16, 4) << 16 | hash_load(ports + 2, 2), proto);
}

static inline uint64_t hash_side6(const uint8_t address[16], uint64_t port)
{
	return hash_mix(hash_load(address, 8) ^ hash_secret[1],
			hash_load(address + 8, 8) ^ port * UINT64_C(0x9e3779b97f4a7c15) ^
				hash_secret[2]);
}

/* A sum does not tell which side was first, and needs no comparison that nobody can predict. */
static inline uint32_t hash_ipv6(const uint8_t *ip, const uint8_t ports[4], uint8_t proto)
{
	uint64_t sides = hash_side6(ip + 8, hash_load(ports, 2)) +
			 hash_side6(ip + 24, hash_load(ports + 2, 2));

	return (uint32_t)hash_mix(sides ^ hash_secret[3], proto ^ hash_secret[1]);
}

#endif /* XVS_PACKET_HASH_H */
