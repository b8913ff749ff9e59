/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/confirm.c - changes that go back by themselves: whoever cut himself off cannot do it.
 *
 * What waits is in the journal with its state, so that a daemon which ends before it was confirmed
 * begins with the state before it: control_unconfirmed().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "control/origin.h"

enum { AGAIN_S = 10 }; /* after a return that was refused */

static void on_late(void *arg);

uint64_t pending_seconds(const struct control *c)
{
	uint64_t now = clock_ns();

	return c->pending.until_ns > now ? (c->pending.until_ns - now + NS_PER_S - 1) / NS_PER_S
					 : 0;
}

void pending_end(struct control *c)
{
	loop_timer_destroy(c->pending.timer);
	c->pending = (struct pending){ 0 };
}

void pending_begin(struct control *c, uint64_t back_to, uint64_t seconds)
{
	pending_end(c);
	c->pending = (struct pending){
		.number = changelog_number(c->log),
		.back_to = back_to,
		.seconds = seconds,
		.until_ns = clock_ns() + seconds * NS_PER_S,
		.timer = loop_timer_create(c->loop, on_late, c),
	};
	/* It would never go back: so it does at once. */
	if (c->pending.timer)
		loop_timer_arm(c->pending.timer, seconds * NS_PER_S);
	else
		on_late(c);
}

/* ---- too late --------------------------------------------------------------------------------------- */

static void log_refusal(const struct outcome *o)
{
	char text[512];

	for (size_t i = 0; o->d && i < o->d->count && i < DIAG_MAX; i++)
		log_message(MSG_CONFIGURATION, "%s", diag_print(o->d, i, text, sizeof(text)));
}

/* Even what is closed where it cannot come up was refused. */
static void on_returned_somehow(void *arg, const struct outcome *o)
{
	struct control *c = arg;

	if (o->code == 0 || !c->pending.timer)
		return;
	log_message(MSG_STAYS,
		    "change %" PRIu64 " was not confirmed and cannot be taken back, which is tried "
		    "again",
		    c->pending.number);
	log_refusal(o);
	loop_timer_arm(c->pending.timer, AGAIN_S * NS_PER_S);
}

static void go_back(struct control *c, bool is_tolerant, outcome_fn done)
{
	char what[160];
	struct origin *o;

	(void)snprintf(what, sizeof(what),
		       "change %" PRIu64 " was not confirmed within %" PRIu64
		       " s: back to change %" PRIu64,
		       c->pending.number, c->pending.seconds, c->pending.back_to);
	o = origin_create(c, "confirm", what, done, c);
	if (o)
		control_return(c, c->pending.back_to, is_tolerant, o);
}

/* Better with a port closed than cut off. */
static void on_returned(void *arg, const struct outcome *o)
{
	struct control *c = arg;

	if (o->code == 0 || c->pending.number == 0)
		return;
	log_refusal(o);
	go_back(c, true, on_returned_somehow);
}

static void on_late(void *arg)
{
	struct control *c = arg;

	log_message(MSG_TAKEN_BACK,
		    "change %" PRIu64 " was not confirmed within %" PRIu64
		    " s: back to the state of change %" PRIu64,
		    c->pending.number, c->pending.seconds, c->pending.back_to);
	go_back(c, false, on_returned);
}

/* ---- in time ---------------------------------------------------------------------------------------- */

/* The same change once more, without what would take it back. */
static struct changelog_entry confirmed_entry(const struct control *c, const json_t *who)
{
	const json_t *change = changelog_find(c->log, c->pending.number);
	const json_t *state = changelog_state(c->log);
	struct changelog_entry e = { .change = json_copy((json_t *)(uintptr_t)change),
				     .state = json_copy((json_t *)(uintptr_t)state) };

	(void)json_object_set_new(e.change, "outcome", json_string("confirmed"));
	(void)json_object_set(e.change, "confirmed_by", (json_t *)(uintptr_t)who);
	(void)json_object_del(e.state, "confirm");
	(void)json_object_del(e.state, "number");
	return e;
}

bool control_confirm(struct control *c, const json_t *who, struct xvs_error *err)
{
	struct changelog_entry e;

	if (c->pending.number == 0) {
		(void)error_set(err, -ENOENT, "", "no change waits for its confirmation");
		return false;
	}
	e = confirmed_entry(c, who);
	if (!e.change || !e.state) {
		json_decref(e.change);
		json_decref(e.state);
		(void)error_set(err, -ENOMEM, "", "out of memory");
		return false;
	}
	/* What a restart would take back all the same is not confirmed. */
	if (changelog_put(c->log, &e, err))
		return false;
	pending_end(c);
	return true;
}
