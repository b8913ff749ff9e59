/* SPDX-License-Identifier: Apache-2.0 */
#include "remote_lines.h"

#include <stdlib.h>
#include <string.h>

#include "remote.h"

static bool keep(struct lines *l, const uint8_t *bytes, size_t len)
{
	if (l->len + len > l->room) {
		size_t room = (l->len + len) * 2;
		char *text = realloc(l->text, room);

		if (!text)
			return false;
		l->text = text;
		l->room = room;
	}
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
	return true;
}

/* A newline is the last of 'len' bytes. */
static enum lines_end line_end(struct lines *l, const uint8_t *bytes, size_t len,
			       bool (*take)(void *arg, const char *line, size_t len), void *arg)
{
	bool goes_on;

	if (l->len == 0)
		return take(arg, (const char *)bytes, len - 1) ? LINES_FINE : LINES_GONE;
	if (!keep(l, bytes, len))
		return LINES_NO_MEMORY;
	len = l->len;
	l->len = 0;
	{
		/* the link, and 'l' with it, may be gone when take() returns */
		char *text = l->text;

		l->text = NULL;
		l->room = 0;
		goes_on = take(arg, text, len - 1);
		free(text);
	}
	return goes_on ? LINES_FINE : LINES_GONE;
}

enum lines_end lines_input(struct lines *l, const uint8_t *bytes, size_t len,
			   bool (*take)(void *arg, const char *line, size_t len), void *arg)
{
	while (len > 0) {
		const uint8_t *newline = memchr(bytes, '\n', len);
		size_t part = newline ? (size_t)(newline - bytes) + 1 : len;
		enum lines_end end;

		if (l->len + part > REMOTE_LINE_MAX)
			return LINES_TOO_LONG;
		if (!newline)
			return keep(l, bytes, part) ? LINES_FINE : LINES_NO_MEMORY;
		end = line_end(l, bytes, part, take, arg);
		if (end != LINES_FINE)
			return end;
		bytes += part;
		len -= part;
	}
	return LINES_FINE;
}

void lines_finish(struct lines *l)
{
	free(l->text);
	memset(l, 0, sizeof(*l));
}
