/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/steps_chain.c - steps about switches and the members of their chains.
 *
 * A member leaves in this order: out of every chain (publish, settle), what it holds is given
 * back (drain), its steps in flow entries end (forget), active(false), port_detach in reverse,
 * worker_detach and destroy.
 */
#include <stdio.h>

#include "base/error.h"
#include "switch/transaction.h"
#include "switch/upgrade.h"

/* ---- a switch comes ------------------------------------------------------------------------------ */

static int switch_add(struct step *s, struct xvs_error *err)
{
	if (world_add_switch(s->t->w, s->plan_switch->sw) == 0)
		return 0;
	return error_set(err, -ENOMEM, "", "out of memory");
}

static int switch_add_undo(struct step *s)
{
	world_drop_switch(s->t->w, s->plan_switch->sw);
	return 0;
}

static void switch_add_free(struct step *s)
{
	if (s->t->code < 0)
		vswitch_destroy(s->plan_switch->sw);
}

const struct step_ops step_switch_add = { switch_add, switch_add_undo, switch_add_free };

/* ---- a member comes ------------------------------------------------------------------------------ */

static int start(const struct plan_switch *ps, struct plan_member *pm, struct xvs_error *err)
{
	int result = member_start(pm->member, &pm->settings, err);

	if (result < 0)
		(void)error_context(err, "switch %s", ps->sw->name);
	return result;
}

/* One that succeeds another takes its place in the list when the change is in force. */
static bool is_added(const struct plan_member *pm)
{
	return pm->is_new && !pm->former;
}

static int start_member(struct step *s, struct xvs_error *err)
{
	struct plan_member *pm = s->plan_member;
	int result;

	if (is_added(pm) && vswitch_add_member(s->plan_switch->sw, pm->member) < 0)
		return error_set(err, -ENOMEM, "", "out of memory");
	/* A new one that is disabled or missing is in the list all the same. */
	if (pm->is_new && pm->problem[0])
		transaction_note(s->t, "switch %s: instance %s: %s", s->plan_switch->sw->name,
				 pm->spec->instance, pm->problem);
	if (!pm->ext || pm->is_disabled || pm->problem[0])
		return 0;
	result = start(s->plan_switch, pm, err);
	if (result == 0)
		return 0;
	if (pm->is_tolerated) {
		(void)str_copy(pm->problem, sizeof(pm->problem), err->text);
		transaction_note(s->t, "%s", err->text);
		return 0;
	}
	s->t->refused_at =
		policy_position(s->t->plan->model, s->plan_switch, NULL, pm, NULL, err->field);
	if (is_added(pm))
		vswitch_drop_member(s->plan_switch->sw, pm->member);
	return result;
}

static void start_undone(void *arg)
{
	struct step *s = arg;

	member_stop(s->plan_member->member);
	if (!s->plan_member->is_new)
		s->plan_member->member->state = MEMBER_DISABLED;
	transaction_wake(s->t);
}

static int start_undo(struct step *s)
{
	struct plan_member *pm = s->plan_member;

	if (is_added(pm))
		vswitch_drop_member(s->plan_switch->sw, pm->member);
	if (!pm->member->instance)
		return 0;
	path_forget_instance(s->t->w->path, pm->member->instance, start_undone, s);
	return STEP_WAITS;
}

static void start_free(struct step *s)
{
	if (s->t->code < 0 && s->plan_member->is_new)
		member_destroy(s->plan_member->member);
}

const struct step_ops step_member_start = { start_member, start_undo, start_free };

/* ---- commit -------------------------------------------------------------------------------------- */

static enum member_state state_of(const struct plan_member *pm)
{
	if (pm->is_disabled)
		return MEMBER_DISABLED;
	if (!pm->ext)
		return MEMBER_MISSING;
	return pm->member->instance && pm->problem[0] == '\0' ? MEMBER_RUNNING : MEMBER_FAILED;
}

static void adopt_member(struct transaction *t, struct plan_member *pm)
{
	struct member *m = pm->member;

	m->state = state_of(pm);
	m->is_required = pm->is_required;
	if (m->instance)
		__atomic_store_n(&m->instance->fails_open, member_fails_open(pm->spec, pm->ext),
				 __ATOMIC_RELAXED);
	(void)str_copy(m->why, sizeof(m->why), pm->why);
	(void)str_copy(m->problem, sizeof(m->problem), pm->problem);
	transaction_retire(t, &m->settings);
	m->settings = pm->settings;
	pm->settings = (struct settings){ 0 };
}

static int adopt_switch(struct step *s, struct xvs_error *err)
{
	struct plan_switch *ps = s->plan_switch;
	struct vswitch *sw = ps->sw;

	(void)err;
	sw->type = ps->spec->type;
	memcpy(sw->uuid, ps->uuid, sizeof(sw->uuid));
	/* All that are wanted are in the list; those that leave drop out of it here. */
	for (size_t i = 0; i < ps->member_count; i++) {
		adopt_member(s->t, &ps->members[i]);
		sw->members[i] = ps->members[i].member;
	}
	sw->member_count = ps->member_count;
	transaction_retire(s->t, &sw->settings);
	sw->settings = ps->settings;
	ps->settings = (struct settings){ 0 };
	vswitch_compile_nowhere(sw, s->conf);
	path_switch_nowhere(sw->path_switch, s->conf);
	s->conf = NULL;
	if (l2_share(&sw->path_switch->l2, ps->shares))
		vswitch_invalidate(sw);
	ps->shares = NULL;
	return 0;
}

static void adopt_free(struct step *s)
{
	free(s->conf);
}

const struct step_ops step_switch_adopt = { adopt_switch, NULL, adopt_free };

static int activate(struct step *s, struct xvs_error *err)
{
	(void)err;
	upgrade_stand_down(s->member);
	if (s->member->state == MEMBER_RUNNING)
		instance_set_active(s->member->instance, true);
	return 0;
}

const struct step_ops step_member_active = { activate, NULL, NULL };

/* ---- settle -------------------------------------------------------------------------------------- */

static void settled(void *arg, int slow, struct instance *who)
{
	struct step *s = arg;

	if (slow >= 0) {
		transaction_note(s->t, "worker %d was held for over a second by %s%s%s", slow,
				 who ? who->switch_name : "the system", who ? "/" : "",
				 who ? who->name : "");
		/* What is to be cleared away waits for that worker; the operator does not. */
		transaction_answer(s->t);
	}
	transaction_answer_in_time(s->t);
	transaction_wake(s->t);
}

static int settle(struct step *s, struct xvs_error *err)
{
	(void)err;
	path_settle(s->t->w->path, settled, s);
	return STEP_WAITS;
}

const struct step_ops step_settle = { settle, NULL, NULL };

/* ---- a member goes ------------------------------------------------------------------------------- */

static void detach_from_all(const struct step *s)
{
	const struct world *w = s->t->w;

	for (uint32_t id = PORTS_MAX; id-- > 1;)
		if (w->by_id[id])
			port_detach(w->by_id[id], s->member);
}

static void stopped(void *arg)
{
	struct step *s = arg;

	transaction_wake(s->t);
}

static void forgotten(void *arg)
{
	struct step *s = arg;
	bool keeps_packets = instance_held(s->member->instance) > 0;
	uint16_t nr = s->member->nr;

	instance_set_active(s->member->instance, false);
	detach_from_all(s);
	member_leave_conns(s->member, 0);
	member_stop(s->member);
	if (s->plan_member)
		s->member->state = MEMBER_DISABLED;
	/* Not before, as it may have looked at them until its end. */
	if (keeps_packets)
		path_reclaim(s->t->w->path, nr, stopped, s);
	else
		stopped(s);
}

static void drained(void *arg, uint32_t left)
{
	struct step *s = arg;

	if (left > 0)
		transaction_note(s->t, "instance %s/%s kept %u packets, which are set aside",
				 s->member->sw->name, s->member->name, left);
	path_forget_instance(s->t->w->path, s->member->instance, forgotten, s);
}

static int stop_member(struct step *s, struct xvs_error *err)
{
	(void)err;
	if (!s->member->instance)
		return 0;
	path_drain(s->t->w->path, s->member->instance, NULL, drained, s);
	return STEP_WAITS;
}

static void stop_free(struct step *s)
{
	if (s->t->code == 0 && !s->plan_member)
		member_destroy(s->member);
}

const struct step_ops step_member_stop = { stop_member, NULL, stop_free };

/* ---- a switch goes ------------------------------------------------------------------------------- */

static int switch_remove(struct step *s, struct xvs_error *err)
{
	(void)err;
	world_drop_switch(s->t->w, s->sw);
	return 0;
}

static void switch_remove_free(struct step *s)
{
	if (s->t->code == 0)
		vswitch_destroy(s->sw);
}

const struct step_ops step_switch_remove = { switch_remove, NULL, switch_remove_free };
