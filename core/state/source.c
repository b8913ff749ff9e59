/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/source.c - the side that a port leaves.
 *
 *   connecting -> admitting <-> held
 *                 admitting -> preparing -> rounds -> freezing -> last round -> frozen
 *   frozen -> (the record) -> committed -> opened -> removing -> ended
 *   any before the record -> giving up -> ended
 *
 * Before the record is on disk every trouble leads to "giving up", where the port is open again; from
 * then on none does.  What has been decided is told until the target has answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "state/move.h"

#define CONNECT_NS (8 * NS_PER_S) /* the link itself gives up earlier, and says why */
#define ADMIT_NS (20 * NS_PER_S)
#define PREPARE_NS (30 * NS_PER_S)
#define ROUND_NS (60 * NS_PER_S)
#define ASK_AGAIN_NS (2 * NS_PER_S)
#define DECISION_NS (2 * NS_PER_S)
#define RETRY_FIRST_NS (NS_PER_S / 5)
#define RETRY_LAST_NS (5 * NS_PER_S)
enum { PAUSE_NS = 100 * NS_PER_MS, ENOUGH_LEFT = 256 << 10, ROUNDS_MAX = 20 };

static const struct content_source_ops *content_ops(const struct move *v)
{
	return v->m->ops->source;
}

/* ---- telling what was decided -------------------------------------------------------------------- */

static void retry_later(struct move *v)
{
	uint64_t delay = RETRY_FIRST_NS;

	for (unsigned i = 0; i < v->s.attempts && delay < RETRY_LAST_NS; i++)
		delay *= 2;
	v->s.attempts++;
	move_arm(v, delay < RETRY_LAST_NS ? delay : RETRY_LAST_NS);
}

static void tell_decision(struct move *v)
{
	static const char unknown[] = "the source has given up";
	const char *why = v->problem[0] ? v->problem : unknown;

	if (v->decision == DECISION_COMMITTED)
		(void)move_send(v, WIRE_COMMIT, NULL, 0);
	else
		(void)move_send_json(v, WIRE_ABORT, json_pack("{s:s}", "reason", why));
	move_arm(v, DECISION_NS);
}

void source_dial(struct move *v)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn) {
		conn->m = v->m;
		conn->move = v;
		conn->link = v->m->ops->dial(v->m->host, v->s.to, conn);
	}
	if (!conn || !conn->link) {
		free(conn);
		retry_later(v);
		return;
	}
	v->conn = conn;
	move_arm(v, CONNECT_NS);
}

/* ---- the end before the decision ----------------------------------------------------------------- */

static void close_content(struct move *v, bool is_moved)
{
	struct content *c = v->s.content;

	v->s.content = NULL;
	if (c)
		content_ops(v)->close(c, is_moved);
}

/* The port is open again here.  If the target may know of it, it is told. */
static void give_up(struct move *v, const char *outcome)
{
	struct xvs_error err = ERROR_INIT;

	close_content(v, false);
	stragglers_end(v);
	if (v->decision == DECISION_NONE) {
		move_end(v, outcome);
		return;
	}
	v->outcome = outcome;
	v->decision = DECISION_ABORTED;
	/* Where it cannot be written, "moving" on disk comes to the same. */
	(void)moves_keep(v->m, &err);
	v->s.attempts = 0;
	if (v->conn)
		tell_decision(v);
	else
		retry_later(v);
	move_phase(v, PHASE_GIVING_UP);
}

/* ---- rounds -------------------------------------------------------------------------------------- */

static struct content_owner *owner_find(struct move *v, const struct content_record *r)
{
	for (size_t i = 0; i < v->owner_count; i++)
		if (strcmp(v->owners[i].id, r->owner) == 0)
			return v->owners[i].format == r->format ? &v->owners[i] : NULL;
	return NULL;
}

/* In as many frames as it takes; the first begins with 'head'. */
static bool send_record(struct move *v, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	do {
		size_t piece = len - at < WIRE_PIECE ? len - at : WIRE_PIECE;
		struct wire_head h = {
			.type = WIRE_STATE,
			.flags = (uint16_t)(WIRE_CRITICAL | (at == 0 ? WIRE_FIRST : 0) |
					    (at + piece == len ? WIRE_LAST : 0)),
			.len = (uint32_t)piece,
			.epoch = v->epoch,
		};

		memcpy(h.move, v->id, WIRE_ID);
		memcpy(h.port, v->port, WIRE_ID);
		if (!v->conn || !v->m->ops->send(v->conn->link, &h, bytes + at))
			return false;
		at += piece;
	} while (at < len);
	return true;
}

static int on_record(void *ctx, const struct content_record *r, struct xvs_error *err)
{
	struct move *v = ctx;
	struct content_owner *o = owner_find(v, r);
	struct wire_record head = { .format = r->format };
	uint8_t *bytes;
	size_t len;
	bool is_sent;

	if (!o)
		return error_set(err, -EINVAL, "", "%.64s: a record in a format not agreed upon",
				 r->owner);
	if (r->len > o->limit - o->bytes || r->len > WIRE_RECORD - WIRE_RECORD_HEAD_MAX)
		return error_set(err, -EMSGSIZE, "",
				 "%s: more state than the %llu bytes told at the beginning", o->id,
				 (unsigned long long)o->limit);
	memcpy(head.owner, o->id, sizeof(head.owner));
	bytes = malloc(WIRE_RECORD_HEAD_MAX + r->len);
	if (!bytes)
		return error_set(err, -ENOMEM, "", "out of memory");
	len = wire_record_write(&head, bytes);
	if (r->len)
		memcpy(bytes + len, r->data, r->len);
	is_sent = send_record(v, bytes, len + r->len);
	free(bytes);
	if (!is_sent)
		return error_set(err, -EPIPE, "", "the connection is lost");
	o->records++;
	o->bytes += r->len;
	v->records++;
	v->bytes += r->len;
	return 0;
}

static void end_round(struct move *v)
{
	struct wire_round round = { .number = ++v->s.round,
				    .is_last = v->s.pass == CONTENT_FINAL,
				    .records = v->records,
				    .bytes = v->bytes };
	uint8_t body[WIRE_ROUND_BYTES];

	wire_round_write(&round, body);
	v->s.step = STEP_WAITING;
	if (!round.is_last)
		move_arm(v, ROUND_NS);
	(void)move_send(v, WIRE_ROUND, body, sizeof(body));
}

/* A slice, or all of the last round, whose budget the timer keeps. */
static void save_more(struct move *v)
{
	struct xvs_error err = ERROR_INIT;
	bool is_last = v->s.pass == CONTENT_FINAL;
	int code = 1;

	while (v->conn && v->m->ops->queued(v->conn->link) < ENOUGH_QUEUED) {
		code = content_ops(v)->save(v->s.content, v->s.pass, on_record, v, &err);
		if (code != 1 || !is_last)
			break;
	}
	if (code < 0) {
		move_problem(v, "%s", err.text);
		give_up(v, outcome_failed);
	} else if (code == 0) {
		end_round(v);
	} else if (v->conn && v->m->ops->queued(v->conn->link) >= ENOUGH_QUEUED) {
		v->s.step = STEP_DRAINING;
		if (!is_last)
			move_arm(v, ROUND_NS);
	} else if (!is_last) {
		v->s.step = STEP_SLICE;
		move_arm(v, NS_PER_US); /* others have their turn first */
	}
}

void source_drained(struct move *v)
{
	if ((v->phase == PHASE_ROUNDS || v->phase == PHASE_LAST_ROUND) &&
	    v->s.step == STEP_DRAINING)
		save_more(v);
}

static void begin_round(struct move *v, enum content_pass pass)
{
	v->s.pass = pass;
	save_more(v);
}

/* ---- freeze and commit --------------------------------------------------------------------------- */

static void on_frozen(void *arg, int code)
{
	struct move *v = arg;

	if (v->phase != PHASE_FREEZING)
		return;
	if (code) {
		move_problem(v, "the port could not be frozen: %s", strerror(-code));
		give_up(v, outcome_failed);
		return;
	}
	move_phase(v, PHASE_LAST_ROUND);
	begin_round(v, CONTENT_FINAL);
}

static void freeze(struct move *v)
{
	stragglers_ask(v);
	v->s.frozen_ns = v->m->ops->now(v->m->host);
	move_arm(v, v->s.budget_ns);
	move_phase(v, PHASE_FREEZING);
	content_ops(v)->freeze(v->s.content, on_frozen, v);
}

/* Little enough is left, or it does not become less. */
static bool is_converged(struct move *v)
{
	uint64_t left = content_ops(v)->pending(v->s.content);
	bool is_stuck = v->s.round > 3 && left >= v->s.left_before - v->s.left_before / 8;

	v->s.left_before = left;
	return left <= ENOUGH_LEFT || is_stuck || v->s.round >= ROUNDS_MAX;
}

static void round_is_taken(struct move *v)
{
	bool is_first = !v->s.is_first_round_over;

	v->s.is_first_round_over = true;
	v->s.step = STEP_PAUSED;
	move_arm(v, 0);
	if (v->s.is_freeze_wanted || (!v->s.has_coordinator && is_converged(v))) {
		freeze(v);
	} else if (v->s.has_coordinator) {
		move_arm(v, PAUSE_NS);
		if (is_first)
			v->m->ops->changed(v->m->host, v->id);
	} else {
		begin_round(v, CONTENT_CHANGES);
	}
}

int source_freeze(struct move *v, struct xvs_error *err)
{
	switch (v->phase) {
	case PHASE_ROUNDS:
		v->s.is_freeze_wanted = true;
		if (v->s.step == STEP_PAUSED)
			freeze(v);
		return 0;
	case PHASE_FREEZING:
	case PHASE_LAST_ROUND:
	case PHASE_FROZEN:
	case PHASE_COMMITTED:
	case PHASE_OPENED:
	case PHASE_REMOVING:
		return 0;
	case PHASE_ENDED:
		if (v->outcome == outcome_moved)
			return 0;
		break;
	default:
		break;
	}
	return error_set(err, -EBUSY, "", "it is %s: it cannot be frozen now", phase_name(v));
}

static void commit(struct move *v)
{
	content_ops(v)->departed(v->m->host, v->port, true);
	v->s.attempts = 0;
	move_phase(v, PHASE_COMMITTED);
	tell_decision(v);
	stragglers_go(v);
}

int source_commit(struct move *v, struct xvs_error *err)
{
	bool is_decided = v->decision == DECISION_COMMITTED ||
			  (v->phase == PHASE_ENDED && v->outcome == outcome_moved);
	int code;

	if (is_decided)
		return 0;
	if (v->phase != PHASE_FROZEN)
		return error_set(err, -EBUSY, "", "it is %s: there is nothing to commit",
				 phase_name(v));
	v->decision = DECISION_COMMITTED;
	code = moves_keep(v->m, err);
	if (code == 0) {
		commit(v);
		return 0;
	}
	v->decision = DECISION_MOVING;
	move_problem(v, "the decision cannot be written: %s", err->text);
	give_up(v, outcome_failed);
	return code;
}

/* ---- afterwards ---------------------------------------------------------------------------------- */

static void forget(struct move *v, const char *outcome)
{
	struct xvs_error err = ERROR_INIT;

	if (v->decision == DECISION_COMMITTED)
		content_ops(v)->departed(v->m->host, v->port, false);
	v->decision = DECISION_NONE;
	move_end(v, outcome);
	/* Where it cannot be written, the decision is told once more after a restart, which is fine. */
	(void)moves_keep(v->m, &err);
}

static void on_removed(void *arg, int code, const struct xvs_error *err)
{
	struct move *v = arg;

	if (v->phase != PHASE_REMOVING)
		return;
	if (code) {
		move_problem(v, "the port is closed but cannot be removed here: %s", err->text);
		move_arm(v, RETRY_LAST_NS);
		return;
	}
	forget(v, v->outcome);
}

static void remove_port(struct move *v, const char *outcome)
{
	close_content(v, true);
	stragglers_end(v);
	v->outcome = outcome;
	move_hang_up(v);
	move_arm(v, 0);
	move_phase(v, PHASE_REMOVING);
	content_ops(v)->remove(v->m->host, v->port, v->target, on_removed, v);
}

static void on_opened(struct move *v, json_t *theirs)
{
	uint64_t now = v->m->ops->now(v->m->host);

	json_decref(v->theirs);
	v->theirs = theirs;
	if (v->phase != PHASE_COMMITTED)
		return;
	v->outcome = outcome_moved; /* whatever is still to be tidied up */
	if (v->s.frozen_ns)
		v->blackout_ns = now - v->s.frozen_ns;
	v->problem[0] = '\0';
	move_arm(v, DECISION_NS);
	move_phase(v, PHASE_OPENED);
}

static void on_done(struct move *v, json_t *theirs)
{
	json_decref(v->theirs);
	v->theirs = theirs;
	remove_port(v, outcome_moved);
}

/* ---- what the target says ------------------------------------------------------------------------ */

static void on_admitted(struct move *v, const json_t *answer)
{
	struct xvs_error err = ERROR_INIT;
	uint64_t known = moves_epoch(v->m, v->port);
	uint64_t theirs;

	if (admitted_read(answer, v, &theirs, &err)) {
		move_problem(v, "%s", err.text);
		give_up(v, outcome_failed);
		return;
	}
	if (v->s.is_check) {
		give_up(v, outcome_checked);
		return;
	}
	v->epoch = (theirs > known ? theirs : known) + 1;
	moves_set_epoch(v->m, v->port, v->epoch);
	v->decision = DECISION_MOVING;
	if (content_ops(v)->agree(v->s.content, v->owners, v->owner_count, &err) ||
	    moves_keep(v->m, &err)) {
		v->decision = DECISION_NONE;
		move_problem(v, "%s", err.text);
		give_up(v, outcome_failed);
		return;
	}
	move_arm(v, PREPARE_NS);
	(void)move_send(v, WIRE_PREPARE, NULL, 0);
	move_phase(v, PHASE_PREPARING);
	json_decref(v->s.offer); /* large, and of no use any more */
	v->s.offer = NULL;
}

static void take_findings(struct move *v, const json_t *answer)
{
	json_t *findings = json_object_get(answer, "findings");

	body_text(answer, "reason", v->problem, sizeof(v->problem));
	json_decref(v->findings);
	v->findings = json_is_array(findings) ? json_deep_copy(findings) : NULL;
}

static void on_refused(struct move *v, const json_t *answer)
{
	if (v->decision == DECISION_COMMITTED) {
		body_text(answer, "reason", v->problem, sizeof(v->problem));
		move_hang_up(v);
		retry_later(v);
		return;
	}
	if (v->decision == DECISION_ABORTED)
		return;
	take_findings(v, answer);
	if (v->phase == PHASE_ADMITTING && v->s.on_missing == ON_MISSING_HOLD && !v->s.is_check) {
		move_arm(v, ASK_AGAIN_NS);
		move_phase(v, PHASE_HELD);
		return;
	}
	give_up(v, outcome_refused);
}

static void on_taken(struct move *v, const uint8_t *body, size_t len)
{
	struct wire_round round;

	if (wire_round_read(body, len, &round) && round.number == v->s.round &&
	    round.records == v->records && round.bytes == v->bytes) {
		round_is_taken(v);
		return;
	}
	move_problem(v, "the target has not taken what was sent");
	give_up(v, outcome_failed);
}

static void on_ready(struct move *v, json_t *theirs)
{
	struct xvs_error err = ERROR_INIT;

	json_decref(v->theirs);
	v->theirs = theirs;
	move_phase(v, PHASE_FROZEN);
	if (!v->s.has_coordinator)
		(void)source_commit(v, &err);
}

/* The target has opened although it was told not to: somebody decided so there. */
static void on_conflict(struct move *v)
{
	v->problem[0] = '\0';
	move_problem(v,
		     "port %s is open on both hosts: it was taken over on %s; remove one of them",
		     v->target, v->peer);
	forget(v, outcome_taken_over);
}

/* In which phase each answer may come. */
static bool is_expected(const struct move *v, uint16_t type)
{
	switch (type) {
	case WIRE_ADMITTED:
		return v->phase == PHASE_ADMITTING;
	case WIRE_REFUSED:
		return true;
	case WIRE_PREPARED:
		return v->phase == PHASE_PREPARING;
	case WIRE_TAKEN:
		return v->phase == PHASE_ROUNDS && v->s.step == STEP_WAITING;
	case WIRE_READY:
		return v->phase == PHASE_LAST_ROUND && v->s.step == STEP_WAITING;
	case WIRE_OPENED:
		return v->decision == DECISION_COMMITTED || v->decision == DECISION_ABORTED;
	case WIRE_DONE:
		return v->phase == PHASE_OPENED;
	case WIRE_ABORTED:
		return v->phase == PHASE_GIVING_UP;
	default:
		return false;
	}
}

static void dispatch(struct move *v, const struct wire_head *h, const uint8_t *body, json_t *json)
{
	switch (h->type) {
	case WIRE_ADMITTED:
		on_admitted(v, json);
		break;
	case WIRE_REFUSED:
		on_refused(v, json);
		break;
	case WIRE_PREPARED:
		move_phase(v, PHASE_ROUNDS);
		begin_round(v, CONTENT_FULL);
		break;
	case WIRE_TAKEN:
		on_taken(v, body, h->len);
		break;
	case WIRE_READY:
		on_ready(v, json_incref(json));
		break;
	case WIRE_OPENED:
		if (v->decision == DECISION_ABORTED)
			on_conflict(v);
		else
			on_opened(v, json_incref(json));
		break;
	case WIRE_DONE:
		on_done(v, json_incref(json));
		break;
	default:
		forget(v, v->outcome);
		break;
	}
}

static bool has_json(uint16_t type)
{
	return type == WIRE_ADMITTED || type == WIRE_REFUSED || type == WIRE_READY ||
	       type == WIRE_OPENED || type == WIRE_DONE;
}

/* What an answer to one's giving up crossed on its way is no error. */
static bool is_late(const struct move *v, uint16_t type)
{
	return v->phase == PHASE_GIVING_UP && type != WIRE_OPENED && type != WIRE_ABORTED &&
	       type != WIRE_REFUSED;
}

void source_message(struct move *v, const struct wire_head *h, const uint8_t *body)
{
	struct xvs_error err = ERROR_INIT;
	json_t *json = NULL;

	if (is_late(v, h->type))
		return;
	if (!is_expected(v, h->type)) {
		(void)error_set(&err, -EPROTO, "", "\"%s\" comes while it is %s",
				wire_type_name(h->type), phase_name(v));
	} else if (has_json(h->type)) {
		json = body_json(body, h->len, &err);
	}
	if (err.code) {
		move_hang_up(v);
		source_lost(v, err.text);
		return;
	}
	dispatch(v, h, body, json);
	json_decref(json);
}

/* ---- links and time ------------------------------------------------------------------------------ */

void source_connected(struct move *v)
{
	if (v->decision == DECISION_COMMITTED || v->decision == DECISION_ABORTED) {
		tell_decision(v);
		return;
	}
	v->s.attempts = 0;
	move_arm(v, ADMIT_NS);
	(void)move_send_json(v, WIRE_ADMIT, json_incref(v->s.offer));
	move_phase(v, PHASE_ADMITTING);
}

/* The connection is no more. */
void source_lost(struct move *v, const char *why)
{
	if (v->phase == PHASE_ENDED || v->phase == PHASE_REMOVING)
		return;
	if (v->decision == DECISION_COMMITTED || v->decision == DECISION_ABORTED) {
		if (v->decision == DECISION_COMMITTED)
			v->problem[0] = '\0';
		move_problem(v, "%s", why);
		if (v->phase == PHASE_OPENED)
			move_phase(v, PHASE_COMMITTED);
		retry_later(v);
		return;
	}
	move_problem(v, "%s", why);
	give_up(v, outcome_failed);
}

static void on_decided_timer(struct move *v)
{
	if (v->phase == PHASE_REMOVING) {
		content_ops(v)->remove(v->m->host, v->port, v->target, on_removed, v);
	} else if (v->conn) {
		move_hang_up(v);
		source_lost(v, "the target does not answer");
	} else {
		source_dial(v);
	}
}

void source_timer(struct move *v)
{
	if (v->decision == DECISION_COMMITTED || v->decision == DECISION_ABORTED) {
		on_decided_timer(v);
	} else if (v->phase == PHASE_HELD) {
		source_connected(v);
	} else if (v->phase == PHASE_ROUNDS && v->s.step == STEP_SLICE) {
		save_more(v);
	} else if (v->phase == PHASE_ROUNDS && v->s.step == STEP_PAUSED) {
		begin_round(v, CONTENT_CHANGES);
	} else if (v->phase == PHASE_CONNECTING && !v->conn) {
		move_problem(v, "no connection could be made");
		give_up(v, outcome_failed);
	} else {
		move_problem(v, "%s took longer than it may", phase_name(v));
		give_up(v, outcome_failed);
	}
}

/* ---- what people and coordinators say ------------------------------------------------------------ */

int source_cancel(struct move *v, const char *why, struct xvs_error *err)
{
	if (v->decision == DECISION_COMMITTED ||
	    (v->phase == PHASE_ENDED && v->outcome == outcome_moved))
		return error_set(err, -EALREADY, "",
				 "it is decided that the port moves: it cannot be cancelled%s",
				 v->phase == PHASE_ENDED ? "" : "; see \"xvsctl migrate resolve\"");
	if (v->phase == PHASE_GIVING_UP || v->phase == PHASE_ENDED)
		return 0;
	move_problem(v, "%s", why);
	give_up(v, outcome_cancelled);
	return 0;
}

/* On disk before it is open: else a restart would close it again. */
static int take_over(struct move *v, struct xvs_error *err)
{
	struct xvs_error ignored = ERROR_INIT;
	bool is_frozen;
	int code;

	v->decision = DECISION_ABORTED;
	code = moves_keep(v->m, err);
	if (code) {
		v->decision = DECISION_COMMITTED;
		return code;
	}
	v->outcome = outcome_taken_over;
	content_ops(v)->departed(v->m->host, v->port, false);
	/* it is held since a restart, or because it was removed and made anew meanwhile */
	is_frozen = v->s.content != NULL;
	close_content(v, false);
	code = content_ops(v)->release(v->m->host, v->target, is_frozen ? &ignored : err);
	move_hang_up(v);
	retry_later(v);
	move_phase(v, PHASE_GIVING_UP);
	return is_frozen ? 0 : code;
}

int source_resolve(struct move *v, bool is_taken_over, struct xvs_error *err)
{
	if (v->phase == PHASE_ENDED)
		return error_set(err, -EALREADY, "", "it has ended: %s", v->outcome);
	if (v->phase == PHASE_GIVING_UP) {
		move_hang_up(v);
		forget(v, v->outcome);
		return 0;
	}
	if (v->phase != PHASE_COMMITTED)
		return error_set(err, -EBUSY, "", "it is %s, not in doubt: cancel it",
				 phase_name(v));
	if (is_taken_over)
		return take_over(v, err);
	remove_port(v, outcome_resolved);
	return 0;
}
