/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/methods.c - the table of methods, and their handlers.
 *
 * Who defines machines names files of this host, so that is for admins; starting and stopping those
 * that are there is for operators.
 */
#include "methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/yaml.h"
#include "definition.h"
#include "departing.h"
#include "reading.h"
#include "replica.h"
#include "stone.h"
#include "vm.h"

static struct hv *hv_of(const struct rpc_call *call)
{
	return rpc_context(call);
}

/* It moved to another host, 'text' says where; its name is taken until that is forgotten. */
static bool has_left(const struct hv *hv, const char *name, char text[STONE_TEXT])
{
	return strlen(name) < SPEC_NAME && name_is_one(name) && stone_read(hv->store, name, text);
}

/* NULL: there is none, which was answered. */
static struct vm *vm_of(struct rpc_call *call)
{
	const char *name = rpc_text(call, "name");
	struct vm *vm = hv_find(hv_of(call), name);
	char text[STONE_TEXT];

	if (!vm && has_left(hv_of(call), name, text))
		rpc_refuse(call, RPC_NOT_FOUND, "vm %s: %s", name, text);
	else if (!vm)
		rpc_refuse(call, RPC_NOT_FOUND, "vm %s: there is none", name);
	return vm;
}

static void on_done(void *arg, int code, const char *text)
{
	struct rpc_call *call = arg;

	if (code == 0)
		rpc_answer(call, json_object());
	else
		rpc_refuse(call, code == -EBUSY ? RPC_BUSY : RPC_REFUSED, "%s", text);
}

/* ---- questions -------------------------------------------------------------------------------- */

static void on_version(struct rpc_call *call)
{
	rpc_answer(call, json_pack("{s:s}", "version", XVS_VERSION));
}

static void on_host(struct rpc_call *call)
{
	rpc_answer(call, facts_print(&hv_of(call)->facts));
}

static int by_name(const void *a, const void *b)
{
	const struct vm *const *left = a;
	const struct vm *const *right = b;

	return strcmp((*left)->spec.name, (*right)->spec.name);
}

static void on_list(struct rpc_call *call)
{
	json_t *list = json_array();
	struct vm **sorted;
	size_t count = 0;

	for (const struct vm *vm = hv_of(call)->vms; vm; vm = vm->next)
		count++;
	sorted = calloc(count + 1, sizeof(struct vm *));
	count = 0;
	for (struct vm *vm = hv_of(call)->vms; vm && sorted; vm = vm->next)
		sorted[count++] = vm;
	if (count > 1)
		qsort(sorted, count, sizeof(struct vm *), by_name);
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, vm_print(sorted[i]));
	rpc_answer(call, sorted ? list : NULL);
	free(sorted);
}

static void on_show(struct rpc_call *call)
{
	const struct vm *vm = vm_of(call);

	if (vm)
		rpc_answer(call, vm_print_whole(vm));
}

static void on_console(struct rpc_call *call)
{
	struct xvs_error err = ERROR_INIT;
	const struct vm *vm = vm_of(call);
	int fd;

	if (!vm)
		return;
	fd = vm_console(vm, rpc_text(call, "serial"), &err);
	if (fd < 0)
		rpc_refuse(call, fd == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "%s", err.text);
	else
		rpc_answer_fd(call, json_object(), fd);
}

/* ---- defining --------------------------------------------------------------------------------- */

/* What a machine keeps where its new definition does not say otherwise: who it is. */
static void identity_keep(struct vm_spec *to, const struct vm_spec *from)
{
	if (!to->has_uuid)
		memcpy(to->uuid, from->uuid, sizeof(to->uuid));
	to->has_uuid = true;
	if (!to->machine[0] && to->generation == from->generation)
		memcpy(to->machine, from->machine, sizeof(to->machine));
	for (uint32_t i = 0; i < to->adapter_count; i++) {
		struct adapter_spec *a = &to->adapters[i];

		for (uint32_t j = 0; j < from->adapter_count; j++) {
			const struct adapter_spec *was = &from->adapters[j];

			if (strcmp(a->name, was->name) != 0)
				continue;
			if (!a->has_uuid)
				memcpy(a->uuid, was->uuid, sizeof(a->uuid));
			if (!a->has_mac)
				memcpy(a->mac, was->mac, sizeof(a->mac));
			a->has_uuid = a->has_mac = true;
		}
	}
}

/* The definition in a call, complete.  False: it was answered. */
static bool spec_read(struct rpc_call *call, struct vm_spec *out)
{
	const struct hv *hv = hv_of(call);
	const char *const machines[2] = { hv->facts.machines[0], hv->facts.machines[1] };
	const char *text = rpc_text(call, "text");
	struct diags d = { .file = rpc_text(call, "file") };
	struct node *root = yaml_read(text, strlen(text), &d);
	bool is_read = root && definition_read(root, out, &d);
	const struct vm *was;

	node_destroy(root);
	if (!is_read) {
		rpc_refuse_diags(call, RPC_REFUSED, &d);
		return false;
	}
	was = hv_find(hv, out->name);
	if (was)
		identity_keep(out, &was->spec);
	definition_complete(out, machines);
	if (out->machine[0])
		return true;
	rpc_refuse(call, RPC_REFUSED, "vm %s: QEMU cannot be run: %s", out->name,
		   hv->facts.problem);
	spec_finish(out);
	return false;
}

/* What only this host can say of a definition.  False: it was answered. */
static bool spec_check(struct rpc_call *call, const struct vm_spec *s)
{
	const struct hv *hv = hv_of(call);
	struct xvs_error err = ERROR_INIT;
	char what[SPEC_PATH + 64];
	char left[STONE_TEXT];
	const struct vm *rival = hv_rival(hv, s, what, sizeof(what));
	bool is_kvm;

	if (rival)
		rpc_refuse(call, RPC_REFUSED, "vm %s: %s: vm %s has it", s->name, what,
			   rival->spec.name);
	else if (!hv_find(hv, s->name) && has_left(hv, s->name, left))
		rpc_refuse(call, RPC_REFUSED, "vm %s: %s; \"xvsctl vm undefine %s\" forgets that",
			   s->name, left, s->name);
	else if (!hv_find(hv, s->name) && !departing_is_readable(hv->store, s->name, &err))
		rpc_refuse(call, RPC_REFUSED, "vm %s: one of this name may have moved away: %s",
			   s->name, err.text);
	else if (strcmp(s->cpu, "auto") != 0 && !facts_has_cpu(&hv->facts, s->cpu))
		rpc_refuse(call, RPC_REFUSED,
			   "vm %s: cpu: QEMU knows no model %s; see \"xvsctl vm host\"", s->name,
			   s->cpu);
	else if (!facts_is_kvm(&hv->facts, s->accel, &is_kvm, &err))
		rpc_refuse(call, RPC_REFUSED, "vm %s: %s", s->name, err.text);
	else if (spec_firmware(s) == FIRMWARE_UEFI && !hv->facts.firmware[0])
		rpc_refuse(
			call, RPC_REFUSED,
			"vm %s: generation 2 without a kernel boots by UEFI: install the package "
			"ovmf, or say generation: 1",
			s->name);
	else
		return true;
	return false;
}

static void on_define(struct rpc_call *call)
{
	struct hv *hv = hv_of(call);
	struct vm_spec spec;
	struct vm *vm;

	if (!spec_read(call, &spec))
		return;
	if (!spec_check(call, &spec)) {
		spec_finish(&spec);
		return;
	}
	vm = hv_find(hv, spec.name);
	if (vm) {
		vm_redefine(vm, &spec, on_done, call);
		return;
	}
	vm = vm_create(hv, &spec);
	if (!vm) {
		spec_finish(&spec);
		rpc_answer(call, NULL);
		return;
	}
	vm->next = hv->vms;
	hv->vms = vm;
	vm_define(vm, on_done, call);
}

/* ---- verbs of one machine --------------------------------------------------------------------- */

static void verb(struct rpc_call *call, void (*fn)(struct vm *vm, vm_done done, void *arg))
{
	struct vm *vm = vm_of(call);

	if (vm)
		fn(vm, on_done, call);
}

/* Of one that has moved away, that is forgotten. */
static void on_undefine(struct rpc_call *call)
{
	const struct hv *hv = hv_of(call);
	const char *name = rpc_text(call, "name");
	struct vm *vm = hv_find(hv, name);
	struct xvs_error err = ERROR_INIT;
	char left[STONE_TEXT];

	if (vm && vm->replica && !replica_is_active(vm)) {
		if (replica_remove(vm, &err))
			rpc_refuse(call, RPC_REFUSED, "vm %s: %s", name, err.text);
		else
			rpc_answer(call, json_object());
	} else if (vm || !has_left(hv, name, left))
		verb(call, vm_undefine);
	else if (store_remove(hv->store, name, &err))
		rpc_refuse(call, RPC_REFUSED, "vm %s: %s", name, err.text);
	else
		rpc_answer(call, json_object());
}

static void on_start(struct rpc_call *call)
{
	verb(call, vm_start);
}

static void on_stop(struct rpc_call *call)
{
	verb(call, vm_stop);
}

static void on_kill(struct rpc_call *call)
{
	verb(call, vm_kill);
}

static void on_reset(struct rpc_call *call)
{
	verb(call, vm_reset);
}

static void on_pause(struct rpc_call *call)
{
	verb(call, vm_pause);
}

static void on_resume(struct rpc_call *call)
{
	verb(call, vm_resume);
}

static void on_save(struct rpc_call *call)
{
	verb(call, vm_save);
}

static void on_restore(struct rpc_call *call)
{
	struct vm *vm = vm_of(call);

	if (vm && !vm->has_saved_state)
		rpc_refuse(call, RPC_REFUSED, "vm %s: it has no saved state", vm->spec.name);
	if (!vm || !vm->has_saved_state)
		return;
	vm->wants_fresh_ports = rpc_bool(call, "fresh_ports");
	vm_start(vm, on_done, call);
}

static void on_discard(struct rpc_call *call)
{
	verb(call, vm_discard);
}

static void checkpoint(struct rpc_call *call, enum checkpoint_verb verb_of)
{
	struct vm *vm = vm_of(call);

	if (vm)
		vm_checkpoint(vm, verb_of, rpc_text(call, "checkpoint"), on_done, call);
}

static void on_checkpoint(struct rpc_call *call)
{
	checkpoint(call, CHECKPOINT_SAVE);
}

static void on_revert(struct rpc_call *call)
{
	checkpoint(call, CHECKPOINT_REVERT);
}

static void on_forget(struct rpc_call *call)
{
	checkpoint(call, CHECKPOINT_DELETE);
}

/* ---- the table -------------------------------------------------------------------------------- */

/* clang-format off */
#define NAME { "name", RPC_TEXT, true, "of the machine" }
#define CHECKPOINT { "checkpoint", RPC_TEXT, true, "its name" }
#define NOTHING { { NULL, RPC_TEXT, false, NULL } }

static const struct rpc_method methods[] = {
	{ "version", RPC_READ_ONLY, "Which xvs-hv this is.", "{version}", on_version, NOTHING },
	{ "vm.host", RPC_READ_ONLY, "What this host can do for machines: KVM, and why not.",
	  "{kvm, nested, iommu, hugepages, cpus, firmware, qemu, cpu_models}", on_host, NOTHING },
	{ "vm.list", RPC_READ_ONLY, "All machines.", "a list", on_list, NOTHING },
	{ "vm.show", RPC_OPERATOR, "One machine: state, definition, checkpoints, what stands in the "
	  "way of moving it.", "an object", on_show, { NAME } },
	{ "vm.define", RPC_ADMIN, "Makes a machine, with the disks that are to be made, or changes one "
	  "that is stopped.", "{}", on_define,
	  { { "text", RPC_TEXT, true, "the definition, YAML: xvs-vm.yaml(5)" },
	    { "file", RPC_TEXT, false, "the name of its file, for messages" } } },
	{ "vm.undefine", RPC_ADMIN, "Forgets a machine that is stopped: its ports, and the disks in its "
	  "own folder.", "{}", on_undefine, { NAME } },
	{ "vm.start", RPC_OPERATOR, "Starts it, from its saved state where there is one. Answered "
	  "when it runs.", "{}", on_start, { NAME } },
	{ "vm.stop", RPC_OPERATOR, "Asks the guest to end, and switches it off when it does not in "
	  "time. Answered when it has ended.", "{}", on_stop, { NAME } },
	{ "vm.kill", RPC_OPERATOR, "Ends it at once, as if its power failed.", "{}", on_kill, { NAME } },
	{ "vm.reset", RPC_OPERATOR, "Resets it.", "{}", on_reset, { NAME } },
	{ "vm.pause", RPC_OPERATOR, "Lets its processors stand still.", "{}", on_pause, { NAME } },
	{ "vm.resume", RPC_OPERATOR, "Lets them go on.", "{}", on_resume, { NAME } },
	{ "vm.console", RPC_OPERATOR, "Its console.", "{}, with a connected socket as descriptor",
	  on_console, { NAME, { "serial", RPC_TEXT, false, "another serial port, by its name" } } },
	{ "vm.save", RPC_OPERATOR, "Writes its memory and its ports' state into files beside its disks and ends it.", "{}",
	  on_save, { NAME } },
	{ "vm.restore", RPC_OPERATOR, "Starts it from its saved state, with what its ports knew then.", "{}", on_restore,
	  { NAME, { "fresh_ports", RPC_BOOL, false, "they begin anew, with the policies of now" } } },
	{ "vm.checkpoint", RPC_OPERATOR, "Keeps it as it is now, in its own disks, under a name.", "{}",
	  on_checkpoint, { NAME, CHECKPOINT } },
	{ "vm.revert", RPC_OPERATOR, "Goes back to a checkpoint; what was since then is lost.", "{}",
	  on_revert, { NAME, CHECKPOINT } },
	{ "vm.forget", RPC_OPERATOR, "Deletes a checkpoint.", "{}", on_forget, { NAME, CHECKPOINT } },
	{ "vm.migrate", RPC_OPERATOR, "Moves it to another host while it runs. Answered when it has moved.",
	  "the report, as vm.move.show gives it", on_vm_migrate,
	  { NAME, { "to", RPC_TEXT, true, "the other host: a peer of the settings" },
	    { "shared_storage", RPC_BOOL, false, "both hosts see its disks; so it is unless told otherwise" },
	    { "with_storage", RPC_BOOL, false, "its disks go along" },
	    { "check", RPC_BOOL, false, "only ask what stands in the way" },
	    { "background", RPC_BOOL, false, "answered when it has begun" },
	    { "options", RPC_OBJECT, false, "bandwidth (bytes a second), downtime_limit_ms, "
	      "downtime_max_ms, downtime_budget_ms, timeout_s, auto_converge" } } },
	{ "vm.move.show", RPC_OPERATOR, "Its last move from here, or that of a disk of it: phase, progress, findings, problem; "
	  "at the end with outcome, downtime and what its ports report.", "an object", on_vm_move_show,
	  { NAME } },
	{ "vm.move.cancel", RPC_OPERATOR, "It stays here, unless it is decided that it moves.", "{}",
	  on_vm_move_cancel, { NAME } },
	{ "vm.resolve", RPC_OPERATOR, "Ends a move in doubt when somebody has made sure that the other "
	  "host is off.", "{}", on_vm_resolve,
	  { NAME, { "take_over", RPC_BOOL, false, "it runs here; else the other host has it" } } },
	{ "vm.replicate", RPC_OPERATOR, "Keeps a copy of it on another host, made anew every so many seconds; without \"to\" "
	  "and \"stop\" tells how that goes.", "{role, state, sequence, lag_s, problem, ...}", on_vm_replicate,
	  { NAME, { "to", RPC_TEXT, false, "the other host: a peer of the settings" },
	    { "every", RPC_COUNT, false, "seconds, 1 to 86400 (300)" },
	    { "points", RPC_COUNT, false, "recovery points that are kept there, 1 to 24 (4)" },
	    { "stop", RPC_BOOL, false, "no more; what is there stays" } } },
	{ "vm.failover", RPC_OPERATOR, "A replica becomes the machine and is started, from its last point or another; "
	  "or that is taken back, or kept. Answered when it runs.", "as vm.replicate tells it", on_vm_failover,
	  { NAME, { "planned", RPC_BOOL, false, "the primary stops it and sends the rest" },
	    { "point", RPC_TEXT, false, "the number of one" },
	    { "test", RPC_BOOL, false, "a copy is started as NAME-test; the replica stays as it is" },
	    { "switch_map", RPC_TEXT, false, "other switches than there: lab=dr,dmz=dr2" },
	    { "take_over", RPC_BOOL, false, "the primary's host cannot be asked, and is off" },
	    { "cancel", RPC_BOOL, false, "it is a replica again; what it wrote is lost" },
	    { "complete", RPC_BOOL, false, "it stays here: its points go" } } },
	{ "vm.export", RPC_ADMIN, "Writes a machine that stands still into a new folder: definition, disks, "
	  "saved memory with what its ports knew, and the policies that held.", "{}", on_vm_export,
	  { NAME, { "folder", RPC_TEXT, true, "an absolute path where nothing is yet" } } },
	{ "vm.import", RPC_ADMIN, "Makes a machine of such a folder.", "{}", on_vm_import,
	  { { "folder", RPC_TEXT, true, "its absolute path" },
	    { "name", RPC_TEXT, false, "of the machine, where it is to have another one" },
	    { "new_identity", RPC_BOOL, false, "other UUIDs and MAC addresses: the original stays" } } },
	{ "vm.move_storage", RPC_ADMIN, "Moves a disk to another file of this host, while the machine runs or "
	  "not; answered when it has moved. vm.move.show tells how far it is.", "{}", on_vm_move_storage,
	  { NAME, { "disk", RPC_TEXT, true, "its name" },
	    { "path", RPC_TEXT, true, "an absolute path where nothing is yet, or a folder" },
	    { "format", RPC_TEXT, false, "qcow2 or raw; as it is, but vhdx becomes qcow2" },
	    { "bandwidth", RPC_COUNT, false, "bytes a second, of one that runs" },
	    { "background", RPC_BOOL, false, "answered when it has begun" } } },
	{ "vm.discard", RPC_OPERATOR, "Forgets its saved state: the next start is a fresh one.", "{}",
	  on_discard, { NAME } },
};
/* clang-format on */

void methods_table(struct hv *hv, struct rpc_table *out)
{
	*out = (struct rpc_table){ .methods = methods,
				   .count = sizeof(methods) / sizeof(methods[0]),
				   .context = hv };
}
