/* SPDX-License-Identifier: Apache-2.0 */
/* slab.c - a bump pointer first, then a list of what was given back. */
#include "flow/slab.h"

#include <string.h>

#include "base/pages.h"

bool slab_init(struct slab *s, uint32_t max, size_t item_size)
{
	void *p = pages_map((size_t)max * item_size);

	if (!p)
		return false;
	*s = (struct slab){ .memory = p, .item = item_size, .max = max };
	return true;
}

void slab_finish(struct slab *s)
{
	pages_unmap(s->memory, (size_t)s->max * s->item);
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
