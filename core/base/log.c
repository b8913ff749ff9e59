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
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

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

void log_write(int level, const char *format, ...)
{
	char line[LINE_SIZE];
	size_t room = sizeof(line) - 1; /* the newline always has its place */
	int saved = errno;
	size_t start;
	va_list args;
	size_t len;

	if (level > __atomic_load_n(&log_max_level, __ATOMIC_RELAXED))
		return;
	start = line_prefix(line, room, level);
	errno = saved; /* the format may say %m */
	va_start(args, format);
	len = fitted(vsnprintf(line + start, room - start, format, args), room - start);
	va_end(args);
	line_clean(line + start, len);
	line[start + len] = '\n';

	/* A journal that is gone must not stop the switch: nothing is left to report it to. */
	while (write(STDERR_FILENO, line, start + len + 1) < 0 && errno == EINTR)
		;
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
