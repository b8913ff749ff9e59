/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/lend.h - copies at the end of a page, behind which and after which there is nothing. */
#ifndef XVS_CONFORM_LEND_H
#define XVS_CONFORM_LEND_H

#include <stddef.h>

/* A copy; nobody may touch it, or what lies behind it, after lend_end().  Aligned to 8 bytes. */
void *lend(const void *bytes, size_t size);
void lend_end(const void *copy);

#endif /* XVS_CONFORM_LEND_H */
