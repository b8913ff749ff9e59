/* SPDX-License-Identifier: Apache-2.0 */
/* For the next major version of the ABI only. */
#define xvs_module_1 xvs_module_2
#include "plain.h"
#undef XVS_ABI_MAJOR
#define XVS_ABI_MAJOR 2

XVS_NOTE("com.example.major2", "1.0.0", 1u << XVS_FILTER, 0);

static const struct xvs_extension extensions[] = { { PLAIN(XVS_FILTER, "com.example.major2") } };
PLAIN_MODULE(extensions);
