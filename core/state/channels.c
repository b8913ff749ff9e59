/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/channels.c - one channel is one TLS link with frames in it.
 *
 *   shaking hands -> greeting -> serving
 *
 * A stranger costs a handshake and no more: it is bounded in number and time, one who opens many keeps
 * nobody else out, and nothing that he sends is looked at before his certificate has been.
 */
#include "state/channels.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#define GREETING_NS (5 * NS_PER_S)
#define TICK_NS (5 * NS_PER_S)
#define SILENCE_NS (15 * NS_PER_S)
enum { ACCEPTED_A_TURN = 16, UNREAD_MAX = 128 << 20 };

struct channel {
	struct channel *next;
	struct channels *c;
	struct tls_link *link;
	struct conn *conn; /* of the moves; NULL: not yet, or it has hung up */
	struct wire_reader reader;
	struct loop_timer *timer;
	uint64_t sequence; /* of the last frame sent */
	uint64_t heard_ns, spoke_ns;
	char name[64]; /* of the peer, as the configuration has it */
	bool is_dialled, is_shaken, is_greeted;
};

struct channels {
	struct loop *loop;
	struct moves *m;
	struct tls_context *tls; /* NULL: not configured */
	struct event *acceptable;
	int fd; /* listening; -1: nobody may come */
	char listen[TLS_HOST_TEXT];
	char (*peers)[64];
	size_t peer_count;
	struct channel *first;
	void (*say)(const char *text);
};

static void say(struct channels *c, const char *who, const char *what)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s: %s", who, what);
	c->say(text);
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void channel_free(struct channel *ch)
{
	struct channel **at = &ch->c->first;

	while (*at != ch)
		at = &(*at)->next;
	*at = ch->next;
	loop_timer_destroy(ch->timer);
	wire_reader_finish(&ch->reader);
	free(ch);
}

/* What is queued goes out; the moves are not told. */
static void channel_end(struct channel *ch)
{
	tls_link_end(ch->link);
	channel_free(ch);
}

static void channel_lost(struct channel *ch, const char *why)
{
	struct conn *conn = ch->conn;
	struct channels *c = ch->c;

	if (!conn)
		say(c, tls_link_address(ch->link), why);
	tls_link_destroy(ch->link);
	channel_free(ch);
	if (conn)
		moves_lost(conn, why);
}

/* ---- frames ------------------------------------------------------------------------------------------ */

bool channels_send(void *link, const struct wire_head *h, const void *body)
{
	struct channel *ch = link;
	struct wire_head head = *h;
	uint8_t bytes[WIRE_HEAD];

	head.sequence = ++ch->sequence;
	wire_head_write(&head, body, bytes);
	ch->spoke_ns = clock_ns();
	return tls_link_send(ch->link, bytes, sizeof(bytes)) &&
	       (h->len == 0 || tls_link_send(ch->link, body, h->len));
}

size_t channels_queued(void *link)
{
	return tls_link_queued(((struct channel *)link)->link);
}

void channels_hang_up(void *link)
{
	struct channel *ch = link;

	ch->conn = NULL;
	channel_end(ch);
}

static void send_bare(struct channel *ch, enum wire_type type, const void *body, size_t len)
{
	struct wire_head h = { .type = (uint16_t)type,
			       .flags = WIRE_FIRST | WIRE_LAST,
			       .len = (uint32_t)len };

	if (type == WIRE_HELLO)
		h.flags |= WIRE_CRITICAL;
	(void)channels_send(ch, &h, body);
}

static void send_hello(struct channel *ch)
{
	struct wire_hello hello = { .lowest = WIRE_VERSION,
				    .highest = WIRE_VERSION,
				    .daemon = "xvsd-" XVS_VERSION };
	uint8_t body[WIRE_HELLO_MAX];

	send_bare(ch, WIRE_HELLO, body, wire_hello_write(&hello, body));
}

/* False: it is gone. */
static bool on_hello(struct channel *ch, const struct wire_head *h, const uint8_t *body)
{
	struct wire_hello hello;
	char why[160];

	if (h->type != WIRE_HELLO || !wire_hello_read(body, h->len, &hello)) {
		channel_lost(ch, "it does not greet");
		return false;
	}
	if (wire_version(&hello) == 0) {
		(void)snprintf(why, sizeof(why), "%s speaks versions %u to %u, this host %d",
			       hello.daemon, hello.lowest, hello.highest, WIRE_VERSION);
		channel_lost(ch, why);
		return false;
	}
	ch->is_greeted = true;
	if (!ch->is_dialled)
		ch->conn = moves_accepted(ch->c->m, ch, ch->name);
	else
		moves_connected(ch->conn, ch->name);
	return true;
}

static bool on_frame(void *arg, const struct wire_head *h, const uint8_t *body)
{
	struct channel *ch = arg;

	if (!ch->is_greeted)
		return on_hello(ch, h, body);
	if (tls_link_queued(ch->link) > UNREAD_MAX) {
		channel_lost(ch, "it does not read what it is sent");
		return false;
	}
	if (h->type == WIRE_PING) {
		send_bare(ch, WIRE_PONG, NULL, 0);
		return true;
	}
	if (h->type == WIRE_PONG || h->type >= WIRE_TYPES)
		return true;
	if (ch->conn)
		return moves_message(ch->conn, h, body);
	channel_lost(ch, "too much is under way");
	return false;
}

/* ---- the link ---------------------------------------------------------------------------------------- */

static const char *peer_find(const struct channels *c, const struct tls_link *link)
{
	for (size_t i = 0; i < c->peer_count; i++)
		if (tls_link_is_named(link, c->peers[i]))
			return c->peers[i];
	return NULL;
}

static size_t count_of(const struct channels *c, const char *peer)
{
	size_t count = 0;

	for (const struct channel *ch = c->first; ch; ch = ch->next)
		count += ch->is_shaken && !ch->is_dialled && (!peer || strcmp(ch->name, peer) == 0);
	return count;
}

static void on_ready(void *arg)
{
	struct channel *ch = arg;
	const char *peer = peer_find(ch->c, ch->link);
	char why[TLS_HOST_TEXT + 96];

	if (!peer) {
		(void)snprintf(why, sizeof(why), "\"%.200s\" is not one of migration.peers here",
			       tls_link_name(ch->link));
		channel_lost(ch, why);
		return;
	}
	if (!ch->is_dialled &&
	    (count_of(ch->c, NULL) >= CHANNELS_MAX || count_of(ch->c, peer) >= CHANNELS_OF_PEER)) {
		channel_lost(ch, "too many connections");
		return;
	}
	ch->is_shaken = true;
	(void)str_copy(ch->name, sizeof(ch->name), peer);
	ch->heard_ns = clock_ns();
	send_hello(ch);
	loop_timer_arm(ch->timer, GREETING_NS);
}

static void on_input(void *arg, const uint8_t *bytes, size_t len)
{
	struct channel *ch = arg;
	struct xvs_error err = ERROR_INIT;

	ch->heard_ns = clock_ns();
	if (wire_read(&ch->reader, bytes, len, on_frame, ch, &err))
		channel_lost(ch, err.text);
}

static void on_drained(void *arg)
{
	struct channel *ch = arg;

	if (ch->conn && ch->is_greeted)
		moves_drained(ch->conn);
}

static void on_closed(void *arg, const struct xvs_error *why)
{
	channel_lost(arg, why->text);
}

static const struct tls_ops link_ops = { on_ready, on_input, on_drained, on_closed };

static void on_timer(void *arg)
{
	struct channel *ch = arg;
	uint64_t now = clock_ns();

	if (!ch->is_greeted || now - ch->heard_ns >= SILENCE_NS) {
		channel_lost(ch, ch->is_greeted ? "no sign of life" : "no greeting in time");
		return;
	}
	if (now - ch->spoke_ns >= TICK_NS)
		send_bare(ch, WIRE_PING, NULL, 0);
	loop_timer_arm(ch->timer, TICK_NS);
}

/* NULL: out of memory. */
static struct channel *channel_create(struct channels *c)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->c = c;
	ch->timer = loop_timer_create(c->loop, on_timer, ch);
	if (!ch->timer) {
		free(ch);
		return NULL;
	}
	ch->next = c->first;
	c->first = ch;
	return ch;
}

static void refresh(struct channels *c)
{
	struct xvs_error err = ERROR_INIT;

	if (tls_context_refresh(c->tls, &err))
		say(c, "the certificates in use stay", err.text);
}

/* ---- those that come --------------------------------------------------------------------------------- */

/* There is one more than may shake hands: one goes. */
static void make_room(struct channels *c)
{
	const struct tls_link *links[CHANNELS_SHAKING + 1];
	struct channel *shaking[CHANNELS_SHAKING + 1];
	size_t count = 0;

	for (struct channel *ch = c->first; ch && count <= CHANNELS_SHAKING; ch = ch->next) {
		if (ch->is_shaken || ch->is_dialled)
			continue;
		links[count] = ch->link;
		shaking[count++] = ch;
	}
	if (count > CHANNELS_SHAKING) {
		struct channel *ch = shaking[tls_room(links, count)];

		tls_link_destroy(ch->link);
		channel_free(ch);
	}
}

static void channel_accept(struct channels *c, int fd)
{
	struct channel *ch = channel_create(c);

	if (!ch) {
		(void)close(fd);
		return;
	}
	ch->link = tls_link_accept(c->loop, c->tls, fd, &link_ops, ch);
	if (ch->link)
		make_room(c);
	else
		channel_free(ch);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct channels *c = arg;

	(void)what;
	refresh(c);
	for (int i = 0; i < ACCEPTED_A_TURN; i++) {
		int taken = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (taken < 0)
			return;
		channel_accept(c, taken);
	}
}

/* ---- those that are made ----------------------------------------------------------------------------- */

void *channels_dial(struct channels *c, const char *to, struct conn *conn)
{
	char host[TLS_HOST_TEXT];
	uint16_t port;
	struct channel *ch;

	if (!c->tls || !tls_address_parse(to, CHANNELS_PORT, host, &port))
		return NULL;
	refresh(c);
	ch = channel_create(c);
	if (!ch)
		return NULL;
	ch->is_dialled = true;
	ch->conn = conn;
	ch->link = tls_link_connect(c->loop, c->tls, host, port, &link_ops, ch);
	if (ch->link)
		return ch;
	channel_free(ch);
	return NULL;
}

/* ---- configuration ----------------------------------------------------------------------------------- */

static void listen_end(struct channels *c)
{
	if (c->acceptable)
		event_free(c->acceptable);
	if (c->fd >= 0)
		(void)close(c->fd);
	c->acceptable = NULL;
	c->fd = -1;
	c->listen[0] = '\0';
}

/* At the same place as before it goes on. */
static int listen_at(struct channels *c, const char *text, struct xvs_error *err)
{
	char host[TLS_HOST_TEXT];
	uint16_t port;
	int code;
	int fd;

	if (strcmp(text, c->listen) == 0)
		return 0;
	if (text[0] == '\0') {
		listen_end(c);
		return 0;
	}
	if (!tls_address_parse(text, CHANNELS_PORT, host, &port))
		return error_set(err, -EINVAL, "", "migration: listen is \"%.100s\", no address",
				 text);
	code = tls_listen(host, port, &fd, err);
	if (code)
		return code;
	listen_end(c);
	c->fd = fd;
	(void)str_copy(c->listen, sizeof(c->listen), text);
	c->acceptable = event_new(loop_base(c->loop), fd, EV_READ | EV_PERSIST, on_acceptable, c);
	if (c->acceptable && event_add(c->acceptable, NULL) == 0)
		return 0;
	listen_end(c);
	return error_set(err, -ENOMEM, "", "migration: out of memory");
}

int channels_configure(struct channels *c, const struct channels_config *config,
		       struct xvs_error *err)
{
	char(*peers)[64] = NULL;
	struct tls_context *tls = NULL;
	int code;

	if (!config) {
		listen_end(c);
		tls_context_destroy(c->tls);
		free(c->peers);
		c->tls = NULL;
		c->peers = NULL;
		c->peer_count = 0;
		return 0;
	}
	peers = calloc(config->peer_count + 1, sizeof(*peers));
	code = peers ? tls_context_create(&config->files, &tls, err)
		     : error_set(err, -ENOMEM, "", "out of memory");
	if (code) {
		free(peers);
		return error_context(err, "migration");
	}
	code = listen_at(c, config->listen, err);
	if (code) {
		free(peers);
		tls_context_destroy(tls);
		return error_context(err, "migration");
	}
	tls_context_destroy(c->tls);
	free(c->peers);
	c->tls = tls;
	c->peers = peers;
	c->peer_count = config->peer_count;
	if (config->peer_count)
		memcpy(peers, config->peers, config->peer_count * sizeof(*peers));
	return 0;
}

struct channels *channels_create(struct loop *loop, void (*say_fn)(const char *text))
{
	struct channels *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->loop = loop;
	c->fd = -1;
	c->say = say_fn;
	return c;
}

void channels_serve(struct channels *c, struct moves *m)
{
	c->m = m;
}

void channels_destroy(struct channels *c)
{
	if (!c)
		return;
	while (c->first) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the one before took itself off the list */
		tls_link_destroy(c->first->link);
		channel_free(c->first);
	}
	listen_end(c);
	tls_context_destroy(c->tls);
	free(c->peers);
	free(c);
}
