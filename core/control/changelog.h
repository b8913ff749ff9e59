/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/changelog.h - every change by number, and the states that they led to, in the journal.
 *
 * One change puts up to three records: the configuration file's text where it is another one than
 * before, who changed what, and the state afterwards.  The last of them makes it count.  Numbers
 * begin at 1 and never come again.  So many changes are remembered, and their states as long as
 * they are not too large; older ones cannot be gone back to.  [control]
 */
#ifndef XVS_CONTROL_CHANGELOG_H
#define XVS_CONTROL_CHANGELOG_H

#include <jansson.h>

#include "control/journal.h"

struct changelog;

enum { CHANGES_KEPT = 256, CHANGES_BYTES_KEPT = 64 << 20, SUM_TEXT = 65 };

/* What the journal remembers.  -ENOMEM. */
int changelog_open(struct journal *j, struct changelog **out);
void changelog_close(struct changelog *l); /* NULL is fine */

/* Of the last change; 0: there was none. */
uint64_t changelog_number(const struct changelog *l);

/* {number, time, who, what, changes, ...} of one; borrowed.  NULL: not remembered. */
const json_t *changelog_find(const struct changelog *l, uint64_t number);
/* The last so many, oldest first; new. */
json_t *changelog_list(const struct changelog *l, size_t limit);

/* The state that is in force, as it was put; borrowed.  NULL: none yet. */
const json_t *changelog_state(const struct changelog *l);

/* The file that is in force, {"name", "text"} as JSON; borrowed.  NULL: none was kept. */
const char *changelog_file(const struct changelog *l);

/* How it was after a change. */
struct changelog_past {
	json_t *state;
	char *text; /* of the file, and its name */
	char *name;
};
/* -ENOENT: it cannot be had any more, and 'err' says why. */
int changelog_past(const struct changelog *l, uint64_t number, struct changelog_past *out,
		   struct xvs_error *err);
void changelog_past_finish(struct changelog_past *p);

/* What is put. */
struct changelog_entry {
	json_t *change; /* taken: {who, what, changes, ...}; number and time are added */
	json_t *state; /* taken: a snapshot, {file} and, while it waits, {confirm}; so is its number */
	const char *text, *name; /* of the file that is in force now; NULL: as before */
};
/* The policies of a port that will be in the next state: their text is made now. */
void changelog_prepare(struct changelog *l, json_t *policies);
/*
 * A state that wants other things than the one in force is the next change; else the last one is
 * put anew, as when it could not be put before.  What goes wrong undoes nothing: the change is
 * remembered, but not beyond the end of the daemon.
 */
int changelog_put(struct changelog *l, const struct changelog_entry *e, struct xvs_error *err);
/* Is it the one in force already, and on disk?  Then there is nothing to put. */
bool changelog_has(const struct changelog *l, const json_t *state);

/* SHA-256 in hexadecimal digits; "": out of memory. */
void changelog_sum(const char *text, size_t len, char out[SUM_TEXT]);

#endif /* XVS_CONTROL_CHANGELOG_H */
