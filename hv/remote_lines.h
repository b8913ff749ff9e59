/* SPDX-License-Identifier: Apache-2.0 */
/* hv/remote_lines.h - bytes of a link as lines of a bounded length.  [control] */
#ifndef XVS_HV_REMOTE_LINES_H
#define XVS_HV_REMOTE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
	char *text; /* owned: a line that is not whole */
	size_t len, room;
};
/* take() may end the link: it says false then, and 'l' is not touched any more. */
enum lines_end { LINES_FINE, LINES_GONE, LINES_TOO_LONG, LINES_NO_MEMORY };
enum lines_end lines_input(struct lines *l, const uint8_t *bytes, size_t len,
			   bool (*take)(void *arg, const char *line, size_t len), void *arg);
void lines_finish(struct lines *l);

#endif /* XVS_HV_REMOTE_LINES_H */
