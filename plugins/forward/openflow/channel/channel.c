/* SPDX-License-Identifier: Apache-2.0 */
/* channel/channel.c - calls, listeners, and the list of connections. */
#include "channel/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 250 };
static const uint64_t second_ns = 1000000000;

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0 && text[strlen(with)];
}

bool of_target_is_listener(const char *text)
{
	return begins(text, "ptcp:") || begins(text, "pssl:") || begins(text, "ptls:") ||
	       begins(text, "punix:");
}

bool of_target_is_sound(const char *text)
{
	return of_target_is_listener(text) || begins(text, "tcp:") || begins(text, "tls:") ||
	       begins(text, "ssl:") || begins(text, "unix:");
}

/* ---- connections ---------------------------------------------------------------------------------- */

static struct of_connection *open_connection(struct of_channel *ch, int fd, const char *peer)
{
	const struct of_connection_args args = {
		.host = ch->host,
		.loop = ch->loop,
		.timers = ch->timers,
		.handler = &ch->own,
		.arena = &ch->arena,
		.versions = ch->versions,
		.fd = fd,
		.peer = peer,
	};
	struct of_connection *c = NULL;

	if (ch->connection_count < OF_CONNECTIONS_MAX)
		c = of_connection_new(&args);
	if (!c) {
		(void)close(fd);
		return NULL;
	}
	c->next = ch->connections;
	ch->connections = c;
	ch->connection_count++;
	return c;
}

static void reap(struct of_channel *ch)
{
	struct of_connection **at = &ch->connections;

	while (*at) {
		struct of_connection *c = *at;
		struct of_connection *next = c->next;

		if (of_connection_reap(c)) {
			*at = next;
			ch->connection_count--;
		} else {
			at = &c->next;
		}
	}
}

static struct of_target *target_of(struct of_channel *ch, const struct of_connection *c)
{
	for (uint32_t i = 0; i < ch->target_count; i++) {
		if (ch->targets[i]->connection == c)
			return ch->targets[i];
	}
	return NULL;
}

/* Up to a quarter of it (xorshift: nobody gains by guessing it). */
static uint64_t jitter(struct of_channel *ch, uint64_t delay_ns)
{
	ch->dice |= 1;
	ch->dice ^= ch->dice << 13;
	ch->dice ^= ch->dice >> 7;
	ch->dice ^= ch->dice << 17;
	return ch->dice % (delay_ns / 4 + 1);
}

static void call_later(struct of_target *t, const char *why)
{
	struct of_channel *ch = t->channel;
	uint64_t delay = t->backoff_s * second_ns;
	uint64_t now = ch->host->now(ch->host);

	(void)snprintf(t->status, sizeof(t->status), "%s", why);
	(void)snprintf(t->last_error, sizeof(t->last_error), "%s", why);
	t->failed_ns = now;
	t->call_at_ns = now + delay + jitter(ch, delay);
	t->backoff_s = t->backoff_s * 2 > ch->pace.backoff_max_s ? ch->pace.backoff_max_s
								 : t->backoff_s * 2;
}

static void note_since(struct of_target *t, uint64_t now_ns)
{
	bool is_well = t->listener || (t->connection && t->connection->is_open);

	if (is_well != t->is_well || !t->since_ns)
		t->since_ns = now_ns;
	t->is_well = is_well;
}

/* ---- what connections say, passed on --------------------------------------------------------------- */

static void on_opened(void *arg, struct of_connection *c)
{
	struct of_channel *ch = arg;
	struct of_target *t = target_of(ch, c);

	if (t) {
		t->backoff_s = 1;
		note_since(t, ch->host->now(ch->host));
	}
	ch->handler.opened(ch->handler.arg, c);
}

static void on_message(void *arg, struct of_connection *c, const struct of_message *m,
		       struct of_bytes bytes)
{
	struct of_channel *ch = arg;

	ch->handler.message(ch->handler.arg, c, m, bytes);
}

static void on_closed(void *arg, struct of_connection *c, const char *why)
{
	struct of_channel *ch = arg;
	struct of_target *t = target_of(ch, c);

	if (t) {
		t->connection = NULL;
		call_later(t, why);
		note_since(t, t->failed_ns);
	}
	ch->handler.closed(ch->handler.arg, c, why);
}

/* ---- calls and callers ------------------------------------------------------------------------------ */

static void gone_free(struct of_channel *ch, const struct of_target *only)
{
	struct of_target **at = &ch->gone;

	while (*at) {
		struct of_target *t = *at;

		if (only && t != only) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		free(t);
	}
}

static void on_called(void *arg, int fd, const char *text)
{
	struct of_target *t = arg;

	t->is_calling = false;
	if (t->is_gone) {
		if (fd >= 0)
			(void)close(fd);
		gone_free(t->channel, t);
		return;
	}
	if (fd >= 0)
		t->connection = open_connection(t->channel, fd, text);
	if (t->connection) {
		t->status[0] = 0;
		return;
	}
	call_later(t, fd < 0 ? text : "out of memory");
}

static const char *why_not(int code)
{
	return code == -ENOKEY  ? "TLS needs the keys of 'extensions: network:'"
	       : code == -EPERM ? "not allowed: see 'extensions: network:'"
				: strerror(-code);
}

static void call(struct of_target *t)
{
	struct of_channel *ch = t->channel;
	int code = ch->loop->connect(ch->host, t->text, on_called, t);

	t->calls++;
	if (!code) {
		t->is_calling = true;
		return;
	}
	call_later(t, why_not(code));
}

/* The one that called first and has not said HELLO since; the list begins with the last one. */
static struct of_connection *oldest_mute(const struct of_channel *ch)
{
	struct of_connection *oldest = NULL;

	for (struct of_connection *c = ch->connections; c; c = c->next) {
		if (c->listener && !c->is_open && !c->is_ended)
			oldest = c;
	}
	return oldest;
}

/* The rest is for controllers that we call. */
static bool has_room(struct of_channel *ch)
{
	struct of_connection *mute;

	reap(ch); /* who calls and goes, again and again, makes room for himself */
	if (ch->connection_count < OF_CALLERS_MAX)
		return true;
	ch->turned_away++;
	mute = oldest_mute(ch);
	if (!mute)
		return false;
	of_connection_end(mute, "others called, and it had not said HELLO");
	reap(ch);
	return ch->connection_count < OF_CALLERS_MAX;
}

static void on_accepted(void *arg, int fd, const char *peer)
{
	struct of_target *t = arg;
	struct of_connection *c = NULL;

	if (has_room(t->channel))
		c = open_connection(t->channel, fd, peer);
	else
		(void)close(fd);
	if (c)
		c->listener = t;
}

static void listen_at(struct of_target *t)
{
	struct of_channel *ch = t->channel;
	int code = ch->loop->listen(ch->host, t->text, on_accepted, t, &t->listener);

	t->status[0] = 0;
	if (code)
		call_later(t, why_not(code));
}

static void target_work(struct of_target *t, uint64_t now_ns)
{
	if (!t->channel->is_on || now_ns < t->call_at_ns)
		return;
	if (t->is_listener && !t->listener)
		listen_at(t);
	if (!t->is_listener && !t->connection && !t->is_calling)
		call(t);
}

static void target_end(struct of_target *t, const char *why)
{
	struct of_channel *ch = t->channel;

	if (t->listener)
		ch->loop->unlisten(ch->host, t->listener);
	t->listener = NULL;
	if (t->connection)
		of_connection_end(t->connection, why);
	for (struct of_connection *c = ch->connections; c && t->is_listener; c = c->next) {
		if (c->listener == t)
			of_connection_end(c, why);
	}
	t->call_at_ns = 0;
	t->backoff_s = 1;
}

/* ---- time ------------------------------------------------------------------------------------------ */

static void on_tick(void *arg)
{
	struct of_channel *ch = arg;
	uint64_t now = ch->host->now(ch->host);

	for (struct of_connection *c = ch->connections; c; c = c->next)
		of_connection_tick(c, now, ch->pace.probe_s);
	for (uint32_t i = 0; i < ch->target_count; i++) {
		target_work(ch->targets[i], now);
		note_since(ch->targets[i], now);
	}
	reap(ch);
	ch->ticked(ch->handler.arg, now);
	ch->timers->arm(ch->host, ch->tick, (uint64_t)TICK_MS * 1000000);
}

/* ---- life ------------------------------------------------------------------------------------------ */

int of_channel_init(struct of_channel *ch, const struct xvs_host *host,
		    const struct xvs_loop_host *loop, const struct xvs_timer_host *timers,
		    const struct of_handler *handler, void (*ticked)(void *arg, uint64_t now_ns))
{
	memset(ch, 0, sizeof(*ch));
	ch->host = host;
	ch->loop = loop;
	ch->timers = timers;
	ch->handler = *handler;
	ch->ticked = ticked;
	ch->own = (struct of_handler){
		.opened = on_opened, .message = on_message, .closed = on_closed, .arg = ch
	};
	if (of_arena_init(&ch->arena) != 0)
		return -ENOMEM;
	ch->tick = timers->create(host, on_tick, ch);
	if (!ch->tick) {
		of_arena_finish(&ch->arena);
		return -ENOMEM;
	}
	return 0;
}

static void drop_targets(struct of_channel *ch, const char *why)
{
	for (uint32_t i = 0; i < ch->target_count; i++)
		target_end(ch->targets[i], why);
}

void of_channel_destroy(struct of_channel *ch)
{
	of_channel_on(ch, false);
	for (struct of_connection *c = ch->connections; c; c = c->next)
		of_connection_end(c, "the switch is ending");
	reap(ch);
	for (uint32_t i = 0; i < ch->target_count; i++)
		free(ch->targets[i]);
	ch->target_count = 0;
	if (ch->tick)
		ch->timers->destroy(ch->host, ch->tick);
	of_arena_finish(&ch->arena);
}

bool of_channel_calls(const struct of_channel *ch)
{
	for (uint32_t i = 0; i < ch->target_count; i++) {
		if (!ch->targets[i]->is_listener)
			return true;
	}
	return false;
}

void of_channel_on(struct of_channel *ch, bool on)
{
	if (ch->is_on == on)
		return;
	ch->is_on = on;
	if (on) {
		ch->timers->arm(ch->host, ch->tick, 0);
		return;
	}
	drop_targets(ch, "the extension is not active");
	for (struct of_connection *c = ch->connections; c; c = c->next)
		of_connection_end(c, "the extension is not active");
	/* a call that is under way ends without a word */
	for (uint32_t i = 0; i < ch->target_count; i++)
		ch->targets[i]->is_calling = false;
	gone_free(ch, NULL);
	reap(ch);
}

/* ---- targets ---------------------------------------------------------------------------------------- */

static struct of_target *target_new(const char *text)
{
	struct of_target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	(void)snprintf(t->text, sizeof(t->text), "%s", text);
	t->is_listener = of_target_is_listener(text);
	t->backoff_s = 1;
	return t;
}

void of_target_list_free(struct of_target_list *list)
{
	for (uint32_t i = 0; list && i < list->count; i++)
		free(list->at[i]);
	free(list);
}

struct of_target_list *of_target_list_new(const char *const *texts, uint32_t count)
{
	struct of_target_list *list = calloc(1, sizeof(*list));

	for (uint32_t i = 0; list && i < count; i++) {
		list->at[i] = target_new(texts[i]);
		if (!list->at[i]) {
			of_target_list_free(list);
			return NULL;
		}
		list->count++;
	}
	return list;
}

/* The one of this text that is in use, taken out of the channel's list. */
static struct of_target *take_out(struct of_channel *ch, const char *text)
{
	for (uint32_t i = 0; i < ch->target_count; i++) {
		struct of_target *t = ch->targets[i];

		if (strcmp(t->text, text) != 0)
			continue;
		ch->targets[i] = ch->targets[--ch->target_count];
		return t;
	}
	return NULL;
}

static void target_free(struct of_target *t)
{
	target_end(t, "the controller is no longer configured");
	if (!t->is_calling) {
		free(t);
		return;
	}
	t->is_gone = true;
	t->next = t->channel->gone;
	t->channel->gone = t;
}

void of_channel_set(struct of_channel *ch, struct of_target_list *list, uint32_t versions,
		    const struct of_pace *pace)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct of_target *t = take_out(ch, list->at[i]->text);

		list->at[i]->channel = ch;
		if (!t)
			continue;
		free(list->at[i]);
		list->at[i] = t;
	}
	while (ch->target_count)
		target_free(ch->targets[--ch->target_count]);
	for (uint32_t i = 0; i < list->count; i++)
		ch->targets[ch->target_count++] = list->at[i];
	free(list);
	ch->versions = versions;
	ch->pace = *pace;
	if (ch->is_on)
		ch->timers->arm(ch->host, ch->tick, 0);
}
