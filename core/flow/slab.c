/* SPDX-License-Identifier: Apache-2.0 */
/* slab.c - a bump pointer first, then a list of what was given back. */
#include "flow/slab.h"

#include <string.h>
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

void *slab_map(size_t bytes)
{
	void *p;

	if (rounded(bytes) >= HUGE_PAGE)
		return map_aligned(rounded(bytes));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void slab_unmap(void *p, size_t bytes)
{
	if (p)
		(void)munmap(p, rounded(bytes));
}

bool slab_init(struct slab *s, uint32_t max, size_t item_size)
{
	void *p = slab_map((size_t)max * item_size);

	if (!p)
		return false;
	*s = (struct slab){ .memory = p, .item = item_size, .max = max };
	return true;
}

void slab_finish(struct slab *s)
{
	slab_unmap(s->memory, (size_t)s->max * s->item);
	*s = (struct slab){ .memory = NULL };
}

void *slab_get(struct slab *s)
{
	void *item = s->free;

	if (item)
		memcpy(&s->free, item, sizeof(s->free));
	else if (s->fresh < s->max)
		item = s->memory + (size_t)s->fresh++ * s->item;
	if (!item)
		return NULL;
	s->used++;
	memset(item, 0, s->item);
	return item;
}

void slab_put(struct slab *s, void *item)
{
	memcpy(item, &s->free, sizeof(s->free));
	s->free = item;
	s->used--;
}
