/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port moves between two hosts, whatever is lost on the way and whoever dies when: it is never open
 * on both, and in the end it is open on one.
 * links: xvs_state xvs_base pkg::jansson
 */
#include "state/moves.h"

#include "support/test.h"

#include "state/pair.h"

/* ---- when nothing fails ---------------------------------------------------------------------------- */

static void moves_a_port_with_its_state(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_begin(&p, NULL, id);
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	assert_string_equal(report_of(&p.hosts[1], id, "outcome"), "moved");
	assert_false(p.hosts[0].exists);
	assert_true(p.hosts[1].is_open);
	assert_false(p.hosts[1].held);
	assert_false(p.hosts[0].has_departed);
	/* everything, then what changed, then the rest: in this order */
	assert_int_equal(p.hosts[1].restored[0], CONTENT_FULL);
	assert_int_equal(p.hosts[1].restored[p.hosts[1].restored_len - 1], CONTENT_FINAL);
	pair_finish(&p);
}

static void asks_without_moving(void **state)
{
	struct move_wish wish = { .is_check = true };
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_begin(&p, &wish, id);
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "checked");
	assert_true(p.hosts[0].is_open);
	assert_false(p.hosts[0].has_content);
	assert_false(p.hosts[1].exists);
	pair_finish(&p);
}

static void obeys_a_coordinator(void **state)
{
	struct move_wish wish = { .has_coordinator = true, .tag = "vm7" };
	struct xvs_error err = ERROR_INIT;
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_begin(&p, &wish, id);
	for (int i = 0; i < 300; i++)
		(void)pair_turn(&p);
	assert_int_equal(moves_stage(p.hosts[0].m, id), MOVE_PREPARED); /* rounds go on */
	assert_true(p.hosts[0].is_open);
	assert_string_equal(report_of(&p.hosts[0], id, "tag"), "vm7");
	assert_int_equal(moves_commit(p.hosts[0].m, id, &err), -EBUSY);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(moves_freeze(p.hosts[0].m, id, 0, &err), 0);
		for (int i = 0; i < 100; i++)
			(void)pair_turn(&p);
		assert_int_equal(moves_stage(p.hosts[0].m, id), MOVE_FROZEN);
		assert_false(p.hosts[0].is_open || p.hosts[1].is_open);
	}
	for (int again = 0; again < 2; again++) {
		assert_int_equal(moves_commit(p.hosts[0].m, id, &err), 0);
		pair_run(&p);
		assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	}
	assert_true(p.hosts[1].is_open);
	assert_int_equal(moves_cancel(p.hosts[0].m, id, "no", &err), -EALREADY);
	pair_finish(&p);
}

static void gives_up_when_the_budget_is_spent(void **state)
{
	struct move_wish wish = { .has_coordinator = true };
	struct xvs_error err = ERROR_INIT;
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_begin(&p, &wish, id);
	for (int i = 0; i < 100; i++)
		(void)pair_turn(&p);
	assert_int_equal(moves_freeze(p.hosts[0].m, id, NS_PER_S, &err), 0);
	pair_run(&p); /* nobody commits */
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "failed");
	assert_non_null(strstr(report_of(&p.hosts[0], id, "problem"), "took longer"));
	assert_true(p.hosts[0].is_open);
	assert_false(p.hosts[1].exists);
	pair_finish(&p);
}

static void can_be_cancelled_until_it_is_decided(void **state)
{
	(void)state;
	for (int turns = 0; turns < 60; turns++) {
		struct move_wish wish = { .has_coordinator = true };
		struct xvs_error err = ERROR_INIT;
		uint8_t id[WIRE_ID];
		struct pair p;

		pair_init(&p);
		pair_begin(&p, &wish, id);
		for (int i = 0; i < turns; i++)
			(void)pair_turn(&p);
		if (turns > 40)
			(void)moves_freeze(p.hosts[0].m, id, 0, &err);
		for (int i = 40; i < turns; i++)
			(void)pair_turn(&p);
		assert_int_equal(moves_cancel(p.hosts[0].m, id, "typed by hand", &err), 0);
		assert_true(p.hosts[0].is_open); /* at once */
		assert_int_equal(moves_cancel(p.hosts[0].m, id, "again", &err), 0);
		pair_run(&p);
		assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "cancelled");
		assert_string_equal(report_of(&p.hosts[0], id, "problem"), "typed by hand");
		assert_false(p.hosts[1].exists);
		pair_finish(&p);
	}
}

/* ---- when the target says no ----------------------------------------------------------------------- */

static void tells_all_that_stands_in_the_way(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	p.hosts[1].refusal = "burst is 5000, must be 1..1000";
	p.hosts[1].lacks_meter = true;
	pair_begin(&p, NULL, id);
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "refused");
	assert_string_equal(report_of(&p.hosts[0], id, "problem"),
			    "policy: burst is 5000, must be 1..1000, and 1 more");
	assert_true(p.hosts[0].is_open);
	assert_int_equal(p.hosts[1].opened, 0);
	pair_finish(&p);
}

static void leaves_state_behind_only_where_that_was_wanted(void **state)
{
	struct move_wish wish = { .on_missing = ON_MISSING_WARN, .budget_ns = NS_PER_S };
	uint8_t id[WIRE_ID];
	struct pair p;
	json_t *report;

	(void)state;
	pair_init(&p);
	p.hosts[1].lacks_meter = true;
	pair_begin(&p, &wish, id);
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	report = moves_show(p.hosts[0].m, id);
	assert_int_equal(json_array_size(json_object_get(report, "left")), 1);
	assert_int_equal(json_array_size(json_object_get(report, "converted")), 1); /* 1 of 2 */
	json_decref(report);
	pair_finish(&p);
}

static void never_leaves_what_is_critical(void **state)
{
	struct move_wish wish = { .on_missing = ON_MISSING_WARN, .budget_ns = NS_PER_S };
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	p.hosts[1].reads_newest = 3; /* that was not offered */
	pair_begin(&p, &wish, id);
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "failed");
	assert_true(p.hosts[0].is_open);
	pair_finish(&p);
}

static void asks_again_until_the_target_was_mended(void **state)
{
	struct move_wish wish = { .on_missing = ON_MISSING_HOLD, .budget_ns = NS_PER_S };
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	p.hosts[1].lacks_meter = true;
	pair_begin(&p, &wish, id);
	for (int i = 0; i < 40; i++)
		(void)pair_turn(&p);
	assert_true(p.hosts[0].is_open);
	assert_non_null(strstr(report_of(&p.hosts[0], id, "problem"), "com.example.meter"));
	p.hosts[1].lacks_meter = false;
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	pair_finish(&p);
}

static void refuses_peers_that_may_not_place_ports(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	p.hosts[1].may_not_place = true;
	pair_begin(&p, NULL, id);
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "refused");
	assert_non_null(strstr(report_of(&p.hosts[0], id, "problem"), "may not place ports"));
	pair_finish(&p);
}

/* Whatever fails where, the port is open at home afterwards and nothing is left at the target. */
static void stays_at_home_when_a_step_fails(void **state)
{
	(void)state;
	for (int what = 0; what < 7; what++) {
		uint8_t id[WIRE_ID];
		struct pair p;

		pair_init(&p);
		p.hosts[1].prepare_code = what == 0 ? -EBUSY : 0;
		p.hosts[1].restore_code = what == 1 ? -EINVAL : 0;
		p.hosts[0].freeze_code = what == 2 ? -ENODEV : 0;
		p.hosts[0].most_bytes = what == 3 ? 25 : 0; /* less than it sends */
		p.hosts[0].keeps_until_full = what == 4 ? 1 : what == 5 ? 2 : 0;
		p.hosts[1].keeps_until_full = what == 6 ? 1 : 0;
		pair_begin(&p, NULL, id);
		pair_run(&p);
		assert_string_not_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
		assert_string_not_equal(report_of(&p.hosts[0], id, "problem"), "");
		assert_true(p.hosts[0].is_open);
		assert_false(p.hosts[1].exists);
		assert_int_equal(p.hosts[1].opened, 0);
		pair_finish(&p);
	}
}

/* ---- losses and crashes, everywhere ---------------------------------------------------------------- */

enum fault {
	CRASH_SOURCE,
	CRASH_TARGET,
	CRASH_BOTH,
	CUT_THERE,
	CUT_BACK,
	CUT_BOTH,
	BREAK_LINK,
	FULL_SOURCE,
	FULL_TARGET,
	FAULTS,
};

static void strike(struct pair *p, enum fault f)
{
	struct host *a = &p->hosts[0];
	struct host *b = &p->hosts[1];

	if (f == CRASH_SOURCE || f == CRASH_BOTH)
		host_crash(a);
	if (f == CRASH_TARGET || f == CRASH_BOTH)
		host_crash(b);
	if (f == CUT_THERE || f == CUT_BOTH)
		p->is_cut[0] = true;
	if (f == CUT_BACK || f == CUT_BOTH)
		p->is_cut[1] = true;
	if (f == FULL_SOURCE)
		a->keeps_until_full = 1;
	if (f == FULL_TARGET)
		b->keeps_until_full = 1;
	for (size_t i = 0; f == BREAK_LINK && i < LINKS; i++)
		if (p->links[i].is_used && p->links[i].is_greeted)
			link_break(p, &p->links[i], "cut by a wire cutter");
	check_never_both(p);
}

/* Everybody is there again and can talk. */
static void heal(struct pair *p)
{
	p->is_cut[0] = false;
	p->is_cut[1] = false;
	for (int n = 0; n < HOSTS; n++)
		if (!p->hosts[n].m)
			host_start(&p->hosts[n]);
}

static void check_one_is_open(struct pair *p, const char *what)
{
	const struct host *a = &p->hosts[0];
	const struct host *b = &p->hosts[1];

	if (!is_settled(p) || a->is_open + b->is_open != 1 || a->exists + b->exists != 1 ||
	    a->held || b->held)
		fail_msg("%s: settled %d, source %d %d %d, target %d %d %d after%s", what,
			 is_settled(p), a->is_open, a->exists, a->held, b->is_open, b->exists,
			 b->held, p->trace);
	/* and so it would be after a restart of both */
	host_crash(&p->hosts[0]);
	host_crash(&p->hosts[1]);
	heal(p);
	assert_true(p->hosts[0].is_open + p->hosts[1].is_open == 1);
}

/* Two faults at two events; the second may be the end of the first.  False: it ended before. */
static bool play(const enum fault faults[2], const uint64_t at[2], unsigned patience)
{
	char what[96];
	uint8_t id[WIRE_ID];
	struct pair p;
	bool reached = true;

	pair_init(&p);
	pair_begin(&p, NULL, id);
	for (int i = 0; i < 2 && reached; i++) {
		while (p.events < at[i] && !is_settled(&p) && pair_turn(&p))
			;
		reached = i > 0 || !is_settled(&p);
		if (reached && p.hosts[0].m && p.hosts[1].m)
			strike(&p, faults[i]);
	}
	for (unsigned i = 0; i < patience; i++)
		(void)pair_turn(&p);
	heal(&p);
	pair_run(&p);
	(void)snprintf(what, sizeof(what), "faults %d at %d, %d at %d", faults[0], (int)at[0],
		       faults[1], (int)at[1]);
	check_one_is_open(&p, what);
	pair_finish(&p);
	return reached;
}

static void survives_any_loss_at_any_step(void **state)
{
	(void)state;
	for (int f = 0; f < FAULTS; f++) {
		for (unsigned patience = 0; patience < 60; patience += 12) {
			const enum fault faults[2] = { (enum fault)f, (enum fault)f };
			uint64_t at[2] = { 0, 0 };

			while (play(faults, at, patience))
				at[1] = ++at[0];
			assert_true(at[0] > 20); /* it was worth it */
		}
	}
}

/* All pairs of steps take minutes; with XVS_TEST_LONG they are played. */
static void survives_any_two_losses_at_many_steps(void **state)
{
	bool is_long = getenv("XVS_TEST_LONG") != NULL;

	(void)state;
	for (int f = 0; f < FAULTS * FAULTS; f++) {
		const enum fault faults[2] = { (enum fault)(f / FAULTS), (enum fault)(f % FAULTS) };
		uint64_t at[2] = { 0, 0 };
		bool reached = true;

		for (; reached; at[0] += is_long ? 1 : 2)
			for (uint64_t later = 1; later < 40; later += is_long ? 1 : 4 * later) {
				at[1] = at[0] + later;
				reached = play(faults, at, 6);
			}
	}
}

/* One message of the whole conversation vanishes, or comes twice. */
static unsigned countdown;

static bool lose_one(struct pair *p, int to, struct message *m)
{
	(void)p;
	(void)to;
	(void)m;
	return countdown == 0 || --countdown > 0;
}

static void survives_the_loss_of_any_message(void **state)
{
	(void)state;
	for (unsigned n = 1; n < 40; n++) {
		uint8_t id[WIRE_ID];
		struct pair p;

		countdown = n;
		pair_init(&p);
		p.tamper = lose_one;
		pair_begin(&p, NULL, id);
		pair_run(&p);
		check_one_is_open(&p, "one message lost");
		pair_finish(&p);
	}
}

/* ---- in doubt -------------------------------------------------------------------------------------- */

/* The source has decided, and cannot say so. */
static void cut_after_the_decision(struct pair *p, uint8_t id[WIRE_ID])
{
	pair_begin(p, NULL, id);
	while (moves_stage(p->hosts[0].m, id) != MOVE_COMMITTED)
		assert_true(pair_turn(p));
	strike(p, CUT_BOTH);
	for (int i = 0; i < 50; i++)
		(void)pair_turn(p);
	assert_false(p->hosts[0].is_open || p->hosts[1].is_open);
	assert_true(p->hosts[0].has_departed);
	assert_int_equal(moves_in_doubt(p->hosts[0].m), 1);
	assert_int_equal(moves_in_doubt(p->hosts[1].m), 1);
}

static void is_nowhere_rather_than_in_two_places(void **state)
{
	uint8_t id[WIRE_ID];
	struct xvs_error err = ERROR_INIT;
	struct pair p;

	(void)state;
	pair_init(&p);
	cut_after_the_decision(&p, id);
	assert_int_equal(moves_cancel(p.hosts[0].m, id, "no", &err), -EALREADY);
	heal(&p);
	pair_run(&p);
	assert_true(p.hosts[1].is_open);
	pair_finish(&p);
}

static void is_taken_over_by_a_person(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		for (int restarted = 0; restarted < 2; restarted++) {
			struct xvs_error err = ERROR_INIT;
			uint8_t id[WIRE_ID];
			struct pair p;

			pair_init(&p);
			cut_after_the_decision(&p, id);
			host_crash(&p.hosts[1 - who]); /* the other is off for good */
			if (restarted) {
				host_crash(&p.hosts[who]);
				host_start(&p.hosts[who]);
				assert_false(p.hosts[who].is_open);
				assert_int_equal(p.hosts[who].has_departed, who == 0);
			}
			assert_int_equal(moves_resolve(p.hosts[who].m, id, true, &err), 0);
			assert_true(p.hosts[who].is_open);
			assert_false(p.hosts[who].has_departed);
			host_crash(&p.hosts[who]);
			host_start(&p.hosts[who]);
			assert_true(p.hosts[who].is_open);
			/* it was only asleep: it learns what has become of the port */
			heal(&p);
			pair_run(&p);
			check_one_is_open(&p, "taken over");
			pair_finish(&p);
		}
	}
}

static void is_given_up_by_a_person(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		struct xvs_error err = ERROR_INIT;
		uint8_t id[WIRE_ID];
		struct pair p;

		pair_init(&p);
		cut_after_the_decision(&p, id);
		assert_int_equal(moves_resolve(p.hosts[who].m, id, false, &err), 0);
		for (int i = 0; i < 20; i++)
			(void)pair_turn(&p);
		assert_false(p.hosts[who].exists);
		assert_false(p.hosts[who].has_departed);
		assert_string_equal(report_of(&p.hosts[who], id, "phase"), "ended");
		assert_int_equal(moves_resolve(p.hosts[who].m, id, true, &err), -EALREADY);
		pair_finish(&p);
	}
}

static void resolves_only_what_is_in_doubt(void **state)
{
	struct xvs_error err = ERROR_INIT;
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_begin(&p, NULL, id);
	for (int i = 0; i < 12; i++)
		(void)pair_turn(&p);
	assert_int_equal(moves_resolve(p.hosts[0].m, id, true, &err), -EBUSY);
	assert_int_equal(moves_resolve(p.hosts[1].m, id, true, &err), -EBUSY);
	assert_int_equal(moves_freeze(p.hosts[1].m, id, 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "host0"));
	id[0] ^= 1;
	assert_int_equal(moves_resolve(p.hosts[0].m, id, true, &err), -ENOENT);
	pair_run(&p);
	pair_finish(&p);
}

/* ---- a malicious peer ------------------------------------------------------------------------------ */

static uint64_t forge_seed;

/* One frame of the conversation is changed somewhere: type, identity, epoch, flags, body. */
static bool forge(struct pair *p, int to, struct message *m)
{
	uint64_t what = test_random(&forge_seed) % 8;

	(void)to;
	if (countdown == 0 || --countdown > 0)
		return true;
	if (what == 0)
		m->h.type = (uint16_t)(2 + test_random(&forge_seed) % 15);
	else if (what == 1)
		m->h.move[test_random(&forge_seed) % WIRE_ID] ^= 1;
	else if (what == 2)
		m->h.port[test_random(&forge_seed) % WIRE_ID] ^= 1;
	else if (what == 3)
		m->h.epoch += test_random(&forge_seed) % 3 - 1;
	else if (what == 4)
		m->h.flags ^= (uint16_t)(1 << test_random(&forge_seed) % 3);
	else if (m->h.len > 0)
		m->body[test_random(&forge_seed) % m->h.len] ^=
			(uint8_t)(1 << test_random(&forge_seed) % 8);
	if (what == 7)
		m->h.len = m->h.len / 2;
	check_never_both(p);
	return true;
}

static void is_never_open_twice_for_a_peer_that_lies(void **state)
{
	(void)state;
	for (forge_seed = 1; forge_seed < 4000; forge_seed++) {
		uint64_t seed = forge_seed;
		uint8_t id[WIRE_ID];
		struct pair p;

		countdown = 1 + (unsigned)(seed % 30);
		pair_init(&p);
		p.tamper = forge;
		pair_begin(&p, NULL, id);
		for (int i = 0; i < 400 && !is_settled(&p); i++)
			(void)pair_turn(&p);
		assert_true(p.hosts[1].restored_len <= sizeof(p.hosts[1].restored));
		pair_finish(&p);
		forge_seed = seed;
	}
}

/* What the target gets out of turn, before it knows a move. */
static void knows_nothing_of_strange_moves(void **state)
{
	static const uint16_t types[] = { WIRE_PREPARE, WIRE_STATE, WIRE_ROUND, WIRE_COMMIT,
					  WIRE_ABORT,   WIRE_ADMIT, WIRE_READY, WIRE_FRAME };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct pair p;
		struct link_end *far;
		struct conn *c = calloc(1, 64);
		struct wire_head h = { .type = types[i], .flags = 7, .epoch = 9, .sequence = 1 };

		pair_init(&p);
		far = fake_dial(&p.hosts[0], "host1", NULL);
		free(c);
		assert_true(pair_turn(&p));
		h.len = 2;
		assert_true(fake_send(far, &h, "{}"));
		for (int n = 0; n < 10; n++)
			(void)pair_turn(&p);
		assert_false(p.hosts[1].exists);
		assert_false(p.hosts[1].is_open);
		pair_finish(&p);
	}
}

static void bounds_how_many_move_at_once(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct move_wish wish = { .port = "vm1", .to = "host1" };
	uint8_t id[WIRE_ID];
	struct pair p;
	int code = 0;
	int count = 0;

	(void)state;
	pair_init(&p);
	strike(&p, CUT_BOTH);
	while (code == 0 && count <= MOVES_MAX) {
		p.hosts[0].has_content = false; /* as if of so many ports */
		code = moves_begin(p.hosts[0].m, &wish, id, &err);
		count += code == 0;
	}
	assert_int_equal(code, -EBUSY);
	assert_int_equal(count, MOVES_MAX);
	pair_finish(&p);
}

static void remembers_so_many_that_have_ended(void **state)
{
	struct pair p;
	json_t *list;

	(void)state;
	pair_init(&p);
	for (int i = 0; i < MOVES_ENDED + 20; i++) {
		struct move_wish wish = { .is_check = true };
		uint8_t id[WIRE_ID];

		pair_begin(&p, &wish, id);
		pair_run(&p);
	}
	list = moves_list(p.hosts[0].m);
	assert_in_range(json_array_size(list), MOVES_ENDED, MOVES_ENDED + 1);
	json_decref(list);
	list = moves_list(p.hosts[1].m);
	assert_int_equal(json_array_size(list), 0); /* a question leaves nothing there */
	json_decref(list);
	pair_finish(&p);
}

static void refuses_what_was_kept_and_makes_no_sense(void **state)
{
	static const char *const texts[] = {
		"",
		"[",
		"{\"moves\": [{}]}",
		"{\"moves\": [{\"move\": \"x\"}]}",
		"{\"moves\": [{\"move\": \"00000000-0000-4000-8000-000000000001\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct xvs_error err = ERROR_INIT;
		struct pair p;

		pair_init(&p);
		assert_true(moves_restore(p.hosts[1].m, texts[i], &err) < 0);
		assert_string_not_equal(err.text, "");
		pair_finish(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_a_port_with_its_state),
		cmocka_unit_test(asks_without_moving),
		cmocka_unit_test(obeys_a_coordinator),
		cmocka_unit_test(gives_up_when_the_budget_is_spent),
		cmocka_unit_test(can_be_cancelled_until_it_is_decided),
		cmocka_unit_test(tells_all_that_stands_in_the_way),
		cmocka_unit_test(leaves_state_behind_only_where_that_was_wanted),
		cmocka_unit_test(never_leaves_what_is_critical),
		cmocka_unit_test(asks_again_until_the_target_was_mended),
		cmocka_unit_test(refuses_peers_that_may_not_place_ports),
		cmocka_unit_test(stays_at_home_when_a_step_fails),
		cmocka_unit_test(survives_any_loss_at_any_step),
		cmocka_unit_test(survives_any_two_losses_at_many_steps),
		cmocka_unit_test(survives_the_loss_of_any_message),
		cmocka_unit_test(is_nowhere_rather_than_in_two_places),
		cmocka_unit_test(is_taken_over_by_a_person),
		cmocka_unit_test(is_given_up_by_a_person),
		cmocka_unit_test(resolves_only_what_is_in_doubt),
		cmocka_unit_test(is_never_open_twice_for_a_peer_that_lies),
		cmocka_unit_test(knows_nothing_of_strange_moves),
		cmocka_unit_test(bounds_how_many_move_at_once),
		cmocka_unit_test(remembers_so_many_that_have_ended),
		cmocka_unit_test(refuses_what_was_kept_and_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
