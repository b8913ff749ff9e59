/* SPDX-License-Identifier: Apache-2.0 */
/* xvs/ext/classify.h, sentence by sentence, as an extension meets it. */
#include "ext/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "support/rulegen.h"
#include "xvs/ext/classify.h"

enum { MANY = 5000, PACKETS = 20000, TCP = 6 };

static const struct xvs_classify_host *classify;

static int setup(void **state)
{
	const int code = bench_setup(state);

	bench_make();
	classify = bench.host->query(bench.host, XVS_CLASSIFY);
	assert_non_null(classify);
	assert_true(interface_is_offered(XVS_CLASSIFY));
	return code;
}

static int try_table(const struct xvs_table *table, struct xvs_classifier **out,
		     struct xvs_error *err)
{
	return classify->create(bench.host, table, out, err);
}

static struct xvs_classifier *made(const struct xvs_classify_rule *rules, uint32_t count)
{
	const struct xvs_table table = { rules, count, sizeof(*rules) };
	struct xvs_error err = ERROR_INIT;
	struct xvs_classifier *c = NULL;

	if (try_table(&table, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

/* One rule for the destination port, one for all of IPv4. */
static const struct xvs_classify_rule web[] = {
	{ .answer = 10,
	  .matches = XVS_CLASSIFY_ETHERTYPE | XVS_CLASSIFY_PROTO | XVS_CLASSIFY_DST_PORTS,
	  .ethertype = 0x0800,
	  .proto = TCP,
	  .dst_port_first = 80,
	  .dst_port_last = 81 },
	{ .answer = 20, .matches = XVS_CLASSIFY_ETHERTYPE, .ethertype = 0x0800 },
};

static struct xvs_flow_key to_port(uint16_t port)
{
	struct xvs_flow_key key = { .ethertype = htons(0x0800), .ip_proto = TCP };

	key.l4_dst = htons(port);
	return key;
}

static void the_best_rule_answers_and_says_what_it_saw(void **state)
{
	struct xvs_classifier *c = made(web, 2);
	struct xvs_flow_key key = to_port(80);
	struct xvs_flow_key mask = { .ip_ttl = 0x11 };

	(void)state;
	assert_int_equal(classify->find(bench.host, c, &key, 1, &mask), 10);
	assert_int_equal(mask.ip_ttl, 0x11); /* bits that are there already stay */
	assert_int_equal(mask.ethertype, UINT16_MAX);
	assert_int_equal(mask.ip_proto, UINT8_MAX);
	assert_int_equal(mask.l4_dst, UINT16_MAX);
	assert_int_equal(mask.port, 0);
	key = to_port(82);
	assert_int_equal(classify->find(bench.host, c, &key, 1, NULL), 20);
	key.ethertype = htons(0x86dd);
	assert_int_equal(classify->find(bench.host, c, &key, 1, NULL), XVS_CLASSIFY_NONE);
	classify->destroy(bench.host, c);
	classify->destroy(bench.host, NULL);
}

static void no_rules_and_no_classifier_have_no_answer(void **state)
{
	struct xvs_classifier *c = made(NULL, 0);
	struct xvs_flow_key key = to_port(80);

	(void)state;
	assert_int_equal(classify->find(bench.host, c, &key, 1, NULL), XVS_CLASSIFY_NONE);
	assert_int_equal(classify->find(bench.host, NULL, &key, 1, NULL), XVS_CLASSIFY_NONE);
	classify->destroy(bench.host, c);
}

static void the_first_list_with_an_answer_gives_it(void **state)
{
	struct xvs_classifier *one = made(web, 1);
	struct xvs_classifier *all = made(web + 1, 1);
	const struct xvs_classifier *const list[] = { NULL, one, all };
	const struct xvs_flow_key key = to_port(443);
	const struct xvs_flow_key other = { .ethertype = htons(0x0806) };
	struct xvs_flow_key mask = { 0 };
	uint32_t which = 99;

	(void)state;
	assert_int_equal(classify->find_first(bench.host, list, 3, &key, 1, &mask, &which), 20);
	assert_int_equal(which, 2);
	assert_true(mask.l4_dst != 0); /* of the list that has no answer too */
	assert_int_equal(classify->find_first(bench.host, list, 2, &key, 1, NULL, NULL),
			 XVS_CLASSIFY_NONE);
	assert_int_equal(classify->find_first(bench.host, list, 3, &other, 1, NULL, &which),
			 XVS_CLASSIFY_NONE);
	assert_int_equal(which, 3);
	classify->destroy(bench.host, one);
	classify->destroy(bench.host, all);
}

static void refused(const struct xvs_table *table, int code, const char *field, const char *text)
{
	struct xvs_error err = ERROR_INIT;
	struct xvs_classifier *c = NULL;

	assert_int_equal(try_table(table, &c, &err), code);
	assert_int_equal(try_table(table, &c, NULL), code);
	assert_null(c);
	assert_int_equal(err.code, code);
	assert_string_equal(err.field, field);
	assert_string_equal(err.text, text);
}

static void rules_that_make_no_sense_are_refused_by_name(void **state)
{
	struct xvs_classify_rule rules[2] = { web[1], web[0] };
	struct xvs_table table = XVS_TABLE(rules);

	(void)state;
	rules[1].dst_port_first = 90;
	refused(&table, -EINVAL, "rules[1].dst_ports",
		"rule 1: its first destination port is above its last");
	table.stride = 96;
	refused(&table, -EINVAL, "rules",
		"rules of 96 bytes are shorter than the first revision, of 100");
	table = (struct xvs_table){ rules, XVS_CLASSIFY_RULES_MAX + 1, sizeof(rules[0]) };
	refused(&table, -E2BIG, "rules",
		"1048577 rules are too many for one list, which has room for 1048576");
	table.items = NULL;
	refused(&table, -EINVAL, "rules", "there is no list of rules");
	refused(NULL, -EINVAL, "rules", "there is no list of rules");
}

/* What is behind our end is a demand that we do not know: zero it must be. */
static void longer_rules_are_taken_where_they_ask_for_nothing_new(void **state)
{
	struct {
		struct xvs_classify_rule rule;
		uint32_t more;
	} rules[2] = { { .rule = web[0] }, { .rule = web[1] } };
	const struct xvs_table table = XVS_TABLE(rules);
	const struct xvs_flow_key key = to_port(82);
	struct xvs_classifier *c = NULL;

	(void)state;
	assert_int_equal(try_table(&table, &c, NULL), 0);
	assert_int_equal(classify->find(bench.host, c, &key, 1, NULL), 20);
	classify->destroy(bench.host, c);
	rules[1].more = 1;
	refused(&table, -E2BIG, "rules", "rule 1 asks for a field that this host does not know");
}

static void info_is_written_as_far_as_its_size(void **state)
{
	struct xvs_classifier *c = made(web, 2);
	struct xvs_classify_info info = { .size = sizeof(info) };

	(void)state;
	classify->info(bench.host, c, &info);
	assert_int_equal(info.size, sizeof(info));
	assert_int_equal(info.rules, 2);
	assert_int_equal(info.largest, 2);
	assert_true(info.bytes > 0 && info.build_bytes >= info.bytes);
	info = (struct xvs_classify_info){ .size = offsetof(struct xvs_classify_info, depth) };
	classify->info(bench.host, c, &info);
	assert_int_equal(info.rules, 2);
	assert_int_equal(info.largest, 0);
	classify->destroy(bench.host, c);
}

/* ---- many rules, in a task ------------------------------------------------------------------- */

static void to_public(const struct acl_rule *from, struct xvs_classify_rule *to)
{
	*to = (struct xvs_classify_rule){
		.weight = from->weight,
		.answer = from->answer,
		.segment = from->segment,
		.matches = from->matches,
		.ethertype = from->ethertype,
		.vlan = from->vlan,
		.proto = from->proto,
		.dscp = from->dscp,
		.src = from->src,
		.dst = from->dst,
		.src_port_first = from->src_ports.first,
		.src_port_last = from->src_ports.last,
		.dst_port_first = from->dst_ports.first,
		.dst_port_last = from->dst_ports.last,
		.icmp_type = from->icmp_type,
		.icmp_code = from->icmp_code,
		.tcp_flags = from->tcp_flags,
		.tcp_flags_mask = from->tcp_flags_mask,
		.bits = from->bits,
		.bits_mask = from->bits_mask,
	};
	memcpy(to->eth_src, from->eth_src, 6);
	memcpy(to->eth_src_mask, from->eth_src_mask, 6);
	memcpy(to->eth_dst, from->eth_dst, 6);
	memcpy(to->eth_dst_mask, from->eth_dst_mask, 6);
}

struct work {
	struct acl_rule source[MANY];
	struct xvs_classify_rule rules[MANY];
	struct xvs_classifier *made;
	atomic_uint done;
};

static void build(void *arg, const volatile bool *cancelled)
{
	struct work *w = arg;

	(void)cancelled;
	w->made = made(w->rules, MANY);
}

static void built(void *arg, bool cancelled)
{
	struct work *w = arg;

	assert_false(cancelled);
	atomic_store(&w->done, 1);
}

static void assert_agrees(struct work *w, const struct rulegen *g)
{
	uint64_t random = 5;

	for (unsigned n = 0; n < PACKETS; n++) {
		uint32_t best = XVS_CLASSIFY_NONE;
		uint32_t answer;
		struct xvs_flow_key key;

		rulegen_key(g, w->source, MANY, &random, &key);
		answer = classify->find(bench.host, w->made, &key, 1, NULL);
		if (answer != XVS_CLASSIFY_NONE)
			assert_true(acl_rule_matches(&w->source[answer], &key, 1));
		for (uint32_t i = n % 97; i < MANY; i += 97) {
			if (acl_rule_matches(&w->source[i], &key, 1))
				best = best == XVS_CLASSIFY_NONE ||
						       w->source[i].weight > w->source[best].weight
					       ? i
					       : best;
		}
		if (best != XVS_CLASSIFY_NONE)
			assert_true(answer != XVS_CLASSIFY_NONE &&
				    w->source[answer].weight >= w->source[best].weight);
	}
}

static void a_task_builds_what_is_large(void **state)
{
	const struct xvs_task_host *tasks = bench.host->query(bench.host, XVS_TASK);
	const struct rulegen g = { RULEGEN_MIX, false, 7 };
	struct work *w = calloc(1, sizeof(*w));

	(void)state;
	assert_non_null(w);
	assert_true(rulegen_rules(&g, w->source, MANY));
	for (uint32_t i = 0; i < MANY; i++)
		to_public(&w->source[i], &w->rules[i]);
	assert_int_equal(tasks->start(bench.host, build, built, w), 0);
	bench_wait(&w->done, 1);
	assert_agrees(w, &g);
	classify->destroy(bench.host, w->made);
	free(w);
}

#define CLASSIFY(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLASSIFY(the_best_rule_answers_and_says_what_it_saw),
		CLASSIFY(no_rules_and_no_classifier_have_no_answer),
		CLASSIFY(the_first_list_with_an_answer_gives_it),
		CLASSIFY(rules_that_make_no_sense_are_refused_by_name),
		CLASSIFY(longer_rules_are_taken_where_they_ask_for_nothing_new),
		CLASSIFY(info_is_written_as_far_as_its_size),
		CLASSIFY(a_task_builds_what_is_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
