/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/steps_upgrade.c - what the old version knows goes to the new one; upgrade.h has the order.
 *
 * Each turn of the control thread is short.  While queues are not read their senders wait, so that no packet is
 * lost; what has to be called takes its time, and is given up where that is too long.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "ext/module_ref.h"
#include "ext/state.h"
#include "switch/transaction.h"
#include "switch/upgrade.h"

enum {
	TURN_NS = 8000000,
	RUNNING_BUDGET_NS = 5000000,
	FINAL_BUDGET_NS = 2000000,
	PAUSE_MAX_NS = 2000000000,
	ROUNDS_MAX = 16,
	LITTLE = 64 << 10, /* bytes that may be left for the pause */
};

struct handover {
	struct transaction *t;
	struct member *from, *to;
	struct upgrade_report *report; /* of 'to' */
	bool is_cold, is_back;
	bool is_begun; /* save() was called */
	uint32_t phase;
	size_t at;             /* 0: the switch as a whole; then its ports */
	uint64_t left, before; /* as it estimates; and in the round before */
	uint64_t paused_at_ns; /* 0: it is not */
	struct loop_timer *again;
	struct loop_timer *deadline; /* of what is waited for while queues are not read */
	bool is_late;
	struct xvs_error err;
	int code;
};

/* ---- the queues of the switch ---------------------------------------------------------------------- */

static void pause_ports(struct handover *h, bool on)
{
	const struct vswitch *sw = h->from->sw;

	for (size_t i = 0; i < sw->port_count; i++)
		if (sw->ports[i]->path_port)
			path_port_pause(sw->ports[i]->path_port, on);
	if (!on && h->paused_at_ns)
		h->report->paused_ns = clock_ns() - h->paused_at_ns;
	h->paused_at_ns = on ? clock_ns() : 0;
}

/* ---- the end, either way --------------------------------------------------------------------------- */

/* The step after this one looks at the code. */
static void finish(struct handover *h, int code)
{
	h->code = code;
	loop_timer_destroy(h->again);
	loop_timer_destroy(h->deadline);
	h->again = NULL;
	h->deadline = NULL;
	transaction_wake(h->t);
}

/* fn for what both keep: the switch as a whole first. */
static bool pair_at(const struct handover *h, size_t at, void **from, void **to)
{
	const struct attachment *a;
	const struct attachment *b;

	*from = NULL;
	*to = NULL;
	if (at == 0)
		return true;
	a = port_attachment(h->from->sw->ports[at - 1], h->from);
	b = port_attachment(h->from->sw->ports[at - 1], h->to);
	if (!a || !b)
		return false;
	*from = a->port_state;
	*to = b->port_state;
	return true;
}

static void end_saving(struct handover *h, bool moved)
{
	void *from;
	void *to;

	for (size_t i = 0; h->is_begun && i <= h->from->sw->port_count; i++)
		if (pair_at(h, i, &from, &to))
			state_save_end(h->from->instance, from, moved);
	h->is_begun = false;
	h->from->sw->is_handing_over = false;
}

static void each_port(const struct handover *h, void (*fn)(struct port *p, struct attachment *a))
{
	const struct vswitch *sw = h->from->sw;

	for (size_t i = 0; i < sw->port_count; i++) {
		struct attachment *a = port_attachment(sw->ports[i], h->from);

		if (a)
			fn(sw->ports[i], a);
	}
}

/* ---- passes over all that it keeps ------------------------------------------------------------------- */

static int take(struct handover *h, void *to, const struct state_record *r)
{
	const struct state_bytes in = { r->bytes, r->len, h->report->format };

	h->report->records++;
	h->report->bytes += r->len;
	return state_restore(h->to->instance, to, &in, &h->err);
}

/* 1: it has more to say. */
static int hand_one(struct handover *h, void *from, void *to)
{
	bool is_final = h->phase == XVS_SAVE_FINAL;
	const struct state_turn turn = {
		.phase = h->phase,
		.format = h->report->format,
		.budget_ns = is_final ? FINAL_BUDGET_NS : RUNNING_BUDGET_NS,
	};
	struct state_record r;
	int code;

	h->is_begun = true;
	code = state_save(h->from->instance, from, &turn, &r, &h->err);
	if (code < 0)
		return code;
	h->left += r.left;
	if (r.len)
		code = take(h, to, &r);
	free(r.bytes);
	if (code < 0)
		return code;
	if (is_final && r.left && r.len == 0)
		return error_set(&h->err, -EIO, "", "%s has state left and writes none of it",
				 h->from->name);
	return is_final && r.left;
}

static void fall_silent(struct handover *h);

/* What goes back goes back in any case; what the former one makes nothing of is lost. */
static void give_up(struct handover *h, int code)
{
	if (!h->is_cold) {
		finish(h, code);
		return;
	}
	transaction_note(h->t, "without its state: %s", h->err.text);
	h->report->format = 0;
	if (h->paused_at_ns)
		finish(h, 0);
	else
		fall_silent(h);
}

static void begin_pass(struct handover *h, uint32_t phase)
{
	h->phase = phase;
	h->at = 0;
	h->before = h->left;
	h->left = 0;
}

static void end_pass(struct handover *h)
{
	if (h->phase == XVS_SAVE_FINAL) {
		finish(h, 0);
		return;
	}
	h->report->rounds++;
	if (h->left <= LITTLE || h->report->rounds == ROUNDS_MAX ||
	    (h->report->rounds > 1 && h->left >= h->before)) {
		fall_silent(h);
		return;
	}
	begin_pass(h, XVS_SAVE_RUNNING);
	loop_timer_arm(h->again, 0);
}

static void turn(void *arg)
{
	struct handover *h = arg;
	uint64_t until_ns = clock_ns() + TURN_NS;

	while (h->at <= h->from->sw->port_count) {
		void *from;
		void *to;
		int code = pair_at(h, h->at, &from, &to) ? hand_one(h, from, to) : 0;

		if (code == 0)
			h->at++;
		if (code >= 0 && h->paused_at_ns && clock_ns() - h->paused_at_ns > PAUSE_MAX_NS)
			code = error_set(&h->err, -ETIME, "",
					 "%s did not end within %d s while packets waited",
					 h->from->name, (int)(PAUSE_MAX_NS / NS_PER_S));
		if (code < 0) {
			give_up(h, code);
			return;
		}
		if (clock_ns() < until_ns)
			continue;
		loop_timer_arm(h->again, 0);
		return;
	}
	end_pass(h);
}

/* ---- the pause: the path falls silent ------------------------------------------------------------------ */

/* Whoever does not answer may never do: senders wait no longer, and the answer comes too late. */
static void lose_patience(void *arg)
{
	struct handover *h = arg;

	h->is_late = true;
	pause_ports(h, false);
}

/* It ends here, as a worker was not to be had in time. */
static bool gave_out(struct handover *h, int slow, const struct instance *who)
{
	if (slow >= 0)
		finish(h, error_set(&h->err, -EBUSY, "",
				    "worker %d has been held for over a second by %s", slow,
				    who ? who->name : "the system"));
	else if (h->is_late)
		finish(h, error_set(&h->err, -ETIME, "",
				    "%s did not come to rest within %d s while packets waited",
				    h->from->name, (int)(PAUSE_MAX_NS / NS_PER_S)));
	return slow >= 0 || h->is_late;
}

static void silent(void *arg, int slow, struct instance *who)
{
	struct handover *h = arg;

	if (gave_out(h, slow, who))
		return;
	loop_timer_destroy(h->deadline); /* from here on turns look at the time */
	h->deadline = NULL;
	if (!h->report->format) {
		finish(h, 0);
		return;
	}
	each_port(h, port_tell_frozen);
	begin_pass(h, XVS_SAVE_FINAL);
	turn(h);
}

static void counted(void *arg)
{
	struct handover *h = arg;

	path_settle(h->t->w->path, silent, h);
}

/* What flows have counted is told before the last of the state is read. */
static void drained(void *arg, uint32_t left)
{
	struct handover *h = arg;
	struct instance *i = h->from->instance;

	if (gave_out(h, -1, NULL))
		return;
	if (left > 0)
		finish(h, error_set(&h->err, -EBUSY, "", "%s did not give back %u packets",
				    h->from->name, left));
	else if (!i->flow.account || i->env->flow_collect(&i->host, counted, h) != 0)
		counted(h);
}

static void settled(void *arg, int slow, struct instance *who)
{
	struct handover *h = arg;

	if (gave_out(h, slow, who))
		return;
	if (h->from->instance->ops.drain)
		path_drain(h->t->w->path, h->from->instance, NULL, drained, h);
	else
		drained(h, 0);
}

static void fall_silent(struct handover *h)
{
	pause_ports(h, true);
	loop_timer_arm(h->deadline, PAUSE_MAX_NS);
	path_settle(h->t->w->path, settled, h);
}

/* ---- steps ---------------------------------------------------------------------------------------------- */

/* The newest format that both know; without one it is refused, or colder where that was asked for. */
static int agree(struct handover *h)
{
	const struct instance *from = h->from->instance;
	struct xvs_error err = ERROR_INIT;

	if (!from->has_state)
		return 0;
	if (!h->to->instance->has_state)
		(void)error_set(&err, -EPROTONOSUPPORT, "", "%s %s offers no " XVS_STATE,
				h->to->extension, h->to->ext->version);
	else
		h->report->format = state_agree(h->to->instance, from->run_state.format_min,
						from->run_state.format_max, &err);
	if (h->report->format)
		return 0;
	if (!h->is_cold)
		return error_set(&h->err, -EPROTONOSUPPORT, "",
				 "%.120s; --without-state leaves it behind", err.text);
	transaction_note(h->t, "without its state: %s", err.text);
	return 0;
}

static int refused(const struct handover *h, struct xvs_error *err)
{
	*err = h->err;
	return error_context(err, "instance %s/%s stays as it is", h->from->sw->name,
			     h->from->name);
}

static int hand_over(struct step *s, struct xvs_error *err)
{
	struct handover *h = s->prepared;

	h->from = s->plan_member->former;
	h->to = s->plan_member->member;
	h->to->upgraded = h->report;
	(void)str_copy(h->report->from, sizeof(h->report->from), h->from->ext->version);
	(void)str_copy(h->report->to, sizeof(h->report->to), h->to->ext->version);
	/* a move may have begun since the plan was made, and begins no more from here on */
	h->code = upgrade_check_moves(h->from->sw, &h->err);
	if (h->code == 0)
		h->code = agree(h);
	if (h->code < 0)
		return refused(h, err);
	h->again = loop_timer_create(s->t->w->loop, turn, h);
	h->deadline = loop_timer_create(s->t->w->loop, lose_patience, h);
	if (!h->again || !h->deadline) {
		loop_timer_destroy(h->again);
		loop_timer_destroy(h->deadline);
		return error_set(err, -ENOMEM, "", "out of memory");
	}
	h->from->sw->is_handing_over = true;
	if (h->report->format) {
		begin_pass(h, XVS_SAVE_RUNNING);
		turn(h);
	} else {
		fall_silent(h);
	}
	return STEP_WAITS;
}

/* The old one goes on as if nothing had been. */
static int take_back(struct step *s)
{
	struct handover *h = s->prepared;

	end_saving(h, false);
	each_port(h, port_tell_up);
	pause_ports(h, false);
	return 0;
}

static void hand_over_free(struct step *s)
{
	struct handover *h = s->prepared;

	if (h && !h->to) /* it did not come to that */
		free(h->report);
	free(h);
}

static const struct step_ops step_hand_over = { hand_over, take_back, hand_over_free };

static int look_at_result(struct step *s, struct xvs_error *err)
{
	const struct handover *h = s->of->prepared;

	return h->code == 0 ? 0 : refused(h, err);
}

static const struct step_ops step_handed_over = { look_at_result, NULL, NULL };

/* All chains have the new one. */
static int go_on(struct step *s, struct xvs_error *err)
{
	struct handover *h = s->of->prepared;
	const struct upgrade_terms *terms = upgrade_terms_of(s->t);

	(void)err;
	end_saving(h, true);
	pause_ports(h, false);
	h->to->former = NULL;
	h->report->is_back = terms->is_back;
	(void)str_copy(h->report->why, sizeof(h->report->why), terms->why);
	transaction_note(s->t, "%s %s -> %s; packets waited for %llu us", h->to->extension,
			 h->report->from, h->report->to,
			 (unsigned long long)(h->report->paused_ns / 1000));
	upgrade_watch_begin(h->to, h->from->module, h->from->ext, terms->watch_s);
	return 0;
}

static const struct step_ops step_go_on = { go_on, NULL, NULL };

/* ---- of a transaction ------------------------------------------------------------------------------------- */

static struct step *step_of(const struct transaction *t)
{
	struct step *s = t->first[PHASE_DO];

	while (s && s->ops != &step_hand_over)
		s = s->next;
	return s;
}

static struct plan_member *successor(const struct transaction *t, const struct member *former)
{
	for (size_t i = 0; i < t->plan->switch_count; i++)
		for (size_t n = 0; n < t->plan->switches[i].member_count; n++)
			if (t->plan->switches[i].members[n].former == former)
				return &t->plan->switches[i].members[n];
	return NULL;
}

int upgrade_steps(struct transaction *t)
{
	const struct upgrade_terms *terms = upgrade_terms_of(t);
	struct handover *h;
	struct step *s;

	if (!terms)
		return 0;
	s = transaction_step(t, PHASE_DO, &step_hand_over);
	h = s ? calloc(1, sizeof(*h)) : NULL;
	if (!h)
		return -ENOMEM;
	s->prepared = h;
	s->plan_member = successor(t, terms->former);
	h->t = t;
	h->is_cold = terms->is_cold;
	h->report = calloc(1, sizeof(*h->report));
	if (!h->report || !transaction_step(t, PHASE_DO, &step_handed_over))
		return -ENOMEM;
	t->last[PHASE_DO]->of = s;
	return 0;
}

int upgrade_steps_after(struct transaction *t)
{
	struct step *s;

	if (!upgrade_terms_of(t))
		return 0;
	s = transaction_step(t, PHASE_COMMIT, &step_go_on);
	if (!s)
		return -ENOMEM;
	s->of = step_of(t);
	return 0;
}

void upgrade_stand_down(struct member *m)
{
	if (!m->former)
		return;
	instance_set_active(m->former->instance, false);
	/* The slot means the same to both only where they agreed on a format of state, and both have it. */
	if (!m->upgraded->format || m->conn_slot != m->former->conn_slot)
		member_leave_conns(m->former, 0);
	m->former->is_succeeded = true;
	upgrade_watch_end(m->former);
}
