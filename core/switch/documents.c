/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/documents.c - what is wrong with policies in a configuration that cannot be planned.
 *
 * A file with errors of form has no plan, and its policies would be looked at only after those were
 * mended.  Here each is decoded as far as that goes without one: merged over switch, group and
 * port as the file has them, by the features of those extensions of its chain that can be found.
 */
#include <stdio.h>

#include "base/error.h"
#include "ext/module_ref.h"
#include "policy/builtin.h"
#include "switch/former.h"
#include "switch/world.h"

enum { LEVELS_MAX = 3, KNOWN_MAX = 256, WHAT_MAX = TARGET_MAX + 96 };

/* Where a value may be set, lowest first; NULL: not there. */
struct levels {
	const struct node *policies[LEVELS_MAX];
};

/* An entry of the chain, as far as it is there. */
struct entry {
	struct module *module; /* one reference; NULL: it cannot be found */
	const struct extension *ext;
};

/* What one switch knows. */
struct looking {
	const struct switch_spec *sw;
	struct entry *entries; /* as sw->chain */
	bool is_whole;         /* all of them were found */
	const struct xvs_feature *features[KNOWN_MAX];
	const struct extension *owners[KNOWN_MAX]; /* as features; NULL: this program */
	size_t count;
	const char *words[KNOWN_MAX]; /* their names, and those of former revisions */
	size_t word_count;
	struct diags *d;
	struct diags found; /* of one document */
};

static bool is_told(const struct diags *d, const struct diag *one)
{
	size_t kept = d->count < DIAG_MAX ? d->count : DIAG_MAX;

	for (size_t i = 0; i < kept; i++)
		if (d->items[i].line == one->line && d->items[i].column == one->column)
			return true;
	return false;
}

/* A value of a group is wrong for each of its ports, and is told once. */
static void tell_found(struct looking *l)
{
	for (size_t i = 0; i < l->found.count && i < DIAG_MAX; i++) {
		const struct diag *one = &l->found.items[i];

		if (one->line == 0 || !is_told(l->d, one))
			diag_add_at(l->d, one->line, one->column, "%s", one->text);
	}
	l->found.count = 0;
}

/* A new tree; NULL: set at no level, or what is wrong has been told, or out of memory. */
static struct node *merged(const struct former_asking *a, const struct levels *levels,
			   const struct xvs_feature *f)
{
	struct node *document = NULL;

	for (size_t i = 0; i < LEVELS_MAX; i++) {
		struct node *over = NULL;
		struct node *next;

		if (former_document(a, levels->policies[i], f, NULL, &over) < 0 || !over)
			continue;
		next = document ? node_merge(document, over) : node_copy(over);
		node_destroy(over);
		node_destroy(document);
		document = next;
	}
	return document;
}

static void decode_one(struct looking *l, const struct levels *levels, const char *what,
		       const struct extension *ext, const struct xvs_feature *f)
{
	const struct former_asking asking = { ext, what, &l->found };
	struct node *document = merged(&asking, levels, f);
	char text[WHAT_MAX];

	tell_found(l);
	if (!document)
		return;
	(void)snprintf(text, sizeof(text), "%s: policy %.64s", what, f->id);
	value_put(value_decode(f, document, text, &l->found));
	node_destroy(document);
	tell_found(l);
}

static bool is_known(const struct looking *l, const char *id)
{
	for (size_t i = 0; i < l->word_count; i++)
		if (strcmp(l->words[i], id) == 0)
			return true;
	return false;
}

/* Where nothing is nearly right, the chain itself may be what could not be read. */
static void check_names(const struct looking *l, const struct node *policies, const char *what)
{
	for (size_t i = 0; l->is_whole && policies && i < policies->count; i++) {
		const struct node *document = policies->items[i];
		const char *nearest;

		if (is_known(l, document->key))
			continue;
		nearest = str_nearest(document->key, l->words, l->word_count);
		if (nearest)
			diag_add_at(l->d, document->key_line, document->key_column,
				    "%s: policy %.64s: no extension in the chain of switch %s has "
				    "it; the nearest known is %.64s",
				    what, document->key, l->sw->name, nearest);
	}
}

static void check_port(struct looking *l, const struct port_spec *p)
{
	const struct group_spec *group = p->group[0] ? model_group(l->sw, p->group) : NULL;
	struct levels levels = { { l->sw->policies, group ? group->policies : NULL, p->policies } };
	char target[TARGET_MAX];
	char what[TARGET_MAX + 8];

	target_print(target, l->sw->name, p->name);
	(void)snprintf(what, sizeof(what), "port %s", target);
	check_names(l, p->policies, what);
	for (size_t i = 0; i < l->count; i++)
		if (l->features[i]->scope & XVS_PER_PORT)
			decode_one(l, &levels, what, l->owners[i], l->features[i]);
}

static void check_entry(struct looking *l, size_t idx)
{
	const struct chain_spec *spec = &l->sw->chain[idx];
	const struct extension *ext = l->entries[idx].ext;
	struct levels levels = { { l->sw->policies, spec->policies } };
	char what[TARGET_MAX + 16];

	(void)snprintf(what, sizeof(what), "instance %s/%s", l->sw->name, spec->instance);
	check_names(l, spec->policies, what);
	for (uint32_t i = 0; ext && i < ext->feature_count; i++)
		if (ext->features[i].kind == XVS_SETTING &&
		    (ext->features[i].scope & XVS_PER_SWITCH))
			decode_one(l, &levels, what, ext, &ext->features[i]);
}

static void check_all(struct looking *l)
{
	char what[TARGET_MAX + 16];

	(void)snprintf(what, sizeof(what), "switch %s", l->sw->name);
	check_names(l, l->sw->policies, what);
	for (size_t i = 0; i < l->sw->group_count; i++) {
		(void)snprintf(what, sizeof(what), "group %s/%s", l->sw->name,
			       l->sw->groups[i].name);
		check_names(l, l->sw->groups[i].policies, what);
	}
	for (size_t i = 0; i < l->sw->chain_count; i++)
		check_entry(l, i);
	for (size_t i = 0; i < l->sw->port_count; i++)
		check_port(l, &l->sw->ports[i]);
	if (switch_spec_has_team(l->sw))
		check_port(l, &l->sw->team.port);
}

/* ---- what the switch knows --------------------------------------------------------------------- */

static void know(struct looking *l, const struct extension *ext, const struct xvs_feature *f)
{
	bool is_former = former_current(ext, f) != f;

	if ((f->kind != XVS_SETTING && !is_former) || l->word_count == KNOWN_MAX)
		return;
	l->words[l->word_count++] = f->id;
	if (is_former)
		return;
	l->owners[l->count] = ext;
	l->features[l->count++] = f;
}

static void know_entry(struct looking *l, const struct catalogue *catalogue,
		       const struct trust *trust, size_t idx)
{
	struct entry *e = &l->entries[idx];
	struct xvs_error err = ERROR_INIT;

	if (catalogue_find(catalogue, trust, &l->sw->chain[idx], &e->module, &e->ext, &err) < 0) {
		*e = (struct entry){ NULL, NULL };
		l->is_whole = false;
		return;
	}
	for (uint32_t i = 0; i < e->ext->feature_count; i++)
		know(l, e->ext, &e->ext->features[i]);
}

static void check_one_switch(struct world *w, const struct trust *trust,
			     const struct switch_spec *sw, struct diags *d)
{
	struct looking *l = calloc(1, sizeof(*l));

	if (l)
		l->entries = calloc(sw->chain_count + 1, sizeof(*l->entries));
	if (!l || !l->entries) {
		free(l);
		return;
	}
	l->sw = sw;
	l->d = d;
	l->is_whole = true;
	for (size_t i = 0; builtin_features[i]; i++)
		know(l, NULL, builtin_features[i]);
	for (size_t i = 0; i < w->catalogue.builtin_count; i++)
		for (uint32_t n = 0; n < w->catalogue.builtins[i].ext->feature_count; n++)
			know(l, w->catalogue.builtins[i].ext,
			     &w->catalogue.builtins[i].ext->features[n]);
	for (size_t i = 0; i < sw->chain_count; i++)
		know_entry(l, &w->catalogue, trust, i);
	check_all(l);
	for (size_t i = 0; i < sw->chain_count; i++)
		module_put(l->entries[i].module);
	free(l->entries);
	free(l);
}

void world_check_documents(struct world *w, const struct config_spec *spec, struct diags *d)
{
	const struct trust now = trust_of(w->model->file->spec);
	struct trust trust = trust_of(spec);

	trust.also = &now; /* as plan_chain.c */
	for (size_t i = 0; i < spec->switch_count; i++)
		check_one_switch(w, &trust, &spec->switches[i], d);
}
