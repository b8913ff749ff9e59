/* SPDX-License-Identifier: Apache-2.0 */
/* main/extensions.h - where extensions are looked for. */
#ifndef XVS_MAIN_EXTENSIONS_H
#define XVS_MAIN_EXTENSIONS_H

#include <stddef.h>

#include "switch/spec.h"

struct directories {
	char **items;
	size_t count;
};

/*
 * 'first' (may be NULL), then those of the file; the place of installation if there are none.
 * -ENOMEM.
 */
int directories_of(const char *first, const struct config_spec *spec, struct directories *out);
void directories_finish(struct directories *d);

#endif /* XVS_MAIN_EXTENSIONS_H */
