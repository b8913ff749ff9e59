/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of life of struct xvs_ops, as an extension in a real module writes it down.
 */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/inbox.h"
#include "ext/instance.h"

enum { WORKERS = 3, LINES = 64 };

static struct worker workers[WORKERS];
static struct worker *const worker_list[WORKERS] = { &workers[0], &workers[1], &workers[2] };
static struct module *module;
static const struct extension *extension;
static char lines[LINES][80];
static unsigned line_count;

static void on_line(struct instance *i, int level, const char *text)
{
	(void)i;
	(void)level;
	if (line_count < LINES)
		(void)snprintf(lines[line_count++], sizeof(lines[0]), "%s", text);
}

static struct instance_env env = {
	.workers = worker_list,
	.worker_count = WORKERS,
	.log = on_line,
};

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;
	uint32_t count;

	(void)state;
	for (uint32_t w = 0; w < WORKERS; w++)
		workers[w].nr = w;
	line_count = 0;
	if (loop_create(&env.loop, &err) || module_load(XVS_TEST_EXTENSIONS "/ext_diary.so", NULL,
							interface_is_offered, &module, &err))
		fail_msg("%s", err.text);
	extension = module_extensions(module, &count);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	module_put(module);
	loop_destroy(env.loop);
	return 0;
}

/* The diary must be exactly these lines. */
static void assert_diary(const char *const *want, unsigned count)
{
	for (unsigned n = 0; n < count && n < line_count; n++)
		assert_string_equal(lines[n], want[n]);
	assert_int_equal(line_count, count);
}
#define ASSERT_DIARY(...) \
	do { \
		const char *const want_[] = { __VA_ARGS__ }; \
		assert_diary(want_, sizeof(want_) / sizeof(want_[0])); \
	} while (0)

static int make(const char *name, struct instance **out, struct xvs_error *err)
{
	const struct instance_args args = {
		.name = name,
		.switch_name = "lan",
		.nr = 1,
		.rights_allowed = ~0u,
		.ports_max = 1024,
	};

	return instance_create(extension, &args, &env, out, err);
}

static struct instance *made(const char *name)
{
	struct xvs_error err = ERROR_INIT;
	struct instance *i = NULL;

	if (make(name, &i, &err))
		fail_msg("%s", err.text);
	return i;
}

static void refused(const char *name, int code, const char *why)
{
	struct xvs_error err = ERROR_INIT;
	struct instance *i = NULL;
	char want[512];

	(void)snprintf(want, sizeof(want), "%s (com.example.diary, %s): %s", name,
		       module_path(module), why);
	if (strlen(want) >= sizeof(err.text))
		memcpy(want + sizeof(err.text) - 4, "...", 4);
	assert_int_equal(make(name, &i, &err), code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, want);
	assert_null(i);
}

static void calls_come_in_the_order_of_the_header(void **state)
{
	static const struct xvs_port port = { .size = sizeof(port), .id = 7, .name = "web-1" };
	struct xvs_error err = ERROR_INIT;
	struct instance *i = made("guard");
	void *port_state = NULL;
	void *prepared = NULL;
	int value = 1;

	(void)state;
	assert_int_equal(i->state, INSTANCE_CREATED);
	assert_int_equal(i->rights, XVS_RIGHT_QUEUE);
	assert_int_equal(instance_port_attach(i, &port, &port_state, &err), 0);
	assert_int_equal(instance_policy_check(i, port_state, "f/1", &value, &prepared, &err), 0);
	instance_policy_apply(i, port_state, "f/1", &value, prepared);
	instance_set_active(i, true);
	assert_int_equal(i->state, INSTANCE_ACTIVE);
	instance_port_event(i, port_state, XVS_PORT_UP, &port);
	instance_set_active(i, false);
	instance_port_detach(i, port_state);
	instance_destroy(i);
	ASSERT_DIARY("create lan guard workers=3 ports=1024 upgrade=0", "worker_attach 0",
		     "worker_attach 1", "worker_attach 2", "port_attach web-1",
		     "policy_check f/1 set", "policy_apply f/1 prepared", "active 1",
		     "port_event 7 1", "active 0", "port_detach 7", "worker_detach 2",
		     "worker_detach 1", "worker_detach 0", "destroy");
}

/* "The host undoes exactly what succeeded, in reverse, so a failing step cleans up only itself." */
static void a_failing_worker_is_undone_in_reverse(void **state)
{
	(void)state;
	refused("no-worker-1", -ENOSPC, "tables are full");
	ASSERT_DIARY("create lan no-worker-1 workers=3 ports=1024 upgrade=0", "worker_attach 0",
		     "worker_attach 1", "worker_detach 0", "destroy");
}

static void a_failing_create_is_not_destroyed(void **state)
{
	(void)state;
	refused("no-create", -ENOENT, "the file of rules is missing");
	assert_int_equal(line_count, 0);
}

static void an_error_without_text_gets_a_sentence(void **state)
{
	(void)state;
	refused("mute", -EIO, "create gave no reason: Input/output error");
}

static void a_result_that_is_no_errno_is_an_error(void **state)
{
	(void)state;
	refused("positive", -EPROTO, "create returned 5, which is neither 0 nor a negative errno");
}

static void offered_tables_must_be_complete_and_fit_the_class(void **state)
{
	(void)state;
	refused("bad-flow", -EINVAL, "xvs_flow.judge is NULL, but required");
	refused("bad-conn", -EINVAL, "offers xvs.conn/1, which belongs to class firewall");
	ASSERT_DIARY("create lan bad-flow workers=3 ports=1024 upgrade=0", "destroy",
		     "create lan bad-conn workers=3 ports=1024 upgrade=0", "destroy");
}

/* "A negative result refuses the port; the operator sees err->text." */
static void a_refused_port_keeps_field_and_text_on_one_line(void **state)
{
	static const struct xvs_port port = { .size = sizeof(port), .id = 7, .name = "web-1" };
	struct xvs_error err = ERROR_INIT;
	struct instance *i = made("no-port");
	void *port_state = &err;

	(void)state;
	assert_int_equal(instance_port_attach(i, &port, &port_state, &err), -EPERM);
	assert_string_equal(err.text, "no-port (com.example.diary): port is?not welcome");
	assert_string_equal(err.field, "rules[2].proto");
	assert_ptr_equal(port_state, &err);
	instance_destroy(i);
}

static void a_policy_is_checked_then_applied_or_aborted(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct instance *i = made("guard");
	void *prepared = NULL;
	int bad = -1;

	(void)state;
	line_count = 0;
	assert_int_equal(instance_policy_check(i, NULL, "f/1", NULL, &prepared, &err), 0);
	instance_policy_abort(i, NULL, "f/1", prepared);
	assert_int_equal(instance_policy_check(i, NULL, "f/1", &bad, &prepared, &err), -ERANGE);
	assert_string_equal(err.text, "guard (com.example.diary): rate is -1, must be 0..10");
	assert_string_equal(err.field, "rate");
	ASSERT_DIARY("policy_check f/1 removed", "policy_abort f/1 prepared",
		     "policy_check f/1 set");
	instance_destroy(i);
}

static void an_active_instance_is_stood_down_before_destroy(void **state)
{
	struct instance *i = made("guard");

	(void)state;
	instance_set_active(i, true);
	instance_set_active(i, true);
	line_count = 0;
	instance_destroy(i);
	ASSERT_DIARY("active 0", "worker_detach 2", "worker_detach 1", "worker_detach 0",
		     "destroy");
}

static void an_instance_keeps_its_module(void **state)
{
	struct instance *i = made("guard");

	(void)state;
	module_put(module);
	module = NULL; /* teardown has nothing to put */
	assert_string_equal(module_path(i->module), XVS_TEST_EXTENSIONS "/ext_diary.so");
	instance_destroy(i);
}

/* "rights: note, extension and chain entry: what all allow" */
static void the_chain_entry_can_withhold_a_right(void **state)
{
	const struct instance_args args = {
		.name = "guard",
		.switch_name = "lan",
		.nr = 1,
		.rights_allowed = ~(uint32_t)XVS_RIGHT_QUEUE,
	};
	struct xvs_error err = ERROR_INIT;
	struct instance *i = NULL;

	(void)state;
	assert_int_equal(instance_create(extension, &args, &env, &i, &err), 0);
	assert_int_equal(i->rights, 0);
	instance_destroy(i);
}

#define LIFE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIFE(calls_come_in_the_order_of_the_header),
		LIFE(a_failing_worker_is_undone_in_reverse),
		LIFE(a_failing_create_is_not_destroyed),
		LIFE(an_error_without_text_gets_a_sentence),
		LIFE(a_result_that_is_no_errno_is_an_error),
		LIFE(offered_tables_must_be_complete_and_fit_the_class),
		LIFE(a_refused_port_keeps_field_and_text_on_one_line),
		LIFE(a_policy_is_checked_then_applied_or_aborted),
		LIFE(an_active_instance_is_stood_down_before_destroy),
		LIFE(an_instance_keeps_its_module),
		LIFE(the_chain_entry_can_withhold_a_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
