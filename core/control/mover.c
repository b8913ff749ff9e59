/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/mover.c - moves get links, time and memory of this daemon; calls wait for them.
 */
#include "control/mover_part.h"
#include "control/saver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

/* ---- for the moves ----------------------------------------------------------------------------------- */

static uint64_t now(void *host)
{
	(void)host;
	return clock_ns();
}

static void *timer_create_on(void *host, void (*fn)(void *arg), void *arg)
{
	struct mover *m = host;

	return loop_timer_create(m->control->loop, fn, arg);
}

static void timer_arm(void *timer, uint64_t delay_ns)
{
	loop_timer_arm(timer, delay_ns);
}

static void timer_destroy(void *timer)
{
	loop_timer_destroy(timer);
}

static void *dial(void *host, const char *to, struct conn *conn)
{
	struct mover *m = host;

	return channels_dial(m->channels, to, conn);
}

static int keep(void *host, const char *text, size_t len, struct xvs_error *err)
{
	struct mover *m = host;

	return journal_put(m->control->journal, RECORD_MOVES, text, len, err);
}

/* ---- those who wait ---------------------------------------------------------------------------------- */

struct waiter {
	struct waiter *next;
	struct rpc_call *call;
	uint8_t move[WIRE_ID];
	enum wait until;
};

/* 1: there; -1: it will never be; 0: not yet. */
static int has_come(enum move_stage stage, const char *outcome, enum wait until)
{
	bool has_moved = outcome && strcmp(outcome, "moved") == 0;

	if (stage == MOVE_UNKNOWN)
		return -1;
	if (until == WAIT_OPEN_HERE) {
		if (stage == MOVE_ENDED)
			return has_moved ? -1 : 1;
		return stage == MOVE_GIVING_UP;
	}
	if (stage == MOVE_ENDED || stage == MOVE_GIVING_UP)
		return has_moved || (until == WAIT_ADMITTED && outcome &&
				     strcmp(outcome, "checked") == 0)
			       ? 1
			       : -1;
	switch (until) {
	case WAIT_PREPARED:
		return stage >= MOVE_PREPARED;
	case WAIT_FROZEN:
		return stage >= MOVE_FROZEN;
	case WAIT_OPENED:
		return stage >= MOVE_OPENED;
	default:
		return 0;
	}
}

static void answer(struct waiter *w, json_t *report, int come)
{
	const char *problem = json_string_value(json_object_get(report, "problem"));
	const char *port = json_string_value(json_object_get(report, "port"));

	if (come > 0) {
		rpc_answer(w->call, report);
		return;
	}
	rpc_refuse(w->call, report ? RPC_REFUSED : RPC_NOT_FOUND, "port %s does not move: %s",
		   port ? port : "?", problem ? problem : "it was given up");
	json_decref(report);
}

static void look_after(struct mover *m)
{
	struct waiter **at = &m->waiters;

	while (*at) {
		struct waiter *w = *at;
		json_t *report = moves_show(m->moves, w->move);
		int come =
			has_come(moves_stage(m->moves, w->move),
				 json_string_value(json_object_get(report, "outcome")), w->until);

		if (come == 0) {
			json_decref(report);
			at = &w->next;
			continue;
		}
		*at = w->next;
		answer(w, report, come);
		free(w);
	}
}

static void on_letter(struct letter *letter)
{
	struct mover *m = (struct mover *)letter;

	m->is_posted = false;
	if (m->moves)
		look_after(m);
	else
		free(m); /* it was destroyed meanwhile */
}

static void look_later(struct mover *m)
{
	if (m->is_posted)
		return;
	m->is_posted = true;
	loop_post(m->control->loop, &m->letter, on_letter);
}

void mover_wait(struct mover *m, struct rpc_call *call, const uint8_t move[WIRE_ID],
		enum wait until)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w) {
		rpc_refuse(call, RPC_INTERNAL, "out of memory");
		return;
	}
	w->call = call;
	w->until = until;
	memcpy(w->move, move, WIRE_ID);
	w->next = m->waiters;
	m->waiters = w;
	look_later(m);
}

/* ---- what is told ------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *report, const char *key)
{
	const char *text = json_string_value(json_object_get(report, key));

	return text ? text : "";
}

static void tell_end(const json_t *report)
{
	const char *outcome = text_of(report, "outcome");
	bool is_source = strcmp(text_of(report, "role"), "source") == 0;
	bool has_moved = strcmp(outcome, "moved") == 0 || strcmp(outcome, "checked") == 0;
	json_int_t blackout = json_integer_value(json_object_get(report, "blackout_us"));
	const char *problem = text_of(report, "problem");
	char how[64] = "";

	if (blackout)
		(void)snprintf(how, sizeof(how), ", %" JSON_INTEGER_FORMAT " us of silence",
			       blackout);
	log_message_at(has_moved ? XVS_LOG_INFO : XVS_LOG_WARN, MSG_MOVE, "port %s %s %s: %s%s%s%s",
		       text_of(report, "port"), is_source ? "to" : "from", text_of(report, "peer"),
		       outcome, how, problem[0] ? ": " : "", problem);
}

/* A test may want to end the process in exactly this phase. */
static void stop_here(const struct mover *m, const json_t *report)
{
	if (m->stop_at[0] && strcmp(text_of(report, "phase"), m->stop_at) == 0)
		(void)raise(SIGSTOP);
}

static void changed(void *host, const uint8_t move[WIRE_ID])
{
	struct mover *m = host;
	json_t *report;

	look_later(m);
	if (m->stop_at[0] == '\0' && moves_stage(m->moves, move) != MOVE_ENDED)
		return;
	report = moves_show(m->moves, move);
	stop_here(m, report);
	if (report && moves_stage(m->moves, move) == MOVE_ENDED)
		tell_end(report);
	json_decref(report);
}

static void say(const char *text)
{
	log_message(MSG_MOVE_LINK, "%s", text);
}

static const struct moves_ops moves_ops = {
	.now = now,
	.timer_create = timer_create_on,
	.timer_arm = timer_arm,
	.timer_destroy = timer_destroy,
	.dial = dial,
	.send = channels_send,
	.queued = channels_queued,
	.hang_up = channels_hang_up,
	.keep = keep,
	.changed = changed,
	.source = &mover_source,
	.target = &mover_target,
};

/* ---- errands ----------------------------------------------------------------------------------------- */

static void errand_end(struct errand *e)
{
	struct errand **at = e->m ? &e->m->errands : NULL;

	while (at && *at != e)
		at = &(*at)->next;
	if (at)
		*at = e->next;
	loop_timer_destroy(e->turn);
	if (e->spec)
		port_spec_finish(e->spec);
	free(e->spec);
	free(e);
}

static void errand_done(void *arg, const struct outcome *o)
{
	struct errand *e = arg;
	struct xvs_error err = ERROR_INIT;
	char text[320];
	int code = o->code;

	if (code)
		(void)error_set(&err, code, "", "%.180s",
				o->d && o->d->count ? diag_print(o->d, 0, text, sizeof(text))
						    : "out of memory");
	for (size_t i = 0; e->m && code && e->arrival && o->d && i < o->d->count && i < DIAG_MAX;
	     i++)
		(void)finding_add(e->arrival->findings, "port", "%s", o->d->items[i].text);
	if (e->m && e->is_trial && e->arrival && json_array_size(e->arrival->findings) > 0)
		code = 0;
	if (e->m && code == 0 && e->then)
		code = e->then(e, &err);
	if (e->m)
		e->done(e->arg, code, &err);
	errand_end(e);
}

void errand_fail(struct errand *e, int code, const struct xvs_error *err)
{
	e->done(e->arg, code, err);
	errand_end(e);
}

static void on_turn(void *arg)
{
	struct errand *e = arg;

	e->act(e);
}

void errand_turn(struct errand *e, void (*act)(struct errand *e))
{
	e->act = act;
	if (!e->turn)
		e->turn = loop_timer_create(e->m->control->loop, on_turn, e);
	if (e->turn)
		loop_timer_arm(e->turn, 0);
	else
		act(e);
}

struct errand *errand_create(struct mover *m, content_done done, void *arg)
{
	struct errand *e = calloc(1, sizeof(*e));
	struct xvs_error err = ERROR_INIT;

	if (!e) {
		done(arg, error_set(&err, -ENOMEM, "", "out of memory"), &err);
		return NULL;
	}
	e->m = m;
	e->done = done;
	e->arg = arg;
	e->next = m->errands;
	m->errands = e;
	return e;
}

bool errand_wish(struct errand *e, const char *what, struct wish *out, bool is_dry_run)
{
	struct origin *o;

	loop_timer_destroy(e->turn);
	e->turn = NULL;
	o = origin_create(e->m->control, "migration", what, errand_done, e);
	if (!o)
		return false;
	o->is_dry_run = is_dry_run;
	*out = origin_wish(o);
	return true;
}

/* ---- configuration ----------------------------------------------------------------------------------- */

static void set_problem(struct mover *m, const char *text)
{
	if (strcmp(m->problem, text) == 0)
		return;
	(void)str_copy(m->problem, sizeof(m->problem), text);
	(void)str_copy(m->control->problems.migration, sizeof(m->problem),
		       m->spec.is_given ? text : "");
	if (text[0] && m->spec.is_given)
		log_message(MSG_MOVE_LINK, "%s", text);
}

static int configure(struct mover *m, struct xvs_error *err)
{
	char(*names)[64] = calloc(m->spec.peer_count + 1, sizeof(*names));
	struct channels_config config = { .listen = m->spec.listen,
					  .files = { .certificate = m->spec.certificate,
						     .key = m->spec.key,
						     .ca = m->spec.ca },
					  .peers = names,
					  .peer_count = m->spec.peer_count };
	int code;

	if (!names)
		return error_set(err, -ENOMEM, "", "migration: out of memory");
	for (size_t i = 0; i < m->spec.peer_count; i++)
		memcpy(names[i], m->spec.peers[i].name, sizeof(names[i]));
	code = channels_configure(m->channels, &config, err);
	free(names);
	return code;
}

void mover_reconfigure(struct mover *m)
{
	const struct migration_spec *wanted = world_migration(m->control->world);
	struct xvs_error err = ERROR_INIT;
	struct migration_spec copy;

	if (!m->is_started || (migration_spec_equal(wanted, &m->spec) && m->problem[0] == '\0'))
		return;
	if (migration_spec_copy(wanted, &copy))
		return;
	migration_spec_finish(&m->spec);
	m->spec = copy;
	if (!copy.is_given) {
		(void)channels_configure(m->channels, NULL, &err);
		set_problem(m, "this host has no \"migration:\" in its configuration");
	} else {
		set_problem(m, configure(m, &err) ? err.text : "");
	}
}

const char *mover_problem(const struct mover *m)
{
	return m->problem;
}

int mover_expect(struct mover *m, struct expectation *e, struct xvs_error *err)
{
	struct expected *free_one = NULL;

	for (size_t i = 0; i < EXPECTATIONS; i++) {
		struct expected *x = &m->expected[i];

		if (memcmp(x->e.uuid, e->uuid, WIRE_ID) == 0) {
			free_one = x;
			break;
		}
		if (x->until_ns < clock_ns())
			free_one = x;
	}
	if (!free_one) {
		json_decref(e->backend);
		return error_set(err, -ENOSPC, "", "%d ports are expected already", EXPECTATIONS);
	}
	json_decref(free_one->e.backend);
	free_one->e = *e;
	free_one->until_ns = clock_ns() + EXPECTATION_NS;
	return 0;
}

bool mover_expects_for(const struct mover *m, const uint8_t uuid[WIRE_ID], enum owner owner)
{
	for (size_t i = 0; i < EXPECTATIONS; i++) {
		const struct expected *x = &m->expected[i];

		if (x->until_ns >= clock_ns() && x->e.owner == owner &&
		    memcmp(x->e.uuid, uuid, WIRE_ID) == 0)
			return true;
	}
	return false;
}

void mover_unexpect(struct mover *m, const uint8_t uuid[WIRE_ID])
{
	for (size_t i = 0; i < EXPECTATIONS; i++) {
		struct expected *x = &m->expected[i];

		if (memcmp(x->e.uuid, uuid, WIRE_ID) != 0)
			continue;
		json_decref(x->e.backend);
		memset(x, 0, sizeof(*x));
	}
}

struct moves *mover_moves(struct mover *m)
{
	return m->moves;
}

bool mover_find(const struct mover *m, const char *text, uint8_t move[WIRE_ID])
{
	enum { BEGINNING = 4 };
	size_t len = strlen(text);
	json_t *list;
	json_t *v;
	size_t found = 0;
	size_t i;

	if (uuid_parse(text, move))
		return true;
	list = len >= BEGINNING ? moves_list(m->moves) : NULL;
	json_array_foreach(list, i, v)
	{
		const char *id = text_of(v, "move");

		if (strncmp(id, text, len) == 0 && uuid_parse(id, move))
			found++;
	}
	json_decref(list);
	return found == 1;
}

/* ---- life -------------------------------------------------------------------------------------------- */

int mover_create(struct control *c, struct mover **out, struct xvs_error *err)
{
	struct mover *m = calloc(1, sizeof(*m));
	const char *stop_at = getenv("XVS_TEST_MOVE_STOP");
	const char *kept;
	size_t len;

	if (!m)
		return error_set(err, -ENOMEM, "", "moves: out of memory");
	m->control = c;
	m->channels = channels_create(c->loop, say);
	m->moves = moves_create(&moves_ops, m);
	if (!m->channels || !m->moves) {
		moves_destroy(m->moves);
		channels_destroy(m->channels);
		free(m);
		return error_set(err, -ENOMEM, "", "moves: out of memory");
	}
	channels_serve(m->channels, m->moves);
	(void)str_copy(m->stop_at, sizeof(m->stop_at), stop_at ? stop_at : "");
	*out = m;
	kept = journal_get(c->journal, RECORD_MOVES, &len);
	return kept ? moves_restore(m->moves, kept, err) : 0;
}

void mover_start(struct mover *m)
{
	m->is_started = true;
	(void)str_copy(m->problem, sizeof(m->problem), "?");
	mover_reconfigure(m);
	moves_start(m->moves);
}

void mover_destroy(struct mover *m)
{
	if (!m)
		return;
	savers_end(m->control);
	for (struct errand *e = m->errands, *next; e; e = next) {
		next = e->next;
		if (e->turn)
			errand_end(e); /* nobody else knows it yet */
		else
			e->m = NULL;
	}
	while (m->waiters) {
		struct waiter *w = m->waiters;

		m->waiters = w->next;
		rpc_refuse(w->call, RPC_BUSY, "the daemon is stopping");
		free(w);
	}
	moves_destroy(m->moves);
	m->moves = NULL;
	channels_destroy(m->channels);
	migration_spec_finish(&m->spec);
	for (size_t i = 0; i < EXPECTATIONS; i++)
		json_decref(m->expected[i].e.backend);
	if (!m->is_posted)
		free(m);
}
