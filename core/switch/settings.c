/* SPDX-License-Identifier: Apache-2.0 */
/* switch/settings.c - a handful of values an object, so a list. */
#include "switch/settings.h"

#include <stdlib.h>
#include <string.h>

#include "switch/array.h"

struct value *settings_get(const struct settings *s, const char *feature)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->items[i].feature->id, feature) == 0)
			return s->items[i].value;
	return NULL;
}

int settings_add(struct settings *s, struct value *value)
{
	struct setting *setting = ARRAY_ADD(&s->items, &s->count);

	if (!setting) {
		value_put(value);
		return -ENOMEM;
	}
	setting->feature = value->feature;
	setting->value = value;
	return 0;
}

void settings_finish(struct settings *s)
{
	for (size_t i = 0; i < s->count; i++)
		value_put(s->items[i].value);
	free(s->items);
	*s = (struct settings){ 0 };
}
