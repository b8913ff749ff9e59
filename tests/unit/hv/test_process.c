/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that are started, watched and found again.
 * links: xvs_base pkg::libevent
 */
#include "support/test.h"

#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "tool.h"

static struct user us;

static void plan_of(struct plan *p, const char *script)
{
	plan_init(p, &us);
	plan_word(p, "sh");
	plan_option(p, "-c", "%s", script);
}

static int wait_end(const struct process *p)
{
	struct pollfd end = { .fd = p->pidfd, .events = POLLIN };

	assert_int_equal(poll(&end, 1, 60000), 1);
	return process_reap(p);
}

static void knows_a_process_by_its_start(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct process first;
	struct process again;
	struct plan p;

	(void)state;
	plan_of(&p, "exec sleep 1000");
	assert_int_equal(process_start(&p, &first, &err), 0);
	plan_finish(&p);
	assert_int_equal(process_find(first.pid, first.start_time, &again, &err), 0);
	process_close(&again);
	assert_true(process_find(first.pid, first.start_time + 1, &again, &err) < 0);
	assert_non_null(strstr(err.text, "it is another one"));
	process_kill(&first, SIGKILL);
	assert_true(WIFSIGNALED(wait_end(&first)));
	assert_true(process_find(first.pid, first.start_time, &again, &err) < 0);
	process_close(&first);
}

static void has_the_descriptors_it_was_given_alone(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct process process;
	char text[8] = "";
	struct plan p;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	plan_of(&p,
		"echo told >&3; for n in 4 5 6 7 8 9 $(seq 11 199); do [ ! -e /proc/$$/fd/$n ] || exit 1; "
		"done");
	assert_int_equal(plan_fd(&p, ends[1]), FIRST_FD);
	assert_int_equal(process_start(&p, &process, &err), 0);
	plan_finish(&p);
	assert_int_equal(wait_end(&process), 0);
	assert_int_equal(read(ends[0], text, sizeof(text)), 5);
	assert_string_equal(text, "told\n");
	(void)close(ends[0]);
	process_close(&process);
}

static void says_what_is_missing_before_it_runs(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct process process;
	struct plan p;

	(void)state;
	plan_of(&p, "exit 0");
	plan_needs(&p, "/nowhere/disk", R_OK | W_OK);
	assert_true(process_start(&p, &process, &err) < 0);
	assert_string_equal(err.text, "/nowhere/disk: No such file or directory");
	plan_finish(&p);

	plan_init(&p, &us);
	plan_word(&p, "no-such-program");
	assert_true(process_start(&p, &process, &err) < 0);
	assert_non_null(strstr(err.text, "no-such-program cannot be run"));
	plan_finish(&p);
}

struct heard {
	struct loop *loop;
	int status;
	char output[256];
};

static void on_done(void *arg, int status, const char *output)
{
	struct heard *h = arg;

	h->status = status;
	(void)strncat(h->output, output, sizeof(h->output) - 1);
	loop_stop(h->loop);
}

static void run_tool(const char *script, uint32_t deadline_s, struct heard *h)
{
	struct xvs_error err = ERROR_INIT;
	struct tool_end end = { deadline_s, on_done, h };
	struct tool *tool;
	struct plan p;

	*h = (struct heard){ .status = -1 };
	assert_int_equal(loop_create(&h->loop, &err), 0);
	plan_of(&p, script);
	assert_int_equal(tool_start(h->loop, &p, &end, &tool, &err), 0);
	plan_finish(&p);
	loop_run(h->loop);
	loop_destroy(h->loop);
}

static void hears_a_tool_to_its_end(void **state)
{
	struct heard h;

	(void)state;
	run_tool("echo one; echo two >&2; exit 3", 60, &h);
	assert_int_equal(h.status, 3);
	assert_string_equal(h.output, "one\ntwo\n");
}

static void ends_a_tool_that_does_not_end(void **state)
{
	struct heard h;

	(void)state;
	run_tool("exec sleep 1000", 0, &h);
	assert_int_equal(h.status, 128);
	run_tool("exec cat /dev/zero", 60, &h);
	assert_int_equal(h.status, 128);
}

static void is_not_told_of_a_tool_that_it_cancelled(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct heard h = { .status = -1 };
	const struct tool_end end = { 60, on_done, &h };
	struct tool *tool;
	struct plan p;

	(void)state;
	assert_int_equal(loop_create(&h.loop, &err), 0);
	plan_of(&p, "exec sleep 1000");
	assert_int_equal(tool_start(h.loop, &p, &end, &tool, &err), 0);
	plan_finish(&p);
	tool_cancel(tool);
	assert_int_equal(waitpid(-1, NULL, 0), -1); /* nothing of it is left */
	(void)event_base_loop(loop_base(h.loop), EVLOOP_NONBLOCK);
	assert_int_equal(h.status, -1);
	loop_destroy(h.loop);
}

static void names_a_user_that_there_is_not(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct user user;

	(void)state;
	assert_true(user_find("no-such-user", &user, &err) < 0);
	assert_non_null(strstr(err.text, "useradd --system no-such-user"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_a_process_by_its_start),
		cmocka_unit_test(has_the_descriptors_it_was_given_alone),
		cmocka_unit_test(says_what_is_missing_before_it_runs),
		cmocka_unit_test(hears_a_tool_to_its_end),
		cmocka_unit_test(ends_a_tool_that_does_not_end),
		cmocka_unit_test(is_not_told_of_a_tool_that_it_cancelled),
		cmocka_unit_test(names_a_user_that_there_is_not),
	};
	struct xvs_error err = ERROR_INIT;

	if (user_find(NULL, &us, &err))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
