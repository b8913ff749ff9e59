/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/copy.c - long copies, and which of them this processor can do.
 *
 * The vector variants store aligned, since a store that crosses a cache line costs twice, and end
 * with one that overlaps what was written already, so that there is no tail to loop over.
 */
#include "base/copy.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

void copy_plain(uint8_t *to, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
}

copy_fn copy_long = copy_plain;

#if defined(__x86_64__)

/* From here on the C library's way (rep movsb) is as fast. */
enum { VECTORS_UP_TO = 16384 };

__attribute__((target("avx2"))) static void copy_avx2(uint8_t *to, const uint8_t *from, size_t len)
{
	const size_t lead = 32 - ((uintptr_t)to & 31);
	uint8_t *end;
	__m256i last;

	if (len < 64 || len > VECTORS_UP_TO) {
		memcpy(to, from, len);
		return;
	}
	end = to + len - 32;
	last = _mm256_loadu_si256((const void *)(from + len - 32));
	_mm256_storeu_si256((void *)to, _mm256_loadu_si256((const void *)from));
	from += lead;
	to += lead;
	for (; to + 32 < end; to += 64, from += 64) {
		__m256i a = _mm256_loadu_si256((const void *)from);
		__m256i b = _mm256_loadu_si256((const void *)(from + 32));

		_mm256_store_si256((void *)to, a);
		_mm256_store_si256((void *)(to + 32), b);
	}
	if (to < end)
		_mm256_store_si256((void *)to, _mm256_loadu_si256((const void *)from));
	_mm256_storeu_si256((void *)end, last);
}

__attribute__((target("avx512f"))) static void copy_avx512(uint8_t *to, const uint8_t *from,
							   size_t len)
{
	const size_t lead = 64 - ((uintptr_t)to & 63);
	uint8_t *end;
	__m512i last;

	if (len < 128 || len > VECTORS_UP_TO) {
		memcpy(to, from, len);
		return;
	}
	end = to + len - 64;
	last = _mm512_loadu_si512(from + len - 64);
	_mm512_storeu_si512(to, _mm512_loadu_si512(from));
	from += lead;
	to += lead;
	for (; to + 64 < end; to += 128, from += 128) {
		__m512i a = _mm512_loadu_si512(from);
		__m512i b = _mm512_loadu_si512(from + 64);

		_mm512_store_si512(to, a);
		_mm512_store_si512(to + 64, b);
	}
	if (to < end)
		_mm512_store_si512(to, _mm512_loadu_si512(from));
	_mm512_storeu_si512(end, last);
}

uint32_t copy_variants(copy_fn *out, uint32_t max)
{
	uint32_t count = 0;

	__builtin_cpu_init();
	if (count < max)
		out[count++] = copy_plain;
	if (count < max && __builtin_cpu_supports("avx2"))
		out[count++] = copy_avx2;
	if (count < max && __builtin_cpu_supports("avx512f"))
		out[count++] = copy_avx512;
	return count;
}

#else

uint32_t copy_variants(copy_fn *out, uint32_t max)
{
	if (max)
		out[0] = copy_plain;
	return max ? 1 : 0;
}

#endif

/* Before main(), so that no thread sees it change. */
__attribute__((constructor)) static void choose(void)
{
	copy_fn found[4];
	uint32_t count = copy_variants(found, 4);

	copy_long = found[count - 1];
}
