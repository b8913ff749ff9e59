/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_openflow_objects */
/*
 * Many flows: tables that grow while flows come and go, overlaps beside the plain test, and changes that
 * are too many to be told of one by one.
 */
#include <string.h>

#include "support/test.h"

#include "table/cursor.h"

enum { FLOWS = 6000, RULES = 400, TRIES = 4000 };

static struct of_flows flows;
static uint32_t told_changed;
static bool told_all;
static uint64_t random_state;

static void at_once(void *arg, void (*fn)(void *what), void *what)
{
	(void)arg;
	fn(what);
}

static void on_changed(void *arg, uint8_t table, const struct of_fields *value,
		       const struct of_fields *mask)
{
	static const struct of_fields none;

	(void)arg;
	(void)table;
	(void)value;
	told_changed++;
	told_all = memcmp(mask, &none, sizeof(none)) == 0;
}

static int set_up(void **state)
{
	const struct of_reclaim reclaim = { .later = at_once };
	const struct of_flows_events events = { .changed = on_changed };

	(void)state;
	told_changed = 0;
	random_state = 88172645463325252u;
	of_flows_init(&flows, 77, 100000, &reclaim, &events);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	of_flows_destroy(&flows);
	return 0;
}

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % limit;
}

static struct of_flow_mod mod_of(uint8_t command, uint16_t priority)
{
	return (struct of_flow_mod){ .version = 4,
				     .command = command,
				     .priority = priority,
				     .out_port = OF_PORT_ANY,
				     .out_group = OF_GROUP_ANY };
}

static of_fault apply(const struct of_flow_mod *m)
{
	of_fault fault;

	of_flows_begin(&flows, 1000);
	fault = of_flows_mod(&flows, m);
	if (fault)
		of_flows_abort(&flows);
	else
		of_flows_commit(&flows, false);
	return fault;
}

static void match_host(struct of_flow_mod *m, uint32_t address)
{
	m->match.value.eth_type = 0x0800;
	m->match.mask.eth_type = 0xffff;
	m->match.value.ipv4_dst = address;
	m->match.mask.ipv4_dst = UINT32_MAX;
}

static bool is_found(uint32_t address)
{
	const struct of_fields packet = { .eth_type = 0x0800, .ipv4_dst = address };
	struct of_fields examined = { 0 };

	return of_flows_find(&flows, 0, &packet, of_flows_version(&flows), &examined) != NULL;
}

static uint32_t address_of(uint32_t nr)
{
	return 0x0a000000 + nr * 77;
}

/* Each third one goes again at once, and each fifth one is replaced, in whatever half of a growth. */
static void no_flow_is_lost_while_a_table_grows(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct of_flow_mod m = mod_of(OF_FLOW_ADD, (uint16_t)(10 + i % 2));

		match_host(&m, address_of(i));
		assert_int_equal(apply(&m), OF_OK);
		assert_true(is_found(address_of(i)));
		if (i % 5 == 0) {
			m.priority = 12;
			assert_int_equal(apply(&m), OF_OK);
		}
		if (i % 3 == 0) {
			m.command = OF_FLOW_DELETE;
			assert_int_equal(apply(&m), OF_OK);
		}
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_int_equal(is_found(address_of(i)), i % 3 != 0);
}

static of_fault host(uint8_t command, uint32_t nr)
{
	struct of_flow_mod m = mod_of(command, 10);

	match_host(&m, address_of(nr));
	return apply(&m);
}

/* Slots of what went are in use until a growth, which few rules begin and many come into. */
static void a_table_that_was_emptied_grows_again(void **state)
{
	static const uint32_t sizes[] = { 4, 8, 16, 32, 64, 1024, 20000 };

	(void)state;
	for (uint32_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		uint32_t n = sizes[k];

		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(host(OF_FLOW_ADD, i), OF_OK);
		for (uint32_t i = 1; i < n; i++)
			assert_int_equal(host(OF_FLOW_DELETE, i), OF_OK);
		for (uint32_t i = n; i < 2 * n; i++) {
			assert_int_equal(host(OF_FLOW_ADD, i), OF_OK);
			assert_true(is_found(address_of(i)));
			assert_false(is_found(address_of(i) + 1));
			assert_true(is_found(address_of(0)));
		}
		for (uint32_t i = n; i < 2 * n; i++)
			assert_true(is_found(address_of(i)));
		assert_int_equal(flows.count, n + 1);
		tear_down(state);
		set_up(state);
	}
}

/* Up to a number of flows that changes, so that growths begin with few and with many. */
static void no_churn_fills_the_slots(void **state)
{
	static bool is_there[2048];
	uint32_t among = 2048;

	(void)state;
	memset(is_there, 0, sizeof(is_there));
	for (uint32_t i = 0; i < 40000; i++) {
		uint32_t nr;

		if (i % 500 == 0)
			among = 1 + random_below(2048);
		nr = random_below(2048);
		is_there[nr] = nr < among;
		assert_int_equal(host(is_there[nr] ? OF_FLOW_ADD : OF_FLOW_DELETE, nr), OF_OK);
		assert_int_equal(is_found(address_of(nr)), is_there[nr]);
		assert_false(is_found(address_of(nr) + 1));
	}
	for (uint32_t i = 0; i < 2048; i++)
		assert_int_equal(is_found(address_of(i)), is_there[i]);
}

static void random_match(struct of_match *m)
{
	static const uint8_t lengths[] = { 0, 8, 16, 24, 30, 32 };
	uint32_t dst = lengths[random_below(sizeof(lengths))];
	uint32_t src = lengths[random_below(sizeof(lengths))];

	memset(m, 0, sizeof(*m));
	m->mask.eth_type = 0xffff;
	m->value.eth_type = 0x0800;
	m->mask.ipv4_dst = dst ? UINT32_MAX << (32 - dst) : 0;
	m->mask.ipv4_src = src ? UINT32_MAX << (32 - src) : 0;
	m->value.ipv4_dst =
		(0x0a000000 + (random_below(3) << 16) + random_below(40)) & m->mask.ipv4_dst;
	m->value.ipv4_src = (0x0b000000 + random_below(20)) & m->mask.ipv4_src;
	if (random_below(2)) {
		m->mask.ip_proto = UINT8_MAX;
		m->value.ip_proto = 17;
		m->mask.l4_dst = random_below(2) ? UINT16_MAX : 0;
		m->value.l4_dst = (uint16_t)random_below(5) & m->mask.l4_dst;
	}
}

static bool overlaps_plainly(const struct of_match *m, uint16_t priority)
{
	for (const struct of_rule *r = flows.tables[0].oldest; r; r = r->newer) {
		const struct of_match other = { r->value, r->subtable->whole };

		if (r->priority == priority && of_match_overlaps(&other, m))
			return true;
	}
	return false;
}

static void overlaps_are_those_of_the_plain_test(void **state)
{
	uint32_t yes = 0;

	(void)state;
	for (uint32_t i = 0; i < RULES; i++) {
		struct of_flow_mod m = mod_of(OF_FLOW_ADD, (uint16_t)random_below(300));

		random_match(&m.match);
		assert_int_equal(apply(&m), OF_OK);
		m.command = OF_FLOW_DELETE_STRICT;
		if (i % 4 == 0)
			assert_int_equal(apply(&m), OF_OK);
	}
	for (uint32_t i = 0; i < TRIES; i++) {
		uint16_t priority = (uint16_t)random_below(300);
		struct of_match m;
		bool is_plain;

		random_match(&m);
		is_plain = overlaps_plainly(&m, priority);
		yes += is_plain;
		assert_int_equal(of_classifier_overlaps(&flows.tables[0].classifier, &m, priority),
				 is_plain);
	}
	assert_in_range(yes, TRIES / 20, TRIES - TRIES / 20);
}

static void many_changes_are_told_as_one(void **state)
{
	struct of_flow_mod all = mod_of(OF_FLOW_DELETE, 0);

	(void)state;
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);

		match_host(&m, address_of(i));
		assert_int_equal(apply(&m), OF_OK);
	}
	assert_int_equal(told_changed, FLOWS);
	assert_false(told_all);
	assert_int_equal(apply(&all), OF_OK);
	assert_int_equal(told_changed, FLOWS + 1);
	assert_true(told_all);
	assert_int_equal(flows.count, 0);
	assert_false(is_found(address_of(1)));
}

/* Between the steps of whom flows come and go, also the one that is next. */
static void a_cursor_meets_all_that_stay(void **state)
{
	const struct of_flow_filter all = { .table = OF_TABLE_ALL,
					    .out_port = OF_PORT_ANY,
					    .out_group = OF_GROUP_ANY };
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);
	struct of_cursor cursor = { 0 };
	uint32_t met[300] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		match_host(&m, i);
		m.table = (uint8_t)(i % 3 * 7);
		assert_int_equal(apply(&m), OF_OK);
	}
	of_cursor_begin(&cursor, &flows, &all);
	m.command = OF_FLOW_DELETE;
	while (!cursor.is_done) {
		const struct of_rule *next = cursor.at;
		const struct of_rule *r;

		if (next && next->value.ipv4_dst % 5 == 0) {
			match_host(&m, next->value.ipv4_dst);
			m.table = next->table;
			assert_int_equal(apply(&m), OF_OK);
		}
		r = of_cursor_step(&cursor, &all);
		if (r)
			met[r->value.ipv4_dst]++;
	}
	of_cursor_end(&cursor);
	of_cursor_end(&cursor);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(met[i], i % 5 != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_flow_is_lost_while_a_table_grows, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_table_that_was_emptied_grows_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(no_churn_fills_the_slots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(overlaps_are_those_of_the_plain_test, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(many_changes_are_told_as_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cursor_meets_all_that_stay, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
