/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing_record.c - what is on disk of a move, and of a machine that has left.
 *
 * departure.json counts as long as no move of the machine had a higher number.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "departing_part.h"

static const char file[] = "departure.json";

int record_write(struct departing *d, enum move_record what, struct xvs_error *err)
{
	struct store *s = d->vm->hv->store;
	const char *name = d->vm->spec.name;
	json_t *record =
		json_pack("{s:s, s:I, s:s, s:s, s:b, s:b, s:b, s:b}", "move", d->id, "epoch",
			  (json_int_t)d->epoch, "state",
			  what == MOVE_COMMITTED ? "committed" : "moving", "to", d->peer, "disks",
			  d->options.has_disks, "standing", d->was_standing, "taken_over",
			  d->is_taken_over, "target_given_up", d->is_target_given_up);
	int code = epoch_keep(s, name, d->epoch, err);

	if (code == 0)
		code = store_write(s, name, file, record, err);
	json_decref(record);
	return code;
}

static bool flag_of(const json_t *record, const char *key)
{
	return json_is_true(json_object_get(record, key));
}

/* False: it is no record of ours. */
static bool record_take(struct departing *d, const json_t *record)
{
	const char *move = json_string_value(json_object_get(record, "move"));
	const char *to = json_string_value(json_object_get(record, "to"));
	const char *state = json_string_value(json_object_get(record, "state"));
	json_int_t epoch = json_integer_value(json_object_get(record, "epoch"));

	if (!move || !to || !state || epoch <= 0 || !str_copy(d->id, sizeof(d->id), move) ||
	    !str_copy(d->peer, sizeof(d->peer), to))
		return false;
	d->epoch = (uint64_t)epoch;
	d->found = strcmp(state, "committed") == 0 ? MOVE_COMMITTED : MOVE_MOVING;
	d->options.has_disks = d->sending.has_disks = flag_of(record, "disks");
	d->sending.key_folder = d->key_folder;
	d->was_standing = flag_of(record, "standing");
	d->is_taken_over = flag_of(record, "taken_over");
	d->is_target_given_up = flag_of(record, "target_given_up");
	return true;
}

bool record_read(struct departing *d)
{
	struct store *s = d->vm->hv->store;
	const char *name = d->vm->spec.name;
	struct xvs_error err = ERROR_INIT;
	json_t *record = store_read(s, name, file, &err);
	bool is_one = record && record_take(d, record);
	bool is_old = is_one && d->epoch < epoch_recall(s, name);

	json_decref(record);
	if (err.code || (record && !is_one))
		log_message(MSG_VM_STATE, "vm %s: the record of its move cannot be read: %s", name,
			    err.code ? err.text : "it is no such record");
	if (is_old && store_remove_file(s, name, file, &err))
		log_message(MSG_VM_STATE, "vm %s: %s", name, err.text);
	return is_one && !is_old;
}

/* ---- a machine that has left ------------------------------------------------------------------ */

static void disk_remove(struct departing *d, const struct disk_spec *disk)
{
	char path[SPEC_PATH];
	struct stat st;

	disk_path(disk, d->vm->disks, path);
	if (lstat(path, &st) && errno == ENOENT)
		return;
	if (S_ISREG(st.st_mode) && unlink(path) == 0)
		return;
	(void)json_array_append_new(
		d->left_files,
		json_pack("{s:s, s:o, s:s}", "disk", disk->name, "file", rpc_string(path), "why",
			  S_ISREG(st.st_mode) ? strerror(errno) : "it is no regular file"));
}

static void file_remove(const struct vm *vm, const char *name)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", vm->folder, name);
	(void)unlink(path);
}

int record_clear(struct departing *d, struct xvs_error *err)
{
	const struct vm *vm = d->vm;

	for (uint32_t i = 0; i < vm->spec.disk_count && d->options.has_disks; i++) {
		if (!vm->spec.disks[i].is_read_only)
			disk_remove(d, &vm->spec.disks[i]);
	}
	file_remove(vm, "variables.fd");
	file_remove(vm, "qemu.log");
	return stone_lay(vm->hv->store, vm->spec.name, d->peer, err);
}
