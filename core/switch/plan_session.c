/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_session.c - do policies of extensions name mirror sessions that the switch has?  Which fields
 * do, their schema says (XVS_FIELD_SESSION).
 */
#define XVS_USE_DRAFT
#include <stdio.h>

#include "policy/builtin.h"
#include "policy/mirror.h"
#include "policy/texts.h"
#include "switch/transaction.h"
#include "xvs/ext/mirror.h"

/* One value that is looked at. */
struct naming {
	struct plan *p;
	struct plan_switch *ps;
	const struct plan_port *pp;   /* NULL: the member's */
	const struct plan_member *pm; /* NULL: the port's */
	const struct value *value;
};

static bool has_session(const struct plan_switch *ps, const char *name)
{
	const struct policy_mirror *policy = settings_bytes(&ps->settings, builtin_mirror.id);

	for (uint32_t i = 0; policy && i < policy->sessions.count; i++) {
		if (strcmp(mirror_session_at(policy, i)->name, name) == 0)
			return true;
	}
	return false;
}

/* As for sessions: a problem that was there before refuses no other change; the rule does without. */
static bool is_tolerated(const struct naming *n)
{
	const struct vswitch *sw = n->ps->sw;

	return n->p->w->is_tolerant || (!n->p->is_strict && sw && sw->mirror_problem[0] != '\0');
}

static bool check_name(void *arg, const char *path, const char *text)
{
	const struct naming *n = arg;
	const struct plan_switch *ps = n->ps;
	const char *id = n->value->feature->id;
	char problem[PROBLEM_MAX];

	if (has_session(ps, text))
		return true;
	(void)snprintf(problem, sizeof(problem),
		       "%s %s: policy %s, %s: switch %s has no mirror session %s",
		       n->pp ? "port" : "instance",
		       n->pp ? n->pp->spec->name : n->pm->spec->instance, id, path, ps->spec->name,
		       text);
	if (!is_tolerated(n))
		plan_error(n->p, policy_position(n->p->model, ps, n->pp, n->pm, id, path),
			   "%s; name one of xvs.mirror/1", problem);
	else if (n->ps->mirror_problem[0] == '\0')
		(void)str_copy(n->ps->mirror_problem, sizeof(n->ps->mirror_problem), problem);
	return true;
}

/* What ports of a group have from above is one value, and is looked at once. */
static bool is_seen(struct plan_switch *ps, const struct value *v)
{
	for (size_t i = 0; i < ps->shared_count; i++) {
		struct plan_shared *shared = &ps->shared[i];
		bool was_seen = shared->is_seen;

		if (shared->value != v)
			continue;
		shared->is_seen = true;
		return was_seen;
	}
	return false;
}

static void check_settings(struct naming *n, const struct settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		n->value = settings->items[i].value;
		if (feature_has_texts(settings->items[i].feature, XVS_FIELD_SESSION) &&
		    !is_seen(n->ps, n->value))
			value_texts(n->value, XVS_FIELD_SESSION, check_name, n);
	}
}

void plan_sessions(struct plan *p, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->member_count; i++) {
		struct naming n = { p, ps, NULL, &ps->members[i], NULL };

		check_settings(&n, &ps->members[i].settings);
	}
	for (size_t i = 0; i < ps->port_count; i++) {
		struct naming n = { p, ps, &ps->ports[i], NULL, NULL };

		check_settings(&n, &ps->ports[i].settings);
	}
}
