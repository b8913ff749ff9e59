/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What once went wrong with moves, each by itself.
 * links: xvs_state xvs_base pkg::jansson
 */
#include "state/moves.h"

#include "support/test.h"

#include "state/move.h"
#include "state/pair.h"

static void a_tag_that_is_too_long_is_refused_and_not_cut(void **state)
{
	char tag[100];
	struct move_wish wish = { .port = "vm1", .to = "host1", .tag = tag };
	struct xvs_error err = ERROR_INIT;
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	memset(tag, 'x', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	pair_init(&p);
	assert_int_equal(moves_begin(p.hosts[0].m, &wish, id, &err), -EINVAL);
	assert_non_null(strstr(err.text, "tag"));
	assert_true(p.hosts[0].is_open);
	pair_finish(&p);
}

static struct link_end *dialled(struct pair *p)
{
	for (size_t i = 0; i < LINKS; i++)
		if (p->links[i].is_used)
			return &p->links[i].ends[0];
	return NULL;
}

/* The answer to the first would have been about the second. */
static void one_offer_is_judged_at_a_time(void **state)
{
	struct wire_head h = { .type = WIRE_ADMIT,
			       .flags = WIRE_CRITICAL | WIRE_FIRST | WIRE_LAST,
			       .len = 2 };
	uint8_t id[WIRE_ID];
	struct pair p;

	(void)state;
	pair_init(&p);
	pair_begin(&p, NULL, id);
	while (p.call_count == 0) /* the first is being judged */
		assert_true(pair_turn(&p));
	memcpy(h.move, id, WIRE_ID);
	memset(h.port, 0x77, WIRE_ID);
	p.calls[0].life++; /* and takes its time */
	assert_true(fake_send(dialled(&p), &h, "{}"));
	pair_run(&p);
	assert_string_equal(report_of(&p.hosts[0], id, "phase"), "ended");
	assert_string_not_equal(report_of(&p.hosts[0], id, "outcome"), "moved");
	assert_false(p.hosts[1].exists);
	assert_true(p.hosts[0].is_open);
	pair_finish(&p);
}

/* It went, that failed, and it is on its way back: what is held is the port that comes. */
static void an_old_abort_does_not_open_what_comes(void **state)
{
	static const char kept[] =
		"{\"version\": 1, \"moves\": ["
		"{\"move\": \"00000000-0000-4000-8000-000000000001\","
		" \"uuid\": \"77777777-7777-7777-7777-777777777777\", \"port\": \"lab/vm1\","
		" \"peer\": \"host1\", \"tag\": \"\", \"to\": \"host1\", \"source\": true,"
		" \"epoch\": 1, \"decision\": \"aborted\", \"outcome\": \"failed\"},"
		"{\"move\": \"00000000-0000-4000-8000-000000000002\","
		" \"uuid\": \"77777777-7777-7777-7777-777777777777\", \"port\": \"lab/vm1\","
		" \"peer\": \"host1\", \"tag\": \"\", \"to\": \"\", \"source\": false,"
		" \"epoch\": 2, \"decision\": \"prepared\"}], \"epochs\": {}}";
	struct pair p;
	struct host *h = &p.hosts[0];

	(void)state;
	pair_init(&p);
	host_crash(h);
	free(h->kept);
	h->kept = strdup(kept);
	h->held = true;
	host_start(h);
	assert_false(h->is_open);
	for (int i = 0; i < 50; i++)
		(void)pair_turn(&p);
	assert_false(h->is_open);
	assert_int_equal(moves_in_doubt(h->m), 1);
	pair_finish(&p);
}

static void port_of(int nr, uint8_t port[WIRE_ID])
{
	memset(port, 0, WIRE_ID);
	port[0] = (uint8_t)nr;
	port[1] = (uint8_t)(nr >> 8);
	port[6] = 0x40;
	port[8] = 0x80;
}

/* The oldest go where there are too many. */
static void remembers_how_often_so_many_ports_moved(void **state)
{
	enum { MORE = 5 };
	json_t *epochs = json_object();
	json_t *all = json_pack("{s:i, s:[], s:o}", "version", 1, "moves", "epochs", epochs);
	struct xvs_error err = ERROR_INIT;
	uint8_t port[WIRE_ID];
	char uuid[UUID_TEXT];
	struct pair p;
	char *text;

	(void)state;
	for (int i = 0; i < MOVES_EPOCHS + MORE; i++) {
		port_of(i, port);
		(void)json_object_set_new(epochs, uuid_print(port, uuid), json_integer(i + 1));
	}
	text = json_dumps(all, 0);
	pair_init(&p);
	assert_int_equal(moves_restore(p.hosts[1].m, text, &err), 0);
	for (int i = 0; i < MOVES_EPOCHS + MORE; i++) {
		port_of(i, port);
		assert_int_equal(moves_epoch(p.hosts[1].m, port), i < MORE ? 0 : i + 1);
	}
	pair_finish(&p);
	free(text);
	json_decref(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tag_that_is_too_long_is_refused_and_not_cut),
		cmocka_unit_test(one_offer_is_judged_at_a_time),
		cmocka_unit_test(an_old_abort_does_not_open_what_comes),
		cmocka_unit_test(remembers_how_often_so_many_ports_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
