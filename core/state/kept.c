/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/kept.c - what must survive a restart, written as one text: decisions, outcomes, epochs of ports; and
 * what a start makes of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "state/move.h"

enum { KEPT_VERSION = 1 };

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

uint64_t moves_epoch(const struct moves *m, const uint8_t port[WIRE_ID])
{
	for (size_t i = 0; i < m->epoch_count; i++)
		if (memcmp(m->epochs[i].port, port, WIRE_ID) == 0)
			return m->epochs[i].number;
	return 0;
}

/* False: there is no room for one more. */
static bool make_room(struct moves *m)
{
	const size_t room = m->epoch_room < MOVES_EPOCHS / 2 ? 2 * m->epoch_room : MOVES_EPOCHS;
	struct epoch *more;

	if (m->epoch_count < m->epoch_room)
		return true;
	if (m->epoch_room == MOVES_EPOCHS)
		return false;
	more = realloc(m->epochs, room * sizeof(*more));
	if (!more)
		return false;
	m->epochs = more;
	m->epoch_room = room;
	return true;
}

/* Where there is no room the oldest goes. */
void moves_set_epoch(struct moves *m, const uint8_t port[WIRE_ID], uint64_t number)
{
	struct epoch *e;
	size_t i = 0;

	while (i < m->epoch_count && memcmp(m->epochs[i].port, port, WIRE_ID) != 0)
		i++;
	if (i == m->epoch_count && make_room(m))
		m->epoch_count++;
	else if (i == m->epoch_count)
		i = 0;
	e = m->epochs;
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
