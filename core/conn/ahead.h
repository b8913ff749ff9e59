/* SPDX-License-Identifier: Apache-2.0 */
/* conn/ahead.h - what was read of packets before they are judged. */
#ifndef XVS_CONN_AHEAD_H
#define XVS_CONN_AHEAD_H

#include "conn/table.h"

/* [worker] Of packet i, which is known; *bucket only if it is tracked. */
static inline const struct tuple *ahead_tuple(const struct conn_ahead *a, uint32_t i,
					      enum tuple_kind *kind, uint32_t *bucket)
{
	*kind = (enum tuple_kind)a->kinds[i];
	*bucket = a->buckets[i];
	return (const struct tuple *)(const void *)a->tuples[i];
}

#endif /* XVS_CONN_AHEAD_H */
