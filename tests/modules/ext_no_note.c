/* SPDX-License-Identifier: Apache-2.0 */
/* Without XVS_NOTE. */
#include "plain.h"

static const struct xvs_extension extensions[] = { { PLAIN(XVS_FILTER, "com.example.nonote") } };
PLAIN_MODULE(extensions);
