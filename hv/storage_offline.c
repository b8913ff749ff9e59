/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/storage_offline.c - a disk of a machine that stands still: a tool copies, another one brings it to
 * the disk.
 *
 * In the same format the file itself is copied, with checkpoints inside; else qemu-img converts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "storage_part.h"
#include "tool.h"

enum { COPY_S = 7 * 86400 };

static void named(struct storage *s)
{
	struct xvs_error err = ERROR_INIT;

	if (storage_name(s, &s->to, &err))
		storage_end(s, err.text);
	else
		storage_end(s, "");
}

/* What a tool wrote, without its last line's end. */
static void fail(struct storage *s, const char *output)
{
	char why[400];

	(void)snprintf(why, sizeof(why), "%.*s", (int)strcspn(output, "\n"), output);
	storage_end(s, why[0] ? why : "it could not be copied");
}

static void on_synced(void *arg, int status, const char *output)
{
	struct storage *s = arg;

	s->tool = NULL;
	if (status)
		fail(s, output);
	else
		named(s);
}

static void tool_run(struct storage *s, struct plan *p, tool_fn done)
{
	struct xvs_error err = ERROR_INIT;
	int code = tool_start(s->vm->hv->loop, p, &(struct tool_end){ COPY_S, done, s }, &s->tool,
			      &err);

	plan_finish(p);
	if (code)
		storage_end(s, err.text);
}

static void on_copied(void *arg, int status, const char *output)
{
	static const struct user ourselves = { .is_us = true };
	struct storage *s = arg;
	struct plan p;

	s->tool = NULL;
	if (status) {
		fail(s, output);
		return;
	}
	plan_init(&p, &ourselves);
	plan_word(&p, "sync");
	plan_word(&p, "%s", s->to.path);
	tool_run(s, &p, on_synced);
}

/* As its user: what is inside the image was written by a guest. */
static void copy(struct storage *s)
{
	struct plan p;

	plan_init(&p, &s->vm->user);
	if (s->from.format == s->to.format) {
		plan_word(&p, "cp");
		plan_word(&p, "--sparse=always");
		plan_word(&p, "--");
	} else {
		plan_word(&p, "qemu-img");
		plan_word(&p, "convert");
		plan_option(&p, "-f", "%s", disk_format_name(s->from.format));
		plan_option(&p, "-O", "%s", disk_format_name(s->to.format));
	}
	plan_word(&p, "%s", s->from.path);
	plan_word(&p, "%s", s->to.path);
	tool_run(s, &p, on_copied);
}

void offline_begin(struct storage *s)
{
	struct xvs_error err = ERROR_INIT;

	if (storage_make(s, &err)) {
		storage_drop(s, err.text);
		return;
	}
	s->phase = STORAGE_COPY;
	copy(s);
}
