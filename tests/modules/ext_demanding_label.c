/* SPDX-License-Identifier: Apache-2.0 */
/* The same in an element that has no size of its own: the stride tells. */
#include "newer.h"

XVS_NOTE("com.example.demanding", "1.0.0", 1u << XVS_FILTER, 0);

static const struct newer_label reasons[] = {
	{ .old = { "first", "first" } },
	{ .old = { "second", "second" }, .added = 1 },
};

static const struct xvs_extension extensions[] = {
	{ PLAIN(XVS_FILTER, "com.example.demanding"), .reasons = XVS_TABLE(reasons) },
};
PLAIN_MODULE(extensions);
