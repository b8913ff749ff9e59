/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/builtins.c - extensions like any other, written against xvs/ alone, but linked in: they carry
 * policies that every switch must have.
 */
#include "main/builtins.h"

#include <stddef.h>

extern const struct xvs_module xvs_builtin_portacl;

const struct xvs_module *const builtin_modules[] = { &xvs_builtin_portacl, NULL };
