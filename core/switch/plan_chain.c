/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_chain.c - the chain that is wanted: each entry's extension found, all in order.
 */
#include <stdio.h>

#include "base/error.h"
#include "ext/module_ref.h"
#include "ext/order.h"
#include "policy/builtin.h"
#include "switch/plan.h"

/* Without a word of the operator: inspectors may be absent, and who fails open as well. */
static bool is_required(const struct chain_spec *spec, const struct extension *ext)
{
	if (spec->required_set)
		return spec->required;
	return spec->on_failure != ON_FAILURE_OPEN && !(ext && ext->cls == XVS_INSPECT);
}

/* Of the file that an upgrade left; where that cannot be had any more, the search path's must do. */
static bool find_chosen(const struct plan *p, const struct plan_switch *ps, struct plan_member *pm,
			const struct trust *trust)
{
	struct xvs_error err = ERROR_INIT;
	char target[TARGET_MAX];
	const char *file;

	target_print(target, ps->spec->name, pm->spec->instance);
	file = model_choice(p->model, target);
	if (!file)
		return false;
	if (catalogue_load(file, trust, pm->spec, &pm->module, &pm->ext, &err) == 0)
		return true;
	if (!p->w->is_checking)
		log_message(MSG_UPGRADE,
			    "instance %s: the module of its upgrade cannot be loaded, so that of "
			    "the search path is: %s",
			    target, err.text);
	return false;
}

static void find_extension(struct plan *p, const struct plan_switch *ps, struct plan_member *pm)
{
	const struct trust now = trust_of(p->w->model->file->spec);
	struct trust trust = trust_of(p->model->file->spec);
	struct xvs_error err = ERROR_INIT;

	if (p->w->is_checking) /* a question loads nothing that is not loaded otherwise */
		trust.also = &now;
	if (find_chosen(p, ps, pm, &trust) ||
	    catalogue_find(&p->w->catalogue, &trust, pm->spec, &pm->module, &pm->ext, &err) == 0)
		return;
	pm->module = NULL;
	pm->ext = NULL;
	if (pm->is_tolerated)
		(void)snprintf(pm->problem, sizeof(pm->problem), "%s", err.text);
	else
		plan_error(p, pm->spec->at, "switch %s: chain entry %s: %s", ps->spec->name,
			   pm->spec->instance, err.text);
}

/*
 * What goes on was loaded when other signatures counted, maybe: a new configuration asks.  What runs when
 * the keys' last day is over goes on.
 */
static void check_trust(struct plan *p, const struct plan_switch *ps, const struct plan_member *pm)
{
	struct trust trust = trust_of(p->model->file->spec);
	struct xvs_error err = ERROR_INIT;
	struct minisign_proof proof;

	trust.until = 0;
	if (p->is_strict && pm->module && module_trusted(pm->module, &trust, &proof, &err))
		plan_error(p, pm->spec->at, "switch %s: chain entry %s: %s", ps->spec->name,
			   pm->spec->instance, err.text);
}

/* The same extension, running where it is to run. */
static bool is_same(const struct member *m, const struct chain_spec *spec)
{
	return strcmp(m->extension, spec->extension) == 0 &&
	       (!m->ext || (m->ext->remote != NULL) == (spec->isolation == ISOLATION_PROCESS));
}

/* The member that is there goes on if it is the same extension, and if it is not to be retried. */
static void pair_member(struct plan *p, const struct plan_switch *ps, struct plan_member *pm)
{
	struct member *m = ps->sw ? vswitch_member(ps->sw, pm->spec->instance) : NULL;
	bool is_down = m && (m->state == MEMBER_FAILED || !m->ext);
	bool is_retried = p->is_strict || (m && m == p->w->retried);

	if (m && m == p->w->succession.former) {
		pm->former = m;
		pm->module = module_get(p->w->succession.module);
		pm->ext = p->w->succession.ext;
		return;
	}
	pm->is_tolerated = p->w->is_tolerant || (is_down && !is_retried);
	if (!m || !is_same(m, pm->spec) || (is_down && is_retried)) {
		find_extension(p, ps, pm);
		return;
	}
	pm->member = m;
	pm->module = m->module ? module_get(m->module) : NULL;
	pm->ext = m->ext;
	/* Why it is down does not count while it is disabled: it is started afresh afterwards. */
	if (!pm->is_disabled)
		(void)str_copy(pm->problem, sizeof(pm->problem), m->problem);
	check_trust(p, ps, pm);
}

static bool is_builtin(const struct plan *p, const char *name)
{
	return catalogue_builtin(&p->w->catalogue, name) != NULL;
}

static void check_entry(struct plan *p, const struct plan_switch *ps, size_t idx)
{
	const struct chain_spec *spec = ps->members[idx].spec;

	if (is_builtin(p, spec->extension) || is_builtin(p, spec->instance)) {
		plan_error(p, spec->at,
			   "switch %s: chain entry %s: %s is built in and stands in every chain; "
			   "take the entry out",
			   ps->spec->name, spec->instance,
			   is_builtin(p, spec->extension) ? spec->extension : spec->instance);
		return;
	}

	for (size_t i = 0; i < idx; i++) {
		if (strcmp(ps->members[i].spec->instance, spec->instance) != 0)
			continue;
		plan_error(p, spec->at, "switch %s: two chain entries are named %s", ps->spec->name,
			   spec->instance);
		return;
	}
}

static const char *owner_of(const struct plan_switch *ps, size_t idx, const char *feature)
{
	for (size_t i = 0; builtin_features[i]; i++)
		if (strcmp(builtin_features[i]->id, feature) == 0)
			return "the switch";
	for (size_t i = 0; i < idx; i++) {
		const struct extension *ext = ps->members[i].ext;

		for (uint32_t n = 0; ext && n < ext->feature_count; n++)
			if (strcmp(ext->features[n].id, feature) == 0)
				return ext->id;
	}
	return NULL;
}

static void refuse_features(struct plan *p, const struct plan_switch *ps, struct plan_member *pm,
			    const char *feature, const char *owner)
{
	char text[PROBLEM_MAX];

	(void)snprintf(text, sizeof(text),
		       "extension %.63s brings policy %.63s, which belongs to %.63s; take the "
		       "entry out",
		       pm->ext->id, feature, owner);
	if (!pm->is_tolerated) {
		plan_error(p, pm->spec->at, "switch %s: chain entry %s: %s", ps->spec->name,
			   pm->spec->instance, text);
		return;
	}
	memcpy(pm->problem, text, sizeof(pm->problem));
	module_put(pm->module);
	pm->module = NULL;
	pm->ext = NULL;
}

/* Values are found by the feature's id, so one id means one layout. */
static void check_features(struct plan *p, const struct plan_switch *ps, struct plan_member *pm)
{
	for (uint32_t n = 0; pm->ext && n < pm->ext->feature_count; n++) {
		const char *feature = pm->ext->features[n].id;
		const char *owner = owner_of(ps, (size_t)(pm - ps->members), feature);

		/* Two entries of one extension are told of by their order. */
		if (!owner || strcmp(owner, pm->ext->id) == 0)
			continue;
		refuse_features(p, ps, pm, feature, owner);
		return;
	}
}

static struct plan_member *add_member(struct plan *p, struct plan_switch *ps,
				      const struct chain_spec *spec)
{
	struct plan_member *pm = ARRAY_ADD(&ps->members, &ps->member_count);
	char target[TARGET_MAX];

	if (!pm)
		return NULL;
	pm->spec = spec;
	target_print(target, ps->spec->name, spec->instance);
	pm->is_disabled = model_marked(p->model, MARK_DISABLED, target);
	pair_member(p, ps, pm);
	pm->is_required = is_required(spec, pm->ext);
	return pm;
}

/* Those of this program come first, and so are the first of their class. */
static int add_members(struct plan *p, struct plan_switch *ps)
{
	const struct catalogue *c = &p->w->catalogue;
	size_t room = CHAIN_MAX - c->builtin_count;

	for (size_t i = 0; i < c->builtin_count; i++)
		if (!add_member(p, ps, &c->builtins[i].spec))
			return -ENOMEM;
	for (size_t i = 0; i < ps->spec->chain_count; i++) {
		struct plan_member *pm = add_member(p, ps, &ps->spec->chain[i]);

		if (!pm)
			return -ENOMEM;
		check_entry(p, ps, ps->member_count - 1);
		check_features(p, ps, pm);
	}
	if (ps->spec->chain_count > room)
		plan_error(p, ps->spec->at, "switch %s: the chain has %zu entries, at most %zu fit",
			   ps->spec->name, ps->spec->chain_count, room);
	return 0;
}

/* Members in their new order. */
struct sorting {
	struct plan_member *members;
	size_t count;
};

static void sort_next(struct sorting *s, const struct plan_member *pm, const char *why)
{
	struct plan_member *place = &s->members[s->count++];

	*place = *pm;
	(void)str_copy(place->why, sizeof(place->why), why);
}

static void sort_entry(struct sorting *s, const struct plan_switch *ps,
		       const struct order_entry *entry)
{
	for (size_t i = 0; i < ps->member_count; i++)
		if (strcmp(ps->members[i].spec->instance, entry->instance) == 0)
			sort_next(s, &ps->members[i], entry->why);
}

/* The first of a class: what is built in. */
static void sort_builtins(struct sorting *s, const struct plan_switch *ps, uint32_t cls)
{
	char why[64];

	(void)snprintf(why, sizeof(why), "%s; built in", class_name(cls));
	for (size_t i = 0; i < ps->member_count; i++)
		if (ps->members[i].ext && ps->members[i].ext->cls == cls &&
		    module_is_builtin(ps->members[i].ext->module))
			sort_next(s, &ps->members[i], why);
}

/* By the order found; entries without an extension come last, as they were listed. */
static int reorder(struct plan_switch *ps, const struct order_entry *entries, size_t count)
{
	struct sorting s = { calloc(ps->member_count, sizeof(*s.members)), 0 };
	size_t next = 0;

	if (!s.members)
		return -ENOMEM;
	for (uint32_t cls = XVS_INSPECT; cls <= XVS_FORWARD; cls++) {
		sort_builtins(&s, ps, cls);
		for (; next < count && entries[next].ext->cls == cls; next++)
			sort_entry(&s, ps, &entries[next]);
	}
	for (size_t i = 0; i < ps->member_count; i++)
		if (!ps->members[i].ext)
			sort_next(&s, &ps->members[i], "");
	memcpy(ps->members, s.members, ps->member_count * sizeof(*s.members));
	free(s.members);
	return 0;
}

int plan_chain(struct plan *p, struct plan_switch *ps)
{
	struct order_entry *entries;
	struct xvs_error err = ERROR_INIT;
	size_t count = 0;
	int result = 0;

	if (add_members(p, ps) < 0)
		return -ENOMEM;
	if (ps->member_count == 0 || p->d->count > 0)
		return 0;
	entries = calloc(ps->member_count, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < ps->member_count; i++) {
		const struct extension *ext = ps->members[i].ext;

		if (!ext || module_is_builtin(ext->module))
			continue;
		entries[count].instance = ps->members[i].spec->instance;
		entries[count++].ext = ext;
	}
	if (chain_order(entries, count, &err) < 0)
		plan_error(p, ps->spec->at, "switch %s: %s", ps->spec->name, err.text);
	else
		result = reorder(ps, entries, count);
	free(entries);
	return result;
}
