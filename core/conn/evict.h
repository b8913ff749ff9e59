/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/evict.h - ports' limits: making room by ending what matters least.
 */
#ifndef XVS_CONN_EVICT_H
#define XVS_CONN_EVICT_H

#include "conn/table.h"

/* [any] One more, unless there are 'limit' already. */
static inline bool count_in(_Atomic uint32_t *count, uint32_t limit)
{
	uint32_t old = atomic_fetch_add_explicit(count, 1, memory_order_relaxed);

	if (old < limit)
		return true;
	atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
	return false;
}

/* [control] NULL: no memory.  From malloc(), so that rcu_free() may have it. */
struct ring *ring_create(uint32_t at_least);
void ring_destroy(struct ring *r);
uint32_t ring_size(const struct ring *r);

/*
 * [worker] Counts one more connection of the port, half-open, ending others if the limits ask
 * for it.  False: full of established ones.  *group: where else it counts.  Undone by evict_release().
 */
bool evict_reserve(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg,
		   uint32_t *group);
void evict_release(struct conn_table *t, struct conn_port *port, uint32_t group);

/* [worker] 'ref' was opened half-open, or came into TIME_WAIT.  Call without its bit. */
void evict_note_half_open(struct conn_table *t, struct worker *w, struct conn_port *port,
			  struct conn_ref ref, void *arg);
void evict_note_finished(struct conn_table *t, struct worker *w, struct conn_port *port,
			 struct conn_ref ref, void *arg);

/* [control] The same of one that came from elsewhere; where there is no place it goes by time-out. */
void evict_adopt(struct conn_port *port, struct conn_ref ref, enum conn_state state);

/* [worker] Ends the one of the port that matters least; false: all are established. */
bool evict_one(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg);
/* [worker] There is no object left: one of this port, or of who has the most half-open ones. */
void evict_any(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg);

/* conn_port.c */
void conn_port_free(struct conn_table *t, struct conn_port *port);

#endif /* XVS_CONN_EVICT_H */
