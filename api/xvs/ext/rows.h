/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/rows.h - DRAFT "xvs.rows/1": lists that are too long to be shown unasked.
 *
 * A STATUS feature is shown whole, whenever somebody looks at the instance.  Sessions, flows and
 * leases by the thousand had better be asked for: `xvsctl ext rows INSTANCE LIST [FIELD=VALUE...]`,
 * so many at most.  Declare the list as a STATUS feature per switch whose only field is of type
 * XVS_LIST, and offer this from query(): then it is asked for by this alone.
 */
#ifndef XVS_EXT_ROWS_H
#define XVS_EXT_ROWS_H

#ifndef XVS_USE_DRAFT
#error "rows.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_ROWS "xvs.rows/1"

/* What the operator typed: both of printable characters, of at most 255. */
struct xvs_row_filter {
	const char *field;
	const char *value;
};

struct xvs_row_question {
	uint32_t size;
	uint32_t limit;           /* so many rows at most, at least 1 */
	struct xvs_table filters; /* struct xvs_row_filter; a row must be as all of them say */
};

/* Yours, from query(); it stays until destroy(). */
struct xvs_rows {
	uint32_t size;
	uint32_t reserved;
	struct xvs_table features; /* const char *: ids of the features that are such lists */

	/*
	 * [control] Fills the structure of one of them, as status_read() does; 'more' is how many rows
	 * the limit left out, as far as you know.  Look through as many as a few milliseconds
	 * allow.  -EINVAL with a sentence: there is no such field, or it cannot be that.
	 */
	int (*read)(void *self, const char *feature, const struct xvs_row_question *question,
		    void *out, uint64_t *more, struct xvs_error *err);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_ROWS_H */
