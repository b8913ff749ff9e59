/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/mover.h - moves of ports, with this daemon's switches, links and journal.  [control]
 */
#ifndef XVS_CONTROL_MOVER_H
#define XVS_CONTROL_MOVER_H

#include "control/control.h"
#include "state/moves.h"

struct mover;

/* With what was in the journal; before the configuration is applied, so that ports which left stay away. */
int mover_create(struct control *c, struct mover **out, struct xvs_error *err);
/* Before the world; those who wait are answered. */
void mover_destroy(struct mover *m); /* NULL is fine */
/* The configuration is in force: links are made and taken. */
void mover_start(struct mover *m);
/* It may have changed. */
void mover_reconfigure(struct mover *m);

struct moves *mover_moves(struct mover *m);
/* "": ports can move; else why not. */
const char *mover_problem(const struct mover *m);

/* What an arriving port with this UUID gets here. */
struct expectation {
	uint8_t uuid[WIRE_ID];
	char switch_name[64]; /* "": any */
	char name[64];        /* "": as it was called */
	char peer[64];        /* from this host alone; "": from any that may place ports there */
	json_t *backend;      /* NULL: as the source says */
	enum owner owner;     /* whose it is here */
};
/* Takes what it holds.  -ENOSPC, -ENOMEM. */
int mover_expect(struct mover *m, struct expectation *e, struct xvs_error *err);
bool mover_expects_for(const struct mover *m, const uint8_t uuid[WIRE_ID], enum owner owner);
/* It does not come any more, or has come; one that is not expected is fine. */
void mover_unexpect(struct mover *m, const uint8_t uuid[WIRE_ID]);

/* When a call is answered. */
enum wait { WAIT_ADMITTED, WAIT_PREPARED, WAIT_FROZEN, WAIT_OPENED, WAIT_OVER, WAIT_OPEN_HERE };
/* The call is answered by the move's report, or by its problem if it cannot get there any more. */
void mover_wait(struct mover *m, struct rpc_call *call, const uint8_t move[WIRE_ID],
		enum wait until);

/* "12ab...", or the beginning of one that is unique.  False: none. */
bool mover_find(const struct mover *m, const char *text, uint8_t move[WIRE_ID]);

#endif /* XVS_CONTROL_MOVER_H */
