/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of a machine's move against a world of two hosts in which everything fails: steps, with
 * and without their effect, answers, the link, either host core, QEMU on either side.
 *
 * However it goes, the guest never runs on both hosts, it never runs where its port is not, and when the faults
 * end it runs in one place and nothing is left of the move.
 * links: xvs_hv
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "move.h"

enum place { NOWHERE, HERE, THERE };
enum guest { GONE, STANDS, RUNS };
enum incoming { NO_QEMU, WAITS, LOADED, LIVES };

static struct {
	/* what outlives a host core */
	enum move_record record;
	enum arrival_record record_there;
	enum place port;
	enum guest guest;
	enum incoming there;
	bool is_expected; /* the port, by the target's switch */
	/* host cores */
	struct move *source;
	struct arrival *target;
	uint32_t steps;  /* that run at the source, bits */
	uint32_t calls;  /* of them: those that wait for the target */
	int target_step; /* that runs there; -1: none */
	bool is_interrupted;
	bool is_linked, is_armed, has_ended, has_moved;
	bool has_disks;
	unsigned faults; /* that may still come */
	uint32_t odds;   /* of each, one in so many turns */
	uint64_t random;
	char trace[1 << 14];
	size_t traced;
} w;

static uint32_t dice(uint32_t sides)
{
	w.random ^= w.random << 13;
	w.random ^= w.random >> 7;
	w.random ^= w.random << 17;
	return (uint32_t)(w.random >> 33) % sides;
}

static bool has_fault(uint32_t one_in)
{
	if (w.faults == 0 || dice(one_in) != 0)
		return false;
	w.faults--;
	return true;
}

static void trace(const char *what)
{
	int n = snprintf(w.trace + w.traced, sizeof(w.trace) - w.traced, " %s;", what);

	if (n > 0 && w.traced + (size_t)n < sizeof(w.trace))
		w.traced += (size_t)n;
}

static void check(bool is_true, const char *what)
{
	if (!is_true)
		fail_msg("%s after:%s", what, w.trace);
}

static void check_world(void)
{
	bool is_here = w.guest == RUNS;
	bool is_there = w.there == LIVES;

	check(!(is_here && is_there), "the guest runs twice");
	check(!is_there || w.port == THERE, "the guest runs there without its port");
	check(!is_there || w.record_there == ARRIVAL_OPENED, "the guest runs there undecided");
	check(w.port != THERE || w.record != MOVE_MOVING, "the port is there undecided");
}

/* ---- the target -------------------------------------------------------------------------------- */

/* NULL: it went well. */
static const char *effect_there(enum arrival_step step)
{
	switch (step) {
	case ARRIVAL_ADMIT:
		w.is_expected = true;
		return NULL;
	case ARRIVAL_WRITE_PREPARED:
		w.record_there = ARRIVAL_PREPARED;
		return NULL;
	case ARRIVAL_RECEIVE:
		if (w.there == NO_QEMU)
			w.there = WAITS;
		return w.there == WAITS ? NULL : "QEMU has a state already";
	case ARRIVAL_LOADED:
		return w.there == LOADED ? NULL : "QEMU has ended";
	case ARRIVAL_WRITE_OPENED:
		w.record_there = ARRIVAL_OPENED;
		return NULL;
	case ARRIVAL_RESUME:
		check(w.record_there == ARRIVAL_OPENED, "it is let run undecided");
		w.there = LIVES;
		return NULL;
	case ARRIVAL_DISCARD:
		check(w.record_there != ARRIVAL_OPENED, "what was decided is discarded");
		w.there = NO_QEMU;
		return NULL;
	case ARRIVAL_WRITE_NOTHING:
		w.record_there = ARRIVAL_NOTHING;
		return NULL;
	default:
		return NULL;
	}
}

static void there_begin(void *arg, enum arrival_step step)
{
	(void)arg;
	check(w.target_step < 0, "two steps run at the target");
	w.target_step = (int)step;
	w.is_interrupted = false;
}

static void there_interrupt(void *arg, enum arrival_step step)
{
	(void)arg;
	check(w.target_step == (int)step, "what does not run is interrupted");
	w.is_interrupted = true;
}

static enum move_step step_of(enum arrival_call call)
{
	static const enum move_step steps[ARRIVAL_CALLS] = {
		[CALL_ADMIT] = STEP_ASK_TARGET,   [CALL_PREPARE] = STEP_PREPARE_TARGET,
		[CALL_RECEIVE] = STEP_RECEIVE,    [CALL_RELEASE] = STEP_DRAIN,
		[CALL_LOADED] = STEP_LOADED,      [CALL_COMMIT] = STEP_COMMIT_TARGET,
		[CALL_ABORT] = STEP_ABORT_TARGET,
	};

	return steps[call];
}

static int call_of(enum move_step step)
{
	for (int call = 0; call < ARRIVAL_CALLS; call++) {
		if (step_of((enum arrival_call)call) == step)
			return call;
	}
	return -1;
}

static void step_over(enum move_step step, const char *why)
{
	w.steps &= ~(UINT32_C(1) << step);
	w.calls &= ~(UINT32_C(1) << step);
	trace(move_step_name(step));
	if (why)
		trace(why);
	move_step_ended(w.source, step, why);
}

static void there_answer(void *arg, enum arrival_call call, const char *why)
{
	enum move_step step = step_of(call);

	(void)arg;
	if (!w.is_linked || !(w.calls & UINT32_C(1) << step))
		return; /* whoever asked has gone */
	step_over(step, why);
}

static const struct arrival_world there = { there_begin, there_interrupt, there_answer };

/* ---- the source -------------------------------------------------------------------------------- */

static const char *effect_here(enum move_step step)
{
	switch (step) {
	case STEP_CHECK_PORTS:
		check(w.is_expected, "ports are checked before their switch knows what they get");
		return NULL;
	case STEP_WRITE_MOVING:
		w.record = MOVE_MOVING;
		return NULL;
	case STEP_MEMORY:
		if (w.guest != RUNS || w.there != WAITS)
			return "QEMU has ended";
		w.guest = STANDS;
		return NULL;
	case STEP_FREEZE_PORTS:
		w.port = NOWHERE;
		return NULL;
	case STEP_TRANSFER:
		if (w.guest != STANDS || w.there != WAITS)
			return "QEMU has ended";
		w.there = LOADED;
		return NULL;
	case STEP_WRITE_COMMITTED:
		check(w.there == LOADED || w.there == NO_QEMU, "it is decided before it is there");
		w.record = MOVE_COMMITTED;
		return NULL;
	case STEP_COMMIT_PORTS:
		check(w.record == MOVE_COMMITTED, "the port leaves undecided");
		w.port = THERE;
		return NULL;
	case STEP_LEAVE:
		check(w.there == LIVES, "QEMU ends before the guest runs there");
		w.guest = GONE;
		return NULL;
	case STEP_CANCEL_PORTS:
		check(w.port != THERE, "a port comes back");
		w.port = HERE;
		return NULL;
	case STEP_RESUME:
		check(w.port == HERE, "the guest runs here without its port");
		w.guest = RUNS; /* from its disks, where QEMU has ended */
		return NULL;
	case STEP_WRITE_DONE:
	case STEP_WRITE_NOTHING:
		w.record = MOVE_NOTHING;
		return NULL;
	default:
		return NULL;
	}
}

static void here_begin(void *arg, enum move_step step)
{
	int call = call_of(step);

	(void)arg;
	check(!(w.steps & UINT32_C(1) << step), "a step runs twice");
	w.steps |= UINT32_C(1) << step;
	if (call < 0)
		return;
	w.calls |= UINT32_C(1) << step;
	if (!w.is_linked)
		step_over(step, "no link");
	else
		arrival_ask(w.target, (enum arrival_call)call, 7);
}

static void here_interrupt(void *arg, enum move_step step)
{
	(void)arg;
	check(w.steps & UINT32_C(1) << step, "what does not run is interrupted");
	if (w.calls & UINT32_C(1) << step)
		step_over(step, "nobody waits for the answer any more");
}

static void here_arm(void *arg, uint64_t delay_ms)
{
	(void)arg;
	w.is_armed = delay_ms > 0;
}

static void here_entered(void *arg, enum move_phase phase)
{
	(void)arg;
	trace(move_phase_name(phase));
}

static void here_ended(void *arg, bool has_moved, const char *problem)
{
	(void)arg;
	(void)problem;
	w.has_ended = true;
	w.has_moved = has_moved;
}

static const struct move_world here = { here_begin, here_interrupt, here_arm, here_entered,
					here_ended };

/* ---- what happens -------------------------------------------------------------------------------- */

static void begin_source(void)
{
	struct move_options o = { .has_disks = w.has_disks, .budget_ms = 2000 };

	w.steps = w.calls = 0;
	w.has_ended = w.is_armed = false;
	w.source = move_create(&here, NULL, &o);
	assert_non_null(w.source);
}

static void begin_target(void)
{
	w.target_step = -1;
	w.target = arrival_create(&there, NULL, w.record_there, 7);
	assert_non_null(w.target);
}

static void calls_lost(void)
{
	for (uint32_t step = 0; step < MOVE_STEPS; step++) {
		if (w.calls & UINT32_C(1) << step)
			step_over((enum move_step)step, "the link was lost");
	}
}

static void source_crashes(void)
{
	trace("SOURCE CRASHES");
	for (uint32_t step = 0; step < MOVE_STEPS; step++) {
		if ((w.steps & ~w.calls) & UINT32_C(1) << step && dice(2))
			(void)effect_here((enum move_step)step);
	}
	move_destroy(w.source);
	begin_source();
	if (w.record == MOVE_NOTHING)
		w.has_ended = true;
	else
		move_start(w.source, w.record);
}

static void target_crashes(void)
{
	trace("TARGET CRASHES");
	if (w.target_step >= 0 && dice(2))
		(void)effect_there((enum arrival_step)w.target_step);
	arrival_destroy(w.target);
	begin_target();
	calls_lost();
}

static void fault(void)
{
	switch (dice(6)) {
	case 0:
		source_crashes();
		break;
	case 1:
		target_crashes();
		break;
	case 2:
		trace("LINK CUT");
		w.is_linked = false;
		calls_lost();
		break;
	case 3:
		trace("QEMU DIES HERE");
		w.guest = GONE;
		break;
	case 4:
		trace("QEMU DIES THERE");
		if (w.there != LIVES)
			w.there = NO_QEMU;
		break;
	default:
		trace("CANCEL");
		(void)move_cancel(w.source, "somebody wants it back");
		break;
	}
}

static void one_step_here(void)
{
	uint32_t local = w.steps & ~w.calls;
	uint32_t step = dice(MOVE_STEPS);
	const char *why;

	while (!(local & UINT32_C(1) << step))
		step = (step + 1) % MOVE_STEPS;
	/* a record that could not be written is not there: the world sees to that */
	if (has_fault(w.odds))
		why = step == STEP_WRITE_COMMITTED || dice(2)
			      ? "no effect"
			      : (effect_here((enum move_step)step), "an effect, and no answer");
	else
		why = effect_here((enum move_step)step);
	step_over((enum move_step)step, why);
}

static void one_step_there(void)
{
	enum arrival_step step = (enum arrival_step)w.target_step;
	const char *why = has_fault(w.odds) ? "it failed there" : effect_there(step);

	w.target_step = -1;
	arrival_step_ended(w.target, step, why);
}

/* False: nothing can happen any more. */
static bool turn(void)
{
	bool is_busy_here = (w.steps & ~w.calls) != 0;
	/* QEMU there waits for what ours sends, if need be for ever */
	bool is_busy_there = w.target_step >= 0 && (w.target_step != ARRIVAL_LOADED ||
						    w.there != WAITS || w.is_interrupted);

	if (!w.has_ended && has_fault(w.odds))
		fault();
	else if (is_busy_here && (!is_busy_there || dice(2)))
		one_step_here();
	else if (is_busy_there)
		one_step_there();
	else if (!w.is_linked)
		w.is_linked = true;
	else if (!w.has_ended && w.is_armed)
		move_timer(w.source);
	else
		return false;
	check_world();
	return true;
}

static void run(uint64_t seed, unsigned faults)
{
	unsigned turns = 0;

	memset(&w, 0, sizeof(w));
	w.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w.faults = faults;
	w.odds = 4 + dice(60);
	w.port = HERE;
	w.guest = RUNS;
	w.is_linked = true;
	w.has_disks = dice(2);
	begin_target();
	begin_source();
	move_start(w.source, MOVE_NOTHING);
	while (turn())
		check(++turns < 2000, "it does not end");
	check(w.has_ended, "it waits for ever");
	check(w.record == MOVE_NOTHING, "the source remembers it");
	if (w.record_there == ARRIVAL_OPENED) {
		check(w.there == LIVES && w.guest == GONE && w.port == THERE, "not wholly there");
	} else {
		check(w.record_there == ARRIVAL_NOTHING, "the target remembers it");
		check(w.there != LIVES && w.port == HERE, "not wholly here");
	}
	move_destroy(w.source);
	arrival_destroy(w.target);
}

static void moves_where_nothing_fails(void **state)
{
	(void)state;
	run(1, 0);
	assert_true(w.has_moved);
	assert_int_equal(w.there, LIVES);
	assert_int_equal(w.guest, GONE);
}

static void ends_in_one_place_whatever_fails(void **state)
{
	unsigned moved = 0;
	unsigned stayed = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60000; seed++) {
		run(seed, 1 + (unsigned)(seed % 6));
		moved += w.record_there == ARRIVAL_OPENED;
		stayed += w.record_there == ARRIVAL_NOTHING;
	}
	/* both ways were gone often */
	assert_true(moved > 5000);
	assert_true(stayed > 5000);
}

static void checks_and_leaves_no_trace(void **state)
{
	struct move_options o = { .is_check = true };

	(void)state;
	memset(&w, 0, sizeof(w));
	w.port = HERE;
	w.guest = RUNS;
	w.is_linked = true;
	begin_target();
	w.source = move_create(&here, NULL, &o);
	move_start(w.source, MOVE_NOTHING);
	while (turn()) {
	}
	assert_true(w.has_ended);
	assert_false(w.has_moved);
	assert_string_equal(move_problem(w.source), "");
	assert_true(arrival_is_empty(w.target));
	assert_int_equal(w.record, MOVE_NOTHING);
	move_destroy(w.source);
	arrival_destroy(w.target);
}

/* The target went for good after the decision: a person who has switched it off ends the wait. */
static void is_ended_by_a_person_where_the_target_is_gone(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.target_step = -1;
	w.record = MOVE_MOVING;
	w.port = NOWHERE;
	w.guest = STANDS;
	begin_source();
	move_start(w.source, MOVE_MOVING);
	for (int i = 0; i < 50; i++) {
		if ((w.steps & ~w.calls) != 0)
			one_step_here();
		else if (w.is_armed)
			move_timer(w.source);
	}
	assert_false(w.has_ended); /* the guest runs here meanwhile */
	assert_int_equal(w.guest, RUNS);
	assert_false(move_cancel(w.source, "again"));
	move_target_is_gone(w.source);
	while (!w.has_ended)
		one_step_here();
	assert_int_equal(w.record, MOVE_NOTHING);
	move_destroy(w.source);
}

static void goes_back_when_the_budget_is_spent(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.port = HERE;
	w.guest = RUNS;
	w.is_linked = true;
	begin_target();
	begin_source();
	move_start(w.source, MOVE_NOTHING);
	while (move_phase(w.source) != MOVE_FREEZE)
		assert_true(turn());
	assert_true(w.is_armed);
	move_timer(w.source);
	while (turn()) {
	}
	assert_true(w.has_ended);
	assert_false(w.has_moved);
	assert_int_equal(w.guest, RUNS);
	assert_int_equal(w.port, HERE);
	assert_non_null(strstr(move_problem(w.source), "budget"));
	move_destroy(w.source);
	arrival_destroy(w.target);
}

static void an_arrival_refuses_what_is_out_of_turn(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	begin_target();
	begin_source();
	w.is_linked = true;
	arrival_ask(w.target, CALL_COMMIT, 7);
	assert_true(arrival_is_empty(w.target)); /* nothing began */
	assert_int_equal(w.target_step, -1);
	w.record_there = ARRIVAL_PREPARED;
	arrival_destroy(w.target);
	begin_target();
	arrival_ask(w.target, CALL_COMMIT, 8); /* another move's number */
	arrival_ask(w.target, CALL_ABORT, 6);
	assert_int_equal(w.target_step, -1);
	arrival_ask(w.target, CALL_COMMIT, 7);
	assert_int_equal(w.target_step, ARRIVAL_WRITE_OPENED);
	arrival_ask(w.target, CALL_ABORT, 7);
	one_step_there();
	assert_int_equal(w.target_step, ARRIVAL_RESUME);
	w.port = THERE;
	one_step_there();
	assert_true(arrival_is_ours(w.target));
	arrival_ask(w.target, CALL_ABORT, 7);
	assert_int_equal(w.target_step, -1);
	arrival_destroy(w.target);
	move_destroy(w.source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_where_nothing_fails),
		cmocka_unit_test(ends_in_one_place_whatever_fails),
		cmocka_unit_test(checks_and_leaves_no_trace),
		cmocka_unit_test(is_ended_by_a_person_where_the_target_is_gone),
		cmocka_unit_test(goes_back_when_the_budget_is_spent),
		cmocka_unit_test(an_arrival_refuses_what_is_out_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
