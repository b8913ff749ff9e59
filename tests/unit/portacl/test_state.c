/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_acl xvs_packet xvs_base */
/* Counts of rules go with a port; a record that is not one changes nothing. */
#include "portacl/net.h"

#include "plugins/fake_state.h"

static struct fake_record record;

static const struct basic_rule rules[] = {
	{ .direction = DIRECTION_IN, .action = ACTION_METER, .remote = { .prefix_len = 0 } },
	{ .direction = DIRECTION_OUT, .action = ACTION_METER, .remote = { .prefix_len = 0 } },
};

/* A port with the same rules, of one on which the first was met. */
static void *second(struct net *n)
{
	void *first = n->state;
	struct xvs_flow_verdict v;
	void *there;

	set_basic(n, rules, 2);
	there = fake_attach(&n->host, &n->port);
	n->state = there;
	set_basic(n, rules, 2);
	n->state = first;
	v = judge(n, true, UDP, PEER, 1, 2);
	account(n, &v, 3, 300);
	return there;
}

static uint64_t packets(struct net *n, void *port)
{
	void *first = n->state;
	struct count_status s;
	uint64_t sum = 0;

	n->state = port;
	s = status(n, "xvs.acl.counts/1");
	for (uint32_t i = 0; i < s.counts.count; i++)
		sum += count_at(&s, i).packets;
	n->state = first;
	return sum;
}

static void counts_go_there(void **state)
{
	struct net *n = *state;
	void *there = second(n);

	fake_save(&n->host, n->state, &record);
	assert_int_equal(fake_restore(&n->host, there, &record, record.len), 0);
	assert_int_equal(fake_restore(&n->host, there, &record, record.len), 0);
	assert_int_equal(packets(n, there), packets(n, n->state));
	assert_int_equal(packets(n, there), 3);
	fake_detach(&n->host, there);
}

static void what_is_no_record_changes_nothing(void **state)
{
	struct net *n = *state;
	void *there = second(n);

	fake_save(&n->host, n->state, &record);
	fake_restore_cut(&n->host, there, &record);
	assert_int_equal(packets(n, there), 0);
	fake_restore_changed(&n->host, there, &record);
	fake_detach(&n->host, there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_go_there, start, stop),
		cmocka_unit_test_setup_teardown(what_is_no_record_changes_nothing, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
