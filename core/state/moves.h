/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/moves.h - all moves of this daemon, as source and as target (api/migration.md).
 *
 * It knows neither sockets nor clocks nor switches: links, time and contents are its caller's, so every
 * loss and every crash can be played through in a test.  All [control].
 */
#ifndef XVS_STATE_MOVES_H
#define XVS_STATE_MOVES_H

#include "state/content.h"

enum { MOVES_MAX = 64, MOVES_ENDED = 64, MOVES_EPOCHS = 4096 };

struct moves;
struct conn; /* one connection, as we know it */

struct moves_ops {
	/* ---- time ---- */
	uint64_t (*now)(void *host);
	void *(*timer_create)(void *host, void (*fn)(void *arg), void *arg);
	void (*timer_arm)(void *timer, uint64_t delay_ns); /* replaces a time set before */
	void (*timer_destroy)(void *timer);
	/* ---- links: a handle is theirs until they told that it is lost, or it was hung up ---- */
	void *(*dial)(void *host, const char *to, struct conn *conn); /* NULL: out of memory */
	bool (*send)(void *link, const struct wire_head *h, const void *body);
	size_t (*queued)(void *link);
	void (*hang_up)(void *link); /* what is queued goes out; no more is told */
	/* ---- memory ---- */
	/* On disk when it returns 0. */
	int (*keep)(void *host, const char *text, size_t len, struct xvs_error *err);
	/* A move has got on; for those who wait, and for the log. */
	void (*changed)(void *host, const uint8_t move[WIRE_ID]);
	const struct content_source_ops *source;
	const struct content_target_ops *target;
};

struct moves *moves_create(const struct moves_ops *ops, void *host); /* NULL: out of memory */
void moves_destroy(struct moves *m); /* NULL is fine; nobody is told anything */
/* What keep() was given last, before the configuration is applied: ports that must stay closed are held. */
int moves_restore(struct moves *m, const char *text, struct xvs_error *err);
/* The world is up: decisions are told. */
void moves_start(struct moves *m);

/* ---- from the links ------------------------------------------------------------------------------ */

/* Somebody came, and has been greeted.  NULL: too many, or out of memory. */
struct conn *moves_accepted(struct moves *m, void *link, const char *peer);
void moves_connected(struct conn *conn, const char *peer); /* one that was dialled */
/* False: the link has been hung up. */
bool moves_message(struct conn *conn, const struct wire_head *h, const uint8_t *body);
void moves_drained(struct conn *conn);
void moves_lost(struct conn *conn, const char *why); /* frees it */

/* ---- driving ------------------------------------------------------------------------------------- */

struct move_wish {
	const char *port; /* here: TARGET, or a unique name */
	const char *to;
	const char *switch_name; /* there; NULL: as here */
	const json_t *backend;   /* there; NULL: as here */
	const char *tag;         /* the coordinator's own; NULL: "" */
	enum on_missing on_missing;
	bool is_check;
	bool has_coordinator; /* else it freezes and commits by itself */
	uint64_t budget_ns;   /* from the freeze to "ready" */
};
/* *id is filled. */
int moves_begin(struct moves *m, const struct move_wish *wish, uint8_t id[WIRE_ID],
		struct xvs_error *err);

/* -ENOENT: no such move; -EALREADY is not used: what has happened already is fine. */
int moves_freeze(struct moves *m, const uint8_t id[WIRE_ID], uint64_t budget_ns,
		 struct xvs_error *err);
int moves_commit(struct moves *m, const uint8_t id[WIRE_ID], struct xvs_error *err);
int moves_cancel(struct moves *m, const uint8_t id[WIRE_ID], const char *why,
		 struct xvs_error *err);
int moves_resolve(struct moves *m, const uint8_t id[WIRE_ID], bool is_taken_over,
		  struct xvs_error *err);

/* How far it is. */
enum move_stage {
	MOVE_UNKNOWN = 0,
	MOVE_ADMITTING, /* and held */
	MOVE_PREPARING,
	MOVE_PREPARED, /* the first round is over */
	MOVE_FREEZING,
	MOVE_FROZEN,
	MOVE_COMMITTED, /* decided; the target has not said that it has opened */
	MOVE_OPENED,
	MOVE_GIVING_UP, /* the port is open here again; the target does not know yet */
	MOVE_ENDED,     /* see "outcome" of its report */
};
enum move_stage moves_stage(const struct moves *m, const uint8_t id[WIRE_ID]);

json_t *moves_list(const struct moves *m); /* those under way, then those that have ended */
json_t *moves_show(const struct moves *m, const uint8_t id[WIRE_ID]); /* NULL: no such move */
/* For a summary: how many are in doubt. */
size_t moves_in_doubt(const struct moves *m);

#endif /* XVS_STATE_MOVES_H */
