/* SPDX-License-Identifier: Apache-2.0 */
/* base/excerpt.h - showing somebody else's text inside a message. */
#ifndef XVS_BASE_EXCERPT_H
#define XVS_BASE_EXCERPT_H

enum { EXCERPT_TEXT = 64 };

/*
 * [any] The beginning of 'text', fit for one line of a terminal: control characters become '?',
 * what is too long ends with dots, and nothing at all is shown as "".  Returns 'out'.
 */
const char *excerpt(const char *text, char out[EXCERPT_TEXT]);

#endif /* XVS_BASE_EXCERPT_H */
