/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving_record.c - what is on disk before it is answered: vms/NAME/arrival.json.
 *
 *      prepared -> opened -> done     a definition is there from "opened" on
 *         `-> (no file)
 *
 * While it says "prepared", nothing else in the folder makes a machine of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arriving_part.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "definition.h"
#include "stone.h"

static const char file_name[] = "arrival.json";

static int state_write(const struct arriving *a, const char *state, struct xvs_error *err)
{
	json_t *record =
		json_pack("{s:s, s:s, s:I, s:s, s:b, s:b, s:O}", "state", state, "move", a->move,
			  "epoch", (json_int_t)a->epoch, "from", a->peer, "storage", a->has_disks,
			  "loaded", a->is_loaded, "machine", a->machine);
	int code = store_write(a->all->hv->store, a->name, file_name, record, err);

	json_decref(record);
	return code;
}

/* ---- prepared --------------------------------------------------------------------------------- */

/* The world may be another one than when it was admitted. */
static int identity_check(const struct arriving *a, struct xvs_error *err)
{
	const struct hv *hv = a->all->hv;
	const struct vm_spec *s = &a->offer.spec;
	char what[SPEC_PATH + 64];
	char folder[SPEC_PATH];
	char path[SPEC_PATH];

	if (hv_find(hv, s->name))
		return error_set(err, -EEXIST, "", "a machine of this name is here by now");
	if (hv_rival(hv, s, what, sizeof(what)))
		return error_set(err, -EEXIST, "", "%s: another machine has it by now", what);
	arriving_disks(a, folder);
	for (uint32_t i = 0; i < s->disk_count && a->has_disks; i++) {
		disk_path(&s->disks[i], folder, path);
		if (!s->disks[i].is_read_only && access(path, F_OK) == 0)
			return error_set(err, -EEXIST, "", "%s is on this host already", path);
	}
	return 0;
}

/* Takes the offered definition.  NULL: out of memory. */
static struct vm *machine_make(struct arriving *a)
{
	struct hv *hv = a->all->hv;
	struct vm *vm = vm_create(hv, &a->offer.spec);

	if (!vm)
		return NULL;
	a->offer.spec = (struct vm_spec){ .name = "" };
	vm->arriving = a;
	vm->next = hv->vms;
	hv->vms = vm;
	a->vm = vm;
	arriving_hold(a);
	return vm;
}

int arriving_write_prepared(struct arriving *a, struct xvs_error *err)
{
	const struct store *store = a->all->hv->store;
	struct vm *vm = a->vm; /* there is one where the call is repeated */
	bool is_new = !vm;
	int code = vm ? 0 : identity_check(a, err);

	if (code)
		return code;
	if (!vm)
		vm = machine_make(a);
	if (!vm)
		return error_set(err, -ENOMEM, "", "out of memory");
	code = vm_user_settle(vm, err);
	if (code == 0)
		code = store_make(store, a->name, vm->user.uid, vm->user.gid, err);
	if (code == 0 && is_new && !a->has_disks)
		code = files_expect(vm, a->offer.owners, err);
	if (code == 0) /* of a machine that was, and no QEMU of this one runs yet */
		code = store_remove_file(store, a->name, "state.json", err);
	if (code == 0)
		code = epoch_keep(store, a->name, a->epoch, err);
	return code ? code : state_write(a, "prepared", err);
}

/* ---- opened ----------------------------------------------------------------------------------- */

static int definition_write(struct arriving *a, struct xvs_error *err)
{
	json_t *definition = definition_print(&a->vm->spec);
	int code;

	a->has_definition = true; /* one that failed may be there nevertheless */
	code = store_write(a->all->hv->store, a->name, "definition.json", definition, err);
	json_decref(definition);
	return code;
}

/* What makes a machine of the folder comes before the word that it is one. */
int arriving_write_opened(struct arriving *a, struct xvs_error *err)
{
	struct vm *vm = a->vm;
	int code;

	if (!vm)
		return error_set(err, -EIO, "", ARRIVING_UNREAD);
	code = stone_remove(a->all->hv->store, a->name, err);
	ports_assume(vm);
	if (!a->has_disks && json_array_size(vm->checkpoints) == 0)
		(void)json_array_extend(vm->checkpoints, a->offer.checkpoints);
	vm->is_wanted = a->offer.is_wanted;
	if (code == 0)
		code = vm_record(vm, err);
	if (code == 0)
		code = definition_write(a, err);
	return code ? code : state_write(a, "opened", err);
}

int arriving_write_loaded(struct arriving *a, struct xvs_error *err)
{
	return state_write(a, "prepared", err);
}

int arriving_write_done(struct arriving *a, struct xvs_error *err)
{
	return state_write(a, "done", err);
}

int arriving_write_nothing(struct arriving *a, struct xvs_error *err)
{
	const struct store *store = a->all->hv->store;
	int code = 0;

	/* The other way round, a crash in between would leave a machine that is not ours. */
	if (a->has_definition)
		code = store_remove_file(store, a->name, "definition.json", err);
	return code ? code : store_remove_file(store, a->name, file_name, err);
}

/* ---- after a start of ours -------------------------------------------------------------------- */

struct record {
	char move[UUID_TEXT], from[SPEC_TEXT];
	uint64_t epoch;
	enum arrival_record found;
	bool is_done;
};

static bool text_take(const json_t *j, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text && str_copy(out, size, text);
}

static bool record_take(const json_t *j, struct record *out)
{
	char state[16];
	json_int_t epoch = json_integer_value(json_object_get(j, "epoch"));

	if (!text_take(j, "state", state, sizeof(state)) ||
	    !text_take(j, "move", out->move, sizeof(out->move)) ||
	    !text_take(j, "from", out->from, sizeof(out->from)) || epoch <= 0)
		return false;
	out->epoch = (uint64_t)epoch;
	out->is_done = strcmp(state, "done") == 0;
	out->found = strcmp(state, "prepared") == 0 ? ARRIVAL_PREPARED : ARRIVAL_OPENED;
	return true;
}

/* "done" could not be written, but the machine has moved on, or is about to. */
static bool is_of_the_past(const struct store *s, const char *name, const struct record *r)
{
	char text[STONE_TEXT];

	return r->found == ARRIVAL_OPENED &&
	       (r->epoch < epoch_recall(s, name) || stone_read(s, name, text));
}

/* NULL: there is no memory, or it is not as we write it. */
static struct arriving *arriving_make(struct arrivals *all, const char *name, const json_t *j)
{
	struct record r;
	struct arriving *a = record_take(j, &r) && !arriving_find(all, r.move)
				     ? arriving_create(all, r.move, r.from, r.found, r.epoch)
				     : NULL;

	if (!a)
		return NULL;
	(void)str_copy(a->name, sizeof(a->name), name);
	a->is_done = r.is_done || is_of_the_past(all->hv->store, name, &r);
	a->is_loaded = json_is_true(json_object_get(j, "loaded"));
	a->has_disks = json_is_true(json_object_get(j, "storage"));
	a->machine = json_incref(json_object_get(j, "machine"));
	return a;
}

/* False: 'why' says why, or it is as it was. */
static bool machine_recall(struct arriving *a, char *why, size_t size)
{
	if (!offer_read(a->machine, &a->offer, why, size) ||
	    strcmp(a->offer.spec.name, a->name) != 0 || !machine_make(a))
		return false;
	/* Its user is in use, by its files at least. */
	vm_user_recall(a->vm);
	a->has_definition = true;
	return true;
}

static void on_found(void *arg, const char *name)
{
	struct arrivals *all = arg;
	struct xvs_error err = ERROR_INIT;
	json_t *j = store_read(all->hv->store, name, file_name, &err);
	struct arriving *a = arriving_make(all, name, j);
	char why[ARRIVING_WHY] = "it is not as xvs-hv writes it";

	/* One that ran here is in the list by its definition. */
	if (a && !a->is_done && !machine_recall(a, why, sizeof(why)))
		log_message(MSG_VM_STATE, "vm %s: how it arrives cannot be read: %s", name, why);
	else if (!a)
		log_message(MSG_VM_STATE, "vm %s: %s/%s: %s", name, name, file_name,
			    err.text[0] ? err.text : why);
	json_decref(j);
}

void arrivals_recall(struct arrivals *all)
{
	struct xvs_error err = ERROR_INIT;

	if (all && store_each(all->hv->store, file_name, on_found, all, &err))
		log_message(MSG_VM_STATE, "%s", err.text);
}
