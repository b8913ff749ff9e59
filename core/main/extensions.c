/* SPDX-License-Identifier: Apache-2.0 */
/* main/extensions.c - where extensions are looked for. */
#include "main/extensions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(struct directories *d, const char *path)
{
	d->items[d->count] = strdup(path);
	if (!d->items[d->count])
		return -ENOMEM;
	d->count++;
	return 0;
}

int directories_of(const char *first, const struct config_spec *spec, struct directories *out)
{
	struct directories d = { calloc(spec->extensions.path_count + 2, sizeof(char *)), 0 };
	int code = d.items ? 0 : -ENOMEM;

	if (code == 0 && first)
		code = add(&d, first);
	for (size_t i = 0; code == 0 && i < spec->extensions.path_count; i++)
		code = add(&d, spec->extensions.path[i]);
	if (code == 0 && d.count == 0)
		code = add(&d, XVS_EXTENSION_DIR);
	if (code) {
		directories_finish(&d);
		return code;
	}
	*out = d;
	return 0;
}

void directories_finish(struct directories *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->items[i]);
	free(d->items);
	*d = (struct directories){ NULL, 0 };
}
