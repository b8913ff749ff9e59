/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replica_files.c - a beat at the replica's side: disks are made and exported, ports' files are
 * written, all of it becomes a point.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "replica_part.h"
#include "rpc/rpc.h"
#include "tool.h"
#include "vm_archive.h"

/* ---- the end ---------------------------------------------------------------------------------- */

/* 'why' counts where there is no value. */
static void answer(struct replica *r, json_t *value, const char *why)
{
	struct rpc_call *call = r->call;

	r->call = NULL;
	if (!call)
		json_decref(value);
	else if (value)
		rpc_answer(call, value);
	else
		rpc_refuse(call, RPC_REFUSED, "vm %s: %.300s", r->vm->spec.name, why);
}

void replica_hush(struct replica *r, const char *why)
{
	tool_cancel(r->tool);
	r->tool = NULL;
	if (r->transfer)
		transfer_qmp_gone(r->transfer);
	transfer_destroy(r->transfer);
	r->transfer = NULL;
	block_server_destroy(r->server);
	r->server = NULL;
	if (r->listener >= 0)
		(void)close(r->listener);
	r->listener = -1;
	if (r->key_folder[0])
		move_key_remove(r->vm);
	r->key_folder[0] = '\0';
	explicit_bzero(r->key, sizeof(r->key));
	json_decref(r->copy.stale);
	r->copy.stale = NULL;
	r->session = NULL;
	r->receiving = 0;
	answer(r, NULL, why);
}

static void tag_remove(const struct replica *r, uint64_t sequence)
{
	char tag[REPLICA_TAG];

	archive_remove(r->vm, replica_tag(sequence, tag));
}

void replica_empty(struct replica *r)
{
	const struct vm_spec *s = &r->vm->spec;
	const json_t *one;
	char path[SPEC_PATH];
	size_t i;

	json_array_foreach(r->kept.points, i, one)
	{
		tag_remove(r, (uint64_t)json_integer_value(json_object_get(one, "sequence")));
	}
	(void)json_array_clear(r->kept.points);
	for (uint32_t n = 0; n < s->disk_count; n++) {
		if (s->disks[n].is_read_only)
			continue;
		disk_path(&s->disks[n], r->vm->disks, path);
		(void)unlink(path);
	}
}

/* ---- disks are made and exported -------------------------------------------------------------- */

static void disk_next(struct replica *r);

static void on_disk_made(void *arg, int status, const char *output)
{
	struct replica *r = arg;
	char why[300];

	r->tool = NULL;
	if (status) {
		(void)snprintf(why, sizeof(why), "disk %s: %.*s", r->vm->spec.disks[r->walk].name,
			       (int)strcspn(output, "\n"), output);
		replica_hush(r, why);
		return;
	}
	r->walk++;
	disk_next(r);
}

static int disk_make(struct replica *r, const char *path, struct xvs_error *err)
{
	const struct tool_end end = { TOOL_DEADLINE_S, on_disk_made, r };
	struct plan p;
	int code;

	plan_init(&p, &r->vm->user);
	plan_word(&p, "qemu-img");
	plan_word(&p, "create");
	plan_word(&p, "-q");
	plan_option(&p, "-f", "qcow2");
	plan_word(&p, "%s", path);
	plan_word(&p, "%" PRIu64, r->sizes[r->walk]);
	code = tool_start(r->vm->hv->loop, &p, &end, &r->tool, err);
	plan_finish(&p);
	return code;
}

static void on_server_ready(void *arg)
{
	struct replica *r = arg;

	answer(r, json_pack("{s:i}", "disks", r->port), "out of memory");
}

static void committed(struct replica *r);

static void on_server_ended(void *arg, const char *why)
{
	struct replica *r = arg;

	if (why)
		replica_hush(r, why);
	else
		committed(r);
}

static void server_begin(struct replica *r)
{
	const struct block_server_user user = { on_server_ready, on_server_ended, r };
	struct xvs_error err = ERROR_INIT;
	int listener = r->listener;
	int code = move_key_write(r->vm, r->key, r->key_folder, &err);

	if (code == 0) {
		r->listener = -1;
		code = block_server_start(r->vm, listener, r->key_folder, &user, &r->server, &err);
	}
	if (code)
		replica_hush(r, err.text);
}

static void disk_next(struct replica *r)
{
	const struct vm_spec *s = &r->vm->spec;
	struct xvs_error err = ERROR_INIT;
	char path[SPEC_PATH];

	for (; r->walk < s->disk_count; r->walk++) {
		disk_path(&s->disks[r->walk], r->vm->disks, path);
		if (!s->disks[r->walk].is_read_only && access(path, F_OK))
			break;
	}
	if (r->walk == s->disk_count)
		server_begin(r);
	else if (disk_make(r, path, &err))
		replica_hush(r, err.text);
}

void replica_receive(struct replica *r, struct rpc_call *call)
{
	struct xvs_error err = ERROR_INIT;
	char path[SPEC_PATH + 16];

	r->call = call;
	r->session = rpc_context(call);
	tag_remove(r, r->receiving);
	(void)snprintf(path, sizeof(path), "%s/ports", r->vm->folder);
	if ((mkdir(path, 0700) && errno != EEXIST) ||
	    (mkdir(r->vm->run, 0711) && errno != EEXIST)) {
		replica_hush(r, strerror(errno));
		return;
	}
	if (remote_listen_beside(remote_session_local(r->session), &r->listener, &r->port, &err)) {
		replica_hush(r, err.text);
		return;
	}
	r->walk = 0;
	disk_next(r);
}

/* ---- files of ports --------------------------------------------------------------------------- */

bool piece_read(const char *text, uint8_t out[PIECE_MAX], size_t *len)
{
	size_t count = 0;

	for (; text[0]; text += 2, count++) {
		int high = hex_digit(text[0]);
		int low = text[1] ? hex_digit(text[1]) : -1;

		if (count == PIECE_MAX || high < 0 || low < 0)
			return false;
		out[count] = (uint8_t)(high << 4 | low);
	}
	*len = count;
	return true;
}

static int piece_write(const char *path, const uint8_t *bytes, size_t len, uint64_t offset)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	int code = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || (uint64_t)st.st_size != offset || offset + len > PORT_FILE_MAX)
		code = -EINVAL;
	else if (pwrite(fd, bytes, len, (off_t)offset) != (ssize_t)len || fdatasync(fd))
		code = -EIO;
	(void)close(fd);
	return code;
}

static bool has_adapter(const struct vm *vm, const char *name)
{
	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		if (strcmp(vm->spec.adapters[i].name, name) == 0)
			return true;
	}
	return false;
}

void replica_file(struct replica *r, struct rpc_call *call)
{
	const char *adapter = rpc_text(call, "adapter");
	bool is_state = strcmp(rpc_text(call, "kind"), "state") == 0;
	uint8_t *bytes = malloc(PIECE_MAX);
	char tag[REPLICA_TAG];
	char path[PATH_MAX];
	size_t len;

	(void)replica_tag(r->receiving, tag);
	if (!bytes || !has_adapter(r->vm, adapter) ||
	    !piece_read(rpc_text(call, "bytes"), bytes, &len)) {
		free(bytes);
		rpc_refuse(call, RPC_BAD_PARAMS, "vm %s: that is no piece of a port's file",
			   r->vm->spec.name);
		return;
	}
	(is_state ? archive_path : archive_policies_path)(r->vm, tag, adapter, path, sizeof(path));
	if (piece_write(path, bytes, len, rpc_count(call, "offset", 0)))
		rpc_refuse(call, RPC_REFUSED, "vm %s: what port %s had saved cannot be written",
			   r->vm->spec.name, adapter);
	else
		rpc_answer(call, json_object());
	free(bytes);
}

/* ---- a point ---------------------------------------------------------------------------------- */

/* The storage daemon has closed the disks: all of it is in the files. */
static void committed(struct replica *r)
{
	json_t *points = r->kept.points;
	struct xvs_error err = ERROR_INIT;
	uint64_t sequence = r->receiving;

	while (json_array_size(points) >= r->kept.points_max) {
		tag_remove(r, (uint64_t)json_integer_value(
				      json_object_get(json_array_get(points, 0), "sequence")));
		(void)json_array_remove(points, 0);
	}
	(void)json_array_append_new(points,
				    json_pack("{s:I, s:I}", "sequence", (json_int_t)sequence,
					      "time", (json_int_t)time(NULL)));
	if (replica_write(r, &err)) {
		(void)json_array_remove(points, json_array_size(points) - 1);
		replica_hush(r, err.text);
		return;
	}
	answer(r, json_object(), "out of memory");
	replica_hush(r, "");
}

static void on_kept(void *arg, const char *why)
{
	struct replica *r = arg;

	if (why)
		replica_hush(r, why);
	else
		block_server_quit(r->server);
}

/* Names of snapshots that are too many with the one that comes. */
static json_t *stale_of(const struct replica *r)
{
	size_t count = json_array_size(r->kept.points);
	json_t *stale = json_array();
	char name[BITMAP_NAME];

	for (size_t i = 0; i + r->kept.points_max <= count; i++) {
		const json_t *one = json_array_get(r->kept.points, i);

		(void)bitmap_name(r->kept.id,
				  (uint64_t)json_integer_value(json_object_get(one, "sequence")),
				  name);
		(void)json_array_append_new(stale, json_string(name));
	}
	return stale;
}

void replica_commit(struct replica *r, struct rpc_call *call)
{
	struct hv *hv = r->vm->hv;

	r->call = call;
	r->options = (struct transfer_options){ .has_disks = true };
	r->copy = (struct replica_copy){ .id = r->kept.id,
					 .sequence = r->receiving,
					 .stale = stale_of(r) };
	if (!r->transfer)
		r->transfer = transfer_create(hv->loop, block_server_qmp(r->server), &r->vm->spec,
					      &r->options);
	if (r->transfer)
		transfer_point_keep(r->transfer, &r->copy, on_kept, r);
	else
		replica_hush(r, "out of memory");
}
