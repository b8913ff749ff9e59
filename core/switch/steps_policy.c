/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/steps_policy.c - members get to know ports, and policies change in two steps: all are
 * checked, then all applied; or what was prepared is aborted.
 */
#include <stdio.h>

#include "base/error.h"
#include "switch/transaction.h"

/* ---- where an extension's refusal stands in the document ------------------------------------------ */

/* One part of "rules[3].proto" down the tree; NULL: it is not written there. */
static const struct node *descend(const struct node *at, const char *name, size_t len)
{
	char key[64];

	if (len >= sizeof(key) || !at || at->kind != NODE_MAP)
		return NULL;
	memcpy(key, name, len);
	key[len] = '\0';
	return node_get(at, key);
}

static const struct node *element(const struct node *at, const char *number, const char **end)
{
	char *rest;
	unsigned long idx = strtoul(number, &rest, 10);

	*end = *rest == ']' ? rest + 1 : rest;
	return at && at->kind == NODE_LIST && idx < at->count ? at->items[idx] : NULL;
}

/* As deep as the document goes. */
static const struct node *follow(const struct node *document, const char *field)
{
	const struct node *at = document;

	while (at && *field) {
		const struct node *next;
		size_t len = strcspn(field, ".[");

		if (*field == '[') {
			next = element(at, field + 1, &field);
		} else {
			next = descend(at, field, len);
			field += len;
		}
		field += *field == '.';
		if (!next)
			break;
		at = next;
	}
	return at;
}

static const struct node *document_of(const struct node *policies, const char *feature)
{
	return policies && feature ? node_get(policies, feature) : NULL;
}

/* Was it a verb that said so, and not a document? */
static bool is_set_over(const struct model *m, const struct plan_switch *ps,
			const struct plan_port *pp, const char *feature, const char *field)
{
	const struct override_value *value;
	char target[TARGET_MAX];

	if (!feature)
		return false;
	if (pp)
		target_print(target, ps->spec->name, pp->spec->name);
	else
		(void)str_copy(target, sizeof(target), ps->spec->name);
	value = model_value(m, target, feature);
	return value && value->fields &&
	       (field[0] == '\0' || descend(value->fields, field, strcspn(field, ".[")));
}

struct position policy_position(const struct model *m, const struct plan_switch *ps,
				const struct plan_port *pp, const struct plan_member *pm,
				const char *feature, const char *field)
{
	const struct group_spec *group =
		pp && pp->spec->group[0] ? model_group(ps->spec, pp->spec->group) : NULL;
	const struct node *candidates[] = {
		document_of(pp ? pp->spec->policies : NULL, feature),
		document_of(group ? group->policies : NULL, feature),
		document_of(ps->spec->policies, feature),
		document_of(pm ? pm->spec->policies : NULL, feature),
	};

	if (is_set_over(m, ps, pp, feature, field))
		return (struct position){ 0 };
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		const struct node *at = candidates[i] ? follow(candidates[i], field) : NULL;

		if (at && at->line != 0)
			return (struct position){ at->line, at->column };
	}
	if (pp)
		return pp->spec->at;
	return pm ? pm->spec->at : ps->spec->at;
}

/* ---- attach -------------------------------------------------------------------------------------- */

static int attach(struct step *s, struct xvs_error *err)
{
	struct member *m = s->plan_member->member;
	int result;

	s->is_skipped = !m->instance || !s->port->path_port;
	if (s->is_skipped)
		return 0;
	result = port_attach(s->port, m, &s->plan_port->settings, err);
	if (result == 0)
		return 0;
	(void)error_context(err, "port %s", s->port->full_name);
	s->is_skipped = true;
	if (s->plan_port->is_tolerated) {
		(void)str_copy(s->port->problem, sizeof(s->port->problem), err->text);
		return 0;
	}
	s->t->refused_at = policy_position(s->t->plan->model, s->plan_switch, s->plan_port,
					   s->plan_member, NULL, err->field);
	return result;
}

static int attach_undo(struct step *s)
{
	port_detach(s->port, s->plan_member->member);
	return 0;
}

const struct step_ops step_attach = { attach, attach_undo, NULL };

static void forgotten(void *arg)
{
	struct step *s = arg;

	port_detach(s->port, s->member);
	member_leave_conns(s->member, s->port->id);
	transaction_wake(s->t);
}

/* It is in no chain of the port any more, but flows judged before still name its port_state. */
static void drained(void *arg, uint32_t left)
{
	struct step *s = arg;

	(void)left;
	path_forget_attachment(s->t->w->path, s->member->instance,
			       port_attachment(s->port, s->member)->port_state, forgotten, s);
}

static int detach(struct step *s, struct xvs_error *err)
{
	const struct attachment *a = port_attachment(s->port, s->member);

	(void)err;
	if (!a)
		return 0;
	path_drain(s->t->w->path, s->member->instance, a->port_state, drained, s);
	return STEP_WAITS;
}

const struct step_ops step_detach = { detach, NULL, NULL };

/* ---- check and apply ----------------------------------------------------------------------------- */

static int check(struct step *s, struct xvs_error *err)
{
	const void *bytes = s->value ? s->value->bytes : NULL;
	int result = instance_policy_check(s->member->instance, s->port_state, s->feature->id,
					   bytes, &s->prepared, err);

	if (result == 0)
		return 0;
	s->t->refused_at = policy_position(s->t->plan->model, s->plan_switch, s->plan_port,
					   s->plan_member, s->feature->id, err->field);
	return error_context(err, "%s %s: policy %s%s%s", s->port ? "port" : "switch",
			     s->port ? s->port->full_name : s->member->sw->name, s->feature->id,
			     err->field[0] ? ", " : "", err->field);
}

static int check_undo(struct step *s)
{
	instance_policy_abort(s->member->instance, s->port_state, s->feature->id, s->prepared);
	return 0;
}

const struct step_ops step_check = { check, check_undo, NULL };

static int apply(struct step *s, struct xvs_error *err)
{
	const struct step *of = s->of;

	(void)err;
	instance_policy_apply(of->member->instance, of->port_state, of->feature->id,
			      of->value ? of->value->bytes : NULL, of->prepared);
	return 0;
}

const struct step_ops step_apply = { apply, NULL, NULL };
