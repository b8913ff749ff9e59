/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_mirror.c - do the mirror sessions of a switch name what is there, and make sense?
 */
#include <stdarg.h>
#include <stdio.h>

#include "policy/builtin.h"
#include "policy/mirror.h"
#include "switch/transaction.h"

/* One session that is looked at. */
struct looking {
	struct plan *p;
	struct plan_switch *ps;
	const struct policy_session *session;
	uint32_t nr;
};

/* A problem that was there before refuses no other change; the session does without what is missing. */
static bool is_tolerated(const struct looking *k)
{
	const struct vswitch *sw = k->ps->sw;

	return k->p->w->is_tolerant || (!k->p->is_strict && sw && sw->mirror_problem[0] != '\0');
}

static void refuse(const struct looking *k, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void refuse(const struct looking *k, const char *field, const char *format, ...)
{
	char path[64];
	char text[PROBLEM_MAX];
	struct position at;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(path, sizeof(path), "sessions[%u].%s", k->nr, field);
	at = policy_position(k->p->model, k->ps, NULL, NULL, builtin_mirror.id, path);
	if (!is_tolerated(k))
		plan_error(k->p, at, "switch %s: policy %s, %s: %s", k->ps->spec->name,
			   builtin_mirror.id, path, text);
	else if (k->ps->mirror_problem[0] == '\0')
		(void)snprintf(k->ps->mirror_problem, sizeof(k->ps->mirror_problem),
			       "mirror session %s: %.150s", k->session->name, text);
}

static const struct plan_port *port_named(const struct plan_switch *ps, const char *name)
{
	for (size_t i = 0; i < ps->port_count; i++)
		if (strcmp(ps->ports[i].spec->name, name) == 0)
			return &ps->ports[i];
	return NULL;
}

static void check_ports(const struct looking *k)
{
	const struct policy_session *s = k->session;
	char field[32];

	for (uint32_t i = 0; i < s->ports.count; i++) {
		const char *name = mirror_name_at(&s->ports, i);

		(void)snprintf(field, sizeof(field), "ports[%u]", i);
		if (!port_named(k->ps, name))
			refuse(k, field, "switch %s has no port %s", k->ps->spec->name, name);
		else if (mirror_names(&s->to, name))
			refuse(k, field, "port %s gets the copies, so it cannot be copied", name);
	}
	for (uint32_t i = 0; i < s->groups.count; i++) {
		const char *name = mirror_name_at(&s->groups, i);

		(void)snprintf(field, sizeof(field), "groups[%u]", i);
		if (!model_group(k->ps->spec, name))
			refuse(k, field, "switch %s has no group %s", k->ps->spec->name, name);
	}
	if (s->ports.count == 0 && s->groups.count == 0 && s->vlans.count == 0 && !s->by_rules)
		refuse(k, "ports",
		       "nothing is to be copied; name ports, groups or vlans, or say by_rules");
	if (s->by_rules && (s->ports.count || s->groups.count))
		refuse(k, "by_rules",
		       "rules choose what is copied, so no ports or groups can; use two sessions");
}

static void check_targets(const struct looking *k)
{
	const struct policy_session *s = k->session;
	char field[32];

	if (s->to.count == 0)
		refuse(k, "to", "no port gets the copies; name one");
	for (uint32_t i = 0; i < s->to.count; i++) {
		const char *name = mirror_name_at(&s->to, i);
		const struct plan_port *pp = port_named(k->ps, name);

		(void)snprintf(field, sizeof(field), "to[%u]", i);
		if (!pp)
			refuse(k, field, "switch %s has no port %s", k->ps->spec->name, name);
		else if (pp->spec->role == PORT_UPLINK)
			refuse(k, field,
			       "port %s is an uplink, and copies would confuse the network behind "
			       "it; name a guest's or the host's port",
			       name);
	}
}

static void check_snap(const struct looking *k)
{
	const struct policy_session *s = k->session;
	enum { SNAP_MIN = 64 };

	if (s->snap != 0 && s->snap < SNAP_MIN)
		refuse(k, "snap", "it is %u, must be 0 for all bytes, or %d..65535", s->snap,
		       SNAP_MIN);
}

static void check_name(const struct looking *k, const struct policy_mirror *policy)
{
	if (k->session->name[0] == '\0')
		refuse(k, "name", "it is empty");
	for (uint32_t i = 0; i < k->nr; i++) {
		const struct policy_session *other = mirror_session_at(policy, i);

		if (strcmp(other->name, k->session->name) != 0)
			continue;
		refuse(k, "name", "another session is called %s", other->name);
		return;
	}
}

void plan_mirrors(struct plan *p, struct plan_switch *ps)
{
	const struct policy_mirror *policy = settings_bytes(&ps->settings, builtin_mirror.id);

	for (uint32_t i = 0; policy && i < policy->sessions.count; i++) {
		struct looking k = { p, ps, mirror_session_at(policy, i), i };

		check_name(&k, policy);
		check_ports(&k);
		check_targets(&k);
		check_snap(&k);
	}
}
