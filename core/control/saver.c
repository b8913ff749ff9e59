/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/saver.c - what saving and restoring share; saving.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/random.h"
#include "base/str.h"
#include "config/print.h"
#include "control/saver_part.h"
#include "switch/departure.h"

/* ---- one of them ------------------------------------------------------------------------------ */

static void saver_free(struct saver *s)
{
	for (struct saver **at = &s->control->savers; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	if (s->bundle)
		bundle_close(s->bundle, false);
	if (s->fd >= 0)
		(void)close(s->fd);
	port_spec_finish(&s->spec);
	archive_close(s->in);
	loop_timer_destroy(s->turn);
	json_decref(s->left);
	json_decref(s->differing);
	free(s->file);
	free(s);
}

void saver_fail(struct saver *s, const struct xvs_error *err)
{
	struct rpc_call *call = s->call;
	char *file = s->file;

	if (s->undo)
		s->undo(s);
	s->file = NULL;
	saver_free(s);
	rpc_refuse(call, err->code == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "%s: %s", file,
		   err->text);
	free(file);
}

void saver_done(struct saver *s, json_t *answer)
{
	struct rpc_call *call = s->call;

	saver_free(s);
	rpc_answer(call, answer);
}

static void on_turn(void *arg)
{
	struct saver *s = arg;

	s->go_on(s);
}

void saver_turn(struct saver *s, void (*go_on)(struct saver *s))
{
	s->go_on = go_on;
	loop_timer_arm(s->turn, 0);
}

struct saver *saver_create(struct rpc_call *call, const char *target, const char *file)
{
	struct control *c = rpc_context(call);
	struct saver *s;

	if (file[0] != '/') {
		rpc_refuse(call, RPC_BAD_PARAMS, "file %.200s: an absolute path is expected", file);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		rpc_answer(call, NULL);
		return NULL;
	}
	s->control = c;
	s->call = call;
	s->fd = -1;
	s->turn = loop_timer_create(c->loop, on_turn, s);
	s->file = strdup(file);
	s->left = json_array();
	s->differing = json_array();
	s->next = c->savers;
	c->savers = s;
	(void)str_copy(s->target, sizeof(s->target), target);
	if (s->turn && s->file && s->left && s->differing)
		return s;
	saver_free(s);
	rpc_answer(call, NULL);
	return NULL;
}

void savers_end(struct control *c)
{
	const struct xvs_error err = { .code = -ECANCELED, .text = "the daemon is stopping" };

	while (c->savers)
		saver_fail(c->savers, &err);
}

/* ---- saving ----------------------------------------------------------------------------------- */

static int file_write(void *arg, const void *bytes, size_t len)
{
	const struct saver *s = arg;
	const char *at = bytes;

	while (len > 0) {
		ssize_t written = write(s->fd, at, len);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			at += written;
			len -= (size_t)written;
		}
	}
	return 0;
}

static int on_record(void *ctx, const struct bundle_record *r, struct xvs_error *err)
{
	struct saver *s = ctx;
	const struct content_record record = { .owner = r->owner,
					       .format = r->format,
					       .is_critical = r->critical,
					       .data = r->data,
					       .len = r->len };

	return archive_record(&s->out, &record, err);
}

static void save_end(struct saver *s)
{
	struct xvs_error err = ERROR_INIT;

	if (archive_end(&s->out, &err) == 0 && fsync(s->fd))
		(void)error_set(&err, -errno, "", "it cannot be written: %s", strerror(errno));
	if (err.code) {
		saver_fail(s, &err);
		return;
	}
	saver_done(s, json_pack("{s:s, s:I, s:I, s:o}", "port", s->target, "records",
				(json_int_t)s->out.records, "bytes", (json_int_t)s->out.bytes,
				"policies", departure_policies(s->control->world, s->target)));
}

static void save_pass(struct saver *s);

static void on_frozen(void *arg, int code)
{
	struct saver *s = arg;
	struct xvs_error err = ERROR_INIT;

	if (code) {
		(void)error_set(&err, code, "", "it cannot be silenced: %s", strerror(-code));
		saver_fail(s, &err);
		return;
	}
	s->pass = BUNDLE_FINAL;
	saver_turn(s, save_pass);
}

static void save_pass(struct saver *s)
{
	struct xvs_error err = ERROR_INIT;
	int code = bundle_save(s->bundle, s->pass, on_record, s, &err);

	if (code < 0)
		saver_fail(s, &err);
	else if (code > 0)
		saver_turn(s, save_pass);
	else if (s->pass == BUNDLE_FULL)
		bundle_freeze(s->bundle, on_frozen, s);
	else
		save_end(s);
}

/* All that anybody has, in the newest format that he writes; *state is what is told of it. */
static int agree(struct saver *s, json_t *state, struct xvs_error *err)
{
	struct bundle_owner *owners = calloc(BUNDLE_OWNERS_MAX, sizeof(*owners));
	size_t count = owners ? bundle_describe(s->bundle, owners) : 0;
	int code;

	for (size_t i = 0; i < count; i++) {
		struct bundle_owner *o = &owners[i];

		o->format = o->format_max;
		(void)json_array_append_new(
			state, json_pack("{s:s, s:I, s:I, s:b, s:I}", "owner", o->id, "oldest",
					 (json_int_t)o->format, "newest", (json_int_t)o->format,
					 "critical", (int)o->critical, "bytes", (json_int_t)0));
	}
	code = owners ? bundle_agree(s->bundle, owners, count, err)
		      : error_set(err, -ENOMEM, "", "out of memory");
	free(owners);
	return code;
}

static json_t *describe(const struct saver *s, json_t *state)
{
	struct node *port = print_port(&s->spec);
	const char *slash = strchr(s->target, '/');
	json_t *j = json_pack("{s:o, s:o, s:o, s:O}", "switch",
			      json_stringn(s->target, slash ? (size_t)(slash - s->target) : 0),
			      "port", port ? node_to_json(port) : NULL, "policies",
			      departure_policies(s->control->world, s->target), "state", state);

	node_destroy(port);
	return j;
}

static int save_begin(struct saver *s, const char *target, struct xvs_error *err)
{
	struct world *w = s->control->world;
	json_t *state = json_array();
	json_t *description = NULL;
	int code = departure_spec(w, target, &s->spec, s->target, err);

	if (code == 0)
		code = bundle_open(w, s->target, &s->bundle, err);
	if (code == 0)
		code = agree(s, state, err);
	if (code == 0)
		description = describe(s, state);
	memcpy(s->out.port, s->spec.uuid, WIRE_ID);
	random_fill(s->out.id, sizeof(s->out.id));
	if (code == 0)
		code = archive_begin(&s->out, description, err);
	json_decref(description);
	json_decref(state);
	return code;
}

static void save_undo(struct saver *s)
{
	(void)unlink(s->file);
}

void saver_save(struct rpc_call *call, const char *target, const char *file)
{
	struct saver *s = saver_create(call, target, file);
	struct xvs_error err = ERROR_INIT;

	if (!s)
		return;
	s->fd = open(s->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0) {
		(void)error_set(&err, -EIO, "", "%s", strerror(errno));
		saver_fail(s, &err);
		return;
	}
	s->undo = save_undo;
	s->out.write = file_write;
	s->out.arg = s;
	if (save_begin(s, target, &err)) {
		saver_fail(s, &err);
		return;
	}
	s->pass = BUNDLE_FULL;
	saver_turn(s, save_pass);
}
