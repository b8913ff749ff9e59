/* SPDX-License-Identifier: Apache-2.0 */
/* Built with newer headers, and asks for what this host does not know. */
#include "newer.h"

XVS_NOTE("com.example.demanding", "1.0.0", 1u << XVS_FILTER, 0);

static const struct newer_extension extensions[] = {
	{ .old = { PLAIN(XVS_FILTER, "com.example.demanding") }, .added = 0x700 },
};
PLAIN_MODULE(extensions);
