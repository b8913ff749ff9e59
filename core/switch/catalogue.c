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

int catalogue_find(const struct catalogue *c, const char *id, struct module **module,
		   const struct extension **ext, struct xvs_error *err)
{
	int code = module_find(c->dirs, c->dir_count, id, interface_is_offered, module, ext, err);

	if (code)
		return code;
	code = features_check(*ext, err);
	if (code == 0)
		return 0;
	(void)error_context(err, "extension %s (%s)", id, module_path(*module));
	module_put(*module);
	return code;
}

static bool is_known(const struct catalogue *c, const struct module *module)
{
	for (size_t i = 0; i < c->module_count; i++)
		if (c->modules[i] == module)
			return true;
	return false;
}

static int add_file(struct catalogue *c, const char *dir, const char *name)
{
	struct xvs_error err = ERROR_INIT;
	struct module **place;
	struct module *module;
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return 0;
	if (module_load(path, interface_is_offered, &module, &err) < 0)
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
	size_t len = strlen(entry->d_name);

	return len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

static int add_directory(struct catalogue *c, const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_module_file, alphasort);
	int result = 0;

	for (int i = 0; i < n; i++) {
		if (result == 0)
			result = add_file(c, dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return result;
}

int catalogue_refresh(struct catalogue *c)
{
	for (size_t i = 0; i < c->dir_count; i++)
		if (add_directory(c, c->dirs[i]) < 0)
			return -ENOMEM;
	return 0;
}

void catalogue_finish(struct catalogue *c)
{
	for (size_t i = 0; i < c->module_count; i++)
		module_put(c->modules[i]);
	free(c->modules);
	c->modules = NULL;
	c->module_count = 0;
}

bool catalogue_each(const struct catalogue *c,
		    bool (*fn)(void *arg, const struct module *module, const struct extension *ext),
		    void *arg)
{
	for (size_t i = 0; i < c->module_count; i++) {
		uint32_t count;
		const struct extension *exts = module_extensions(c->modules[i], &count);

		for (uint32_t n = 0; n < count; n++)
			if (features_check(&exts[n], NULL) == 0 && fn(arg, c->modules[i], &exts[n]))
				return true;
	}
	return false;
}
