/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/sum.h - the Internet checksum (RFC 1071, RFC 1624).
 *
 * Sums are of 16-bit words as they lie in memory: one's complement sums do not care for byte
 * order as long as the result is stored the same way, so nothing here swaps.
 */
#ifndef XVS_PACKET_SUM_H
#define XVS_PACKET_SUM_H

#include <string.h>

#include "packet/packet.h"

/* [any] 16 bits of a sum, carries folded in; not complemented. */
static inline uint16_t sum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/* [any] Adds two sums without losing a carry. */
static inline uint64_t sum_add(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum + (sum < b);
}

/* [any] Writes what makes a sum come out right.  A UDP checksum of zero would mean "none" (RFC 768). */
static inline void sum_store(uint8_t *at, uint64_t sum, bool is_udp)
{
	uint16_t field = (uint16_t)~sum_fold(sum);

	if (is_udp && field == 0)
		field = 0xffff;
	memcpy(at, &field, sizeof(field));
}

/* [any] Sum of bytes of any alignment; an odd last byte counts as if a zero followed. */
uint64_t sum_bytes(const uint8_t *bytes, size_t len);

/* [worker] Sum of the packet's bytes from 'off' to 'end', which must be within it. */
uint64_t sum_packet(const struct packet *p, uint32_t off, uint32_t end);

/* [any] Sum of the pseudo header of a packet with IP: addresses, protocol, L4 length. */
uint64_t sum_pseudo(const struct packet *p, uint32_t l4_len);

/* [any] What CRC-32C over 'len' bytes changes by when its first four change by xor 'bits'. */
uint32_t crc32c_change(uint32_t bits, uint32_t len);

#endif /* XVS_PACKET_SUM_H */
