/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that still come to the host that a port leaves go after it, when it is decided, and no more than
 * they may.
 * links: xvs_state xvs_base pkg::jansson
 */
#include "state/moves.h"

#include "support/test.h"

#include "state/pair.h"

static void come(struct host *h, uint8_t first, size_t len)
{
	static uint8_t frame[70000];

	frame[0] = first;
	assert_non_null(h->straggler);
	h->straggler(h->straggler_arg, frame, len);
}

static void until(struct pair *p, const uint8_t id[WIRE_ID], enum move_stage stage)
{
	while (moves_stage(p->hosts[0].m, id) != stage)
		assert_true(pair_turn(p));
}

static json_int_t straggled(const struct host *h, const uint8_t id[WIRE_ID], const char *key)
{
	json_t *j = moves_show(h->m, id);
	json_int_t value =
		json_integer_value(json_object_get(json_object_get(j, "stragglers"), key));

	json_decref(j);
	return value;
}

/* A frozen port whose coordinator waits. */
static void freeze(struct pair *p, uint8_t id[WIRE_ID])
{
	struct move_wish wish = { .has_coordinator = true };
	struct xvs_error err = ERROR_INIT;

	pair_init(p);
	pair_begin(p, &wish, id);
	until(p, id, MOVE_PREPARED);
	assert_int_equal(moves_freeze(p->hosts[0].m, id, 0, &err), 0);
	until(p, id, MOVE_FROZEN);
}

static void commit(struct pair *p, const uint8_t id[WIRE_ID])
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(moves_commit(p->hosts[0].m, id, &err), 0);
}

static void wait_until_it_is_decided_and_follow(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	freeze(&p, id);
	come(&p.hosts[0], 1, 60);
	come(&p.hosts[0], 2, 1514);
	for (int i = 0; i < 20; i++)
		(void)pair_turn(&p);
	assert_int_equal(p.hosts[1].delivered, 0);
	commit(&p, id);
	come(&p.hosts[0], 3, 60); /* and at once from now on */
	pair_run(&p);
	assert_int_equal(p.hosts[1].delivered, 3);
	assert_int_equal(p.hosts[1].last_delivered, 3);
	assert_int_equal(straggled(&p.hosts[0], id, "frames"), 3);
	assert_int_equal(straggled(&p.hosts[1], id, "bytes"), 60 + 1514 + 60);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	pair_finish(&p);
}

static void go_nowhere_when_the_port_stays(void **state)
{
	struct xvs_error err = ERROR_INIT;
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	freeze(&p, id);
	come(&p.hosts[0], 1, 60);
	assert_int_equal(moves_cancel(p.hosts[0].m, id, "no", &err), 0);
	assert_null(p.hosts[0].straggler);
	pair_run(&p);
	assert_int_equal(p.hosts[1].delivered, 0);
	pair_finish(&p);
}

/* Nothing is asked of a port that has been removed. */
static void are_carried_until_the_target_has_settled(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	freeze(&p, id);
	commit(&p, id);
	until(&p, id, MOVE_OPENED);
	for (int i = 0; i < 5; i++)
		come(&p.hosts[0], 9, 60);
	pair_run(&p);
	assert_null(p.hosts[0].straggler);
	assert_false(p.hosts[0].exists);
	assert_int_equal(p.hosts[1].delivered, 5);
	pair_finish(&p);
}

static bool is_connected(const struct host *h, const uint8_t id[WIRE_ID])
{
	json_t *j = moves_show(h->m, id);
	bool is = json_is_true(json_object_get(j, "connected"));

	json_decref(j);
	return is;
}

/* The target has settled, and the source does not know that yet. */
static void settle(struct pair *p, uint8_t id[WIRE_ID])
{
	freeze(p, id);
	commit(p, id);
	until(p, id, MOVE_OPENED);
	while (moves_stage(p->hosts[1].m, id) != MOVE_ENDED)
		assert_true(pair_turn(p));
	assert_int_equal(moves_stage(p->hosts[0].m, id), MOVE_OPENED);
}

static void are_taken_that_were_under_way_when_the_target_settled(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	settle(&p, id);
	for (int i = 0; i < 5; i++)
		come(&p.hosts[0], 9, 60);
	pair_run(&p);
	assert_int_equal(straggled(&p.hosts[0], id, "frames"), 5);
	assert_int_equal(p.hosts[1].delivered, 5);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	pair_finish(&p);
}

static void are_not_waited_for_without_end(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	settle(&p, id);
	assert_true(is_connected(&p.hosts[1], id));
	p.is_cut[0] = true;
	p.is_cut[1] = true;
	for (const uint64_t began = p.now_ns; is_connected(&p.hosts[1], id);) {
		assert_true(pair_turn(&p));
		assert_true(p.now_ns - began <= 5 * NS_PER_S);
	}
	p.is_cut[0] = false;
	p.is_cut[1] = false;
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	pair_finish(&p);
}

static void are_bounded_while_they_wait_and_in_all(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	freeze(&p, id);
	for (int i = 0; i < 2000; i++)
		come(&p.hosts[0], 1, 1514);
	commit(&p, id);
	assert_in_range(straggled(&p.hosts[0], id, "frames"), 1, 256);
	assert_int_equal(straggled(&p.hosts[0], id, "frames") + straggled(&p.hosts[0], id, "lost"),
			 2000);
	assert_true(straggled(&p.hosts[0], id, "bytes") <= 512 << 10);
	pair_run(&p);
	assert_int_equal(p.hosts[1].delivered, straggled(&p.hosts[1], id, "frames"));
	pair_finish(&p);
}

/* In doubt nobody can have them. */
static void are_lost_while_the_target_cannot_be_reached(void **state)
{
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	freeze(&p, id);
	p.is_cut[0] = true;
	p.is_cut[1] = true;
	commit(&p, id);
	while (!moves_in_doubt(p.hosts[0].m))
		assert_true(pair_turn(&p));
	come(&p.hosts[0], 1, 60);
	assert_int_equal(straggled(&p.hosts[0], id, "lost"), 1);
	p.is_cut[0] = false;
	p.is_cut[1] = false;
	pair_run(&p);
	assert_true(p.hosts[1].is_open);
	assert_int_equal(p.hosts[1].delivered, 0);
	pair_finish(&p);
}

/* What comes before the opening, or of a move that has not opened, is not the port's. */
static void are_taken_by_an_open_port_alone(void **state)
{
	struct wire_head h = { .type = WIRE_FRAME, .flags = WIRE_FIRST | WIRE_LAST, .len = 60 };
	static uint8_t frame[60];
	struct link_end *far = NULL;
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	freeze(&p, id);

	for (size_t i = 0; i < LINKS && !far; i++)
		far = p.links[i].is_used ? &p.links[i].ends[0] : NULL;
	assert_non_null(far);
	memcpy(h.move, id, WIRE_ID);
	memset(h.port, 0x77, WIRE_ID);
	assert_true(fake_send(far, &h, frame));
	assert_true(pair_turn(&p));
	assert_int_equal(p.hosts[1].delivered, 0);
	assert_int_equal(moves_stage(p.hosts[0].m, id), MOVE_FROZEN);

	commit(&p, id);
	pair_run(&p);
	assert_true(p.hosts[1].is_open);
	pair_finish(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_until_it_is_decided_and_follow),
		cmocka_unit_test(go_nowhere_when_the_port_stays),
		cmocka_unit_test(are_carried_until_the_target_has_settled),
		cmocka_unit_test(are_taken_that_were_under_way_when_the_target_settled),
		cmocka_unit_test(are_not_waited_for_without_end),
		cmocka_unit_test(are_bounded_while_they_wait_and_in_all),
		cmocka_unit_test(are_lost_while_the_target_cannot_be_reached),
		cmocka_unit_test(are_taken_by_an_open_port_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
