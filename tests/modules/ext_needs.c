/* SPDX-License-Identifier: Apache-2.0 */
/* Needs an interface that this host does not have. */
#include "plain.h"

XVS_NOTE("com.example.needs", "1.0.0", 1u << XVS_FILTER, 0);

static const char *const needs[] = { "xvs.timer/1", "xvs.teleport/1" };
static const struct xvs_extension extensions[] = {
	{ PLAIN(XVS_FILTER, "com.example.needs"), .needs = XVS_TABLE(needs) },
};
PLAIN_MODULE(extensions);
