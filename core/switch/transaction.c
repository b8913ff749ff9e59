/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/transaction.c - the queue, and the machine that walks the steps of the first in it.
 */
#include "switch/transaction.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

static void advance(struct transaction *t);
static void start_next(struct world *w);

struct step *transaction_step(struct transaction *t, enum step_phase phase,
			      const struct step_ops *ops)
{
	struct step *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->t = t;
	s->ops = ops;
	s->previous = t->last[phase];
	if (s->previous)
		s->previous->next = s;
	else
		t->first[phase] = s;
	t->last[phase] = s;
	return s;
}

void transaction_retire(struct transaction *t, struct settings *old)
{
	for (size_t i = 0; i < old->count; i++) {
		if (settings_add(&t->garbage, value_ref(old->items[i].value)) == 0)
			continue;
		/* No room to remember it: readers are waited for in place. */
		rcu_synchronize();
	}
	settings_finish(old);
}

void transaction_note(struct transaction *t, const char *format, ...)
{
	size_t len = strlen(t->note);
	va_list args;

	if (len > 0 && len + 2 < sizeof(t->note)) {
		memcpy(t->note + len, "; ", 3);
		len += 2;
	}
	va_start(args, format);
	(void)vsnprintf(t->note + len, sizeof(t->note) - len, format, args);
	va_end(args);
}

static void free_steps(struct transaction *t)
{
	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		while (t->first[phase]) {
			struct step *s = t->first[phase];

			t->first[phase] = s->next;
			if (s->ops->free)
				s->ops->free(s);
			free(s);
		}
	}
}

static void transaction_destroy(struct transaction *t)
{
	loop_timer_destroy(t->patience);
	settings_finish(&t->garbage);
	free_steps(t);
	plan_destroy(t->plan);
	model_destroy(t->model);
	json_decref(t->lines);
	if (t->request.free_args)
		t->request.free_args(t->request.args);
	free(t);
}

static void tell_changed(const struct transaction *t)
{
	struct change c = {
		.origin = t->request.wish.origin,
		.lines = t->lines,
		.note = t->note[0] ? t->note : NULL,
		.touches_host = t->touches_host,
	};

	if (!t->request.is_silent && t->w->changed)
		t->w->changed(t->w->changed_arg, &c);
}

void transaction_answer(struct transaction *t)
{
	const struct wish *wish = &t->request.wish;
	struct outcome o = {
		.code = t->is_agreed ? 0 : t->code,
		.d = &t->d,
		.note = t->note[0] ? t->note : NULL,
	};

	if (t->is_answered)
		return;
	t->is_answered = true;
	if (o.code == 0)
		o.lines = t->lines;
	if (t->code == 0)
		tell_changed(t);
	if (wish->done)
		wish->done(wish->arg, &o);
}

static void lose_patience(void *arg)
{
	struct transaction *t = arg;

	transaction_note(t, "a worker is held, so what was replaced is not cleared away yet");
	log_message(MSG_WORKER_HELD, "a worker is held, so what a change replaced is not cleared "
				     "away yet");
	transaction_answer(t);
}

void transaction_answer_in_time(struct transaction *t)
{
	enum { PATIENCE_S = 2 }; /* who holds packets back has one second to return them */

	if (!t->patience)
		t->patience = loop_timer_create(t->w->loop, lose_patience, t);
	if (t->patience)
		loop_timer_arm(t->patience, PATIENCE_S * NS_PER_S);
}

/* Files are replayed when all ports are as wanted, not when the first is. */
static void begin_ports(const struct world *w)
{
	for (size_t i = 0; i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];

		for (size_t n = 0; n < sw->port_count; n++) {
			const struct port *p = sw->ports[n];

			if (p->is_open && !port_is_blocked(p) && p->path_port &&
			    p->backend->ops->begin)
				p->backend->ops->begin(p->backend);
		}
	}
}

static void finish(struct rcu_node *node)
{
	struct transaction *t =
		(struct transaction *)((char *)node - offsetof(struct transaction, grace));
	struct world *w = t->w;

	begin_ports(w);
	transaction_answer(t);
	transaction_destroy(t);
	w->current = NULL;
	start_next(w);
	if (!w->current)
		world_idle(w);
}

/* Values, modules and objects go when no worker reads them any more. */
static void end(struct transaction *t)
{
	rcu_defer(&t->grace, finish);
}

static void refuse(struct transaction *t, int code, const struct xvs_error *err)
{
	t->code = code;
	if (err && err->text[0])
		diag_add_at(&t->d, t->refused_at.line, t->refused_at.column, "%s", err->text);
	t->is_undoing = true;
	transaction_answer_in_time(t);
}

/* The change is in force: the copy of the model is the model. */
static void commit(struct transaction *t)
{
	if (t->model) {
		struct model *old = t->w->model;

		t->w->model = t->model;
		/* The plan points into documents that live as long as the transaction. */
		t->model = old;
	}
}

/* All have agreed to what was only tried: back to where it began, as if it had been refused. */
static void go_back(struct transaction *t)
{
	t->is_agreed = true;
	t->code = -ECANCELED;
	t->is_undoing = true;
	t->at = t->last[PHASE_DO];
	transaction_answer_in_time(t);
}

static void next_phase(struct transaction *t)
{
	if (t->request.wish.is_dry_run) {
		go_back(t);
		return;
	}
	if (t->phase == PHASE_DO)
		commit(t);
	if (t->phase == PHASE_COMMIT && t->closed > 0)
		transaction_note(t, "%zu %s closed", t->closed,
				 t->closed == 1 ? "port is" : "ports are");
	t->phase++;
	t->at = t->phase < PHASE_COUNT ? t->first[t->phase] : NULL;
}

/* One step forward; false: it waits. */
static bool run_step(struct transaction *t)
{
	struct xvs_error err = ERROR_INIT;
	struct step *s = t->at;
	int result = s->ops->run(s, &err);

	if (result < 0) {
		/* -ENOENT is for the object that was asked for, not for a device that it needs. */
		refuse(t, result == -ENOENT ? -ENXIO : result, &err);
		t->at = s->previous;
		return true;
	}
	if (result == STEP_WAITS && !t->is_woken)
		return false;
	t->at = s->next;
	return true;
}

static bool undo_step(struct transaction *t)
{
	struct step *s = t->at;
	int result = s->ops->undo && !s->is_skipped ? s->ops->undo(s) : 0;

	if (result == STEP_WAITS && !t->is_woken)
		return false;
	t->at = s->previous;
	return true;
}

static void advance(struct transaction *t)
{
	bool goes_on = true;

	t->is_running = true;
	while (goes_on) {
		t->is_woken = false;
		if (t->is_undoing && !t->at)
			break;
		if (t->is_undoing)
			goes_on = undo_step(t);
		else if (t->at)
			goes_on = run_step(t);
		else
			next_phase(t);
		if (t->phase == PHASE_COUNT)
			break;
	}
	t->is_running = false;
	if (goes_on)
		end(t);
}

void transaction_wake(struct transaction *t)
{
	t->is_woken = true;
	if (t->is_running)
		return;
	/* The step that waited is done. */
	t->at = t->is_undoing ? t->at->previous : t->at->next;
	advance(t);
}

static bool may_cut_off(const struct transaction *t)
{
	const struct request *r = &t->request;

	return r->wish.may_cut_off || r->is_silent || r->is_tolerant || t->w->is_tolerant;
}

static void succession_end(struct world *w)
{
	module_put(w->succession.module);
	w->succession = (struct succession){ 0 };
}

static int make_plan(struct transaction *t)
{
	struct world *w = t->w;
	bool was_tolerant = w->is_tolerant;
	int result;

	w->is_tolerant = was_tolerant || t->request.is_tolerant;
	result = plan_create(w, t->model, t->request.is_strict, &t->d, &t->plan);
	w->is_tolerant = was_tolerant;
	w->retried = NULL;
	succession_end(w);
	if (result < 0)
		return result;
	if (!may_cut_off(t) && !plan_keeps_host(t->plan))
		return -EPERM;
	/* Before steps are made, which take things out of the plan. */
	t->lines = diff_plan(w, t->plan, &t->touches_host);
	return t->lines ? transaction_build(t) : -ENOMEM;
}

static int prepare(struct transaction *t)
{
	const struct request *r = &t->request;
	struct world *w = t->w;
	int result = 0;

	if (!r->edit)
		return transaction_build_links(t);
	if (!r->is_silent && w->admit)
		result = w->admit(w->changed_arg, r->wish.origin, &t->d);
	if (result < 0)
		return result;
	t->model = model_copy(w->model);
	if (!t->model)
		return -ENOMEM;
	t->d.file = t->model->file->name;
	result = r->edit(w, t->model, r->args, &t->d);
	return result < 0 ? result : make_plan(t);
}

static void start_next(struct world *w)
{
	struct transaction *t = w->waiting;
	int result;

	if (w->current || !t)
		return;
	w->waiting = t->next;
	if (!w->waiting)
		w->waiting_tail = &w->waiting;
	w->current = t;
	if (!t->request.edit)
		w->is_linked = false;
	result = prepare(t);
	if (result == -ENOMEM && t->d.count == 0)
		diag_add(&t->d, NULL, "out of memory");
	if (result < 0) {
		refuse(t, result, NULL);
		t->at = NULL;
	} else {
		t->at = t->first[PHASE_DO];
	}
	advance(t);
}

void world_refuse(const struct request *request)
{
	static struct diags d;
	struct outcome o = { .code = -ENOMEM, .d = &d };

	d.count = 0;
	diag_add(&d, NULL, "out of memory");
	if (request->wish.done)
		request->wish.done(request->wish.arg, &o);
	if (request->free_args && request->args)
		request->free_args(request->args);
}

void world_request(struct world *w, const struct request *request)
{
	struct transaction *t = calloc(1, sizeof(*t));

	if (!t) {
		world_refuse(request);
		return;
	}
	t->w = w;
	t->request = *request;
	*w->waiting_tail = t;
	w->waiting_tail = &t->next;
	start_next(w);
}

void world_links_changed(struct world *w)
{
	struct request request = { .is_silent = true };

	if (w->is_linked)
		return;
	w->is_linked = true;
	world_request(w, &request);
}
