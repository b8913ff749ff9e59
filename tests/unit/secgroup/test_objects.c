/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_acl xvs_packet xvs_base
 *
 * Sets and groups: what rules mean by them, when ports come and go, and what is refused.
 */
#include "net.h"

#define OBJECTS "org.xvs.secgroup.objects/1"
#define RULES "org.xvs.secgroup.rules/1"

enum { SET_ROWS = 4 };

static struct prefix_policy prefixes[SET_ROWS];
static struct set_policy sets[2];
static struct group_policy groups[3];
static struct name_policy included[3];
static struct objects_policy objects;

static void name_it(char *to, const char *name)
{
	(void)snprintf(to, NAME_BYTES, "%s", name);
}

/* Set "offices" is 10.0.0.0/24, group "all" has what "web" and "db" have. */
static void objects_reset(void)
{
	memset(&objects, 0, sizeof(objects));
	memset(groups, 0, sizeof(groups));
	prefixes[0].prefix = prefix_v4(0x0a000000, 24);
	name_it(sets[0].name, "offices");
	sets[0].prefixes = (struct xvs_table){ prefixes, 1, sizeof(prefixes[0]) };
	name_it(groups[0].name, "web");
	name_it(groups[1].name, "db");
	name_it(groups[2].name, "all");
	name_it(included[0].name, "web");
	name_it(included[1].name, "db");
	groups[2].includes = (struct xvs_table){ included, 2, sizeof(included[0]) };
	objects.sets = (struct xvs_table){ sets, 1, sizeof(sets[0]) };
	objects.groups = (struct xvs_table){ groups, 3, sizeof(groups[0]) };
}

static void objects_set_on(struct net *n)
{
	struct xvs_error err;

	if (fake_policy(&n->host, NULL, OBJECTS, &objects, true, &err))
		fail_msg("%s: %s", err.field, err.text);
}

static struct rule_policy from_group(const char *name)
{
	struct rule_policy r = rule(RULE_PROTO_TCP, "80");

	name_it(r.group, name);
	return r;
}

static struct rule_policy from_set(const char *name)
{
	struct rule_policy r = rule(RULE_PROTO_TCP, "80");

	name_it(r.set, name);
	return r;
}

/* Another port, which is in one group by one address. */
struct other {
	struct xvs_port port;
	void *state;
	struct name_policy name;
	struct prefix_policy address;
	struct secgroup_policy policy;
};

static void other_join(struct net *n, struct other *o, uint32_t id, const char *group,
		       uint32_t address)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct xvs_error err;

	memset(o, 0, sizeof(*o));
	o->port = fake_port(id, "other", mac);
	o->state = fake_attach(&n->host, &o->port);
	name_it(o->name.name, group);
	o->address.prefix = prefix_v4(address, 32);
	o->policy.member.groups = (struct xvs_table){ &o->name, 1, sizeof(o->name) };
	o->policy.member.addresses = (struct xvs_table){ &o->address, 1, sizeof(o->address) };
	if (fake_policy(&n->host, o->state, RULES, &o->policy, true, &err))
		fail_msg("%s: %s", err.field, err.text);
}

static void start(struct net *n)
{
	objects_reset();
	net_create(n);
	objects_set_on(n);
}

static void a_set_is_its_prefixes(void **state)
{
	struct net n;
	struct rule_policy rules[] = { from_set("offices") };

	(void)state;
	start(&n);
	policy_set(&n, rules, 1);
	assert_string_equal(in_tcp(&n, 0x0a000077, 80), "allow");
	assert_string_equal(in_tcp(&n, 0x0a000177, 80), "default-deny");
	assert_string_equal(in_tcp(&n, 0x0a000077, 81), "default-deny");
	net_destroy(&n);
}

static void an_empty_set_has_nobody(void **state)
{
	struct net n;
	struct rule_policy rules[] = { from_set("offices") };

	(void)state;
	objects_reset();
	sets[0].prefixes.count = 0;
	net_create(&n);
	objects_set_on(&n);
	policy_set(&n, rules, 1);
	assert_string_equal(in_tcp(&n, 0x0a000077, 80), "default-deny");
	net_destroy(&n);
}

static void members_come_and_go_with_their_ports(void **state)
{
	struct net n;
	struct other o;
	struct rule_policy rules[] = { from_group("web") };
	unsigned told;

	(void)state;
	start(&n);
	policy_set(&n, rules, 1);
	assert_string_equal(in_tcp(&n, PEER, 80), "default-deny");
	told = n.host.conns_invalidated;
	other_join(&n, &o, 2, "web", PEER);
	assert_int_equal(n.host.conns_invalidated, told + 1);
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	assert_string_equal(in_tcp(&n, FAR, 80), "default-deny");
	fake_detach(&n.host, o.state);
	assert_int_equal(n.host.conns_invalidated, told + 2);
	assert_string_equal(in_tcp(&n, PEER, 80), "default-deny");
	net_destroy(&n);
}

static void an_address_of_two_ports_stays_until_the_last_has_gone(void **state)
{
	struct net n;
	struct other a;
	struct other b;
	struct rule_policy rules[] = { from_group("web") };

	(void)state;
	start(&n);
	policy_set(&n, rules, 1);
	other_join(&n, &a, 2, "web", PEER);
	other_join(&n, &b, 3, "web", PEER);
	fake_detach(&n.host, a.state);
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	fake_detach(&n.host, b.state);
	assert_string_equal(in_tcp(&n, PEER, 80), "default-deny");
	net_destroy(&n);
}

static void a_group_has_the_members_of_those_it_includes(void **state)
{
	struct net n;
	struct other o;
	struct rule_policy rules[] = { from_group("all") };

	(void)state;
	start(&n);
	policy_set(&n, rules, 1);
	other_join(&n, &o, 2, "db", PEER);
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	rules[0] = from_group("web");
	policy_set(&n, rules, 1);
	assert_string_equal(in_tcp(&n, PEER, 80), "default-deny");
	fake_detach(&n.host, o.state);
	net_destroy(&n);
}

static void the_first_rule_decides_whatever_it_names(void **state)
{
	struct net n;
	struct other o;
	struct rule_policy rules[] = { from_group("web"), from_set("offices"),
				       rule(RULE_PROTO_TCP, "80") };

	(void)state;
	start(&n);
	other_join(&n, &o, 2, "web", FAR);
	rules[0].action = RULE_DENY;
	rules[1].action = RULE_REJECT;
	policy_set(&n, rules, 3);
	assert_string_equal(in_tcp(&n, FAR, 80), "rule-deny");
	assert_string_equal(in_tcp(&n, PEER, 80), "rule-reject!");
	assert_string_equal(in_tcp(&n, FAR + 1, 80), "allow");
	rules[2] = rules[0];
	rules[0] = rule(RULE_PROTO_TCP, "80");
	policy_set(&n, rules, 3);
	assert_string_equal(in_tcp(&n, FAR, 80), "allow");
	fake_detach(&n.host, o.state);
	net_destroy(&n);
}

/* As the host does it: switch scope first, then each port under what is to be, then all applied. */
static void a_set_changes_under_rules_that_stay(void **state)
{
	struct net n;
	struct rule_policy rules[] = { from_set("offices") };
	const struct xvs_ops *ops;
	const void *value;
	void *of_switch;
	void *of_port;
	struct xvs_error err = { .size = sizeof(err) };
	struct secgroup_status status = { 0 };

	(void)state;
	start(&n);
	ops = n.host.ext->ops;
	policy_set(&n, rules, 1);
	value = &n.given[(n.turn - 1) % 2];
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	prefixes[0].prefix = prefix_v4(FAR, 32);
	assert_int_equal(ops->policy_check(n.host.self, NULL, OBJECTS, &objects, &of_switch, &err),
			 0);
	assert_int_equal(ops->policy_check(n.host.self, n.state, RULES, value, &of_port, &err), 0);
	assert_string_equal(in_tcp(&n, PEER, 80), "allow");
	ops->policy_apply(n.host.self, NULL, OBJECTS, &objects, of_switch);
	ops->policy_apply(n.host.self, n.state, RULES, value, of_port);
	fake_quiet(&n.host);
	assert_string_equal(in_tcp(&n, PEER, 80), "default-deny");
	assert_string_equal(in_tcp(&n, FAR, 80), "allow");
	assert_int_equal(ops->status_read(n.host.self, n.state, "org.xvs.secgroup.hits/1", &status,
					  &err),
			 0);
	assert_int_equal(((const struct rule_hit *)status.rules.items)[0].hits, 3);
	net_destroy(&n);
}

static void what_is_to_be_may_be_named_and_is_forgotten_when_aborted(void **state)
{
	struct net n;
	struct rule_policy rules[] = { from_set("homes") };
	struct xvs_error err = { .size = sizeof(err) };
	const struct xvs_ops *ops;
	void *of_switch;

	(void)state;
	start(&n);
	ops = n.host.ext->ops;
	n.policy.rules = (struct xvs_table)XVS_TABLE(rules);
	name_it(sets[0].name, "homes");
	assert_int_equal(ops->policy_check(n.host.self, NULL, OBJECTS, &objects, &of_switch, &err),
			 0);
	assert_int_equal(fake_policy(&n.host, n.state, RULES, &n.policy, false, &err), 0);
	ops->policy_abort(n.host.self, NULL, OBJECTS, of_switch);
	assert_int_equal(fake_policy(&n.host, n.state, RULES, &n.policy, false, &err), -EINVAL);
	assert_string_equal(err.field, "rules[0].set");
	net_destroy(&n);
}

static void assert_refused(struct net *n, void *port, const void *value, const char *field,
			   const char *text)
{
	struct xvs_error err;

	assert_int_equal(fake_policy(&n->host, port, port ? RULES : OBJECTS, value, true, &err),
			 -EINVAL);
	assert_string_equal(err.field, field);
	assert_string_equal(err.text, text);
}

static void objects_that_make_no_sense_are_refused(void **state)
{
	struct net n;

	(void)state;
	start(&n);
	name_it(included[2].name, "all");
	groups[0].includes = (struct xvs_table){ &included[2], 1, sizeof(included[0]) };
	assert_refused(&n, NULL, &objects, "groups[0].includes",
		       "group 'web' includes itself by way of others");
	name_it(included[2].name, "nowhere");
	assert_refused(&n, NULL, &objects, "groups[0].includes",
		       "group 'web' includes 'nowhere', which is not a group of this switch");
	objects_reset();
	name_it(groups[1].name, "web");
	assert_refused(&n, NULL, &objects, "groups[1].name",
		       "there is a group of this name already");
	objects_reset();
	sets[1] = sets[0];
	objects.sets.count = 2;
	assert_refused(&n, NULL, &objects, "sets[1].name", "there is a set of this name already");
	sets[1].name[0] = '\0';
	assert_refused(&n, NULL, &objects, "sets[1].name", "a set needs a name");
	net_destroy(&n);
}

static void names_that_are_not_there_are_refused(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "22"), from_group("nobody") };
	struct other o = { .address.prefix = prefix_v4(PEER, 24) };

	(void)state;
	start(&n);
	n.policy.rules = (struct xvs_table)XVS_TABLE(rules);
	assert_refused(&n, n.state, &n.policy, "rules[1].group",
		       "'nobody' is not a group of this switch; org.xvs.secgroup.objects/1 names "
		       "those that are");
	rules[1] = from_set("nothing");
	assert_refused(&n, n.state, &n.policy, "rules[1].set",
		       "'nothing' is not a set of this switch; org.xvs.secgroup.objects/1 names "
		       "those that are");
	rules[1] = from_group("web");
	name_it(rules[1].set, "offices");
	assert_refused(&n, n.state, &n.policy, "rules[1].group",
		       "the other end is named by one of prefix, group and set");
	n.policy.rules.count = 1;
	name_it(o.name.name, "nobody");
	n.policy.member.groups = (struct xvs_table){ &o.name, 1, sizeof(o.name) };
	assert_refused(&n, n.state, &n.policy, "groups[0]",
		       "'nobody' is not a group of this switch; org.xvs.secgroup.objects/1 names "
		       "those that are");
	name_it(o.name.name, "web");
	n.policy.member.addresses = (struct xvs_table){ &o.address, 1, sizeof(o.address) };
	assert_refused(&n, n.state, &n.policy, "addresses[0]",
		       "is a network; a member of a group has single addresses");
	net_destroy(&n);
}

static void one_name_too_many_is_refused(void **state)
{
	enum { COUNT = REFERENCES_MAX + 1 };
	static struct rule_policy rules[COUNT];
	static struct set_policy many[COUNT];
	struct net n;

	(void)state;
	start(&n);
	for (uint32_t i = 0; i < COUNT; i++) {
		(void)snprintf(many[i].name, sizeof(many[i].name), "s%u", i);
		rules[i] = from_set(many[i].name);
	}
	objects.sets = (struct xvs_table)XVS_TABLE(many);
	objects_set_on(&n);
	policy_set(&n, rules, COUNT - 1);
	n.policy.rules.count = COUNT;
	assert_refused(&n, n.state, &n.policy, "rules[64].set",
		       "the rules of one port name 64 groups and sets at most");
	net_destroy(&n);
}

static void established_connections_are_kept_where_that_is_asked_for(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "80") };
	struct xvs_conn c;

	(void)state;
	start(&n);
	rules[0].log = true;
	policy_set(&n, rules, 1);
	c = conn(&n, true, 6, PEER, 80);
	assert_string_equal(authorised(&n, &c), "allow and log");
	c.state = XVS_CONN_ESTABLISHED;
	policy_set(&n, NULL, 0);
	n.policy.established = ESTABLISHED_KEEP;
	assert_string_equal(authorised(&n, &c), "no-rules"); /* judged anew */
	policy_set(&n, rules, 1);
	assert_string_equal(authorised(&n, &c), "allow and log");
	policy_set(&n, NULL, 0);
	assert_string_equal(authorised(&n, &c), "allow and log"); /* left alone */
	n.slot = 0;
	assert_string_equal(authorised(&n, &c), "no-rules"); /* a new one */
	net_destroy(&n);
}

static void logs_are_limited_and_tell_how_many_were_not(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "80") };
	struct xvs_conn c;
	struct xvs_conn_event e = { .size = sizeof(e), .conn = &c };
	const struct xvs_conn_ops *ops;
	struct connection_event last;

	(void)state;
	start(&n);
	rules[0].log = true;
	n.policy.log_rate = 5;
	policy_set(&n, rules, 1);
	c = conn(&n, true, 6, PEER, 80);
	(void)authorised(&n, &c);
	ops = n.host.ext->ops->query(n.host.self, XVS_CONN);
	e.port_state = n.state;
	e.worker_state = n.worker;
	e.now_ns = n.host.now_ns;
	for (int i = 0; i < 100; i++)
		ops->event(n.host.self, &e);
	assert_int_equal(n.host.events, 5);
	e.now_ns += UINT64_C(1000000000);
	ops->event(n.host.self, &e);
	assert_int_equal(n.host.events, 6);
	memcpy(&last, n.host.event, sizeof(last));
	assert_int_equal(last.unlogged, 95);
	assert_int_equal(last.rule, 1);
	((struct secgroup *)n.host.self)->events = NULL;
	ops->event(n.host.self, &e);
	assert_non_null(strstr(n.host.log,
			       "connection {\"what\":\"begin\",\"port\":\"vm1\",\"id\":77,"
			       "\"rule\":1,\"direction\":\"in\",\"proto\":6,"
			       "\"src\":\"10.0.0.6\""));
	net_destroy(&n);
}

static void logs_one_connection_in_so_many_and_its_end(void **state)
{
	struct net n;
	struct rule_policy rules[] = { rule(RULE_PROTO_TCP, "80") };
	unsigned logged = 0;

	(void)state;
	start(&n);
	rules[0].log = true;
	n.policy.log_sample = 10;
	policy_set(&n, rules, 1);
	for (int i = 0; i < 10000; i++) {
		uint64_t slot = 0;
		struct xvs_conn c = conn(&n, true, 6, PEER, 80);
		bool is_logged;

		c.slot = &slot;
		is_logged = strcmp(authorised(&n, &c), "allow and log") == 0;
		logged += is_logged;
		/* asked about again, it is the same */
		assert_int_equal(strcmp(authorised(&n, &c), "allow and log") == 0, is_logged);
	}
	/* 1000 are to be expected, and 30 is one deviation */
	assert_in_range(logged, 800, 1200);
	net_destroy(&n);
}

static void as_many_rules_as_there_may_be(void **state)
{
	struct rule_policy *rules = calloc(RULES_MAX, sizeof(*rules));
	struct secgroup_status status = { 0 };
	struct xvs_error err = { .size = sizeof(err) };
	struct net n;

	(void)state;
	assert_non_null(rules);
	start(&n);
	for (uint32_t i = 0; i < RULES_MAX; i++) {
		char port[16];

		(void)snprintf(port, sizeof(port), "%u", i % 5000 + 1);
		rules[i] = rule(RULE_PROTO_TCP, port);
		rules[i].prefix = prefix_v4(0x0a000000 + i / 5000 * 256, 24);
	}
	policy_set(&n, rules, RULES_MAX);
	assert_string_equal(in_tcp(&n, 0x0a001303, 5000), "allow");
	assert_string_equal(in_tcp(&n, 0x0a001403, 5000), "default-deny");
	assert_int_equal(n.host.ext->ops->status_read(n.host.self, n.state,
						      "org.xvs.secgroup.hits/1", &status, &err),
			 0);
	assert_int_equal(status.rules.count, 1); /* of so many only those that decided */
	assert_int_equal(((const struct rule_hit *)status.rules.items)[0].nr, RULES_MAX - 1);
	net_destroy(&n);
	free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_is_its_prefixes),
		cmocka_unit_test(an_empty_set_has_nobody),
		cmocka_unit_test(members_come_and_go_with_their_ports),
		cmocka_unit_test(an_address_of_two_ports_stays_until_the_last_has_gone),
		cmocka_unit_test(a_group_has_the_members_of_those_it_includes),
		cmocka_unit_test(the_first_rule_decides_whatever_it_names),
		cmocka_unit_test(a_set_changes_under_rules_that_stay),
		cmocka_unit_test(what_is_to_be_may_be_named_and_is_forgotten_when_aborted),
		cmocka_unit_test(objects_that_make_no_sense_are_refused),
		cmocka_unit_test(names_that_are_not_there_are_refused),
		cmocka_unit_test(one_name_too_many_is_refused),
		cmocka_unit_test(established_connections_are_kept_where_that_is_asked_for),
		cmocka_unit_test(logs_are_limited_and_tell_how_many_were_not),
		cmocka_unit_test(logs_one_connection_in_so_many_and_its_end),
		cmocka_unit_test(as_many_rules_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
