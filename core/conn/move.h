/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/move.h - connections of one port as records, and into another table (architecture 16.8a).
 *
 * A record is a row of entries: a connection as it is, one that has ended, a denial that is remembered.
 * It is sent whole at first, then again what changed, in the order of the changes, so that who takes them
 * in order has what the sender has.  What changes is noted by those who change it, on the slow path alone,
 * in a bit for each connection, and only while somebody watches: what an established connection's packets
 * count and where its windows are is no change.  That is sent again in rounds, where packets came, and
 * after the move the first packet of each direction says where its window is.
 *
 * Nothing of this daemon's is in a record: no port, no epoch, no number of an instance.
 */
#ifndef XVS_CONN_MOVE_H
#define XVS_CONN_MOVE_H

#include "conn/conn.h"

enum {
	CONN_RECORD_MIN = 4096, /* bytes that conn_watch_next() must be given at least */
	CONN_DENIER_SIZE = 132,
};

/* ---- out ----------------------------------------------------------------------------------- */

struct conn_watch;

/* [control] Begins to note changes of a guarded port's connections; one watch a port. */
int conn_watch_open(struct conn_table *t, uint32_t port, struct conn_watch **out,
		    struct xvs_error *err);
/* [control] NULL is fine; the port may have been closed, and its number be another's. */
void conn_watch_close(struct conn_watch *w);

enum conn_pass {
	CONN_PASS_ALL = 1,     /* every connection */
	CONN_PASS_CHANGES = 2, /* what changed, and where packets came */
	CONN_PASS_LAST = 3,    /* what changed */
};

/* Who remembered denials are to be named by; NULL: such a denial stays behind. */
typedef const char *(*conn_denier_fn)(void *arg, uint16_t instance);

struct conn_pass_plan {
	enum conn_pass pass;
	uint32_t slots; /* bit n: what slot n keeps goes along; else it is 0 */
	conn_denier_fn denier;
	void *arg;
};

/* [control] A new pass from its beginning. */
void conn_watch_begin(struct conn_watch *w, const struct conn_pass_plan *plan);
/*
 * [control] Entries for at most 'room' bytes; how many.  *more: the pass is not complete; then it may
 * also be that nothing was to be had this time.
 */
size_t conn_watch_next(struct conn_watch *w, void *out, size_t room, bool *more);
/* [control] Connections of which a last pass would tell. */
uint32_t conn_watch_pending(const struct conn_watch *w);

/* ---- in ------------------------------------------------------------------------------------ */

struct conn_adoption {
	uint8_t slot_of[CONN_SLOTS]; /* of the sender's slot n; CONN_SLOTS: dropped */
	uint16_t (*denier)(void *arg, const char *name); /* instance; 0: unknown here */
	void *arg;
};

/*
 * [control] Takes the entries of one record into a guarded port that lets nothing through yet.  Looked at
 * whole before anything is taken; then it can fail only where a limit of port, switch or table is reached.  All are authorised anew at their
 * next packet, so an entry allows nothing that the firewalls here do not.
 */
int conn_port_adopt(struct conn_table *t, uint32_t port, const struct conn_adoption *a,
		    const void *bytes, size_t len, struct xvs_error *err);
/* [control] It is about to let packets through: nothing more is taken. */
void conn_port_adopted(struct conn_table *t, uint32_t port);
/* [control] What was taken goes. */
void conn_port_disown(struct conn_table *t, uint32_t port);

/* [control] How many connections the port may have, and has. */
void conn_port_room(const struct conn_table *t, uint32_t port, uint32_t *limit, uint32_t *count);

#endif /* XVS_CONN_MOVE_H */
