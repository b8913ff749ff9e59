/* SPDX-License-Identifier: Apache-2.0 */
/* Built with newer headers, but asks for nothing new. */
#include "newer.h"

XVS_NOTE("com.example.newer", "1.0.0", 1u << XVS_FILTER, 0);

static const struct newer_label reasons[] = {
	{ .old = { "first", "first" } },
	{ .old = { "second", "second" } },
};

static const struct newer_extension extensions[] = {
	{ .old = { PLAIN(XVS_FILTER, "com.example.newer.one"), .reasons = XVS_TABLE(reasons) } },
	{ .old = { .size = sizeof(struct newer_extension),
		   .cls = XVS_FILTER,
		   .id = "com.example.newer.two",
		   .version = "1.0.0",
		   .vendor = "Example",
		   .summary = "For tests",
		   .ops = &plain_ops } },
};
PLAIN_MODULE(extensions);
