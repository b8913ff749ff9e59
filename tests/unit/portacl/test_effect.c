/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_acl xvs_packet xvs_base */
/* What extended rules do beside allowing and denying: marks, limits, copies, lines in the log. */
#include "portacl/net.h"
#include "xvs/ext/explain.h"

/* A rule about UDP to the guest's port 9. */
static struct extended_rule about_nine(void)
{
	return rule_ports(rule(DIRECTION_IN, ACTION_ALLOW, 1), RULE_PROTO_UDP, "9", "");
}

static struct xvs_flow_verdict judge_nine(struct net *n)
{
	return judge(n, true, UDP, PEER, 9, 4000);
}

/* Shows the packet in hand to the extension, as one of a flow with this verdict; NULL: it passes. */
static const char *shown(struct net *n, const struct xvs_flow_verdict *v, bool is_in)
{
	struct xvs_batch *b = fake_batch(&n->batch, &n->host, &n->packet, n->state, n->worker);
	const uint64_t cookie = v->cookie;

	b->cookie = &cookie;
	b->stage = is_in ? XVS_STAGE_EGRESS : XVS_STAGE_INGRESS;
	b->now_ns = n->host.now_ns;
	if (is_in)
		n->host.ext->ops->egress(n->host.self, b);
	else
		n->host.ext->ops->ingress(n->host.self, b);
	return b->live ? NULL : fake_reason(&n->host, b->reason[0]);
}

/* How many of so many packets pass at once. */
static unsigned passing(struct net *n, const struct xvs_flow_verdict *v, unsigned count)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < count; i++)
		passed += shown(n, v, true) == NULL;
	return passed;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void marks_the_flows_of_its_rule(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	r.mark_priority = 5;
	r.mark_dscp = 46;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	assert_int_equal(v.action, XVS_FLOW_PASS);
	assert_int_equal(n->host.marks, 1);
	assert_int_equal(n->host.priority, 5);
	assert_int_equal(n->host.dscp, 46);
	(void)judge(n, true, UDP, PEER, 10, 4000);
	(void)judge(n, false, UDP, PEER, 9, 4000);
	assert_int_equal(n->host.marks, 1);
}

static void leaves_what_is_not_said(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();

	r.mark_dscp = 0;
	set_extended(n, &r, 1);
	(void)judge_nine(n);
	assert_int_equal(n->host.priority, XVS_MARK_LEAVE);
	assert_int_equal(n->host.dscp, 0);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void drops_what_is_beyond_the_limit_and_counts_it(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;
	struct rule_count count;

	r.limit_pps = 100;
	r.limit_burst_ms = 50;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	assert_int_equal(v.action, XVS_FLOW_WATCH);
	assert_int_equal(passing(n, &v, 20), 5);
	assert_string_equal(shown(n, &v, true), "acl-limit");
	n->host.now_ns += UINT64_C(10000000); /* one more comes in 10 ms */
	assert_int_equal(passing(n, &v, 3), 1);
	account(n, &v, 24, 2400);
	count = count_at(
		&(struct count_status){ .counts = status(n, "xvs.acl-extended.counts/1").counts },
		0);
	assert_int_equal(count.packets, 24);
	assert_int_equal(count.limited, 18);
}

static void a_limit_in_bits_goes_by_what_is_on_the_wire(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;
	uint64_t bits;

	r.limit_kbps = 1;
	r.limit_burst_ms = 1000;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	bits = xvs_wire_bytes(&n->packet.x) * UINT64_C(8);
	/* the last one begins within the bucket and ends outside */
	assert_int_equal(passing(n, &v, 100), (1000 + bits - 1) / bits);
}

static void a_packet_that_is_many_passes_and_is_a_debt(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	r.limit_pps = 10;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	n->packet.x.gso_type = 5; /* UDP in pieces */
	n->packet.x.gso_size = 4;
	n->packet.x.len += 4000;
	assert_null(shown(n, &v, true));
	n->packet.x.gso_type = 0;
	n->packet.x.len -= 4000;
	n->host.now_ns += UINT64_C(1000000000);
	assert_string_equal(shown(n, &v, true), "acl-limit");
}

static void rules_have_buckets_of_their_own(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[2] = { about_nine(), about_nine() };
	struct xvs_flow_verdict v[2];

	(void)snprintf(rules[1].local_ports, PORTS_BYTES, "10");
	rules[0].limit_pps = 10;
	rules[1].limit_pps = 10;
	set_extended(n, rules, 2);
	v[0] = judge_nine(n);
	v[1] = judge(n, true, UDP, PEER, 10, 4000);
	assert_int_equal(passing(n, &v[0], 9), 1);
	assert_int_equal(passing(n, &v[1], 9), 1);
}

static void packets_of_a_former_policy_are_nobodys(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	r.limit_pps = 10;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	r.limit_pps = 20;
	set_extended(n, &r, 1);
	assert_int_equal(passing(n, &v, 50), 50);
}

static void a_trace_takes_nothing(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	r.limit_pps = 10;
	(void)snprintf(r.mirror, sizeof(r.mirror), "probe");
	r.log = true;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	n->host.logs = 0;
	n->packet.x.flags |= XVS_PKT_DRY;
	assert_int_equal(passing(n, &v, 50), 50);
	assert_int_equal(n->host.copies, 0);
	(void)fake_judge(&n->host, &n->batch.b, &n->packet.key);
	assert_int_equal(n->host.logs, 0);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void copies_what_passes(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	r.limit_pps = 20; /* two at once */
	(void)snprintf(r.mirror, sizeof(r.mirror), "probe");
	set_extended(n, &r, 1);
	v = judge_nine(n);
	assert_int_equal(v.action, XVS_FLOW_WATCH);
	assert_int_equal(passing(n, &v, 10), 2);
	assert_int_equal(n->host.copies, 2);
	assert_string_equal(n->host.session, "probe");
}

static void tells_of_a_session_that_is_not_there(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	(void)snprintf(r.mirror, sizeof(r.mirror), "nobody");
	n->host.has_no_session = true;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	assert_null(shown(n, &v, true));
	assert_int_equal(n->host.logs, 1);
	assert_non_null(strstr(n->host.log, "session nobody"));
}

static void replies_are_left_alone(void **state)
{
	struct net *n = *state;
	struct extended_rule rules[2] = {
		rule_ports(rule(DIRECTION_OUT, ACTION_ALLOW, 2), RULE_PROTO_UDP, "", "9"),
		rule(DIRECTION_IN, ACTION_DENY, 1),
	};
	struct xvs_flow_verdict v;

	rules[0].stateful = true;
	rules[0].limit_pps = 10;
	rules[0].mark_dscp = 46;
	set_extended(n, rules, 2);
	v = judge(n, false, UDP, PEER, 4000, 9);
	assert_int_equal(v.action, XVS_FLOW_WATCH);
	assert_int_equal(n->host.marks, 1);
	v = judge(n, true, UDP, PEER, 4000, 9);
	assert_int_equal(v.action, XVS_FLOW_PASS);
	assert_int_equal(n->host.marks, 1);
}

/* ---- the log --------------------------------------------------------------------------------- */

static void logs_each_flow_once(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	(void)snprintf(r.name, sizeof(r.name), "nine \"9\"");
	r.log = true;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	assert_int_equal(n->host.logs, 1);
	assert_non_null(strstr(n->host.log, "\"what\":\"allowed\",\"port\":\"vm1\",\"rule\":0,"));
	assert_non_null(strstr(n->host.log, "\"name\":\"nine _9_\""));
	assert_non_null(strstr(n->host.log, "\"src\":\"10.0.0.6\",\"src_port\":4000,"));
	assert_int_equal(v.examined.l4_src, UINT16_MAX);
	assert_int_equal(v.examined.ip_src[0], 0xff);
	/* judged anew, it is the same flow */
	n->batch.b.stage = XVS_STAGE_EGRESS;
	((const struct xvs_flow *)n->host.ext->ops->query(n->host.self, XVS_FLOW))
		->judge(n->host.self, &n->batch.b, 0, &n->packet.key, &v);
	assert_int_equal(n->host.logs, 1);
	(void)judge(n, true, UDP, PEER, 9, 4001);
	assert_int_equal(n->host.logs, 2);
}

static void logs_what_is_denied(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	struct xvs_flow_verdict v;

	r.action = ACTION_DENY;
	r.log = true;
	set_extended(n, &r, 1);
	v = judge_nine(n);
	assert_int_equal(v.action, XVS_FLOW_DROP);
	assert_int_equal(n->host.logs, 1);
	assert_non_null(strstr(n->host.log, "\"what\":\"denied\""));
	/* with state it is the connection that is denied, before there is a flow */
	assert_int_equal(authorise(n, true, UDP, PEER, 9, 4002).action, XVS_CONN_DENY);
	assert_int_equal(n->host.logs, 3);
}

static void logs_no_more_than_log_rate(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();

	r.log = true;
	n->extended[0].log_rate = 3;
	set_extended(n, &r, 1);
	for (uint16_t port = 1; port <= 20; port++)
		(void)judge(n, true, UDP, PEER, 9, port);
	assert_int_equal(n->host.logs, 3);
	n->host.now_ns += UINT64_C(1000000000);
	(void)judge(n, true, UDP, PEER, 9, 100);
	assert_non_null(strstr(n->host.log, "\"untold\":17}"));
}

static void logs_one_flow_in_so_many(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();

	r.log = true;
	r.log_sample = 10;
	set_extended(n, &r, 1);
	for (uint32_t i = 0; i < 10000; i++)
		(void)judge(n, true, UDP, PEER, 9, (uint16_t)(i + 1));
	/* 1000 are to be expected, and 30 is one deviation */
	assert_in_range(n->host.logs, 800, 1200);
}

/* ---- refusals and words ---------------------------------------------------------------------- */

static void refuses_what_makes_no_sense(void **state)
{
	struct net *n = *state;
	const struct {
		struct extended_rule rule;
		const char *field;
	} cases[] = {
		{ { .action = ACTION_DENY, .mark_priority = 1 }, "rules[0].mark_priority" },
		{ { .action = ACTION_DENY, .mark_dscp = 1 }, "rules[0].mark_dscp" },
		{ { .action = ACTION_DENY, .limit_pps = 1 }, "rules[0].limit_pps" },
		{ { .action = ACTION_DENY, .limit_kbps = 1 }, "rules[0].limit_kbps" },
		{ { .action = ACTION_DENY, .mirror = "probe" }, "rules[0].mirror" },
		{ { .mark_dscp = 1, .ethertype = 0x0806 }, "rules[0].mark_dscp" },
		{ { .log_sample = 2 }, "rules[0].log_sample" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct extended_rule r = rule(DIRECTION_IN, cases[i].rule.action, 1);
		struct xvs_error err;

		if (cases[i].rule.mark_priority)
			r.mark_priority = cases[i].rule.mark_priority;
		if (cases[i].rule.mark_dscp)
			r.mark_dscp = cases[i].rule.mark_dscp;
		if (cases[i].rule.log_sample)
			r.log_sample = cases[i].rule.log_sample;
		r.limit_pps = cases[i].rule.limit_pps;
		r.limit_kbps = cases[i].rule.limit_kbps;
		r.ethertype = cases[i].rule.ethertype;
		memcpy(r.mirror, cases[i].rule.mirror, sizeof(r.mirror));
		assert_int_equal(try_extended(n, &r, 1, false, &err), -EINVAL);
		assert_string_equal(err.field, cases[i].field);
	}
}

static void says_in_a_trace_what_a_rule_does(void **state)
{
	struct net *n = *state;
	struct extended_rule r = about_nine();
	const struct xvs_explain *explain;
	char text[256] = "";

	r.mark_priority = 3;
	r.mark_dscp = 46;
	r.limit_pps = 1000;
	r.limit_kbps = 64;
	r.log = true;
	r.log_sample = 4;
	(void)snprintf(r.mirror, sizeof(r.mirror), "probe");
	set_extended(n, &r, 1);
	(void)judge_nine(n);
	explain = (const struct xvs_explain *)n->host.ext->ops->query(n->host.self, XVS_EXPLAIN);
	explain->explain(n->host.self, &n->batch.b, 0, &n->packet.key, text, sizeof(text));
	assert_string_equal(text, "rules[0] of xvs.acl-extended/1 allows, marks priority 3, marks "
				  "DSCP 46, limits to 1000 packets/s, limits to 64 kbit/s, "
				  "mirrors to probe, logs one flow in 4");
	memset(text, 'x', sizeof(text));
	text[0] = '\0';
	explain->explain(n->host.self, &n->batch.b, 0, &n->packet.key, text, 50);
	assert_true(strlen(text) < 50 && text[50] == 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marks_the_flows_of_its_rule, start, stop),
		cmocka_unit_test_setup_teardown(leaves_what_is_not_said, start, stop),
		cmocka_unit_test_setup_teardown(drops_what_is_beyond_the_limit_and_counts_it, start,
						stop),
		cmocka_unit_test_setup_teardown(a_limit_in_bits_goes_by_what_is_on_the_wire, start,
						stop),
		cmocka_unit_test_setup_teardown(a_packet_that_is_many_passes_and_is_a_debt, start,
						stop),
		cmocka_unit_test_setup_teardown(rules_have_buckets_of_their_own, start, stop),
		cmocka_unit_test_setup_teardown(packets_of_a_former_policy_are_nobodys, start,
						stop),
		cmocka_unit_test_setup_teardown(a_trace_takes_nothing, start, stop),
		cmocka_unit_test_setup_teardown(copies_what_passes, start, stop),
		cmocka_unit_test_setup_teardown(tells_of_a_session_that_is_not_there, start, stop),
		cmocka_unit_test_setup_teardown(replies_are_left_alone, start, stop),
		cmocka_unit_test_setup_teardown(logs_each_flow_once, start, stop),
		cmocka_unit_test_setup_teardown(logs_what_is_denied, start, stop),
		cmocka_unit_test_setup_teardown(logs_no_more_than_log_rate, start, stop),
		cmocka_unit_test_setup_teardown(logs_one_flow_in_so_many, start, stop),
		cmocka_unit_test_setup_teardown(refuses_what_makes_no_sense, start, stop),
		cmocka_unit_test_setup_teardown(says_in_a_trace_what_a_rule_does, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
