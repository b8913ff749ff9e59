/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/bundle.c - changes that are kept, and made all at once or not at all.
 *
 * Source: OpenFlow 1.4.0, 6.8 and 7.3.9; the extension of the ONF for 1.3 (EXT-230).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/job.h"

static struct of_held_bundle *find(struct of_controller *c, uint32_t id)
{
	for (uint32_t i = 0; i < OF_BUNDLES_MAX; i++) {
		if (c->bundles[i].is_open && c->bundles[i].id == id)
			return &c->bundles[i];
	}
	return NULL;
}

void of_bundle_discard(struct of_held_bundle *b)
{
	if (b->agent)
		b->agent->bundle_bytes -= b->room;
	free(b->bytes);
	memset(b, 0, sizeof(*b));
}

void of_bundles_drop(struct of_controller *c)
{
	for (uint32_t i = 0; i < OF_BUNDLES_MAX; i++)
		of_bundle_discard(&c->bundles[i]);
}

static struct of_held_bundle *open_bundle(struct of_controller *c, const struct of_bundle *what)
{
	for (uint32_t i = 0; i < OF_BUNDLES_MAX; i++) {
		struct of_held_bundle *b = &c->bundles[i];

		if (b->is_open)
			continue;
		b->is_open = true;
		b->agent = c->agent;
		b->id = what->bundle;
		b->flags = what->flags;
		return b;
	}
	return NULL;
}

/* ---- messages ------------------------------------------------------------------------------------- */

static of_fault append(struct of_held_bundle *b, struct of_bytes what)
{
	uint32_t room = b->room;
	uint8_t *bytes;

	if (b->count == OF_BUNDLE_MESSAGES_MAX || b->len + what.len > OF_BUNDLE_BYTES_MAX)
		return OF_BUNDLE_MESSAGE_TOO_MANY;
	while (b->len + what.len > room)
		room = room ? room * 2 : 4096;
	if (b->agent->bundle_bytes + (room - b->room) > OF_BUNDLE_BYTES_MAX)
		return OF_BUNDLE_MESSAGE_TOO_MANY;
	if (room != b->room) {
		bytes = realloc(b->bytes, room);
		if (!bytes)
			return OF_BUNDLE_MESSAGE_TOO_MANY;
		b->agent->bundle_bytes += room - b->room;
		b->bytes = bytes;
		b->room = room;
	}
	memcpy(b->bytes + b->len, what.at, what.len);
	b->len += what.len;
	b->count++;
	return OF_OK;
}

/* One that is open, by the message that first names it if need be: 1.4.0, 7.3.9.2. */
static of_fault add(struct of_controller *c, const struct of_bundle *what)
{
	struct of_held_bundle *b = find(c, what->bundle);
	struct of_message m = { 0 };
	of_fault fault;

	if (!b)
		b = open_bundle(c, what);
	if (!b)
		return OF_BUNDLE_OUT_OF_BUNDLES;
	if (b->is_closed)
		return OF_BUNDLE_CLOSED;
	if (b->flags != what->flags)
		return OF_BUNDLE_FLAGS;
	fault = of_decode(&c->connection->dialect, what->message.at, what->message.len,
			  &c->agent->channel.arena, &m);
	if (fault)
		return fault;
	if (m.kind != OF_MSG_FLOW_MOD && m.kind != OF_MSG_GROUP_MOD && m.kind != OF_MSG_METER_MOD)
		return OF_BUNDLE_MESSAGE_UNSUPPORTED;
	return append(b, what->message);
}

void of_bundle_reply(struct of_controller *c, const struct of_message *m)
{
	const struct of_bundle done = {
		.bundle = m->bundle.bundle,
		.type = m->bundle.type,
		.flags = m->bundle.flags,
	};
	struct of_to to;

	if (!c->connection)
		return;
	to = of_answer(c, m);
	of_put_bundle_reply(&to, &done);
}

static of_fault control(struct of_controller *c, const struct of_message *m, struct of_bytes bytes)
{
	struct of_held_bundle *b = find(c, m->bundle.bundle);
	of_fault fault = OF_OK;

	if (m->bundle.type == OF_BUNDLE_OPEN) {
		if (b) {
			of_bundle_discard(b);
			return OF_BUNDLE_EXISTS;
		}
		return open_bundle(c, &m->bundle) ? OF_OK : OF_BUNDLE_OUT_OF_BUNDLES;
	}
	if (!b)
		return OF_BUNDLE_BAD_ID;
	if (m->bundle.type != OF_BUNDLE_DISCARD && b->flags != m->bundle.flags)
		fault = OF_BUNDLE_FLAGS;
	else if (m->bundle.type == OF_BUNDLE_CLOSE && b->is_closed)
		fault = OF_BUNDLE_CLOSED;
	if (fault) {
		of_bundle_discard(b);
		return fault;
	}
	if (m->bundle.type == OF_BUNDLE_CLOSE)
		b->is_closed = true;
	else if (m->bundle.type == OF_BUNDLE_COMMIT)
		return of_job_start(c, m, bytes, b);
	else
		of_bundle_discard(b);
	return fault;
}

/* Of a commit: when it is done. */
of_fault of_agent_bundle(struct of_controller *c, const struct of_message *m, struct of_bytes bytes)
{
	of_fault fault;

	if (m->kind == OF_MSG_BUNDLE_ADD)
		return add(c, &m->bundle);
	fault = control(c, m, bytes);
	if (!fault && m->bundle.type != OF_BUNDLE_COMMIT)
		of_bundle_reply(c, m);
	return fault;
}
