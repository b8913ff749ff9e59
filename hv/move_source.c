/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/move_source.c - the coordinator of a machine's move.
 *
 * Steps stand in groups; those of one group run beside each other.  A group that failed before the
 * decision leads to the way back, which takes every step of its own whatever had been begun: each
 * does nothing where there is nothing to do.  After the decision, and on the way back, a step that
 * failed is tried again until it succeeds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "move.h"

#define BIT(step) (UINT32_C(1) << (step))

struct group {
	enum move_phase phase;
	uint32_t steps;
};

enum { GROUP_CHECKED = 1, GROUP_COMMIT = 10, GROUP_UNDO = 16, GROUPS = 21 };

static const struct group groups[GROUPS + 1] = {
	/* the target's switch knows what ports get once the target was asked */
	{ MOVE_ADMIT, BIT(STEP_ASK_TARGET) },
	[GROUP_CHECKED] = { MOVE_ADMIT, BIT(STEP_CHECK_PORTS) },
	{ MOVE_PREPARE, BIT(STEP_WRITE_MOVING) },
	{ MOVE_PREPARE, BIT(STEP_PREPARE_TARGET) },
	{ MOVE_PREPARE, BIT(STEP_PREPARE_PORTS) },
	{ MOVE_PREPARE, BIT(STEP_RECEIVE) },
	{ MOVE_DISKS, BIT(STEP_MIRROR) },
	{ MOVE_MEMORY, BIT(STEP_MEMORY) },
	{ MOVE_FREEZE, BIT(STEP_DRAIN) | BIT(STEP_FREEZE_PORTS) },
	{ MOVE_TRANSFER, BIT(STEP_TRANSFER) | BIT(STEP_LOADED) },
	[GROUP_COMMIT] = { MOVE_COMMIT, BIT(STEP_WRITE_COMMITTED) },
	{ MOVE_COMMIT, BIT(STEP_COMMIT_PORTS) },
	{ MOVE_COMMIT, BIT(STEP_COMMIT_TARGET) },
	{ MOVE_LEAVE, BIT(STEP_LEAVE) },
	{ MOVE_LEAVE, BIT(STEP_WRITE_DONE) },
	{ MOVE_ENDED, 0 },
	[GROUP_UNDO] = { MOVE_UNDO, BIT(STEP_STOP_SENDING) },
	{ MOVE_UNDO, BIT(STEP_CANCEL_PORTS) },
	{ MOVE_UNDO, BIT(STEP_RESUME) },
	{ MOVE_UNDO, BIT(STEP_ABORT_TARGET) },
	{ MOVE_UNDO, BIT(STEP_WRITE_NOTHING) },
	[GROUPS] = { MOVE_ENDED, 0 },
};

static const uint32_t disk_steps = BIT(STEP_MIRROR);
static const uint32_t target_steps = BIT(STEP_COMMIT_TARGET) | BIT(STEP_ABORT_TARGET);

struct move {
	const struct move_world *world;
	void *arg;
	struct move_options options;
	enum move_phase phase;
	uint32_t group;
	uint32_t waiting; /* of the group: run, and have not ended */
	uint32_t failed;  /* of the group: to be tried again */
	unsigned depth;   /* of our functions that run: the first one goes on to the next group */
	bool is_broken;   /* back, as soon as nothing waits */
	bool has_begun;   /* something is to be undone */
	bool is_target_gone;
	bool is_told; /* of the end */
	uint64_t retry_ms;
	char problem[MOVE_PROBLEM];
};

const char *move_phase_name(enum move_phase phase)
{
	static const char *const names[MOVE_PHASES] = { "admit",  "prepare",  "disks",  "memory",
							"freeze", "transfer", "commit", "leave",
							"undo",   "ended" };

	return names[phase];
}

const char *move_step_name(enum move_step step)
{
	static const char *const names[MOVE_STEPS] = {
		[STEP_ASK_TARGET] = "ask the other host",
		[STEP_CHECK_PORTS] = "check the ports",
		[STEP_WRITE_MOVING] = "write down that it moves",
		[STEP_PREPARE_TARGET] = "prepare the other host",
		[STEP_PREPARE_PORTS] = "prepare the ports",
		[STEP_RECEIVE] = "start the other QEMU",
		[STEP_MIRROR] = "copy disks",
		[STEP_MEMORY] = "copy memory",
		[STEP_DRAIN] = "end the copying of disks",
		[STEP_FREEZE_PORTS] = "freeze the ports",
		[STEP_TRANSFER] = "hand over devices",
		[STEP_LOADED] = "load devices",
		[STEP_WRITE_COMMITTED] = "write down that it has moved",
		[STEP_COMMIT_PORTS] = "open the ports there",
		[STEP_COMMIT_TARGET] = "run there",
		[STEP_LEAVE] = "end our QEMU",
		[STEP_WRITE_DONE] = "forget it here",
		[STEP_STOP_SENDING] = "stop copying",
		[STEP_CANCEL_PORTS] = "open the ports here",
		[STEP_RESUME] = "run here",
		[STEP_ABORT_TARGET] = "tell the other host that it stays",
		[STEP_WRITE_NOTHING] = "forget the move",
	};

	return names[step];
}

struct move *move_create(const struct move_world *world, void *arg, const struct move_options *o)
{
	struct move *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->world = world;
	v->arg = arg;
	v->options = *o;
	v->phase = MOVE_PHASES;
	return v;
}

void move_destroy(struct move *v)
{
	free(v);
}

enum move_phase move_phase(const struct move *v)
{
	return v->phase;
}

const char *move_problem(const struct move *v)
{
	return v->problem;
}

bool move_is_decided(const struct move *v)
{
	return v->group > GROUP_COMMIT && v->group < GROUP_UNDO;
}

/* ---- groups ------------------------------------------------------------------------------------- */

static uint32_t steps_of(const struct move *v)
{
	uint32_t steps = groups[v->group].steps;

	if (!v->options.has_disks)
		steps &= ~disk_steps;
	if (v->is_target_gone)
		steps &= ~target_steps;
	return steps;
}

static void steps_begin(struct move *v, uint32_t steps)
{
	v->failed = 0;
	for (uint32_t step = 0; step < MOVE_STEPS && !v->is_broken; step++) {
		if (!(steps & BIT(step)))
			continue;
		v->waiting |= BIT(step);
		v->world->begin(v->arg, (enum move_step)step);
	}
}

static void group_begin(struct move *v, uint32_t group)
{
	enum move_phase phase = groups[group].phase;

	v->group = group;
	v->retry_ms = 0;
	if (group == GROUP_CHECKED + 1)
		v->has_begun = true;
	if (group == GROUP_COMMIT)
		v->world->arm(v->arg, 0); /* the budget was kept */
	if (phase != v->phase) {
		v->phase = phase;
		if (phase == MOVE_FREEZE)
			v->world->arm(v->arg, v->options.budget_ms);
		v->world->entered(v->arg, phase);
	}
	steps_begin(v, steps_of(v));
}

static uint32_t group_after(const struct move *v)
{
	if (v->is_broken)
		return v->has_begun ? GROUP_UNDO : GROUPS;
	if (v->group == GROUP_CHECKED && v->options.is_check)
		return GROUPS;
	return v->group + 1;
}

static void retry_later(struct move *v)
{
	v->retry_ms = v->retry_ms ? v->retry_ms * 2 : MOVE_RETRY_FIRST_MS;
	if (v->retry_ms > MOVE_RETRY_MAX_MS)
		v->retry_ms = MOVE_RETRY_MAX_MS;
	v->world->arm(v->arg, v->retry_ms);
}

/* As far as it goes without waiting. */
static void advance(struct move *v)
{
	while (!v->waiting && !v->failed && v->phase != MOVE_ENDED) {
		uint32_t next = group_after(v);

		v->is_broken = false;
		group_begin(v, next);
	}
	if (!v->waiting && v->failed)
		retry_later(v);
}

static void enter(struct move *v)
{
	v->depth++;
}

/* The move may be gone afterwards. */
static void leave(struct move *v)
{
	if (v->depth == 1)
		advance(v);
	v->depth--;
	if (v->depth > 0 || v->phase != MOVE_ENDED || v->is_told)
		return;
	v->is_told = true;
	v->world->arm(v->arg, 0);
	v->world->ended(v->arg, v->group == GROUP_UNDO - 1, v->problem);
}

static void break_off(struct move *v)
{
	uint32_t waiting = v->waiting;

	v->is_broken = true;
	for (uint32_t step = 0; step < MOVE_STEPS; step++) {
		if (waiting & v->waiting & BIT(step))
			v->world->interrupt(v->arg, (enum move_step)step);
	}
}

/* ---- what the world says ------------------------------------------------------------------------ */

void move_start(struct move *v, enum move_record found)
{
	static const uint32_t from[] = {
		[MOVE_NOTHING] = 0, [MOVE_MOVING] = GROUP_UNDO, [MOVE_COMMITTED] = GROUP_COMMIT + 1
	};

	enter(v);
	v->has_begun = found != MOVE_NOTHING;
	if (found == MOVE_MOVING)
		(void)str_copy(v->problem, sizeof(v->problem), "xvs-hv was started anew");
	group_begin(v, from[found]);
	leave(v);
}

void move_step_ended(struct move *v, enum move_step step, const char *why)
{
	if (!(v->waiting & BIT(step)))
		return;
	enter(v);
	v->waiting &= ~BIT(step);
	if (why && !v->problem[0])
		(void)snprintf(v->problem, sizeof(v->problem), "%s: %s", move_step_name(step), why);
	if (why && v->group > GROUP_COMMIT)
		v->failed |= BIT(step) & steps_of(v);
	else if (why)
		break_off(v);
	leave(v);
}

void move_timer(struct move *v)
{
	if (v->phase == MOVE_FREEZE || v->phase == MOVE_TRANSFER) {
		(void)move_cancel(v, "the guest stood longer than the move's budget allows");
	} else if (v->failed && !v->waiting) {
		enter(v);
		steps_begin(v, v->failed);
		leave(v);
	}
}

bool move_cancel(struct move *v, const char *why)
{
	/* the record that is being written cannot be told from one that is written */
	if (v->group >= GROUP_COMMIT)
		return false;
	enter(v);
	if (!v->problem[0])
		(void)str_copy(v->problem, sizeof(v->problem), why);
	break_off(v);
	leave(v);
	return true;
}

void move_target_is_gone(struct move *v)
{
	enter(v);
	v->is_target_gone = true;
	v->failed &= ~target_steps;
	if (v->group > GROUP_COMMIT)
		v->waiting &= ~target_steps;
	leave(v);
}
