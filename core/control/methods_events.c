/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/methods_events.c - what the daemon told, to those who ask for it and to those who wait.
 *
 * Who wants to follow asks for what came since the number that he has, and may wait for it: no
 * connection is told anything unasked, so nobody who does not read makes the daemon keep lines.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/told.h"
#include "control/methods.h"

enum {
	LIMIT_DEFAULT = 100,
	LIMIT_MAX = 1000,
	WAIT_MAX_S = 60,
	WAITERS_MAX = 64,
	WAITERS_A_CLIENT = 8
};

struct waiter {
	struct rpc_call *call;
	struct rpc_peer peer;
	struct loop_timer *timer;
	uint64_t since;
	uint32_t limit;
	struct waiter *next;
};

/* Those who wait, and the letter that says there is something: one is enough. */
static struct {
	struct waiter *first;
	uint32_t count;
	struct loop *loop;
	struct letter letter;
	_Atomic bool is_posted;
} waiting;

static json_t *event_json(const struct told *e)
{
	static const char *const levels[] = {
		[XVS_LOG_ERROR] = "error",
		[XVS_LOG_WARN] = "warning",
		[XVS_LOG_INFO] = "info",
		[XVS_LOG_DEBUG] = "debug",
	};
	json_t *out =
		json_pack("{s:I, s:I, s:o, s:s, s:o}", "number", (json_int_t)e->number, "time_ms",
			  (json_int_t)e->unix_ms, "id", json_sprintf("XVS-%04d", (int)e->message),
			  "level", levels[e->level <= XVS_LOG_DEBUG ? e->level : XVS_LOG_DEBUG],
			  "text", rpc_string(e->text));

	return out;
}

/* The oldest since then, or where nobody has said since when, the newest. */
static void answer(struct rpc_call *call, uint64_t since, uint32_t limit)
{
	struct told *list = malloc(limit * sizeof(*list));
	json_t *out = json_array();
	uint64_t newest = told_newest();
	uint32_t count;

	if (!rpc_given(call, "since") && newest > limit)
		since = newest - limit;
	count = list ? told_read(since, list, limit) : 0;
	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(out, event_json(&list[i]));
	if (count)
		since = list[count - 1].number;
	free(list);
	rpc_answer(call, json_pack("{s:o, s:I}", "events", out, "since", (json_int_t)since));
}

/* ---- waiting -------------------------------------------------------------------------------------- */

static void waiter_end(struct waiter *w)
{
	struct waiter **at = &waiting.first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	waiting.count--;
	if (!waiting.first)
		told_listen(NULL, NULL);
	loop_timer_destroy(w->timer);
	answer(w->call, w->since, w->limit);
	free(w);
}

static void on_late(void *arg)
{
	waiter_end(arg);
}

static void on_news(struct letter *letter)
{
	(void)letter;
	atomic_store_explicit(&waiting.is_posted, false, memory_order_release);
	while (waiting.first)
		waiter_end(waiting.first);
}

/* [any] */
static void on_event(void *arg)
{
	(void)arg;
	if (!atomic_exchange_explicit(&waiting.is_posted, true, memory_order_acq_rel))
		loop_post(waiting.loop, &waiting.letter, on_news);
}

/* A process is a client, however many connections it has: none keeps the others from waiting. */
static bool has_enough(const struct rpc_peer *peer)
{
	uint32_t count = 0;

	for (const struct waiter *w = waiting.first; w; w = w->next)
		count += w->peer.pid == peer->pid && w->peer.uid == peer->uid;
	return count >= WAITERS_A_CLIENT;
}

static void wait_for_it(struct rpc_call *call, uint64_t since, uint32_t limit, uint64_t seconds)
{
	struct control *c = rpc_context(call);
	struct waiter *w;

	if (has_enough(rpc_peer(call))) {
		rpc_refuse(call, RPC_BUSY,
			   "events: this process waits %d times already; one at a time is enough",
			   WAITERS_A_CLIENT);
		return;
	}
	w = waiting.count < WAITERS_MAX ? calloc(1, sizeof(*w)) : NULL;
	if (w)
		w->timer = loop_timer_create(c->loop, on_late, w);
	if (!w || !w->timer) {
		free(w);
		rpc_refuse(call, RPC_BUSY, "events: %u callers are waiting already", waiting.count);
		return;
	}
	w->call = call;
	w->peer = *rpc_peer(call);
	w->since = since;
	w->limit = limit;
	w->next = waiting.first;
	waiting.first = w;
	waiting.count++;
	waiting.loop = c->loop;
	loop_timer_arm(w->timer, (seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S) * NS_PER_S);
	told_listen(on_event, NULL);
	/* one may have come between the look and now */
	if (told_newest() > since)
		on_event(NULL);
}

void on_events(struct rpc_call *call)
{
	uint64_t since = rpc_count(call, "since", 0);
	uint64_t limit = rpc_count(call, "limit", LIMIT_DEFAULT);
	uint64_t seconds = rpc_count(call, "wait", 0);

	if (limit == 0 || limit > LIMIT_MAX)
		limit = LIMIT_MAX;
	if (seconds && rpc_given(call, "since") && told_newest() <= since)
		wait_for_it(call, since, (uint32_t)limit, seconds);
	else
		answer(call, since, (uint32_t)limit);
}

void events_stop(void)
{
	while (waiting.first)
		waiter_end(waiting.first);
}
