/* SPDX-License-Identifier: Apache-2.0 */
/* May be unmapped, and notes that it was, in the environment of the process. */
#include <stdlib.h>

#include "plain.h"

XVS_NOTE("com.example.unloadable", "1.0.0", 1u << XVS_FILTER, 0);

__attribute__((destructor)) static void unmapped(void)
{
	(void)setenv("XVS_TEST_UNLOADED", "1", 1);
}

static const struct xvs_extension extensions[] = {
	{ PLAIN(XVS_FILTER, "com.example.unloadable") },
};
XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.flags = XVS_MODULE_UNLOADABLE,
	.extensions = XVS_TABLE(extensions),
};
