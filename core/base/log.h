/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log.h - lines for the journal (stderr, with a <priority> prefix where systemd asks for one).
 *
 * Messages for operators carry an id of docs/messages.yaml: "XVS-0123: ...".
 */
#ifndef XVS_BASE_LOG_H
#define XVS_BASE_LOG_H

#include "xvs/host.h" /* enum xvs_log_level */

/* [control] Before the first line; 'journal' true: "<N>" prefixes, no time. */
void log_open(int max_level, bool journal);

/* [any] One line.  Not on the packet path: workers post to the control thread instead. */
void log_write(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(XVS_LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(XVS_LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(XVS_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(XVS_LOG_DEBUG, __VA_ARGS__)

/*
 * Limits a source of lines: true if this one may be written.  'state' is zeroed memory of the
 * caller's, one thread's.  10 at once, then one a second; *suppressed counts those not written
 * since the last that was.
 */
struct log_limit {
	uint64_t full_at_ns;
	uint32_t suppressed;
	uint32_t reserved;
};
bool log_allowed(struct log_limit *limit, uint64_t now_ns, uint32_t *suppressed);

#endif /* XVS_BASE_LOG_H */
