/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/names.c - identifiers, words and lines of text of a vendor, and names of our enums.
 *
 * What is checked here is printed to terminals and journals later and is part of file formats, so
 * the forms are narrow.  No string is read behind the longest that is allowed.
 */
#include "ext/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "ext/module.h"

/* Not isalnum(): it depends on the locale. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
	return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

/* Length of the id at 'id', up to the first character that is no part of one; 0: there is none. */
static size_t id_span(const char *id)
{
	size_t len = 0;
	unsigned dots = 0;

	for (;;) {
		size_t part = len;

		while (len <= ID_MAX && is_word_char(id[len]))
			len++;
		if (len == part || len > ID_MAX)
			return 0;
		if (id[len] != '.')
			return dots ? len : 0;
		dots++;
		len++;
	}
}

bool id_is_valid(const char *id)
{
	size_t len = id_span(id);

	return len && id[len] == '\0';
}

bool id_with_rev_is_valid(const char *id)
{
	enum { REV_DIGITS = 5 };
	size_t len = id_span(id);
	size_t digits = 0;

	if (!len || id[len] != '/' || id[len + 1] == '0')
		return false;
	while (digits <= REV_DIGITS && is_digit(id[len + 1 + digits]))
		digits++;
	return digits && digits <= REV_DIGITS && len + 1 + digits <= ID_MAX &&
	       id[len + 1 + digits] == '\0';
}

bool word_is_valid(const char *word)
{
	size_t len = 0;

	if (!is_letter(word[0]))
		return false;
	while (len <= WORD_MAX && is_word_char(word[len]))
		len++;
	return len <= WORD_MAX && word[len] == '\0';
}

/* Bytes of the UTF-8 sequence that begins with 'first'; 0: none does (RFC 3629, section 3). */
static unsigned utf8_len(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	if (first >= 0xf0 && first < 0xf5)
		return 4;
	return 0;
}

/* Overlong forms, surrogates and what lies above U+10FFFF, seen in the first two bytes. */
static bool utf8_second_is_bad(uint8_t first, uint8_t second)
{
	return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
	       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
}

/* Length of the printable character at 's', which ends with NUL; 0: not one. */
static unsigned char_len(const char *s)
{
	uint8_t first = (uint8_t)s[0];
	unsigned len = utf8_len(first);

	if (first < ' ' || first == 0x7f)
		return 0;
	for (unsigned i = 1; i < len; i++) {
		if (((uint8_t)s[i] & 0xc0) != 0x80)
			return 0;
	}
	if (len > 1 && utf8_second_is_bad(first, (uint8_t)s[1]))
		return 0;
	return len;
}

int text_check(const char *what, const char *text, size_t max, struct xvs_error *err)
{
	size_t len = 0;

	if (!text)
		return error_set(err, -EINVAL, "", "%s is NULL", what);
	while (text[len] != '\0' && len <= max) {
		unsigned step = char_len(text + len);

		if (!step)
			return error_set(err, -EINVAL, "", "%s: byte %zu is not printable UTF-8",
					 what, len);
		len += step;
	}
	if (len == 0)
		return error_set(err, -EINVAL, "", "%s is empty", what);
	if (len > max)
		return error_set(err, -EINVAL, "", "%s is longer than %zu bytes", what, max);
	return 0;
}

const char *class_name(uint32_t cls)
{
	static const char *const names[] = {
		[XVS_INSPECT] = "inspect",
		[XVS_FILTER] = "filter",
		[XVS_FIREWALL] = "firewall",
		[XVS_FORWARD] = "forward",
	};

	if (cls < XVS_INSPECT || cls > XVS_FORWARD)
		return "unknown";
	return names[cls];
}

void rights_print(uint32_t rights, char *out, size_t size)
{
	static const char *const names[] = {
		"originate",      "rewrite", "queue",   "impersonate",
		"trusted-origin", "payload", "network",
	};
	size_t len = 0;

	(void)str_copy(out, size, rights ? "" : "none");
	for (size_t bit = 0; bit < sizeof(names) / sizeof(names[0]); bit++) {
		if (!(rights & 1u << bit) || len >= size)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s", len ? "," : "", names[bit]);
	}
	rights &= ~((1u << sizeof(names) / sizeof(names[0])) - 1);
	if (rights && len < size)
		(void)snprintf(out + len, size - len, "%s0x%x", len ? "," : "", rights);
}
