/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/storage_live.c - QEMU's part in the move of a disk of a machine that runs.
 *
 * The copy ends with the guest standing still and both files alike.  Then the device is given an empty
 * disk, both files are closed, and the file that counts is opened under the name that the disk's node
 * has always had: that works forth, back, and after a crash alike.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "storage_part.h"
#include "tool.h"

enum { LOOK_MS = 200, TOOL_S = 600 };

/* ---- words ------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? text : "";
}

static json_t *node_name(const struct storage *s, const char *prefix)
{
	return json_sprintf("%s-%s", prefix, s->name);
}

static bool is_named(const struct storage *s, const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && name[len] == '-' &&
	       strcmp(name + len + 1, s->name) == 0;
}

/* False: later, when QEMU can be spoken to again; 'again' is called then. */
static bool is_there(struct storage *s, void (*again)(struct storage *s))
{
	if (s->vm->qmp)
		return true;
	storage_after(s, LOOK_MS, again);
	return false;
}

static void undo(struct storage *s, const char *why);

/* ---- the device gets a file -------------------------------------------------------------------- */

static json_t *args_gap(const struct storage *s)
{
	return json_pack("{s:s, s:o, s:I, s:b}", "driver", "null-co", "node-name",
			 node_name(s, "gap"), "size", (json_int_t)s->size, "read-zeroes", 1);
}

static json_t *args_drive(const struct storage *s, const char *node)
{
	return json_pack("{s:o, s:s, s:o}", "path",
			 json_sprintf("/machine/peripheral/dev-%s", s->name), "property", "drive",
			 "value", node_name(s, node));
}

static json_t *args_to_gap(const struct storage *s)
{
	return args_drive(s, "gap");
}

static json_t *args_to_disk(const struct storage *s)
{
	return args_drive(s, "disk");
}

static json_t *args_close_copy(const struct storage *s)
{
	return json_pack("{s:o}", "node-name", node_name(s, "move"));
}

static json_t *args_close_disk(const struct storage *s)
{
	return json_pack("{s:o}", "node-name", node_name(s, "disk"));
}

static json_t *args_close_gap(const struct storage *s)
{
	return json_pack("{s:o}", "node-name", node_name(s, "gap"));
}

static json_t *image(const struct storage *s, const struct storage_file *file, const char *prefix)
{
	return json_pack("{s:s, s:o, s:s, s:{s:s, s:s}}", "driver", disk_format_name(file->format),
			 "node-name", node_name(s, prefix), "discard", "unmap", "file", "driver",
			 "file", "filename", file->path);
}

static json_t *args_open_disk(const struct storage *s)
{
	return image(s, s->use, "disk");
}

/* What may fail has been done already, where this is not the first time. */
static const struct {
	const char *command;
	json_t *(*arguments)(const struct storage *s);
	bool may_fail;
} steps[] = {
	{ "blockdev-add", args_gap, true },        { "qom-set", args_to_gap, false },
	{ "blockdev-del", args_close_copy, true }, { "blockdev-del", args_close_disk, true },
	{ "blockdev-add", args_open_disk, false }, { "qom-set", args_to_disk, false },
	{ "blockdev-del", args_close_gap, true },
};

static void give_next(struct storage *s);

static void on_given(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;

	if (!storage_goes_on(s))
		return;
	if (answer->error && !steps[s->step].may_fail) {
		s->given(s, answer->error);
		return;
	}
	s->step++;
	give_next(s);
}

static void give_next(struct storage *s)
{
	if (s->step == sizeof(steps) / sizeof(steps[0]))
		s->given(s, NULL);
	else if (is_there(s, give_next))
		qmp_command(s->vm->qmp, steps[s->step].command, steps[s->step].arguments(s), 0,
			    on_given, s);
}

/* The guest stands still.  given(s, NULL): the device has this file. */
static void give(struct storage *s, const struct storage_file *file,
		 void (*given)(struct storage *s, const char *why))
{
	s->use = file;
	s->given = given;
	s->step = 0;
	give_next(s);
}

/* ---- the end, forth and back ------------------------------------------------------------------- */

static void on_continued(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;

	if (!storage_goes_on(s))
		return;
	if (answer->error)
		vm_problem(s->vm, "it stands still: QEMU: %s", answer->error);
	storage_end(s, s->why);
}

/* As it was before. */
static void go_on(struct storage *s)
{
	if (!s->was_running || s->vm->state == VM_RUNNING)
		storage_end(s, s->why);
	else if (is_there(s, go_on))
		qmp_command(s->vm->qmp, "cont", NULL, 0, on_continued, s);
}

static void on_given_back(struct storage *s, const char *why)
{
	if (!why) {
		go_on(s);
		return;
	}
	s->was_running = false;
	vm_problem(s->vm, "disk %s: QEMU cannot open %s again: %s; the machine stands still",
		   s->name, s->use->path, why);
	storage_end(s, s->why);
}

static void go_back(struct storage *s, const char *why)
{
	s->phase = STORAGE_UNDO;
	(void)str_copy(s->why, sizeof(s->why), why);
	give(s, &s->from, on_given_back);
}

/* The new file has all, and the guest has written nothing since. */
static void on_given_new(struct storage *s, const char *why)
{
	struct xvs_error err = ERROR_INIT;

	if (why)
		go_back(s, why);
	else if (storage_name(s, &s->to, &err))
		go_back(s, err.text);
	else
		go_on(s);
}

/* ---- the job of QEMU --------------------------------------------------------------------------- */

static json_t *job_id(const struct storage *s)
{
	return json_pack("{s:o}", "id", node_name(s, "move"));
}

static const json_t *job_find(const struct storage *s, const json_t *jobs, const char *key)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)jobs, i, one)
	{
		if (is_named(s, "move", text_of(one, key)))
			return one;
	}
	return NULL;
}

/* The copy has ended, one way or the other. */
static void copy_ended(struct storage *s, const char *error)
{
	if (s->phase == STORAGE_SWITCH && s->why[0] == '\0' && !error)
		give(s, &s->to, on_given_new);
	else if (s->phase == STORAGE_SWITCH && s->why[0] == '\0')
		go_back(s, error);
	else
		s->given(s, NULL);
}

static void clear_look(struct storage *s);

static void on_jobs(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;
	const json_t *job;

	if (!storage_goes_on(s))
		return;
	job = answer->error ? NULL : job_find(s, answer->value, "id");
	if (answer->error || (job && strcmp(text_of(job, "status"), "concluded") != 0)) {
		storage_after(s, 10, clear_look);
		return;
	}
	if (job)
		qmp_command(s->vm->qmp, "job-dismiss", job_id(s), 0, NULL, NULL);
	copy_ended(s, job ? json_string_value(json_object_get(job, "error")) : NULL);
}

static void clear_look(struct storage *s)
{
	if (is_there(s, clear_look))
		qmp_command(s->vm->qmp, "query-jobs", NULL, 0, on_jobs, s);
}

/* It ends soon: with both alike, or, by force, somehow. */
static void copy_stop(struct storage *s, bool is_forced)
{
	if (s->vm->qmp)
		qmp_command(s->vm->qmp, "block-job-cancel",
			    json_pack("{s:o, s:b}", "device", node_name(s, "move"), "force",
				      (int)is_forced),
			    0, NULL, NULL);
	clear_look(s);
}

/* ---- back, while the guest runs ---------------------------------------------------------------- */

static void on_copy_closed(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;

	(void)answer;
	if (storage_goes_on(s))
		go_on(s);
}

static void copy_close(struct storage *s)
{
	if (is_there(s, copy_close))
		qmp_command(s->vm->qmp, "blockdev-del", args_close_copy(s), 0, on_copy_closed, s);
}

static void on_copy_stopped(struct storage *s, const char *why)
{
	(void)why;
	copy_close(s);
}

static void undo(struct storage *s, const char *why)
{
	if (s->phase == STORAGE_UNDO)
		return;
	s->phase = STORAGE_UNDO;
	(void)str_copy(s->why, sizeof(s->why), why);
	s->given = on_copy_stopped;
	tool_cancel(s->tool);
	s->tool = NULL;
	copy_stop(s, true);
}

void live_cancel(struct storage *s)
{
	undo(s, "it was cancelled");
}

/* ---- forth -------------------------------------------------------------------------------------- */

static void on_stopped(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;

	if (!storage_goes_on(s))
		return;
	if (answer->error)
		undo(s, answer->error);
	else
		copy_stop(s, false);
}

/* Both are alike but for what the guest writes meanwhile. */
static void switch_begin(struct storage *s)
{
	struct xvs_error err = ERROR_INIT;

	s->was_running = s->vm->state == VM_RUNNING;
	if (storage_write(s, "switching", &err)) {
		undo(s, err.text);
		return;
	}
	s->phase = STORAGE_SWITCH;
	qmp_command(s->vm->qmp, "stop", NULL, 0, on_stopped, s);
}

static void copy_look(struct storage *s);

/* A job that has failed is none of the block jobs any more; its error is among the others. */
static void on_failed_jobs(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;
	const json_t *job = answer->error ? NULL : job_find(s, answer->value, "id");
	const char *error = json_string_value(json_object_get(job, "error"));

	if (storage_goes_on(s))
		undo(s, error ? error : "QEMU has ended the copy and does not say why");
}

static void on_copy(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;
	const json_t *job;

	if (!storage_goes_on(s) || s->phase != STORAGE_COPY)
		return;
	job = answer->error ? NULL : job_find(s, answer->value, "device");
	if (answer->error) {
		storage_after(s, LOOK_MS, copy_look);
		return;
	}
	if (!job || strcmp(text_of(job, "status"), "concluded") == 0) {
		qmp_command(s->vm->qmp, "query-jobs", NULL, 0, on_failed_jobs, s);
		return;
	}
	s->done = (uint64_t)json_integer_value(json_object_get(job, "offset"));
	s->total = (uint64_t)json_integer_value(json_object_get(job, "len"));
	if (json_is_true(json_object_get(job, "ready")))
		switch_begin(s);
	else
		storage_after(s, LOOK_MS, copy_look);
}

static void copy_look(struct storage *s)
{
	if (s->phase == STORAGE_COPY && is_there(s, copy_look))
		qmp_command(s->vm->qmp, "query-block-jobs", NULL, 0, on_copy, s);
}

static void on_begun(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;

	if (!storage_goes_on(s) || s->phase != STORAGE_PREPARE)
		return;
	if (answer->error) {
		undo(s, answer->error);
		return;
	}
	s->phase = STORAGE_COPY;
	copy_look(s);
}

static void on_opened(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;

	if (!storage_goes_on(s) || s->phase != STORAGE_PREPARE)
		return;
	if (answer->error || !s->vm->qmp) {
		undo(s, answer->error ? answer->error : "QEMU cannot be spoken to any more");
		return;
	}
	qmp_command(s->vm->qmp, "blockdev-mirror",
		    json_pack("{s:o, s:o, s:o, s:s, s:I, s:s, s:s, s:b}", "job-id",
			      node_name(s, "move"), "device", node_name(s, "disk"), "target",
			      node_name(s, "move"), "sync", "full", "speed",
			      (json_int_t)s->bandwidth, "on-source-error", "report",
			      "on-target-error", "report", "auto-dismiss", 0),
		    0, on_begun, s);
}

static void on_made(void *arg, int status, const char *output)
{
	struct storage *s = arg;
	char why[400];

	s->tool = NULL;
	if (!storage_goes_on(s) || s->phase != STORAGE_PREPARE)
		return;
	(void)snprintf(why, sizeof(why), "%.*s", (int)strcspn(output, "\n"), output);
	if (status || !s->vm->qmp)
		undo(s, status ? why : "QEMU cannot be spoken to any more");
	else
		qmp_command(s->vm->qmp, "blockdev-add", image(s, &s->to, "move"), 0, on_opened, s);
}

/* As QEMU's user, into the file that is there. */
static int image_make(struct storage *s, struct xvs_error *err)
{
	struct plan p;
	int code;

	plan_init(&p, &s->vm->user);
	plan_word(&p, "qemu-img");
	plan_word(&p, "create");
	plan_word(&p, "-q");
	plan_option(&p, "-f", "%s", disk_format_name(s->to.format));
	plan_word(&p, "%s", s->to.path);
	plan_word(&p, "%" PRIu64, s->size);
	code = tool_start(s->vm->hv->loop, &p, &(struct tool_end){ TOOL_S, on_made, s }, &s->tool,
			  err);
	plan_finish(&p);
	return code;
}

static uint64_t size_of(const struct storage *s, const json_t *nodes)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)nodes, i, one)
	{
		if (is_named(s, "disk", text_of(one, "node-name")))
			return (uint64_t)json_integer_value(
				json_object_get(json_object_get(one, "image"), "virtual-size"));
	}
	return 0;
}

static void on_nodes(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;
	struct xvs_error err = ERROR_INIT;

	if (!storage_goes_on(s))
		return;
	s->size = answer->error ? 0 : size_of(s, answer->value);
	if (s->size == 0)
		(void)error_set(&err, -EIO, "", "QEMU does not say how large it is: %s",
				answer->error ? answer->error : "there is no such node");
	if (s->size == 0 || storage_make(s, &err)) {
		storage_drop(s, err.text);
		return;
	}
	if (image_make(s, &err))
		undo(s, err.text);
}

void live_begin(struct storage *s)
{
	qmp_command(s->vm->qmp, "query-named-block-nodes", json_pack("{s:b}", "flat", 1), 0,
		    on_nodes, s);
}

/* ---- after a crash of ours ---------------------------------------------------------------------- */

/* The definition names the file that counts; the guest has written to no other. */
static const struct storage_file *named_file(const struct storage *s)
{
	char current[SPEC_PATH];

	disk_path(&s->vm->spec.disks[s->disk], s->vm->disks, current);
	return strcmp(current, s->to.path) == 0 ? &s->to : &s->from;
}

static void on_recovered_job(struct storage *s, const char *why)
{
	(void)why;
	give(s, named_file(s), on_given_back);
}

static void on_recovered_size(void *arg, const struct qmp_answer *answer)
{
	struct storage *s = arg;

	if (!storage_goes_on(s))
		return;
	s->size = answer->error ? 0 : size_of(s, answer->value);
	if (s->size == 0)
		s->size = 1 << 20; /* of an empty disk that nobody reads */
	s->given = on_recovered_job;
	copy_stop(s, true);
}

static void size_ask(struct storage *s)
{
	if (is_there(s, size_ask))
		qmp_command(s->vm->qmp, "query-named-block-nodes", json_pack("{s:b}", "flat", 1), 0,
			    on_recovered_size, s);
}

/* One that runs has the file that counts already, and perhaps a copy under way. */
void live_recover(struct storage *s)
{
	bool is_half = s->phase == STORAGE_SWITCH && s->vm->state != VM_RUNNING;

	s->phase = STORAGE_UNDO;
	s->given = on_copy_stopped;
	if (is_half)
		size_ask(s);
	else
		copy_stop(s, true);
}
