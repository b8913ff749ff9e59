/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_acl xvs_packet xvs_base */
/* Access lists of a port: which rule decides, what is refused, what is counted, what is shared. */
#include "portacl/net.h"

/* ---- which rule ------------------------------------------------------------------------------ */

static void the_longest_match_decides(void **state)
{
	struct net *n = *state;
	const struct basic_rule rules[] = {
		{ .direction = DIRECTION_BOTH, .action = ACTION_DENY },
		{ .direction = DIRECTION_BOTH,
		  .action = ACTION_ALLOW,
		  .remote = prefix(0x0a000000, 8) },
		{ .direction = DIRECTION_IN, .action = ACTION_DENY, .remote = prefix(PEER, 32) },
	};

	set_basic(n, rules, 3);
	assert_false(passes(n, true, UDP, FAR, 1, 2));
	assert_true(passes(n, true, UDP, 0x0a000007, 1, 2));
	assert_false(passes(n, true, UDP, PEER, 1, 2));
	assert_true(passes(n, false, UDP, PEER, 1, 2));
}

static void among_equals_deny_comes_first(void **state)
{
	struct net *n = *state;
	const struct basic_rule rules[] = {
		{ .direction = DIRECTION_IN, .action = ACTION_ALLOW, .remote = prefix(PEER, 32) },
		{ .direction = DIRECTION_IN, .action = ACTION_DENY, .local = prefix(GUEST, 32) },
	};

	set_basic(n, rules, 2);
	assert_false(passes(n, true, UDP, PEER, 1, 2));
}

static void a_meter_hides_no_deny(void **state)
{
	struct net *n = *state;
	const struct basic_rule rules[] = {
		{ .direction = DIRECTION_IN, .action = ACTION_DENY },
		{ .direction = DIRECTION_IN, .action = ACTION_METER, .remote = prefix(PEER, 32) },
	};
	struct xvs_flow_verdict v;

	set_basic(n, rules, 2);
	v = judge(n, true, UDP, PEER, 1, 2);
	assert_int_equal(v.action, XVS_FLOW_DROP);
	assert_string_equal(fake_reason(&n->host, v.reason), "acl-deny");
	account(n, &v, 3, 300);
	assert_int_equal(status(n, "xvs.acl.counts/1").counts.count, 1);
	assert_int_equal(status(n, "xvs.acl.counts/1").rules, 2);
}

static void the_highest_weight_decides(void **state)
{
	struct net *n = *state;
	const struct extended_rule rules[] = {
		rule_ports(rule(DIRECTION_IN, ACTION_DENY, 1), RULE_PROTO_TCP, "", ""),
		rule_ports(rule(DIRECTION_IN, ACTION_ALLOW, 5), RULE_PROTO_TCP, "80-90", ""),
		rule_ports(rule(DIRECTION_IN, ACTION_DENY, 9), RULE_PROTO_TCP, "", "7"),
	};

	set_extended(n, rules, 3);
	assert_true(passes(n, true, TCP, PEER, 80, 2));
	assert_true(passes(n, true, TCP, PEER, 90, 2));
	assert_false(passes(n, true, TCP, PEER, 91, 2));
	assert_false(passes(n, true, TCP, PEER, 80, 7));
	assert_true(passes(n, true, UDP, PEER, 91, 7));
	assert_true(passes(n, false, TCP, PEER, 91, 7));
}

static void verdicts_keep_their_promise(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[] = {
		rule_ports(rule(DIRECTION_IN, ACTION_DENY, 1), RULE_PROTO_ANY, "", ""),
		rule_ports(rule(DIRECTION_IN, ACTION_ALLOW, 5), RULE_PROTO_TCP, "80-90", ""),
		rule_ports(rule(DIRECTION_OUT, ACTION_ALLOW, 5), RULE_PROTO_UDP, "", "53"),
		rule(DIRECTION_OUT, ACTION_ALLOW, 6),
	};

	rules[2].stateful = true;
	rules[3].stateful = true;
	rules[3].proto = RULE_PROTO_ICMP;
	set_extended(n, rules, 4);
	(void)judge(n, true, TCP, PEER, 80, 2);
	fake_promise(&n->host, &n->batch.b, &n->packet.key);
	(void)judge(n, true, UDP, PEER, 9, 53);
	fake_promise(&n->host, &n->batch.b, &n->packet.key);
	(void)judge(n, true, ICMP, PEER, 0, 0);
	fake_promise(&n->host, &n->batch.b, &n->packet.key);
	(void)judge(n, true, ICMP, PEER, 3, 1);
	fake_promise(&n->host, &n->batch.b, &n->packet.key);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void only_a_stateful_rule_asks_for_connections(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[] = { rule(DIRECTION_OUT, ACTION_ALLOW, 1) };

	assert_int_equal(conn_scope(n)->flags, XVS_CONN_SLOTLESS);
	assert_false(conn_scope(n)->tracks(n->host.self, n->state));
	set_extended(n, rules, 1);
	assert_false(conn_scope(n)->tracks(n->host.self, n->state));
	assert_int_equal(n->host.conns_invalidated, 0);
	rules[0].stateful = true;
	set_extended(n, rules, 1);
	assert_true(conn_scope(n)->tracks(n->host.self, n->state));
	assert_int_equal(n->host.conns_invalidated, 1);
}

static void replies_pass_where_the_question_may(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[] = {
		rule(DIRECTION_BOTH, ACTION_DENY, 1),
		rule_ports(rule(DIRECTION_OUT, ACTION_ALLOW, 5), RULE_PROTO_TCP, "", "80"),
		rule_ports(rule(DIRECTION_OUT, ACTION_ALLOW, 5), RULE_PROTO_TCP, "", "81"),
		rule(DIRECTION_OUT, ACTION_ALLOW, 5),
	};

	rules[1].stateful = true;
	rules[1].idle_s = 7;
	rules[3].proto = RULE_PROTO_ICMP;
	rules[3].icmp_type = 8;
	rules[3].stateful = true;
	set_extended(n, rules, 4);
	assert_int_equal(authorise(n, false, TCP, PEER, 4000, 80).action, XVS_CONN_ALLOW);
	assert_int_equal(authorise(n, false, TCP, PEER, 4000, 80).idle_ms, 7000);
	assert_int_equal(authorise(n, false, TCP, PEER, 4000, 81).action, XVS_CONN_ALLOW);
	assert_int_equal(authorise(n, true, TCP, PEER, 4000, 80).action, XVS_CONN_DENY);
	assert_true(passes(n, true, TCP, PEER, 4000, 80));
	assert_false(passes(n, true, TCP, PEER, 4000, 81));
	assert_true(passes(n, true, ICMP, PEER, 0, 0));
	assert_false(passes(n, true, ICMP, PEER, 8, 0));
	assert_false(passes(n, true, ICMP, PEER, 14, 0));
}

static void errors_pass_unless_a_rule_names_icmp(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[] = {
		rule(DIRECTION_BOTH, ACTION_DENY, 1),
		rule(DIRECTION_OUT, ACTION_ALLOW, 5),
		rule(DIRECTION_IN, ACTION_DENY, 9),
	};

	rules[1].stateful = true;
	rules[2].proto = RULE_PROTO_ICMP;
	rules[2].icmp_type = 11;
	set_extended(n, rules, 3);
	assert_true(passes(n, true, ICMP, PEER, 3, 1));
	assert_false(passes(n, true, ICMP, PEER, 11, 0));
}

static void a_trace_counts_nothing(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[] = { rule(DIRECTION_OUT, ACTION_ALLOW, 1) };
	struct xvs_conn_verdict v = { .size = sizeof(v) };
	struct xvs_conn c = { .size = sizeof(c), .state = XVS_CONN_NEW, .proto = UDP };

	rules[0].stateful = true;
	set_extended(n, rules, 1);
	(void)judge(n, false, UDP, PEER, 1, 2);
	n->packet.x.flags |= XVS_PKT_DRY;
	conn_ops(n)->authorise(n->host.self, &n->batch.b, 0, &c, &v);
	assert_int_equal(status(n, "xvs.acl-extended.counts/1").counts.count, 0);
}

/* ---- counts ---------------------------------------------------------------------------------- */

static void counts_go_with_the_rule(void **state)
{
	struct net *n = *state;
	const struct extended_rule first[] = {
		rule_ports(rule(DIRECTION_IN, ACTION_ALLOW, 5), RULE_PROTO_TCP, "80", ""),
		rule_ports(rule(DIRECTION_IN, ACTION_ALLOW, 5), RULE_PROTO_TCP, "81", ""),
	};
	const struct extended_rule second[] = {
		rule_ports(rule(DIRECTION_IN, ACTION_DENY, 6), RULE_PROTO_UDP, "", ""),
		first[1],
	};
	struct xvs_flow_verdict v80;
	struct xvs_flow_verdict v81;
	struct count_status s;

	set_extended(n, first, 2);
	v80 = judge(n, true, TCP, PEER, 80, 1);
	v81 = judge(n, true, TCP, PEER, 81, 1);
	account(n, &v80, 1, 100);
	account(n, &v81, 2, 200);
	set_extended(n, second, 2);
	/* what flows judged before bring late */
	account(n, &v80, 1, 100);
	account(n, &v81, 3, 300);
	s = status(n, "xvs.acl-extended.counts/1");
	assert_int_equal(s.counts.count, 1);
	assert_int_equal(count_at(&s, 0).nr, 1);
	assert_int_equal(count_at(&s, 0).packets, 5);
	assert_int_equal(count_at(&s, 0).bytes, 500);
}

static void counts_outlive_many_changes_before_workers_are_quiet(void **state)
{
	struct net *n = *state;
	struct xvs_error err;
	static struct extended_rule versions[5][2];
	struct xvs_flow_verdict v;
	struct count_status s;

	for (unsigned i = 0; i < 5; i++) {
		versions[i][0] = rule(DIRECTION_IN, ACTION_ALLOW, 100 + i);
		versions[i][0].proto = RULE_PROTO_UDP;
		versions[i][1] = rule(DIRECTION_IN, ACTION_ALLOW, 7);
	}
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(try_extended(n, versions[i], 2, true, &err), 0);
		v = judge(n, true, TCP, PEER, 80, 1);
		account(n, &v, 1, 100);
	}
	fake_quiet(&n->host);
	s = status(n, "xvs.acl-extended.counts/1");
	assert_int_equal(count_at(&s, 0).nr, 1);
	assert_int_equal(count_at(&s, 0).packets, 5);
}

static void one_flow_counts_for_all_rules_that_met_it(void **state)
{
	struct net *n = *state;
	const struct basic_rule basic[] = {
		{ .direction = DIRECTION_BOTH, .action = ACTION_METER },
		{ .direction = DIRECTION_BOTH, .action = ACTION_ALLOW },
	};
	const struct extended_rule extended[] = { rule(DIRECTION_IN, ACTION_ALLOW, 5) };
	struct xvs_flow_verdict v;
	struct count_status s;

	set_basic(n, basic, 2);
	set_extended(n, extended, 1);
	v = judge(n, true, TCP, PEER, 80, 1);
	assert_int_equal(v.account_ms, 1000);
	account(n, &v, 9, 999);
	s = status(n, "xvs.acl.counts/1");
	assert_int_equal(s.counts.count, 2);
	assert_int_equal(count_at(&s, 0).bytes, 999);
	assert_int_equal(count_at(&s, 1).packets, 9);
	s = status(n, "xvs.acl-extended.counts/1");
	assert_int_equal(count_at(&s, 0).bytes, 999);
}

static void connections_are_counted_where_they_are_decided(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[] = { rule(DIRECTION_OUT, ACTION_ALLOW, 5),
					 rule(DIRECTION_IN, ACTION_DENY, 5) };
	struct count_status s;

	rules[0].stateful = true;
	set_extended(n, rules, 2);
	(void)authorise(n, false, UDP, PEER, 1, 2);
	(void)authorise(n, true, UDP, PEER, 1, 3);
	(void)authorise(n, true, UDP, PEER, 1, 4);
	s = status(n, "xvs.acl-extended.counts/1");
	assert_int_equal(count_at(&s, 0).connections, 1);
	assert_int_equal(count_at(&s, 0).packets, 0);
	assert_int_equal(count_at(&s, 1).connections, 2);
	assert_int_equal(count_at(&s, 1).packets, 2);
}

/* ---- policies -------------------------------------------------------------------------------- */

static void ports_with_the_same_value_share_its_rules(void **state)
{
	struct net *n = *state;
	const struct extended_rule rules[] = { rule(DIRECTION_IN, ACTION_DENY, 5) };
	struct xvs_port info = fake_port(2, "vm2", mac_peer);
	void *second = fake_attach(&n->host, &info);
	const struct acl *a = n->host.self;
	struct xvs_error err;

	set_extended(n, rules, 1);
	assert_int_equal(fake_policy(&n->host, second, "xvs.acl-extended/1", &n->extended[0], true,
				     &err),
			 0);
	assert_non_null(a->rulesets);
	assert_null(a->rulesets->next);
	assert_int_equal(a->rulesets->users, 2);
	fake_detach(&n->host, second);
	assert_int_equal(a->rulesets->users, 1);
}

static void a_removed_policy_leaves_nothing(void **state)
{
	struct net *n = *state;
	const struct extended_rule rules[] = { rule(DIRECTION_IN, ACTION_DENY, 5) };
	const struct acl *a = n->host.self;
	struct xvs_error err;

	set_extended(n, rules, 1);
	assert_false(passes(n, true, UDP, PEER, 1, 2));
	assert_int_equal(fake_policy(&n->host, n->state, "xvs.acl-extended/1", NULL, true, &err),
			 0);
	assert_true(passes(n, true, UDP, PEER, 1, 2));
	fake_quiet(&n->host);
	assert_null(a->rulesets);
}

static void an_aborted_change_changes_nothing(void **state)
{
	struct net *n = *state;
	const struct extended_rule rules[] = { rule(DIRECTION_IN, ACTION_DENY, 5) };
	struct xvs_error err;

	assert_int_equal(try_extended(n, rules, 1, false, &err), 0);
	assert_true(passes(n, true, UDP, PEER, 1, 2));
	fake_quiet(&n->host);
	assert_null(((const struct acl *)n->host.self)->rulesets);
}

static void what_is_asked_about_for_many_ports_is_compiled_once(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[] = { rule(DIRECTION_IN, ACTION_DENY, 5) };
	const struct acl *a = n->host.self;
	const struct ruleset *kept;
	struct xvs_error err;

	assert_int_equal(try_extended(n, rules, 1, false, &err), 0);
	kept = a->kept;
	assert_non_null(kept);
	n->changes--;
	assert_int_equal(try_extended(n, rules, 1, false, &err), 0);
	assert_ptr_equal(a->kept, kept);
	/* other rules where those were */
	rules[0].weight = 6;
	n->changes--;
	assert_int_equal(try_extended(n, rules, 1, true, &err), 0);
	assert_ptr_not_equal(a->rulesets->users ? a->rulesets : a->rulesets->next, kept);
	fake_quiet(&n->host);
	assert_null(a->kept);
	assert_int_equal(a->rulesets->users, 1);
	assert_null(a->rulesets->next);
}

static void contradictions_are_refused_by_field(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[2] = { rule(DIRECTION_IN, ACTION_DENY, 5) };
	struct xvs_error err;
	static const struct {
		const char *ports, *field;
		uint32_t proto, type;
		bool stateful;
	} wrong[] = {
		{ "80", "rules[1].local_ports", RULE_PROTO_ANY, ICMP_ANY, false },
		{ "80-", "rules[1].local_ports", RULE_PROTO_TCP, ICMP_ANY, false },
		{ "90-80", "rules[1].local_ports", RULE_PROTO_TCP, ICMP_ANY, false },
		{ "65536", "rules[1].local_ports", RULE_PROTO_UDP, ICMP_ANY, false },
		{ " 80", "rules[1].local_ports", RULE_PROTO_UDP, ICMP_ANY, false },
		{ "", "rules[1].icmp_type", RULE_PROTO_UDP, 8, false },
		{ "", "rules[1].stateful", RULE_PROTO_UDP, ICMP_ANY, true },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rules[1] = rule_ports(rule(DIRECTION_IN, ACTION_DENY, 1), wrong[i].proto,
				      wrong[i].ports, "");
		rules[1].icmp_type = wrong[i].type;
		rules[1].stateful = wrong[i].stateful;
		assert_int_equal(try_extended(n, rules, 2, true, &err), -EINVAL);
		assert_string_equal(err.field, wrong[i].field);
	}
	assert_null(((const struct acl *)n->host.self)->rulesets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_longest_match_decides, start, stop),
		cmocka_unit_test_setup_teardown(among_equals_deny_comes_first, start, stop),
		cmocka_unit_test_setup_teardown(a_meter_hides_no_deny, start, stop),
		cmocka_unit_test_setup_teardown(the_highest_weight_decides, start, stop),
		cmocka_unit_test_setup_teardown(verdicts_keep_their_promise, start, stop),
		cmocka_unit_test_setup_teardown(only_a_stateful_rule_asks_for_connections, start,
						stop),
		cmocka_unit_test_setup_teardown(replies_pass_where_the_question_may, start, stop),
		cmocka_unit_test_setup_teardown(errors_pass_unless_a_rule_names_icmp, start, stop),
		cmocka_unit_test_setup_teardown(a_trace_counts_nothing, start, stop),
		cmocka_unit_test_setup_teardown(counts_go_with_the_rule, start, stop),
		cmocka_unit_test_setup_teardown(
			counts_outlive_many_changes_before_workers_are_quiet, start, stop),
		cmocka_unit_test_setup_teardown(one_flow_counts_for_all_rules_that_met_it, start,
						stop),
		cmocka_unit_test_setup_teardown(connections_are_counted_where_they_are_decided,
						start, stop),
		cmocka_unit_test_setup_teardown(ports_with_the_same_value_share_its_rules, start,
						stop),
		cmocka_unit_test_setup_teardown(a_removed_policy_leaves_nothing, start, stop),
		cmocka_unit_test_setup_teardown(an_aborted_change_changes_nothing, start, stop),
		cmocka_unit_test_setup_teardown(what_is_asked_about_for_many_ports_is_compiled_once,
						start, stop),
		cmocka_unit_test_setup_teardown(contradictions_are_refused_by_field, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
