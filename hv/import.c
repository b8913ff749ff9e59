/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/import.c - a carried machine: its manifest is read as what somebody typed -> everything that stands
 * against it is looked for -> files are copied -> the copies are summed -> it is defined.
 *
 * Whoever wrote the folder may have written anything: no name in it is a path of this host, a link is
 * not followed, and what counts is the sum of the copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/yaml.h"
#include "definition.h"
#include "portable.h"
#include "portable_switch.h"
#include "stone.h"
#include "tool.h"
#include "vm_archive.h"

enum { IMPORT_S = 7 * 86400, TEXT_MAX = 16 << 20 };

static const struct user ourselves = { .is_us = true };

struct import {
	struct vm *vm;
	char folder[SPEC_PATH];
	json_t *checkpoints;
	json_t *were, *are; /* its switches: there, and here */
	char differs[400];
	bool is_saved;
	bool has_identity;                          /* it is the machine that it was */
	struct portable_file files[PORTABLE_FILES]; /* path: where they go */
	char wanted[PORTABLE_FILES][SUM_DIGITS + 1];
	size_t count, at;
	struct tool *tool;
};

/* ---- the end ----------------------------------------------------------------------------------- */

static void finish(struct import *m)
{
	json_decref(m->checkpoints);
	json_decref(m->were);
	json_decref(m->are);
	free(m);
}

/* Nothing of it stays. */
static void fail(struct import *m, int code, const char *why)
{
	struct vm *vm = m->vm;
	vm_done done = vm->job.done;
	void *arg = vm->job.arg;
	struct xvs_error err = ERROR_INIT;
	char text[700];

	(void)snprintf(text, sizeof(text), "vm %s: it cannot be imported: %.*s", vm->spec.name,
		       (int)strcspn(why, "\n"), why);
	(void)store_remove(vm->hv->store, vm->spec.name, &err);
	finish(m);
	vm_destroy(vm);
	done(arg, code, text);
}

static void define(struct import *m)
{
	struct vm *vm = m->vm;
	struct xvs_error err = ERROR_INIT;
	json_t *definition = definition_print(&vm->spec);
	int code;

	(void)json_array_extend(vm->checkpoints, m->checkpoints);
	vm->has_saved_state = m->is_saved;
	code = vm_record(vm, &err);
	if (code == 0)
		code = store_write(vm->hv->store, vm->spec.name, "definition.json", definition,
				   &err);
	json_decref(definition);
	if (code) {
		fail(m, code, err.text);
		return;
	}
	if (m->differs[0])
		vm_problem(vm, "it was imported, but %s", m->differs);
	finish(m);
	job_end(vm, 0, "imported");
}

static void tool_run(struct import *m, struct plan *p, tool_fn done)
{
	struct xvs_error err = ERROR_INIT;
	int code = tool_start(m->vm->hv->loop, p, &(struct tool_end){ IMPORT_S, done, m }, &m->tool,
			      &err);

	plan_finish(p);
	if (code)
		fail(m, code, err.text);
}

/* ---- sums --------------------------------------------------------------------------------------- */

static void on_synced(void *arg, int status, const char *output)
{
	struct import *m = arg;

	m->tool = NULL;
	if (status)
		fail(m, -EIO, output);
	else
		define(m);
}

static void on_summed(void *arg, int status, const char *output)
{
	struct import *m = arg;
	const char *line = output;
	char why[200];
	struct plan p;

	m->tool = NULL;
	for (size_t i = 0; i < m->count && !status; i++) {
		if (strncmp(line, m->wanted[i], SUM_DIGITS) != 0) {
			(void)snprintf(why, sizeof(why),
				       "%s is not what it was when it was exported",
				       m->files[i].name);
			fail(m, -EBADMSG, why);
			return;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	if (status) {
		fail(m, -EIO, output);
		return;
	}
	plan_init(&p, &ourselves);
	plan_word(&p, "sync");
	plan_word(&p, "%s", m->vm->folder);
	for (size_t i = 0; i < m->count; i++)
		plan_word(&p, "%s", m->files[i].path);
	tool_run(m, &p, on_synced);
}

static void sums_check(struct import *m)
{
	struct plan p;

	plan_init(&p, &ourselves);
	plan_word(&p, "sha256sum");
	plan_word(&p, "--");
	for (size_t i = 0; i < m->count; i++)
		plan_word(&p, "%s", m->files[i].path);
	if (m->count) {
		tool_run(m, &p, on_summed);
		return;
	}
	plan_finish(&p);
	define(m);
}

/* ---- copies -------------------------------------------------------------------------------------- */

static void copy_next(struct import *m);

static void on_copied(void *arg, int status, const char *output)
{
	struct import *m = arg;
	const struct portable_file *f = &m->files[m->at];
	const struct user *u = &m->vm->user;
	char why[200];
	struct stat st;

	m->tool = NULL;
	if (status) {
		fail(m, -EIO, output);
		return;
	}
	if (lstat(f->path, &st) || !S_ISREG(st.st_mode) || chmod(f->path, 0600) ||
	    (!f->is_ours && !u->is_us && lchown(f->path, u->uid, u->gid))) {
		(void)snprintf(why, sizeof(why), "%s is no file that can be taken", f->name);
		fail(m, -EINVAL, why);
		return;
	}
	m->at++;
	copy_next(m);
}

static void copy_next(struct import *m)
{
	const struct portable_file *f = &m->files[m->at];
	char path[PATH_MAX];
	char why[200];
	struct stat st;
	struct plan p;

	if (m->at == m->count) {
		sums_check(m);
		return;
	}
	/* Of a device or a FIFO there might be no end. */
	(void)snprintf(path, sizeof(path), "%s/%s", m->folder, f->name);
	if (lstat(path, &st) || !S_ISREG(st.st_mode)) {
		(void)snprintf(why, sizeof(why), "%s is no file that can be taken", f->name);
		fail(m, -EINVAL, why);
		return;
	}
	plan_init(&p, &ourselves);
	plan_word(&p, "cp");
	plan_word(&p, "--no-dereference");
	plan_word(&p, "--sparse=always");
	plan_word(&p, "--");
	plan_word(&p, "%s", path);
	plan_word(&p, "%s", f->path);
	tool_run(m, &p, on_copied);
}

static void on_switches(struct vm *vm)
{
	struct import *m = vm->job.state;
	struct xvs_error err = ERROR_INIT;
	char path[SPEC_PATH + 16];

	if (switches_compare(m->were, m->are, m->differs, sizeof(m->differs), &err)) {
		fail(m, err.code, err.text);
		return;
	}
	if (store_make(vm->hv->store, vm->spec.name, vm->user.uid, vm->user.gid, &err)) {
		fail(m, err.code, err.text);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/ports", vm->folder);
	if ((m->is_saved || json_array_size(m->checkpoints)) && mkdir(path, 0700))
		fail(m, -errno, strerror(errno));
	else
		copy_next(m);
}

static void on_ports_allowed(struct vm *vm, int code, const char *text)
{
	struct import *m = vm->job.state;

	if (code)
		fail(m, code, text);
	else
		switches_ask(vm, m->are, on_switches);
}

/* ---- what the folder says -------------------------------------------------------------------------- */

/* For free(); bounded. */
static char *text_load(const char *folder, const char *name, struct xvs_error *err)
{
	char path[PATH_MAX];
	struct stat st = { .st_size = 0 };
	char *text = NULL;
	ssize_t got = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= TEXT_MAX)
		text = calloc(1, (size_t)st.st_size + 1);
	if (text)
		got = read(fd, text, (size_t)st.st_size);
	if (got < 0)
		(void)error_set(err, -EINVAL, "", "%s: %s", path,
				fd < 0 ? strerror(errno) : "it is no file that can be read");
	if (fd >= 0)
		(void)close(fd);
	if (got >= 0)
		return text;
	free(text);
	return NULL;
}

static int definition_take(const json_t *manifest, struct vm_spec *out, struct xvs_error *err)
{
	json_t *definition = json_object_get(manifest, "definition");
	char *text = definition ? json_dumps(definition, 0) : NULL;
	struct diags d = { .file = "manifest.json" };
	struct node *root = text ? yaml_read(text, strlen(text), &d) : NULL;
	bool is_read = root && definition_read(root, out, &d);
	char why[400] = "it has no definition";

	if (!is_read && d.count)
		(void)diag_print(&d, 0, why, sizeof(why));
	node_destroy(root);
	free(text);
	return is_read ? 0 : error_set(err, -EINVAL, "", "%s", why);
}

static void adapters_adapt(struct vm_spec *s, const json_t *manifest, const char *was, bool is_new)
{
	char usual[SPEC_TEXT];

	for (uint32_t i = 0; i < s->adapter_count; i++) {
		struct adapter_spec *a = &s->adapters[i];
		const json_t *port = json_object_get(json_object_get(manifest, "ports"), a->name);
		json_t *policies = portable_policies(json_object_get(port, "policies"));

		if (policies) {
			json_decref(a->policies);
			a->policies = policies;
			a->group[0] = '\0';
		}
		if (is_new)
			a->has_uuid = a->has_mac = false;
		(void)snprintf(usual, sizeof(usual), "%.31s-%.31s", was, a->name);
		if (strcmp(a->port, usual) == 0)
			a->port[0] = '\0';
	}
}

/* All that comes along is in its own folder; read-only or not. */
static void places_adapt(const struct hv *hv, struct vm_spec *s)
{
	char folder[SPEC_PATH];

	store_folder(hv->store, s->name, folder, sizeof(folder));
	for (uint32_t i = 0; i < s->disk_count; i++) {
		struct disk_spec *disk = &s->disks[i];

		(void)snprintf(disk->file, sizeof(disk->file), "%.400s/disks/%s.%s", folder,
			       disk->name, disk_format_name(disk->format));
		disk->size = 0;
		disk->is_fixed = false;
	}
	if (s->kernel[0])
		(void)snprintf(s->kernel, sizeof(s->kernel), "%.400s/disks/.kernel", folder);
	if (s->initrd[0])
		(void)snprintf(s->initrd, sizeof(s->initrd), "%.400s/disks/.initrd", folder);
	if (s->cd[0])
		(void)snprintf(s->cd, sizeof(s->cd), "%.400s/disks/.cd", folder);
}

/* ---- what stands against it ------------------------------------------------------------------------ */

static int host_check(const struct hv *hv, const struct vm_spec *s, struct xvs_error *err)
{
	char what[SPEC_PATH + 64];
	char left[STONE_TEXT];
	const struct vm *rival;
	bool is_kvm;

	if (hv_find(hv, s->name))
		return error_set(err, -EEXIST, "",
				 "there is a machine of this name; give it another");
	if (stone_read(hv->store, s->name, left))
		return error_set(err, -EEXIST, "", "%s; \"xvsctl vm undefine %s\" forgets that",
				 left, s->name);
	rival = hv_rival(hv, s, what, sizeof(what));
	if (rival)
		return error_set(err, -EEXIST, "",
				 "%s: vm %s has it; --new-identity gives it its own", what,
				 rival->spec.name);
	if (!facts_has_machine(&hv->facts, s->machine))
		return error_set(err, -ENOTSUP, "", "QEMU knows no machine %s here", s->machine);
	if (strcmp(s->cpu, "auto") != 0 && !facts_has_cpu(&hv->facts, s->cpu))
		return error_set(err, -ENOTSUP, "", "QEMU knows no processor %s here", s->cpu);
	if (!facts_is_kvm(&hv->facts, s->accel, &is_kvm, err))
		return err->code;
	if (spec_firmware(s) == FIRMWARE_UEFI && !hv->facts.firmware[0])
		return error_set(err, -ENOTSUP, "", "it boots by UEFI: install the package ovmf");
	return 0;
}

static int folder_check(const struct vm *vm, struct xvs_error *err)
{
	struct stat st;

	if (lstat(vm->folder, &st) == 0)
		return error_set(err, -EEXIST, "",
				 "folder %s is there already, without a machine; remove it first",
				 vm->folder);
	return 0;
}

/* ---- the beginning ---------------------------------------------------------------------------------- */

static json_t *manifest_load(const char *folder, struct xvs_error *err)
{
	char *text = text_load(folder, "manifest.json", err);
	json_error_t error = { .text = "" };
	json_t *manifest = text ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
	json_int_t format = json_integer_value(json_object_get(manifest, "format"));

	free(text);
	if (!text)
		return NULL;
	if (manifest && format == PORTABLE_FORMAT)
		return manifest;
	(void)error_set(err, -EINVAL, "", "manifest.json: %s",
			manifest ? "it is of a format that is not known here" : error.text);
	json_decref(manifest);
	return NULL;
}

/* The sums that all files must have, the manifest's being its own. */
static int sums_load(struct import *m, struct xvs_error *err)
{
	char *text = text_load(m->folder, "SHA256SUMS", err);
	size_t all = portable_list(m->vm, m->is_saved, m->has_identity ? m->checkpoints : NULL,
				   m->files);
	int code = 0;

	if (!text)
		return err->code;
	for (size_t i = 0; i < all && code == 0; i++) {
		struct portable_file f = m->files[i];
		bool is_optional =
			strncmp(f.name, "port-", 5) == 0 || strcmp(f.name, "variables") == 0;

		if (portable_sums(text, &f, 1)) {
			memcpy(m->wanted[m->count], f.sum, sizeof(f.sum));
			m->files[m->count++] = f;
		} else if (!is_optional) {
			code = error_set(err, -EINVAL, "", "SHA256SUMS: it has no sum of %s",
					 f.name);
		}
	}
	free(text);
	return code;
}

static int spec_take(const struct hv *hv, const struct import_wish *wish, const json_t *manifest,
		     struct vm_spec *out, struct xvs_error *err)
{
	const char *const machines[2] = { hv->facts.machines[0], hv->facts.machines[1] };
	bool is_saved = json_is_true(json_object_get(manifest, "saved"));
	char was[SPEC_NAME];
	int code = definition_take(manifest, out, err);

	if (code)
		return code;
	(void)str_copy(was, sizeof(was), out->name);
	if (is_saved && (wish->is_new_identity || (wish->name && strcmp(wish->name, was) != 0)))
		code = error_set(
			err, -EINVAL, "",
			"its saved memory knows its name and addresses: import it as it was, or "
			"discard that before it is exported");
	if (code == 0 && wish->name && !definition_rename(out, wish->name))
		code = error_set(err, -EINVAL, "", "\"%.48s\" is no name for a machine",
				 wish->name);
	if (code) {
		spec_finish(out);
		return code;
	}
	out->has_uuid = out->has_uuid && !wish->is_new_identity;
	adapters_adapt(out, manifest, was, wish->is_new_identity);
	places_adapt(hv, out);
	definition_complete(out, machines);
	code = host_check(hv, out, err);
	if (code)
		spec_finish(out);
	return code;
}

static void begin(struct import *m, vm_done done, void *arg)
{
	struct hv *hv = m->vm->hv;

	m->vm->next = hv->vms;
	hv->vms = m->vm;
	(void)job_begin(m->vm, "being imported", done, arg);
	m->vm->job.state = m;
	ports_ask(m->vm, on_ports_allowed);
}

int import_begin(struct hv *hv, const struct import_wish *wish, vm_done done, void *arg,
		 struct xvs_error *err)
{
	struct import *m = calloc(1, sizeof(*m));
	json_t *manifest = m ? manifest_load(wish->folder, err) : NULL;
	json_t *checkpoints = json_object_get(manifest, "checkpoints");
	struct vm_spec *spec = calloc(1, sizeof(*spec));
	bool is_begun = false;
	int code = -ENOMEM;

	if (!manifest || !spec || spec_take(hv, wish, manifest, spec, err)) {
		code = err->code ? err->code : error_set(err, -ENOMEM, "", "out of memory");
		goto out;
	}
	m->vm = vm_create(hv, spec);
	if (!m->vm) {
		spec_finish(spec);
		goto out;
	}
	(void)str_copy(m->folder, sizeof(m->folder), wish->folder);
	m->is_saved = json_is_true(json_object_get(manifest, "saved"));
	m->has_identity = !wish->is_new_identity;
	m->were = json_deep_copy(json_object_get(manifest, "switches"));
	m->are = json_object();
	m->checkpoints = json_is_array(checkpoints) ? json_deep_copy(checkpoints) : json_array();
	code = folder_check(m->vm, err);
	if (code == 0)
		code = sums_load(m, err);
	if (code == 0)
		code = vm_user_settle(m->vm, err);
	is_begun = code == 0;
	if (is_begun)
		begin(m, done, arg);
	else
		vm_destroy(m->vm);
out:
	if (!is_begun && m)
		finish(m);
	json_decref(manifest);
	free(spec);
	return code;
}
