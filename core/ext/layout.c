/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/layout.c - sized structures and strided arrays into today's layouts.
 *
 * Everything is copied by bytes, so neither the alignment nor the stride of the module's arrays
 * matters afterwards.
 */
#include "ext/layout.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext/names.h"

struct arena_block {
	struct arena_block *next;
	_Alignas(16) unsigned char bytes[];
};

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	struct arena_block *block;
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*block), &bytes))
		return NULL;
	block = calloc(1, bytes);
	if (!block)
		return NULL;
	block->next = arena->blocks;
	arena->blocks = block;
	return block->bytes;
}

void arena_finish(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	arena->blocks = NULL;
}

/* The offset of the first byte in [from, to) that is not zero, or 'to'. */
static uint32_t first_nonzero(const unsigned char *bytes, uint32_t from, uint32_t to)
{
	while (from < to && bytes[from] == 0)
		from++;
	return from;
}

/* 'size' as the structure says it; checked against what its array leaves it. */
static int own_size(const struct layout *layout, const void *from, uint32_t room, uint32_t *size,
		    struct xvs_error *err)
{
	uint32_t most = room ? room : (uint32_t)LAYOUT_BYTES_MAX;

	memcpy(size, from, sizeof(*size));
	if (*size < layout->least)
		return error_set(err, -EINVAL, "", "%s: size is %u, in ABI 1.0 it is %u",
				 layout->name, *size, layout->least);
	if (*size > most)
		return error_set(err, -EINVAL, "", "%s: size is %u, more than %s of %u",
				 layout->name, *size, room ? "its table's stride" : "the limit",
				 most);
	return 0;
}

/* Nothing that we would not heed: behind what is known, and in what is reserved. */
static int demands_check(const struct layout *layout, const unsigned char *from, uint32_t known,
			 uint32_t end, struct xvs_error *err)
{
	uint32_t reserved_end = layout->reserved + (uint32_t)sizeof(uint32_t);
	uint32_t at = first_nonzero(from, known, end);

	if (!layout->is_functions && at < end)
		return error_set(err, -E2BIG, "",
				 "%s: byte %u is not zero, and this host knows %u bytes only",
				 layout->name, at, known);
	if (!layout->reserved || reserved_end > known)
		return 0;
	at = first_nonzero(from, layout->reserved, reserved_end);
	if (at < reserved_end)
		return error_set(err, -E2BIG, "", "%s: byte %u is not zero, but reserved",
				 layout->name, at);
	return 0;
}

int layout_copy(const struct layout *layout, const void *from, uint32_t room, void *to,
		struct xvs_error *err)
{
	uint32_t size = room;
	uint32_t known;
	int code;

	if (layout->is_sized) {
		code = own_size(layout, from, room, &size, err);
		if (code)
			return code;
	}
	known = size < layout->today ? size : layout->today;
	code = demands_check(layout, from, known, room ? room : size, err);
	if (code)
		return code;

	memset(to, 0, layout->today);
	memcpy(to, from, known);
	if (layout->is_sized)
		memcpy(to, &layout->today, sizeof(layout->today));
	return 0;
}

static int table_check(const struct layout_array *array, const struct xvs_table *table,
		       struct xvs_error *err)
{
	const struct layout *element = array->element;

	if (table->count > array->max)
		return error_set(err, -EINVAL, "", "%s: %u entries, at most %u are taken",
				 array->what, table->count, array->max);
	if (!table->items)
		return error_set(err, -EINVAL, "", "%s: %u entries, but items is NULL", array->what,
				 table->count);
	if (table->stride < element->least || table->stride > LAYOUT_BYTES_MAX)
		return error_set(err, -EINVAL, "", "%s: stride is %u, must be %u..%u", array->what,
				 table->stride, element->least, (unsigned)LAYOUT_BYTES_MAX);
	return 0;
}

int layout_array(const struct layout_array *array, const struct xvs_table *table,
		 struct arena *arena, void **out, struct xvs_error *err)
{
	const unsigned char *from = table->items;
	unsigned char *to;
	int code;

	*out = NULL;
	if (table->count == 0)
		return 0;
	code = table_check(array, table, err);
	if (code)
		return code;
	to = arena_calloc(arena, table->count, array->element->today);
	if (!to)
		return error_set(err, -ENOMEM, "", "%s: out of memory", array->what);

	for (uint32_t i = 0; i < table->count; i++) {
		code = layout_copy(array->element, from + (size_t)i * table->stride, table->stride,
				   to + (size_t)i * array->element->today, err);
		if (code) {
			(void)error_context(err, "%s[%u]", array->what, i);
			return code;
		}
	}
	*out = to;
	return 0;
}

static int string_check(const char *what, const char *const *strings, uint32_t nr,
			struct xvs_error *err)
{
	int code = text_check("the string", strings[nr], WORD_MAX, err);

	if (code) {
		(void)error_context(err, "%s[%u]", what, nr);
		return code;
	}
	for (uint32_t i = 0; i < nr; i++) {
		if (strcmp(strings[i], strings[nr]) == 0)
			return error_set(err, -EEXIST, "", "%s: %s is there twice", what,
					 strings[nr]);
	}
	return 0;
}

int layout_strings(const char *what, const struct xvs_table *table, uint32_t max,
		   struct arena *arena, const char *const **out, struct xvs_error *err)
{
	static const struct layout pointer = {
		.name = "string",
		.today = sizeof(char *),
		.least = sizeof(char *),
	};
	const struct layout_array array = { .what = what, .element = &pointer, .max = max };
	void *strings;
	int code = layout_array(&array, table, arena, &strings, err);

	assert(code || strings || table->count == 0);
	for (uint32_t i = 0; code == 0 && i < table->count; i++)
		code = string_check(what, strings, i, err);
	if (code == 0)
		*out = strings;
	return code;
}
