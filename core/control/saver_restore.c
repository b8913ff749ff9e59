/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/saver_restore.c - a port's state out of a file.
 *
 * Its policies are those of now: the file's are only compared with them, and what differs is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "control/saver_part.h"
#include "switch/departure.h"

enum { TURN_BYTES = 1 << 20 };

/* ---- the first time: is it whole, and does it fit? -------------------------------------------- */

/* Features that either has and that are not the same. */
static void compare(struct saver *s, const json_t *then)
{
	json_t *now = departure_policies(s->control->world, s->target);
	const char *id;
	json_t *value;

	/* NOLINTNEXTLINE: the macro of jansson takes no const */
	json_object_foreach((json_t *)(uintptr_t)then, id, value)
	{
		const json_t *fields = json_object_get(value, "fields");
		const json_t *ours = json_object_get(json_object_get(now, id), "fields");

		if (!json_equal(fields, ours))
			(void)json_array_append_new(s->differing, json_string(id));
	}
	json_object_foreach(now, id, value)
	{
		if (!json_object_get(then, id))
			(void)json_array_append_new(s->differing, json_string(id));
	}
	json_decref(now);
}

static int on_described(void *arg, struct arrival *a, struct xvs_error *err)
{
	struct saver *s = arg;
	char theirs[UUID_TEXT];

	if (memcmp(a->uuid, s->uuid, WIRE_ID) != 0)
		return error_set(err, -EINVAL, "", "it is of another port, %s, whose UUID is %s",
				 a->target, uuid_print(a->uuid, theirs));
	compare(s, json_object_get(a->offer, "policies"));
	return 0;
}

static int on_seen(void *arg, const struct content_record *r, struct xvs_error *err)
{
	(void)arg;
	if (r->len <= BUNDLE_RECORD_MAX)
		return 0;
	return error_set(err, -EMSGSIZE, "", "a record of %s has %zu bytes, at most %d are allowed",
			 r->owner, r->len, BUNDLE_RECORD_MAX);
}

/* ---- the second time: into the port ------------------------------------------------------------ */

static int note_left(struct saver *s, const struct content_owner *o)
{
	return finding_add(s->left, o->id, "nothing here reads its format %u", o->newest);
}

/* Who is there to take what; what is not critical may stay behind. */
static int on_weighed(void *arg, struct arrival *a, struct xvs_error *err)
{
	struct saver *s = arg;
	struct bundle_owner *owners = calloc(BUNDLE_OWNERS_MAX, sizeof(*owners));
	int code;

	if (!owners)
		return error_set(err, -ENOMEM, "", "out of memory");
	for (size_t i = 0; i < a->owner_count; i++) {
		(void)str_copy(owners[i].id, sizeof(owners[i].id), a->owners[i].id);
		owners[i].format_min = a->owners[i].oldest;
		owners[i].format_max = a->owners[i].newest;
		owners[i].critical = a->owners[i].is_critical;
	}
	code = bundle_admit(s->control->world, s->target, owners, a->owner_count, err);
	for (size_t i = 0; code == 0 && i < a->owner_count; i++) {
		a->owners[i].format = owners[i].format;
		if (!owners[i].format)
			code = note_left(s, &a->owners[i]);
	}
	free(owners);
	return code;
}

static bool is_left(const struct saver *s, const char *owner)
{
	json_t *one;
	size_t i;

	json_array_foreach(s->left, i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "what")), owner) == 0)
			return true;
	}
	return false;
}

static int on_record(void *arg, const struct content_record *r, struct xvs_error *err)
{
	struct saver *s = arg;
	const struct bundle_record record = { .owner = r->owner,
					      .format = r->format,
					      .critical = r->is_critical,
					      .data = r->data,
					      .len = r->len };

	if (is_left(s, r->owner))
		return 0;
	s->records++;
	s->bytes += r->len;
	return bundle_restore(s->control->world, s->target, &record, err);
}

static void note_change(struct saver *s)
{
	json_t *lines = json_array();
	struct change change = { .lines = lines };

	(void)json_array_append_new(lines, json_sprintf("~ port %s has the state that was saved",
							s->target));
	control_changed(s->control, &change);
	json_decref(lines);
}

static void restore_end(struct saver *s)
{
	struct xvs_error err = ERROR_INIT;

	if (bundle_open_port(s->control->world, s->target, &err)) {
		saver_fail(s, &err);
		return;
	}
	note_change(s);
	saver_done(s, json_pack("{s:s, s:I, s:I, s:O, s:O}", "port", s->target, "records",
				(json_int_t)s->records, "bytes", (json_int_t)s->bytes, "left",
				s->left, "policies_differ", s->differing));
}

/* ---- reading ---------------------------------------------------------------------------------- */

static void read_on(struct saver *s);
static void silence(struct saver *s);

static int read_piece(struct saver *s, ssize_t *got, struct xvs_error *err)
{
	uint8_t *bytes = malloc(TURN_BYTES);
	int code = 0;

	if (!bytes)
		return error_set(err, -ENOMEM, "", "out of memory");
	do {
		*got = read(s->fd, bytes, TURN_BYTES);
	} while (*got < 0 && errno == EINTR);
	if (*got < 0)
		code = error_set(err, -EIO, "", "%s", strerror(errno));
	else if (*got == 0)
		code = archive_finish(s->in, err);
	else
		code = archive_read(s->in, bytes, (size_t)*got, err);
	free(bytes);
	return code;
}

static void read_on(struct saver *s)
{
	struct xvs_error err = ERROR_INIT;
	ssize_t got = 0;

	if (read_piece(s, &got, &err))
		saver_fail(s, &err);
	else if (got > 0)
		saver_turn(s, read_on);
	else if (!s->is_second)
		silence(s);
	else
		restore_end(s);
}

static int read_begin(struct saver *s, struct xvs_error *err)
{
	const struct archive_reader first = { .described = on_described,
					      .record = on_seen,
					      .arg = s };
	const struct archive_reader second = { .described = on_weighed,
					       .record = on_record,
					       .arg = s };

	archive_close(s->in);
	s->in = archive_open(s->is_second ? &second : &first);
	if (!s->in)
		return error_set(err, -ENOMEM, "", "out of memory");
	if (lseek(s->fd, 0, SEEK_SET) < 0)
		return error_set(err, -EIO, "", "%s", strerror(errno));
	saver_turn(s, read_on);
	return 0;
}

/* Nothing of it is under way, and from here on it is closed until all was restored. */
static void on_silent(void *arg, int code)
{
	struct saver *s = arg;
	struct xvs_error err = ERROR_INIT;

	if (code == 0)
		code = bundle_hold(s->control->world, s->target);
	bundle_close(s->bundle, false);
	s->bundle = NULL;
	s->is_second = true;
	if (code)
		(void)error_set(&err, code, "", "it cannot be silenced: %s", strerror(-code));
	else
		code = read_begin(s, &err);
	if (code)
		saver_fail(s, &err);
}

static void silence(struct saver *s)
{
	struct xvs_error err = ERROR_INIT;

	/* Whether by a move or by a restore that failed: what is in it is not known. */
	if (bundle_is_held(s->control->world, s->target)) {
		(void)error_set(&err, -EBUSY, "",
				"the port waits for its machine; remove it and add it again first");
		saver_fail(s, &err);
		return;
	}
	if (bundle_open(s->control->world, s->target, &s->bundle, &err))
		saver_fail(s, &err);
	else
		bundle_freeze(s->bundle, on_silent, s);
}

static int file_open(struct saver *s, struct xvs_error *err)
{
	struct stat st;

	s->fd = open(s->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (s->fd < 0 || fstat(s->fd, &st))
		return error_set(err, -EIO, "", "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "", "it is no file");
	return 0;
}

void saver_restore(struct rpc_call *call, const char *target, const char *file, const uint8_t *uuid)
{
	struct saver *s = saver_create(call, target, file);
	struct port_spec spec = { .name = "" };
	struct xvs_error err = ERROR_INIT;
	int code;

	if (!s)
		return;
	code = departure_spec(s->control->world, target, &spec, s->target, &err);
	memcpy(s->uuid, uuid ? uuid : spec.uuid, sizeof(s->uuid));
	port_spec_finish(&spec);
	if (code == 0)
		code = file_open(s, &err);
	if (code == 0)
		code = read_begin(s, &err);
	if (code)
		saver_fail(s, &err);
}
