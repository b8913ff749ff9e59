/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's part of a move, with two real ones: no guest, but memory and a disk that are changed in
 * the meantime by qemu-io's commands.
 * links: xvs_hv xvs_rpc xvs_base pkg::libevent pkg::jansson
 */
#include "transfer.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "support/test.h"

struct side {
	const char *name;
	char socket[TEST_PATH + 32];
	char disk[TEST_PATH + 32];
	char keys[TEST_PATH + 32];
	pid_t pid;
	struct qmp *qmp;
	struct transfer_options options;
	struct transfer *transfer;
	char done[400]; /* what the last work ended with; "": it goes on, "well" */
	char answer[400];
};

static char dir[TEST_PATH];
static struct loop *loop;
static struct vm_spec spec;
static struct side here = { .name = "here" };
static struct side there = { .name = "there" };
static int disks_listener = -1;
static uint16_t disks_port;

static void turn(void)
{
	(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	(void)usleep(500);
}

static void until(const char *text)
{
	for (int i = 0; i < 60000 && !text[0]; i++)
		turn();
	assert_true(text[0] != '\0');
}

static void on_done(void *arg, const char *why)
{
	struct side *s = arg;

	(void)snprintf(s->done, sizeof(s->done), "%s", why ? why : "well");
}

static void assert_done(struct side *s, const char *expected)
{
	until(s->done);
	if (!strstr(s->done, expected))
		fail_msg("%s: \"%s\", not \"%s\"", s->name, s->done, expected);
	s->done[0] = '\0';
}

static void on_event(void *arg, const char *name, const json_t *data)
{
	struct side *s = arg;

	(void)name;
	(void)data;
	if (s->transfer)
		transfer_event(s->transfer);
}

static void on_ended(void *arg, const char *why)
{
	(void)arg;
	(void)why;
}

static void on_answer(void *arg, const struct qmp_answer *answer)
{
	struct side *s = arg;
	char *text = answer->value ? json_dumps(answer->value, JSON_COMPACT | JSON_ENCODE_ANY)
				   : strdup(answer->error);

	(void)snprintf(s->answer, sizeof(s->answer), "%s", text);
	free(text);
}

static const char *ask(struct side *s, const char *command, json_t *arguments)
{
	s->answer[0] = '\0';
	qmp_command(s->qmp, command, arguments, 0, on_answer, s);
	until(s->answer);
	return s->answer;
}

static void run_program(const char *const words[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void qemu_start(struct side *s, bool is_target)
{
	struct qmp_listener listener = { NULL, on_event, on_ended, s };
	struct xvs_error err = ERROR_INIT;
	char qmp[TEST_PATH + 64];
	char disk[TEST_PATH + 128];

	(void)snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", s->socket);
	(void)snprintf(disk, sizeof(disk),
		       "{\"driver\":\"qcow2\",\"node-name\":\"disk-root\",\"file\":{\"driver\":"
		       "\"file\",\"filename\":\"%s\"}}",
		       s->disk);
	s->pid = fork();
	if (s->pid == 0) {
		(void)execlp("qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults",
			     "-no-user-config", "-display", "none", "-machine", "pc-q35-7.2",
			     "-accel", "tcg,tb-size=32", "-m", "32", "-qmp", qmp, "-blockdev", disk,
			     "-device", "virtio-blk-pci,id=dev-root,drive=disk-root",
			     is_target ? "-S" : NULL, "-incoming", "defer", NULL);
		_exit(127);
	}
	for (int i = 0; i < 10000 && access(s->socket, R_OK) != 0; i++)
		(void)usleep(1000);
	for (int i = 0; i < 1000 && qmp_open(loop, s->socket, &listener, &s->qmp, &err) != 0; i++)
		(void)usleep(1000);
	assert_non_null(s->qmp);
	s->transfer = transfer_create(loop, s->qmp, &spec, &s->options);
	assert_non_null(s->transfer);
}

static void side_init(struct side *s)
{
	const char *create[] = { "qemu-img", "create", "-q", "-f", "qcow2", s->disk, "8M", NULL };
	char file[TEST_PATH + 64];
	FILE *f;

	(void)snprintf(s->socket, sizeof(s->socket), "%s/%s.qmp", dir, s->name);
	(void)snprintf(s->disk, sizeof(s->disk), "%s/%s.qcow2", dir, s->name);
	(void)snprintf(s->keys, sizeof(s->keys), "%s/%s", dir, s->name);
	(void)mkdir(s->keys, 0700);
	(void)snprintf(file, sizeof(file), "%s/keys.psk", s->keys);
	f = fopen(file, "w");
	assert_non_null(f);
	(void)fprintf(f, "qemu:%064d\n", 7);
	(void)fclose(f);
	run_program(create);
	s->options = (struct transfer_options){ .key_folder = s->keys,
						.downtime_ms = 50,
						.downtime_max_ms = 300,
						.has_disks = true,
						.has_multifd = true,
						.has_auto_converge = true };
	s->done[0] = '\0';
}

static void side_finish(struct side *s)
{
	char file[TEST_PATH + 64];
	int status;

	qmp_close(s->qmp);
	transfer_destroy(s->transfer);
	s->qmp = NULL;
	s->transfer = NULL;
	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, &status, 0);
	}
	s->pid = 0;
	(void)snprintf(file, sizeof(file), "%s/keys.psk", s->keys);
	(void)unlink(file);
	(void)rmdir(s->keys);
}

static void disks_listen(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	disks_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(disks_listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(disks_listener, 8), 0);
	assert_int_equal(getsockname(disks_listener, (struct sockaddr *)&address, &len), 0);
	disks_port = ntohs(address.sin_port);
}

static int set_up(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)test_temp_dir(dir);
	assert_int_equal(loop_create(&loop, &err), 0);
	memset(&spec, 0, sizeof(spec));
	spec.disk_count = 2;
	(void)strcpy(spec.disks[0].name, "tools");
	spec.disks[0].is_read_only = true; /* and not there, which nobody notices */
	(void)strcpy(spec.disks[1].name, "root");
	side_init(&here);
	side_init(&there);
	qemu_start(&here, false);
	qemu_start(&there, true);
	disks_listen();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	side_finish(&here);
	side_finish(&there);
	(void)close(disks_listener);
	loop_drain(loop);
	loop_destroy(loop);
	test_temp_remove(dir);
	return 0;
}

static void write_to_disk(const char *pattern)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "qemu-io disk-root \"write -P %s 1M 64k\"",
		       pattern);
	(void)ask(&here, "human-monitor-command", json_pack("{s:s}", "command-line", command));
}

static void come_to_the_freeze(void)
{
	transfer_receive(there.transfer, "127.0.0.1", disks_listener, on_done, &there);
	assert_done(&there, "well");
	write_to_disk("0x11");
	transfer_mirror(here.transfer, "127.0.0.1", disks_port, on_done, &here);
	assert_done(&here, "well");
	write_to_disk("0x22");
	transfer_memory(here.transfer, "127.0.0.1", transfer_memory_port(there.transfer), on_done,
			&here);
	assert_done(&here, "well");
	assert_non_null(strstr(ask(&here, "query-status", NULL), "finish-migrate"));
}

static bool runs(struct side *s)
{
	return strstr(ask(s, "query-status", NULL), "\"running\":true") != NULL;
}

static void moves_memory_and_disks(void **state)
{
	const char *same[] = { "qemu-img", "compare", "-q", here.disk, there.disk, NULL };
	json_t *progress;

	(void)state;
	assert_true(runs(&here));
	come_to_the_freeze();
	transfer_drain(here.transfer, on_done, &here);
	assert_done(&here, "well");
	transfer_release(there.transfer, on_done, &there);
	assert_done(&there, "well");
	transfer_loaded(there.transfer, on_done, &there);
	transfer_finish(here.transfer, on_done, &here);
	assert_done(&here, "well");
	assert_done(&there, "well");
	assert_false(runs(&here));
	assert_false(runs(&there));
	transfer_resume(there.transfer, on_done, &there);
	assert_done(&there, "well");
	assert_true(runs(&there));
	progress = transfer_progress(here.transfer);
	assert_true(json_integer_value(json_object_get(json_object_get(progress, "memory"),
						       "total")) >= 32 << 20);
	json_decref(progress);
	side_finish(&here);
	side_finish(&there);
	run_program(same);
}

static void goes_back_from_the_freeze(void **state)
{
	(void)state;
	come_to_the_freeze();
	transfer_stop(here.transfer, on_done, &here);
	assert_done(&here, "well");
	transfer_resume(here.transfer, on_done, &here);
	assert_done(&here, "well");
	assert_true(runs(&here));
	assert_string_equal(ask(&here, "query-block-jobs", NULL), "[]");
	/* and again, where nothing is to be stopped */
	transfer_stop(here.transfer, on_done, &here);
	assert_done(&here, "well");
	assert_true(runs(&here));
}

static void goes_back_when_all_was_sent(void **state)
{
	(void)state;
	come_to_the_freeze();
	transfer_drain(here.transfer, on_done, &here);
	assert_done(&here, "well");
	transfer_release(there.transfer, on_done, &there);
	assert_done(&there, "well");
	transfer_finish(here.transfer, on_done, &here);
	assert_done(&here, "well");
	side_finish(&there);
	transfer_stop(here.transfer, on_done, &here);
	assert_done(&here, "well");
	assert_false(runs(&here));
	transfer_resume(here.transfer, on_done, &here);
	assert_done(&here, "well");
	assert_true(runs(&here));
	write_to_disk("0x33"); /* which is ours again */
	assert_null(strstr(here.answer, "error"));
}

static void says_why_disks_cannot_be_copied(void **state)
{
	(void)state;
	transfer_mirror(here.transfer, "127.0.0.1", disks_port, on_done, &here);
	for (int i = 0; i < 200; i++)
		turn();
	assert_string_equal(here.done, ""); /* nobody serves the socket */
	assert_true(transfer_interrupt(here.transfer, "somebody wants it back"));
	assert_done(&here, "somebody wants it back");
	assert_false(transfer_interrupt(here.transfer, "again"));
	(void)close(disks_listener);
	disks_listener = -1;
	transfer_stop(here.transfer, on_done, &here);
	assert_done(&here, "well");
	assert_true(runs(&here));
	transfer_mirror(here.transfer, "127.0.0.1", disks_port, on_done, &here);
	assert_done(&here, "refused");
}

static void notices_that_the_other_qemu_has_gone(void **state)
{
	uint16_t port;

	(void)state;
	transfer_receive(there.transfer, "127.0.0.1", disks_listener, on_done, &there);
	assert_done(&there, "well");
	port = transfer_memory_port(there.transfer);
	transfer_loaded(there.transfer, on_done, &there);
	assert_int_equal(kill(there.pid, SIGKILL), 0);
	assert_done(&there, "");
	transfer_memory(here.transfer, "127.0.0.1", port, on_done, &here);
	until(here.done);
	assert_string_not_equal(here.done, "well");
	here.done[0] = '\0';
	transfer_stop(here.transfer, on_done, &here);
	assert_done(&here, "well");
	assert_true(runs(&here));
}

/* Whoever does not have the key gets nothing. */
static void takes_nothing_from_others(void **state)
{
	char file[TEST_PATH + 64];
	FILE *f;

	(void)state;
	(void)snprintf(file, sizeof(file), "%s/keys.psk", here.keys);
	f = fopen(file, "w");
	(void)fprintf(f, "qemu:%064d\n", 8);
	(void)fclose(f);
	transfer_receive(there.transfer, "127.0.0.1", disks_listener, on_done, &there);
	assert_done(&there, "well");
	transfer_mirror(here.transfer, "127.0.0.1", disks_port, on_done, &here);
	until(here.done);
	assert_string_not_equal(here.done, "well");
	here.done[0] = '\0';
	transfer_memory(here.transfer, "127.0.0.1", transfer_memory_port(there.transfer), on_done,
			&here);
	until(here.done);
	assert_string_not_equal(here.done, "well");
	assert_false(runs(&there));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moves_memory_and_disks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(goes_back_from_the_freeze, set_up, tear_down),
		cmocka_unit_test_setup_teardown(goes_back_when_all_was_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(says_why_disks_cannot_be_copied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(notices_that_the_other_qemu_has_gone, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(takes_nothing_from_others, set_up, tear_down),
	};

	if (access("/usr/bin/qemu-system-x86_64", X_OK) != 0) {
		print_message("skipped: there is no qemu-system-x86_64\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
