/* SPDX-License-Identifier: Apache-2.0 */
/* flow/slab.h - objects of one size from one mapping, for one worker; memory is touched when used. */
#ifndef XVS_FLOW_SLAB_H
#define XVS_FLOW_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab {
	uint8_t *memory;
	void *free; /* list through the first word of each */
	size_t item;
	uint32_t max;
	uint32_t fresh; /* never used yet from here on */
	uint32_t used;
};

bool slab_init(struct slab *s, uint32_t max, size_t item_size); /* item at least a pointer */
void slab_finish(struct slab *s);
void *slab_get(struct slab *s); /* zeroed; NULL: none left */
void slab_put(struct slab *s, void *item);

static inline uint32_t slab_left(const struct slab *s)
{
	return s->max - s->used;
}

#endif /* XVS_FLOW_SLAB_H */
