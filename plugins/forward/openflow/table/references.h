/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/references.h - how many actions and instructions of flows name a number: a group, or a meter.
 *
 * By number, whether or not there is such a group at the time: so a change and its undoing are the same
 * two steps in whatever order groups come and go.  [control]
 */
#ifndef OPENFLOW_TABLE_REFERENCES_H
#define OPENFLOW_TABLE_REFERENCES_H

#include <stdint.h>

#include "model/action.h"

struct of_reference {
	uint32_t number;
	uint32_t count;
	bool is_used; /* the place, though nothing may name it any more */
};

struct of_references {
	struct of_reference *list; /* open addressing */
	uint32_t room;             /* a power of two, or 0 */
	uint32_t used;
	uint32_t idle; /* of them, that nothing names any more */
	uint64_t total;
};

void of_references_finish(struct of_references *r);

/* -ENOMEM, or so many more numbers find room. */
int of_references_reserve(struct of_references *r, uint32_t more);
/* No change is there to be undone: numbers that nothing names lose their places, if they are many. */
void of_references_forget(struct of_references *r);
/* One more, which has room, or one less. */
void of_references_add(struct of_references *r, uint32_t number);
void of_references_drop(struct of_references *r, uint32_t number);

uint32_t of_references_of(const struct of_references *r, uint32_t number);

#endif /* OPENFLOW_TABLE_REFERENCES_H */
