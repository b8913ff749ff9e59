/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/minisign.h - signatures of files, as minisign(1) writes them: Ed25519 (RFC 8032) over the
 * bytes, or over their BLAKE2b-512 digest (RFC 7693), and once more over the signature with its
 * trusted comment.
 */
#ifndef XVS_BASE_MINISIGN_H
#define XVS_BASE_MINISIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	MINISIGN_KEY_BYTES = 32,       /* RFC 8032, 5.1.5 */
	MINISIGN_SIGNATURE_BYTES = 64, /* RFC 8032, 5.1.6 */
	MINISIGN_ID_BYTES = 8,
	MINISIGN_KEY_TEXT = 56, /* characters of a public key in base64 */
	MINISIGN_COMMENT_MOST = 1024,
	MINISIGN_FILE_MOST = 4096, /* a file with a signature, or with a public key */
};

struct minisign_key {
	uint8_t id[MINISIGN_ID_BYTES];
	uint8_t bytes[MINISIGN_KEY_BYTES];
};

/* Who signed, and what the signer says of it: trusted, since it is signed as well. */
struct minisign_proof {
	char key[2 * MINISIGN_ID_BYTES + 1]; /* id, as minisign prints it */
	char comment[MINISIGN_COMMENT_MOST + 1];
};

/*
 * [any] A public key: the line of base64 alone, or the file of two lines that minisign writes.
 * -EINVAL: it is none.
 */
int minisign_key_parse(const char *text, size_t len, struct minisign_key *out,
		       struct xvs_error *err);

/* [any] The line of base64, as minisign writes it. */
void minisign_key_print(const struct minisign_key *key, char out[MINISIGN_KEY_TEXT + 1]);

/* [any] The id of a key as minisign prints it. */
void minisign_key_id(const uint8_t id[MINISIGN_ID_BYTES], char out[2 * MINISIGN_ID_BYTES + 1]);

/*
 * [any] Is 'signature' (the file's text) one of these bytes by one of the keys?  0: *out says by which.
 * -EINVAL: it is no signature; -ENOKEY: of a key that is not among them; -EBADMSG: not of these bytes,
 * or its comment was changed; -ENOMEM.
 */
int minisign_verify(const struct minisign_key *keys, size_t key_count, const char *signature,
		    size_t len, const void *bytes, size_t size, struct minisign_proof *out,
		    struct xvs_error *err);

#endif /* XVS_BASE_MINISIGN_H */
