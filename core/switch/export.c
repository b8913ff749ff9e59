/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/export.c - all that is wanted, whoever owns it, as one configuration.
 *
 * Applied to an empty daemon it makes the same switches, ports and policies, with the same
 * identities.  What a file cannot say, that a port is blocked or an instance disabled, is left out.
 */
#define XVS_USE_DRAFT /* XVS_FORMER */
#include <errno.h>
#include <stdio.h>

#include "switch/feature.h"
#include "switch/former.h"
#include "switch/override.h"
#include "switch/world.h"
#include "xvs/ext/convert.h"

/* ---- values set over documents ----------------------------------------------------------------- */

/* A value that is put into the file's place. */
struct folding {
	const struct model *m;
	const struct override_value *v;
	const struct xvs_feature *current; /* of v's revision; NULL: unknown */
	const struct extension *ext;       /* whose that is; NULL: of the switch itself */
	bool is_former;                    /* v is of a revision that has been replaced */
};

static struct folding folding_of(const struct model *m, const struct vswitch *sw,
				 const struct override_value *v)
{
	const struct xvs_feature *f = sw ? switch_feature(sw, v->feature) : NULL;
	const struct extension *ext = f ? switch_feature_owner(sw, f) : NULL;

	return (struct folding){ m, v, f ? former_current(ext, f) : NULL, ext,
				 f && f->kind == XVS_FORMER };
}

/* Puts 'document' (taken; NULL: nothing) in the place of the feature's. */
static int put_document(struct node **policies, const char *feature, struct node *document)
{
	if (*policies)
		(void)node_remove(*policies, feature);
	if (!document)
		return 0;
	if (!*policies)
		*policies = node_create(NODE_MAP);
	if (!*policies) {
		node_destroy(document);
		return -ENOMEM;
	}
	return node_append(*policies, feature, document);
}

static bool is_current(const void *current, const char *id)
{
	return strcmp(current, id) == 0;
}

static bool says_former(const struct folding *g, const struct node *policies)
{
	const struct xvs_feature *former;

	for (size_t n = 0; g->current && (former = former_of(g->ext, g->current, n)); n++)
		if (node_get(policies, former->id))
			return true;
	return false;
}

static void drop_formers(const struct folding *g, struct node *policies)
{
	const struct xvs_feature *former;

	for (size_t n = 0; (former = former_of(g->ext, g->current, n)); n++)
		(void)node_remove(policies, former->id);
}

/*
 * A file has one revision in one place: where two have come together they become one document of
 * today's.  What cannot be converted stays as it is, and the file's reader says why.
 */
static int join(const struct folding *g, struct node **policies)
{
	static struct diags ignored; /* too large for a stack; one control thread */
	const struct former_asking asking = { g->ext, g->v->target, &ignored };
	const struct node *own =
		g->current && *policies ? node_get(*policies, g->current->id) : NULL;
	const struct former_skip skip = { is_current, own ? g->current->id : NULL };
	struct node *former = NULL;
	struct node *merged;
	int code;

	if (!own || !says_former(g, *policies))
		return 0;
	ignored.count = 0;
	code = former_document(&asking, *policies, g->current, &skip, &former);
	if (code < 0)
		return code == -EINVAL ? 0 : code;
	/* what was set is over what was written */
	merged = g->is_former ? node_merge(own, former) : node_merge(former, own);
	node_destroy(former);
	if (!merged)
		return -ENOMEM;
	drop_formers(g, *policies);
	return put_document(policies, g->current->id, merged);
}

/* What counts at this place. */
static int fold(const struct folding *g, struct node **policies)
{
	const struct override_value *v = g->v;
	const struct node *base = *policies ? node_get(*policies, v->feature) : NULL;
	struct node *document;
	int code;

	if (!model_document(g->m, v->target, v->feature, base, &document))
		return -ENOMEM;
	code = put_document(policies, v->feature, document);
	return code < 0 ? code : join(g, policies);
}

/* By whichever revision? */
static bool says(const struct folding *g, const struct node *policies)
{
	return policies && (node_get(policies, g->v->feature) ||
			    (g->v->fields && ((g->current && node_get(policies, g->current->id)) ||
					      says_former(g, policies))));
}

/* An entry of the chain stands over its switch, so what stands over both goes there. */
static int fold_switch(const struct folding *g, struct switch_spec *s)
{
	bool is_in_chain = false;
	int result = 0;

	for (size_t i = 0; i < s->chain_count && result == 0; i++) {
		struct node **policies = &s->chain[i].policies;

		if (!says(g, *policies))
			continue;
		is_in_chain = true;
		result = fold(g, policies);
	}
	if (result == 0 && is_in_chain && g->v->removes && s->policies)
		(void)node_remove(s->policies, g->v->feature);
	return result == 0 && !is_in_chain ? fold(g, &s->policies) : result;
}

static struct group_spec *group_of(const struct switch_spec *s, const char *name)
{
	for (size_t i = 0; i < s->group_count; i++)
		if (strcmp(s->groups[i].name, name) == 0)
			return &s->groups[i];
	return NULL;
}

/* A file may set at a port of a group what the group lists; an overlay may set anything. */
static int list_override(struct group_spec *group, const char *feature, const char *field)
{
	char(*grown)[OVERRIDE_TEXT];

	grown = reallocarray(group->override, group->override_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	group->override = grown;
	(void)snprintf(grown[group->override_count++], sizeof(*grown), "%s%s%s", feature,
		       field ? "." : "", field ? field : "");
	return 0;
}

/* By field where the group does so; all of it where it lists nothing of this feature. */
static int list_overrides(struct group_spec *group, const char *feature, const struct node *fields)
{
	int result = 0;

	if (group_forbids(group, feature, fields) == fields)
		return list_override(group, feature, NULL);
	for (size_t i = 0; result == 0 && i < fields->count; i++) {
		const char *field = fields->items[i]->key;

		if (field && !group_lets_field(group, feature, field))
			result = list_override(group, feature, field);
	}
	return result;
}

static int fold_port(const struct folding *g, struct switch_spec *s, struct port_spec *p)
{
	struct group_spec *group = p->group[0] ? group_of(s, p->group) : NULL;
	const char *feature = g->v->feature;
	int result = fold(g, &p->policies);

	if (result < 0 || !group || !g->v->fields || former_lets(g->ext, group, feature))
		return result;
	if (g->current && !node_get(p->policies, feature)) /* joined */
		feature = g->current->id;
	return list_overrides(group, feature, node_get(p->policies, feature));
}

static int fold_value(const struct folding *g, struct switch_spec *s)
{
	char target[TARGET_MAX];
	int result = 0;

	if (strcmp(g->v->target, s->name) == 0)
		result = fold_switch(g, s);
	for (size_t n = 0; n < s->port_count && result == 0; n++) {
		target_print(target, s->name, s->ports[n].name);
		if (strcmp(g->v->target, target) == 0)
			result = fold_port(g, s, &s->ports[n]);
	}
	target_print(target, s->name, s->team.port.name);
	if (result == 0 && strcmp(g->v->target, target) == 0)
		result = fold_port(g, s, &s->team.port);
	return result;
}

/* Those of former revisions first: what was set by today's counts over them. */
static int fold_values(const struct model *m, const struct vswitch *sw, struct switch_spec *s)
{
	int result = 0;

	for (size_t i = 0; i < 2 * m->value_count && result == 0; i++) {
		const bool is_again = i >= m->value_count;
		const size_t nr = is_again ? i - m->value_count : i;
		const struct folding g = folding_of(m, sw, &m->values[nr]);

		if (g.is_former != is_again)
			result = fold_value(&g, s);
	}
	return result;
}

/* ---- switches ------------------------------------------------------------------------------------ */

static bool uuid_of(const struct model *m, const char *target, uint8_t out[16])
{
	for (size_t i = 0; i < m->uuid_count; i++) {
		if (strcmp(m->uuids[i].target, target) == 0) {
			memcpy(out, m->uuids[i].uuid, 16);
			return true;
		}
	}
	return false;
}

/* Those of all owners, without what was removed. */
static int put_ports(const struct model *m, const struct switch_spec *from, struct switch_spec *to)
{
	const struct port_spec *spec;
	enum owner owner;

	for (size_t i = 0; i < to->port_count; i++)
		port_spec_finish(&to->ports[i]);
	to->port_count = 0;
	for (size_t i = 0; (spec = model_port_at(m, from, i, &owner)) != NULL; i++) {
		struct port_spec *place;
		char target[TARGET_MAX];

		target_print(target, from->name, spec->name);
		if (spec == &from->team.port) {
			to->team.is_wanted = true;
			to->team.port.has_uuid = uuid_of(m, target, to->team.port.uuid);
			continue;
		}
		place = ARRAY_ADD(&to->ports, &to->port_count);
		if (!place || port_spec_copy(spec, place) < 0)
			return -ENOMEM;
		place->has_uuid = uuid_of(m, target, place->uuid);
	}
	return 0;
}

static int export_switch(struct world *w, const struct switch_spec *from, struct switch_spec *to)
{
	const struct model *m = w->model;

	if (switch_spec_copy(from, to) < 0)
		return -ENOMEM;
	to->has_uuid = uuid_of(m, from->name, to->uuid);
	if (put_ports(m, from, to) < 0)
		return -ENOMEM;
	return fold_values(m, world_switch(w, from->name), to);
}

/* ---- the rest ------------------------------------------------------------------------------------ */

static int copy_daemon(const struct daemon_spec *from, struct daemon_spec *to)
{
	*to = *from;
	/* No file has been applied yet. */
	if (to->flows == 0)
		to->flows = FLOWS_WANTED;
	if (!from->cores)
		return 0;
	to->cores = calloc(from->workers, sizeof(*to->cores));
	if (!to->cores)
		return -ENOMEM;
	memcpy(to->cores, from->cores, from->workers * sizeof(*to->cores));
	return 0;
}

static int copy_extensions(const struct extensions_spec *from, struct extensions_spec *to)
{
	to->path = calloc(from->path_count + 1, sizeof(*to->path));
	if (!to->path)
		return -ENOMEM;
	for (size_t i = 0; i < from->path_count; i++) {
		to->path[i] = strdup(from->path[i]);
		if (!to->path[i])
			return -ENOMEM;
		to->path_count++;
	}
	if (trust_spec_copy(&from->trust, &to->trust))
		return -ENOMEM;
	return network_spec_copy(&from->network, &to->network);
}

struct config_spec *world_export(struct world *w)
{
	const struct model *m = w->model;
	const struct config_spec *file = m->file->spec;
	struct config_spec *spec = calloc(1, sizeof(*spec));

	if (!spec || copy_daemon(&file->daemon, &spec->daemon) < 0 ||
	    copy_extensions(&file->extensions, &spec->extensions) < 0 ||
	    migration_spec_copy(&file->migration, &spec->migration) < 0)
		goto err_destroy;
	for (size_t i = 0; i < file->switch_count; i++) {
		struct switch_spec *place = ARRAY_ADD(&spec->switches, &spec->switch_count);

		if (!place || export_switch(w, &file->switches[i], place) < 0)
			goto err_destroy;
	}
	return spec;

err_destroy:
	config_spec_destroy(spec);
	return NULL;
}
