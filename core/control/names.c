/* SPDX-License-Identifier: Apache-2.0 */
/* control/names.c - a copy of the names in the counter segment, for one answer. */
#include "control/names.h"

#include <stdlib.h>

void names_read(const struct counters *c, struct names *out)
{
	const struct counters_header *h = counters_header(c);

	*out = (struct names){ calloc(h->names_count, sizeof(*out->items)), 0 };
	for (uint32_t i = 0; out->items && i < h->names_count; i++) {
		if (counters_name_read(h, i, &out->items[out->count]))
			out->count++;
	}
}

void names_finish(struct names *n)
{
	free(n->items);
	*n = (struct names){ NULL, 0 };
}

const char *names_find(const struct names *n, enum counters_kind kind, uint32_t instance,
		       uint32_t id)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct counters_name *item = &n->items[i];

		if (item->kind == (uint32_t)kind && item->instance == instance && item->id == id)
			return item->name;
	}
	return "-";
}
