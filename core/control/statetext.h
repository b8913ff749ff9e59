/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/statetext.h - a state as text, for the journal.  [control]
 *
 * A port with 10,000 rules is most of its state, and is the same in the next one: its text is kept.
 */
#ifndef XVS_CONTROL_STATETEXT_H
#define XVS_CONTROL_STATETEXT_H

#include <jansson.h>

struct statetext {
	struct statetext_part *parts; /* values with a long text */
	size_t count;
};

/*
 * The object, compact; NULL: out of memory.  Its parts are known again by their address, and are not changed
 * by anybody while they are kept here.
 */
char *statetext_make(struct statetext *t, json_t *state, size_t *len);
/* Makes the text of a part of the next state now, in a turn of its own. */
void statetext_prepare(struct statetext *t, json_t *part);
void statetext_finish(struct statetext *t); /* zeroed is fine */

#endif /* XVS_CONTROL_STATETEXT_H */
