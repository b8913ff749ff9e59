/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch without a daemon, with the well-behaved extension of tests/modules/bad.
 * links: xvs_yaml
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/yaml.h"
#include "extlab/lab.h"
#include "support/frames.h"

enum { VM1 = 0, VM2 = 1, UPLINK = 2, PORTS = 3 };

static const struct lab_port ports[PORTS] = {
	{ .name = "vm1", .has_mac = true, .mac = { 0x52, 0x54, 0, 0, 0, 1 } },
	{ .name = "vm2", .has_mac = true, .mac = { 0x52, 0x54, 0, 0, 0, 2 } },
	{ .name = "up0", .is_uplink = true },
};

static struct {
	struct module *module;
	const struct extension *chain[1];
	struct diags d;
} fixture;

static struct tally {
	_Atomic unsigned sent[PORTS], dropped; /* any worker */
	char reason[32], by[64];
} tally;

static void on_ended(void *arg, const struct lab_event *e)
{
	struct tally *t = arg;

	if (e->end == LAB_SENT) {
		t->sent[e->port]++;
		return;
	}
	t->dropped++;
	(void)strncpy(t->reason, e->reason, sizeof(t->reason) - 1);
	(void)strncpy(t->by, e->by ? e->by : "", sizeof(t->by) - 1);
}

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;
	uint32_t count;

	(void)state;
	if (lab_load(XVS_TEST_EXTENSIONS "/bad/none.so", &fixture.module, &err))
		fail_msg("%s", err.text);
	fixture.chain[0] = module_extensions(fixture.module, &count);
	assert_int_equal(count, 1);
	memset(&tally, 0, sizeof(tally));
	memset(&fixture.d, 0, sizeof(fixture.d));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	module_put(fixture.module);
	return 0;
}

static int make(const char *yaml, uint32_t threads, bool is_held, struct lab **out)
{
	struct node *policies = yaml_read(yaml, strlen(yaml), &fixture.d);
	const struct lab_config c = { .chain = fixture.chain,
				      .chain_count = 1,
				      .ports = ports,
				      .port_count = PORTS,
				      .policies = policies,
				      .policy_file = "p.yaml",
				      .threads = threads,
				      .is_held = is_held,
				      .ended = on_ended,
				      .arg = &tally };
	int code;

	assert_non_null(policies);
	lab_seed(1);
	code = lab_create(&c, out, &fixture.d);
	node_destroy(policies);
	return code;
}

static struct lab *made(const char *yaml, uint32_t threads, bool is_held)
{
	struct lab *lab = NULL;
	char text[512];

	if (make(yaml, threads, is_held, &lab))
		fail_msg("%s", diag_print(&fixture.d, 0, text, sizeof(text)));
	return lab;
}

static void send_tcp(struct lab *lab, uint16_t port)
{
	const struct frame_end from = { .host = 1, .port = 1000 }, to = { .host = 2, .port = port };
	uint8_t bytes[2048];
	const uint32_t len = frame_tcp(bytes, from, to, (struct frame_tcp){ .flags = 2 });

	assert_int_equal(lab_send(lab, VM1, bytes, len), 0);
}

static void packets_take_the_real_way(void **state)
{
	struct lab *lab = made("com.example.bad/1: {port: 25}", 0, false);

	(void)state;
	send_tcp(lab, 80);
	lab_run(lab);
	assert_int_equal(tally.sent[VM2], 1);
	send_tcp(lab, 25);
	lab_run(lab);
	assert_int_equal(tally.sent[VM2], 1);
	assert_int_equal(tally.dropped, 1);
	assert_string_equal(tally.reason, "port");
	assert_string_equal(tally.by, "com.example.bad");
	assert_int_equal(lab_held(lab), 0);
	lab_destroy(lab);
}

static void one_port_may_have_another_policy(void **state)
{
	struct lab *lab = made("{com.example.bad/1: {port: 25}, ports: {vm1: {com.example.bad/1: "
			       "{allow: true}}}}",
			       0, false);

	(void)state;
	send_tcp(lab, 25);
	lab_run(lab);
	assert_string_equal(tally.by, "com.example.bad"); /* on the way to vm2 */
	assert_int_equal(tally.dropped, 1);
	lab_destroy(lab);
}

static void a_wrong_policy_is_refused_at_its_place(void **state)
{
	struct lab *lab = NULL;
	char text[512];

	(void)state;
	assert_int_not_equal(make("com.example.bad/1:\n  port: 70000\n", 0, false, &lab), 0);
	assert_null(lab);
	fixture.d.file = "p.yaml";
	assert_non_null(strstr(diag_print(&fixture.d, 0, text, sizeof(text)), "p.yaml:2:"));
	assert_non_null(strstr(text, "70000"));
}

static long long accounted(struct lab *lab)
{
	json_t *stats = lab_stats(lab);
	const json_t *one = json_array_get(json_object_get(stats, "extensions"), 0);
	const long long n =
		json_integer_value(json_object_get(json_object_get(one, "counters"), "accounted"));

	json_decref(stats);
	return n;
}

static void what_flows_have_counted_is_in_the_numbers(void **state)
{
	struct lab *lab = made("{}", 0, false);

	(void)state;
	for (int i = 0; i < 5; i++)
		send_tcp(lab, 80);
	lab_run(lab);
	assert_int_equal(accounted(lab), 10); /* on the way in, and out */
	lab_destroy(lab);
}

static void state_goes_to_another_lab_which_goes_on(void **state)
{
	struct lab *from = made("com.example.bad/1: {port: 25}", 0, false);
	struct lab *to = made("com.example.bad/1: {port: 25}", 0, true);
	struct xvs_error err = ERROR_INIT;

	(void)state;
	send_tcp(to, 80); /* it is closed */
	lab_run(to);
	assert_int_equal(tally.sent[VM2], 0);
	assert_string_equal(tally.reason, "port-closed");
	if (lab_move(from, to, &err))
		fail_msg("%s", err.text);
	send_tcp(to, 80);
	lab_run(to);
	assert_int_equal(tally.sent[VM2], 1);
	send_tcp(from, 80);
	lab_run(from);
	assert_int_equal(tally.sent[VM2], 2);
	lab_destroy(to);
	lab_destroy(from);
}

static void with_threads_everything_arrives(void **state)
{
	struct lab *lab = made("{}", 2, false);

	(void)state;
	for (uint16_t i = 0; i < 500; i++)
		send_tcp(lab, (uint16_t)(80 + i % 7));
	lab_run(lab);
	lab_settle(lab, 1000);
	assert_int_equal(tally.sent[VM2], 500);
	lab_destroy(lab);
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB(packets_take_the_real_way),
		LAB(one_port_may_have_another_policy),
		LAB(a_wrong_policy_is_refused_at_its_place),
		LAB(what_flows_have_counted_is_in_the_numbers),
		LAB(state_goes_to_another_lab_which_goes_on),
		LAB(with_threads_everything_arrives),
	};

	log_open(XVS_LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
