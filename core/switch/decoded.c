/* SPDX-License-Identifier: Apache-2.0 */
/* switch/decoded.c - few documents are long, so a list. */
#include "switch/decoded.h"

#include <stdlib.h>
#include <string.h>

#include "switch/array.h"

enum { LONG_ENTRIES = 256 };

struct decoded {
	const struct node *document; /* the file's */
	struct value *value;         /* one reference */
};

struct value *decoded_find(const struct file_layer *file, const struct node *document,
			   const struct xvs_feature *f)
{
	for (size_t i = 0; i < file->decoded_count; i++)
		if (file->decoded[i].document == document && file->decoded[i].value->feature == f)
			return file->decoded[i].value;
	return NULL;
}

static bool is_long(const struct node *document)
{
	for (size_t i = 0; document->kind == NODE_MAP && i < document->count; i++)
		if (document->items[i]->kind == NODE_LIST &&
		    document->items[i]->count >= LONG_ENTRIES)
			return true;
	return false;
}

void decoded_keep(struct file_layer *file, const struct node *document, struct value *value)
{
	struct decoded *place;

	if (!is_long(document) || strncmp(value->feature->id, "xvs.", 4) != 0)
		return;
	place = ARRAY_ADD(&file->decoded, &file->decoded_count);
	if (place)
		*place = (struct decoded){ document, value_ref(value) };
}

void decoded_finish(struct file_layer *file)
{
	for (size_t i = 0; i < file->decoded_count; i++)
		value_put(file->decoded[i].value);
	free(file->decoded);
	file->decoded = NULL;
	file->decoded_count = 0;
}
