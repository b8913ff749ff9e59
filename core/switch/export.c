/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/export.c - all that is wanted, whoever owns it, as one configuration.
 *
 * Applied to an empty daemon it makes the same switches, ports and policies, with the same
 * identities.  What a file cannot say, that a port is blocked or an instance disabled, is left out.
 */
#include <errno.h>

#include "switch/world.h"

/* ---- values set over documents ----------------------------------------------------------------- */

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

/* What counts at this place. */
static int fold(const struct model *m, const struct override_value *v, struct node **policies)
{
	const struct node *base = *policies ? node_get(*policies, v->feature) : NULL;
	struct node *document;

	if (!model_document(m, v->target, v->feature, base, &document))
		return -ENOMEM;
	return put_document(policies, v->feature, document);
}

/* An entry of the chain stands over its switch, so what stands over both goes there. */
static int fold_switch(const struct model *m, const struct override_value *v, struct switch_spec *s)
{
	bool is_in_chain = false;
	int result = 0;

	for (size_t i = 0; i < s->chain_count && result == 0; i++) {
		struct node **policies = &s->chain[i].policies;

		if (!*policies || !node_get(*policies, v->feature))
			continue;
		is_in_chain = true;
		result = fold(m, v, policies);
	}
	if (result == 0 && is_in_chain && v->removes && s->policies)
		(void)node_remove(s->policies, v->feature);
	return result == 0 && !is_in_chain ? fold(m, v, &s->policies) : result;
}

static struct group_spec *group_of(const struct switch_spec *s, const char *name)
{
	for (size_t i = 0; i < s->group_count; i++)
		if (strcmp(s->groups[i].name, name) == 0)
			return &s->groups[i];
	return NULL;
}

/* A file may set at a port of a group what the group lists; an overlay may set anything. */
static int list_override(struct group_spec *group, const char *feature)
{
	char(*grown)[64];

	for (size_t i = 0; i < group->override_count; i++)
		if (strcmp(group->override[i], feature) == 0)
			return 0;
	grown = reallocarray(group->override, group->override_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	group->override = grown;
	(void)str_copy(grown[group->override_count++], sizeof(*grown), feature);
	return 0;
}

static int fold_port(const struct model *m, const struct override_value *v, struct switch_spec *s,
		     struct port_spec *p)
{
	struct group_spec *group = p->group[0] ? group_of(s, p->group) : NULL;
	int result = fold(m, v, &p->policies);

	if (result == 0 && group && v->fields)
		result = list_override(group, v->feature);
	return result;
}

static int fold_values(const struct model *m, struct switch_spec *s)
{
	int result = 0;

	for (size_t i = 0; i < m->value_count && result == 0; i++) {
		const struct override_value *v = &m->values[i];
		char target[TARGET_MAX];

		if (strcmp(v->target, s->name) == 0)
			result = fold_switch(m, v, s);
		for (size_t n = 0; n < s->port_count && result == 0; n++) {
			target_print(target, s->name, s->ports[n].name);
			if (strcmp(v->target, target) == 0)
				result = fold_port(m, v, s, &s->ports[n]);
		}
		target_print(target, s->name, s->team.port.name);
		if (result == 0 && strcmp(v->target, target) == 0)
			result = fold_port(m, v, s, &s->team.port);
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

static int export_switch(const struct model *m, const struct switch_spec *from,
			 struct switch_spec *to)
{
	if (switch_spec_copy(from, to) < 0)
		return -ENOMEM;
	to->has_uuid = uuid_of(m, from->name, to->uuid);
	if (put_ports(m, from, to) < 0)
		return -ENOMEM;
	return fold_values(m, to);
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

		if (!place || export_switch(m, &file->switches[i], place) < 0)
			goto err_destroy;
	}
	return spec;

err_destroy:
	config_spec_destroy(spec);
	return NULL;
}
