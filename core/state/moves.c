/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/moves.c - the table of moves: how one begins and ends, who drives it, what is told of it.
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

enum { EPOCHS_AT_FIRST = 16 };
#define LINGER_NS (5 * NS_PER_S) /* longer than what the other side has queued may take */

const char outcome_moved[] = "moved";
const char outcome_checked[] = "checked";
const char outcome_refused[] = "refused";
const char outcome_failed[] = "failed";
const char outcome_cancelled[] = "cancelled";
const char outcome_resolved[] = "resolved";
const char outcome_taken_over[] = "taken over";

/* ---- one move ---------------------------------------------------------------------------------------- */

static void on_timer(void *arg)
{
	struct move *v = arg;
	uint64_t now = v->m->ops->now(v->m->host);

	if (v->due_ns == 0)
		return;
	if (now < v->due_ns) {
		v->m->ops->timer_arm(v->timer, v->due_ns - now);
		return;
	}
	v->due_ns = 0;
	if (v->phase == PHASE_ENDED)
		move_hang_up(v);
	else if (v->is_source)
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
	move_hang_up(v);
	free(v);
}

void move_end_linked(struct move *v, const char *outcome)
{
	move_arm(v, v->conn ? LINGER_NS : 0);
	v->outcome = outcome;
	json_drop(&v->s.offer);
	move_phase(v, PHASE_ENDED);
}

void move_end(struct move *v, const char *outcome)
{
	move_hang_up(v);
	move_end_linked(v, outcome);
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

struct move *move_find(const struct moves *m, const uint8_t id[WIRE_ID])
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

/* ---- life -------------------------------------------------------------------------------------------- */

struct moves *moves_create(const struct moves_ops *ops, void *host)
{
	struct moves *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ops = ops;
	m->host = host;
	m->epoch_room = EPOCHS_AT_FIRST;
	m->epochs = calloc(m->epoch_room, sizeof(*m->epochs));
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
