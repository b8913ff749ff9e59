/* SPDX-License-Identifier: Apache-2.0 */
/* The note asks for a right that nobody knows. */
#include "plain.h"

XVS_NOTE("com.example.rights", "1.0.0", 1u << XVS_FILTER, 1u << 30 | XVS_RIGHT_QUEUE);

static const struct xvs_extension extensions[] = { { PLAIN(XVS_FILTER, "com.example.rights") } };
PLAIN_MODULE(extensions);
