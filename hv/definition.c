/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/definition.c - the keys of a definition, and what they must be among one another.
 */
#include "definition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/str.h"
#include "reading.h"

enum { MEMORY_MIN_MIB = 16, MEMORY_MAX_MIB = 16 << 20, DISK_MAX_MIB = 64 << 20 };
enum { SHUTDOWN_S = 60, SHUTDOWN_MAX_S = 3600 };

/* In the order of the enums in spec.h. */
static const char *const format_words[] = { "qcow2", "raw", "vhdx", NULL };
static const char *const bus_words[] = { "virtio", "sata", NULL };
static const char *const model_words[] = { "virtio", "e1000e", NULL };
static const char *const link_words[] = { "vhost-user", "tap", NULL };
static const char *const accel_words[] = { "auto", "kvm", "tcg", NULL };
static const char *const restart_words[] = { "never", "on-failure", "always", NULL };
static const char *const display_words[] = { "none", "vnc", NULL };

static const struct key disk_keys[] = {
	{ "name", KEY_NAME, .is_required = true, SIZED(disk_spec, name) },
	{ "file", KEY_PATH, SIZED(disk_spec, file) },
	{ "format", KEY_WORD, AT(disk_spec, format), .words = format_words },
	{ "bus", KEY_WORD, AT(disk_spec, bus), .words = bus_words },
	{ "size", KEY_SIZE, AT(disk_spec, size), .min = 1, .max = DISK_MAX_MIB },
	{ "fixed", KEY_BOOL, AT(disk_spec, is_fixed) },
	{ "read_only", KEY_BOOL, AT(disk_spec, is_read_only) },
};

static const struct key adapter_keys[] = {
	{ "name", KEY_NAME, .is_required = true, SIZED(adapter_spec, name) },
	{ "switch", KEY_NAME, .is_required = true, SIZED(adapter_spec, switch_name) },
	{ "port", KEY_NAME, SIZED(adapter_spec, port) },
	{ "uuid", KEY_UUID, AT(adapter_spec, uuid),
	  .aux = offsetof(struct adapter_spec, has_uuid) },
	{ "model", KEY_WORD, AT(adapter_spec, model), .words = model_words },
	{ "link", KEY_WORD, AT(adapter_spec, link), .words = link_words,
	  .aux = offsetof(struct adapter_spec, has_link) },
	{ "mac", KEY_MAC, AT(adapter_spec, mac), .aux = offsetof(struct adapter_spec, has_mac) },
	{ "queues", KEY_COUNT, AT(adapter_spec, queues), .min = 1, .max = SPEC_QUEUES, .dflt = 1 },
	{ "group", KEY_NAME, SIZED(adapter_spec, group) },
	{ "requires", KEY_NAMES, LISTED(adapter_spec, requires, require_count) },
	{ "policies", KEY_POLICIES, AT(adapter_spec, policies) },
	{ "failover_policies", KEY_POLICIES, AT(adapter_spec, failover_policies) },
};

static const struct section section_disk = { "disk", disk_keys, COUNT(disk_keys),
					     sizeof(struct disk_spec) };
static const struct section section_adapter = { "adapter", adapter_keys, COUNT(adapter_keys),
						sizeof(struct adapter_spec) };

static const struct key vm_keys[] = {
	{ "name", KEY_NAME, .is_required = true, SIZED(vm_spec, name) },
	{ "uuid", KEY_UUID, AT(vm_spec, uuid), .aux = offsetof(struct vm_spec, has_uuid) },
	{ "generation", KEY_COUNT, AT(vm_spec, generation), .min = 1, .max = 2, .dflt = 2 },
	{ "machine", KEY_NAME, SIZED(vm_spec, machine) },
	{ "memory", KEY_SIZE, .is_required = true, AT(vm_spec, memory), .min = MEMORY_MIN_MIB,
	  .max = MEMORY_MAX_MIB },
	{ "hugepages", KEY_BOOL, AT(vm_spec, has_hugepages) },
	{ "cpus", KEY_COUNT, AT(vm_spec, cpus), .min = 1, .max = SPEC_CPUS, .dflt = 1 },
	{ "cpu", KEY_NAME, SIZED(vm_spec, cpu), .dflt_text = "auto" },
	{ "accel", KEY_WORD, AT(vm_spec, accel), .words = accel_words },
	{ "kernel", KEY_PATH, SIZED(vm_spec, kernel) },
	{ "initrd", KEY_PATH, SIZED(vm_spec, initrd) },
	{ "cmdline", KEY_TEXT, SIZED(vm_spec, cmdline) },
	{ "cd", KEY_PATH, SIZED(vm_spec, cd) },
	{ "boot", KEY_NAMES, LISTED(vm_spec, boot, boot_count) },
	{ "display", KEY_WORD, AT(vm_spec, display), .words = display_words },
	{ "serials", KEY_NAMES, LISTED(vm_spec, serials, serial_count) },
	{ "restart", KEY_WORD, AT(vm_spec, restart), .words = restart_words },
	{ "autostart", KEY_BOOL, AT(vm_spec, is_autostart) },
	{ "shutdown", KEY_COUNT, AT(vm_spec, shutdown_s), .min = 1, .max = SHUTDOWN_MAX_S,
	  .dflt = SHUTDOWN_S },
	{ "disks", KEY_LIST, LISTED(vm_spec, disks, disk_count), .section = &section_disk },
	{ "adapters", KEY_LIST, LISTED(vm_spec, adapters, adapter_count),
	  .section = &section_adapter },
};

static const struct section section_vm = { "vm", vm_keys, COUNT(vm_keys), sizeof(struct vm_spec) };

/* ---- one thing -------------------------------------------------------------------------------- */

void spec_finish(struct vm_spec *s)
{
	for (uint32_t i = 0; i < s->adapter_count; i++) {
		json_decref(s->adapters[i].policies);
		s->adapters[i].policies = NULL;
		json_decref(s->adapters[i].failover_policies);
		s->adapters[i].failover_policies = NULL;
	}
}

enum firmware spec_firmware(const struct vm_spec *s)
{
	return s->generation == 2 && !s->kernel[0] ? FIRMWARE_UEFI : FIRMWARE_BIOS;
}

const char *disk_format_name(enum disk_format format)
{
	return format_words[format];
}

/* ---- among one another ------------------------------------------------------------------------ */

/* Where an item of a list stands; its list, or the document. */
static const struct node *place_of(const struct node *root, const char *list, uint32_t i)
{
	const struct node *n = node_get(root, list);

	return n && i < n->count ? n->items[i] : root;
}

static bool is_bootable(const struct vm_spec *s, const char *name)
{
	if (strcmp(name, "cd") == 0)
		return s->cd[0] != '\0';
	for (uint32_t i = 0; i < s->disk_count; i++) {
		if (strcmp(s->disks[i].name, name) == 0)
			return true;
	}
	for (uint32_t i = 0; i < s->adapter_count; i++) {
		if (strcmp(s->adapters[i].name, name) == 0)
			return true;
	}
	return false;
}

static void check_boot(const struct node *root, const struct vm_spec *s, struct diags *d)
{
	for (uint32_t i = 0; i < s->boot_count; i++) {
		if (!is_bootable(s, s->boot[i]))
			diag_add(d, place_of(root, "boot", i),
				 "boot: there is no disk or adapter \"%s\"%s", s->boot[i],
				 strcmp(s->boot[i], "cd") == 0 ? ", and no cd" : "");
	}
	if (s->initrd[0] && !s->kernel[0])
		diag_add(d, node_get(root, "initrd"), "initrd: it needs a kernel");
	if (s->cmdline[0] && !s->kernel[0])
		diag_add(d, node_get(root, "cmdline"), "cmdline: it needs a kernel");
}

static void check_machine(const struct node *root, const struct vm_spec *s, struct diags *d)
{
	const char *prefix = s->generation == 1 ? "pc-i440fx-" : "pc-q35-";

	if (s->machine[0] && strncmp(s->machine, prefix, strlen(prefix)) != 0)
		diag_add(d, node_get(root, "machine"),
			 "machine: generation %u is a %sVERSION, not %s", s->generation, prefix,
			 s->machine);
}

static void check_disk(const struct node *at, const struct disk_spec *disk, struct diags *d)
{
	if (disk->is_read_only && disk->size)
		diag_add(d, at, "disk %s: one that is made empty cannot be read_only", disk->name);
	if (!disk->file[0] && !disk->size)
		diag_add(d, at, "disk %s: either a file that is there or a size is needed",
			 disk->name);
	if (disk->is_fixed && !disk->size)
		diag_add(d, at, "disk %s: fixed says how a disk is made, and needs its size",
			 disk->name);
}

/* The first place is the CD's. */
static void check_sata(const struct node *root, const struct vm_spec *s, struct diags *d)
{
	uint32_t most = s->generation == 1 ? 3 : 5;
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->disk_count; i++)
		count += s->disks[i].bus == DISK_SATA;
	if (count > most)
		diag_add(d, node_get(root, "disks"),
			 "disks: a machine of generation %u has at most %u on bus sata",
			 s->generation, most);
}

static void check_disks(const struct node *root, const struct vm_spec *s, struct diags *d)
{
	for (uint32_t i = 0; i < s->disk_count; i++) {
		const struct node *at = place_of(root, "disks", i);

		check_disk(at, &s->disks[i], d);
		if (strcmp(s->disks[i].name, "cd") == 0)
			diag_add(d, at, "disk cd: this name is the CD's");
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(s->disks[i].name, s->disks[j].name) == 0)
				diag_add(d, at, "disk %s: another one has this name",
					 s->disks[i].name);
			else if (s->disks[i].file[0] &&
				 strcmp(s->disks[i].file, s->disks[j].file) == 0)
				diag_add(d, at, "disk %s: disk %s has this file already",
					 s->disks[i].name, s->disks[j].name);
		}
	}
}

static bool is_adapter_equal(const struct adapter_spec *a, const struct adapter_spec *b)
{
	return a->has_mac && b->has_mac && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

/* QEMU hands packets of an e1000e card over by a tap alone. */
static void check_adapter(const struct node *at, const struct adapter_spec *a, struct diags *d)
{
	if (a->model != ADAPTER_E1000E)
		return;
	if (a->has_link && a->link == LINK_VHOST_USER)
		diag_add(d, at, "adapter %s: an e1000e card needs link: tap", a->name);
	if (a->queues > 1)
		diag_add(d, at, "adapter %s: an e1000e card has one queue", a->name);
}

static void check_adapters(const struct node *root, const struct vm_spec *s, struct diags *d)
{
	for (uint32_t i = 0; i < s->adapter_count; i++) {
		const struct adapter_spec *a = &s->adapters[i];
		const struct node *at = place_of(root, "adapters", i);

		check_adapter(at, a, d);
		if (strcmp(a->name, "cd") == 0)
			diag_add(d, at, "adapter cd: this name is the CD's");
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(a->name, s->adapters[j].name) == 0)
				diag_add(d, at, "adapter %s: another one has this name", a->name);
			else if (is_adapter_equal(a, &s->adapters[j]))
				diag_add(d, at, "adapter %s: adapter %s has this MAC address",
					 a->name, s->adapters[j].name);
		}
		for (uint32_t j = 0; j < s->disk_count; j++) {
			if (strcmp(a->name, s->disks[j].name) == 0)
				diag_add(d, at, "adapter %s: a disk has this name", a->name);
		}
	}
}

bool definition_read(const struct node *root, struct vm_spec *out, struct diags *d)
{
	struct vm_spec *s = calloc(1, sizeof(*s));
	size_t before = d->count;

	if (!s) {
		diag_add(d, NULL, "out of memory");
		return false;
	}
	if (section_read(&section_vm, root, s, d)) {
		check_boot(root, s, d);
		check_machine(root, s, d);
		check_disks(root, s, d);
		check_sata(root, s, d);
		check_adapters(root, s, d);
	}
	if (d->count == before)
		*out = *s;
	else
		spec_finish(s);
	free(s);
	return d->count == before;
}

/* ---- what was left out ------------------------------------------------------------------------ */

static void adapter_complete(const struct vm_spec *s, struct adapter_spec *a)
{
	uint8_t random[3];

	if (!a->port[0])
		(void)snprintf(a->port, sizeof(a->port), "%.31s-%.31s", s->name, a->name);
	if (!a->has_uuid)
		uuid_make(a->uuid);
	if (!a->has_link)
		a->link = a->model == ADAPTER_E1000E ? LINK_TAP : LINK_VHOST_USER;
	/* The prefix that QEMU's adapters have had since its first years. */
	random_fill(random, sizeof(random));
	if (!a->has_mac)
		memcpy(a->mac, (uint8_t[]){ 0x52, 0x54, 0, random[0], random[1], random[2] },
		       sizeof(a->mac));
	a->has_uuid = a->has_link = a->has_mac = true;
}

void definition_complete(struct vm_spec *s, const char *const machines[2])
{
	if (!s->has_uuid)
		uuid_make(s->uuid);
	s->has_uuid = true;
	if (!s->machine[0])
		(void)str_copy(s->machine, sizeof(s->machine), machines[s->generation - 1]);
	for (uint32_t i = 0; i < s->adapter_count; i++)
		adapter_complete(s, &s->adapters[i]);
}

bool definition_rename(struct vm_spec *s, const char *name)
{
	return name_is_one(name) && str_copy(s->name, sizeof(s->name), name);
}

json_t *definition_print(const struct vm_spec *s)
{
	return section_print(&section_vm, s);
}
