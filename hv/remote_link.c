/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/remote_link.c - the asking side: calls that wait for their answers, and a host that is silent.
 *
 * Functions may be called from our own callbacks; memory goes with the last of them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "remote.h"
#include "remote_lines.h"

struct ask {
	struct ask *next;
	uint64_t id;
	remote_answer_fn done;
	void *arg;
};

struct remote_link {
	struct tls_link *tls;
	const struct remote_ops *ops;
	void *arg;
	struct lines lines;
	struct ask *asks; /* in the order in which they were sent */
	size_t count;
	uint64_t last_id;
	uint64_t heard_ns;
	struct loop_timer *timer;
	unsigned depth; /* of our callbacks that run */
	bool is_ready, has_ended, is_closed;
};

static void link_free(struct remote_link *p)
{
	while (p->asks) {
		struct ask *a = p->asks;

		p->asks = a->next;
		free(a);
	}
	tls_link_destroy(p->tls);
	loop_timer_destroy(p->timer);
	lines_finish(&p->lines);
	free(p);
}

/* False: it is gone. */
static bool leave(struct remote_link *p)
{
	if (--p->depth > 0 || !p->is_closed)
		return true;
	link_free(p);
	return false;
}

/* ---- answers ----------------------------------------------------------------------------------- */

static void answer(struct remote_link *p, struct ask *a, const json_t *value, const char *why)
{
	if (!p->is_closed)
		a->done(a->arg, value, why);
	free(a);
}

static void link_end(struct remote_link *p, const char *why)
{
	if (p->has_ended)
		return;
	p->has_ended = true;
	tls_link_destroy(p->tls);
	p->tls = NULL;
	while (p->asks && !p->is_closed) {
		struct ask *a = p->asks;

		p->asks = a->next;
		p->count--;
		answer(p, a, NULL, why);
	}
	if (!p->is_closed)
		p->ops->ended(p->arg, why);
}

static struct ask *ask_take(struct remote_link *p, uint64_t id)
{
	for (struct ask **at = &p->asks; *at; at = &(*at)->next) {
		struct ask *a = *at;

		if (a->id != id)
			continue;
		*at = a->next;
		p->count--;
		return a;
	}
	return NULL;
}

static bool take_line(void *arg, const char *line, size_t len)
{
	struct remote_link *p = arg;
	struct remote_message m;
	struct ask *a = NULL;
	char why[128];

	if (!remote_message_read(line, len, &m, why, sizeof(why))) {
		link_end(p, why);
		return false;
	}
	if (m.kind == REMOTE_EVENT)
		p->ops->event(p->arg, m.word, m.value);
	else
		a = ask_take(p, m.id);
	if (a)
		answer(p, a, m.kind == REMOTE_RESULT ? m.value : NULL, m.text);
	else if (m.kind != REMOTE_EVENT)
		link_end(p, "it answered what was not asked");
	remote_message_finish(&m);
	return !p->has_ended && !p->is_closed;
}

/* ---- the stream -------------------------------------------------------------------------------- */

static void on_ready(void *arg)
{
	struct remote_link *p = arg;

	p->depth++;
	p->is_ready = true;
	p->heard_ns = clock_ns();
	loop_timer_arm(p->timer, REMOTE_PING_S * NS_PER_S);
	p->ops->ready(p->arg, tls_link_name(p->tls));
	(void)leave(p);
}

static void on_input(void *arg, const uint8_t *bytes, size_t len)
{
	struct remote_link *p = arg;
	enum lines_end end;

	p->depth++;
	p->heard_ns = clock_ns();
	end = lines_input(&p->lines, bytes, len, take_line, p);
	if (end == LINES_TOO_LONG)
		link_end(p, "it sent a line of more than 1 MiB");
	else if (end == LINES_NO_MEMORY)
		link_end(p, "out of memory");
	(void)leave(p);
}

static void on_closed(void *arg, const struct xvs_error *why)
{
	struct remote_link *p = arg;

	p->depth++;
	link_end(p, why->text);
	(void)leave(p);
}

static void pong(void *arg, const json_t *value, const char *why)
{
	(void)arg;
	(void)value;
	(void)why;
}

static void on_timer(void *arg)
{
	struct remote_link *p = arg;

	if (p->has_ended)
		return;
	p->depth++;
	if (clock_ns() - p->heard_ns > REMOTE_SILENCE_S * NS_PER_S)
		link_end(p, "nothing was heard of it for 15 seconds");
	else
		remote_ask(p, "ping", NULL, pong, NULL);
	if (leave(p))
		loop_timer_arm(p->timer, REMOTE_PING_S * NS_PER_S);
}

static const struct tls_ops tls_ops = { .ready = on_ready, .input = on_input, .closed = on_closed };

/* ---- ours -------------------------------------------------------------------------------------- */

struct remote_link *remote_connect(struct loop *loop, const struct tls_context *tls,
				   const char *host, uint16_t port, const struct remote_ops *ops,
				   void *arg)
{
	struct remote_link *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->ops = ops;
	p->arg = arg;
	p->timer = loop_timer_create(loop, on_timer, p);
	p->tls = p->timer ? tls_link_connect(loop, tls, host, port, &tls_ops, p) : NULL;
	if (p->tls)
		return p;
	link_free(p);
	return NULL;
}

void remote_close(struct remote_link *p)
{
	if (!p)
		return;
	p->is_closed = true;
	if (p->depth == 0)
		link_free(p);
}

bool remote_is_named(const struct remote_link *p, const char *name)
{
	return p->tls && tls_link_is_named(p->tls, name);
}

const char *remote_address(const struct remote_link *p)
{
	return p->tls ? tls_link_address(p->tls) : "";
}

/* False: out of memory, or of room. */
static bool call_send(struct remote_link *p, uint64_t id, const char *method, json_t *params)
{
	json_t *call = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", (json_int_t)id,
				 "method", method, "params", params);
	char *line = call ? json_dumps(call, JSON_COMPACT) : NULL;
	size_t len = line ? strlen(line) : 0;
	bool is_sent = line && len < REMOTE_LINE_MAX;

	if (is_sent) {
		line[len] = '\n'; /* in place of the NUL */
		is_sent = tls_link_send(p->tls, line, len + 1);
	}
	free(line);
	json_decref(call);
	return is_sent;
}

void remote_ask(struct remote_link *p, const char *method, json_t *params, remote_answer_fn done,
		void *arg)
{
	struct ask *a = calloc(1, sizeof(*a));
	struct ask **at = &p->asks;
	uint64_t id = p->last_id + 1;

	if (!p->tls || !a || p->count == REMOTE_CALLS_MAX ||
	    !call_send(p, id, method, json_incref(params))) {
		json_decref(params);
		free(a);
		done(arg, NULL, p->tls ? "the call could not be sent" : "the link has ended");
		return;
	}
	json_decref(params);
	while (*at)
		at = &(*at)->next;
	*a = (struct ask){ .id = id, .done = done, .arg = arg };
	*at = a;
	p->count++;
	p->last_id = id;
}

bool remote_has_ended(const struct remote_link *p)
{
	return p->has_ended;
}
