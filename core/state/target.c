/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/target.c - the side to which a port comes.
 *
 *   arrived <-> admitted -> making -> taking -> ready -> opened -> ended
 *   before ready: a lost connection, abort -> discarding -> ended
 *   ready: abort -> discarding; a lost connection: waits, for as long as it takes
 *
 * The port is on disk as prepared before it is made, so a restart never finds one that nobody asks
 * for; it is closed until a commit of this move and epoch comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "state/move.h"

#define ADMITTED_NS (60 * NS_PER_S) /* for "prepare", or to be asked again */
#define DISCARD_AGAIN_NS (2 * NS_PER_S)
#define SETTLE_NS (NS_PER_S / 1000) /* "opened" has left before */

static const struct content_target_ops *content_ops(const struct move *v)
{
	return v->m->ops->target;
}

static void refuse(struct move *v, const char *why)
{
	json_t *findings = v->t.a.findings;

	move_problem(v, "%s", why);
	(void)move_send_json(v, WIRE_REFUSED,
			     json_pack("{s:s, s:O*}", "reason", v->problem, "findings", findings));
}

/* ---- the end --------------------------------------------------------------------------------------- */

static void arrival_drop(struct move *v)
{
	offer_finish(&v->t.a);
	free(v->t.bytes);
	v->t.bytes = NULL;
	v->t.len = 0;
	v->t.room = 0;
	v->t.is_in_record = false;
}

/* Nothing is left of it. */
static void forget(struct move *v, const char *outcome)
{
	struct xvs_error err = ERROR_INIT;

	if (v->t.is_answered)
		(void)move_send(v, WIRE_ABORTED, NULL, 0);
	v->is_forgotten = v->decision == DECISION_NONE;
	v->decision = DECISION_NONE;
	arrival_drop(v);
	move_end(v, outcome);
	if (!v->is_forgotten)
		(void)moves_keep(v->m, &err);
}

static void on_discarded(void *arg, int code, const struct xvs_error *err)
{
	struct move *v = arg;

	v->t.is_busy = false;
	if (code == 0) {
		forget(v, v->outcome);
		return;
	}
	move_problem(v, "the closed port cannot be removed: %s", err->text);
	move_arm(v, DISCARD_AGAIN_NS);
}

static void discard(struct move *v)
{
	v->t.is_busy = true;
	move_arm(v, 0);
	move_phase(v, PHASE_DISCARDING);
	content_ops(v)->discard(v->m->host, v->target, on_discarded, v);
}

/* Its port, if there is one, never opens here. */
static void drop(struct move *v, const char *outcome)
{
	if (!v->outcome)
		v->outcome = outcome;
	if (v->t.is_busy)
		v->t.is_dropped = true;
	else if (v->decision == DECISION_NONE)
		forget(v, v->outcome);
	else
		discard(v);
}

/* The source is told why, and that nothing comes of it. */
static void fail(struct move *v, const char *why)
{
	refuse(v, why);
	drop(v, outcome_failed);
}

/* What is no part of the protocol ends the connection as well. */
static void fail_hard(struct move *v, const char *why)
{
	refuse(v, why);
	move_hang_up(v);
	if (v->phase != PHASE_READY && v->phase != PHASE_OPENED)
		drop(v, outcome_failed);
}

/* ---- admit ----------------------------------------------------------------------------------------- */

static void sentence(const struct arrival *a, char *out, size_t size)
{
	const json_t *first = json_array_get(a->findings, 0);
	const char *what = json_string_value(json_object_get(first, "what"));
	const char *why = json_string_value(json_object_get(first, "why"));
	size_t count = json_array_size(a->findings);
	char more[32] = "";

	if (count > 1)
		(void)snprintf(more, sizeof(more), ", and %zu more", count - 1);
	(void)snprintf(out, size, "%s: %.180s%s", what ? what : "port", why ? why : "refused",
		       more);
}

static void on_judged(void *arg, int code, const struct xvs_error *err)
{
	struct move *v = arg;
	struct arrival *a = &v->t.a;
	char why[PROBLEM_TEXT];

	v->t.is_busy = false;
	if (v->t.is_dropped) {
		forget(v, outcome_failed);
		return;
	}
	offer_judge(a);
	memcpy(v->target, a->target, sizeof(v->target)); /* it may have another name here */
	if (code)
		(void)finding_add(a->findings, "port", "%s", err->text);
	move_arm(v, ADMITTED_NS);
	if (json_array_size(a->findings) > 0) {
		v->problem[0] = '\0';
		sentence(a, why, sizeof(why));
		refuse(v, why);
		move_phase(v, PHASE_ARRIVED);
		return;
	}
	v->problem[0] = '\0';
	memcpy(v->owners, a->owners, sizeof(v->owners));
	v->owner_count = a->owner_count;
	(void)move_send_json(v, WIRE_ADMITTED, admitted_write(a, moves_epoch(v->m, v->port)));
	move_phase(v, PHASE_ADMITTED);
}

static void on_admit(struct move *v, const uint8_t *body, size_t len)
{
	struct arrival *a = &v->t.a;
	struct xvs_error err = ERROR_INIT;
	json_t *offer = body_json(body, len, &err);
	int code = offer ? 0 : err.code;

	offer_finish(a);
	memcpy(a->uuid, v->port, WIRE_ID);
	memcpy(a->peer, v->peer, sizeof(a->peer));
	if (code == 0)
		code = offer_read(offer, a, &err);
	json_decref(offer);
	if (code) {
		fail_hard(v, err.text);
		return;
	}
	memcpy(v->target, a->target, sizeof(v->target));
	if (!content_ops(v)->may_place(v->m->host, v->peer, a->switch_name)) {
		char why[PROBLEM_TEXT];

		(void)snprintf(why, sizeof(why),
			       "%.100s may not place ports on switch %s: see migration.peers there",
			       v->peer, a->switch_name);
		fail(v, why);
		return;
	}
	v->t.is_busy = true;
	move_arm(v, 0);
	content_ops(v)->admit(v->m->host, a, on_judged, v);
}

/* ---- prepare --------------------------------------------------------------------------------------- */

static void on_made(void *arg, int code, const struct xvs_error *err)
{
	struct move *v = arg;

	v->t.is_busy = false;
	if (v->t.is_dropped) {
		discard(v);
	} else if (code) {
		fail(v, err->text);
	} else {
		move_phase(v, PHASE_TAKING);
		(void)move_send(v, WIRE_PREPARED, NULL, 0);
	}
}

/* What fails is discarded by its name: two of one name would discard each other. */
static bool is_name_coming(const struct move *v)
{
	for (const struct move *o = v->m->first; o; o = o->next)
		if (o != v && o->decision == DECISION_PREPARED && strcmp(o->target, v->target) == 0)
			return true;
	return false;
}

static void on_prepare(struct move *v, uint64_t epoch)
{
	struct xvs_error err = ERROR_INIT;

	if (v->t.a.is_check || epoch <= moves_epoch(v->m, v->port) || epoch > INT64_MAX / 2) {
		fail_hard(v, "an epoch that is not new");
		return;
	}
	if (is_name_coming(v)) {
		fail(v, "a port of this name is on its way here already");
		return;
	}
	v->epoch = epoch;
	v->decision = DECISION_PREPARED;
	if (moves_keep(v->m, &err)) {
		v->decision = DECISION_NONE;
		fail(v, err.text);
		return;
	}
	v->t.is_busy = true;
	move_arm(v, 0);
	move_phase(v, PHASE_MAKING);
	content_ops(v)->prepare(v->m->host, &v->t.a, on_made, v);
}

/* ---- rounds ---------------------------------------------------------------------------------------- */

static struct content_owner *owner_find(struct move *v, const char *id)
{
	for (size_t i = 0; i < v->owner_count; i++)
		if (strcmp(v->owners[i].id, id) == 0)
			return &v->owners[i];
	return NULL;
}

static int restore(struct move *v, const uint8_t *bytes, size_t len, struct xvs_error *err)
{
	struct wire_record head;
	struct content_record r;
	struct content_owner *o;
	size_t at;

	if (!wire_record_read(bytes, len, &head, &at))
		return error_set(err, -EPROTO, "", "a record without owner");
	o = owner_find(v, head.owner);
	if (!o || o->format == 0 || o->format != head.format)
		return error_set(err, -EPROTO, "", "%.64s: state that was not agreed upon",
				 head.owner);
	if (len - at > o->limit - o->bytes)
		return error_set(err, -EMSGSIZE, "", "%s: more state than was told at admit",
				 o->id);
	r = (struct content_record){ .owner = o->id,
				     .format = o->format,
				     .is_critical = o->is_critical,
				     .data = bytes + at,
				     .len = len - at };
	o->records++;
	o->bytes += r.len;
	v->records++;
	v->bytes += r.len;
	return content_ops(v)->restore(v->m->host, v->target, &r, err);
}

/* A record in parts is kept until its last one. */
static int collect(struct move *v, const uint8_t *body, size_t len, struct xvs_error *err)
{
	struct target_side *t = &v->t;

	if (len == 0)
		return 0;
	if (t->len + len > WIRE_RECORD)
		return error_set(err, -EMSGSIZE, "", "a record of more than %d bytes", WIRE_RECORD);
	if (t->len + len > t->room) {
		size_t room = t->len + len + t->room / 2;
		uint8_t *grown = realloc(t->bytes, room);

		if (!grown)
			return error_set(err, -ENOMEM, "", "out of memory");
		t->bytes = grown;
		t->room = room;
	}
	memcpy(t->bytes + t->len, body, len);
	t->len += len;
	return 0;
}

static int take_state(struct move *v, const struct wire_head *h, const uint8_t *body,
		      struct xvs_error *err)
{
	struct target_side *t = &v->t;
	bool is_first = h->flags & WIRE_FIRST;
	bool is_last = h->flags & WIRE_LAST;
	int code;

	if (is_first == t->is_in_record)
		return error_set(err, -EPROTO, "", "a part of a record out of place");
	if (is_first && is_last)
		return restore(v, body, h->len, err);
	t->is_in_record = !is_last;
	code = collect(v, body, h->len, err);
	if (code == 0 && is_last) {
		code = restore(v, t->bytes, t->len, err);
		free(t->bytes);
		t->bytes = NULL;
		t->room = 0;
		t->len = 0;
	}
	return code;
}

static void on_state(struct move *v, const struct wire_head *h, const uint8_t *body)
{
	struct xvs_error err = ERROR_INIT;
	int code = take_state(v, h, body, &err);

	if (code == -EPROTO || code == -EMSGSIZE)
		fail_hard(v, err.text);
	else if (code)
		fail(v, err.text);
}

static json_t *ready_json(const struct move *v)
{
	return json_pack("{s:o, s:O*}", "state", owners_json(v), "untaken", v->untaken);
}

static void weigh_untaken(struct move *v)
{
	json_t *list = json_array();

	content_ops(v)->untaken(v->m->host, v->target, list);
	json_decref(v->untaken);
	v->untaken = json_array_size(list) ? json_incref(list) : NULL;
	json_decref(list);
}

static void on_round(struct move *v, const uint8_t *body, size_t len)
{
	struct wire_round round;

	if (!wire_round_read(body, len, &round) || v->t.is_in_record ||
	    round.number != v->t.round + 1 || round.records != v->records ||
	    round.bytes != v->bytes) {
		fail_hard(v, "a round that is not what was sent");
		return;
	}
	v->t.round = round.number;
	if (!round.is_last) {
		(void)move_send(v, WIRE_TAKEN, body, len);
		return;
	}
	weigh_untaken(v);
	move_phase(v, PHASE_READY);
	(void)move_send_json(v, WIRE_READY, ready_json(v));
}

/* ---- the decision ---------------------------------------------------------------------------------- */

static json_t *opened_json(const struct move *v)
{
	return json_pack("{s:o, s:I, s:b, s:O*}", "state", owners_json(v), "open_us",
			 (json_int_t)(v->t.open_ns / NS_PER_US), "cold", (int)v->t.is_cold,
			 "untaken", v->untaken);
}

/* It is open: what remains is to remember that. */
static void settle(struct move *v, const char *outcome)
{
	struct xvs_error err = ERROR_INIT;
	enum decision before = v->decision;
	int code = content_ops(v)->settle(v->m->host, v->target, &err);

	v->decision = DECISION_NONE;
	v->outcome = outcome;
	moves_set_epoch(v->m, v->port, v->epoch);
	if (code == 0)
		code = moves_keep(v->m, &err);
	if (code) {
		/* The source asks again. */
		v->decision = before;
		move_problem(v, "it is open, but a restart would close it: %s", err.text);
		return;
	}
	(void)move_send_json(v, WIRE_DONE, opened_json(v));
	arrival_drop(v);
	v->problem[0] = '\0';
	if (v->t.is_cold)
		move_problem(v, "this host was started anew meanwhile: connections begin anew");
	move_end_linked(v, outcome); /* stragglers come until the source has read "done" */
}

/* What is remembered may take a while to be written: the source is told first, whose clock runs. */
static int open_port(struct move *v, struct xvs_error *err)
{
	uint64_t before = v->m->ops->now(v->m->host);
	int code = content_ops(v)->open(v->m->host, v->target, err);

	if (code)
		return code;
	v->t.open_ns = v->m->ops->now(v->m->host) - before;
	(void)move_send_json(v, WIRE_OPENED, opened_json(v));
	move_arm(v, SETTLE_NS);
	move_phase(v, PHASE_OPENED);
	return 0;
}

static void on_commit(struct move *v, uint64_t epoch)
{
	struct xvs_error err = ERROR_INIT;

	if (epoch != v->epoch || (v->phase != PHASE_READY && v->phase != PHASE_OPENED)) {
		fail_hard(v, "a commit of what is not ready");
		return;
	}
	if (open_port(v, &err))
		refuse(v, err.text);
}

static void on_abort(struct move *v, const struct wire_head *h, const uint8_t *body)
{
	struct xvs_error err = ERROR_INIT;
	json_t *json = body_json(body, h->len, &err);
	char why[PROBLEM_TEXT] = "";

	if (v->decision == DECISION_PREPARED && h->epoch != v->epoch) {
		json_decref(json);
		fail_hard(v, "an abort of another epoch");
		return;
	}
	if (json)
		body_text(json, "reason", why, sizeof(why));
	json_decref(json);
	move_problem(v, "the source has given up: %s", why[0] ? why : "without a reason");
	if (v->phase == PHASE_OPENED) {
		(void)move_send_json(v, WIRE_OPENED, opened_json(v));
		return;
	}
	v->t.is_answered = true;
	if (v->phase != PHASE_DISCARDING || !v->t.is_busy)
		drop(v, outcome_cancelled);
}

/* ---- what the source says -------------------------------------------------------------------------- */

static bool is_expected(const struct move *v, uint16_t type)
{
	switch (type) {
	case WIRE_ADMIT:
		return (v->phase == PHASE_ARRIVED || v->phase == PHASE_ADMITTED) && !v->t.is_busy;
	case WIRE_PREPARE:
		return v->phase == PHASE_ADMITTED && !v->t.is_busy;
	case WIRE_STATE:
	case WIRE_ROUND:
		return v->phase == PHASE_TAKING;
	case WIRE_COMMIT:
	case WIRE_ABORT:
		return true;
	default:
		return false;
	}
}

/* What was on its way when we refused is no error. */
static bool is_late(const struct move *v, uint16_t type)
{
	return (v->phase == PHASE_DISCARDING || v->t.is_dropped) && type != WIRE_ABORT;
}

void target_message(struct move *v, const struct wire_head *h, const uint8_t *body)
{
	if (h->type == WIRE_FRAME) {
		if (v->phase == PHASE_OPENED || v->phase == PHASE_ENDED)
			straggler_take(v, body, h->len);
		return;
	}
	if (v->phase == PHASE_ENDED) {
		move_hang_up(v); /* "done" was the last word */
		return;
	}
	if (is_late(v, h->type))
		return;
	if (!is_expected(v, h->type)) {
		fail_hard(v, "a message out of turn");
		return;
	}
	switch (h->type) {
	case WIRE_ADMIT:
		on_admit(v, body, h->len);
		break;
	case WIRE_PREPARE:
		on_prepare(v, h->epoch);
		break;
	case WIRE_STATE:
		on_state(v, h, body);
		break;
	case WIRE_ROUND:
		on_round(v, body, h->len);
		break;
	case WIRE_COMMIT:
		on_commit(v, h->epoch);
		break;
	case WIRE_ABORT:
		on_abort(v, h, body);
		break;
	default:
		break;
	}
}

void target_lost(struct move *v, const char *why)
{
	if (v->phase == PHASE_ENDED || v->phase == PHASE_DISCARDING || v->phase == PHASE_OPENED)
		return;
	if (v->phase == PHASE_READY)
		v->problem[0] = '\0';
	move_problem(v, "the source is lost: %s", why);
	if (v->phase != PHASE_READY)
		drop(v, outcome_failed);
}

void target_timer(struct move *v)
{
	if (v->phase == PHASE_DISCARDING) {
		discard(v);
	} else if (v->phase == PHASE_OPENED) {
		settle(v, outcome_moved);
	} else if (v->phase == PHASE_ARRIVED || v->phase == PHASE_ADMITTED) {
		move_hang_up(v);
		drop(v, outcome_failed);
	}
}

int target_resolve(struct move *v, bool is_taken_over, struct xvs_error *err)
{
	int code;

	if (v->phase == PHASE_ENDED)
		return error_set(err, -EALREADY, "", "it has ended: %s", v->outcome);
	if (v->phase != PHASE_READY || v->conn)
		return error_set(err, -EBUSY, "", "it is %s, not in doubt", phase_name(v));
	if (!is_taken_over) {
		drop(v, outcome_resolved);
		return 0;
	}
	code = open_port(v, err);
	if (code == 0)
		settle(v, outcome_taken_over);
	return code;
}
