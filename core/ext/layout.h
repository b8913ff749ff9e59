/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/layout.h - from structures as a module was built with to structures as we are: rule 2 and
 * rule 3 of xvs/abi.h, in one place.
 *
 * A structure that is shorter than today's is filled up with zeros.  One that is longer is taken
 * if what we do not know is zero, else refused with -E2BIG, its name and the byte; of a table of
 * functions the tail is ignored.
 */
#ifndef XVS_EXT_LAYOUT_H
#define XVS_EXT_LAYOUT_H

#include "base/error.h"

/* Memory that is freed all at once. */
struct arena_block;
struct arena {
	struct arena_block *blocks;
};
void *arena_calloc(struct arena *arena, size_t count, size_t size); /* NULL: out of memory */
void arena_finish(struct arena *arena);

struct layout {
	const char *name;  /* "xvs_feature" */
	uint32_t today;    /* bytes that this host knows */
	uint32_t least;    /* bytes in ABI 1.0 */
	uint32_t reserved; /* offset of a 32-bit member that must be zero; 0: none */
	bool is_sized;     /* begins with 'size' */
	bool is_functions; /* a longer one is an offer */
};

enum {
	LAYOUT_BYTES_MAX = 4096, /* what a larger 'size' or 'stride' says is not believed */
};

/*
 * [control] Copies one structure into 'to' (layout->today bytes).  'room': how many bytes may be
 * read at 'from' (the stride of its array), or 0 where only its own size tells.
 */
int layout_copy(const struct layout *layout, const void *from, uint32_t room, void *to,
		struct xvs_error *err);

/*
 * [control] Copies a table into an array of today's elements from 'arena', NULL where it is empty.
 * 'what' names the table in errors.
 */
struct layout_array {
	const char *what;
	const struct layout *element;
	uint32_t max;
};
int layout_array(const struct layout_array *array, const struct xvs_table *table,
		 struct arena *arena, void **out, struct xvs_error *err);

/* [control] A table of strings, each with text; none may be there twice. */
int layout_strings(const char *what, const struct xvs_table *table, uint32_t max,
		   struct arena *arena, const char *const **out, struct xvs_error *err);

#endif /* XVS_EXT_LAYOUT_H */
