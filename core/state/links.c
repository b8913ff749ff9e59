/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/links.c - links find their move, and moves their link: what is sent and comes, and who talks of a
 * move that is not under way here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "state/move.h"

static bool send_to(struct conn *c, const struct wire_head *h, const void *body)
{
	return c && c->link && c->m->ops->send(c->link, h, body);
}

bool move_send(struct move *v, enum wire_type type, const void *body, size_t len)
{
	struct wire_head h = { .type = (uint16_t)type,
			       .flags = WIRE_CRITICAL | WIRE_FIRST | WIRE_LAST,
			       .len = (uint32_t)len,
			       .epoch = v->epoch };

	memcpy(h.move, v->id, WIRE_ID);
	memcpy(h.port, v->port, WIRE_ID);
	return send_to(v->conn, &h, body);
}

bool move_send_json(struct move *v, enum wire_type type, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	bool is_sent =
		text && len <= wire_body_max((uint16_t)type) && move_send(v, type, text, len);

	free(text);
	json_decref(body);
	return is_sent;
}

/* Those below moves_message() hold it. */
static void conn_free(struct conn *c)
{
	c->move = NULL;
	c->link = NULL;
	if (c->depth == 0)
		free(c);
}

static void conn_close(struct conn *c)
{
	c->m->ops->hang_up(c->link);
	conn_free(c);
}

void move_hang_up(struct move *v)
{
	struct conn *c = v->conn;

	v->conn = NULL;
	if (c)
		conn_close(c);
}

struct conn *moves_accepted(struct moves *m, void *link, const char *peer)
{
	struct conn *c = m->is_started ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->m = m;
	c->link = link;
	(void)str_copy(c->peer, sizeof(c->peer), peer);
	return c;
}

void moves_connected(struct conn *c, const char *peer)
{
	(void)str_copy(c->peer, sizeof(c->peer), peer);
	(void)str_copy(c->move->peer, sizeof(c->move->peer), peer);
	source_connected(c->move);
}

void moves_drained(struct conn *c)
{
	if (c->move && c->move->is_source)
		source_drained(c->move);
}

void moves_lost(struct conn *c, const char *why)
{
	struct move *v = c->move;

	conn_free(c);
	if (!v)
		return;
	v->conn = NULL;
	if (v->is_source)
		source_lost(v, why);
	else
		target_lost(v, why);
}

/* Of a move that is not under way here. */
static void answer_stranger(struct conn *c, const struct wire_head *h, struct move *ended)
{
	static const char unknown[] = "{\"reason\": \"this move is not known here\"}";
	static const char nothing[] = "{}";
	bool is_open = ended && !ended->is_source && ended->epoch == h->epoch &&
		       (ended->outcome == outcome_moved || ended->outcome == outcome_taken_over);
	struct wire_head answer = *h;
	const char *body = NULL;

	answer.flags = WIRE_CRITICAL | WIRE_FIRST | WIRE_LAST;
	if (is_open) {
		body = nothing;
		answer.type = WIRE_OPENED;
	} else if (h->type == WIRE_ABORT) {
		answer.type = WIRE_ABORTED;
	} else {
		body = unknown;
		answer.type = WIRE_REFUSED;
	}
	answer.len = body ? (uint32_t)strlen(body) : 0;
	(void)send_to(c, &answer, body);
	if (is_open) {
		answer.type = WIRE_DONE;
		(void)send_to(c, &answer, body);
	}
}

/* Those that wait for a word outlive their connections: one host must not fill the table. */
static bool has_too_many(const struct conn *c)
{
	uint32_t count = 0;

	for (const struct move *v = c->m->first; v; v = v->next)
		count += !v->is_source && v->phase != PHASE_ENDED && strcmp(v->peer, c->peer) == 0;
	return count >= MOVES_MAX / 2;
}

/* The move that this first message is about; NULL: it has been answered. */
static struct move *meet(struct conn *c, const struct wire_head *h)
{
	struct move *v = move_find(c->m, h->move);
	bool is_same = v && strcmp(v->peer, c->peer) == 0 && !v->is_source &&
		       memcmp(v->port, h->port, WIRE_ID) == 0;

	if (v && is_same && v->phase != PHASE_ENDED && h->type != WIRE_ADMIT) {
		/* The older connection is dead, whether or not we know it. */
		move_hang_up(v);
		return v;
	}
	if (v || h->type != WIRE_ADMIT) {
		answer_stranger(c, h, is_same ? v : NULL);
		return NULL;
	}
	v = has_too_many(c) ? NULL : move_create(c->m, h->move, false);
	if (!v) {
		answer_stranger(c, h, NULL);
		return NULL;
	}
	memcpy(v->port, h->port, WIRE_ID);
	(void)str_copy(v->peer, sizeof(v->peer), c->peer);
	return v;
}

static bool is_of(const struct move *v, const struct wire_head *h)
{
	return memcmp(v->id, h->move, WIRE_ID) == 0 && memcmp(v->port, h->port, WIRE_ID) == 0;
}

static void dispatch(struct conn *c, const struct wire_head *h, const uint8_t *body)
{
	struct move *v = c->move;

	if (!v) {
		v = meet(c, h);
		if (!v)
			return;
		c->move = v;
		v->conn = c;
	}
	if (!is_of(v, h)) {
		move_hang_up(v);
		(v->is_source ? source_lost : target_lost)(v, "a frame of another move");
	} else if (v->is_source) {
		source_message(v, h, body);
	} else {
		target_message(v, h, body);
	}
}

bool moves_message(struct conn *c, const struct wire_head *h, const uint8_t *body)
{
	bool is_alive;

	c->depth++;
	dispatch(c, h, body);
	c->depth--;
	is_alive = c->link != NULL;
	if (!is_alive)
		free(c);
	return is_alive;
}
