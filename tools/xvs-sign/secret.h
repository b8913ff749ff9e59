/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-sign/secret.h - secret keys as minisign(1) keeps those without a password, and signing with them.
 */
#ifndef XVS_SIGN_SECRET_H
#define XVS_SIGN_SECRET_H

#include "base/minisign.h"

enum {
	SECRET_SEED_BYTES = 32,
	SECRET_TEXT_MOST =
		512, /* a file with a secret key, and one with a signature but for its comment */
};

struct secret_key {
	uint8_t seed[SECRET_SEED_BYTES]; /* RFC 8032, 5.1.5 */
	struct minisign_key public;
};

/* A new one.  -EIO: OpenSSL has no random numbers. */
int secret_make(struct secret_key *out, struct xvs_error *err);

/* As a file has it, both ways.  -EINVAL: it is none; -EACCES: it has a password. */
void secret_print(const struct secret_key *k, char out[SECRET_TEXT_MOST]);
int secret_parse(const char *text, size_t len, struct secret_key *out, struct xvs_error *err);

/*
 * The file with a signature of these bytes' digest; NUL-terminated.  'comment' is at most
 * MINISIGN_COMMENT_MOST characters, without control characters but tabs: else -EINVAL.  -EIO: OpenSSL
 * refused.
 */
int secret_sign(const struct secret_key *k, const void *bytes, size_t size, const char *comment,
		char out[SECRET_TEXT_MOST + MINISIGN_COMMENT_MOST], struct xvs_error *err);

#endif /* XVS_SIGN_SECRET_H */
