/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/catalogue.c - every module of the directories, once.
 *
 * The same bytes are the same module (module_load() counts references), so that a refresh
 * recognises what it has by its pointer.
 */
#include "switch/catalogue.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ext/module_file.h"
#include "ext/module_ref.h"
#include "policy/schema.h"
#include "switch/array.h"

/* The loader checked each table for itself; this is what decoder, printer and help rely on. */
static int features_check(const struct extension *ext, struct xvs_error *err)
{
	for (uint32_t i = 0; i < ext->feature_count; i++) {
		int code = schema_check(&ext->features[i], err);

		if (code)
			return code;
	}
	return 0;
}

/* ---- of this program --------------------------------------------------------------------------- */

/* The name of an extension that is no vendor's: its features are called so as well. */
static const char builtin_prefix[] = "xvs.";

static bool is_builtin_name(const char *id)
{
	return strncmp(id, builtin_prefix, sizeof(builtin_prefix) - 1) == 0;
}

static int build_in_one(struct catalogue *c, struct module *module, const struct extension *ext,
			struct xvs_error *err)
{
	struct builtin_extension *b;
	int code = features_check(ext, err);

	if (code)
		return error_context(err, "built-in %s", ext->id);
	b = ARRAY_ADD(&c->builtins, &c->builtin_count);
	if (!b)
		return error_set(err, -ENOMEM, "", "out of memory");
	b->module = module_get(module);
	b->ext = ext;
	(void)str_copy(b->spec.instance, sizeof(b->spec.instance), ext->id);
	(void)str_copy(b->spec.extension, sizeof(b->spec.extension), ext->id);
	return 0;
}

int catalogue_build_in(struct catalogue *c, const struct xvs_module *raw, struct xvs_error *err)
{
	const struct extension *exts;
	struct module *module;
	uint32_t count;
	int code = module_builtin(raw, "xvs", interface_is_offered, &module, err);

	if (code)
		return code;
	exts = module_extensions(module, &count);
	for (uint32_t i = 0; code == 0 && i < count; i++)
		code = build_in_one(c, module, &exts[i], err);
	module_put(module);
	return code;
}

const struct builtin_extension *catalogue_builtin(const struct catalogue *c, const char *id)
{
	for (size_t i = 0; i < c->builtin_count; i++)
		if (strcmp(c->builtins[i].ext->id, id) == 0)
			return &c->builtins[i];
	return NULL;
}

/* ---- of the directories ------------------------------------------------------------------------ */

struct trust trust_of(const struct config_spec *spec)
{
	const struct trust_spec *from = &spec->extensions.trust;
	struct trust trust = {
		.keys = from->keys,
		.key_count = from->key_count,
		.is_required = from->is_required,
	};

	(void)trust_spec_until(from, &trust.until); /* checked when it was read */
	return trust;
}

static const struct extension *find_lent(const struct catalogue *c, const char *id)
{
	for (size_t i = 0; i < c->lent_count; i++)
		if (strcmp(c->lent[i]->id, id) == 0)
			return c->lent[i];
	return NULL;
}

/* One whose features are not sound is let go again. */
static int take_found(const char *id, struct module **module, const struct extension *ext,
		      struct xvs_error *err)
{
	int code = features_check(ext, err);

	if (code == 0)
		return 0;
	(void)error_context(err, "extension %s (%s)", id, module_path(*module));
	module_put(*module);
	return code;
}

int catalogue_load(const char *path, const struct trust *trust, const struct chain_spec *entry,
		   struct module **module, const struct extension **ext, struct xvs_error *err)
{
	const char *id = entry->extension;
	const struct extension *all;
	uint32_t count;
	int code = (entry->isolation == ISOLATION_PROCESS ? module_load_isolated : module_load)(
		path, trust, interface_is_offered, module, err);

	if (code)
		return code;
	all = module_extensions(*module, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(all[i].id, id) != 0)
			continue;
		*ext = &all[i];
		return take_found(id, module, *ext, err);
	}
	code = error_set(err, -ENOENT, "", "%s: holds %s, not extension %s", path,
			 count ? all[0].id : "nothing", id);
	module_put(*module);
	return code;
}

int catalogue_find(const struct catalogue *c, const struct trust *trust,
		   const struct chain_spec *entry, struct module **module,
		   const struct extension **ext, struct xvs_error *err)
{
	const char *id = entry->extension;
	const struct module_places places = { c->dirs, c->dir_count, trust, interface_is_offered,
					      entry->isolation == ISOLATION_PROCESS };
	const struct builtin_extension *builtin = catalogue_builtin(c, id);
	int code = 0;

	if (builtin) {
		*module = module_get(builtin->module);
		*ext = builtin->ext;
		return 0;
	}
	if (is_builtin_name(id))
		return error_set(err, -ENOENT, "",
				 "extension %s: ids that begin with %s are of this program, which "
				 "has no such extension",
				 id, builtin_prefix);
	*ext = find_lent(c, id);
	if (*ext)
		*module = module_get((*ext)->module);
	else
		code = module_find(&places, id, module, ext, err);
	return code ? code : take_found(id, module, *ext, err);
}

static bool is_known(const struct catalogue *c, const struct module *module)
{
	for (size_t i = 0; i < c->module_count; i++)
		if (c->modules[i] == module)
			return true;
	return false;
}

static int add_file(struct catalogue *c, const struct trust *trust, const char *dir,
		    const char *name)
{
	struct xvs_error err = ERROR_INIT;
	struct module **place;
	struct module *module;
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return 0;
	if (module_load_known(path, trust, interface_is_offered, &module, &err) < 0)
		return 0;
	if (is_known(c, module)) {
		module_put(module);
		return 0;
	}
	place = ARRAY_ADD(&c->modules, &c->module_count);
	if (!place) {
		module_put(module);
		return -ENOMEM;
	}
	*place = module;
	return 0;
}

static int is_module_file(const struct dirent *entry)
{
	return module_file_is_name(entry->d_name);
}

static int add_directory(struct catalogue *c, const struct trust *trust, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_module_file, alphasort);
	int result = 0;

	for (int i = 0; i < n; i++) {
		if (result == 0)
			result = add_file(c, trust, dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return result;
}

int catalogue_refresh(struct catalogue *c, const struct trust *trust)
{
	for (size_t i = 0; i < c->dir_count; i++)
		if (add_directory(c, trust, c->dirs[i]) < 0)
			return -ENOMEM;
	return 0;
}

void catalogue_finish(struct catalogue *c)
{
	for (size_t i = 0; i < c->module_count; i++)
		module_put(c->modules[i]);
	free(c->modules);
	for (size_t i = 0; i < c->builtin_count; i++)
		module_put(c->builtins[i].module);
	free(c->builtins);
	c->modules = NULL;
	c->module_count = 0;
	c->builtins = NULL;
	c->builtin_count = 0;
}

static bool is_sound(const struct extension *ext)
{
	return !is_builtin_name(ext->id) && features_check(ext, NULL) == 0;
}

bool catalogue_each(const struct catalogue *c,
		    bool (*fn)(void *arg, const struct module *module, const struct extension *ext),
		    void *arg)
{
	for (size_t i = 0; i < c->builtin_count; i++)
		if (fn(arg, c->builtins[i].module, c->builtins[i].ext))
			return true;
	for (size_t i = 0; i < c->lent_count; i++)
		if (is_sound(c->lent[i]) && fn(arg, c->lent[i]->module, c->lent[i]))
			return true;
	for (size_t i = 0; i < c->module_count; i++) {
		uint32_t count;
		const struct extension *exts = module_extensions(c->modules[i], &count);

		for (uint32_t n = 0; n < count; n++)
			if (is_sound(&exts[n]) && fn(arg, c->modules[i], &exts[n]))
				return true;
	}
	return false;
}
