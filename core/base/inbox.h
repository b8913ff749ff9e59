/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/inbox.h - letters to one thread: many senders, no lock, order kept per sender.
 */
#ifndef XVS_BASE_INBOX_H
#define XVS_BASE_INBOX_H

#include "base/loop.h" /* struct letter */

struct inbox {
	_Atomic(struct letter *) newest; /* senders push, the owner takes all at once */
};

/* [any] True if the box was empty before: the sender then wakes the owner. */
bool inbox_push(struct inbox *box, struct letter *letter, void (*fn)(struct letter *letter));

/* [owner] Calls every letter that has arrived, oldest first; returns how many. */
unsigned inbox_run(struct inbox *box);

#endif /* XVS_BASE_INBOX_H */
