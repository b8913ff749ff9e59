/* SPDX-License-Identifier: Apache-2.0 */
/* switch/feature.c - looks through the extensions that are there; loads the others on demand. */
#include "switch/feature.h"

#include "policy/builtin.h"

static const struct xvs_feature *builtin(const char *id)
{
	for (size_t i = 0; builtin_features[i]; i++)
		if (strcmp(builtin_features[i]->id, id) == 0)
			return builtin_features[i];
	return NULL;
}

static const struct xvs_feature *of_extension(const struct extension *ext, const char *id)
{
	for (uint32_t i = 0; ext && i < ext->feature_count; i++)
		if (strcmp(ext->features[i].id, id) == 0)
			return &ext->features[i];
	return NULL;
}

const struct xvs_feature *switch_feature(const struct vswitch *sw, const char *id)
{
	const struct xvs_feature *f = builtin(id);

	for (size_t i = 0; !f && i < sw->member_count; i++)
		f = of_extension(sw->members[i]->ext, id);
	return f;
}

const struct extension *switch_feature_owner(const struct vswitch *sw, const struct xvs_feature *f)
{
	for (size_t i = 0; i < sw->member_count; i++)
		if (of_extension(sw->members[i]->ext, f->id) == f)
			return sw->members[i]->ext;
	return NULL;
}

struct list {
	const struct xvs_feature **items;
	size_t count;
	bool has_failed;
};

static void list_add(struct list *list, const struct xvs_feature *f)
{
	const struct xvs_feature **place;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i]->id, f->id) == 0)
			return;
	place = ARRAY_ADD(&list->items, &list->count);
	if (place)
		*place = f;
	else
		list->has_failed = true;
}

static bool add_extension(void *arg, const struct module *module, const struct extension *ext)
{
	struct list *list = arg;

	(void)module;
	for (uint32_t i = 0; i < ext->feature_count; i++)
		list_add(list, &ext->features[i]);
	return list->has_failed;
}

const struct xvs_feature **world_features(struct world *w, size_t *count)
{
	const struct trust trust = trust_of(w->model->file->spec);
	struct list list = { 0 };

	for (size_t i = 0; builtin_features[i]; i++)
		list_add(&list, builtin_features[i]);
	(void)catalogue_refresh(&w->catalogue, &trust);
	(void)catalogue_each(&w->catalogue, add_extension, &list);
	if (list.has_failed) {
		free(list.items);
		list = (struct list){ 0 };
	}
	*count = list.count;
	return list.items;
}

static const struct xvs_feature *in_chains(const struct world *w, const char *id)
{
	const struct xvs_feature *f = NULL;

	for (size_t i = 0; !f && i < w->switch_count; i++)
		f = switch_feature(w->switches[i], id);
	return f;
}

static const char *nearest_of(const struct xvs_feature **features, size_t count, const char *id)
{
	const char **words = calloc(count + 1, sizeof(*words));
	const char *nearest;

	if (!words)
		return NULL;
	for (size_t i = 0; i < count; i++)
		words[i] = features[i]->id;
	nearest = str_nearest(id, words, count);
	free(words);
	return nearest;
}

const struct xvs_feature *world_feature(struct world *w, const char *id, const char **nearest)
{
	const struct xvs_feature *found = builtin(id);
	const struct xvs_feature **all;
	size_t count;

	if (nearest)
		*nearest = NULL;
	if (!found)
		found = in_chains(w, id);
	if (found)
		return found;
	all = world_features(w, &count);
	for (size_t i = 0; i < count && !found; i++)
		if (strcmp(all[i]->id, id) == 0)
			found = all[i];
	if (!found && nearest)
		*nearest = nearest_of(all, count, id);
	free(all);
	return found;
}
