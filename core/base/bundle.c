/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/bundle.c - one form of archive, written and read.
 *
 * A reader takes nothing from a header but which part it is and how long; then it must be the very
 * header that the writer makes of these.
 */
#include "base/bundle.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK = 512,
	END = 2 * BLOCK, /* of zeros */
	NAME_AT = 0,
	NAME_LEN = 100,
	MODE_AT = 100,
	SIZE_AT = 124,
	SIZE_DIGITS = 11,
	MTIME_AT = 136,
	SUM_AT = 148,
	SUM_LEN = 8,
	TYPE_AT = 156,
	MAGIC_AT = 257,
	DEVICE_AT = 329,
};

static const struct {
	const char *name;
	size_t most;
	bool is_required;
} forms[BUNDLE_PARTS] = {
	[BUNDLE_MANIFEST] = { "manifest.json", 64 << 10, true },
	[BUNDLE_MODULE] = { "module.so", 128 << 20, true },
	[BUNDLE_LICENCE] = { "LICENSE", 1 << 20, false },
	[BUNDLE_CONFORMANCE] = { "conformance.json", 1 << 20, false },
	[BUNDLE_SIGNATURE] = { "signature.minisig", 4096, false },
};

bool bundle_is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".xvsx") == 0;
}

const char *bundle_part_name(enum bundle_part part)
{
	return forms[part].name;
}

static size_t padded(size_t len)
{
	return (len + BLOCK - 1) / BLOCK * BLOCK;
}

static void header_make(enum bundle_part part, size_t len, uint8_t out[BLOCK])
{
	static const char owner[] = "0000000\0000000000"; /* user, group: nobody's in particular */
	char sum_text[SUM_LEN];
	char size_text[SIZE_DIGITS + 1];
	unsigned sum = 0;

	memset(out, 0, BLOCK);
	memcpy(out + NAME_AT, forms[part].name, strlen(forms[part].name));
	memcpy(out + MODE_AT, "0000644", 8);
	memcpy(out + MODE_AT + 8, owner, sizeof(owner));
	(void)snprintf(size_text, sizeof(size_text), "%011o", (unsigned)len);
	memcpy(out + SIZE_AT, size_text, sizeof(size_text));
	memcpy(out + MTIME_AT, "00000000000", 12);
	memset(out + SUM_AT, ' ', SUM_LEN);
	out[TYPE_AT] = '0';
	memcpy(out + MAGIC_AT, "ustar\00000", 8);
	memcpy(out + DEVICE_AT, owner, sizeof(owner));
	for (size_t i = 0; i < BLOCK; i++)
		sum += out[i];
	(void)snprintf(sum_text, sizeof(sum_text), "%06o", sum);
	memcpy(out + SUM_AT, sum_text, 7);
}

/* ---- reading --------------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *bytes;
	size_t size;
	size_t at;
};

static int malformed(const struct reader *r, struct xvs_error *err)
{
	return error_set(err, -EINVAL, "",
			 "is no bundle of an extension: byte %zu is not what xvs-sign writes",
			 r->at);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Which part begins here, of those that may still come; BUNDLE_PARTS: none. */
static enum bundle_part part_at(const struct reader *r, enum bundle_part first)
{
	enum bundle_part part = first;

	while (part < BUNDLE_PARTS &&
	       strncmp((const char *)r->bytes + r->at, forms[part].name, NAME_LEN) != 0)
		part++;
	return part;
}

/* Digits that are none make a number that the header is not written with. */
static size_t length_at(const struct reader *r)
{
	size_t len = 0;

	for (size_t i = 0; i < SIZE_DIGITS; i++)
		len = len << 3 | (r->bytes[r->at + SIZE_AT + i] & 7u);
	return len;
}

static int read_part(struct reader *r, enum bundle_part part, struct bundle_bytes *out,
		     struct xvs_error *err)
{
	uint8_t header[BLOCK];
	size_t len = length_at(r);

	if (len == 0 || len > forms[part].most)
		return error_set(err, -EINVAL, "", "has a %s of %zu bytes, at most %zu are read",
				 forms[part].name, len, forms[part].most);
	header_make(part, len, header);
	if (memcmp(r->bytes + r->at, header, BLOCK) != 0)
		return malformed(r, err);
	r->at += BLOCK;
	if (padded(len) > r->size - r->at)
		return error_set(err, -EINVAL, "", "is cut short within its %s", forms[part].name);
	*out = (struct bundle_bytes){ r->bytes + r->at, len };
	r->at += len;
	if (!is_zero(r->bytes + r->at, padded(len) - len))
		return malformed(r, err);
	r->at += padded(len) - len;
	return 0;
}

static int check_required(const struct bundle_view *b, struct xvs_error *err)
{
	for (enum bundle_part part = 0; part < BUNDLE_PARTS; part++) {
		if (forms[part].is_required && !b->parts[part].at)
			return error_set(err, -EINVAL, "", "is a bundle without %s",
					 forms[part].name);
	}
	return 0;
}

int bundle_parse(const void *bytes, size_t size, struct bundle_view *out, struct xvs_error *err)
{
	struct reader r = { .bytes = bytes, .size = size };
	struct bundle_view b = { .signed_size = 0 };
	enum bundle_part next = 0;
	int code;

	while (r.size - r.at > END) {
		enum bundle_part part = part_at(&r, next);

		if (part == BUNDLE_PARTS)
			return malformed(&r, err);
		if (part == BUNDLE_SIGNATURE)
			b.signed_size = r.at;
		code = read_part(&r, part, &b.parts[part], err);
		if (code)
			return code;
		next = part + 1;
	}
	if (r.size - r.at != END || !is_zero(r.bytes + r.at, END))
		return malformed(&r, err);
	if (!b.parts[BUNDLE_SIGNATURE].at)
		b.signed_size = r.at;
	code = check_required(&b, err);
	if (code == 0)
		*out = b;
	return code;
}

/* ---- writing --------------------------------------------------------------------------------------- */

static int check_parts(const struct bundle_bytes parts[BUNDLE_PARTS], size_t *size,
		       struct xvs_error *err)
{
	*size = END;
	for (enum bundle_part part = 0; part < BUNDLE_PARTS; part++) {
		if (parts[part].at && (!parts[part].len || parts[part].len > forms[part].most))
			return error_set(err, -EINVAL, "", "%s has %zu bytes, it may have 1 to %zu",
					 forms[part].name, parts[part].len, forms[part].most);
		if (!parts[part].at && forms[part].is_required)
			return error_set(err, -EINVAL, "", "a bundle wants a %s", forms[part].name);
		if (parts[part].at)
			*size += BLOCK + padded(parts[part].len);
	}
	return 0;
}

int bundle_make(const struct bundle_bytes parts[BUNDLE_PARTS], void **out, size_t *size,
		struct xvs_error *err)
{
	int code = check_parts(parts, size, err);
	uint8_t *bytes, *at;

	if (code)
		return code;
	bytes = calloc(1, *size);
	if (!bytes)
		return error_set(err, -ENOMEM, "", "out of memory");
	at = bytes;
	for (enum bundle_part part = 0; part < BUNDLE_PARTS; part++) {
		if (!parts[part].at)
			continue;
		header_make(part, parts[part].len, at);
		memcpy(at + BLOCK, parts[part].at, parts[part].len);
		at += BLOCK + padded(parts[part].len);
	}
	*out = bytes;
	return 0;
}
