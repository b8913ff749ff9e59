/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/move.h - one move, on either side; what the files of this folder know of each other.
 */
#ifndef XVS_STATE_MOVE_H
#define XVS_STATE_MOVE_H

#include "base/clock.h"
#include "state/moves.h"

enum { PROBLEM_TEXT = 256, TAG_TEXT = 64, PEER_TEXT = 256, ENOUGH_QUEUED = 1 << 20 };

enum phase {
	/* of a source */
	PHASE_CONNECTING,
	PHASE_ADMITTING,
	PHASE_HELD,
	PHASE_PREPARING,
	PHASE_ROUNDS,
	PHASE_FREEZING,
	PHASE_LAST_ROUND,
	PHASE_FROZEN,    /* the target is ready */
	PHASE_COMMITTED, /* on disk; the target is being told */
	PHASE_OPENED,
	PHASE_REMOVING,  /* a restart of the target will not forget it */
	PHASE_GIVING_UP, /* our port is open; the target is being told */
	/* of a target */
	PHASE_ARRIVED, /* admit is being judged */
	PHASE_ADMITTED,
	PHASE_MAKING,
	PHASE_TAKING, /* rounds */
	PHASE_READY,
	PHASE_DISCARDING,
	/* of both */
	PHASE_ENDED,
	PHASES,
};

/* What is on disk of it. */
enum decision {
	DECISION_NONE,
	DECISION_MOVING,    /* source: not decided, so given up by a restart */
	DECISION_COMMITTED, /* source */
	DECISION_ABORTED,   /* source: the target is still to be told */
	DECISION_PREPARED,  /* target */
};

/* Of a round at the source: what its timer means. */
enum step {
	STEP_SLICE,    /* more is to be saved */
	STEP_DRAINING, /* when the link has sent what it has */
	STEP_WAITING,  /* for the target's word on this round */
	STEP_PAUSED,   /* the next round is due later */
};

struct conn {
	struct moves *m;
	void *link;
	char peer[PEER_TEXT];
	struct move *move; /* NULL: it has not said yet which */
	unsigned depth;    /* of moves_message(), below which it is not freed */
};

struct source {
	struct content *content; /* NULL: after a restart, and at the end */
	char to[PEER_TEXT];
	json_t *offer;
	bool is_check, has_coordinator, is_freeze_wanted, is_first_round_over;
	enum on_missing on_missing;
	uint64_t budget_ns;
	enum content_pass pass;
	enum step step;
	uint32_t round;
	uint64_t left_before; /* pending when the round before ended */
	unsigned attempts;    /* connections that failed since one did not */
	uint64_t frozen_ns;
	struct stragglers *waiting; /* until it is decided; NULL: none */
};

/* What came for a port at the host that it leaves, and was sent after it. */
struct straggled {
	uint64_t frames, bytes;
	uint64_t lost; /* beyond what is carried */
};

struct target_side {
	struct arrival a;
	uint32_t round;
	uint8_t *bytes; /* of a record that is not whole */
	size_t len, room;
	bool is_in_record;
	bool is_busy;     /* a call of the content's has not answered */
	bool is_dropped;  /* meanwhile: given up */
	bool is_answered; /* the source waits to hear that it is forgotten */
	bool is_cold;     /* restarted since: policies alone */
	uint64_t open_ns; /* what opening took */
};

struct move {
	struct move *next;
	struct moves *m;
	uint8_t id[WIRE_ID], port[WIRE_ID];
	bool is_source;
	char target[CONTENT_TARGET];
	char peer[PEER_TEXT];
	char tag[TAG_TEXT];
	uint64_t epoch;
	enum phase phase;
	enum decision decision;
	struct conn *conn; /* NULL: not connected */
	void *timer;
	uint64_t due_ns; /* 0: the timer does not count */
	uint64_t since_ns[PHASES];
	struct content_owner owners[CONTENT_OWNERS];
	size_t owner_count;
	uint64_t records, bytes;
	char problem[PROBLEM_TEXT];
	json_t *left, *converted, *findings, *theirs; /* the other side's half of the report */
	json_t *untaken; /* the target's: what was restored and came to nothing; NULL: nothing */
	uint64_t blackout_ns;
	struct straggled straggled;
	const char *outcome; /* of one that has ended, or will have */
	bool is_forgotten;   /* ended, and nobody need hear of it */
	struct source s;
	struct target_side t;
};

struct epoch {
	uint8_t port[WIRE_ID];
	uint64_t number;
};

struct moves {
	const struct moves_ops *ops;
	void *host;
	struct move *first;
	struct epoch *epochs;
	size_t epoch_room; /* of them; grows */
	size_t epoch_count;
	bool is_started;
};

/* ---- moves.c ----------------------------------------------------------------------------------------- */

struct move *move_create(struct moves *m, const uint8_t id[WIRE_ID], bool is_source);
void move_phase(struct move *v, enum phase phase);
void move_arm(struct move *v, uint64_t delay_ns); /* 0: not at all */
/* NULL: there is none, or nobody need hear of it. */
struct move *move_find(const struct moves *m, const uint8_t id[WIRE_ID]);
/* The sentence that people read; the first stays. */
void move_problem(struct move *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* It stays to be shown until others have ended after it. */
void move_end(struct move *v, const char *outcome);
/* The same, but the connection is the other side's to close, for a while. */
void move_end_linked(struct move *v, const char *outcome);
extern const char outcome_moved[], outcome_checked[], outcome_refused[], outcome_failed[],
	outcome_cancelled[], outcome_resolved[], outcome_taken_over[];

/* ---- links.c ----------------------------------------------------------------------------------------- */

/* False: not connected, or out of memory; the link is lost then, which is told later. */
bool move_send(struct move *v, enum wire_type type, const void *body, size_t len);
bool move_send_json(struct move *v, enum wire_type type, json_t *body /* taken */);
void move_hang_up(struct move *v);

/* ---- kept.c ------------------------------------------------------------------------------------------ */

/* Everything that must survive a restart. */
int moves_keep(struct moves *m, struct xvs_error *err);
uint64_t moves_epoch(const struct moves *m, const uint8_t port[WIRE_ID]);
void moves_set_epoch(struct moves *m, const uint8_t port[WIRE_ID], uint64_t number);

/* ---- report.c ---------------------------------------------------------------------------------------- */

const char *phase_name(const struct move *v);
bool move_is_in_doubt(const struct move *v);
json_t *move_report(const struct move *v);
json_t *owners_json(const struct move *v);

/* ---- offer.c: bodies that are JSON -------------------------------------------------------------------- */

/* One object within bounds, new; NULL: -EPROTO with the reason. */
json_t *body_json(const uint8_t *body, size_t len, struct xvs_error *err);
/* A text of the peer, for people; "" where there is none. */
void body_text(const json_t *j, const char *key, char *out, size_t size);
/* The body of admit; NULL: out of memory. */
json_t *offer_write(const struct move *v, const char *switch_name, const json_t *backend);
/* What core/state needs of it.  'offer' is kept.  -EPROTO or -EINVAL with the reason. */
int offer_read(json_t *offer, struct arrival *a, struct xvs_error *err);
void offer_finish(struct arrival *a);
/* Judges the owners by the formats that the content filled: left, or a finding. */
void offer_judge(struct arrival *a);
json_t *admitted_write(const struct arrival *a, uint64_t epoch);
/* Into the move's owners.  An answer that makes no sense: -EPROTO. */
int admitted_read(const json_t *answer, struct move *v, uint64_t *epoch, struct xvs_error *err);

/* ---- stragglers.c ------------------------------------------------------------------------------------ */

enum { STRAGGLERS_MAX = 8192, STRAGGLER_BYTES_MAX = 8 << 20 };

/* Source: asks for them, before the freeze. */
void stragglers_ask(struct move *v);
/* It is decided: those that have waited go, and those that come later follow at once. */
void stragglers_go(struct move *v);
/* It is not, or it is over. */
void stragglers_end(struct move *v);
/* Target: one has come. */
void straggler_take(struct move *v, const uint8_t *frame, size_t len);
json_t *stragglers_json(const struct move *v);

/* ---- source.c ---------------------------------------------------------------------------------------- */

void source_connected(struct move *v);
void source_message(struct move *v, const struct wire_head *h, const uint8_t *body);
void source_lost(struct move *v, const char *why);
void source_timer(struct move *v);
void source_drained(struct move *v);
void source_dial(struct move *v);
int source_freeze(struct move *v, struct xvs_error *err);
int source_commit(struct move *v, struct xvs_error *err);
int source_cancel(struct move *v, const char *why, struct xvs_error *err);
int source_resolve(struct move *v, bool is_taken_over, struct xvs_error *err);

/* ---- target.c ---------------------------------------------------------------------------------------- */

void target_message(struct move *v, const struct wire_head *h, const uint8_t *body);
void target_lost(struct move *v, const char *why);
void target_timer(struct move *v);
int target_resolve(struct move *v, bool is_taken_over, struct xvs_error *err);

#endif /* XVS_STATE_MOVE_H */
