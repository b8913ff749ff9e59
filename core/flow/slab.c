/* SPDX-License-Identifier: Apache-2.0 */
/* slab.c - a bump pointer first, then a list of what was given back. */
#include "flow/slab.h"

#include <string.h>
#include <sys/mman.h>

bool slab_init(struct slab *s, uint32_t max, size_t item_size)
{
	void *p = mmap(NULL, (size_t)max * item_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	*s = (struct slab){ .memory = p, .item = item_size, .max = max };
	return true;
}

void slab_finish(struct slab *s)
{
	if (s->memory)
		(void)munmap(s->memory, (size_t)s->max * s->item);
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
