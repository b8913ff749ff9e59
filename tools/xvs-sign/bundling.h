/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-sign/bundling.h - a module, its manifest and what else belongs to it become one file, NAME.xvsx. */
#ifndef XVS_SIGN_BUNDLING_H
#define XVS_SIGN_BUNDLING_H

#include "files.h"
#include "secret.h"

enum { COMMENT_BYTES = 512 };

/* Names of files; NULL: there is none. */
struct bundling {
	const char *out;
	const char *key; /* without one it is not signed */
	const char *comment;
	const char *manifest;
	const char *licence;
	const char *result; /* of xvs-conform */
};

/* Each 0, or EXIT_FAILURE when what is wrong has been said. */
int bundle_file(const struct bundling *b, const char *module);

/* *file: as much of it as is signed; both are the caller's to free(). */
int read_bundle(const char *name, struct bytes *file, struct bytes *signature);

int read_secret(const char *name, struct secret_key *out);

/* What minisign(1) says of a file where nothing else is to be said. */
void usual_comment(const char *name, char out[COMMENT_BYTES]);

#endif /* XVS_SIGN_BUNDLING_H */
