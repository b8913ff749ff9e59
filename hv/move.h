/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/move.h - a machine moves live to another host: the order of steps, on either side.
 *
 * What api/vm-migration.md says in sections 2 to 4, without QEMU, sockets, files or clocks: a world
 * does each step and tells how it ended.  All of it is [control].
 */
#ifndef XVS_HV_MOVE_H
#define XVS_HV_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOVE_PROBLEM = 400, MOVE_RETRY_FIRST_MS = 200, MOVE_RETRY_MAX_MS = 5000 };

enum move_phase {
	MOVE_ADMIT,
	MOVE_PREPARE,
	MOVE_DISKS,
	MOVE_MEMORY,
	MOVE_FREEZE, /* the guest stands from here on */
	MOVE_TRANSFER,
	MOVE_COMMIT, /* the record is written, or being written: no way back once it is */
	MOVE_LEAVE,
	MOVE_UNDO,
	MOVE_ENDED,
	MOVE_PHASES,
};
const char *move_phase_name(enum move_phase phase);

/* ---- the source, which coordinates ------------------------------------------------------------- */

/* In their order.  Each may be asked for again, and then has no other effect than once. */
enum move_step {
	STEP_ASK_TARGET,
	STEP_CHECK_PORTS,
	STEP_WRITE_MOVING,
	STEP_PREPARE_TARGET,
	STEP_PREPARE_PORTS,
	STEP_RECEIVE, /* the target's QEMU waits */
	STEP_MIRROR,  /* disks, until all are alike */
	STEP_MEMORY,  /* until the guest stands */
	STEP_DRAIN,   /* mirrors end, exports go */
	STEP_FREEZE_PORTS,
	STEP_TRANSFER,
	STEP_LOADED, /* the target's QEMU has all */
	STEP_WRITE_COMMITTED,
	STEP_COMMIT_PORTS,
	STEP_COMMIT_TARGET, /* the guest runs there */
	STEP_LEAVE,         /* our QEMU ends, what moved along is removed */
	STEP_WRITE_DONE,
	/* the way back */
	STEP_STOP_SENDING, /* memory and mirrors; the guest may run again by that */
	STEP_CANCEL_PORTS, /* they forward here again */
	STEP_RESUME,       /* the guest runs here */
	STEP_ABORT_TARGET,
	STEP_WRITE_NOTHING,
	MOVE_STEPS,
};
const char *move_step_name(enum move_step step);

struct move;

struct move_world {
	/* Ends by move_step_ended(), also before it returns. */
	void (*begin)(void *arg, enum move_step step);
	/* A step that runs is not wanted any more: it ends soon, by an error or as it likes. */
	void (*interrupt)(void *arg, enum move_step step);
	void (*arm)(void *arg, uint64_t delay_ms); /* move_timer() then; 0: no more */
	void (*entered)(void *arg, enum move_phase phase);
	/* No step runs, none will.  The move may be destroyed here. */
	void (*ended)(void *arg, bool has_moved, const char *problem);
};

/* What a restart found on disk. */
enum move_record {
	MOVE_NOTHING,
	MOVE_MOVING,
	MOVE_COMMITTED,
};

struct move_options {
	bool has_disks;     /* that go along */
	bool is_check;      /* ends after admission, with nothing done */
	uint64_t budget_ms; /* from the guest's stop to the decision; 0: none */
};

/* NULL: out of memory.  Nothing begins before move_start(). */
struct move *move_create(const struct move_world *world, void *arg, const struct move_options *o);
void move_destroy(struct move *v); /* NULL is fine */
/* From the beginning, or from where a restart found it. */
void move_start(struct move *v, enum move_record found);
/* 'why' NULL: well. */
void move_step_ended(struct move *v, enum move_step step, const char *why);
void move_timer(struct move *v);
/*
 * Something went wrong beside the steps, or somebody wants it back.  False: too late, it is
 * decided, or undone already.
 */
bool move_cancel(struct move *v, const char *why);
/* A person has made sure that the other host is off: what is undecided there counts as done. */
void move_target_is_gone(struct move *v);
enum move_phase move_phase(const struct move *v);
const char *move_problem(const struct move *v); /* "": none */
bool move_is_decided(const struct move *v);     /* that it moves */

/* ---- the target --------------------------------------------------------------------------------- */

enum arrival_step {
	ARRIVAL_ADMIT,
	ARRIVAL_WRITE_PREPARED,
	ARRIVAL_PREPARE, /* disks are made, the switch is told what ports get */
	ARRIVAL_RECEIVE, /* QEMU waits, stopped */
	ARRIVAL_RELEASE,
	ARRIVAL_LOADED,
	ARRIVAL_WRITE_OPENED,
	ARRIVAL_RESUME, /* the guest runs; from its disks, where QEMU has gone */
	ARRIVAL_DISCARD,
	ARRIVAL_WRITE_NOTHING,
	ARRIVAL_STEPS,
};

enum arrival_call {
	CALL_ADMIT,
	CALL_PREPARE,
	CALL_RECEIVE,
	CALL_RELEASE,
	CALL_LOADED,
	CALL_COMMIT,
	CALL_ABORT,
	ARRIVAL_CALLS,
};

struct arrival_world {
	void (*begin)(void *arg, enum arrival_step step); /* ends by arrival_step_ended() */
	/* A step that runs is not wanted any more: it ends soon. */
	void (*interrupt)(void *arg, enum arrival_step step);
	/* Once for each call; 'why' NULL: well. */
	void (*answer)(void *arg, enum arrival_call call, const char *why);
};

enum arrival_record {
	ARRIVAL_NOTHING,
	ARRIVAL_PREPARED,
	ARRIVAL_OPENED,
};

struct arrival;
struct arrival *arrival_create(const struct arrival_world *world, void *arg,
			       enum arrival_record found, uint64_t epoch);
void arrival_destroy(struct arrival *a); /* NULL is fine */
/*
 * One call at a time: another one is refused while it runs.  But to abort is always possible before
 * the machine is ours: it ends what runs.
 */
void arrival_ask(struct arrival *a, enum arrival_call call, uint64_t epoch);
void arrival_step_ended(struct arrival *a, enum arrival_step step, const char *why);
const char *arrival_phase(const struct arrival *a); /* "prepared" */
bool arrival_is_ours(const struct arrival *a);      /* opened: the machine is this host's */
bool arrival_is_empty(const struct arrival *a);     /* nothing is kept for it */

#endif /* XVS_HV_MOVE_H */
