/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* Policies that were written for a former revision (xvs/ext/convert.h) count as what they become. */
#include "config/print.h"
#include "fixture.h"
#include "switch/departure.h"

#define LIMIT_1 "test.revised.limit/1"
#define LIMIT_2 "test.revised.limit/2"
#define CHAIN \
	"switches:\n  - name: lab\n    type: private\n    chain:\n" \
	"      - {instance: rev, extension: test.revised}\n"
#define PORT(rest) "    ports:\n      - {name: vm1, backend: {kind: 'null'}" rest "}\n"

static void converts_what_a_port_says(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3, burst: 7, peers: "
				  "[192.0.2.0/24, '2001:db8::/32']}}"));
	fixture_expect(f, LIMIT_2 ": 3000 kbit/s, burst 7, 2 peers, note \n");
	/* it stays as it was written, and what counts tells where it is from */
	EXPECT(world_policy_show(f->world, "vm1", LIMIT_1, false), LIMIT_1 "|value|rate_mbps", "3");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT_2, true), LIMIT_2 "|value|rate_kbps",
	       "3000");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT_2, true), LIMIT_2 "|from|rate_kbps",
	       "port lab/vm1, as " LIMIT_1 " (line 7)");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT_2, true), LIMIT_2 "|from|note", "default");
}

/* What the former one leaves open, the port has from above; each default is that of today. */
static void merges_levels_of_different_revisions(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN "    policies: {" LIMIT_2 ": {burst_packets: 5, note: all}}\n"
			     "    groups:\n      - {name: web, override: [" LIMIT_1
			     "], policies: {" LIMIT_1 ": {rate_mbps: 2}}}\n" PORT(
				     ", group: web, policies: {" LIMIT_2 ": {rate_kbps: 7}}"));
	fixture_expect(f, LIMIT_2 ": 7 kbit/s, burst 5, 0 peers, note all\n");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT_2, true), LIMIT_2 "|from|burst_packets",
	       "switch lab (line 6)");
	fixture_has(f, CHAIN "    policies: {" LIMIT_2 ": {burst_packets: 5, note: all}}\n"
			     "    groups:\n      - {name: web, policies: {" LIMIT_1
			     ": {rate_mbps: 2}}}\n" PORT(", group: web"));
	fixture_expect(f, LIMIT_2 ": 2000 kbit/s, burst 5, 0 peers, note all\n");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT_2, true), LIMIT_2 "|from|rate_kbps",
	       "group web, as " LIMIT_1 " (line 8)");
}

static void a_verb_sets_the_revision_of_today_over_it(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3, burst: 7}}"));
	a = fixture_set(f, "vm1", LIMIT_1, "burst=9", true);
	assert_true(a.code < 0);
	assert_string_equal(a.text,
			    "policy " LIMIT_1 " is a former revision of " LIMIT_2 "; set that\n");
	a = fixture_set(f, "vm1", LIMIT_2, "burst_packets=9", true);
	assert_int_equal(a.code, 0);
	free(fixture_record(f));
	a = fixture_set(f, "vm1", LIMIT_1, NULL, true);
	assert_true(a.code < 0); /* what is left names no rate */
	assert_non_null(strstr(a.text, "policy " LIMIT_2 ": rate_kbps is missing"));
	fixture_expect(f, "");
}

static void a_former_one_is_owned_as_well(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3, burst: 7}}"));
	a = fixture_set(f, "vm1", LIMIT_2, "burst_packets=9", false);
	assert_int_equal(a.code, -EPERM);
	assert_non_null(strstr(a.text, "policy " LIMIT_2 " of lab/vm1 belongs to file"));
	assert_non_null(strstr(a.text, "xvs.yaml:7:"));
	/* and what is set over it is an overlay */
	assert_int_equal(fixture_set(f, "vm1", LIMIT_2, "burst_packets=9", true).code, 0);
	EXPECT(world_policy_show(f->world, "vm1", LIMIT_2, true), LIMIT_2 "|from|burst_packets",
	       "overlay of api on lab/vm1");
}

static void a_group_lists_all_revisions_at_once(void **state)
{
	struct fixture *f = *state;
	json_t *shown, *may_set;
	struct answer a;

	fixture_has(f, CHAIN "    groups:\n      - {name: web}\n" PORT(", group: web"));
	a = fixture_set(f, "vm1", LIMIT_2, "rate_kbps=7", false);
	assert_int_equal(a.code, -EPERM);
	fixture_has(f, CHAIN "    groups:\n      - {name: web, override: [" LIMIT_1
			     "]}\n" PORT(", group: web"));
	assert_int_equal(fixture_set(f, "vm1", LIMIT_2, "rate_kbps=7", false).code, 0);
	fixture_expect(f, LIMIT_2 ": 7 kbit/s, burst 20, 0 peers, note \n");
	shown = world_policy_show(f->world, "vm1", LIMIT_2, true);
	may_set = json_object_get(json_object_get(shown, LIMIT_2), "may_set");
	assert_int_equal(json_array_size(may_set), 4);
	json_decref(shown);
}

static void exports_one_revision_of_two(void **state)
{
	struct fixture *f = *state;
	struct config_spec *spec;
	struct node *document;
	char *text;

	fixture_has(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3, burst: 7}}"));
	assert_int_equal(fixture_set(f, "vm1", LIMIT_2, "burst_packets=9", true).code, 0);
	spec = world_export(f->world);
	document = print_config(spec);
	text = print_yaml(document);
	assert_null(strstr(text, LIMIT_1));
	free(fixture_record(f));
	fixture_end_world(f);
	fixture_world(f);
	fixture_has(f, text);
	fixture_expect(f, LIMIT_2 ": 3000 kbit/s, burst 9, 0 peers, note \n");
	free(text);
	node_destroy(document);
	config_spec_destroy(spec);
}

static void one_that_was_set_aside_does_not_count(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3}}"));
	free(fixture_record(f));
	assert_int_equal(fixture_set(f, "vm1", LIMIT_1, NULL, true).code, 0);
	fixture_expect(f, LIMIT_2 ": none\n");
}

static void refuses_what_cannot_be_converted(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	a = fixture_apply(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3, burst: 13}}"));
	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "xvs.yaml:7:"));
	assert_non_null(strstr(a.text,
			       "port lab/vm1: policy " LIMIT_1 ": cannot be converted to " LIMIT_2
			       ": a burst of 13 has no meaning any more"));
	/* by its own table before, and by today's behind it */
	a = fixture_apply(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: fast}}"));
	assert_non_null(strstr(a.text, "policy " LIMIT_1 ": rate_mbps is fast, must be"));
	a = fixture_apply(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 60000}}"));
	assert_non_null(strstr(a.text, "rate_kbps is 60000000, must be"));
	a = fixture_apply(f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3}, " LIMIT_2
					": {note: x}}"));
	assert_non_null(strstr(a.text, "policy " LIMIT_1 " is a former revision of " LIMIT_2
				       ", which stands beside it; keep one"));
}

static void finds_it_where_nothing_can_be_planned(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec = fixture_spec(
		f, CHAIN PORT(", policies: {" LIMIT_1 ": {rate_mbps: 3, burst: 13}}"), d);

	world_check_documents(f->world, spec, d);
	assert_int_equal(d->count, 1);
	assert_non_null(strstr(d->items[0].text, "a burst of 13 has no meaning any more"));
	config_spec_destroy(spec);
	free(d);
}

struct told {
	char left[256], finding[256];
};

static void on_left(void *arg, const char *what, const char *why)
{
	(void)snprintf(((struct told *)arg)->left, 256, "%s: %s", what, why);
}

static void on_finding(void *arg, const char *what, const char *why)
{
	(void)snprintf(((struct told *)arg)->finding, 256, "%s: %s", what, why);
}

/* As another host reads it, whose newest revision has a number that this one does not know. */
static struct node *read_elsewhere(struct fixture *f, struct told *told)
{
	json_t *policies = departure_policies(f->world, "vm1");
	json_t *value = json_incref(json_object_get(policies, LIMIT_2));
	struct node *n;

	assert_non_null(value);
	(void)json_object_del(policies, LIMIT_2);
	(void)json_object_set_new(policies, "test.revised.limit/9", value);
	*told = (struct told){ .left = "" };
	n = departure_read(f->world, policies, on_left, on_finding, told);
	json_decref(policies);
	return n;
}

static void goes_to_an_older_host_as_that_knows_it(void **state)
{
	struct fixture *f = *state;
	struct told told;
	struct node *n;

	fixture_has(f, CHAIN PORT(", policies: {" LIMIT_2
				  ": {rate_kbps: 4000, note: x, peers: [192.0.2.1]}}"));
	n = read_elsewhere(f, &told);
	assert_string_equal(told.finding, "");
	assert_string_equal(told.left,
			    "test.revised.limit/9: converted to " LIMIT_1 ", which is known here");
	assert_non_null(node_get(n, LIMIT_1));
	assert_string_equal(node_get(node_get(n, LIMIT_1), "rate_mbps")->text, "4");
	assert_string_equal(node_get(node_get(n, LIMIT_1), "burst")->text, "20");
	assert_int_equal(node_get(node_get(n, LIMIT_1), "peers")->count, 1);
	node_destroy(n);
	/* where it cannot be said, the port stays here */
	fixture_has(f, CHAIN PORT(", policies: {" LIMIT_2 ": {rate_kbps: 4001}}"));
	n = read_elsewhere(f, &told);
	assert_string_equal(told.finding,
			    "test.revised.limit/9: no extension on this host knows this policy");
	node_destroy(n);
}

/* LIMIT_1, and 'name' that says it was LIMIT_1 before. */
static struct node *read_claim(struct fixture *f, const char *name, struct told *told)
{
	json_t *policies = json_pack("{s:{s:{s:i}}, s:{s:{}, s:{s:{s:{s:i}}}}}", LIMIT_1, "fields",
				     "rate_mbps", 3, name, "fields", "formers", LIMIT_1, "fields",
				     "rate_mbps", 4);
	struct node *n;

	assert_non_null(policies);
	*told = (struct told){ .left = "" };
	n = departure_read(f->world, policies, on_left, on_finding, told);
	json_decref(policies);
	assert_non_null(n);
	assert_int_equal(n->count, 1);
	return n;
}

static void another_host_cannot_name_just_any_former(void **state)
{
	struct fixture *f = *state;
	struct told told;

	fixture_has(f, CHAIN PORT(""));
	node_destroy(read_claim(f, "test.elsewhere.limit/9", &told));
	assert_string_equal(told.finding, "test.elsewhere.limit/9: no extension on this host knows "
					  "this policy");
	node_destroy(read_claim(f, "test.revised.limit/9", &told));
	assert_string_equal(told.finding, LIMIT_1 ": it comes twice, by two revisions");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(converts_what_a_port_says),
		CASE(merges_levels_of_different_revisions),
		CASE(a_verb_sets_the_revision_of_today_over_it),
		CASE(a_former_one_is_owned_as_well),
		CASE(a_group_lists_all_revisions_at_once),
		CASE(exports_one_revision_of_two),
		CASE(one_that_was_set_aside_does_not_count),
		CASE(refuses_what_cannot_be_converted),
		CASE(finds_it_where_nothing_can_be_planned),
		CASE(goes_to_an_older_host_as_that_knows_it),
		CASE(another_host_cannot_name_just_any_former),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
