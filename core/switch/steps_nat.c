/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/steps_nat.c - steps about the NAT of a switch: it comes, gets other rules, goes.
 *
 * The path's part is the switch's as long as that is of type nat, so sessions outlive a change of the
 * rules and even of the outside port.
 */
#include "base/error.h"
#include "switch/nat.h"

static int prepare(struct step *s, struct xvs_error *err)
{
	const struct plan_switch *ps = s->plan_switch;
	struct vswitch *sw = ps->sw;
	struct path_nat_change *change = NULL;
	struct nat_rules *rules;
	struct nat_facts facts;
	int result = nat_refuse_host_address(ps, &s->t->d, err);

	if (result < 0) {
		s->t->refused_at = ps->spec->nat.at;
		return result;
	}
	if (!sw->nat) {
		result = path_nat_create(s->t->w->path, ps->spec->nat.sessions, &sw->nat, err);
		if (result < 0)
			return error_context(err, "switch %s: nat", sw->name);
		s->is_changed = true;
	}
	nat_facts_of(&ps->spec->nat, ps->uuid, &facts);
	rules = nat_rules_of(&ps->spec->nat);
	if (rules && path_nat_prepare(sw->nat, &facts, rules, &change) == 0) {
		s->prepared = change;
		return 0;
	}
	if (s->is_changed) {
		path_nat_destroy(sw->nat);
		sw->nat = NULL;
	}
	return error_set(err, -ENOMEM, "", "switch %s: nat: out of memory", sw->name);
}

static int prepare_undo(struct step *s)
{
	struct vswitch *sw = s->plan_switch->sw;

	path_nat_abandon(s->prepared);
	s->prepared = NULL;
	if (s->is_changed) {
		path_nat_destroy(sw->nat);
		sw->nat = NULL;
	}
	return 0;
}

const struct step_ops step_nat_prepare = { prepare, prepare_undo, NULL };

static int apply(struct step *s, struct xvs_error *err)
{
	(void)err;
	path_nat_apply(s->of->prepared);
	s->of->prepared = NULL;
	s->of->plan_switch->sw->is_nat_told = false;
	nat_mac(&s->of->plan_switch->spec->nat, s->of->plan_switch->uuid,
		s->of->plan_switch->sw->nat_mac);
	return 0;
}

const struct step_ops step_nat_apply = { apply, NULL, NULL };

/* ---- sessions that the new rules do not bear, some a turn of the loop, which others need too ---- */

enum { SESSIONS_A_TURN = 8192 };

static bool look_on(const struct step *s)
{
	return nat_table_review(path_nat_table(s->sw->nat), SESSIONS_A_TURN);
}

static void on_turn(void *arg)
{
	struct step *s = arg;

	if (look_on(s))
		transaction_wake(s->t);
	else
		loop_timer_arm(s->prepared, 0);
}

int nat_review_prepare(struct step *s)
{
	s->prepared = loop_timer_create(s->t->w->loop, on_turn, s);
	return s->prepared ? 0 : -ENOMEM;
}

static int look(struct step *s, struct xvs_error *err)
{
	(void)err;
	if (look_on(s))
		return 0;
	loop_timer_arm(s->prepared, 0);
	return STEP_WAITS;
}

static void look_free(struct step *s)
{
	loop_timer_destroy(s->prepared);
}

const struct step_ops step_nat_review = { look, NULL, look_free };

/* It is of another type by now, and no packet looks at it any more. */
static int take_away(struct step *s, struct xvs_error *err)
{
	(void)err;
	path_nat_destroy(s->sw->nat);
	s->sw->nat = NULL;
	return 0;
}

const struct step_ops step_nat_remove = { take_away, NULL, NULL };
