/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/excerpt.c - showing somebody else's text inside a message.
 *
 * A value may come from a file that an attacker wrote; it must not move the cursor of the
 * operator who reads why it was refused.
 */
#include "base/excerpt.h"

#include <stdbool.h>
#include <string.h>

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* C1 controls are the two bytes c2 80 to c2 9f. */
static bool is_control_pair(const unsigned char *c)
{
	return c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f;
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

const char *excerpt(const char *text, char out[EXCERPT_TEXT])
{
	static const char dots[] = "...";
	size_t room = EXCERPT_TEXT - sizeof(dots);
	size_t len = strnlen(text, EXCERPT_TEXT);
	bool is_cut = len >= EXCERPT_TEXT;

	if (len == 0)
		return memcpy(out, "\"\"", 3);
	if (is_cut) {
		/* A character is shown whole or not at all. */
		for (len = room; len > 0 && is_continuation(text[len]); len--)
			;
	}
	memcpy(out, text, len);
	memcpy(out + len, is_cut ? dots : "", is_cut ? sizeof(dots) : 1);
	for (size_t i = 0; i < len; i++) {
		const unsigned char *c = (const unsigned char *)out + i;

		if (is_control_pair(c))
			out[i] = out[i + 1] = '?';
		else if (is_control(*c))
			out[i] = '?';
	}
	return out;
}
