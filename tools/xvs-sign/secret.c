/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-sign/secret.c - secret keys of minisign(1), and what they sign. */
#include "secret.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

/* What is in base64: 158 bytes, of which those of passwords are zero. */
enum {
	KIND_AT = 0,
	PASSWORD_AT = 2, /* how the key is made of one */
	SUM_AT = 4,
	ID_AT = 54,
	SEED_AT = ID_AT + MINISIGN_ID_BYTES,
	PUBLIC_AT = SEED_AT + SECRET_SEED_BYTES,
	SECRET_BYTES = PUBLIC_AT + MINISIGN_KEY_BYTES + 32,
	SECRET_CHARS = (SECRET_BYTES + 2) / 3 * 4,
	DIGEST_BYTES = 64,
};

static const char comment_line[] = "untrusted comment: ";

static EVP_PKEY *pkey_of(const struct secret_key *k)
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof(k->seed));
}

static bool fill_public(struct secret_key *k)
{
	size_t len = sizeof(k->public.bytes);
	EVP_PKEY *pkey = pkey_of(k);
	bool is_filled = pkey && EVP_PKEY_get_raw_public_key(pkey, k->public.bytes, &len) == 1;

	EVP_PKEY_free(pkey);
	return is_filled;
}

int secret_make(struct secret_key *out, struct xvs_error *err)
{
	if (RAND_bytes(out->public.id, sizeof(out->public.id)) != 1 ||
	    RAND_priv_bytes(out->seed, sizeof(out->seed)) != 1 || !fill_public(out))
		return error_set(err, -EIO, "", "a key cannot be made: OpenSSL refuses");
	return 0;
}

/* ---- files ----------------------------------------------------------------------------------------- */

void secret_print(const struct secret_key *k, char out[SECRET_TEXT_MOST])
{
	uint8_t bytes[SECRET_BYTES] = { 'E', 'd', 0, 0, 'B', '2' };
	unsigned char base64[SECRET_CHARS + 1];

	memcpy(bytes + ID_AT, k->public.id, sizeof(k->public.id));
	memcpy(bytes + SEED_AT, k->seed, sizeof(k->seed));
	memcpy(bytes + PUBLIC_AT, k->public.bytes, sizeof(k->public.bytes));
	(void)EVP_EncodeBlock(base64, bytes, sizeof(bytes));
	(void)snprintf(out, SECRET_TEXT_MOST, "%sminisign secret key, without a password\n%s\n",
		       comment_line, base64);
}

static bool decode(const char *line, uint8_t out[SECRET_BYTES])
{
	uint8_t bytes[SECRET_CHARS / 4 * 3];

	if (strcspn(line, "\r\n") != SECRET_CHARS ||
	    EVP_DecodeBlock(bytes, (const unsigned char *)line, SECRET_CHARS) < SECRET_BYTES)
		return false;
	memcpy(out, bytes, SECRET_BYTES);
	return true;
}

int secret_parse(const char *text, size_t len, struct secret_key *out, struct xvs_error *err)
{
	char copy[SECRET_TEXT_MOST] = "";
	uint8_t bytes[SECRET_BYTES];
	const char *line;

	if (len < sizeof(copy))
		memcpy(copy, text, len);
	line = strchr(copy, '\n');
	if (strncmp(copy, comment_line, strlen(comment_line)) != 0 || !line ||
	    !decode(line + 1, bytes) || memcmp(bytes + KIND_AT, "Ed", 2) != 0 ||
	    memcmp(bytes + SUM_AT, "B2", 2) != 0)
		return error_set(err, -EINVAL, "", "is not a secret key of minisign");
	if (bytes[PASSWORD_AT] || bytes[PASSWORD_AT + 1])
		return error_set(
			err, -EACCES, "",
			"has a password: sign with minisign itself, which asks for it; its "
			"signatures are as good");
	memcpy(out->public.id, bytes + ID_AT, sizeof(out->public.id));
	memcpy(out->seed, bytes + SEED_AT, sizeof(out->seed));
	if (!fill_public(out) ||
	    memcmp(out->public.bytes, bytes + PUBLIC_AT, sizeof(out->public.bytes)) != 0)
		return error_set(err, -EINVAL, "", "is damaged: its two halves do not fit");
	return 0;
}

/* ---- signatures ------------------------------------------------------------------------------------ */

static bool sign(const struct secret_key *k, const void *bytes, size_t size,
		 uint8_t out[MINISIGN_SIGNATURE_BYTES])
{
	size_t len = MINISIGN_SIGNATURE_BYTES;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY *pkey = pkey_of(k);
	bool is_signed = pkey && digest &&
			 EVP_DigestSignInit(digest, NULL, NULL, NULL, pkey) == 1 &&
			 EVP_DigestSign(digest, out, &len, bytes, size) == 1;

	EVP_PKEY_free(pkey);
	EVP_MD_CTX_free(digest);
	return is_signed;
}

/* A signature, then the comment that a second one is of. */
struct said {
	uint8_t kind[2];
	uint8_t id[MINISIGN_ID_BYTES];
	uint8_t signature[MINISIGN_SIGNATURE_BYTES];
	uint8_t comment[MINISIGN_COMMENT_MOST];
};

static bool sign_both(const struct secret_key *k, struct said *s, const void *bytes, size_t size,
		      size_t comment, uint8_t again[MINISIGN_SIGNATURE_BYTES])
{
	uint8_t digest[DIGEST_BYTES];

	return EVP_Digest(bytes, size, digest, NULL, EVP_blake2b512(), NULL) == 1 &&
	       sign(k, digest, sizeof(digest), s->signature) &&
	       sign(k, s->signature, sizeof(s->signature) + comment, again);
}

static bool is_printable(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
			return false;
	}
	return strlen(text) <= MINISIGN_COMMENT_MOST;
}

int secret_sign(const struct secret_key *k, const void *bytes, size_t size, const char *comment,
		char out[SECRET_TEXT_MOST + MINISIGN_COMMENT_MOST], struct xvs_error *err)
{
	struct said s = { .kind = { 'E', 'D' } };
	uint8_t again[MINISIGN_SIGNATURE_BYTES];
	unsigned char first[128], second[128];

	if (!is_printable(comment))
		return error_set(err, -EINVAL, "",
				 "the comment is one line of at most %d characters",
				 MINISIGN_COMMENT_MOST);
	memcpy(s.id, k->public.id, sizeof(s.id));
	memcpy(s.comment, comment, strlen(comment));
	if (!sign_both(k, &s, bytes, size, strlen(comment), again))
		return error_set(err, -EIO, "", "cannot be signed: OpenSSL refuses");
	(void)EVP_EncodeBlock(first, s.kind, (int)offsetof(struct said, comment));
	(void)EVP_EncodeBlock(second, again, sizeof(again));
	(void)snprintf(out, SECRET_TEXT_MOST + MINISIGN_COMMENT_MOST,
		       "%ssignature by xvs-sign\n%s\ntrusted comment: %s\n%s\n", comment_line,
		       first, comment, second);
	return 0;
}
