/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log.c - log lines on stderr: one write(2) each, so lines of several threads never mix.
 *
 * Text may come from guests and peers, so control characters are replaced: one call is one
 * line, and nobody can forge a second one.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/told.h"

enum { LINE_SIZE = 2048 };

/* Written by log_open() before other threads exist; atomic since tests open twice. */
static int log_max_level = XVS_LOG_INFO;
static bool log_journal;

static const char *level_name(int level)
{
	switch (level) {
	case XVS_LOG_ERROR:
		return "error";
	case XVS_LOG_WARN:
		return "warning";
	case XVS_LOG_INFO:
		return "info";
	default:
		return "debug";
	}
}

/* Lengths as snprintf() gives them, but of what was really written. */
static size_t fitted(int written, size_t size)
{
	if (written < 0)
		return 0;
	return (size_t)written < size ? (size_t)written : size - 1;
}

static size_t line_prefix(char *line, size_t size, int level)
{
	struct timespec now;
	struct tm utc;
	size_t len;

	if (__atomic_load_n(&log_journal, __ATOMIC_RELAXED))
		return fitted(snprintf(line, size, "<%d>", level), size);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	return len + fitted(snprintf(line + len, size - len,
				     ".%03ldZ %s: ", now.tv_nsec / NS_PER_MS, level_name(level)),
			    size - len);
}

static void line_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	}
}

void log_open(int max_level, bool journal)
{
	__atomic_store_n(&log_max_level, max_level, __ATOMIC_RELAXED);
	__atomic_store_n(&log_journal, journal, __ATOMIC_RELAXED);
}

static int level_of(enum message_id m)
{
#define LEVEL(id, level) [id] = (level),
	static const uint8_t levels[] = { MESSAGES(LEVEL) };
#undef LEVEL

	return levels[m];
}

/* Cleaned 'text' of a line, behind its prefix. */
static void line_write(int level, const char *text, size_t len)
{
	char line[LINE_SIZE];
	size_t start = line_prefix(line, sizeof(line) - 1, level);
	size_t room = sizeof(line) - 1 - start; /* the newline always has its place */

	if (len > room)
		len = room;
	memcpy(line + start, text, len);
	line[start + len] = '\n';
	/* A journal that is gone must not stop the switch: nothing is left to report it to. */
	while (write(STDERR_FILENO, line, start + len + 1) < 0 && errno == EINTR)
		;
}

__attribute__((format(printf, 3, 0))) static void tell(int level, enum message_id m,
						       const char *format, va_list args)
{
	char text[LINE_SIZE];
	int saved = errno;
	size_t start = fitted(snprintf(text, sizeof(text), "XVS-%04d: ", (int)m), sizeof(text));
	size_t len;

	errno = saved; /* the format may say %m */
	len = fitted(vsnprintf(text + start, sizeof(text) - start, format, args),
		     sizeof(text) - start);
	line_clean(text + start, len);
	told_add(m, level, text + start);
	if (level <= __atomic_load_n(&log_max_level, __ATOMIC_RELAXED))
		line_write(level, text, start + len);
	errno = saved;
}

void log_message(enum message_id m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(level_of(m), m, format, args);
	va_end(args);
}

void log_message_at(int level, enum message_id m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(level, m, format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	char text[LINE_SIZE];
	int saved = errno;
	va_list args;
	size_t len;

	if (__atomic_load_n(&log_max_level, __ATOMIC_RELAXED) < XVS_LOG_DEBUG)
		return;
	va_start(args, format);
	len = fitted(vsnprintf(text, sizeof(text), format, args), sizeof(text));
	va_end(args);
	line_clean(text, len);
	line_write(XVS_LOG_DEBUG, text, len);
	errno = saved;
}

bool log_allowed(struct log_limit *limit, uint64_t now_ns, uint32_t *suppressed)
{
	enum { BURST = 10 };
	uint64_t full_at = limit->full_at_ns > now_ns ? limit->full_at_ns : now_ns;

	/* A bucket of BURST lines that gets one a second, kept as the time when it is full. */
	if (full_at - now_ns > (BURST - 1) * NS_PER_S) {
		if (limit->suppressed < UINT32_MAX)
			limit->suppressed++;
		return false;
	}
	limit->full_at_ns = full_at + NS_PER_S;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
