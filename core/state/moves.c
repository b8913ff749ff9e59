/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/moves.c - the table of moves: links find their move, moves their link; what must survive a
 * restart is written as one text.
 *
 * A move that has ended stays in the table, empty, until so many have ended after it; it is freed only
 * where a new one is made, so no callback ever returns into freed memory.
 */
#include "state/moves.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "state/move.h"

enum { KEPT_VERSION = 1 };

const char outcome_moved[] = "moved";
const char outcome_checked[] = "checked";
const char outcome_refused[] = "refused";
const char outcome_failed[] = "failed";
const char outcome_cancelled[] = "cancelled";
const char outcome_resolved[] = "resolved";
const char outcome_taken_over[] = "taken over";

static const char *const outcomes[] = { outcome_moved,     outcome_checked,   outcome_refused,
					outcome_failed,    outcome_cancelled, outcome_resolved,
					outcome_taken_over };

static const struct {
	enum decision decision;
	const char *name;
} decisions[] = {
	{ DECISION_MOVING, "moving" },
	{ DECISION_COMMITTED, "committed" },
	{ DECISION_ABORTED, "aborted" },
	{ DECISION_PREPARED, "prepared" },
};

/* ---- one move ---------------------------------------------------------------------------------------- */

static void on_timer(void *arg)
{
	struct move *v = arg;
	uint64_t now = v->m->ops->now(v->m->host);

	if (v->due_ns == 0 || v->phase == PHASE_ENDED)
		return;
	if (now < v->due_ns) {
		v->m->ops->timer_arm(v->timer, v->due_ns - now);
		return;
	}
	v->due_ns = 0;
	if (v->is_source)
		source_timer(v);
	else
		target_timer(v);
}

void move_arm(struct move *v, uint64_t delay_ns)
{
	v->due_ns = delay_ns ? v->m->ops->now(v->m->host) + delay_ns : 0;
	if (delay_ns)
		v->m->ops->timer_arm(v->timer, delay_ns);
}

void move_phase(struct move *v, enum phase phase)
{
	if (v->phase == PHASE_ENDED)
		return;
	v->phase = phase;
	if (!v->since_ns[phase])
		v->since_ns[phase] = v->m->ops->now(v->m->host);
	v->m->ops->changed(v->m->host, v->id);
}

void move_problem(struct move *v, const char *format, ...)
{
	va_list ap;

	if (v->problem[0])
		return;
	va_start(ap, format);
	(void)vsnprintf(v->problem, sizeof(v->problem), format, ap);
	va_end(ap);
}

static void json_drop(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

static void move_free(struct move *v)
{
	if (v->timer)
		v->m->ops->timer_destroy(v->timer);
	json_drop(&v->s.offer);
	json_drop(&v->left);
	json_drop(&v->converted);
	json_drop(&v->findings);
	json_drop(&v->theirs);
	json_drop(&v->untaken);
	offer_finish(&v->t.a);
	free(v->t.bytes);
	stragglers_end(v);
	free(v);
}

void move_end(struct move *v, const char *outcome)
{
	move_hang_up(v);
	move_arm(v, 0);
	v->outcome = outcome;
	json_drop(&v->s.offer);
	move_phase(v, PHASE_ENDED);
}

/* Those that have ended, but for the last so many. */
static void reap(struct moves *m)
{
	struct move **at = &m->first;
	size_t ended = 0;

	while (*at) {
		struct move *v = *at;
		bool has_ended = v->phase == PHASE_ENDED;

		if (has_ended && (v->is_forgotten || ++ended > MOVES_ENDED)) {
			*at = v->next;
			move_free(v);
		} else {
			at = &v->next;
		}
	}
}

static size_t count_running(const struct moves *m)
{
	size_t count = 0;

	for (const struct move *v = m->first; v; v = v->next)
		count += v->phase != PHASE_ENDED;
	return count;
}

/* Newest first. */
struct move *move_create(struct moves *m, const uint8_t id[WIRE_ID], bool is_source)
{
	struct move *v;

	reap(m);
	v = count_running(m) < MOVES_MAX ? calloc(1, sizeof(*v)) : NULL;
	if (!v)
		return NULL;
	v->m = m;
	v->is_source = is_source;
	memcpy(v->id, id, WIRE_ID);
	v->timer = m->ops->timer_create(m->host, on_timer, v);
	if (!v->timer) {
		free(v);
		return NULL;
	}
	v->phase = is_source ? PHASE_CONNECTING : PHASE_ARRIVED;
	v->since_ns[v->phase] = m->ops->now(m->host);
	v->next = m->first;
	m->first = v;
	return v;
}

static struct move *move_find(const struct moves *m, const uint8_t id[WIRE_ID])
{
	for (struct move *v = m->first; v; v = v->next)
		if (memcmp(v->id, id, WIRE_ID) == 0 && !v->is_forgotten)
			return v;
	return NULL;
}

static struct move *find_or_say(const struct moves *m, const uint8_t id[WIRE_ID],
				struct xvs_error *err)
{
	struct move *v = move_find(m, id);
	char text[UUID_TEXT];

	if (!v)
		(void)error_set(err, -ENOENT, "", "move %s is not known here",
				uuid_print(id, text));
	return v;
}

/* ---- links ------------------------------------------------------------------------------------------- */

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

/* The move that this first message is about; NULL: it has been answered. */
/* Those that wait for a word outlive their connections: one host must not fill the table. */
static bool has_too_many(const struct conn *c)
{
	uint32_t count = 0;

	for (const struct move *v = c->m->first; v; v = v->next)
		count += !v->is_source && v->phase != PHASE_ENDED && strcmp(v->peer, c->peer) == 0;
	return count >= MOVES_MAX / 2;
}

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

/* ---- what survives ----------------------------------------------------------------------------------- */

uint64_t moves_epoch(const struct moves *m, const uint8_t port[WIRE_ID])
{
	for (size_t i = 0; i < m->epoch_count; i++)
		if (memcmp(m->epochs[i].port, port, WIRE_ID) == 0)
			return m->epochs[i].number;
	return 0;
}

/* Where there is no room the oldest goes. */
void moves_set_epoch(struct moves *m, const uint8_t port[WIRE_ID], uint64_t number)
{
	struct epoch *e = m->epochs;
	size_t i = 0;

	while (i < m->epoch_count && memcmp(e[i].port, port, WIRE_ID) != 0)
		i++;
	if (i == m->epoch_count && m->epoch_count < MOVES_EPOCHS)
		m->epoch_count++;
	else if (i == MOVES_EPOCHS)
		i = 0;
	memmove(&e[i], &e[i + 1], (m->epoch_count - i - 1) * sizeof(*e));
	memcpy(e[m->epoch_count - 1].port, port, WIRE_ID);
	e[m->epoch_count - 1].number = number;
}

static const char *decision_name(enum decision d)
{
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (decisions[i].decision == d)
			return decisions[i].name;
	return NULL;
}

/* Is there something to remember of it? */
static bool is_kept(const struct move *v)
{
	return decision_name(v->decision) || v->outcome;
}

/* NULL: out of memory. */
static json_t *kept_json(const struct move *v)
{
	const char *decision = decision_name(v->decision);
	char id[UUID_TEXT];
	char port[UUID_TEXT];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:s*, s:s*}", "move",
			 uuid_print(v->id, id), "uuid", uuid_print(v->port, port), "port",
			 v->target, "peer", v->peer, "tag", v->tag, "to", v->s.to, "source",
			 (int)v->is_source, "epoch", (json_int_t)v->epoch, "decision", decision,
			 "outcome", v->outcome);
}

static json_t *epochs_json(const struct moves *m)
{
	json_t *j = json_object();
	char port[UUID_TEXT];

	for (size_t i = 0; j && i < m->epoch_count; i++)
		(void)json_object_set_new(j, uuid_print(m->epochs[i].port, port),
					  json_integer((json_int_t)m->epochs[i].number));
	return j;
}

int moves_keep(struct moves *m, struct xvs_error *err)
{
	json_t *list = json_array();
	json_t *all;
	char *text;
	int code;

	for (const struct move *v = m->first; list && v; v = v->next) {
		if (v->is_forgotten || !is_kept(v) ||
		    json_array_insert_new(list, 0, kept_json(v)) == 0)
			continue;
		/* what was left out would not be decided, whatever we say then */
		json_decref(list);
		list = NULL;
		break;
	}
	all = json_pack("{s:i, s:o, s:o}", "version", KEPT_VERSION, "moves", list, "epochs",
			epochs_json(m));
	text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	json_decref(all);
	if (!text)
		return error_set(err, -ENOMEM, "", "moves: out of memory");
	code = m->ops->keep(m->host, text, strlen(text), err);
	free(text);
	return code;
}

static bool read_texts(const json_t *j, struct move *v)
{
	const char *target = json_string_value(json_object_get(j, "port"));
	const char *peer = json_string_value(json_object_get(j, "peer"));
	const char *tag = json_string_value(json_object_get(j, "tag"));
	const char *to = json_string_value(json_object_get(j, "to"));

	return target && peer && tag && to && str_copy(v->target, sizeof(v->target), target) &&
	       str_copy(v->peer, sizeof(v->peer), peer) && str_copy(v->tag, sizeof(v->tag), tag) &&
	       str_copy(v->s.to, sizeof(v->s.to), to);
}

/* A source that had not decided has decided now. */
static void read_decision(const json_t *j, struct move *v)
{
	const char *decision = json_string_value(json_object_get(j, "decision"));
	const char *outcome = json_string_value(json_object_get(j, "outcome"));

	for (size_t i = 0; decision && i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (strcmp(decisions[i].name, decision) == 0)
			v->decision = decisions[i].decision;
	for (size_t i = 0; outcome && i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (strcmp(outcomes[i], outcome) == 0)
			v->outcome = outcomes[i];
	if (v->decision == DECISION_MOVING) {
		v->decision = DECISION_ABORTED;
		v->outcome = outcome_failed;
		move_problem(v, "the daemon was started anew before it was decided");
	}
	v->phase = v->decision == DECISION_COMMITTED  ? PHASE_COMMITTED
		   : v->decision == DECISION_ABORTED  ? PHASE_GIVING_UP
		   : v->decision == DECISION_PREPARED ? PHASE_READY
						      : PHASE_ENDED;
	v->t.is_cold = v->decision == DECISION_PREPARED;
}

static int restore_one(struct moves *m, const json_t *j, struct xvs_error *err)
{
	const char *id = json_string_value(json_object_get(j, "move"));
	const char *port = json_string_value(json_object_get(j, "uuid"));
	uint8_t bytes[WIRE_ID];
	struct move *v;

	if (!id || !uuid_parse(id, bytes))
		return error_set(err, -EINVAL, "", "moves: a record without identity");
	v = move_create(m, bytes, json_is_true(json_object_get(j, "source")));
	if (!v)
		return error_set(err, -ENOMEM, "", "moves: out of memory");
	v->epoch = (uint64_t)json_integer_value(json_object_get(j, "epoch"));
	if (!port || !uuid_parse(port, v->port) || !read_texts(j, v)) {
		v->phase = PHASE_ENDED;
		v->is_forgotten = true;
		return error_set(err, -EINVAL, "", "moves: a record that makes no sense");
	}
	read_decision(j, v);
	if (v->decision != DECISION_COMMITTED)
		return 0;
	m->ops->source->departed(m->host, v->port, true);
	if (m->ops->source->hold(m->host, v->target))
		return error_set(err, -ENOMEM, "", "moves: out of memory");
	return 0;
}

int moves_restore(struct moves *m, const char *text, struct xvs_error *err)
{
	json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *epochs = json_object_get(all, "epochs");
	const json_t *list = json_object_get(all, "moves");
	const char *key;
	json_t *value;
	int code = all ? 0 : error_set(err, -EINVAL, "", "moves: what was kept cannot be read");
	size_t i;

	json_array_foreach(list, i, value) if (restore_one(m, value, err)) code = err->code;
	json_object_foreach(epochs, key, value)
	{
		uint8_t port[WIRE_ID];

		if (uuid_parse(key, port) && json_integer_value(value) > 0)
			moves_set_epoch(m, port, (uint64_t)json_integer_value(value));
	}
	json_decref(all);
	return code;
}

/* It went and is on its way back: what is held is the port that comes. */
static bool is_coming(const struct move *v)
{
	for (const struct move *o = v->m->first; o; o = o->next)
		if (!o->is_source && o->decision == DECISION_PREPARED &&
		    strcmp(o->target, v->target) == 0)
			return true;
	return false;
}

void moves_start(struct moves *m)
{
	struct xvs_error err = ERROR_INIT;

	m->is_started = true;
	for (struct move *v = m->first; v; v = v->next) {
		if (v->phase == PHASE_GIVING_UP && !is_coming(v))
			(void)m->ops->source->release(m->host, v->target, &err);
		if (v->phase == PHASE_GIVING_UP || v->phase == PHASE_COMMITTED)
			source_dial(v);
	}
}

/* ---- life -------------------------------------------------------------------------------------------- */

struct moves *moves_create(const struct moves_ops *ops, void *host)
{
	struct moves *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ops = ops;
	m->host = host;
	m->epochs = calloc(MOVES_EPOCHS, sizeof(*m->epochs));
	if (m->epochs)
		return m;
	free(m);
	return NULL;
}

/* A port that is frozen stays so: the world comes down with it. */
void moves_destroy(struct moves *m)
{
	while (m && m->first) {
		struct move *v = m->first;

		m->first = v->next;
		move_hang_up(v);
		if (v->s.content)
			m->ops->source->close(v->s.content, v->decision == DECISION_COMMITTED);
		move_free(v);
	}
	if (m)
		free(m->epochs);
	free(m);
}

/* ---- driving ----------------------------------------------------------------------------------------- */

static int open_content(struct move *v, const struct move_wish *wish, struct xvs_error *err)
{
	const struct content_source_ops *ops = v->m->ops->source;
	int code = ops->open(v->m->host, wish->port, &v->s.content, v->port, v->target, err);

	if (code)
		return code;
	v->owner_count = ops->owners(v->s.content, v->owners);
	v->s.offer = offer_write(v, wish->switch_name, wish->backend);
	if (v->s.offer)
		return 0;
	ops->close(v->s.content, false);
	v->s.content = NULL;
	return error_set(err, -ENOMEM, "", "port %s: out of memory", v->target);
}

int moves_begin(struct moves *m, const struct move_wish *wish, uint8_t id[WIRE_ID],
		struct xvs_error *err)
{
	struct move *v;
	int code;

	uuid_make(id);
	v = move_create(m, id, true);
	if (!v)
		return error_set(err, -EBUSY, "", "port %s: %d moves are under way already",
				 wish->port, MOVES_MAX);
	v->s.on_missing = wish->on_missing;
	v->s.is_check = wish->is_check;
	v->s.has_coordinator = wish->has_coordinator;
	v->s.budget_ns = wish->budget_ns;
	if (!str_copy(v->tag, sizeof(v->tag), wish->tag ? wish->tag : ""))
		code = error_set(err, -EINVAL, "", "tag: it is longer than %d bytes", TAG_TEXT - 1);
	else if (!str_copy(v->s.to, sizeof(v->s.to), wish->to))
		code = error_set(err, -EINVAL, "", "target \"%.64s\": the name is too long",
				 wish->to);
	else
		code = open_content(v, wish, err);
	if (code) {
		v->is_forgotten = true;
		move_end(v, outcome_failed);
		return code;
	}
	source_dial(v);
	return 0;
}

static struct move *source_find(const struct moves *m, const uint8_t id[WIRE_ID],
				struct xvs_error *err)
{
	struct move *v = find_or_say(m, id, err);

	if (v && !v->is_source) {
		(void)error_set(err, -EINVAL, "",
				"port %s comes here: ask the host that it comes from, %s",
				v->target, v->peer);
		return NULL;
	}
	return v;
}

int moves_freeze(struct moves *m, const uint8_t id[WIRE_ID], uint64_t budget_ns,
		 struct xvs_error *err)
{
	struct move *v = source_find(m, id, err);

	if (!v)
		return err->code;
	v->s.budget_ns = budget_ns;
	return source_freeze(v, err);
}

int moves_commit(struct moves *m, const uint8_t id[WIRE_ID], struct xvs_error *err)
{
	struct move *v = source_find(m, id, err);

	return v ? source_commit(v, err) : err->code;
}

int moves_cancel(struct moves *m, const uint8_t id[WIRE_ID], const char *why, struct xvs_error *err)
{
	struct move *v = source_find(m, id, err);

	return v ? source_cancel(v, why, err) : err->code;
}

int moves_resolve(struct moves *m, const uint8_t id[WIRE_ID], bool is_taken_over,
		  struct xvs_error *err)
{
	struct move *v = find_or_say(m, id, err);

	if (!v)
		return err->code;
	return v->is_source ? source_resolve(v, is_taken_over, err)
			    : target_resolve(v, is_taken_over, err);
}

/* ---- questions --------------------------------------------------------------------------------------- */

enum move_stage moves_stage(const struct moves *m, const uint8_t id[WIRE_ID])
{
	static const enum move_stage stages[PHASES] = {
		[PHASE_CONNECTING] = MOVE_ADMITTING, [PHASE_ADMITTING] = MOVE_ADMITTING,
		[PHASE_HELD] = MOVE_ADMITTING,       [PHASE_PREPARING] = MOVE_PREPARING,
		[PHASE_ROUNDS] = MOVE_PREPARED,      [PHASE_FREEZING] = MOVE_FREEZING,
		[PHASE_LAST_ROUND] = MOVE_FREEZING,  [PHASE_FROZEN] = MOVE_FROZEN,
		[PHASE_COMMITTED] = MOVE_COMMITTED,  [PHASE_OPENED] = MOVE_OPENED,
		[PHASE_REMOVING] = MOVE_OPENED,      [PHASE_GIVING_UP] = MOVE_GIVING_UP,
		[PHASE_ARRIVED] = MOVE_ADMITTING,    [PHASE_ADMITTED] = MOVE_ADMITTING,
		[PHASE_MAKING] = MOVE_PREPARING,     [PHASE_TAKING] = MOVE_PREPARED,
		[PHASE_READY] = MOVE_FROZEN,         [PHASE_DISCARDING] = MOVE_GIVING_UP,
		[PHASE_ENDED] = MOVE_ENDED,
	};
	const struct move *v = move_find(m, id);

	if (!v)
		return MOVE_UNKNOWN;
	if (v->phase == PHASE_ROUNDS && !v->s.is_first_round_over)
		return MOVE_PREPARING;
	return stages[v->phase];
}

json_t *moves_list(const struct moves *m)
{
	json_t *list = json_array();

	for (int ended = 0; list && ended < 2; ended++)
		for (const struct move *v = m->first; v; v = v->next)
			if (!v->is_forgotten && (v->phase == PHASE_ENDED) == (ended == 1))
				(void)json_array_append_new(list, move_report(v));
	return list;
}

json_t *moves_show(const struct moves *m, const uint8_t id[WIRE_ID])
{
	const struct move *v = move_find(m, id);

	return v ? move_report(v) : NULL;
}

size_t moves_in_doubt(const struct moves *m)
{
	size_t count = 0;

	for (const struct move *v = m->first; v; v = v->next)
		count += move_is_in_doubt(v);
	return count;
}
