/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/flat.h - the value of a feature as one run of bytes, and back: lists lie behind the structure,
 * and where a table has a pointer there is an offset.
 */
#ifndef XVS_EXT_FLAT_H
#define XVS_EXT_FLAT_H

#include "base/error.h"
#include "xvs/policy.h"

/* [any] A copy of the value, *len bytes, the caller's to free(); NULL: out of memory. */
void *flat_pack(const struct xvs_feature *f, const void *value, size_t *len);
/*
 * [any] In place: from then on 'bytes' (aligned as malloc() does) is the value.  -EPROTO where it is
 * not what flat_pack() makes of this feature: what comes from elsewhere is checked like a document.
 */
int flat_unpack(const struct xvs_feature *f, void *bytes, size_t len, struct xvs_error *err);

#endif /* XVS_EXT_FLAT_H */
