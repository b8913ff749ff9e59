/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving_check.c - would this host take the machine?  Every reason against it, not the first.
 *
 * What the switch says of the ports is asked of xvsd; this is the rest.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "arriving_offer.h"
#include "base/str.h"
#include "command.h"
#include "vm.h"

#define MIB (UINT64_C(1) << 20)

struct check {
	const struct hv *hv;
	const struct offer *o;
	const struct offer_terms *terms;
	json_t *findings;
};

/* ---- the machine ------------------------------------------------------------------------------ */

static void check_accel(const struct check *c)
{
	struct xvs_error err = ERROR_INIT;
	bool is_kvm = false;

	if (!facts_is_kvm(&c->hv->facts, c->o->spec.accel, &is_kvm, &err))
		finding_put(c->findings, "accelerator", true, "%s", err.text);
	else if (c->o->is_kvm && !is_kvm)
		finding_put(c->findings, "accelerator", true,
			    "it runs by KVM, which does not work on this host: %s",
			    c->hv->facts.accel.reason);
	else if (!c->o->is_kvm && is_kvm)
		finding_put(c->findings, "accelerator", true,
			    "it is emulated and would run by KVM on this host; define it with "
			    "accel: tcg, or start it anew here");
}

static void check_cpu(const struct check *c)
{
	const struct facts *f = &c->hv->facts;
	const char *cpu = c->o->cpu;
	bool is_whatever = strcmp(cpu, "max") == 0 || strcmp(cpu, "host") == 0;

	if (!facts_has_cpu(f, cpu))
		finding_put(c->findings, "cpu", true, "QEMU of this host knows no model %s", cpu);
	if (is_whatever && strcmp(c->o->qemu, f->version) != 0)
		finding_put(
			c->findings, "cpu", true,
			"%s is whatever QEMU offers, and that is %s there and %s here; give it a "
			"model by name",
			cpu, c->o->qemu, f->version);
	if (is_whatever && c->o->is_kvm && strcmp(c->o->processor, f->processor) != 0)
		finding_put(c->findings, "cpu", true,
			    "%s is whatever the processor offers, and that is \"%s\" there and "
			    "\"%s\" here; give it a model by name",
			    cpu, c->o->processor, f->processor);
}

static void check_machine(const struct check *c)
{
	const struct facts *f = &c->hv->facts;
	const struct vm_spec *s = &c->o->spec;

	if (!f->version[0]) {
		finding_put(c->findings, "qemu", true, "QEMU cannot be run on this host: %s",
			    f->problem);
		return;
	}
	check_accel(c);
	check_cpu(c);
	if (!facts_has_machine(f, s->machine))
		finding_put(c->findings, "machine", true, "QEMU %s of this host does not have %s",
			    f->version, s->machine);
	if (spec_firmware(s) == FIRMWARE_UEFI && !f->firmware[0])
		finding_put(c->findings, "firmware", true,
			    "it boots by UEFI, which is not installed on this host: the package is "
			    "ovmf");
	if (strcmp(c->o->qemu, f->version) != 0)
		finding_put(c->findings, "qemu", false, "it is QEMU %s there and %s here",
			    c->o->qemu, f->version);
}

/* See memory_of() of command.c: pages of that size leave no room for the way around. */
static void check_hugepages(const struct check *c)
{
	if (!c->o->is_kvm && c->o->spec.has_hugepages)
		finding_put(c->findings, "memory", true,
			    "QEMU loses writes of emulated machines with huge pages while they "
			    "move; define it without them");
}

static void check_memory(const struct check *c)
{
	const struct vm_spec *s = &c->o->spec;
	uint64_t free_bytes = facts_free_memory(s->has_hugepages);

	free_bytes -= c->terms->promised < free_bytes ? c->terms->promised : free_bytes;
	if (s->memory > free_bytes)
		finding_put(c->findings, "memory", true,
			    "%" PRIu64 " MiB of %s are needed, %" PRIu64
			    " MiB are free on this host",
			    s->memory / MIB, s->has_hugepages ? "huge pages" : "memory",
			    free_bytes / MIB);
}

/* ---- who it is -------------------------------------------------------------------------------- */

static void check_identity(const struct check *c)
{
	const struct vm *same = hv_find(c->hv, c->o->spec.name);
	char what[SPEC_PATH + 64];
	const struct vm *rival = hv_rival(c->hv, &c->o->spec, what, sizeof(what));

	if (same)
		finding_put(c->findings, "name", true,
			    "a machine of this name is on this host already, and %s",
			    vm_state_name(same));
	if (rival)
		finding_put(c->findings, "identity", true, "%s: vm %s of this host has it", what,
			    rival->spec.name);
}

static void check_switches(const struct check *c)
{
	const struct vm_spec *s = &c->o->spec;

	for (uint32_t i = 0; i < s->adapter_count; i++) {
		const struct adapter_spec *a = &s->adapters[i];

		if (!peer_may_use(c->terms->peer, a->switch_name))
			finding_put(c->findings, "switch", true,
				    "adapter %s: machines of %s may not be connected to switch %s: "
				    "see migration.peers of xvs-hv on this host",
				    a->name, c->terms->peer->name, a->switch_name);
	}
}

/* ---- files ------------------------------------------------------------------------------------ */

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Where the file really is, or will be, through all links. */
static bool place_of(const char *path, bool is_there, char out[PATH_MAX])
{
	char folder[PATH_MAX];
	char *slash;

	if (is_there)
		return realpath(path, out) != NULL;
	(void)str_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	return realpath(folder, out) != NULL;
}

static bool is_allowed(const struct check *c, const char *place)
{
	const struct migration_settings *m = &c->hv->settings.migration;
	char folder[PATH_MAX];

	for (uint32_t i = 0; i < m->folder_count; i++) {
		if (realpath(m->folders[i], folder) && is_below(place, folder))
			return true;
	}
	return false;
}

/* A file of a name that the other host gives.  False: it was found fault with. */
static bool check_file(const struct check *c, const char *what, const char *path, bool is_to_be)
{
	bool is_there = access(path, F_OK) == 0;
	char place[PATH_MAX];

	if (is_to_be && is_there)
		finding_put(c->findings, what, true, "%s is on this host already", path);
	else if (!is_to_be && !is_there)
		finding_put(c->findings, what, true, "%s is not on this host", path);
	else if (!place_of(path, is_there, place))
		finding_put(c->findings, what, true, "the folder of %s is not on this host", path);
	else if (!is_allowed(c, place))
		finding_put(c->findings, what, true,
			    "%s is in none of migration.folders of xvs-hv on this host", path);
	else
		return true;
	return false;
}

static void check_disk(const struct check *c, uint32_t i)
{
	const struct disk_spec *disk = &c->o->spec.disks[i];
	bool comes = c->terms->has_disks && !disk->is_read_only;
	char what[SPEC_NAME + 8];

	(void)snprintf(what, sizeof(what), "disk %s", disk->name);
	if (disk->format == DISK_VHDX && !disk->is_read_only)
		finding_put(c->findings, what, true,
			    "QEMU does not move machines that write to vhdx; make it qcow2 by "
			    "\"xvsctl vm move-storage\" first");
	if (disk->file[0])
		(void)check_file(c, what, disk->file, comes);
	else if (!comes)
		finding_put(
			c->findings, what, true,
			"it is in the machine's own folder there, which this host does not see; "
			"it has to come along: --with-storage");
}

/* On each file system; a disk that is not "fixed" takes what it has, and may grow. */
static void check_room(const struct check *c, uint32_t i)
{
	const struct disk_spec *disk = &c->o->spec.disks[i];
	uint64_t need = disk->is_fixed || !c->o->allocated[i] ? c->o->sizes[i] : c->o->allocated[i];
	bool is_sure = disk->is_fixed || c->o->allocated[i];
	char folder[PATH_MAX] = "";
	struct statvfs v;

	if (disk->file[0])
		(void)place_of(disk->file, false, folder);
	else
		store_folder(c->hv->store, ".", folder, sizeof(folder));
	if (!folder[0] || statvfs(folder, &v) || (uint64_t)v.f_bavail * v.f_frsize >= need)
		return;
	finding_put(c->findings, "room", is_sure,
		    "disk %s: %" PRIu64 " MiB are needed, %" PRIu64
		    " MiB are free where it would be",
		    disk->name, need / MIB, (uint64_t)v.f_bavail * v.f_frsize / MIB);
}

static void check_files(const struct check *c)
{
	const struct vm_spec *s = &c->o->spec;

	for (uint32_t i = 0; i < s->disk_count; i++) {
		check_disk(c, i);
		if (c->terms->has_disks && !s->disks[i].is_read_only)
			check_room(c, i);
	}
	if (s->kernel[0])
		(void)check_file(c, "kernel", s->kernel, false);
	if (s->initrd[0])
		(void)check_file(c, "initrd", s->initrd, false);
	if (s->cd[0])
		(void)check_file(c, "cd", s->cd, false);
	if (c->terms->has_disks && json_array_size(c->o->checkpoints))
		finding_put(c->findings, "checkpoints", false,
			    "%zu checkpoints are inside disks that are copied without them",
			    json_array_size(c->o->checkpoints));
}

void offer_check(const struct hv *hv, const struct offer *o, const struct offer_terms *terms,
		 json_t *findings)
{
	const struct check c = { hv, o, terms, findings };

	check_machine(&c);
	check_hugepages(&c);
	check_memory(&c);
	check_identity(&c);
	check_switches(&c);
	check_files(&c);
}
