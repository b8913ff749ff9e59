/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/journal.h - the state directory: one daemon's memory from one start to the next.
 *
 *   lock      held while a daemon runs, with its pid
 *   journal   records (control/record.h), appended and synced; now and then written anew
 *
 * What has been put is there after a crash of the daemon or of the machine.  A record cut
 * by a crash is dropped: it had not been answered for.  A journal damaged in any other way is set
 * aside under another name, and what is whole in it goes on.  [control]
 *
 * Older records stay until they are forgotten, and are known by their sequence numbers.
 */
#ifndef XVS_CONTROL_JOURNAL_H
#define XVS_CONTROL_JOURNAL_H

#include "base/error.h"
#include "control/record.h"

struct journal;

/*
 * The directory alone: no daemon begins there until journal_close().  Makes its last level if it is
 * missing.  -EBUSY: another daemon has it, its pid is in the message.
 */
int journal_lock(const char *dir, struct journal **out, struct xvs_error *err);
/* ... and what is kept.  'warning' is set to a sentence if the journal was torn or damaged, else to "". */
int journal_open(const char *dir, struct journal **out, char *warning, size_t size,
		 struct xvs_error *err);
void journal_close(struct journal *j); /* NULL is fine */

/* The newest text of a kind, with a NUL behind it, until the next put of it; NULL: none. */
const char *journal_get(const struct journal *j, enum record_kind kind, size_t *len);

/*
 * On disk when it returns 0; else what was there before still is.  Those of its kind before are
 * forgotten.
 */
int journal_put(struct journal *j, enum record_kind kind, const char *text, size_t len,
		struct xvs_error *err);

/* One of several that are put together. */
struct journal_item {
	enum record_kind kind;
	const char *text;
	size_t len;
	uint64_t sequence; /* filled */
};
/*
 * All of them, in this order and by one sync.  A crash meanwhile leaves the first of them, or none:
 * what others need comes before them.
 */
int journal_add(struct journal *j, struct journal_item *items, size_t count, struct xvs_error *err);

/* One that is kept. */
struct journal_record {
	enum record_kind kind;
	uint64_t sequence;
	size_t size; /* in the file */
};
/* The nth, oldest first.  False: there are not so many. */
bool journal_at(const struct journal *j, size_t nth, struct journal_record *out);
/* Its text, with a NUL behind it; given.  NULL: it is not there any more, or cannot be read. */
char *journal_read(const struct journal *j, uint64_t sequence, size_t *len);
/* It may go when the file is written anew.  Not the newest of its kind. */
void journal_forget(struct journal *j, uint64_t sequence);

#endif /* XVS_CONTROL_JOURNAL_H */
