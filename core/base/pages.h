/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/pages.h - memory of large tables that are met at random: in huge pages 512 times fewer
 * translations are needed to reach them.
 */
#ifndef XVS_BASE_PAGES_H
#define XVS_BASE_PAGES_H

#include <stddef.h>

/* [any] Zeroed, and not there until touched; huge where it is large.  NULL: refused. */
void *pages_map(size_t bytes);
void pages_unmap(void *p, size_t bytes); /* NULL is fine */

#endif /* XVS_BASE_PAGES_H */
