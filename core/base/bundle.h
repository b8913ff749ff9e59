/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/bundle.h - all of an extension in one file, NAME.xvsx: an uncompressed archive that tar(1) lists.
 *
 * It has the POSIX ustar form (IEEE Std 1003.1, pax) and no freedom within it: names, order, and each byte of a
 * header follow from what the parts are and how long, so there is one file for given parts, and no second
 * reader can take it for something else.  The signature is the last part, and of all bytes in front of it.
 */
#ifndef XVS_BASE_BUNDLE_H
#define XVS_BASE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum bundle_part {
	BUNDLE_MANIFEST,    /* manifest.json; what it is */
	BUNDLE_MODULE,      /* module.so */
	BUNDLE_LICENCE,     /* LICENSE, or nothing */
	BUNDLE_CONFORMANCE, /* conformance.json, what xvs-conform found, or nothing */
	BUNDLE_SIGNATURE,   /* signature.minisig, or nothing */
	BUNDLE_PARTS,
};

struct bundle_bytes {
	const void *at; /* NULL: it is not there */
	size_t len;
};

struct bundle_view {
	struct bundle_bytes parts[BUNDLE_PARTS];
	size_t signed_size; /* so many bytes of the file are signed, or are to be */
};

/* [any] Is it one by its name, NAME.xvsx? */
bool bundle_is_name(const char *name);

const char *bundle_part_name(enum bundle_part part);

/* [any] *out points into 'bytes'.  -EINVAL: it is none, with the place where it stops being one. */
int bundle_parse(const void *bytes, size_t size, struct bundle_view *out, struct xvs_error *err);

/* [any] The file, to be free()d.  -EINVAL: a part lacks or is too long; -ENOMEM. */
int bundle_make(const struct bundle_bytes parts[BUNDLE_PARTS], void **out, size_t *size,
		struct xvs_error *err);

#endif /* XVS_BASE_BUNDLE_H */
