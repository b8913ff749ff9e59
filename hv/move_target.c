/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/move_target.c - a machine arrives: what may be asked when, and what is on disk before it is
 * answered.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "move.h"

/* How far it has come; calls may come again, but not before their time. */
enum progress { EMPTY, ADMITTED, PREPARED, RECEIVING, RELEASED, LOADED, OPENED, RUNNING };

struct arrival {
	const struct arrival_world *world;
	void *arg;
	enum progress progress;
	uint64_t epoch;
	bool is_busy;
	bool is_aborting;       /* after the call that runs */
	enum arrival_call call; /* that runs */
	enum arrival_step step;
};

/* What must have been before a call. */
static const enum progress needs[ARRIVAL_CALLS] = {
	[CALL_ADMIT] = EMPTY,       [CALL_PREPARE] = ADMITTED, [CALL_RECEIVE] = PREPARED,
	[CALL_RELEASE] = RECEIVING, [CALL_LOADED] = RECEIVING, [CALL_COMMIT] = PREPARED,
	[CALL_ABORT] = EMPTY,
};

struct arrival *arrival_create(const struct arrival_world *world, void *arg,
			       enum arrival_record found, uint64_t epoch)
{
	static const enum progress at[] = {
		[ARRIVAL_NOTHING] = EMPTY, [ARRIVAL_PREPARED] = PREPARED, [ARRIVAL_OPENED] = OPENED
	};
	struct arrival *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->world = world;
	a->arg = arg;
	a->progress = at[found];
	a->epoch = epoch;
	return a;
}

void arrival_destroy(struct arrival *a)
{
	free(a);
}

const char *arrival_phase(const struct arrival *a)
{
	static const char *const names[] = { "unknown",  "admitted", "prepared", "receiving",
					     "released", "loaded",   "opened",   "running" };

	return names[a->progress];
}

bool arrival_is_ours(const struct arrival *a)
{
	return a->progress >= OPENED;
}

bool arrival_is_empty(const struct arrival *a)
{
	return a->progress <= ADMITTED && !a->is_busy;
}

static void step_begin(struct arrival *a, enum arrival_step step)
{
	a->step = step;
	a->world->begin(a->arg, step);
}

/* The call that ran is over; whoever hears it may ask the next one at once. */
static void answer(struct arrival *a, const char *why)
{
	enum arrival_call call = a->call;
	bool is_aborting = a->is_aborting;

	a->is_busy = is_aborting;
	a->is_aborting = false;
	a->call = CALL_ABORT;
	a->world->answer(a->arg, call, why);
	if (is_aborting)
		step_begin(a, ARRIVAL_DISCARD);
}

/* Why a call makes no sense now; NULL: it does. */
static const char *refusal(const struct arrival *a, enum arrival_call call, uint64_t epoch)
{
	if (a->progress >= PREPARED && epoch != a->epoch)
		return "another move of this machine is under way";
	if (a->progress < needs[call])
		return "nothing is prepared here for this move";
	if (call == CALL_ABORT && a->progress >= OPENED)
		return "the machine runs here already";
	return NULL;
}

/* It happened already: asked again, it has no effect. */
static bool is_over(const struct arrival *a, enum arrival_call call)
{
	switch (call) {
	case CALL_ADMIT:
	case CALL_PREPARE:
		return a->progress >= PREPARED;
	case CALL_RELEASE:
		return a->progress >= RELEASED;
	case CALL_LOADED:
		return a->progress >= LOADED;
	case CALL_COMMIT:
		return a->progress == RUNNING;
	case CALL_ABORT:
		return a->progress == EMPTY;
	default:
		return false; /* receive: its answer tells where */
	}
}

static enum arrival_step first_step(const struct arrival *a, enum arrival_call call)
{
	static const enum arrival_step first[ARRIVAL_CALLS] = {
		[CALL_ADMIT] = ARRIVAL_ADMIT,     [CALL_PREPARE] = ARRIVAL_WRITE_PREPARED,
		[CALL_RECEIVE] = ARRIVAL_RECEIVE, [CALL_RELEASE] = ARRIVAL_RELEASE,
		[CALL_LOADED] = ARRIVAL_LOADED,   [CALL_COMMIT] = ARRIVAL_WRITE_OPENED,
		[CALL_ABORT] = ARRIVAL_DISCARD,
	};

	return call == CALL_COMMIT && a->progress == OPENED ? ARRIVAL_RESUME : first[call];
}

/* While another call runs. */
static void ask_beside(struct arrival *a, enum arrival_call call)
{
	if (call != CALL_ABORT || a->call == CALL_ABORT || a->call == CALL_COMMIT ||
	    a->is_aborting) {
		a->world->answer(a->arg, call, "the call before has not been answered yet");
		return;
	}
	a->is_aborting = true;
	a->world->interrupt(a->arg, a->step);
}

void arrival_ask(struct arrival *a, enum arrival_call call, uint64_t epoch)
{
	const char *why = refusal(a, call, epoch);

	if (why || (is_over(a, call) && !a->is_busy)) {
		a->world->answer(a->arg, call, why);
		return;
	}
	if (a->is_busy) {
		ask_beside(a, call);
		return;
	}
	if (a->progress < PREPARED)
		a->epoch = epoch;
	a->is_busy = true;
	a->call = call;
	step_begin(a, first_step(a, call));
}

static void reach(struct arrival *a, enum progress progress)
{
	if (a->progress < progress)
		a->progress = progress;
}

/* A step ended well: what follows in the same call.  False: nothing does. */
static bool next_step(enum arrival_step step, enum arrival_step *next)
{
	switch (step) {
	case ARRIVAL_WRITE_PREPARED:
		*next = ARRIVAL_PREPARE;
		return true;
	case ARRIVAL_WRITE_OPENED:
		*next = ARRIVAL_RESUME;
		return true;
	case ARRIVAL_DISCARD:
		*next = ARRIVAL_WRITE_NOTHING;
		return true;
	default:
		return false;
	}
}

void arrival_step_ended(struct arrival *a, enum arrival_step step, const char *why)
{
	static const enum progress reached[ARRIVAL_STEPS] = {
		[ARRIVAL_ADMIT] = ADMITTED,    [ARRIVAL_PREPARE] = PREPARED,
		[ARRIVAL_RECEIVE] = RECEIVING, [ARRIVAL_RELEASE] = RELEASED,
		[ARRIVAL_LOADED] = LOADED,     [ARRIVAL_WRITE_OPENED] = OPENED,
		[ARRIVAL_RESUME] = RUNNING,
	};
	enum arrival_step next;

	if (!a->is_busy || a->step != step)
		return;
	if (!why)
		reach(a, reached[step]);
	if (!why && step == ARRIVAL_WRITE_NOTHING)
		a->progress = EMPTY;
	if (!why && next_step(step, &next))
		step_begin(a, next);
	else
		answer(a, why);
}
