/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/hv.c - all machines: finding one, what two of them may not share, after a start of xvs-hv.
 */
#include "hv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "arriving.h"
#include "base/log.h"
#include "base/str.h"
#include "base/yaml.h"
#include "definition.h"
#include "departing.h"
#include "failover.h"
#include "replica.h"
#include "stone.h"
#include "vm.h"

struct vm *hv_find(const struct hv *hv, const char *name)
{
	for (struct vm *vm = hv->vms; vm; vm = vm->next) {
		if (strcmp(vm->spec.name, name) == 0)
			return vm;
	}
	return NULL;
}

/* ---- what two may not share ------------------------------------------------------------------- */

static void disk_find(const struct hv *hv, const struct vm_spec *s, uint32_t i, char out[SPEC_PATH])
{
	char folder[SPEC_PATH - 8];
	char disks[SPEC_PATH];

	store_folder(hv->store, s->name, folder, sizeof(folder));
	(void)snprintf(disks, sizeof(disks), "%s/disks", folder);
	disk_path(&s->disks[i], disks, out);
}

/* By whatever names: a file may have several, by links of both kinds. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat one;
	struct stat other;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

static bool shares_disk(const struct hv *hv, const struct vm_spec *a, const struct vm_spec *b,
			char *what, size_t size)
{
	char mine[SPEC_PATH];
	char theirs[SPEC_PATH];

	for (uint32_t i = 0; i < a->disk_count; i++) {
		disk_find(hv, a, i, mine);
		for (uint32_t j = 0; j < b->disk_count; j++) {
			disk_find(hv, b, j, theirs);
			if ((a->disks[i].is_read_only && b->disks[j].is_read_only) ||
			    !is_same_file(mine, theirs))
				continue;
			(void)snprintf(what, size, "file %s of disk %s", mine, a->disks[i].name);
			return true;
		}
	}
	return false;
}

static bool is_same_port(const struct adapter_spec *a, const struct adapter_spec *b)
{
	return strcmp(a->switch_name, b->switch_name) == 0 && strcmp(a->port, b->port) == 0;
}

static bool shares_adapter(const struct vm_spec *a, const struct vm_spec *b, char *what,
			   size_t size)
{
	char mac[MAC_TEXT];

	for (uint32_t i = 0; i < a->adapter_count; i++) {
		const struct adapter_spec *one = &a->adapters[i];

		for (uint32_t j = 0; j < b->adapter_count; j++) {
			const struct adapter_spec *other = &b->adapters[j];

			if (is_same_port(one, other))
				(void)snprintf(what, size, "port %s/%s of adapter %s",
					       one->switch_name, one->port, one->name);
			else if (memcmp(one->mac, other->mac, sizeof(one->mac)) == 0 &&
				 strcmp(one->switch_name, other->switch_name) == 0)
				(void)snprintf(what, size, "MAC address %s of adapter %s",
					       mac_print(one->mac, mac), one->name);
			else
				continue;
			return true;
		}
	}
	return false;
}

const struct vm *hv_rival(const struct hv *hv, const struct vm_spec *s, char *what, size_t size)
{
	for (const struct vm *vm = hv->vms; vm; vm = vm->next) {
		if (strcmp(vm->spec.name, s->name) == 0)
			continue;
		if (memcmp(vm->spec.uuid, s->uuid, sizeof(s->uuid)) == 0)
			(void)str_copy(what, size, "UUID");
		else if (!shares_disk(hv, s, &vm->spec, what, size) &&
			 !shares_adapter(s, &vm->spec, what, size))
			continue;
		return vm;
	}
	return NULL;
}

/* ---- after a start ---------------------------------------------------------------------------- */

static void log_diags(const char *name, const struct diags *d)
{
	char text[512];

	for (size_t i = 0; i < d->count && i < DIAG_MAX; i++)
		log_message(MSG_VM_STATE, "vm %s: %s", name, diag_print(d, i, text, sizeof(text)));
}

/* It moved to another host, and we ended before all of it was cleared away. */
static bool has_left(const struct hv *hv, const char *name)
{
	struct xvs_error err = ERROR_INIT;
	char text[STONE_TEXT];

	if (!stone_read(hv->store, name, text))
		return false;
	if (stone_lay(hv->store, name, "", &err))
		log_message(MSG_VM_STATE, "vm %s: %s", name, err.text);
	return true;
}

/* It may run on another host, so it is none of ours until a person says so. */
static bool is_in_the_dark(const struct hv *hv, const char *name)
{
	struct xvs_error err = ERROR_INIT;

	if (departing_is_readable(hv->store, name, &err))
		return false;
	log_message(
		MSG_VM_STATE,
		"vm %s: it is left alone, since it may have moved to another host: %s; where it "
		"runs nowhere else, remove that file and start xvs-hv again",
		name, err.text);
	return true;
}

/* JSON is YAML: what was kept is read as what people write. */
static void on_found(void *arg, const char *name)
{
	struct diags d = { .count = 0 };
	struct hv *hv = arg;
	char path[SPEC_PATH];
	struct node *root;
	struct vm_spec spec;
	struct vm *vm;
	size_t len;

	/* One that was coming when we ended is in the list, and no other one before it has come. */
	if (hv_find(hv, name) || has_left(hv, name) || is_in_the_dark(hv, name))
		return;
	store_folder(hv->store, name, path, sizeof(path));
	len = strlen(path);
	(void)snprintf(path + len, sizeof(path) - len, "/definition.json");
	root = yaml_read_file(path, &d);
	if (!root || !definition_read(root, &spec, &d)) {
		log_diags(name, &d);
		node_destroy(root);
		return;
	}
	node_destroy(root);
	vm = strcmp(spec.name, name) == 0 ? vm_create(hv, &spec) : NULL;
	if (!vm) {
		log_message(MSG_VM_STATE, "vm %s: its folder is not its own", name);
		spec_finish(&spec);
		return;
	}
	vm_user_recall(vm);
	vm->next = hv->vms;
	hv->vms = vm;
}

int hv_restore(struct hv *hv, struct xvs_error *err)
{
	int code;

	arrivals_recall(hv->arrivals);
	code = store_each(hv->store, "definition.json", on_found, hv, err);
	replicas_recall(hv);

	for (struct vm *vm = hv->vms; vm; vm = vm->next) {
		if (vm->arriving)
			arriving_adopt(vm);
		else if (!vm->replica || replica_is_active(vm))
			vm_adopt(vm);
		else
			failover_resume(vm);
	}
	return code;
}

/* ---- other hosts ------------------------------------------------------------------------------ */

void hv_open_to_hosts(struct hv *hv)
{
	const struct migration_settings *m = &hv->settings.migration;
	const struct tls_files files = { .certificate = m->certificate,
					 .key = m->key,
					 .ca = m->ca };
	struct xvs_error err = ERROR_INIT;

	if (!hv->settings.has_migration) {
		(void)str_copy(hv->move_problem, sizeof(hv->move_problem),
			       "this host has no \"migration:\" in its settings");
	} else if (tls_context_create(&files, &hv->tls, &err)) {
		(void)str_copy(hv->move_problem, sizeof(hv->move_problem), err.text);
		log_message(MSG_CERTIFICATES, "%s; no machine can move", err.text);
	}
}

void hv_finish(struct hv *hv)
{
	/* Calls to xvsd end first: their answers would go to machines that are gone. */
	switch_destroy(hv->sw);
	hv->sw = NULL;
	arrivals_destroy(hv->arrivals);
	while (hv->vms)
		vm_destroy(hv->vms);
	json_decref(hv->departed);
	facts_finish(&hv->facts);
	tls_context_destroy(hv->tls);
	store_close(hv->store);
}
