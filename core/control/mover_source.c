/* SPDX-License-Identifier: Apache-2.0 */
/* control/mover_source.c - a port that leaves, as its bundle, its keys and its policies. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "config/print.h"
#include "control/mover_part.h"
#include "switch/departure.h"

/* What an owner may send in all: enough for its objects, and no flood. */
enum { LIMIT_BASE = 256 << 20, LIMIT_OBJECT = 4 << 10 };

struct content {
	struct mover *m;
	struct bundle *bundle;
	struct port_spec spec;
	char target[CONTENT_TARGET];
	content_sink sink;
	void *sink_ctx;
};

void owner_out(const struct content_owner *from, struct bundle_owner *to)
{
	memset(to, 0, sizeof(*to));
	(void)str_copy(to->id, sizeof(to->id), from->id);
	to->format_min = from->oldest;
	to->format_max = from->newest;
	to->format = from->format;
	to->critical = from->is_critical;
}

static int open_content(void *host, const char *port, struct content **out, uint8_t uuid[WIRE_ID],
			char target[CONTENT_TARGET], struct xvs_error *err)
{
	struct mover *m = host;
	struct content *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return error_set(err, -ENOMEM, "", "port %s: out of memory", port);
	c->m = m;
	code = departure_spec(m->control->world, port, &c->spec, c->target, err);
	if (code == 0) {
		code = bundle_open(m->control->world, c->target, &c->bundle, err);
		if (code)
			port_spec_finish(&c->spec);
	}
	if (code) {
		free(c);
		return code;
	}
	memcpy(uuid, c->spec.uuid, WIRE_ID);
	(void)str_copy(target, CONTENT_TARGET, c->target);
	*out = c;
	return 0;
}

static json_t *describe(struct content *c)
{
	struct node *port = print_port(&c->spec);
	json_t *policies = departure_policies(c->m->control->world, c->target);
	json_t *j = port ? node_to_json(port) : NULL;

	node_destroy(port);
	return json_pack("{s:o, s:o, s:o*}", "port", j, "policies", policies, "nat",
			 bundle_nat_shares(c->bundle));
}

static size_t owners(struct content *c, struct content_owner out[CONTENT_OWNERS])
{
	struct bundle_owner *all = calloc(BUNDLE_OWNERS_MAX, sizeof(*all));
	size_t count = all ? bundle_describe(c->bundle, all) : 0;

	for (size_t i = 0; i < count; i++) {
		struct content_owner *o = &out[i];

		memset(o, 0, sizeof(*o));
		(void)str_copy(o->id, sizeof(o->id), all[i].id);
		o->oldest = all[i].format_min;
		o->newest = all[i].format_max;
		o->is_critical = all[i].critical;
		o->limit = LIMIT_BASE + all[i].objects * LIMIT_OBJECT;
	}
	free(all);
	return count;
}

static int agree(struct content *c, const struct content_owner *all, size_t count,
		 struct xvs_error *err)
{
	struct bundle_owner *agreed = calloc(BUNDLE_OWNERS_MAX, sizeof(*agreed));
	int code;

	if (!agreed)
		return error_set(err, -ENOMEM, "", "port %s: out of memory", c->target);
	for (size_t i = 0; i < count; i++)
		owner_out(&all[i], &agreed[i]);
	code = bundle_agree(c->bundle, agreed, count, err);
	free(agreed);
	return code;
}

static int on_record(void *ctx, const struct bundle_record *r, struct xvs_error *err)
{
	struct content *c = ctx;
	const struct content_record out = { .owner = r->owner,
					    .format = r->format,
					    .is_critical = r->critical,
					    .data = r->data,
					    .len = r->len };

	return c->sink(c->sink_ctx, &out, err);
}

static int save(struct content *c, enum content_pass pass, content_sink sink, void *ctx,
		struct xvs_error *err)
{
	static const enum bundle_what whats[] = { [CONTENT_FULL] = BUNDLE_FULL,
						  [CONTENT_CHANGES] = BUNDLE_CHANGES,
						  [CONTENT_FINAL] = BUNDLE_FINAL };

	c->sink = sink;
	c->sink_ctx = ctx;
	return bundle_save(c->bundle, whats[pass], on_record, c, err);
}

static uint64_t pending(struct content *c)
{
	return bundle_pending(c->bundle);
}

static void freeze(struct content *c, void (*done)(void *arg, int code), void *arg)
{
	bundle_freeze(c->bundle, done, arg);
}

static bool relay(struct content *c, void (*frame)(void *arg, const uint8_t *frame, size_t len),
		  void *arg)
{
	return bundle_relay(c->bundle, frame, arg) == 0;
}

static void close_content(struct content *c, bool is_moved)
{
	bundle_close(c->bundle, is_moved);
	port_spec_finish(&c->spec);
	free(c);
}

static void departed(void *host, const uint8_t uuid[WIRE_ID], bool has_departed)
{
	struct mover *m = host;

	departure_note(m->control->world, uuid, has_departed);
}

static void remove_port(void *host, const uint8_t uuid[WIRE_ID], const char *target,
			content_done done, void *arg)
{
	struct mover *m = host;
	struct world *w = m->control->world;
	struct xvs_error err = ERROR_INIT;
	char what[CONTENT_TARGET + 64];
	char name[CONTENT_TARGET];
	struct errand *e;
	struct wish wish;

	/* Another port has its name: that one is not ours to remove. */
	if (!departure_find(w, uuid, name)) {
		if (world_port_id(w, target) != 0) {
			done(arg, 0, &err);
			return;
		}
		(void)str_copy(name, sizeof(name), target);
	}
	e = errand_create(m, done, arg);
	if (!e)
		return;
	(void)snprintf(what, sizeof(what), "port %s has moved to another host", name);
	if (errand_wish(e, what, &wish, false))
		world_port_leave(w, name, &wish);
}

static int hold(void *host, const char *target)
{
	struct mover *m = host;

	return bundle_hold(m->control->world, target);
}

static int release(void *host, const char *target, struct xvs_error *err)
{
	struct mover *m = host;

	return bundle_open_port(m->control->world, target, err);
}

const struct content_source_ops mover_source = {
	.open = open_content,
	.describe = describe,
	.owners = owners,
	.agree = agree,
	.save = save,
	.pending = pending,
	.freeze = freeze,
	.relay = relay,
	.close = close_content,
	.departed = departed,
	.remove = remove_port,
	.hold = hold,
	.release = release,
};
