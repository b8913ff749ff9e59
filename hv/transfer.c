/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/transfer.c - acts, one after the other.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "transfer_script.h"

/* One that has just been started may take its time; whoever cannot wait interrupts. */
enum { ANSWER_MS = 60000 };

const char transfer_key[] = "move-key";

static void script_run(struct transfer *t);

static void on_tick(void *arg)
{
	struct transfer *t = arg;

	transfer_event(t);
}

struct transfer *transfer_create(struct loop *loop, struct qmp *qmp, const struct vm_spec *spec,
				 const struct transfer_options *options)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->qmp = qmp;
	t->spec = spec;
	t->options = options;
	t->fd = -1;
	t->tick = loop_timer_create(loop, on_tick, t);
	if (t->tick)
		return t;
	free(t);
	return NULL;
}

/* ---- the list ---------------------------------------------------------------------------------- */

static void script_end(struct transfer *t, const char *why)
{
	transfer_done done = t->done;

	t->act = NULL;
	done(t->arg, why);
}

/* The next disk that can be written, from 'from' on. */
static uint32_t disk_from(const struct transfer *t, uint32_t from)
{
	while (from < t->spec->disk_count && t->spec->disks[from].is_read_only)
		from++;
	return from;
}

static void act_next(struct transfer *t)
{
	if (t->act->is_for_each_disk)
		t->disk = disk_from(t, t->disk + 1);
	if (!t->act->is_for_each_disk || t->disk >= t->spec->disk_count) {
		t->act++;
		t->disk = disk_from(t, 0);
	}
}

/* False: nothing more for now. */
static bool act_end(struct transfer *t, enum outcome outcome)
{
	switch (outcome) {
	case ACT_DONE:
		act_next(t);
		return true;
	case ACT_AGAIN:
		loop_timer_arm(t->tick, TRANSFER_TICK_MS * (uint64_t)NS_PER_MS);
		return false;
	case ACT_FAILED:
		script_end(t, t->why);
		return false;
	default:
		return false;
	}
}

static bool is_left_out(const struct transfer *t)
{
	return t->act->is_for_each_disk &&
	       (!t->options->has_disks || t->disk >= t->spec->disk_count);
}

static void script_run(struct transfer *t)
{
	bool goes_on = true;

	t->is_running = true;
	while (goes_on && t->act->begin) {
		if (is_left_out(t))
			act_next(t);
		else
			goes_on = act_end(t, t->act->begin(t));
		goes_on = goes_on && t->act;
	}
	t->is_running = false;
	if (goes_on)
		script_end(t, NULL);
}

void script_start(struct transfer *t, const struct act *acts, transfer_done done, void *arg)
{
	if (t->act) {
		done(arg, "the work before has not ended");
		return;
	}
	t->act = acts;
	t->disk = disk_from(t, 0);
	t->done = done;
	t->arg = arg;
	t->why[0] = '\0';
	if (!t->is_asking)
		script_run(t); /* else when the answer to the work before has come */
}

void transfer_event(struct transfer *t)
{
	if (t->act && !t->is_asking && !t->is_running)
		script_run(t);
}

bool transfer_interrupt(struct transfer *t, const char *why)
{
	if (!t->act)
		return false;
	t->is_abandoned = t->is_asking;
	script_end(t, why);
	return true;
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void answer_take(struct transfer *t, const struct qmp_answer *answer, bool is_of_before)
{
	enum outcome outcome = ACT_DONE;

	if (is_of_before) {
		script_run(t);
		return;
	}
	if (t->act->judge)
		outcome = t->act->judge(t, answer);
	else if (!answer->value)
		outcome = script_fail(t, "%s", answer->error);
	/* an answer that came within the asking: the loop that asked goes on */
	if (t->is_running)
		t->outcome = outcome;
	else if (act_end(t, outcome) && t->act)
		script_run(t);
}

static void on_answer(void *arg, const struct qmp_answer *answer)
{
	struct transfer *t = arg;
	bool is_of_before = t->is_abandoned;

	t->is_asking = t->is_abandoned = false;
	if (t->is_destroyed)
		transfer_destroy(t);
	else if (!t->act)
		return;
	else
		answer_take(t, answer, is_of_before);
}

/* Answers may come before qmp_command() returns. */
static enum outcome asked(struct transfer *t)
{
	return t->is_asking ? ACT_ASKED : t->outcome;
}

enum outcome script_ask(struct transfer *t, const char *command, json_t *arguments)
{
	t->is_asking = true;
	qmp_command(t->qmp, command, arguments, ANSWER_MS, on_answer, t);
	return asked(t);
}

enum outcome script_ask_fd(struct transfer *t, const char *command, json_t *arguments, int fd)
{
	t->is_asking = true;
	qmp_command_fd(t->qmp, command, arguments, fd, on_answer, t);
	return asked(t);
}

enum outcome script_fail(struct transfer *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(t->why, sizeof(t->why), format, args);
	va_end(args);
	return ACT_FAILED;
}

enum outcome judge_kindly(struct transfer *t, const struct qmp_answer *answer)
{
	(void)t;
	(void)answer;
	return ACT_DONE;
}

/* ---- what both sides ask ----------------------------------------------------------------------- */

const char *script_disk(const struct transfer *t)
{
	return t->spec->disks[t->disk].name;
}

uint64_t json_u64(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

enum outcome key_remove(struct transfer *t)
{
	return script_ask(t, "object-del", json_pack("{s:s}", "id", transfer_key));
}

enum outcome key_add(struct transfer *t, const char *endpoint)
{
	return script_ask(t, "object-add",
			  json_pack("{s:s, s:s, s:s, s:s}", "qom-type", "tls-creds-psk", "id",
				    transfer_key, "endpoint", endpoint, "dir",
				    t->options->key_folder));
}

static void capability_add(json_t *list, const char *name, bool is_on)
{
	(void)json_array_append_new(list,
				    json_pack("{s:s, s:b}", "capability", name, "state", is_on));
}

enum outcome capabilities_set(struct transfer *t)
{
	json_t *list = json_array();

	capability_add(list, "events", true);
	capability_add(list, "pause-before-switchover", true);
	capability_add(list, "late-block-activate", true);
	capability_add(list, "return-path", true);
	capability_add(list, "multifd", t->options->has_multifd);
	capability_add(list, "auto-converge", t->options->has_auto_converge);
	return script_ask(t, "migrate-set-capabilities", json_pack("{s:o}", "capabilities", list));
}

enum outcome status_ask(struct transfer *t)
{
	return script_ask(t, "query-migrate", NULL);
}

/* The last answer that says something. */
static void progress_read(struct progress *p, const json_t *answer)
{
	const json_t *ram = json_object_get(answer, "ram");

	if (!ram)
		return;
	p->sent = json_u64(ram, "transferred");
	p->left = json_u64(ram, "remaining");
	p->total = json_u64(ram, "total");
	p->rate = (uint64_t)(json_number_value(json_object_get(ram, "mbps")) * 1e6);
	p->passes = json_u64(ram, "dirty-sync-count");
	p->dirty_rate = json_u64(ram, "dirty-pages-rate") * json_u64(ram, "page-size");
	p->downtime_ms = json_u64(answer, "downtime");
}

void status_read(struct transfer *t, const json_t *answer)
{
	const char *status = json_string_value(json_object_get(answer, "status"));
	const char *why = json_string_value(json_object_get(answer, "error-desc"));

	(void)str_copy(t->status, sizeof(t->status), status ? status : "none");
	(void)script_fail(t, "%s", why ? why : "QEMU says no reason");
	progress_read(&t->progress, answer);
}

void transfer_destroy(struct transfer *t)
{
	if (!t)
		return;
	loop_timer_destroy(t->tick);
	t->tick = NULL;
	t->act = NULL;
	t->is_destroyed = true;
	if (!t->is_asking)
		free(t);
}

void transfer_qmp_gone(struct transfer *t)
{
	if (t)
		t->is_asking = false;
}

json_t *transfer_progress(const struct transfer *t)
{
	const struct progress *p = &t->progress;

	return json_pack("{s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I}}", "memory", "sent",
			 (json_int_t)p->sent, "left", (json_int_t)p->left, "total",
			 (json_int_t)p->total, "bits_per_second", (json_int_t)p->rate, "passes",
			 (json_int_t)p->passes, "changed_per_second", (json_int_t)p->dirty_rate,
			 "disks", "done", (json_int_t)p->disk_done, "total",
			 (json_int_t)p->disk_total);
}

uint64_t transfer_downtime_ms(const struct transfer *t)
{
	return t->progress.downtime_ms;
}

uint16_t transfer_memory_port(const struct transfer *t)
{
	return t->port;
}
