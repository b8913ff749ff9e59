/* SPDX-License-Identifier: Apache-2.0 */
/* Says that it cannot work with a host older than ABI 1.7. */
#define XVS_NEEDS_MINOR 7
#include "plain.h"

XVS_NOTE("com.example.minor7", "1.0.0", 1u << XVS_FILTER, 0);

static const struct xvs_extension extensions[] = { { PLAIN(XVS_FILTER, "com.example.minor7") } };
PLAIN_MODULE(extensions);
