/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_policy.c - effective values: documents of switch, group and port merged field by
 * field, each with what was set over it, and decoded by the schema of its feature.
 */
#include <stdio.h>

#include "policy/builtin.h"
#include "switch/decoded.h"
#include "switch/former.h"
#include "switch/plan_level.h"

const struct xvs_feature *plan_feature(const struct plan_switch *ps, const char *id)
{
	for (size_t i = 0; builtin_features[i]; i++)
		if (strcmp(builtin_features[i]->id, id) == 0)
			return builtin_features[i];
	for (size_t i = 0; i < ps->member_count; i++) {
		const struct extension *ext = ps->members[i].ext;

		for (uint32_t n = 0; ext && n < ext->feature_count; n++)
			if (strcmp(ext->features[n].id, id) == 0)
				return &ext->features[n];
	}
	return NULL;
}

const struct xvs_feature *plan_current(const struct plan_switch *ps, const struct xvs_feature *f)
{
	const struct xvs_feature *current = f;

	for (size_t i = 0; current == f && i < ps->member_count; i++)
		current = former_current(ps->members[i].ext, f);
	return current;
}

bool plan_member_stands(const struct plan_member *pm, const struct settings *settings)
{
	if (!pm->ext || !(pm->ext->flags & XVS_EXT_POLICY_ONLY))
		return true;
	for (uint32_t i = 0; i < pm->ext->feature_count; i++)
		if (settings_get(settings, pm->ext->features[i].id))
			return true;
	return false;
}

bool plan_member_changes(const struct plan_member *pm)
{
	const struct settings *now = &pm->member->settings;

	for (uint32_t i = 0; i < pm->ext->feature_count; i++) {
		const char *id = pm->ext->features[i].id;
		const struct value *old = settings_get(now, id);
		const struct value *next = settings_get(&pm->settings, id);

		if (old != next && (!old || !next || !value_equal(old, next)))
			return true;
	}
	return false;
}

/* ---- values -------------------------------------------------------------------------------------- */

/* Puts 'over' above *base, both given; -ENOMEM. */
static int merge_over(struct node **base, struct node *over)
{
	struct node *merged;

	if (!*base || !over) {
		*base = *base ? *base : over;
		return 0;
	}
	merged = node_merge(*base, over);
	node_destroy(*base);
	node_destroy(over);
	*base = merged;
	return merged ? 0 : -ENOMEM;
}

/* The same with a copy of what belongs to a document; NULL: it says nothing. */
static int merge_copy(struct node **base, const struct node *over)
{
	struct node *copy = over ? node_copy(over) : NULL;

	return over && !copy ? -ENOMEM : merge_over(base, copy);
}

/* A document that was set aside counts no more by a former revision than by this one. */
struct set_aside {
	const struct model *model;
	const char *target;
};

static bool is_set_aside(const void *arg, const char *feature)
{
	const struct set_aside *s = arg;
	const struct override_value *value = model_value(s->model, s->target, feature);

	return value && value->removes;
}

static struct diags found; /* too large for a stack; one control thread */

/* What is wrong with a former document is told here: -EINVAL becomes "it says nothing". */
static int told(struct level *level, int code)
{
	level_complain_all(level, &found);
	return code == -EINVAL ? 0 : code;
}

/* What these policies say at this target, but for what was set over them; over *document. */
static int add_document(struct level *level, const char *target, const struct xvs_feature *f,
			const struct node *policies, struct node **document)
{
	const struct set_aside aside = { level->p->model, target };
	const struct former_skip skip = { is_set_aside, &aside };
	const struct former_asking asking = { level->ext, level->what, &found };
	struct node *own = NULL;
	int code;

	if (!former_of(level->ext, f, 0))
		return merge_copy(document, policies ? node_get(policies, f->id) : NULL);
	found.count = 0;
	code = told(level, former_document(&asking, policies, f, &skip, &own));
	return code < 0 ? code : merge_over(document, own);
}

/* And what was set there, by a former revision. */
static int add_former_values(struct level *level, const char *target, const struct xvs_feature *f,
			     struct node **document)
{
	const struct former_asking asking = { level->ext, level->what, &found };
	const struct xvs_feature *former;
	int code = 0;

	for (size_t n = 0; code == 0 && (former = former_of(level->ext, f, n)); n++) {
		const struct override_value *value =
			model_value(level->p->model, target, former->id);
		struct node *made;

		if (!value || !value->fields)
			continue;
		found.count = 0;
		made = former_convert(&asking, former, f, value->fields);
		code = told(level, 0);
		if (code == 0)
			code = merge_over(document, made);
	}
	return code;
}

/* What one level says, with what was set over it, over *document. */
static int add_level(struct level *level, const char *target, const struct xvs_feature *f,
		     const struct node *policies, struct node **document)
{
	struct node *base = NULL;
	struct node *own = NULL;
	int code = add_document(level, target, f, policies, &base);

	if (code == 0)
		code = add_former_values(level, target, f, &base);
	if (code == 0 && !model_document(level->p->model, target, f->id, base, &own))
		code = -ENOMEM;
	node_destroy(base);
	return code < 0 ? code : merge_over(document, own);
}

/* Decodes a document; what is wrong goes to the level.  NULL without error: out of memory. */
static struct value *decode_value(struct level *level, const struct xvs_feature *f,
				  const struct node *document, bool *is_wrong)
{
	char what[PROBLEM_MAX];
	struct value *value;

	found.count = 0;
	(void)snprintf(what, sizeof(what), "%s: policy %.64s", level->what, f->id);
	value = value_decode(f, document, what, &found);
	level_complain_all(level, &found);
	*is_wrong = found.count > 0;
	return value;
}

/* The same of a merged document (taken). */
static int decode(struct level *level, const struct xvs_feature *f, struct node *document,
		  struct settings *settings)
{
	struct value *value;
	bool is_wrong;

	if (!document)
		return 0;
	value = decode_value(level, f, document, &is_wrong);
	node_destroy(document);
	if (value)
		return settings_add(settings, value);
	return is_wrong ? 0 : -ENOMEM;
}

/* And of one of the file's that stands alone: it is neither copied nor decoded twice. */
static int decode_alone(struct level *level, const struct xvs_feature *f,
			const struct node *document, struct settings *settings)
{
	struct file_layer *file = level->p->model->file;
	struct value *value = decoded_find(file, document, f);
	bool is_wrong;

	if (value)
		return settings_add(settings, value_ref(value));
	value = decode_value(level, f, document, &is_wrong);
	if (!value)
		return is_wrong ? 0 : -ENOMEM;
	decoded_keep(file, document, value);
	return settings_add(settings, value);
}

/* Does the port say anything about it itself? */
static bool has_own(const struct level *level, const struct plan_port *pp, const char *target,
		    const struct xvs_feature *f)
{
	const struct node *policies = pp->spec->policies;
	const struct xvs_feature *one = f;

	for (size_t n = 0; one; one = former_of(level->ext, f, n++))
		if ((policies && node_get(policies, one->id)) ||
		    model_value(level->p->model, target, one->id))
			return true;
	return false;
}

static struct plan_shared *shared_value(const struct plan_switch *ps, const struct xvs_feature *f,
					const struct group_spec *group)
{
	for (size_t i = 0; i < ps->shared_count; i++)
		if (ps->shared[i].feature == f && ps->shared[i].group == group)
			return &ps->shared[i];
	return NULL;
}

/*
 * What the port has got, for others of its group.  A value that did not change is the one that is in
 * force, so that nobody has to compare the two again.
 */
static int share_value(struct plan_switch *ps, struct plan_port *pp, const struct xvs_feature *f,
		       const struct group_spec *group)
{
	const struct port *now = ps->sw ? vswitch_port(ps->sw, pp->spec->name) : NULL;
	struct value *old = now ? settings_get(&now->settings, f->id) : NULL;
	struct setting *last =
		pp->settings.count ? &pp->settings.items[pp->settings.count - 1] : NULL;
	struct plan_shared *place;

	if (!last || last->feature != f)
		return 0;
	if (old && old != last->value && value_equal(old, last->value)) {
		value_put(last->value);
		last->value = value_ref(old);
	}
	place = ARRAY_ADD(&ps->shared, &ps->shared_count);
	if (!place)
		return -ENOMEM;
	*place = (struct plan_shared){ f, group, value_ref(last->value), false };
	return 0;
}

static const struct node *in(const struct node *policies, const char *feature)
{
	return policies ? node_get(policies, feature) : NULL;
}

/* The only one that says anything, of the file; NULL: there are more, or none. */
static const struct node *sole_document(const struct level *level, const struct plan_port *pp,
					const char *target, const struct xvs_feature *f)
{
	const struct switch_spec *sw = level->ps->spec;
	const struct group_spec *group =
		pp->spec->group[0] ? model_group(sw, pp->spec->group) : NULL;
	const struct node *documents[] = { in(sw->policies, f->id),
					   in(group ? group->policies : NULL, f->id),
					   in(pp->spec->policies, f->id) };
	const struct node *only = NULL;

	if (model_value(level->p->model, sw->name, f->id) ||
	    model_value(level->p->model, target, f->id) || pp->owner != OWNER_FILE ||
	    former_of(level->ext, f, 0))
		return NULL;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (documents[i] && only)
			return NULL;
		only = documents[i] ? documents[i] : only;
	}
	return only;
}

static int own_value(struct level *level, struct plan_port *pp, const char *target,
		     const struct xvs_feature *f)
{
	const struct switch_spec *sw = level->ps->spec;
	const struct group_spec *group =
		pp->spec->group[0] ? model_group(sw, pp->spec->group) : NULL;
	const struct node *alone = sole_document(level, pp, target, f);
	struct node *document = NULL;

	if (alone)
		return decode_alone(level, f, alone, &pp->settings);
	/* nothing can be set over a group's, so it is no target */
	if (add_level(level, sw->name, f, sw->policies, &document) < 0 ||
	    (group && add_document(level, "", f, group->policies, &document) < 0) ||
	    add_level(level, target, f, pp->spec->policies, &document) < 0) {
		node_destroy(document);
		return -ENOMEM;
	}
	return decode(level, f, document, &pp->settings);
}

static int port_value(struct level *level, struct plan_port *pp, const char *target,
		      const struct xvs_feature *f)
{
	const struct group_spec *group =
		pp->spec->group[0] ? model_group(level->ps->spec, pp->spec->group) : NULL;
	const struct plan_shared *shared = shared_value(level->ps, f, group);
	bool is_own = has_own(level, pp, target, f);
	int result;

	if (!(f->scope & XVS_PER_PORT) || f->kind != XVS_SETTING)
		return 0;
	if (shared && !is_own)
		return settings_add(&pp->settings, value_ref(shared->value));
	result = own_value(level, pp, target, f);
	return result < 0 || is_own ? result : share_value(level->ps, pp, f, group);
}

static int port_values(struct plan *p, struct plan_switch *ps, struct plan_port *pp)
{
	struct level level = {
		.p = p, .ps = ps, .scope = XVS_PER_PORT, .is_tolerated = pp->is_tolerated
	};
	char target[TARGET_MAX];
	char what[TARGET_MAX + 8];
	int result = 0;

	/* what it receives enters at the team's port, by the policies of that one */
	if (pp->is_member)
		return 0;
	target_print(target, ps->spec->name, pp->spec->name);
	(void)snprintf(what, sizeof(what), "port %s", target);
	level.what = what;
	level_check_documents(&level, pp->spec->policies);
	level_check_override(&level, pp);
	for (size_t i = 0; builtin_features[i] && result == 0; i++)
		result = port_value(&level, pp, target, builtin_features[i]);
	for (size_t i = 0; i < ps->member_count; i++) {
		const struct extension *ext = ps->members[i].ext;

		level.ext = ext;
		for (uint32_t n = 0; ext && n < ext->feature_count && result == 0; n++)
			result = port_value(&level, pp, target, &ext->features[n]);
	}
	if (pp->problem[0] == '\0')
		memcpy(pp->problem, level.problem, sizeof(pp->problem));
	return result;
}

/* What the chain entry says stands over what the switch says. */
static int member_value(struct level *level, struct plan_member *pm, const struct xvs_feature *f)
{
	const struct switch_spec *sw = level->ps->spec;
	struct node *document = NULL;
	struct node *base = NULL;
	bool is_had;

	if (add_document(level, sw->name, f, sw->policies, &base) < 0 ||
	    add_document(level, sw->name, f, pm->spec->policies, &base) < 0 ||
	    add_former_values(level, sw->name, f, &base) < 0) {
		node_destroy(base);
		return -ENOMEM;
	}
	is_had = model_document(level->p->model, sw->name, f->id, base, &document);
	node_destroy(base);
	return is_had ? decode(level, f, document, &pm->settings) : -ENOMEM;
}

static int member_values(struct plan *p, struct plan_switch *ps, struct plan_member *pm)
{
	struct level level = { .p = p,
			       .ps = ps,
			       .ext = pm->ext,
			       .scope = XVS_PER_SWITCH,
			       .is_tolerated = pm->is_tolerated };
	char what[TARGET_MAX + 16];
	int result = 0;

	(void)snprintf(what, sizeof(what), "instance %s/%s", ps->spec->name, pm->spec->instance);
	level.what = what;
	level_check_documents(&level, pm->spec->policies);
	for (uint32_t n = 0; pm->ext && n < pm->ext->feature_count && result == 0; n++) {
		const struct xvs_feature *f = &pm->ext->features[n];

		if ((f->scope & XVS_PER_SWITCH) && f->kind == XVS_SETTING)
			result = member_value(&level, pm, f);
	}
	if (level.problem[0])
		(void)str_copy(pm->problem, sizeof(pm->problem), level.problem);
	return result;
}

/* Of the switch itself; a problem there was told with those of its documents. */
static int switch_values(struct plan *p, struct plan_switch *ps)
{
	struct level level = {
		.p = p, .ps = ps, .scope = XVS_PER_SWITCH, .is_tolerated = p->w->is_tolerant
	};
	char what[TARGET_MAX + 16];

	(void)snprintf(what, sizeof(what), "switch %s", ps->spec->name);
	level.what = what;
	for (size_t i = 0; builtin_features[i]; i++) {
		const struct xvs_feature *f = builtin_features[i];
		struct node *document = NULL;

		if (!(f->scope & XVS_PER_SWITCH))
			continue;
		if (add_level(&level, ps->spec->name, f, ps->spec->policies, &document) < 0 ||
		    decode(&level, f, document, &ps->settings) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* A problem above is one of all ports below. */
static void hand_down(struct plan_switch *ps, const char *group, const char *problem)
{
	for (size_t i = 0; i < ps->port_count && problem[0]; i++)
		if (!group || strcmp(ps->ports[i].spec->group, group) == 0)
			(void)str_copy(ps->ports[i].problem, sizeof(ps->ports[i].problem), problem);
}

static void check_upper_levels(struct plan *p, struct plan_switch *ps)
{
	char what[TARGET_MAX + 16];
	/* A verb does not change these, so what was tolerated at the start still is. */
	struct level level = {
		.p = p, .ps = ps, .what = what, .is_tolerated = p->w->is_tolerant || !p->is_strict
	};

	(void)snprintf(what, sizeof(what), "switch %s", ps->spec->name);
	level_check_documents(&level, ps->spec->policies);
	hand_down(ps, NULL, level.problem);
	for (size_t i = 0; i < ps->spec->group_count; i++) {
		const struct group_spec *group = &ps->spec->groups[i];

		(void)snprintf(what, sizeof(what), "group %s/%s", ps->spec->name, group->name);
		level.scope = XVS_PER_PORT;
		level.problem[0] = '\0';
		level_check_documents(&level, group->policies);
		level_check_listed(&level, group);
		hand_down(ps, group->name, level.problem);
	}
}

int plan_policies(struct plan *p, struct plan_switch *ps)
{
	check_upper_levels(p, ps);
	if (switch_values(p, ps) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ps->member_count; i++)
		if (member_values(p, ps, &ps->members[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < ps->port_count; i++)
		if (port_values(p, ps, &ps->ports[i]) < 0)
			return -ENOMEM;
	return 0;
}
