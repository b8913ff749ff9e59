/* SPDX-License-Identifier: Apache-2.0 */
/* switch/plan_level.c - what is wrong with a level before any of its values is looked at. */
#define XVS_USE_DRAFT /* XVS_FORMER */
#include "switch/plan_level.h"

#include <stdio.h>

#include "policy/builtin.h"
#include "policy/field.h"
#include "switch/former.h"
#include "switch/override.h"
#include "xvs/ext/convert.h"

enum { WORDS_MAX = 256 };

void level_complain(struct level *level, const struct node *at, const char *text)
{
	struct position position = { at->key_line, at->key_column };

	if (!level->is_tolerated)
		plan_error(level->p, position, "%s", text);
	else if (level->problem[0] == '\0')
		(void)snprintf(level->problem, sizeof(level->problem), "%.*s", PROBLEM_MAX - 1,
			       text);
}

void level_complain_all(struct level *level, const struct diags *found)
{
	for (size_t i = 0; i < found->count && i < DIAG_MAX; i++) {
		struct node at = { .key_line = found->items[i].line,
				   .key_column = found->items[i].column };

		level_complain(level, &at, found->items[i].text);
	}
}

static size_t known_words(const struct plan_switch *ps, const char *words[WORDS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; builtin_features[i] && count < WORDS_MAX; i++)
		words[count++] = builtin_features[i]->id;
	for (size_t i = 0; i < ps->member_count; i++) {
		const struct extension *ext = ps->members[i].ext;

		for (uint32_t n = 0; ext && n < ext->feature_count && count < WORDS_MAX; n++)
			words[count++] = ext->features[n].id;
	}
	return count;
}

static bool is_chain_whole(const struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->member_count; i++)
		if (!ps->members[i].ext)
			return false;
	return true;
}

static void complain_unknown(struct level *level, const struct node *document)
{
	const char *words[WORDS_MAX];
	const char *nearest = str_nearest(document->key, words, known_words(level->ps, words));
	char text[PROBLEM_MAX];

	/* It may be a feature of what is missing, whose absence is told by the chain. */
	if ((level->is_tolerated || !level->p->is_strict) && !is_chain_whole(level->ps))
		return;
	(void)snprintf(text, sizeof(text),
		       "%s: policy %.64s: no extension in the chain of switch %s has it%s%.64s",
		       level->what, document->key, level->ps->spec->name,
		       nearest ? "; the nearest known is " : "", nearest ? nearest : "");
	level_complain(level, document, text);
}

/* Two revisions of one policy in one place: which of them is meant? */
static void check_twice(struct level *level, const struct node *policies, size_t nr,
			const struct xvs_feature *current)
{
	for (size_t i = 0; i < policies->count; i++) {
		const struct node *other = policies->items[i];
		const struct xvs_feature *f = plan_feature(level->ps, other->key);
		char text[PROBLEM_MAX];

		/* of two former ones, the second is told */
		if (i == nr || !f || plan_current(level->ps, f) != current ||
		    (f->kind == XVS_FORMER && i > nr))
			continue;
		(void)snprintf(
			text, sizeof(text),
			"%s: policy %.64s is a former revision of %.64s, which stands beside it; "
			"keep one",
			level->what, policies->items[nr]->key, f->id);
		level_complain(level, policies->items[nr], text);
		return;
	}
}

void level_check_documents(struct level *level, const struct node *policies)
{
	for (size_t i = 0; policies && i < policies->count; i++) {
		const struct node *document = policies->items[i];
		const struct xvs_feature *f = plan_feature(level->ps, document->key);
		char text[PROBLEM_MAX];

		if (!f) {
			complain_unknown(level, document);
			continue;
		}
		if (f->kind == XVS_FORMER)
			check_twice(level, policies, i, plan_current(level->ps, f));
		if (f->kind != XVS_SETTING && f->kind != XVS_FORMER)
			(void)snprintf(text, sizeof(text),
				       "%s: policy %.64s is reported by the extension and cannot "
				       "be set",
				       level->what, f->id);
		else if (level->scope != 0 && !(f->scope & level->scope))
			(void)snprintf(
				text, sizeof(text),
				level->scope == XVS_PER_PORT
					? "%s: policy %.64s counts for a whole switch; set it "
					  "there"
					: "%s: policy %.64s counts for single ports; set it "
					  "under the policies of switch, group or port",
				level->what, f->id);
		else
			continue;
		level_complain(level, document, text);
	}
}

/* All of it by another revision. */
static bool lets_current(const struct plan_switch *ps, const struct group_spec *group,
			 const char *feature)
{
	for (size_t i = 0; i < ps->member_count; i++)
		if (former_lets(ps->members[i].ext, group, feature))
			return true;
	return false;
}

static void check_one_override(struct level *level, const struct group_spec *group,
			       const struct node *document)
{
	const struct node *forbidden = group_forbids(group, document->key, document);
	bool is_field = forbidden && forbidden != document;
	char text[PROBLEM_MAX];

	if (!forbidden || lets_current(level->ps, group, document->key))
		return;
	(void)snprintf(text, sizeof(text),
		       "%s: group %s, on line %u, does not let its ports set %.64s%s%.64s; list it "
		       "there under override",
		       level->what, group->name, group->at.line, document->key, is_field ? "." : "",
		       is_field ? forbidden->key : "");
	level_complain(level, forbidden, text);
}

void level_check_override(struct level *level, const struct plan_port *pp)
{
	const struct group_spec *group =
		pp->spec->group[0] ? model_group(level->ps->spec, pp->spec->group) : NULL;
	const struct node *policies = pp->spec->policies;

	for (size_t i = 0; group && policies && i < policies->count; i++)
		check_one_override(level, group, policies->items[i]);
}

/* Else nothing is known against it: its feature may be that of an extension that is missing. */
static bool lacks_field(const struct plan_switch *ps, const char *entry)
{
	const char *field = override_field(entry);
	const struct xvs_feature *f;
	char id[OVERRIDE_TEXT];

	if (!field)
		return false;
	(void)snprintf(id, sizeof(id), "%.*s", (int)(field - 1 - entry), entry);
	f = plan_feature(ps, id);
	for (size_t i = 0; f && i < f->fields.count; i++)
		if (strcmp(field_at(&f->fields, i)->name, field) == 0)
			return false;
	return f != NULL;
}

void level_check_listed(struct level *level, const struct group_spec *group)
{
	const struct node at = { .key_line = group->at.line, .key_column = group->at.column };

	for (size_t i = 0; i < group->override_count; i++) {
		char text[PROBLEM_MAX];

		if (!lacks_field(level->ps, group->override[i]))
			continue;
		(void)snprintf(text, sizeof(text),
			       "%s: override lists %.127s, but that policy has no such field",
			       level->what, group->override[i]);
		level_complain(level, &at, text);
	}
}
