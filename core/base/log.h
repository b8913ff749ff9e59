/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log.h - what the daemon tells: lines for the journal (stderr, with a <priority> prefix where
 * systemd asks for one), each with its number of docs/messages.yaml, "XVS-0123: ...".
 *
 * The last TOLD_MAX of them can be asked for: base/told.h.
 */
#ifndef XVS_BASE_LOG_H
#define XVS_BASE_LOG_H

#include "base/message.h"
#include "xvs/host.h" /* enum xvs_log_level */

/* [control] Before the first line; 'journal' true: "<N>" prefixes, no time. */
void log_open(int max_level, bool journal);

/*
 * [any] One line, at the message's own level, or another.  Not on the packet path: workers post to
 * the control thread instead.
 */
void log_message(enum message_id m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_message_at(int level, enum message_id m, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* [any] For those who build xvs: no number, no event. */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

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
