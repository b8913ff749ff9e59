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

static void find_extension(struct plan *p, const struct plan_switch *ps, struct plan_member *pm)
{
	struct xvs_error err = ERROR_INIT;

	if (catalogue_find(&p->w->catalogue, pm->spec->extension, &pm->module, &pm->ext, &err) == 0)
		return;
	pm->module = NULL;
	pm->ext = NULL;
	if (pm->is_tolerated)
		(void)snprintf(pm->problem, sizeof(pm->problem), "%s", err.text);
	else
		plan_error(p, pm->spec->at, "switch %s: chain entry %s: %s", ps->spec->name,
			   pm->spec->instance, err.text);
}

/* The member that is there goes on if it is the same extension, and if it is not to be retried. */
static void pair_member(struct plan *p, const struct plan_switch *ps, struct plan_member *pm)
{
	struct member *m = ps->sw ? vswitch_member(ps->sw, pm->spec->instance) : NULL;
	bool is_down = m && (m->state == MEMBER_FAILED || !m->ext);
	bool is_retried = p->is_strict || (m && m == p->w->retried);

	pm->is_tolerated = p->w->is_tolerant || (is_down && !is_retried);
	if (!m || strcmp(m->extension, pm->spec->extension) != 0 || (is_down && is_retried)) {
		find_extension(p, ps, pm);
		return;
	}
	pm->member = m;
	pm->module = m->module ? module_get(m->module) : NULL;
	pm->ext = m->ext;
	/* Why it is down does not count while it is disabled: it is started afresh afterwards. */
	if (!pm->is_disabled)
		(void)str_copy(pm->problem, sizeof(pm->problem), m->problem);
}

static void check_entry(struct plan *p, const struct plan_switch *ps, size_t idx)
{
	const struct chain_spec *spec = ps->members[idx].spec;

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

static int add_members(struct plan *p, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->spec->chain_count; i++) {
		struct plan_member *pm = ARRAY_ADD(&ps->members, &ps->member_count);
		char target[TARGET_MAX];

		if (!pm)
			return -ENOMEM;
		pm->spec = &ps->spec->chain[i];
		target_print(target, ps->spec->name, pm->spec->instance);
		pm->is_disabled = model_marked(p->model, MARK_DISABLED, target);
		pair_member(p, ps, pm);
		pm->is_required = is_required(pm->spec, pm->ext);
		check_entry(p, ps, i);
		check_features(p, ps, pm);
	}
	if (ps->member_count > CHAIN_MAX)
		plan_error(p, ps->spec->at, "switch %s: the chain has %zu entries, at most %d fit",
			   ps->spec->name, ps->member_count, CHAIN_MAX);
	return 0;
}

static size_t place_of(const struct order_entry *entries, size_t count, const char *instance)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(entries[i].instance, instance) == 0)
			return i;
	return count;
}

/* By the order found; entries without an extension come last, as they were listed. */
static int reorder(struct plan_switch *ps, const struct order_entry *entries, size_t count)
{
	struct plan_member *sorted = calloc(ps->member_count, sizeof(*sorted));
	size_t last = count;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < ps->member_count; i++) {
		struct plan_member *pm = &ps->members[i];
		size_t place = pm->ext ? place_of(entries, count, pm->spec->instance) : last++;

		sorted[place] = *pm;
		if (place < count)
			(void)str_copy(sorted[place].why, sizeof(sorted[place].why),
				       entries[place].why);
	}
	memcpy(ps->members, sorted, ps->member_count * sizeof(*sorted));
	free(sorted);
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
		if (!ps->members[i].ext)
			continue;
		entries[count].instance = ps->members[i].spec->instance;
		entries[count++].ext = ps->members[i].ext;
	}
	if (chain_order(entries, count, &err) < 0)
		plan_error(p, ps->spec->at, "switch %s: %s", ps->spec->name, err.text);
	else
		result = reorder(ps, entries, count);
	free(entries);
	return result;
}
