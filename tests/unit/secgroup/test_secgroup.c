/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_acl xvs_packet xvs_base
 *
 * Security groups: who may connect, in what order rules count, what is refused, what is shown.
 */
#include "net.h"

static void no_rules_deny_in_and_allow_out(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	assert_string_equal(in_tcp(&n, PEER, 22), "no-rules"); /* not even a policy */
	assert_string_equal(out_tcp(&n, PEER, 22), "allow");
	policy_set(&n, NULL, 0);
	assert_string_equal(in_tcp(&n, PEER, 22), "no-rules");
	assert_string_equal(out_tcp(&n, PEER, 22), "allow");
	net_destroy(&n);
}

static void defaults_decide_what_no_rule_matches(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "80") };

	(void)state;
	net_create(&n);
	policy_set(&n, rules, 1);
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	assert_string_equal(in_tcp(&n, PEER, 81), "default-deny");
	n.policy.default_in = DEFAULT_ALLOW;
	n.policy.default_out = DEFAULT_DENY;
	policy_set(&n, rules, 1);
	assert_string_equal(in_tcp(&n, PEER, 81), "allow");
	assert_string_equal(out_tcp(&n, PEER, 80), "default-deny");
	net_destroy(&n);
}

static void the_first_match_decides(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "22"), rule(RULE_PROTO_TCP, "22"),
				       rule(RULE_PROTO_ANY, "") };

	(void)state;
	net_create(&n);
	rules[0].prefix = prefix_v4(PEER, 32);
	rules[1].action = RULE_REJECT;
	rules[2].action = RULE_DENY;
	policy_set(&n, rules, 3);
	assert_string_equal(in_tcp(&n, PEER, 22), "allow");
	assert_string_equal(in_tcp(&n, FAR, 22), "rule-reject!");
	assert_string_equal(in_tcp(&n, PEER, 23), "rule-deny");
	net_destroy(&n);
}

static void prefixes_match_the_other_end(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, ""), rule(RULE_PROTO_TCP, "") };

	(void)state;
	net_create(&n);
	rules[0].prefix = prefix_v4(0x0a0001ff, 23); /* bits behind the length do not count */
	rules[1].direction = DIRECTION_OUT;
	rules[1].prefix = prefix_v4(FAR, 32);
	n.policy.default_out = DEFAULT_DENY;
	policy_set(&n, rules, 2);
	assert_string_equal(in_tcp(&n, 0x0a000001, 5), "allow");
	assert_string_equal(in_tcp(&n, 0x0a000201, 5), "default-deny");
	assert_string_equal(out_tcp(&n, FAR, 5), "allow");
	assert_string_equal(out_tcp(&n, FAR + 1, 5), "default-deny");
	net_destroy(&n);
}

static void a_prefix_of_one_family_spares_the_other(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "") };
	struct xvs_conn c;

	(void)state;
	net_create(&n);
	rules[0].prefix = prefix_v4(0, 0);
	policy_set(&n, rules, 1);
	c = conn(&n, true, 6, PEER, 80);
	assert_string_equal(authorised(&n, &c), "allow");
	memset(c.src, 0x20, 16);
	assert_string_equal(authorised(&n, &c), "default-deny");
	net_destroy(&n);
}

static void protocols_are_told_apart(void **state)
{
	static const uint8_t numbers[] = { 6, 17, 1, 58, 132, 47 };
	struct net n;
	struct rule_policy r;
	struct xvs_conn c;

	(void)state;
	net_create(&n);
	for (uint32_t proto = RULE_PROTO_TCP; proto <= RULE_PROTO_NUMBER; proto++) {
		r = rule(proto, "");
		r.protocol = 47;
		policy_set(&n, &r, 1);
		for (uint32_t k = 0; k < sizeof(numbers); k++) {
			c = conn(&n, true, numbers[k], PEER, 0x0800);
			assert_string_equal(authorised(&n, &c),
					    k + 1 == proto ? "allow" : "default-deny");
		}
	}
	net_destroy(&n);
}

static void icmp_types_match_the_first_packet(void **state)
{
	struct net n;
	struct rule_policy r = rule(RULE_PROTO_ICMP, "");
	struct xvs_conn c;

	(void)state;
	net_create(&n);
	r.icmp_type = 8;
	policy_set(&n, &r, 1);
	c = conn(&n, true, 1, PEER, 8 << 8);
	assert_string_equal(authorised(&n, &c), "allow");
	c = conn(&n, true, 1, PEER, 13 << 8 | 8);
	assert_string_equal(authorised(&n, &c), "default-deny");
	net_destroy(&n);
}

static void assert_refused(struct net *n, const struct rule_policy *rules, uint32_t count,
			   const char *field)
{
	struct xvs_error err;

	n->policy.rules = (struct xvs_table){ rules, count, sizeof(*rules) };
	assert_int_equal(fake_policy(&n->host, n->state, "org.xvs.secgroup.rules/1", &n->policy,
				     true, &err),
			 -EINVAL);
	assert_string_equal(err.field, field);
	assert_int_not_equal(err.text[0], '\0');
}

static void refuses_rules_that_cannot_be_meant(void **state)
{
	struct net n;
	struct rule_policy rules[2] = { rule(RULE_PROTO_TCP, "80"), rule(RULE_PROTO_TCP, "80-x") };

	(void)state;
	net_create(&n);
	assert_refused(&n, rules, 2, "rules[1].ports");
	rules[1] = rule(RULE_PROTO_ICMP, "80");
	assert_refused(&n, rules, 2, "rules[1].ports");
	rules[1] = rule(RULE_PROTO_ANY, "80");
	assert_refused(&n, rules, 2, "rules[1].ports");
	rules[0] = rule(RULE_PROTO_TCP, "");
	rules[0].icmp_type = 8;
	assert_refused(&n, rules, 1, "rules[0].icmp_type");
	assert_string_equal(in_tcp(&n, PEER, 80), "no-rules"); /* and nothing has changed */
	net_destroy(&n);
}

static void a_change_asks_again_and_an_abort_changes_nothing(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "80") };
	struct xvs_error err;

	(void)state;
	net_create(&n);
	policy_set(&n, rules, 1);
	assert_int_equal(n.host.conns_invalidated, 1);
	n.policy.default_in = DEFAULT_ALLOW;
	assert_int_equal(fake_policy(&n.host, n.state, "org.xvs.secgroup.rules/1", &n.policy, false,
				     &err),
			 0);
	assert_int_equal(n.host.conns_invalidated, 1);
	assert_string_equal(in_tcp(&n, PEER, 81), "default-deny");
	assert_int_equal(
		fake_policy(&n.host, n.state, "org.xvs.secgroup.rules/1", NULL, true, &err), 0);
	assert_int_equal(n.host.conns_invalidated, 2);
	assert_string_equal(in_tcp(&n, PEER, 80), "no-rules");
	net_destroy(&n);
}

static void shows_hits_of_each_rule(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "80"), rule(RULE_PROTO_TCP, "81") };
	struct secgroup_status status = { 0 };
	struct xvs_error err = { .size = sizeof(err) };
	const struct rule_hit *hits;

	(void)state;
	net_create(&n);
	rules[1].action = RULE_REJECT;
	policy_set(&n, rules, 2);
	for (int i = 0; i < 3; i++)
		assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	assert_string_equal(in_tcp(&n, PEER, 81), "rule-reject!");
	assert_string_equal(in_tcp(&n, PEER, 82), "default-deny");
	n.packet.x.flags |= XVS_PKT_DRY; /* a trace is not counted */
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	assert_int_equal(n.host.ext->ops->status_read(n.host.self, n.state,
						      "org.xvs.secgroup.hits/1", &status, &err),
			 0);
	hits = status.rules.items;
	assert_int_equal(status.rules.count, 2);
	assert_int_equal(hits[0].hits, 3);
	assert_int_equal(hits[1].hits, 1);
	assert_int_equal(status.default_in, 1);
	assert_int_equal(status.default_out, 0);
	assert_int_equal(status.count[SECGROUP_ALLOWED], 3);
	assert_int_equal(status.count[SECGROUP_DENIED], 1);
	assert_int_equal(status.count[SECGROUP_REJECTED], 1);
	assert_int_equal(n.host.counters[SECGROUP_ALLOWED], 3);
	net_destroy(&n);
}

static void reports_logged_connections(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_UDP, ""), rule(RULE_PROTO_TCP, "80") };
	struct connection_event event;
	struct xvs_conn c;
	struct xvs_conn_event e = { .size = sizeof(e), .conn = &c };
	const struct xvs_conn_ops *ops;

	(void)state;
	net_create(&n);
	rules[1].log = true;
	policy_set(&n, rules, 2);
	assert_string_equal(in_tcp(&n, PEER, 80), "allow and log");
	c = conn(&n, true, 6, PEER, 80);
	c.state = XVS_CONN_CLOSED;
	c.packets[0] = 3;
	c.packets[1] = 4;
	e.cause = XVS_CONN_FIN;
	e.port_state = n.state;
	e.worker_state = n.worker;
	ops = n.host.ext->ops->query(n.host.self, XVS_CONN);
	ops->event(n.host.self, &e);
	assert_int_equal(n.host.events, 1);
	assert_int_equal(n.host.event_port, 1);
	memcpy(&event, n.host.event, sizeof(event));
	assert_int_equal(event.what, CONNECTION_END);
	assert_int_equal(event.rule, 2);
	assert_int_equal(event.packets, 7);
	assert_int_equal(event.dst_port, 80);
	assert_string_equal(event.src, "10.0.0.6");
	assert_string_equal(event.dst, "10.0.0.5");
	net_destroy(&n);
}

/* The compiled lists against a plain walk over the rules as they were written. */
static void agrees_with_a_plain_walk(void **state)
{
	struct net n;
	struct rule_policy rules[40];
	uint64_t random = 5;

	(void)state;
	net_create(&n);
	for (uint32_t i = 0; i < 40; i++) {
		uint32_t from = (uint32_t)(xvs_random(&random) % 8);
		char ports[32];

		(void)snprintf(ports, sizeof(ports), "%u-%u", from, from + 2);
		rules[i] = rule(i % 2 ? RULE_PROTO_TCP : RULE_PROTO_UDP, ports);
		rules[i].action = i % 3 ? RULE_ALLOW : RULE_REJECT;
		rules[i].direction = i % 5 ? DIRECTION_IN : DIRECTION_OUT;
		rules[i].prefix = prefix_v4(0x0a000000 + (uint32_t)(xvs_random(&random) % 8), 31);
	}
	policy_set(&n, rules, 40);
	for (int k = 0; k < 2000; k++) {
		uint32_t remote = 0x0a000000 + (uint32_t)(xvs_random(&random) % 8);
		uint32_t service = (uint32_t)(xvs_random(&random) % 12);
		struct xvs_conn c = conn(&n, k & 1, k & 2 ? 6 : 17, remote, service);
		const char *want = k & 1 ? "default-deny" : "allow";

		for (uint32_t i = 40; i-- > 0;) {
			uint32_t first = (uint32_t)atoi(rules[i].ports);
			uint32_t in = xvs_get32(rules[i].prefix.addr + 12) & ~1u;

			if ((rules[i].direction == DIRECTION_IN) == (bool)(k & 1) &&
			    (rules[i].proto == RULE_PROTO_TCP) == (bool)(k & 2) &&
			    service >= first && service <= first + 2 && (remote & ~1u) == in)
				want = rules[i].action == RULE_ALLOW ? "allow" : "rule-reject!";
		}
		assert_string_equal(authorised(&n, &c), want);
	}
	net_destroy(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_deny_in_and_allow_out),
		cmocka_unit_test(defaults_decide_what_no_rule_matches),
		cmocka_unit_test(the_first_match_decides),
		cmocka_unit_test(prefixes_match_the_other_end),
		cmocka_unit_test(a_prefix_of_one_family_spares_the_other),
		cmocka_unit_test(protocols_are_told_apart),
		cmocka_unit_test(icmp_types_match_the_first_packet),
		cmocka_unit_test(refuses_rules_that_cannot_be_meant),
		cmocka_unit_test(a_change_asks_again_and_an_abort_changes_nothing),
		cmocka_unit_test(shows_hits_of_each_rule),
		cmocka_unit_test(reports_logged_connections),
		cmocka_unit_test(agrees_with_a_plain_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
