/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/bundle.c - the source's side: who has something to say of a port, and passes over them in
 * turns that are short enough for the control thread.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "ext/state.h"
#include "switch/bundle_part.h"

enum { TURN_NS = 8000000 };

struct port *bundle_port(const struct bundle *b, struct xvs_error *err)
{
	struct port *p = b->w->by_id[b->port_id];

	if (p && memcmp(p->uuid, b->uuid, sizeof(b->uuid)) == 0)
		return p;
	(void)error_set(err, -ENODEV, "", "port %s was removed while its state was saved",
			b->full_name);
	return NULL;
}

/* ---- who has something to say -------------------------------------------------------------- */

/* An extension's own id, unless another instance of it stands before this one. */
void part_name(const struct port *p, const struct attachment *a, char out[BUNDLE_OWNER_SIZE])
{
	for (size_t i = 0; i < p->sw->member_count && p->sw->members[i] != a->member; i++) {
		if (strcmp(p->sw->members[i]->extension, a->member->extension) != 0)
			continue;
		(void)snprintf(out, BUNDLE_OWNER_SIZE, "%s/%s", a->member->extension,
			       a->member->name);
		return;
	}
	(void)snprintf(out, BUNDLE_OWNER_SIZE, "%s", a->member->extension);
}

struct attachment *part_attachment(const struct port *p, const char *owner)
{
	for (size_t i = 0; i < p->attached_count; i++) {
		struct attachment *a = &p->attached[i];
		char name[BUNDLE_OWNER_SIZE];

		part_name(p, a, name);
		if (strcmp(name, owner) == 0)
			return a->member->state == MEMBER_RUNNING ? a : NULL;
	}
	return NULL;
}

static struct part *add_part(struct bundle *b, enum part_kind kind, const char *id, uint32_t format)
{
	struct part *part = &b->parts[b->count++];

	part->kind = kind;
	(void)str_copy(part->owner.id, sizeof(part->owner.id), id);
	part->owner.format_min = format;
	part->owner.format_max = format;
	return part;
}

static void add_extension(struct bundle *b, const struct port *p, const struct attachment *a)
{
	const struct member *m = a->member;
	char name[BUNDLE_OWNER_SIZE];
	struct part *part;

	if (m->state != MEMBER_RUNNING || !m->instance->has_state || b->count == BUNDLE_OWNERS_MAX)
		return;
	part_name(p, a, name);
	part = add_part(b, PART_EXTENSION, name, m->instance->run_state.format_min);
	part->owner.format_max = m->instance->run_state.format_max;
	part->owner.critical = m->is_required;
}

static void add_parts(struct bundle *b, const struct port *p)
{
	(void)add_part(b, PART_PORT, BUNDLE_PORT, PORT_FORMAT);
	(void)add_part(b, PART_ADDRESSES, BUNDLE_ADDRESSES, ADDRESSES_FORMAT);
	if (b->watch)
		add_part(b, PART_CONN, BUNDLE_CONN, CONN_FORMAT)->owner.critical = true;
	if (b->nat)
		(void)add_part(b, PART_NAT, BUNDLE_NAT, NAT_FORMAT);
	for (size_t i = 0; i < p->attached_count; i++)
		add_extension(b, p, &p->attached[i]);
}

static bool counts_by_flow(const struct port *p)
{
	for (size_t i = 0; i < p->attached_count; i++)
		if (p->attached[i].member->state == MEMBER_RUNNING &&
		    p->attached[i].member->instance->flow.account)
			return true;
	return false;
}

/* What is noted from now on: changes of connections, and what flows count. */
static int open_notes(struct bundle *b, const struct port *p, struct xvs_error *err)
{
	int code = part_open_nat(b, p, err);

	if (code < 0)
		return code;
	if (counts_by_flow(p)) {
		b->credit = path_credit_open(p->path_port);
		if (!b->credit)
			return error_set(err, -ENOMEM, "", "port %s: out of memory", p->full_name);
	}
	return p->is_guarded ? part_open_conns(b, p, err) : 0;
}

int bundle_open(struct world *w, const char *target, struct bundle **out, struct xvs_error *err)
{
	struct port *p = world_port(w, target);
	struct bundle *b;
	int code;

	if (!p || !p->path_port)
		return error_set(err, -ENOENT, "", "port %s %s", target,
				 p ? "is not on the packet path" : "does not exist");
	if (p->is_held)
		return error_set(err, -EBUSY, "", "port %s is on the way here itself", target);
	if (p->sw->is_handing_over)
		return error_set(err, -EBUSY, "",
				 "port %s: an extension of its switch is being upgraded; try again",
				 target);
	if (p->bundle)
		return error_set(err, -EBUSY, "", "the state of port %s is being saved already",
				 target);
	b = calloc(1, sizeof(*b));
	if (!b)
		return error_set(err, -ENOMEM, "", "port %s: out of memory", target);
	b->w = w;
	b->port_id = p->id;
	memcpy(b->uuid, p->uuid, sizeof(b->uuid));
	(void)str_copy(b->full_name, sizeof(b->full_name), p->full_name);
	code = open_notes(b, p, err);
	if (code < 0) {
		nat_watch_destroy(b->nat);
		path_credit_close(b->credit);
		free(b);
		return code;
	}
	add_parts(b, p);
	p->bundle = b;
	*out = b;
	return 0;
}

static uint64_t count_objects(const struct part *part, const struct port *p)
{
	uint32_t limit;
	uint32_t count = 0;

	if (part->kind == PART_ADDRESSES)
		return l2_learned(&p->sw->path_switch->l2, p->id).count;
	if (part->kind == PART_CONN)
		conn_port_room(path_conns(p->w->path), p->id, &limit, &count);
	return count;
}

size_t bundle_describe(struct bundle *b, struct bundle_owner out[BUNDLE_OWNERS_MAX])
{
	struct port *p = bundle_port(b, NULL);

	for (size_t i = 0; i < b->count; i++) {
		struct part *part = &b->parts[i];

		if (p)
			part->owner.objects = count_objects(part, p);
		out[i] = part->owner;
	}
	return b->count;
}

static struct part *find_part(struct bundle *b, const char *id)
{
	for (size_t i = 0; i < b->count; i++)
		if (strcmp(b->parts[i].owner.id, id) == 0)
			return &b->parts[i];
	return NULL;
}

int bundle_agree(struct bundle *b, const struct bundle_owner *owners, size_t count,
		 struct xvs_error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct part *part = find_part(b, owners[i].id);
		uint32_t format = owners[i].format;

		if (!part)
			return error_set(
				err, -EPROTO, "",
				"port %s: the target speaks of %s, which has no state here",
				b->full_name, owners[i].id);
		if (format && (format < part->owner.format_min || format > part->owner.format_max))
			return error_set(err, -EPROTO, "",
					 "port %s: the target wants format %u of %s, which writes "
					 "%u..%u",
					 b->full_name, format, part->owner.id,
					 part->owner.format_min, part->owner.format_max);
		part->owner.format = format;
	}
	for (size_t i = 0; i < b->count; i++)
		if (b->parts[i].owner.critical && !b->parts[i].owner.format)
			return error_set(err, -EPROTO, "",
					 "port %s: the target does not take the state of %s, "
					 "without which the port does not move",
					 b->full_name, b->parts[i].owner.id);
	b->is_agreed = true;
	return 0;
}

/* ---- passes -------------------------------------------------------------------------------- */

int outlet_put(struct outlet *o, const void *data, size_t len, struct xvs_error *err)
{
	struct bundle_owner *owner = &o->part->owner;
	const struct bundle_record r = { .owner = owner->id,
					 .format = owner->format,
					 .critical = owner->critical,
					 .data = data,
					 .len = len };
	int code = o->sink(o->ctx, &r, err);

	if (code < 0)
		return code;
	owner->bytes += len;
	owner->records++;
	return 0;
}

static int save_part(struct outlet *o, struct xvs_error *err)
{
	switch (o->part->kind) {
	case PART_PORT:
		return part_save_port(o, err);
	case PART_ADDRESSES:
		return part_save_addresses(o, err);
	case PART_CONN:
		return part_save_conns(o, err);
	case PART_NAT:
		return part_save_nat(o, err);
	case PART_EXTENSION:
	default:
		return part_save_extension(o, err);
	}
}

/* As far as the time goes; 1: it has run out. */
static int save_parts(struct outlet *o, struct xvs_error *err)
{
	struct bundle *b = o->b;

	while (b->at < b->count) {
		int code = 0;

		o->part = &b->parts[b->at];
		if (o->part->owner.format)
			code = save_part(o, err);
		if (code < 0)
			return code;
		if (code == 0) {
			o->part->is_begun = false;
			b->at++;
		}
		if (b->at < b->count && clock_ns() >= o->deadline_ns)
			return 1;
	}
	return 0;
}

static void begin_pass(struct bundle *b, enum bundle_what what)
{
	if (b->what == what)
		return;
	b->what = what;
	b->at = 0;
	for (size_t i = 0; i < b->count; i++)
		b->parts[i].is_begun = false;
	/* so that little is left of it when the port is frozen */
	if (b->credit && what != BUNDLE_FINAL)
		path_credit(b->credit, NULL, NULL);
}

int bundle_save(struct bundle *b, enum bundle_what what, bundle_sink sink, void *ctx,
		struct xvs_error *err)
{
	struct outlet o = { .b = b,
			    .port = bundle_port(b, err),
			    .what = what,
			    .sink = sink,
			    .ctx = ctx,
			    .deadline_ns = clock_ns() + TURN_NS };
	int code;

	if (!o.port)
		return -ENODEV;
	if (!b->is_agreed)
		return error_set(err, -EINVAL, "", "port %s: no target has said what it takes",
				 b->full_name);
	if (what == BUNDLE_FINAL && !b->is_frozen)
		return error_set(err, -EINVAL, "", "port %s is not frozen yet", b->full_name);
	begin_pass(b, what);
	code = save_parts(&o, err);
	if (code <= 0)
		b->what = 0;
	return code;
}

uint64_t bundle_pending(struct bundle *b)
{
	enum { CONN_BYTES_SAVED = 220 };
	uint64_t bytes = 0;

	if (b->watch)
		bytes = (uint64_t)conn_watch_pending(b->watch) * CONN_BYTES_SAVED;
	for (size_t i = 0; i < b->count; i++)
		bytes += b->parts[i].owner.left;
	return bytes;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void end_extensions(const struct bundle *b, const struct port *p, bool moved)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct part *part = &b->parts[i];
		const struct attachment *a =
			part->kind == PART_EXTENSION ? part_attachment(p, part->owner.id) : NULL;

		if (a && part->owner.format && a->member->instance->has_state)
			state_save_end(a->member->instance, a->port_state, moved);
	}
}

void bundle_free(struct bundle *b)
{
	for (size_t i = 0; i < b->count; i++)
		free(b->parts[i].sent);
	free(b);
}

void bundle_close(struct bundle *b, bool moved)
{
	struct port *p = bundle_port(b, NULL);

	if (p) {
		end_extensions(b, p, moved);
		if (!moved)
			bundle_thaw(b);
		p->bundle = NULL;
	}
	part_end_relay(b, p);
	part_end_nat(b, p, moved);
	conn_watch_close(b->watch);
	b->watch = NULL;
	path_credit_close(b->credit);
	b->credit = NULL;
	b->is_closed = true;
	if (b->is_crediting) /* that answer does not come any more */
		b->is_freezing = false;
	if (!b->is_freezing)
		bundle_free(b);
}
