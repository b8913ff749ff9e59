/* SPDX-License-Identifier: Apache-2.0 */
/* control/names.h - numbers of the packet path by name, as the counter segment has them. */
#ifndef XVS_CONTROL_NAMES_H
#define XVS_CONTROL_NAMES_H

#include "base/counters.h"

struct names {
	struct counters_name *items; /* free(): or names_finish() */
	size_t count;
};

/* [control] A copy of all names; out of memory: none. */
void names_read(const struct counters *c, struct names *out);
void names_finish(struct names *n);

/* "-": unnamed. */
const char *names_find(const struct names *n, enum counters_kind kind, uint32_t instance,
		       uint32_t id);

#endif /* XVS_CONTROL_NAMES_H */
