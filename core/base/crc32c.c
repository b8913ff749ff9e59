/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/crc32c.c - four bits at a time by a small table, or by the processor's own instruction.
 */
#include "base/crc32c.h"

#include <string.h>

uint32_t crc32c_plain(uint32_t crc, const void *bytes, size_t len)
{
	static const uint32_t nibbles[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *b = bytes;

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= b[i];
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(uint32_t crc, const uint8_t *b,
							     size_t len)
{
	uint64_t wide = ~crc;

	for (; len >= 8; len -= 8, b += 8) {
		uint64_t word;

		memcpy(&word, b, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	for (; len > 0; len--, b++)
		wide = __builtin_ia32_crc32qi((uint32_t)wide, *b);
	return ~(uint32_t)wide;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse(crc, bytes, len);
	return crc32c_plain(crc, bytes, len);
}
#else
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
	return crc32c_plain(crc, bytes, len);
}
#endif
