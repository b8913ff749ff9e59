/* SPDX-License-Identifier: Apache-2.0 */
/* base/pages.c - large tables, in huge pages where the kernel has them. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

/* So that the kernel can back it from its first byte on. */
static size_t rounded(size_t bytes)
{
	return bytes < HUGE_PAGE ? bytes : (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* One page more than needed, of which what stands over at both ends is given back. */
static void *map_aligned(size_t bytes)
{
	size_t size = bytes + HUGE_PAGE;
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
	if (before)
		(void)munmap(p, before);
	(void)munmap(p + before + bytes, size - before - bytes);
	/* a kernel without huge pages is slower, no more */
	(void)madvise(p + before, bytes, MADV_HUGEPAGE);
	return p + before;
}

void *pages_map(size_t bytes)
{
	void *p;

	if (rounded(bytes) >= HUGE_PAGE)
		return map_aligned(rounded(bytes));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void pages_unmap(void *p, size_t bytes)
{
	if (p)
		(void)munmap(p, rounded(bytes));
}
