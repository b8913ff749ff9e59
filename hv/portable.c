/* SPDX-License-Identifier: Apache-2.0 */
/* hv/portable.c - which files a machine has, and their sums. */
#include "portable.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "vm_archive.h"

static struct portable_file *file_add(struct portable_file *out, size_t *count, const char *name,
				      const char *path)
{
	struct portable_file *f = &out[(*count)++];

	memset(f, 0, sizeof(*f));
	(void)str_copy(f->name, sizeof(f->name), name);
	(void)str_copy(f->path, sizeof(f->path), path);
	return f;
}

static void add_disks(const struct vm *vm, struct portable_file *out, size_t *count)
{
	char name[SPEC_NAME + 16];
	char path[SPEC_PATH];

	for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
		const struct disk_spec *disk = &vm->spec.disks[i];

		(void)snprintf(name, sizeof(name), "disk-%s.%s", disk->name,
			       disk_format_name(disk->format));
		disk_path(disk, vm->disks, path);
		(void)file_add(out, count, name, path);
	}
}

static void add_saved(const struct vm *vm, struct portable_file *out, size_t *count)
{
	char name[SPEC_NAME + 16];
	char path[SPEC_PATH + SPEC_NAME];

	(void)snprintf(path, sizeof(path), "%s/memory", vm->folder);
	file_add(out, count, "memory", path)->is_ours = true;
	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		(void)snprintf(name, sizeof(name), "port-%s", vm->spec.adapters[i].name);
		archive_path(vm, "", vm->spec.adapters[i].name, path, sizeof(path));
		file_add(out, count, name, path)->is_ours = true;
	}
}

/* A name that anybody may have written becomes a path only where it is one of a checkpoint. */
static void add_checkpoints(const struct vm *vm, const json_t *checkpoints,
			    struct portable_file *out, size_t *count)
{
	char name[SPEC_NAME + 16];
	char path[SPEC_PATH + SPEC_NAME];

	for (unsigned n = 0; n < json_array_size(checkpoints) && n < CHECKPOINTS_MAX; n++) {
		const json_t *one = json_array_get(checkpoints, n);
		const char *tag = json_string_value(json_object_get(one, "name"));

		for (uint32_t i = 0; tag && checkpoint_is_name(tag) && i < vm->spec.adapter_count;
		     i++) {
			(void)snprintf(name, sizeof(name), "port-%s@%u", vm->spec.adapters[i].name,
				       n);
			archive_path(vm, tag, vm->spec.adapters[i].name, path, sizeof(path));
			file_add(out, count, name, path)->is_ours = true;
		}
	}
}

size_t portable_list(const struct vm *vm, bool is_saved, const json_t *checkpoints,
		     struct portable_file out[PORTABLE_FILES])
{
	const struct vm_spec *s = &vm->spec;
	char path[SPEC_PATH + 16];
	size_t count = 0;

	add_disks(vm, out, &count);
	if (s->kernel[0])
		(void)file_add(out, &count, "kernel", s->kernel);
	if (s->initrd[0])
		(void)file_add(out, &count, "initrd", s->initrd);
	if (s->cd[0])
		(void)file_add(out, &count, "cd", s->cd);
	(void)snprintf(path, sizeof(path), "%s/variables.fd", vm->folder);
	if (spec_firmware(s) == FIRMWARE_UEFI)
		(void)file_add(out, &count, "variables", path);
	if (is_saved)
		add_saved(vm, out, &count);
	add_checkpoints(vm, checkpoints, out, &count);
	return count;
}

static bool sum_take(const char *line, size_t len, struct portable_file *f)
{
	static const char digits[] = "0123456789abcdef";

	if (len != SUM_DIGITS + 2 + strlen(f->name) || strspn(line, digits) != SUM_DIGITS ||
	    line[SUM_DIGITS] != ' ' ||
	    strncmp(line + SUM_DIGITS + 2, f->name, strlen(f->name)) != 0)
		return false;
	memcpy(f->sum, line, SUM_DIGITS);
	f->sum[SUM_DIGITS] = '\0';
	return true;
}

bool portable_sums(const char *text, struct portable_file *files, size_t count)
{
	size_t found = 0;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		for (size_t i = 0; i < count; i++) {
			bool is_new = files[i].sum[0] == '\0';

			if (sum_take(line, strcspn(line, "\n"), &files[i]))
				found += is_new;
		}
	}
	return found == count;
}

json_t *portable_policies(const json_t *told)
{
	json_t *policies = told ? json_object() : NULL;
	const char *feature;
	json_t *one;

	json_object_foreach((json_t *)(uintptr_t)told, feature, one)
	{
		json_t *fields = json_deep_copy(json_object_get(one, "fields"));
		const json_t *defaults = json_object_get(one, "defaults");
		const json_t *name;
		size_t i;

		json_array_foreach((json_t *)(uintptr_t)defaults, i, name)
		{
			if (json_is_string(name))
				(void)json_object_del(fields, json_string_value(name));
		}
		if (json_is_object(fields))
			(void)json_object_set(policies, feature, fields);
		json_decref(fields);
	}
	return policies;
}
