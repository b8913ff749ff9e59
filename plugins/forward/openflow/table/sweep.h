/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/sweep.h - one message that changes many flows, a few of them at a time.
 *
 * Within one transaction, which goes on over as many turns as it takes; nobody else changes flows
 * meanwhile.  Flows that come by the sweep itself are not met by it.  [control]
 */
#ifndef OPENFLOW_TABLE_SWEEP_H
#define OPENFLOW_TABLE_SWEEP_H

#include "table/cursor.h"

struct of_sweep {
	struct of_cursor cursor;
	struct of_flow_filter filter;
	const struct of_flow_mod *mod;                           /* a modification; NULL: they go */
	bool (*names)(const struct of_instructions *, uint32_t); /* only those; NULL: all */
	uint32_t number;
	uint64_t before; /* rules of this number and behind it have come by the sweep */
	uint32_t done;
	uint8_t reason; /* of those that go */
	bool is_on;
};

/* MODIFY or DELETE, which is kept. */
void of_sweep_mod(struct of_sweep *s, struct of_flows *f, const struct of_flow_mod *mod);
/* All that name it go. */
void of_sweep_group(struct of_sweep *s, struct of_flows *f, uint32_t group);
void of_sweep_meter(struct of_sweep *s, struct of_flows *f, uint32_t meter);

/* Looks at so many; is_on tells whether there are more.  A fault ends it. */
of_fault of_sweep_some(struct of_sweep *s, uint32_t count);

/* All of it, if it is on. */
of_fault of_sweep_all(struct of_sweep *s);

/* Harmless if it is not on. */
void of_sweep_end(struct of_sweep *s);

#endif /* OPENFLOW_TABLE_SWEEP_H */
