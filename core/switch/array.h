/* SPDX-License-Identifier: Apache-2.0 */
/* switch/array.h - growing arrays of plain elements, as the control thread keeps them. */
#ifndef XVS_SWITCH_ARRAY_H
#define XVS_SWITCH_ARRAY_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * A zeroed element at the end of an array that has 'count' of them; NULL: out of memory.  The
 * array has room for the next power of two.
 */
static inline void *array_extend(void **items, size_t count, size_t element)
{
	if ((count & (count - 1)) == 0) {
		size_t bytes;
		void *grown;

		if (__builtin_mul_overflow(count ? count * 2 : 1, element, &bytes))
			return NULL;
		grown = realloc(*items, bytes);
		if (!grown)
			return NULL;
		*items = grown;
	}
	return memset((char *)*items + count * element, 0, element);
}

/* ARRAY_ADD(&v->items, &v->count): a zeroed element at the end, counted; NULL: out of memory. */
#define ARRAY_ADD(items, count) \
	((__typeof__(*(items)))array_add((void **)(items), (count), sizeof(__typeof__(**(items)))))

static inline void *array_add(void **items, size_t *count, size_t element)
{
	void *added = array_extend(items, *count, element);

	if (added)
		(*count)++;
	return added;
}

/* Takes element 'idx' out; the order of the others stays. */
static inline void array_remove(void *items, size_t *count, size_t idx, size_t element)
{
	char *at = (char *)items + idx * element;

	(*count)--;
	memmove(at, at + element, (*count - idx) * element);
}

/* A copy of 'count' elements, NULL for none of them.  False: out of memory. */
static inline bool array_copy(void **to, const void *from, size_t count, size_t element)
{
	*to = NULL;
	if (count == 0)
		return true;
	*to = calloc(count, element);
	if (*to)
		memcpy(*to, from, count * element);
	return *to != NULL;
}

#endif /* XVS_SWITCH_ARRAY_H */
