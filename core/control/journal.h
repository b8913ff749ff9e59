/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/journal.h - the state directory: one daemon's memory from one start to the next.
 *
 *   lock      held while a daemon runs, with its pid
 *   journal   records (control/record.h), appended and synced; now and then written anew
 *
 * What journal_put() has put is there after a crash of the daemon or of the machine.  A record cut
 * by a crash is dropped: it had not been answered for.  A journal damaged in any other way is set
 * aside under another name, and what is whole in it goes on.  [control]
 */
#ifndef XVS_CONTROL_JOURNAL_H
#define XVS_CONTROL_JOURNAL_H

#include "base/error.h"
#include "control/record.h"

struct journal;

/*
 * Makes the directory (its last level) if it is missing.  -EBUSY: another daemon has it, its pid is
 * in the message.  'warning' is set to a sentence if the journal was torn or damaged, else to "".
 */
int journal_open(const char *dir, struct journal **out, char *warning, size_t size,
		 struct xvs_error *err);
void journal_close(struct journal *j); /* NULL is fine */

/* The newest text of a kind, with a NUL behind it, until the next put of it; NULL: none. */
const char *journal_get(const struct journal *j, enum record_kind kind, size_t *len);

/* On disk when it returns 0; else what was there before still is. */
int journal_put(struct journal *j, enum record_kind kind, const char *text, size_t len,
		struct xvs_error *err);

#endif /* XVS_CONTROL_JOURNAL_H */
