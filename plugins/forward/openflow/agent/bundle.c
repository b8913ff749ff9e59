/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/bundle.c - changes that are kept, and made all at once or not at all.
 *
 * Source: OpenFlow 1.4.0, 6.8 and 7.3.9; the extension of the ONF for 1.3 (EXT-230).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"

static struct of_held_bundle *find(struct of_controller *c, uint32_t id)
{
	for (uint32_t i = 0; i < OF_BUNDLES_MAX; i++) {
		if (c->bundles[i].is_open && c->bundles[i].id == id)
			return &c->bundles[i];
	}
	return NULL;
}

static void discard(struct of_held_bundle *b)
{
	if (b->agent)
		b->agent->bundle_bytes -= b->room;
	free(b->bytes);
	memset(b, 0, sizeof(*b));
}

void of_bundles_drop(struct of_controller *c)
{
	for (uint32_t i = 0; i < OF_BUNDLES_MAX; i++)
		discard(&c->bundles[i]);
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

/* ---- commit --------------------------------------------------------------------------------------- */

static of_fault apply(struct of_controller *c, const struct of_message *m)
{
	struct of_state *s = &c->agent->pipeline.state;
	of_fault fault;

	switch (m->kind) {
	case OF_MSG_FLOW_MOD:
		fault = of_agent_change_flow(c->agent, &m->flow);
		return fault ? fault : of_agent_claim(c, &m->flow);
	case OF_MSG_GROUP_MOD:
		return of_state_group(s, &m->group);
	case OF_MSG_METER_MOD:
		return of_state_meter(s, &m->meter);
	default: /* refused when it was added */
		return OF_BUNDLE_MESSAGE_UNSUPPORTED;
	}
}

/* What was wrong is told of the message that it was in, then of the commit. */
static of_fault commit_messages(struct of_controller *c, const struct of_held_bundle *b)
{
	struct of_agent *a = c->agent;
	of_fault fault = OF_OK;
	uint32_t len;

	for (uint32_t at = 0; at < b->len && !fault; at += len) {
		struct of_bytes bytes = { b->bytes + at, 0 };
		struct of_message m = { 0 };

		len = (uint32_t)of_frame(bytes.at, b->len - at);
		bytes.len = len;
		of_arena_reset(&a->channel.arena);
		fault = of_decode(&c->connection->dialect, bytes.at, len, &a->channel.arena, &m);
		if (!fault)
			fault = apply(c, &m);
		if (fault)
			of_refuse(c, &m, fault, bytes);
	}
	return fault;
}

static of_fault commit(struct of_controller *c, struct of_held_bundle *b)
{
	struct of_agent *a = c->agent;
	of_fault fault;

	of_state_begin(&a->pipeline.state, a->host->now(a->host));
	fault = of_agent_done(a, commit_messages(c, b));
	discard(b);
	return fault ? OF_BUNDLE_MESSAGE_FAILED : OF_OK;
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

static void reply(struct of_controller *c, const struct of_message *m, uint16_t type)
{
	const struct of_bundle done = {
		.bundle = m->bundle.bundle,
		.type = type,
		.flags = m->bundle.flags,
	};
	struct of_to to = of_answer(c, m);

	of_put_bundle_reply(&to, &done);
}

static of_fault control(struct of_controller *c, const struct of_message *m)
{
	struct of_held_bundle *b = find(c, m->bundle.bundle);
	of_fault fault = OF_OK;

	if (m->bundle.type == OF_BUNDLE_OPEN) {
		if (b) {
			discard(b);
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
		discard(b);
		return fault;
	}
	if (m->bundle.type == OF_BUNDLE_CLOSE)
		b->is_closed = true;
	else if (m->bundle.type == OF_BUNDLE_COMMIT)
		fault = commit(c, b);
	else
		discard(b);
	return fault;
}

of_fault of_agent_bundle(struct of_controller *c, const struct of_message *m)
{
	of_fault fault;

	if (m->kind == OF_MSG_BUNDLE_ADD)
		return add(c, &m->bundle);
	fault = control(c, m);
	if (!fault)
		reply(c, m, m->bundle.type);
	return fault;
}
