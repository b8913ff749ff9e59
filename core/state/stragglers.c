/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/stragglers.c - frames that the network still sends to the host that a port leaves go after it, over the
 * move's own connection (api/migration.md, section 8).
 *
 * From the freeze on they wait; when it is decided they follow the commit, in the same order of bytes, so the
 * port is open when they come.  They are bounded in number and bytes, as what waits is, and never stand in
 * the way of what decides: where the connection is slow they are lost.
 */
#include <stdlib.h>
#include <string.h>

#include "state/move.h"

enum { WAITING_MAX = 256, WAITING_BYTES_MAX = 512 << 10, QUEUED_MAX = 256 << 10 };

struct stragglers {
	size_t count, bytes;
	struct straggler {
		uint8_t *frame;
		size_t len;
	} items[WAITING_MAX];
};

static void lose(struct move *v)
{
	v->straggled.lost++;
}

static bool has_room(const struct move *v, size_t len)
{
	return v->straggled.frames < STRAGGLERS_MAX &&
	       v->straggled.bytes + len <= STRAGGLER_BYTES_MAX;
}

static void send_frame(struct move *v, const uint8_t *frame, size_t len)
{
	struct wire_head h = { .type = WIRE_FRAME,
			       .flags = WIRE_FIRST | WIRE_LAST,
			       .len = (uint32_t)len,
			       .epoch = v->epoch };

	memcpy(h.move, v->id, WIRE_ID);
	memcpy(h.port, v->port, WIRE_ID);
	if (!v->conn || !has_room(v, len) || len > wire_body_max(WIRE_FRAME) ||
	    v->m->ops->queued(v->conn->link) > QUEUED_MAX ||
	    !v->m->ops->send(v->conn->link, &h, frame)) {
		lose(v);
		return;
	}
	v->straggled.frames++;
	v->straggled.bytes += len;
}

static void keep(struct move *v, const uint8_t *frame, size_t len)
{
	struct stragglers *s = v->s.waiting;
	uint8_t *copy = NULL;

	if (s && s->count < WAITING_MAX && s->bytes + len <= WAITING_BYTES_MAX)
		copy = malloc(len ? len : 1);
	if (!copy) {
		lose(v);
		return;
	}
	memcpy(copy, frame, len);
	s->items[s->count++] = (struct straggler){ copy, len };
	s->bytes += len;
}

static void on_frame(void *arg, const uint8_t *frame, size_t len)
{
	struct move *v = arg;

	if (v->decision == DECISION_COMMITTED)
		send_frame(v, frame, len);
	else
		keep(v, frame, len);
}

void stragglers_ask(struct move *v)
{
	const struct content_source_ops *ops = v->m->ops->source;

	stragglers_end(v);
	v->s.waiting = calloc(1, sizeof(*v->s.waiting));
	if (v->s.waiting && ops->relay(v->s.content, on_frame, v))
		return;
	free(v->s.waiting);
	v->s.waiting = NULL;
}

void stragglers_go(struct move *v)
{
	struct stragglers *s = v->s.waiting;

	for (size_t i = 0; s && i < s->count; i++)
		send_frame(v, s->items[i].frame, s->items[i].len);
	stragglers_end(v);
}

void stragglers_end(struct move *v)
{
	struct stragglers *s = v->s.waiting;

	for (size_t i = 0; s && i < s->count; i++)
		free(s->items[i].frame);
	free(s);
	v->s.waiting = NULL;
}

/* A source that sends more than it may is not believed, but its port is here. */
void straggler_take(struct move *v, const uint8_t *frame, size_t len)
{
	if (!has_room(v, len) || !v->m->ops->target->deliver) {
		lose(v);
		return;
	}
	v->straggled.frames++;
	v->straggled.bytes += len;
	v->m->ops->target->deliver(v->m->host, v->target, frame, len);
}

json_t *stragglers_json(const struct move *v)
{
	const struct straggled *s = &v->straggled;

	return json_pack("{s:I, s:I, s:I}", "frames", (json_int_t)s->frames, "bytes",
			 (json_int_t)s->bytes, "lost", (json_int_t)s->lost);
}
