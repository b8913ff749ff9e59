/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/file.h - a file read whole: bounded, and a copy, which nobody changes while it is parsed.
 */
#ifndef XVS_EXT_FILE_H
#define XVS_EXT_FILE_H

#include "base/error.h"

enum { FILE_BYTES_MAX = 256 << 20 };

/* [any] A regular file; *bytes is the caller's to free().  An empty one is refused. */
int file_read(int fd, void **bytes, size_t *size, struct xvs_error *err);

/* [any] The same by name. */
int file_read_path(const char *path, void **bytes, size_t *size, struct xvs_error *err);

#endif /* XVS_EXT_FILE_H */
