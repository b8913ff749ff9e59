/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - the addresses of the adapters of one switch, and at which port each is.
 *
 * A table is made whole and not changed afterwards, but for one thing: an address can be taken
 * out in place.  So workers read it without a lock, taking a port away needs no memory, and
 * everything else is a new table in the place of the old.
 */
#ifndef STATIC_TABLE_H
#define STATIC_TABLE_H

#include <stdatomic.h>
#include <stdint.h>

#include "xvs/extension.h"

struct table_row {
	uint8_t mac[6];
	uint8_t pad[2];
	uint32_t segment;      /* of the port's untagged packets */
	_Atomic uint32_t port; /* XVS_PORT_NONE: taken out, or never used */
};

struct table;

/* [control] Room for 'count' addresses; NULL: out of memory. */
struct table *table_create(uint32_t count, uint64_t seed);
void table_destroy(struct table *t); /* NULL is fine */

/* [control] Before the table is published.  False: these two are there already, at another port. */
bool table_add(struct table *t, const uint8_t mac[6], uint32_t segment, uint32_t port);

/* [control] While workers read: what is at 'port' is there no longer. */
void table_take_out(struct table *t, uint32_t port);

/*
 * [worker] The port of the adapter with this address in 'segment', or XVS_PORT_NONE.  In that
 * case *elsewhere says whether other segments have such an adapter.
 */
uint32_t table_find(const struct table *t, const uint8_t mac[6], uint32_t segment, bool *elsewhere);

/* [control] Row 'i' in no particular order, or NULL: no more. */
const struct table_row *table_row(const struct table *t, uint32_t i);

#endif /* STATIC_TABLE_H */
