/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/feature.h - the features of one extension: copied into today's layout and checked, so that
 * whoever decodes by them (core/policy) meets only offsets that lie within the structure.
 */
#ifndef XVS_EXT_FEATURE_H
#define XVS_EXT_FEATURE_H

#include "ext/layout.h"
#include "xvs/policy.h"

enum {
	FEATURES_MAX = 64,             /* of an extension */
	FEATURE_FIELDS_MAX = 128,      /* of a structure */
	FEATURE_NAMES_MAX = 256,       /* of an enum */
	FEATURE_BYTES_MAX = 65536,     /* of a structure */
	FEATURE_ENTRIES_MAX = 1 << 24, /* of a list */
	FEATURE_DEPTH_MAX = 4,         /* lists within lists */
};

/* [control] 'table' is the module's; *out is in 'arena', NULL for an empty table. */
int features_copy(const struct xvs_table *table, struct arena *arena,
		  const struct xvs_feature **out, struct xvs_error *err);

/* [any] Is this setting what a feature of kind XVS_FORMER has become? */
bool feature_succeeds(const struct xvs_feature *f, const struct xvs_feature *former);

#endif /* XVS_EXT_FEATURE_H */
