/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/model.c - copies share documents and ports by reference; values and marks are small and
 * are copied.
 */
#include "switch/model.h"

#include "switch/decoded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "switch/array.h"

void target_print(char out[TARGET_MAX], const char *switch_name, const char *name)
{
	(void)snprintf(out, TARGET_MAX, "%.63s/%.63s", switch_name, name);
}

static void file_put(struct file_layer *file)
{
	if (!file || --file->refs > 0)
		return;
	decoded_finish(file);
	config_spec_destroy(file->spec);
	free(file->name);
	free(file);
}

static void extra_put(struct extra_port *extra)
{
	if (--extra->refs > 0)
		return;
	port_spec_finish(&extra->spec);
	json_decref(extra->said);
	free(extra);
}

void model_destroy(struct model *m)
{
	if (!m)
		return;
	file_put(m->file);
	for (size_t i = 0; i < m->extra_count; i++)
		extra_put(m->extras[i]);
	for (size_t i = 0; i < m->value_count; i++)
		node_destroy(m->values[i].fields);
	free(m->extras);
	free(m->values);
	free(m->marks);
	free(m->choices);
	free(m->uuids);
	free(m->leases);
	free(m);
}

/* Takes 'spec' in every case. */
static struct file_layer *file_create(struct config_spec *spec, const char *name)
{
	struct file_layer *file = calloc(1, sizeof(*file));

	if (file && name)
		file->name = strdup(name);
	if (!file || (name && !file->name)) {
		config_spec_destroy(spec);
		free(file);
		return NULL;
	}
	file->refs = 1;
	file->spec = spec;
	return file;
}

int model_set_file(struct model *m, struct config_spec *spec, const char *name)
{
	struct file_layer *file = file_create(spec, name);

	if (!file)
		return -ENOMEM;
	file_put(m->file);
	m->file = file;
	return 0;
}

struct model *model_create(void)
{
	struct model *m = calloc(1, sizeof(*m));
	struct config_spec *nothing = calloc(1, sizeof(*nothing));

	if (!m || !nothing || model_set_file(m, nothing, NULL) < 0) {
		if (!m)
			config_spec_destroy(nothing);
		free(m);
		return NULL;
	}
	return m;
}

static int copy_extras(const struct model *m, struct model *copy)
{
	for (size_t i = 0; i < m->extra_count; i++) {
		struct extra_port **place = ARRAY_ADD(&copy->extras, &copy->extra_count);

		if (!place)
			return -ENOMEM;
		*place = m->extras[i];
		(*place)->refs++;
	}
	return 0;
}

static int copy_values(const struct model *m, struct model *copy)
{
	for (size_t i = 0; i < m->value_count; i++) {
		struct override_value *value = ARRAY_ADD(&copy->values, &copy->value_count);

		if (!value)
			return -ENOMEM;
		*value = m->values[i];
		value->fields = value->fields ? node_copy(m->values[i].fields) : NULL;
		if (m->values[i].fields && !value->fields)
			return -ENOMEM;
	}
	return 0;
}

static int copy_marks(const struct model *m, struct model *copy)
{
	for (size_t i = 0; i < m->mark_count; i++) {
		struct mark *mark = ARRAY_ADD(&copy->marks, &copy->mark_count);

		if (!mark)
			return -ENOMEM;
		*mark = m->marks[i];
	}
	for (size_t i = 0; i < m->choice_count; i++)
		if (model_choose(copy, m->choices[i].target, m->choices[i].file) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < m->uuid_count; i++) {
		struct uuid_name *uuid = ARRAY_ADD(&copy->uuids, &copy->uuid_count);

		if (!uuid)
			return -ENOMEM;
		*uuid = m->uuids[i];
	}
	for (size_t i = 0; i < m->lease_count; i++) {
		struct mac_lease *lease = ARRAY_ADD(&copy->leases, &copy->lease_count);

		if (!lease)
			return -ENOMEM;
		*lease = m->leases[i];
	}
	return 0;
}

struct model *model_copy(const struct model *m)
{
	struct model *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->file = m->file;
	copy->file->refs++;
	if (copy_extras(m, copy) < 0 || copy_values(m, copy) < 0 || copy_marks(m, copy) < 0) {
		model_destroy(copy);
		return NULL;
	}
	return copy;
}

int model_add_port(struct model *m, const char *switch_name, struct port_spec *spec,
		   enum owner owner)
{
	struct extra_port *extra = calloc(1, sizeof(*extra));
	struct extra_port **place = extra ? ARRAY_ADD(&m->extras, &m->extra_count) : NULL;

	if (!place) {
		free(extra);
		return -ENOMEM;
	}
	extra->refs = 1;
	extra->owner = owner;
	extra->spec = *spec;
	(void)str_copy(extra->switch_name, sizeof(extra->switch_name), switch_name);
	*place = extra;
	return 0;
}

bool model_remove_port(struct model *m, const char *switch_name, const char *port)
{
	for (size_t i = 0; i < m->extra_count; i++) {
		struct extra_port *extra = m->extras[i];

		if (strcmp(extra->switch_name, switch_name) != 0 ||
		    strcmp(extra->spec.name, port) != 0)
			continue;
		extra_put(extra);
		array_remove(m->extras, &m->extra_count, i, sizeof(struct extra_port *));
		return true;
	}
	return false;
}

const struct switch_spec *model_switch(const struct model *m, const char *name)
{
	const struct config_spec *file = m->file->spec;

	for (size_t i = 0; i < file->switch_count; i++)
		if (strcmp(file->switches[i].name, name) == 0)
			return &file->switches[i];
	return NULL;
}

const struct group_spec *model_group(const struct switch_spec *sw, const char *name)
{
	for (size_t i = 0; i < sw->group_count; i++)
		if (strcmp(sw->groups[i].name, name) == 0)
			return &sw->groups[i];
	return NULL;
}

static bool is_removed(const struct model *m, const char *switch_name, const char *port)
{
	char target[TARGET_MAX];

	target_print(target, switch_name, port);
	return model_marked(m, MARK_REMOVED, target) || model_marked(m, MARK_GONE, target);
}

const struct port_spec *model_port_at(const struct model *m, const struct switch_spec *sw,
				      size_t nth, enum owner *owner)
{
	for (size_t i = 0; i < sw->port_count; i++) {
		if (is_removed(m, sw->name, sw->ports[i].name) || nth-- > 0)
			continue;
		*owner = OWNER_FILE;
		return &sw->ports[i];
	}
	if (switch_spec_has_team(sw) && nth-- == 0) {
		*owner = OWNER_FILE;
		return &sw->team.port;
	}
	for (size_t i = 0; i < m->extra_count; i++) {
		if (strcmp(m->extras[i]->switch_name, sw->name) != 0 || nth-- > 0)
			continue;
		*owner = m->extras[i]->owner;
		return &m->extras[i]->spec;
	}
	return NULL;
}

const struct port_spec *model_port(const struct model *m, const char *switch_name, const char *port,
				   enum owner *owner)
{
	const struct switch_spec *sw = model_switch(m, switch_name);
	const struct port_spec *spec;

	for (size_t i = 0; sw && (spec = model_port_at(m, sw, i, owner)) != NULL; i++)
		if (strcmp(spec->name, port) == 0)
			return spec;
	return NULL;
}

static struct mark *mark_find(const struct model *m, enum mark_kind kind, const char *target)
{
	for (size_t i = 0; i < m->mark_count; i++)
		if (m->marks[i].kind == kind && strcmp(m->marks[i].target, target) == 0)
			return &m->marks[i];
	return NULL;
}

bool model_marked(const struct model *m, enum mark_kind kind, const char *target)
{
	return mark_find(m, kind, target) != NULL;
}

int model_mark(struct model *m, enum mark_kind kind, const char *target, bool on)
{
	struct mark *mark = mark_find(m, kind, target);

	if (on == (mark != NULL))
		return 0;
	if (!on) {
		array_remove(m->marks, &m->mark_count, (size_t)(mark - m->marks), sizeof(*mark));
		return 0;
	}
	mark = ARRAY_ADD(&m->marks, &m->mark_count);
	if (!mark)
		return -ENOMEM;
	mark->kind = kind;
	(void)str_copy(mark->target, sizeof(mark->target), target);
	return 0;
}

struct override_value *model_value(const struct model *m, const char *target, const char *feature)
{
	for (size_t i = 0; i < m->value_count; i++)
		if (strcmp(m->values[i].target, target) == 0 &&
		    strcmp(m->values[i].feature, feature) == 0)
			return &m->values[i];
	return NULL;
}

/* The fields that count when 'value' comes over 'old'; NULL: out of memory. */
static struct node *fields_over(const struct override_value *old,
				const struct override_value *value)
{
	if (old && old->fields)
		return node_merge(old->fields, value->fields);
	return node_copy(value->fields);
}

int model_set_value(struct model *m, const struct override_value *value)
{
	struct override_value *old = model_value(m, value->target, value->feature);
	struct node *fields = value->fields ? fields_over(old, value) : NULL;
	bool removes = value->removes || (old && old->removes);

	if (value->fields && !fields)
		return -ENOMEM;
	if (!old)
		old = ARRAY_ADD(&m->values, &m->value_count);
	if (!old) {
		node_destroy(fields);
		return -ENOMEM;
	}
	node_destroy(old->fields);
	*old = *value;
	old->fields = fields;
	old->removes = removes;
	return 0;
}

bool model_drop_value(struct model *m, const char *target, const char *feature)
{
	struct override_value *value = model_value(m, target, feature);

	if (!value)
		return false;
	node_destroy(value->fields);
	array_remove(m->values, &m->value_count, (size_t)(value - m->values), sizeof(*value));
	return true;
}

static struct module_choice *choice_find(const struct model *m, const char *target)
{
	for (size_t i = 0; i < m->choice_count; i++)
		if (strcmp(m->choices[i].target, target) == 0)
			return &m->choices[i];
	return NULL;
}

const char *model_choice(const struct model *m, const char *target)
{
	const struct module_choice *choice = choice_find(m, target);

	return choice ? choice->file : NULL;
}

int model_choose(struct model *m, const char *target, const char *file)
{
	struct module_choice *choice = choice_find(m, target);

	if (!file) {
		if (choice)
			array_remove(m->choices, &m->choice_count, (size_t)(choice - m->choices),
				     sizeof(*choice));
		return 0;
	}
	if (!choice)
		choice = ARRAY_ADD(&m->choices, &m->choice_count);
	if (!choice)
		return -ENOMEM;
	(void)str_copy(choice->target, sizeof(choice->target), target);
	(void)str_copy(choice->file, sizeof(choice->file), file);
	return 0;
}

/* Is the object of a mark the file's? */
static bool mark_is_overlay(const struct model *m, const struct mark *mark)
{
	if (mark->kind == MARK_HELD || mark->kind == MARK_GONE)
		return false;
	for (size_t i = 0; i < m->extra_count; i++) {
		char target[TARGET_MAX];

		target_print(target, m->extras[i]->switch_name, m->extras[i]->spec.name);
		if (mark->kind == MARK_BLOCKED && strcmp(target, mark->target) == 0)
			return false;
	}
	return true;
}

void model_drop_overlays(struct model *m)
{
	for (size_t i = m->value_count; i-- > 0;)
		if (m->values[i].is_overlay)
			(void)model_drop_value(m, m->values[i].target, m->values[i].feature);
	for (size_t i = m->mark_count; i-- > 0;)
		if (mark_is_overlay(m, &m->marks[i]))
			array_remove(m->marks, &m->mark_count, i, sizeof(m->marks[0]));
}

/* Does the file or somebody else name this object?  A port marked as removed is still named. */
static bool is_wanted(const struct model *m, const char *target)
{
	const char *slash = strchr(target, '/');
	char name[64];
	const struct switch_spec *sw;

	(void)snprintf(name, sizeof(name), "%.*s",
		       (int)(slash ? slash - target : (ptrdiff_t)strlen(target)), target);
	sw = model_switch(m, name);
	if (!sw || !slash)
		return sw != NULL;
	for (size_t i = 0; i < sw->port_count; i++)
		if (strcmp(sw->ports[i].name, slash + 1) == 0)
			return true;
	if (switch_spec_has_team(sw) && strcmp(sw->team.port.name, slash + 1) == 0)
		return true;
	for (size_t i = 0; i < sw->chain_count; i++)
		if (strcmp(sw->chain[i].instance, slash + 1) == 0)
			return true;
	for (size_t i = 0; i < m->extra_count; i++)
		if (strcmp(m->extras[i]->switch_name, name) == 0 &&
		    strcmp(m->extras[i]->spec.name, slash + 1) == 0)
			return true;
	return false;
}

void model_prune(struct model *m)
{
	for (size_t i = m->extra_count; i-- > 0;)
		if (!is_wanted(m, m->extras[i]->switch_name))
			(void)model_remove_port(m, m->extras[i]->switch_name,
						m->extras[i]->spec.name);
	for (size_t i = m->value_count; i-- > 0;)
		if (!is_wanted(m, m->values[i].target))
			(void)model_drop_value(m, m->values[i].target, m->values[i].feature);
	for (size_t i = m->mark_count; i-- > 0;)
		if (!is_wanted(m, m->marks[i].target))
			array_remove(m->marks, &m->mark_count, i, sizeof(m->marks[0]));
	for (size_t i = m->choice_count; i-- > 0;)
		if (!is_wanted(m, m->choices[i].target))
			array_remove(m->choices, &m->choice_count, i, sizeof(m->choices[0]));
	for (size_t i = m->uuid_count; i-- > 0;)
		if (!is_wanted(m, m->uuids[i].target))
			array_remove(m->uuids, &m->uuid_count, i, sizeof(m->uuids[0]));
}

int model_uuid(struct model *m, const char *target, const uint8_t *wanted, uint8_t out[16])
{
	struct uuid_name *uuid = NULL;

	for (size_t i = 0; i < m->uuid_count && !uuid; i++)
		if (strcmp(m->uuids[i].target, target) == 0)
			uuid = &m->uuids[i];
	if (!uuid) {
		uuid = ARRAY_ADD(&m->uuids, &m->uuid_count);
		if (!uuid)
			return -ENOMEM;
		(void)str_copy(uuid->target, sizeof(uuid->target), target);
		uuid_make(uuid->uuid);
	}
	if (wanted)
		memcpy(uuid->uuid, wanted, sizeof(uuid->uuid));
	memcpy(out, uuid->uuid, sizeof(uuid->uuid));
	return 0;
}

/* Where the lease of this port is, or belongs. */
static size_t lease_place(const struct model *m, const uint8_t uuid[16])
{
	size_t low = 0;
	size_t high = m->lease_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(m->leases[middle].uuid, uuid, 16) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const uint8_t *model_lease(const struct model *m, const uint8_t uuid[16])
{
	size_t at = lease_place(m, uuid);

	if (at == m->lease_count || memcmp(m->leases[at].uuid, uuid, 16) != 0)
		return NULL;
	return m->leases[at].mac;
}

int model_add_lease(struct model *m, const uint8_t uuid[16], const uint8_t mac[6])
{
	size_t at = lease_place(m, uuid);
	size_t behind = m->lease_count - at;

	if (!ARRAY_ADD(&m->leases, &m->lease_count))
		return -ENOMEM;
	memmove(&m->leases[at + 1], &m->leases[at], behind * sizeof(m->leases[0]));
	memcpy(m->leases[at].uuid, uuid, 16);
	memcpy(m->leases[at].mac, mac, 6);
	return 0;
}

bool model_document(const struct model *m, const char *target, const char *feature,
		    const struct node *base, struct node **out)
{
	const struct override_value *value = model_value(m, target, feature);
	const struct node *below = value && value->removes ? NULL : base;
	const struct node *above = value ? value->fields : NULL;

	if (!below && !above) {
		*out = NULL;
		return true;
	}
	if (below && above)
		*out = node_merge(below, above);
	else
		*out = node_copy(below ? below : above);
	return *out != NULL;
}
