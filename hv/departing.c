/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing.c - the world of a move: each step given to whom it is for; beginning, way back, end.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "departing_part.h"

enum { ADMISSION_S = 60 };

/* ---- steps ------------------------------------------------------------------------------------ */

void departing_ended(struct departing *d, enum move_step step, const char *why)
{
	if (why && move_is_decided(d->move))
		d->is_in_doubt = true;
	else if (!why && step == STEP_COMMIT_TARGET)
		d->is_in_doubt = false;
	/* The guest runs here: it need not wait until the other host has heard of it. */
	if (why && step == STEP_ABORT_TARGET)
		departing_let_go(d);
	move_step_ended(d->move, step, why);
}

void departing_trouble(struct departing *d, const char *format, ...)
{
	char why[DEPARTING_WHY];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	(void)move_cancel(d->move, why);
}

static void write_step(struct departing *d, enum move_step step)
{
	struct xvs_error err = ERROR_INIT;
	struct xvs_error other = ERROR_INIT;
	struct store *s = d->vm->hv->store;
	int code;

	if (step == STEP_WRITE_MOVING || step == STEP_WRITE_COMMITTED)
		code = record_write(d, step == STEP_WRITE_MOVING ? MOVE_MOVING : MOVE_COMMITTED,
				    &err);
	else
		code = store_remove_file(s, d->vm->spec.name, "departure.json", &err);
	/* It may be there nevertheless, and a restart would not undo it then. */
	if (code && step == STEP_WRITE_COMMITTED)
		(void)record_write(d, MOVE_MOVING, &other);
	departing_ended(d, step, code ? err.text : NULL);
}

static void begin(void *arg, enum move_step step)
{
	struct departing *d = arg;

	switch (step) {
	case STEP_ASK_TARGET:
		qemu_ask_disks(d);
		break;
	case STEP_PREPARE_TARGET:
	case STEP_RECEIVE:
	case STEP_LOADED:
	case STEP_COMMIT_TARGET:
	case STEP_ABORT_TARGET:
		target_begin(d, step);
		break;
	case STEP_CHECK_PORTS:
	case STEP_PREPARE_PORTS:
	case STEP_FREEZE_PORTS:
	case STEP_COMMIT_PORTS:
	case STEP_CANCEL_PORTS:
		ports_begin(d, step);
		break;
	case STEP_WRITE_MOVING:
	case STEP_WRITE_COMMITTED:
	case STEP_WRITE_DONE:
	case STEP_WRITE_NOTHING:
		write_step(d, step);
		break;
	default:
		qemu_begin(d, step);
		break;
	}
}

static void interrupt(void *arg, enum move_step step)
{
	struct departing *d = arg;

	if (!target_interrupt(d, step) && !ports_interrupt(d, step))
		(void)qemu_interrupt(d, step);
}

static void arm(void *arg, uint64_t delay_ms)
{
	struct departing *d = arg;

	d->is_armed = delay_ms > 0;
	if (d->is_armed)
		loop_timer_arm(d->timer, delay_ms * NS_PER_MS);
}

static void on_timer(void *arg)
{
	struct departing *d = arg;

	if (!d->is_armed)
		return;
	d->is_armed = false;
	move_timer(d->move);
}

static void on_patience(void *arg)
{
	struct departing *d = arg;
	enum move_phase phase = move_phase(d->move);

	if (d->timeout_s && phase == MOVE_PREPARE)
		departing_trouble(d, "host %s did not get ready within %u s", d->peer,
				  d->timeout_s);
	else if (d->timeout_s && (phase == MOVE_DISKS || phase == MOVE_MEMORY))
		departing_trouble(d,
				  "it did not get ready within %u s: the guest changes memory "
				  "or disks faster than they can be sent",
				  d->timeout_s);
	else if (phase == MOVE_ADMIT)
		departing_trouble(d, "the admission took more than %d s", ADMISSION_S);
}

static void entered(void *arg, enum move_phase phase)
{
	struct departing *d = arg;
	uint64_t now = clock_ns();

	for (int p = 0; p < MOVE_PHASES; p++) {
		if (d->entered_ns[p])
			d->phase_ms[p] += (now - d->entered_ns[p]) / NS_PER_MS;
		d->entered_ns[p] = 0;
	}
	d->entered_ns[phase] = now;
	if (phase == MOVE_PREPARE && d->timeout_s)
		loop_timer_arm(d->patience, d->timeout_s * NS_PER_S);
	log_debug("vm %s: move %.8s: %s", d->vm->spec.name, d->id, move_phase_name(phase));
}

/* ---- the end ---------------------------------------------------------------------------------- */

/* Whoever asked is told once, with whole sentences. */
static void tell(struct departing *d, int code, const char *text)
{
	vm_done done = d->done;

	d->done = NULL;
	if (done)
		done(d->arg, code, text);
}

static const char *outcome_text(const struct departing *d, char out[DEPARTING_TEXT])
{
	const char *problem = move_problem(d->move);

	if (d->has_moved)
		(void)snprintf(out, DEPARTING_TEXT, "it has moved to %s", d->peer);
	else if (d->options.is_check && !problem[0])
		(void)snprintf(out, DEPARTING_TEXT, "it can move to %s", d->peer);
	else if (d->is_taken_over)
		(void)snprintf(out, DEPARTING_TEXT, "it was taken over and stays here");
	else
		(void)snprintf(out, DEPARTING_TEXT, "it does not move to %s: %s", d->peer, problem);
	return out;
}

void departing_let_go(struct departing *d)
{
	char text[DEPARTING_TEXT];
	char sentence[DEPARTING_TEXT + SPEC_NAME + 8];
	bool is_well = d->has_moved || d->is_taken_over ||
		       (d->options.is_check && !move_problem(d->move)[0]);

	d->is_free = true;
	if (d->holds_job) {
		d->holds_job = false;
		d->vm->job.done = NULL;
		job_end(d->vm, is_well || d->options.is_check ? 0 : -ECANCELED, "%s",
			outcome_text(d, text));
	}
	(void)snprintf(sentence, sizeof(sentence), "vm %s: %s", d->vm->spec.name,
		       outcome_text(d, text));
	tell(d, is_well ? 0 : -ECANCELED, sentence);
}

static void report_keep(struct departing *d)
{
	struct hv *hv = d->vm->hv;
	size_t i = 0;

	if (!hv->departed)
		hv->departed = json_array();
	while (i < json_array_size(hv->departed)) {
		const char *name =
			json_string_value(json_object_get(json_array_get(hv->departed, i), "name"));

		if (name && strcmp(name, d->vm->spec.name) == 0)
			(void)json_array_remove(hv->departed, i);
		else
			i++;
	}
	if (json_array_size(hv->departed) == DEPARTED_MAX)
		(void)json_array_remove(hv->departed, 0);
	(void)json_array_append_new(hv->departed, departing_report(d));
}

/* Not below what told of the end, which may still look at the machine. */
static void on_finish(void *arg)
{
	struct departing *d = arg;
	struct vm *vm = d->vm;
	bool has_moved = d->has_moved;

	departing_let_go(d);
	vm->departing = NULL;
	departing_destroy(d);
	if (has_moved)
		vm_destroy(vm);
	else if (vm->state == VM_STOPPED && vm->is_wanted && !vm->job.what && !vm->restart_ns)
		vm_start(vm, NULL, NULL);
}

static void ended(void *arg, bool has_moved, const char *problem)
{
	struct departing *d = arg;
	char text[DEPARTING_TEXT];

	(void)problem;
	d->has_ended = true;
	d->has_moved = has_moved;
	if (!d->options.is_check)
		log_message_at(has_moved ? XVS_LOG_INFO : XVS_LOG_WARN, MSG_VM_MOVE, "vm %s: %s",
			       d->vm->spec.name, outcome_text(d, text));
	move_key_remove(d->vm);
	report_keep(d);
	target_hang_up(d);
	loop_timer_arm(d->finish, 1);
}

static const struct move_world world = { begin, interrupt, arm, entered, ended };

/* ---- the object ------------------------------------------------------------------------------- */

void departing_destroy(struct departing *d)
{
	if (!d)
		return;
	remote_close(d->link);
	ports_forget(d);
	qemu_forget(d);
	for (int i = 0; i < MOVE_STEPS; i++)
		json_decref(d->asks[i].params);
	for (int i = 0; i < SPEC_ADAPTERS; i++)
		json_decref(d->ports[i].report);
	json_decref(d->disks);
	json_decref(d->findings);
	json_decref(d->left_files);
	json_decref(d->last);
	loop_timer_destroy(d->timer);
	loop_timer_destroy(d->patience);
	loop_timer_destroy(d->watch);
	loop_timer_destroy(d->marks);
	loop_timer_destroy(d->finish);
	move_destroy(d->move);
	explicit_bzero(d->key, sizeof(d->key));
	free(d);
}

/* NULL: out of memory. */
static struct departing *departing_create(struct vm *vm)
{
	struct departing *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->vm = vm;
	d->timer = loop_timer_create(vm->hv->loop, on_timer, d);
	d->patience = loop_timer_create(vm->hv->loop, on_patience, d);
	d->finish = loop_timer_create(vm->hv->loop, on_finish, d);
	d->watch = loop_timer_create(vm->hv->loop, ports_watch, d);
	d->marks = loop_timer_create(vm->hv->loop, marks_due, d);
	d->findings = json_array();
	d->left_files = json_array();
	for (int i = 0; i < MOVE_STEPS; i++)
		d->asks[i].d = d;
	if (d->timer && d->patience && d->finish && d->watch && d->marks && d->findings &&
	    d->left_files)
		return d;
	departing_destroy(d);
	return NULL;
}

/* False: out of memory. */
static bool start(struct departing *d)
{
	d->move = move_create(&world, d, &d->options);
	d->began_ns = clock_ns();
	return d->move != NULL;
}

/* ---- somebody wants it ------------------------------------------------------------------------ */

void departing_wish_init(const struct hv *hv, const char *to, struct departing_wish *out)
{
	const struct migration_settings *m = &hv->settings.migration;

	*out = (struct departing_wish){ .to = to,
					.bandwidth = m->bandwidth,
					.downtime_ms = m->downtime_limit_ms,
					.downtime_max_ms = m->downtime_max_ms,
					.budget_ms = m->downtime_budget_ms,
					.has_auto_converge = true };
}

static void wish_take(struct departing *d, const struct departing_wish *w)
{
	uint8_t id[16];

	uuid_make(id);
	(void)uuid_print(id, d->id);
	(void)str_copy(d->peer, sizeof(d->peer), w->to);
	d->timeout_s = w->timeout_s;
	d->options = (struct move_options){ .has_disks = w->has_disks,
					    .is_check = w->is_check,
					    .budget_ms = w->budget_ms };
	d->sending = (struct transfer_options){ .key_folder = d->key_folder,
						.bandwidth = w->bandwidth,
						.downtime_ms = w->downtime_ms,
						.downtime_max_ms = w->downtime_max_ms,
						.has_disks = w->has_disks,
						.has_multifd = true,
						.has_auto_converge = w->has_auto_converge };
	d->epoch = epoch_recall(d->vm->hv->store, d->vm->spec.name);
}

static int can_depart(const struct vm *vm, const struct departing_wish *wish, struct xvs_error *err)
{
	const char *name = vm->spec.name;

	if (!vm->hv->tls)
		return error_set(err, -ENOTSUP, "", "vm %s: it cannot move: %s", name,
				 vm->hv->move_problem);
	if (!settings_peer(&vm->hv->settings, wish->to))
		return error_set(err, -ENOENT, "",
				 "vm %s: host %s is none of the peers in the settings of this "
				 "host's xvs-hv",
				 name, wish->to);
	if (vm->departing)
		return error_set(err, -EBUSY, "",
				 "vm %s: its move to %s has not ended; see \"xvsctl vm move show "
				 "%s\"",
				 name, vm->departing->peer, name);
	if (vm->replicating)
		return error_set(err, -EBUSY, "",
				 "vm %s: it is replicated; \"xvsctl vm replicate %s --stop\" first",
				 name, name);
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		return error_set(err, -ENOTCONN, "",
				 "vm %s: it is %s; a machine that does not run is moved by its "
				 "definition and disks, see \"xvsctl vm export\"",
				 name, vm_state_name(vm));
	if (wish->downtime_ms > wish->downtime_max_ms)
		return error_set(err, -EINVAL, "",
				 "vm %s: the downtime to begin with, %u ms, is longer than the "
				 "longest one, %u ms",
				 name, wish->downtime_ms, wish->downtime_max_ms);
	return 0;
}

int departing_begin(struct vm *vm, const struct departing_wish *wish, vm_done done, void *arg,
		    struct xvs_error *err)
{
	int code = can_depart(vm, wish, err);
	struct departing *d;

	if (code)
		return code;
	if (vm->job.what)
		return error_set(err, -EBUSY, "", "vm %s: it is %s already; wait, or kill it",
				 vm->spec.name, vm->job.what);
	d = departing_create(vm);
	if (!d)
		return error_set(err, -ENOMEM, "", "vm %s: out of memory", vm->spec.name);
	wish_take(d, wish);
	if (!start(d)) {
		departing_destroy(d);
		return error_set(err, -ENOMEM, "", "vm %s: out of memory", vm->spec.name);
	}
	d->done = done;
	d->arg = arg;
	d->was_standing = vm->state == VM_PAUSED;
	vm->departing = d;
	qemu_attach(d);
	loop_timer_arm(d->patience, ADMISSION_S * NS_PER_S);
	move_start(d->move, MOVE_NOTHING);
	return 0;
}

/* ---- after a start of ours -------------------------------------------------------------------- */

void departing_recall(struct vm *vm)
{
	struct departing *d = departing_create(vm);

	if (!d || !record_read(d) || !start(d)) {
		departing_destroy(d);
		return;
	}
	vm->departing = d;
}

void departing_go_on(struct vm *vm)
{
	struct departing *d = vm->departing;

	qemu_attach(d);
	/* From the decision on our QEMU stands: it was undone, though the record could not say so. */
	if (d->found == MOVE_COMMITTED && vm->state == VM_RUNNING)
		d->found = MOVE_MOVING;
	if (d->is_target_given_up)
		move_target_is_gone(d->move);
	move_start(d->move, d->found);
}

bool departing_holds(const struct vm *vm)
{
	return vm->departing && vm->departing->holds_job;
}

/* ---- what people say -------------------------------------------------------------------------- */

int departing_cancel(struct vm *vm, struct xvs_error *err)
{
	struct departing *d = vm->departing;

	if (!d)
		return error_set(err, -ENOENT, "", "vm %s: it does not move", vm->spec.name);
	if (move_phase(d->move) == MOVE_UNDO)
		return 0;
	if (move_cancel(d->move, "it was cancelled"))
		return 0;
	return error_set(
		err, -EALREADY, "",
		"vm %s: it is decided that it moves to %s; it cannot be cancelled any more",
		vm->spec.name, d->peer);
}

/* The record first: a restart goes on with what was said. */
static int take_over(struct departing *d, struct xvs_error *err)
{
	struct move *other;
	int code;

	d->is_taken_over = d->is_target_given_up = true;
	code = record_write(d, MOVE_MOVING, err);
	other = code == 0 ? move_create(&world, d, &d->options) : NULL;
	if (!other) {
		d->is_taken_over = d->is_target_given_up = false;
		return code ? code : error_set(err, -ENOMEM, "", "out of memory");
	}
	target_hang_up(d);
	ports_forget(d);
	(void)qemu_interrupt(d, d->qemu_step);
	move_destroy(d->move);
	d->move = other;
	d->is_in_doubt = false;
	move_target_is_gone(d->move);
	move_start(d->move, MOVE_MOVING);
	return 0;
}

int departing_resolve(struct vm *vm, bool is_taken_over, struct xvs_error *err)
{
	struct departing *d = vm->departing;
	bool is_undone = d && move_phase(d->move) == MOVE_UNDO;

	if (!d || (!is_undone && !d->is_in_doubt) || move_phase(d->move) == MOVE_LEAVE)
		return error_set(err, -ENOENT, "", "vm %s: no move of it is in doubt",
				 vm->spec.name);
	if (is_taken_over && !is_undone)
		return take_over(d, err);
	d->is_target_given_up = true;
	move_target_is_gone(d->move);
	return 0;
}

json_t *departing_show(const struct hv *hv, const char *name)
{
	const struct vm *vm = hv_find(hv, name);
	const json_t *found = NULL;

	if (vm && vm->departing)
		return departing_report(vm->departing);
	for (size_t i = 0; i < json_array_size(hv->departed); i++) {
		json_t *one = json_array_get(hv->departed, i);
		const char *of = json_string_value(json_object_get(one, "name"));

		if (of && strcmp(of, name) == 0)
			found = one;
	}
	return found ? json_deep_copy(found) : NULL;
}
