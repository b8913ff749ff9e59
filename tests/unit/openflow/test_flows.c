/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tables: flow-mods as the specification wants them, transactions, and a look-up that agrees
 * with the plainest one there is.
 */
#include <pthread.h>
#include <string.h>

#include "support/test.h"

#include "table/sweep.h"

enum { TABLE = 3 };

static struct of_flows flows;
static uint32_t told_removed, told_changed;
static uint8_t last_reason;

static void at_once(void *arg, void (*fn)(void *what), void *what)
{
	(void)arg;
	fn(what);
}

static void on_changed(void *arg, uint8_t table, const struct of_fields *value,
		       const struct of_fields *mask)
{
	(void)arg;
	(void)table;
	(void)value;
	(void)mask;
	told_changed++;
}

static void on_removed(void *arg, struct of_rule *r, uint8_t reason)
{
	(void)arg;
	(void)r;
	told_removed += reason != OF_REMOVED_REPLACED;
	last_reason = reason;
}

static int set_up(void **state)
{
	const struct of_reclaim reclaim = { .later = at_once };
	const struct of_flows_events events = { .changed = on_changed, .removed = on_removed };

	(void)state;
	told_removed = told_changed = 0;
	of_flows_init(&flows, 77, 1000, &reclaim, &events);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	of_flows_destroy(&flows);
	return 0;
}

static struct of_flow_mod mod_of(uint8_t command, uint16_t priority)
{
	struct of_flow_mod m = { .version = 4,
				 .command = command,
				 .table = TABLE,
				 .priority = priority,
				 .out_port = OF_PORT_ANY,
				 .out_group = OF_GROUP_ANY };

	return m;
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

static void match_dst(struct of_flow_mod *m, uint32_t address, uint32_t prefix)
{
	m->match.value.eth_type = 0x0800;
	m->match.mask.eth_type = 0xffff;
	m->match.mask.ipv4_dst = prefix ? UINT32_MAX << (32 - prefix) : 0;
	m->match.value.ipv4_dst = address & m->match.mask.ipv4_dst;
}

static struct of_rule *find(uint32_t dst, struct of_fields *examined)
{
	const struct of_fields packet = { .eth_type = 0x0800, .ipv4_dst = dst };
	struct of_fields none = { 0 };

	return of_flows_find(&flows, TABLE, &packet, of_flows_version(&flows),
			     examined ? examined : &none);
}

static void the_highest_priority_wins(void **state)
{
	struct of_flow_mod wide = mod_of(OF_FLOW_ADD, 10);
	struct of_flow_mod narrow = mod_of(OF_FLOW_ADD, 20);

	(void)state;
	match_dst(&wide, 0x0a000000, 8);
	match_dst(&narrow, 0x0a010203, 32);
	wide.cookie = 1;
	narrow.cookie = 2;
	assert_int_equal(apply(&wide), OF_OK);
	assert_int_equal(apply(&narrow), OF_OK);
	assert_int_equal(find(0x0a010203, NULL)->cookie, 2);
	assert_int_equal(find(0x0a010204, NULL)->cookie, 1);
	assert_null(find(0x0b010204, NULL));
	narrow.priority = 5;
	assert_int_equal(apply(&narrow), OF_OK);
	assert_int_equal(flows.count, 3);
}

/* What cannot be 10.1.2.3 by its first byte is not told apart by the others. */
static void few_bits_are_examined(void **state)
{
	struct of_flow_mod host = mod_of(OF_FLOW_ADD, 10);
	struct of_fields examined = { 0 };

	(void)state;
	match_dst(&host, 0x0a010203, 32);
	assert_int_equal(apply(&host), OF_OK);
	assert_null(find(0x0b010203, &examined));
	assert_int_equal(examined.eth_type, 0xffff);
	assert_int_equal(examined.ipv4_dst, 0xff000000);
	memset(&examined, 0, sizeof(examined));
	assert_null(find(0x0a010204, &examined));
	assert_int_equal(examined.ipv4_dst, UINT32_MAX);
	memset(&examined, 0, sizeof(examined));
	assert_null(of_flows_find(&flows, TABLE, &(struct of_fields){ .eth_type = 0x0806 },
				  of_flows_version(&flows), &examined));
	assert_int_equal(examined.ipv4_dst, 0);
}

static void an_equal_flow_is_replaced_with_its_counts(void **state)
{
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);

	(void)state;
	match_dst(&m, 0x0a000001, 32);
	assert_int_equal(apply(&m), OF_OK);
	of_stats_credit(find(0x0a000001, NULL)->stats, 3, 300, 5);
	m.cookie = 9;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(flows.count, 1);
	assert_int_equal(told_removed, 0);
	assert_int_equal(find(0x0a000001, NULL)->cookie, 9);
	assert_int_equal(of_count(&find(0x0a000001, NULL)->stats->packets), 3);
	m.flags = OF_FLOW_RESET_COUNTS;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(of_count(&find(0x0a000001, NULL)->stats->packets), 0);
}

static void overlap_is_refused_where_it_is_asked_for(void **state)
{
	struct of_flow_mod wide = mod_of(OF_FLOW_ADD, 10);
	struct of_flow_mod narrow = mod_of(OF_FLOW_ADD, 10);

	(void)state;
	match_dst(&wide, 0x0a000000, 8);
	match_dst(&narrow, 0x0a010203, 32);
	assert_int_equal(apply(&wide), OF_OK);
	narrow.flags = OF_FLOW_CHECK_OVERLAP;
	assert_int_equal(apply(&narrow), OF_FLOW_MOD_OVERLAP);
	narrow.priority = 11;
	assert_int_equal(apply(&narrow), OF_OK);
}

static void modify_keeps_cookie_and_counts(void **state)
{
	struct of_action output = { .type = OF_ACT_OUTPUT, .number = 7 };
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);
	struct of_rule *r;

	(void)state;
	match_dst(&m, 0x0a000001, 32);
	m.cookie = 5;
	assert_int_equal(apply(&m), OF_OK);
	of_stats_credit(find(0x0a000001, NULL)->stats, 3, 300, 5);
	m.command = OF_FLOW_MODIFY;
	m.cookie = 0;
	m.instructions.has = OF_INS_APPLY;
	m.instructions.apply = (struct of_actions){ &output, 1 };
	match_dst(&m, 0x0a000000, 8);
	assert_int_equal(apply(&m), OF_OK);
	r = find(0x0a000001, NULL);
	assert_int_equal(r->cookie, 5);
	assert_int_equal(of_count(&r->stats->packets), 3);
	assert_int_equal(r->instructions->apply.list[0].number, 7);
	m.command = OF_FLOW_MODIFY_STRICT;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(flows.count, 1);
	m.version = 1; /* 1.0 adds what it does not find */
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(flows.count, 2);
}

static void delete_takes_what_is_meant(void **state)
{
	struct of_action output = { .type = OF_ACT_OUTPUT, .number = 7 };
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		match_dst(&m, 0x0a000000 + i, 32);
		m.cookie = i;
		m.instructions.has = i == 4 ? OF_INS_APPLY : 0;
		m.instructions.apply = (struct of_actions){ &output, i == 4 };
		assert_int_equal(apply(&m), OF_OK);
	}
	m = mod_of(OF_FLOW_DELETE, 0);
	m.out_port = 7;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(flows.count, 9);
	assert_null(find(0x0a000004, NULL));
	m.out_port = OF_PORT_ANY;
	m.cookie = 1;
	m.cookie_mask = 1;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(flows.count, 4);
	m.cookie_mask = 0;
	m.command = OF_FLOW_DELETE_STRICT;
	match_dst(&m, 0x0a000002, 32);
	assert_int_equal(apply(&m), OF_OK); /* other priority */
	assert_int_equal(flows.count, 4);
	m.priority = 10;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(flows.count, 3);
	m = mod_of(OF_FLOW_DELETE, 0);
	m.table = OF_TABLE_ALL;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(flows.count, 0);
	assert_int_equal(told_removed, 10);
	assert_int_equal(last_reason, OF_REMOVED_DELETE);
}

static void an_aborted_transaction_leaves_no_trace(void **state)
{
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);

	(void)state;
	match_dst(&m, 0x0a000001, 32);
	m.cookie = 1;
	assert_int_equal(apply(&m), OF_OK);
	told_changed = 0;
	of_flows_begin(&flows, 2000);
	m.cookie = 2;
	assert_int_equal(of_flows_mod(&flows, &m), OF_OK);
	match_dst(&m, 0x0a000002, 32);
	assert_int_equal(of_flows_mod(&flows, &m), OF_OK);
	m = mod_of(OF_FLOW_DELETE, 0);
	assert_int_equal(of_flows_mod(&flows, &m), OF_OK);
	assert_int_equal(flows.count, 0);
	assert_int_equal(find(0x0a000001, NULL)->cookie, 1); /* workers still see what was */
	of_flows_abort(&flows);
	assert_int_equal(flows.count, 1);
	assert_int_equal(find(0x0a000001, NULL)->cookie, 1);
	assert_null(find(0x0a000002, NULL));
	assert_int_equal(told_changed, 0);
}

static void a_full_table_refuses_or_evicts(void **state)
{
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);

	(void)state;
	flows.tables[TABLE].limit = 2;
	for (uint32_t i = 0; i < 2; i++) {
		match_dst(&m, i, 32);
		m.importance = (uint16_t)(5 - i);
		assert_int_equal(apply(&m), OF_OK);
	}
	match_dst(&m, 9, 32);
	assert_int_equal(apply(&m), OF_FLOW_MOD_TABLE_FULL);
	assert_int_equal(of_flows_evict(&flows, TABLE, true), 0);
	m.importance = 3;
	assert_int_equal(apply(&m), OF_FLOW_MOD_TABLE_FULL);
	m.importance = 4;
	assert_int_equal(apply(&m), OF_OK);
	assert_int_equal(last_reason, OF_REMOVED_EVICTION);
	assert_null(find(1, NULL));
	assert_non_null(find(0, NULL));
}

/* The flows of the table, as they came: each by its cookie. */
static uint32_t order_of(uint64_t cookies[64])
{
	uint32_t count = 0;

	for (const struct of_rule *r = flows.tables[TABLE].oldest; r; r = r->newer)
		cookies[count++] = r->cookie;
	return count;
}

static void fill(uint32_t count)
{
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);

	for (uint32_t i = 0; i < count; i++) {
		match_dst(&m, 0x0a000000 + i, 32);
		m.cookie = i;
		assert_int_equal(apply(&m), OF_OK);
	}
}

/* Removed, replaced, modified, evicted, in any order and the last of them first undone. */
static void an_aborted_transaction_leaves_the_order(void **state)
{
	uint64_t before[64], after[64];
	uint64_t random = 7;

	(void)state;
	assert_int_equal(of_flows_evict(&flows, TABLE, true), 0);
	fill(20);
	flows.tables[TABLE].limit = 21;
	for (uint32_t round = 0; round < 200; round++) {
		const struct of_rule *least = of_rank_least(&flows.tables[TABLE].rank);
		uint32_t count = order_of(before);

		of_flows_begin(&flows, 2000);
		for (uint32_t step = 0; step < 1 + round % 30; step++) {
			struct of_flow_mod m = mod_of((uint8_t)(test_random(&random) % 5), 10);

			match_dst(&m, 0x0a000000 + (uint32_t)(test_random(&random) % 25),
				  test_random(&random) % 16 ? 32 : 29);
			m.cookie_mask = 0;
			(void)of_flows_mod(&flows, &m);
		}
		of_flows_abort(&flows);
		assert_int_equal(order_of(after), count);
		assert_memory_equal(before, after, count * sizeof(before[0]));
		assert_int_equal(flows.count, count);
		assert_ptr_equal(of_rank_least(&flows.tables[TABLE].rank), least);
	}
}

/* Importance first, then age: beside the plainest way to find it. */
static void the_least_important_and_oldest_makes_room(void **state)
{
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);
	uint64_t random = 3;

	(void)state;
	fill(30);
	assert_int_equal(of_flows_evict(&flows, TABLE, true), 0);
	flows.tables[TABLE].limit = 40;
	for (uint32_t i = 0; i < 500; i++) {
		const struct of_rule *least = NULL;
		uint64_t cookie;

		for (const struct of_rule *r = flows.tables[TABLE].oldest; r; r = r->newer) {
			if (!least || r->importance < least->importance)
				least = r;
		}
		assert_ptr_equal(of_rank_least(&flows.tables[TABLE].rank), least);
		cookie = least->cookie;
		m = mod_of(i % 7 ? OF_FLOW_ADD : OF_FLOW_DELETE_STRICT, 10);
		match_dst(&m, 0x0b000000 + (uint32_t)(test_random(&random) % 60), 32);
		m.cookie = 1000 + i;
		m.importance = (uint16_t)(test_random(&random) % 4);
		told_removed = 0;
		assert_true(apply(&m) == OF_OK || m.importance < least->importance);
		if (told_removed && last_reason == OF_REMOVED_EVICTION) {
			uint64_t cookies[64];
			uint32_t count = order_of(cookies);

			for (uint32_t k = 0; k < count; k++)
				assert_int_not_equal(cookies[k], cookie);
		}
	}
	assert_int_equal(of_flows_evict(&flows, TABLE, false), 0);
	assert_null(of_rank_least(&flows.tables[TABLE].rank));
}

/* A few at a time, and what comes by it is not met again. */
static void a_sweep_changes_each_flow_once(void **state)
{
	const struct of_action out = { .type = OF_ACT_OUTPUT, .number = 3 };
	struct of_flow_mod m = mod_of(OF_FLOW_MODIFY, 0);
	struct of_sweep sweep;
	uint32_t turns = 0;

	(void)state;
	fill(20);
	m.table = OF_TABLE_ALL;
	m.instructions.has = OF_INS_APPLY;
	m.instructions.apply = (struct of_actions){ (struct of_action *)(uintptr_t)&out, 1 };
	of_flows_begin(&flows, 2000);
	of_sweep_mod(&sweep, &flows, &m);
	for (; sweep.is_on; turns++)
		assert_int_equal(of_sweep_some(&sweep, 3), OF_OK);
	assert_int_equal(sweep.done, 20);
	assert_true(turns > 6);
	assert_int_equal(find(0x0a000001, NULL)->instructions->apply.count, 0);
	of_flows_publish(&flows, false);
	while (!of_flows_tell(&flows, 3))
		;
	assert_int_equal(flows.count, 20);
	assert_int_equal(find(0x0a000001, NULL)->instructions->apply.count, 1);
	m.command = OF_FLOW_DELETE;
	of_flows_begin(&flows, 3000);
	of_sweep_mod(&sweep, &flows, &m);
	assert_int_equal(of_sweep_some(&sweep, 5), OF_OK);
	of_sweep_end(&sweep);
	assert_int_equal(flows.count, 15);
	while (!of_flows_unwind(&flows, 2))
		;
	assert_int_equal(flows.count, 20);
}

/* A flow that is replaced again and again, each time naming another group. */
static void groups_that_nobody_names_are_forgotten(void **state)
{
	struct of_action to = { .type = OF_ACT_GROUP };
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, 10);

	(void)state;
	m.instructions.has = OF_INS_APPLY;
	m.instructions.apply = (struct of_actions){ &to, 1 };
	for (uint32_t n = 0; n < 3000; n++) {
		to.number = n;
		assert_int_equal(apply(&m), OF_OK);
	}
	assert_int_equal(of_references_of(&flows.groups, 2999), 1);
	assert_int_equal(flows.groups.total, 1);
	assert_true(flows.groups.room <= 256);
}

/* Each message of a bundle may change all flows: what is kept to undo them all has an end. */
static void a_transaction_changes_only_so_much(void **state)
{
	struct of_flow_mod m = mod_of(OF_FLOW_MODIFY, 0);
	uint64_t before[64], after[64];
	uint32_t count;

	(void)state;
	fill(20);
	count = order_of(before);
	flows.changes_max = 100;
	m.match = (struct of_match){ 0 };
	of_flows_begin(&flows, 2000);
	assert_int_equal(of_flows_mod(&flows, &m), OF_OK);
	assert_int_equal(of_flows_mod(&flows, &m), OF_OK);
	assert_int_equal(of_flows_mod(&flows, &m), OF_FLOW_MOD_TABLE_FULL);
	assert_int_equal(flows.change_count, 80);
	m.command = OF_FLOW_DELETE;
	assert_int_equal(of_flows_mod(&flows, &m), OF_OK);
	m = mod_of(OF_FLOW_ADD, 10);
	assert_int_equal(of_flows_mod(&flows, &m), OF_FLOW_MOD_TABLE_FULL);
	of_flows_abort(&flows);
	assert_int_equal(order_of(after), count);
	assert_memory_equal(before, after, count * sizeof(before[0]));
}

/* ---- against the plainest look-up ------------------------------------------------------------------ */

static struct of_flow_mod random_mod(uint64_t *random)
{
	uint64_t n = test_random(random);
	struct of_flow_mod m = mod_of(OF_FLOW_ADD, (uint16_t)(n >> 40 & 7));

	if (n & 1)
		match_dst(&m, (uint32_t)(n >> 8) & 0x03030303,
			  (uint32_t[]){ 8, 16, 20, 32 }[n >> 1 & 3]);
	if (n & 8) {
		m.match.mask.in_port = UINT32_MAX;
		m.match.value.in_port = n >> 4 & 3;
	}
	if (n & 64) {
		m.match.mask.eth_dst[5] = 0xff;
		m.match.value.eth_dst[5] = n >> 16 & 3;
	}
	if (n & 128) {
		m.match.mask.l4_dst = 0xffff;
		m.match.value.l4_dst = n >> 24 & 3;
	}
	m.cookie = n;
	if (n >> 50 & 1)
		m.command = OF_FLOW_DELETE_STRICT;
	return m;
}

static struct of_fields random_packet(uint64_t *random)
{
	uint64_t n = test_random(random);
	struct of_fields p = { .eth_type = 0x0800, .in_port = n & 3, .l4_dst = n >> 2 & 3 };

	p.ipv4_dst = (uint32_t)(n >> 8) & 0x03030303;
	p.eth_dst[5] = n >> 4 & 3;
	return p;
}

static int32_t plain_priority(const struct of_fields *packet)
{
	int32_t best = -1;

	for (const struct of_rule *r = flows.tables[TABLE].oldest; r; r = r->newer) {
		const struct of_match m = { r->value, r->subtable->whole };

		if (of_match_covers(&m, packet) && r->priority > best)
			best = r->priority;
	}
	return best;
}

/* Any packet that is equal in the bits examined has the same answer. */
static void check_promise(const struct of_fields *packet, const struct of_fields *examined,
			  int32_t priority, uint64_t *random)
{
	struct of_fields other = random_packet(random);
	of_word *o = of_words(&other);
	const of_word *p = of_const_words(packet);
	const of_word *e = of_const_words(examined);

	for (uint32_t i = 0; i < OF_WORDS; i++)
		o[i] = (o[i] & ~e[i]) | (p[i] & e[i]);
	assert_int_equal(plain_priority(&other), priority);
}

static void look_ups_agree_with_plain_ones(void **state)
{
	uint64_t random = 99;

	(void)state;
	for (uint32_t round = 0; round < 3000; round++) {
		struct of_flow_mod m = random_mod(&random);
		struct of_fields packet = random_packet(&random);
		struct of_fields examined = { 0 };
		struct of_rule *r;
		int32_t want;

		(void)apply(&m);
		want = plain_priority(&packet);
		r = of_flows_find(&flows, TABLE, &packet, of_flows_version(&flows), &examined);
		assert_int_equal(r ? r->priority : -1, want);
		check_promise(&packet, &examined, want, &random);
	}
	assert_true(flows.count > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_highest_priority_wins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(few_bits_are_examined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_equal_flow_is_replaced_with_its_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(overlap_is_refused_where_it_is_asked_for, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(modify_keeps_cookie_and_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(delete_takes_what_is_meant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_aborted_transaction_leaves_no_trace, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_full_table_refuses_or_evicts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_aborted_transaction_leaves_the_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_least_important_and_oldest_makes_room, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_sweep_changes_each_flow_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(groups_that_nobody_names_are_forgotten, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_transaction_changes_only_so_much, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(look_ups_agree_with_plain_ones, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
