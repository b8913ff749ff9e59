/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/error.c - one sentence for the operator, cut with dots where it does not fit.
 *
 * The text is made in a buffer of its own first, so that arguments may point into the error
 * that is being filled: error_set(err, code, err->field, "port %s: %s", name, err->text).
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static void error_text(struct xvs_error *err, const char *text)
{
	static const char dots[] = "...";

	if (!str_copy(err->text, sizeof(err->text), text))
		memcpy(err->text + sizeof(err->text) - sizeof(dots), dots, sizeof(dots));
}

int error_set(struct xvs_error *err, int code, const char *field, const char *format, ...)
{
	char text[2 * sizeof(err->text)];
	char place[sizeof(err->field)];
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)str_copy(place, sizeof(place), field);

	err->code = code;
	(void)str_copy(err->field, sizeof(err->field), place);
	error_text(err, text);
	return code;
}

int error_context(struct xvs_error *err, const char *format, ...)
{
	char text[2 * sizeof(err->text)];
	va_list args;
	size_t len;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	len = strlen(text);
	(void)snprintf(text + len, sizeof(text) - len, ": %s", err->text);
	error_text(err, text);
	return err->code;
}
