/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/block_server.c - the storage daemon as a tool that is spoken to while it runs.
 */
#include "block_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "tool.h"

enum { RUN_S = 7 * 86400, ANSWER_MS = 60000 };

struct block_server {
	struct block_server_user user;
	struct tool *tool;
	struct qmp *qmp;
	bool is_quitting;
};

static void on_event(void *arg, const char *name, const json_t *data)
{
	(void)arg;
	(void)name;
	(void)data;
}

/* Its process says how it ended. */
static void on_silent(void *arg, const char *why)
{
	(void)arg;
	(void)why;
}

static void on_up(void *arg, const struct qmp_answer *answer)
{
	struct block_server *s = arg;

	if (answer->value)
		s->user.ready(s->user.arg);
}

static void on_ended(void *arg, int status, const char *output)
{
	struct block_server *s = arg;
	char why[400];

	s->tool = NULL;
	(void)snprintf(why, sizeof(why), "qemu-storage-daemon ended: %.*s",
		       (int)strcspn(output, "\n"), output);
	s->user.ended(s->user.arg, s->is_quitting && status == 0 ? NULL : why);
}

static int launch(struct vm *vm, const struct storage_launch *l, struct block_server *s,
		  struct xvs_error *err)
{
	struct plan p;
	int code;

	plan_init(&p, &vm->user);
	p.ends_with_us = true;
	command_storage(&vm->spec, l, &p);
	code = tool_start(vm->hv->loop, &p, &(struct tool_end){ RUN_S, on_ended, s }, &s->tool,
			  err);
	plan_finish(&p);
	return code;
}

int block_server_start(struct vm *vm, int listener, const char *key_folder,
		       const struct block_server_user *user, struct block_server **out,
		       struct xvs_error *err)
{
	const struct qmp_listener talk = { .event = on_event, .ended = on_silent };
	struct block_server *s = calloc(1, sizeof(*s));
	struct storage_launch l = { vm->disks, key_folder, -1, listener };
	char path[VM_SOCKET];
	int code = s ? 0 : error_set(err, -ENOMEM, "", "out of memory");

	vm_socket(vm, "storage", "", path, sizeof(path));
	if (code == 0 && mkdir(vm->run, 0711) && errno != EEXIST)
		code = error_set(err, -errno, "", "folder %s: %s", vm->run, strerror(errno));
	if (code == 0)
		l.qmp = socket_listen(path, err);
	if (code || l.qmp < 0) {
		if (listener >= 0)
			(void)close(listener);
		free(s);
		return err->code;
	}
	s->user = *user;
	code = launch(vm, &l, s, err); /* takes both descriptors */
	if (code == 0)
		code = qmp_open(vm->hv->loop, path, &talk, &s->qmp, err);
	(void)unlink(path);
	if (code) {
		block_server_destroy(s);
		return code;
	}
	*out = s;
	qmp_command(s->qmp, "query-named-block-nodes", NULL, ANSWER_MS, on_up, s);
	return 0;
}

struct qmp *block_server_qmp(const struct block_server *s)
{
	return s->qmp;
}

void block_server_quit(struct block_server *s)
{
	s->is_quitting = true;
	qmp_command(s->qmp, "quit", NULL, ANSWER_MS, NULL, NULL);
}

void block_server_destroy(struct block_server *s)
{
	if (!s)
		return;
	qmp_close(s->qmp);
	tool_cancel(s->tool);
	free(s);
}
