/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/bundle_conn.c - connections in the turns of a bundle: what firewalls keep with them goes by
 * the firewall's name, and only where both sides agreed on a format of its state.
 *
 *   xvs.conn/1   u8 n, n times: text owner; then entries (core/conn/entry.h).  The owner at place i has slot
 *                i of each connection; "": nobody, or its slot stays behind
 *
 * Every record says so again, so that each can be read by itself.
 */
#include "base/clock.h"
#include "base/error.h"
#include "switch/bundle_part.h"

enum { RECORD_BYTES = 61440 };

int part_open_conns(struct bundle *b, const struct port *p, struct xvs_error *err)
{
	int code = conn_watch_open(path_conns(p->w->path), p->id, &b->watch, err);

	return code < 0 ? error_context(err, "port %s", p->full_name) : 0;
}

/* ---- out ----------------------------------------------------------------------------------- */

static uint32_t format_agreed(const struct bundle *b, const char *owner)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->parts[i].kind == PART_EXTENSION && strcmp(b->parts[i].owner.id, owner) == 0)
			return b->parts[i].owner.format;
	return 0;
}

/* Who has which slot, of those that go along; a bit for each. */
static uint32_t name_slots(const struct bundle *b, const struct port *p,
			   char names[CONN_SLOTS][BUNDLE_OWNER_SIZE])
{
	uint32_t slots = 0;

	for (size_t i = 0; i < p->attached_count; i++) {
		const struct attachment *a = &p->attached[i];
		char name[BUNDLE_OWNER_SIZE];

		if (a->member->state != MEMBER_RUNNING || !a->member->instance->has_conn ||
		    a->member->conn_slot >= CONN_SLOTS)
			continue;
		part_name(p, a, name);
		if (!format_agreed(b, name))
			continue;
		memcpy(names[a->member->conn_slot], name, sizeof(name));
		slots |= 1u << a->member->conn_slot;
	}
	return slots;
}

/* The one call is within one turn of the control thread, so a buffer does. */
static const char *denier_name(void *arg, uint16_t instance)
{
	static char name[BUNDLE_OWNER_SIZE];
	const struct port *p = arg;

	for (size_t i = 0; i < p->attached_count; i++) {
		if (p->attached[i].member->nr != instance)
			continue;
		part_name(p, &p->attached[i], name);
		return name;
	}
	return NULL;
}

static enum conn_pass pass_of(enum bundle_what what)
{
	if (what == BUNDLE_FULL)
		return CONN_PASS_ALL;
	return what == BUNDLE_FINAL ? CONN_PASS_LAST : CONN_PASS_CHANGES;
}

static void put_slots(struct writer *w, char names[CONN_SLOTS][BUNDLE_OWNER_SIZE])
{
	put_u8(w, CONN_SLOTS);
	for (unsigned i = 0; i < CONN_SLOTS; i++)
		put_text(w, names[i]);
}

/* One record; *more as conn_watch_next() has it. */
static int save_some(struct outlet *o, const struct conn_pass_plan *plan,
		     char names[CONN_SLOTS][BUNDLE_OWNER_SIZE], bool *more, struct xvs_error *err)
{
	uint8_t bytes[RECORD_BYTES];
	struct writer w = writer_of(bytes, sizeof(bytes));
	size_t len;
	bool is_first = !o->part->is_begun;

	put_slots(&w, names);
	if (is_first)
		conn_watch_begin(o->b->watch, plan);
	o->part->is_begun = true;
	len = conn_watch_next(o->b->watch, w.at, writer_room(&w), more);
	/* A full pass has at least one, by which the target knows that connections come along. */
	if (len == 0 && !(is_first && o->what == BUNDLE_FULL))
		return 0;
	return outlet_put(o, bytes, (size_t)(w.at - bytes) + len, err);
}

int part_save_conns(struct outlet *o, struct xvs_error *err)
{
	char names[CONN_SLOTS][BUNDLE_OWNER_SIZE] = { { 0 } };
	const struct conn_pass_plan plan = { .pass = pass_of(o->what),
					     .slots = name_slots(o->b, o->port, names),
					     .denier = denier_name,
					     .arg = o->port };
	bool more = true;

	while (more) {
		uint64_t bytes = o->part->owner.bytes;
		int code = save_some(o, &plan, names, &more, err);

		if (code < 0)
			return code;
		/* nothing was to be had this time, or the turn is over */
		if (more && (o->part->owner.bytes == bytes || clock_ns() >= o->deadline_ns))
			return 1;
	}
	return 0;
}

/* ---- in ------------------------------------------------------------------------------------ */

int part_admit_conns(const struct port *p, uint64_t objects, struct xvs_error *err)
{
	uint32_t limit;
	uint32_t count;

	if (!p->is_guarded)
		return error_set(err, -EINVAL, "", "no firewall here tracks its connections");
	conn_port_room(path_conns(p->w->path), p->id, &limit, &count);
	if (objects > limit)
		return error_set(err, -ENOSPC, "",
				 "it has %llu connections, xvs.connections/1 lets it have %u here",
				 (unsigned long long)objects, limit);
	return 0;
}

static uint16_t denier_here(void *arg, const char *name)
{
	const struct attachment *a = part_attachment(arg, name);

	return a ? a->member->nr : 0;
}

/* Whose slot it is here; CONN_SLOTS: nobody's. */
static uint8_t slot_here(const struct port *p, const char *owner)
{
	const struct attachment *a = owner[0] ? part_attachment(p, owner) : NULL;

	if (!a || !a->member->instance->has_conn || !a->member->instance->has_state ||
	    a->member->conn_slot >= CONN_SLOTS)
		return CONN_SLOTS;
	return (uint8_t)a->member->conn_slot;
}

static void take_slots(const struct port *p, struct cursor *c, uint8_t slot_of[CONN_SLOTS])
{
	uint8_t count = cursor_u8(c);

	memset(slot_of, CONN_SLOTS, CONN_SLOTS);
	for (uint8_t i = 0; i < count && c->ok; i++) {
		char owner[BUNDLE_OWNER_SIZE];

		cursor_text(c, owner, sizeof(owner));
		if (i < CONN_SLOTS && c->ok)
			slot_of[i] = slot_here(p, owner);
	}
}

int part_restore_conns(struct port *p, struct cursor *c, struct xvs_error *err)
{
	struct conn_adoption adoption = { .denier = denier_here, .arg = p };
	int code;

	take_slots(p, c, adoption.slot_of);
	if (!c->ok)
		return error_set(err, -EPROTO, "", "port %s: a record of connections is malformed",
				 p->full_name);
	code = conn_port_adopt(path_conns(p->w->path), p->id, &adoption, c->at, cursor_left(c),
			       err);
	return code < 0 ? error_context(err, "port %s", p->full_name) : 0;
}
