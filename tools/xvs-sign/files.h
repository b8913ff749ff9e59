/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-sign/files.h - files, read and written as a whole; who fails has said so. */
#ifndef XVS_SIGN_FILES_H
#define XVS_SIGN_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { NAME_MOST = 4096 };

struct bytes {
	char *at; /* to be free()d */
	size_t len;
};

/* Says what is wrong with a file; EXIT_FAILURE. */
int complain(const char *file, const char *why);

/* 0, or EXIT_FAILURE and nothing in *out. */
int read_file(const char *name, struct bytes *out);

/* What was there before stays, if it 'is_new'; else it gives way to the new one, as a whole. */
int write_file(const char *name, const struct bytes *bytes, mode_t mode, bool is_new);

/* The name with an end; false: it is too long. */
bool beside(const char *name, const char *end, char out[NAME_MOST]);

#endif /* XVS_SIGN_FILES_H */
