/* SPDX-License-Identifier: Apache-2.0 */
/* base/minisign.c - keys and signatures of minisign(1), verified by OpenSSL. */
#include "base/minisign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_BYTES = 64, BASE64_MOST = 128, BYTES_MOST = 96 };

/* What is in base64: the kind of signature, whose key, then the key or the signature. */
enum {
	KIND_AT = 0,
	ID_AT = 2,
	BODY_AT = ID_AT + MINISIGN_ID_BYTES,
	PUBLIC_BYTES = BODY_AT + MINISIGN_KEY_BYTES,
	SIGNED_BYTES = BODY_AT + MINISIGN_SIGNATURE_BYTES,
};

static const char untrusted[] = "untrusted comment: ";
static const char trusted[] = "trusted comment: ";

struct text {
	const char *at;
	size_t len;
};

struct signature {
	bool is_of_digest;
	uint8_t id[MINISIGN_ID_BYTES];
	uint8_t of_file[MINISIGN_SIGNATURE_BYTES];
	uint8_t of_comment[MINISIGN_SIGNATURE_BYTES];
	struct text comment;
};

/* ---- text ------------------------------------------------------------------------------------------ */

/* Takes a line off; its end may be that of other systems, or of the file. */
static struct text take_line(struct text *rest)
{
	const char *end = memchr(rest->at, '\n', rest->len);
	struct text line = { rest->at, end ? (size_t)(end - rest->at) : rest->len };
	size_t taken = end ? line.len + 1 : line.len;

	rest->at += taken;
	rest->len -= taken;
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool begins_with(struct text t, const char *word)
{
	return t.len >= strlen(word) && memcmp(t.at, word, strlen(word)) == 0;
}

/* Exactly 'size' bytes of base64, padded as it has to be. */
static bool decode(struct text line, uint8_t *out, size_t size)
{
	uint8_t chars[BASE64_MOST];
	uint8_t bytes[BYTES_MOST];
	size_t padding = (3 - size % 3) % 3;

	if (line.len != (size + 2) / 3 * 4 || line.len > sizeof(chars))
		return false;
	for (size_t i = 0; i < line.len; i++) {
		chars[i] = (uint8_t)line.at[i];
		/* OpenSSL skips blanks, and takes padding for data */
		if (chars[i] <= ' ' || (chars[i] == '=') != (i + padding >= line.len))
			return false;
	}
	if (EVP_DecodeBlock(bytes, chars, (int)line.len) < (int)size)
		return false;
	memcpy(out, bytes, size);
	return true;
}

/* It is printed as it is; minisign itself writes tabs. */
static bool is_printable(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		if (((unsigned char)t.at[i] < ' ' && t.at[i] != '\t') || t.at[i] == 0x7f)
			return false;
	}
	return t.len <= MINISIGN_COMMENT_MOST;
}

void minisign_key_id(const uint8_t id[MINISIGN_ID_BYTES], char out[2 * MINISIGN_ID_BYTES + 1])
{
	for (int i = 0; i < MINISIGN_ID_BYTES; i++) /* a number, its lowest byte first */
		(void)snprintf(out + 2 * (ptrdiff_t)i, 3, "%02X", id[MINISIGN_ID_BYTES - 1 - i]);
}

int minisign_key_parse(const char *text, size_t len, struct minisign_key *out,
		       struct xvs_error *err)
{
	struct text rest = { text, len };
	struct text line = take_line(&rest);
	uint8_t bytes[PUBLIC_BYTES];

	if (begins_with(line, untrusted))
		line = take_line(&rest);
	if (!decode(line, bytes, sizeof(bytes)) || memcmp(bytes + KIND_AT, "Ed", 2) != 0 ||
	    rest.len)
		return error_set(
			err, -EINVAL, "",
			"is not a public key of minisign: 56 characters that begin with RW");
	memcpy(out->id, bytes + ID_AT, sizeof(out->id));
	memcpy(out->bytes, bytes + BODY_AT, sizeof(out->bytes));
	return 0;
}

void minisign_key_print(const struct minisign_key *key, char out[MINISIGN_KEY_TEXT + 1])
{
	uint8_t bytes[PUBLIC_BYTES] = { 'E', 'd' };

	memcpy(bytes + ID_AT, key->id, sizeof(key->id));
	memcpy(bytes + BODY_AT, key->bytes, sizeof(key->bytes));
	(void)EVP_EncodeBlock((unsigned char *)out, bytes, sizeof(bytes));
}

static bool signature_parse(const char *text, size_t len, struct signature *out)
{
	struct text rest = { text, len };
	uint8_t bytes[SIGNED_BYTES];
	struct text line;

	if (len > MINISIGN_FILE_MOST || !begins_with(take_line(&rest), untrusted) ||
	    !decode(take_line(&rest), bytes, sizeof(bytes)))
		return false;
	line = take_line(&rest);
	if (!begins_with(line, trusted))
		return false;
	out->comment.at = line.at + strlen(trusted);
	out->comment.len = line.len - strlen(trusted);
	if (!is_printable(out->comment) ||
	    !decode(take_line(&rest), out->of_comment, sizeof(out->of_comment)) || rest.len)
		return false;
	out->is_of_digest = memcmp(bytes + KIND_AT, "ED", 2) == 0;
	memcpy(out->id, bytes + ID_AT, sizeof(out->id));
	memcpy(out->of_file, bytes + BODY_AT, sizeof(out->of_file));
	return out->is_of_digest || memcmp(bytes + KIND_AT, "Ed", 2) == 0;
}

/* ---- arithmetic ------------------------------------------------------------------------------------ */

/* 1: it is; 0: it is not; -1: out of memory. */
static int is_signed(const struct minisign_key *key, const uint8_t *signature, const void *bytes,
		     size_t size)
{
	EVP_PKEY *public =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, sizeof(key->bytes));
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	int result = -1;

	if (public && digest && EVP_DigestVerifyInit(digest, NULL, NULL, NULL, public) == 1)
		result = EVP_DigestVerify(digest, signature, MINISIGN_SIGNATURE_BYTES, bytes,
					  size) == 1;
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(public);
	return result;
}

static int is_file_signed(const struct minisign_key *key, const struct signature *s,
			  const void *bytes, size_t size)
{
	uint8_t digest[DIGEST_BYTES];

	if (!s->is_of_digest)
		return is_signed(key, s->of_file, bytes, size);
	if (EVP_Digest(bytes, size, digest, NULL, EVP_blake2b512(), NULL) != 1)
		return -1;
	return is_signed(key, s->of_file, digest, sizeof(digest));
}

static int is_comment_signed(const struct minisign_key *key, const struct signature *s)
{
	uint8_t both[MINISIGN_SIGNATURE_BYTES + MINISIGN_COMMENT_MOST];

	memcpy(both, s->of_file, MINISIGN_SIGNATURE_BYTES);
	memcpy(both + MINISIGN_SIGNATURE_BYTES, s->comment.at, s->comment.len);
	return is_signed(key, s->of_comment, both, MINISIGN_SIGNATURE_BYTES + s->comment.len);
}

static const struct minisign_key *key_of(const struct minisign_key *keys, size_t count,
					 const struct signature *s)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(keys[i].id, s->id, sizeof(s->id)) == 0)
			return &keys[i];
	}
	return NULL;
}

int minisign_verify(const struct minisign_key *keys, size_t key_count, const char *signature,
		    size_t len, const void *bytes, size_t size, struct minisign_proof *out,
		    struct xvs_error *err)
{
	const struct minisign_key *key;
	struct signature s;
	int file, comment;

	if (!signature_parse(signature, len, &s))
		return error_set(err, -EINVAL, "", "is not a signature as minisign writes them");
	minisign_key_id(s.id, out->key);
	key = key_of(keys, key_count, &s);
	if (!key)
		return error_set(err, -ENOKEY, "", "is of key %s, which is not trusted", out->key);
	file = is_file_signed(key, &s, bytes, size);
	comment = is_comment_signed(key, &s);
	if (file < 0 || comment < 0)
		return error_set(err, -ENOMEM, "", "cannot be verified: out of memory");
	if (!file)
		return error_set(
			err, -EBADMSG, "",
			"is not of this file: one of the two was changed after key %s signed",
			out->key);
	if (!comment)
		return error_set(err, -EBADMSG, "",
				 "has a comment that was changed after key %s signed", out->key);
	(void)snprintf(out->comment, sizeof(out->comment), "%.*s", (int)s.comment.len,
		       s.comment.at);
	return 0;
}
