/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_acl xvs_packet xvs_base
 * Counts and hits go with a port; a record that is not one changes nothing. */
#include "secgroup/net.h"

#include "plugins/fake_state.h"

static struct fake_record record;

static uint64_t allowed(struct net *n, void *port)
{
	struct secgroup_status s;
	struct xvs_error err = { .size = sizeof(err) };

	assert_int_equal(secgroup_status_fill((struct secgroup *)n->host.self, port, &s, &err), 0);
	return s.count[SECGROUP_ALLOWED];
}

static uint64_t hits(struct net *n, void *port, uint32_t nr)
{
	struct secgroup_status s;
	struct xvs_error err = { .size = sizeof(err) };

	assert_int_equal(secgroup_status_fill((struct secgroup *)n->host.self, port, &s, &err), 0);
	return ((const struct rule_hit *)s.rules.items)[nr].hits;
}

/* A second port with the same rules, of one that has let in two. */
static void *second(struct net *n)
{
	static struct rule_policy rules[2];
	void *first = n->state;
	void *there;

	rules[0] = rule(RULE_PROTO_TCP, "80");
	rules[1] = rule(RULE_PROTO_TCP, "443");
	policy_set(n, rules, 2);
	there = fake_attach(&n->host, &n->port);
	n->state = there;
	policy_set(n, rules, 2);
	n->state = first;
	assert_string_equal(in_tcp(n, PEER, 443), "allow");
	assert_string_equal(in_tcp(n, FAR, 443), "allow");
	assert_string_equal(in_tcp(n, FAR, 22), "default-deny");
	return there;
}

static void counts_and_hits_go_there(void **state)
{
	struct net n;
	void *there;

	(void)state;
	net_create(&n);
	there = second(&n);
	fake_save(&n.host, n.state, &record);
	assert_int_equal(fake_restore(&n.host, there, &record, record.len), 0);
	assert_int_equal(fake_restore(&n.host, there, &record, record.len), 0);
	assert_int_equal(allowed(&n, there), 2);
	assert_int_equal(hits(&n, there, 1), 2);
	assert_int_equal(hits(&n, there, 0), 0);
	fake_detach(&n.host, there);
	net_destroy(&n);
}

static void what_is_the_same_is_not_written_again(void **state)
{
	struct net n;
	void *there;

	(void)state;
	net_create(&n);
	there = second(&n);
	fake_save(&n.host, n.state, &record);
	fake_save(&n.host, n.state, &record);
	assert_int_equal(record.len, 0);
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	fake_save(&n.host, n.state, &record);
	assert_true(record.len > 0);
	fake_state(&n.host)->save_end(n.host.self, n.state, false);
	fake_save(&n.host, n.state, &record);
	assert_true(record.len > 0);
	fake_detach(&n.host, there);
	net_destroy(&n);
}

static void hits_of_other_rules_stay_behind(void **state)
{
	struct rule_policy one = rule(RULE_PROTO_TCP, "443");
	struct net n;
	void *there;
	void *first;

	(void)state;
	net_create(&n);
	there = second(&n);
	first = n.state;
	n.state = there;
	policy_set(&n, &one, 1);
	n.state = first;
	fake_save(&n.host, n.state, &record);
	assert_int_equal(fake_restore(&n.host, there, &record, record.len), 0);
	assert_int_equal(allowed(&n, there), 2);
	assert_int_equal(hits(&n, there, 0), 0);
	fake_detach(&n.host, there);
	net_destroy(&n);
}

static void what_is_no_record_changes_nothing(void **state)
{
	struct net n;
	void *there;

	(void)state;
	net_create(&n);
	there = second(&n);
	fake_save(&n.host, n.state, &record);
	fake_restore_cut(&n.host, there, &record);
	assert_int_equal(allowed(&n, there), 0);
	fake_restore_changed(&n.host, there, &record);
	fake_detach(&n.host, there);
	net_destroy(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_and_hits_go_there),
		cmocka_unit_test(what_is_the_same_is_not_written_again),
		cmocka_unit_test(hits_of_other_rules_stay_behind),
		cmocka_unit_test(what_is_no_record_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
