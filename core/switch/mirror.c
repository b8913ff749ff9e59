/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/mirror.c - from the mirror sessions of a switch, which name ports, to the table that
 * workers read, which numbers them; and what is asked about them.
 */
#include "policy/mirror.h"
#include "policy/builtin.h"
#include "switch/query.h"
#include "switch/team.h"
#include "switch/transaction.h"

static const struct policy_mirror *policy_of(const struct settings *settings)
{
	return settings_bytes(settings, builtin_mirror.id);
}

static void set_vlans(struct mirror_session *s, const struct policy_session *from)
{
	s->has_vlans = from->vlans.count > 0;
	for (uint32_t i = 0; i < from->vlans.count; i++) {
		struct vlan_range r = mirror_range_at(&from->vlans, i);

		for (uint32_t vlan = r.first; vlan <= r.last && vlan < L2_SEGMENTS; vlan++)
			mirror_add(s->vlans, vlan);
	}
}

static bool is_source(const struct policy_session *from, const struct port *p)
{
	if (from->by_rules || mirror_names(&from->to, p->spec.name))
		return false;
	if (from->ports.count == 0 && from->groups.count == 0)
		return true;
	return mirror_names(&from->ports, p->spec.name) ||
	       (p->spec.group[0] && mirror_names(&from->groups, p->spec.group));
}

static void set_port(struct mirror_table *t, struct mirror_session *s,
		     const struct policy_session *from, const struct port *p)
{
	if (!p->path_port)
		return;
	if (mirror_names(&from->to, p->spec.name) && s->to_count < MIRROR_TARGETS) {
		s->to[s->to_count++] = p->id;
		if (!from->normal_traffic)
			mirror_add(t->lone, p->id);
	}
	if (!is_source(from, p))
		return;
	if (from->direction != MIRROR_TO_PORT)
		mirror_add(s->in, p->id);
	if (from->direction != MIRROR_FROM_PORT)
		mirror_add(s->out, p->id);
}

static void set_session(const struct vswitch *sw, struct mirror_table *t, struct mirror_session *s,
			const struct policy_session *from)
{
	memcpy(s->name, from->name, sizeof(s->name));
	s->mark_cut = from->mark_cut;
	s->snap = from->snap;
	s->sample = from->sample;
	set_vlans(s, from);
	for (size_t i = 0; i < sw->port_count; i++)
		set_port(t, s, from, sw->ports[i]);
	/* where all that should get copies are down, none are made */
	if (s->to_count == 0) {
		memset(s->in, 0, sizeof(s->in));
		memset(s->out, 0, sizeof(s->out));
	}
}

int mirror_step_prepare(struct step *s)
{
	const struct policy_mirror *policy = policy_of(&s->plan_switch->settings);
	uint32_t count = policy ? policy->sessions.count : 0;

	if (count == 0)
		return 0;
	s->mirrors = mirror_table_create(count, path_workers(s->t->w->path));
	return s->mirrors ? 0 : -ENOMEM;
}

static int set_mirrors(struct step *s, struct xvs_error *err)
{
	struct vswitch *sw = s->plan_switch->sw;
	const struct policy_mirror *policy = policy_of(&sw->settings);
	struct mirror_table *t = s->mirrors;

	(void)err;
	s->mirrors = NULL;
	for (uint32_t i = 0; t && i < t->count; i++)
		set_session(sw, t, &t->sessions[i], mirror_session_at(policy, i));
	if (t || sw->path_switch->mirrors)
		path_switch_mirrors(sw->path_switch, t);
	(void)str_copy(sw->mirror_problem, sizeof(sw->mirror_problem),
		       s->plan_switch->mirror_problem);
	if (sw->mirror_problem[0])
		transaction_note(s->t, "switch %s: %s", sw->name, sw->mirror_problem);
	return 0;
}

static void mirrors_free(struct step *s)
{
	mirror_table_destroy(s->mirrors);
}

const struct step_ops step_mirrors = { set_mirrors, NULL, mirrors_free };

void port_compile_mirrors(const struct port *p, struct port_conf *conf)
{
	const struct mirror_table *t = p->sw->path_switch->mirrors;

	conf->mirrored = mirror_bits(t, team_ruler(p)->id);
	conf->is_mirror = conf->is_open && t && mirror_has(t->lone, p->id);
	conf->is_open &= !conf->is_mirror;
}

/* ---- questions ------------------------------------------------------------------------------------ */

static json_t *names(const struct world *w, const struct mirror_session *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->to_count; i++) {
		const struct port *p = w->by_id[s->to[i]];

		(void)json_array_append_new(list, json_string(p ? p->spec.name : "-"));
	}
	return list;
}

static size_t count_sources(const struct mirror_session *s)
{
	size_t count = 0;

	for (size_t i = 0; i < PORTS_MAX / 64; i++)
		count += (size_t)__builtin_popcountll(s->in[i] | s->out[i]);
	return count;
}

static void add_sessions(json_t *list, const struct vswitch *sw)
{
	const struct mirror_table *t = sw->path_switch->mirrors;

	for (uint32_t i = 0; t && i < t->count; i++) {
		const struct mirror_session *s = &t->sessions[i];
		struct mirror_count sum;

		mirror_sum(s, path_workers(sw->w->path), &sum);
		(void)json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:I}", "switch", sw->name,
				  "session", s->name, "sources", (json_int_t)count_sources(s), "to",
				  names(sw->w, s), "packets", (json_int_t)sum.packets, "bytes",
				  (json_int_t)sum.bytes, "lost", (json_int_t)sum.lost));
	}
}

json_t *world_mirror_list(struct world *w, const char *switch_name)
{
	json_t *list;

	if (switch_name && !world_switch(w, switch_name))
		return NULL;
	list = json_array();
	for (size_t i = 0; i < w->switch_count; i++)
		if (!switch_name || strcmp(w->switches[i]->name, switch_name) == 0)
			add_sessions(list, w->switches[i]);
	return list;
}
