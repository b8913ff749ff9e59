/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/fake_qemu.h - a QEMU as far as QMP goes: this very program, started anew with QEMU's command line,
 * for what a real one cannot be made to do.
 *
 * How it behaves is in the environment: FAKE_REFUSES, a command that fails; FAKE_DIES, one at which it is
 * gone; FAKE_DEAF, its guest does not hear the button; FAKE_JOB, the error of its jobs.
 */
#ifndef XVS_TEST_HV_FAKE_QEMU_H
#define XVS_TEST_HV_FAKE_QEMU_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	FILE *to;
	const char *uuid;
	const char *status;
} fake = { .status = "prelaunch" };

static bool fake_is(const char *variable, const char *command)
{
	const char *value = getenv(variable);

	return value && strcmp(value, command) == 0;
}

static void fake_say(json_t *j)
{
	(void)json_dumpf(j, fake.to, JSON_COMPACT);
	(void)fputc('\n', fake.to);
	(void)fflush(fake.to);
	json_decref(j);
}

static void fake_event(const char *name, json_t *data)
{
	fake_say(json_pack("{s:s, s:{s:i, s:i}, s:o}", "event", name, "timestamp", "seconds", 1,
			   "microseconds", 2, "data", data));
}

static void fake_end(const char *reason)
{
	fake_event("SHUTDOWN", json_pack("{s:b, s:s}", "guest", 0, "reason", reason));
	_exit(0);
}

static void fake_run(const char *status, const char *event)
{
	fake.status = status;
	fake_event(event, json_object());
}

static json_t *fake_jobs(void)
{
	json_t *job = json_pack("{s:s, s:s, s:s}", "id", "checkpoint", "status", "concluded",
				"type", "snapshot-save");

	if (getenv("FAKE_JOB"))
		(void)json_object_set_new(job, "error", json_string(getenv("FAKE_JOB")));
	return json_pack("[o]", job);
}

/* Events come first, as they often do. */
static json_t *fake_do(const char *command)
{
	if (strcmp(command, "cont") == 0)
		fake_run("running", "RESUME");
	else if (strcmp(command, "stop") == 0)
		fake_run("paused", "STOP");
	else if (strcmp(command, "migrate") == 0 || strcmp(command, "migrate-incoming") == 0)
		fake_event("MIGRATION", json_pack("{s:s}", "status", "completed"));
	else if (strncmp(command, "snapshot-", 9) == 0)
		fake_event("JOB_STATUS_CHANGE",
			   json_pack("{s:s, s:s}", "id", "checkpoint", "status", "concluded"));
	else if (strcmp(command, "query-jobs") == 0)
		return fake_jobs();
	else if (strcmp(command, "query-status") == 0)
		return json_pack("{s:s}", "status", fake.status);
	else if (strcmp(command, "query-uuid") == 0)
		return json_pack("{s:s}", "UUID", fake.uuid);
	return json_object();
}

static void fake_answer(const char *line)
{
	json_t *root = json_loads(line, 0, NULL);
	const char *command = json_string_value(json_object_get(root, "execute"));
	json_t *id = json_incref(json_object_get(root, "id"));
	json_t *answer = json_object();

	if (!command || fake_is("FAKE_DIES", command))
		_exit(1);
	if (fake_is("FAKE_REFUSES", command))
		(void)json_object_set_new(answer, "error",
					  json_pack("{s:s, s:s}", "class", "GenericError", "desc",
						    "it was told to refuse"));
	else
		(void)json_object_set_new(answer, "return", fake_do(command));
	if (id)
		(void)json_object_set_new(answer, "id", id);
	fake_say(answer);
	if (strcmp(command, "quit") == 0)
		fake_end("host-qmp-quit");
	if (strcmp(command, "system_powerdown") == 0 && !getenv("FAKE_DEAF"))
		fake_end("guest-shutdown");
	json_decref(root);
}

static void fake_talk(int fd)
{
	FILE *from = fdopen(fd, "r");
	char line[8192];

	fake.to = fdopen(dup(fd), "w");
	fake_say(json_pack("{s:{s:{s:{s:i, s:i, s:i}, s:s}, s:[]}}", "QMP", "version", "qemu",
			   "micro", 22, "minor", 2, "major", 7, "package", "", "capabilities"));
	while (fgets(line, sizeof(line), from))
		fake_answer(line);
	(void)fclose(from);
	(void)fclose(fake.to);
}

/* Does not return where the command line is QEMU's. */
static void fake_qemu(int argc, char **argv)
{
	static const char socket[] = "socket,id=qmp,fd=";
	int fd = -1;

	if (argc < 2 || strcmp(argv[1], "-nodefaults") != 0)
		return;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], socket, strlen(socket)) == 0)
			fd = (int)strtol(argv[i] + strlen(socket), NULL, 10);
		if (strcmp(argv[i], "-uuid") == 0 && i + 1 < argc)
			fake.uuid = argv[i + 1];
	}
	(void)alarm(120); /* whatever becomes of the test */
	for (;;) {
		int talk = accept(fd, NULL, NULL);

		if (talk < 0)
			_exit(1);
		fake_talk(talk);
	}
}

#endif /* XVS_TEST_HV_FAKE_QEMU_H */
