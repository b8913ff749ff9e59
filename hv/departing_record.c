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

static const char *text_of(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "";
}

/* As record_write() writes it. */
static bool is_record(const json_t *record)
{
	const char *state = text_of(record, "state");

	return strlen(text_of(record, "move")) == UUID_TEXT - 1 && text_of(record, "to")[0] &&
	       strlen(text_of(record, "to")) < SPEC_TEXT &&
	       (strcmp(state, "moving") == 0 || strcmp(state, "committed") == 0) &&
	       json_integer_value(json_object_get(record, "epoch")) > 0;
}

static void record_take(struct departing *d, const json_t *record)
{
	(void)str_copy(d->id, sizeof(d->id), text_of(record, "move"));
	(void)str_copy(d->peer, sizeof(d->peer), text_of(record, "to"));
	d->epoch = (uint64_t)json_integer_value(json_object_get(record, "epoch"));
	d->found =
		strcmp(text_of(record, "state"), "committed") == 0 ? MOVE_COMMITTED : MOVE_MOVING;
	d->options.has_disks = d->sending.has_disks = flag_of(record, "disks");
	d->sending.key_folder = d->key_folder;
	d->was_standing = flag_of(record, "standing");
	d->is_taken_over = flag_of(record, "taken_over");
	d->is_target_given_up = flag_of(record, "target_given_up");
}

bool departing_is_readable(const struct store *s, const char *name, struct xvs_error *err)
{
	json_t *record = store_read(s, name, file, err);
	bool is_one = err->code == 0 && (!record || is_record(record));

	json_decref(record);
	if (!is_one && err->code == 0)
		(void)error_set(err, -EINVAL, "", "%s is not as xvs-hv writes it", file);
	return is_one;
}

bool record_read(struct departing *d)
{
	struct store *s = d->vm->hv->store;
	const char *name = d->vm->spec.name;
	struct xvs_error err = ERROR_INIT;
	json_t *record = store_read(s, name, file, &err);
	bool is_one = record && is_record(record);

	if (is_one)
		record_take(d, record);
	json_decref(record);
	if (!is_one || d->epoch >= epoch_recall(s, name))
		return is_one;
	if (store_remove_file(s, name, file, &err))
		log_message(MSG_VM_STATE, "vm %s: %s", name, err.text);
	return false;
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
