/* SPDX-License-Identifier: Apache-2.0 */
/* newer.h - structures as a later minor of the ABI might have them: one more member each. */
#ifndef XVS_TEST_MODULES_NEWER_H
#define XVS_TEST_MODULES_NEWER_H

#include "plain.h"

struct newer_extension {
	struct xvs_extension old;
	uint64_t added;
};

struct newer_label {
	struct xvs_label old;
	uint64_t added;
};

#endif /* XVS_TEST_MODULES_NEWER_H */
