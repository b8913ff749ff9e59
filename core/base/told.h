/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/told.h - the last messages that the daemon told (base/log.h), by number, for those who ask.
 */
#ifndef XVS_BASE_TOLD_H
#define XVS_BASE_TOLD_H

#include <stdint.h>

#include "base/message.h"

enum { TOLD_MAX = 4096, TOLD_TEXT = 448 };

struct told {
	uint64_t number; /* from 1 on, since the daemon started; none is left out */
	int64_t unix_ms;
	enum message_id message;
	int level; /* enum xvs_log_level */
	char text[TOLD_TEXT];
};

/* [any] A line of text without control characters; cut where it is too long. */
void told_add(enum message_id m, int level, const char *text);

/*
 * [any] Those with numbers above 'since', oldest first, at most 'max'; how many.  Older ones than the
 * last TOLD_MAX are gone.
 */
uint32_t told_read(uint64_t since, struct told *out, uint32_t max);
uint64_t told_newest(void); /* 0: none yet */

/* [control] fn(arg) after each event, on the thread that tells it; NULL ends it. */
void told_listen(void (*fn)(void *arg), void *arg);

#endif /* XVS_BASE_TOLD_H */
