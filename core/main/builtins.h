/* SPDX-License-Identifier: Apache-2.0 */
/* main/builtins.h - the extensions that are a part of xvsd (plugins/builtin). */
#ifndef XVS_MAIN_BUILTINS_H
#define XVS_MAIN_BUILTINS_H

#include "xvs/extension.h"

/* Up to NULL; in the order in which their instances stand in every chain. */
extern const struct xvs_module *const builtin_modules[];

#endif /* XVS_MAIN_BUILTINS_H */
