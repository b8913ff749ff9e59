/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_disks.c - disks that are made by qemu-img, one after the other, as QEMU's user.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "tool.h"
#include "vm.h"

static const struct disk_spec *current(const struct vm *vm)
{
	return &vm->spec.disks[vm->walk];
}

static void ensure_next(struct vm *vm);

/* qemu-img speaks in lines; the last one says what is wrong. */
static void last_line(const char *output, char *out, size_t size)
{
	size_t len = strlen(output);
	size_t start;

	while (len > 0 && output[len - 1] == '\n')
		len--;
	start = len;
	while (start > 0 && output[start - 1] != '\n')
		start--;
	(void)snprintf(out, size, "%.*s", (int)(len - start), output + start);
}

static void on_made(void *arg, int status, const char *output)
{
	struct vm *vm = arg;
	char line[400];
	char why[512];

	vm->tool = NULL;
	if (status) {
		last_line(output, line, sizeof(line));
		(void)snprintf(why, sizeof(why), "disk %s: %s", current(vm)->name, line);
		vm->walked(vm, -EIO, why);
		return;
	}
	vm->walk++;
	ensure_next(vm);
}

/* "fixed": what the formats call it themselves. */
static const char *option_of(const struct disk_spec *disk)
{
	if (disk->format == DISK_VHDX)
		return disk->is_fixed ? "subformat=fixed" : "subformat=dynamic";
	return disk->is_fixed ? "preallocation=falloc" : NULL;
}

static int disk_make(struct vm *vm, const char *path, struct xvs_error *err)
{
	const struct disk_spec *disk = current(vm);
	const char *option = option_of(disk);
	struct plan p;
	int code;

	plan_init(&p, &vm->user);
	plan_word(&p, "qemu-img");
	plan_word(&p, "create");
	plan_word(&p, "-q");
	plan_option(&p, "-f", "%s", disk_format_name(disk->format));
	if (option)
		plan_option(&p, "-o", "%s", option);
	plan_word(&p, "%s", path);
	plan_word(&p, "%" PRIu64, disk->size);
	code = tool_start(vm->hv->loop, &p, &(struct tool_end){ TOOL_DEADLINE_S, on_made, vm },
			  &vm->tool, err);
	plan_finish(&p);
	/* Also of what it began and could not end. */
	vm->disks_made |= code ? 0 : 1U << vm->walk;
	return code;
}

static void ensure_next(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;
	char path[SPEC_PATH];
	char why[512];

	for (; vm->walk < vm->spec.disk_count; vm->walk++) {
		const struct disk_spec *disk = current(vm);

		disk_path(disk, vm->disks, path);
		if (disk->size && access(path, F_OK))
			break;
	}
	if (vm->walk == vm->spec.disk_count) {
		vm->walked(vm, 0, "");
	} else if (disk_make(vm, path, &err)) {
		(void)snprintf(why, sizeof(why), "disk %s: %s", current(vm)->name, err.text);
		vm->walked(vm, err.code, why);
	}
}

void disks_ensure(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text))
{
	vm->walk = 0;
	vm->disks_made = 0;
	vm->walked = walked;
	ensure_next(vm);
}

void disks_undo(struct vm *vm)
{
	char path[SPEC_PATH];

	for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
		if (!(vm->disks_made & 1U << i))
			continue;
		disk_path(&vm->spec.disks[i], vm->disks, path);
		(void)unlink(path);
	}
	vm->disks_made = 0;
}
