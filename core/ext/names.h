/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/names.h - the forms of identifiers and of text that come from a vendor.
 */
#ifndef XVS_EXT_NAMES_H
#define XVS_EXT_NAMES_H

#include "base/error.h"

enum {
	ID_MAX = 63,
	WORD_MAX = 63,
	VERSION_MAX = 23,
	TEXT_MAX = 1023,
};

/* [any] "com.example.guard": two or more words with dots between; letters, digits, - and _. */
bool id_is_valid(const char *id);

/* [any] "com.example.guard/1": an id, and a revision of 1 or more without leading zero. */
bool id_with_rev_is_valid(const char *id);

/* [any] "rate_kbps", "spoofed-mac": begins with a letter; letters, digits, '-' and '_'. */
bool word_is_valid(const char *word);

/*
 * [any] One line of valid UTF-8 without control characters, 1 .. max bytes.  'what' names it in
 * the error: "xvs_extension.vendor".
 */
int text_check(const char *what, const char *text, size_t max, struct xvs_error *err);

#endif /* XVS_EXT_NAMES_H */
