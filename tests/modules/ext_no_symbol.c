/* SPDX-License-Identifier: Apache-2.0 */
/* A note, and nothing behind it. */
#include "xvs/extension.h"

XVS_NOTE("com.example.nosymbol", "1.0.0", 1u << XVS_FILTER, 0);
