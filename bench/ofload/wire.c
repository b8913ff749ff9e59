/* SPDX-License-Identifier: Apache-2.0 */
/* ofload/wire.c - bytes out, frames in. */
#include "ofload/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { VERSION = 4, MULTIPART_FLOW = 1, MORE = 1 };

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* ---- out ---------------------------------------------------------------------------------------- */

bool link_has_room(const struct link *l)
{
	return l->out_len + OFL_MESSAGE_MAX <= OFL_OUT_BYTES;
}

void link_put(struct link *l, uint8_t type, const void *body, size_t len)
{
	uint8_t *at = l->out + l->out_len;

	at[0] = VERSION;
	at[1] = type;
	put16(at + 2, (uint32_t)(OFL_HEADER + len));
	put32(at + 4, ++l->xid);
	if (len)
		memcpy(at + OFL_HEADER, body, len);
	l->out_len += OFL_HEADER + len;
}

/* OXM of the basic class: its value behind a header of four bytes. */
static size_t put_field(uint8_t *at, uint32_t field, uint32_t bytes, uint32_t value)
{
	put16(at, 0x8000);
	at[2] = (uint8_t)(field << 1);
	at[3] = (uint8_t)bytes;
	if (bytes == 4)
		put32(at + 4, value);
	else if (bytes == 2)
		put16(at + 4, value);
	else
		at[4] = (uint8_t)value;
	return 4 + bytes;
}

/* Padded to eight; its own length is without the padding. */
static size_t put_match(uint8_t *at, uint32_t nr)
{
	size_t len = 4;

	put16(at, 1); /* OXM */
	len += put_field(at + len, 5, 2, 0x0800);
	len += put_field(at + len, 10, 1, 17);
	len += put_field(at + len, 11, 4, 0xac100000 + nr);
	len += put_field(at + len, 12, 4, 0x0b000001);
	len += put_field(at + len, 16, 2, 5000 + nr % 1000);
	put16(at + 2, (uint32_t)len);
	return (len + 7) & ~(size_t)7;
}

/* APPLY_ACTIONS of one OUTPUT. */
static size_t put_output(uint8_t *at, uint32_t port)
{
	put16(at, 4);
	put16(at + 2, 24);
	put16(at + 10, 16);
	put32(at + 12, port);
	put16(at + 16, 128); /* of a packet for a controller */
	return 24;
}

void link_put_flow(struct link *l, const struct flow_mod *m)
{
	uint8_t body[OFL_MESSAGE_MAX - OFL_HEADER] = { 0 };
	size_t len = 40;

	body[17] = m->command;
	put16(body + 22, m->priority);
	put32(body + 24, UINT32_MAX); /* no buffer */
	put32(body + 28, UINT32_MAX); /* any port and group */
	put32(body + 32, UINT32_MAX);
	put16(body + 36, m->flags);
	if (m->command == OFL_DELETE) { /* all of them */
		put16(body + len, 1);
		put16(body + len + 2, 4);
		len += 8;
	} else {
		len += put_match(body + len, m->nr);
	}
	if (m->command == OFL_ADD)
		len += put_output(body + len, m->port);
	link_put(l, OFL_FLOW_MOD, body, len);
}

/* Statistics of all flows of all tables. */
void link_put_dump(struct link *l)
{
	uint8_t body[48] = { 0 };

	put16(body, MULTIPART_FLOW);
	body[8] = UINT8_MAX;
	put32(body + 12, UINT32_MAX);
	put32(body + 16, UINT32_MAX);
	put16(body + 40, 1);
	put16(body + 42, 4);
	link_put(l, OFL_MULTIPART_REQUEST, body, sizeof(body));
}

/* ---- in ----------------------------------------------------------------------------------------- */

static void hear_part(struct link *l, const uint8_t *m, size_t len)
{
	size_t at = 16;

	if (len < at || get16(m + 8) != MULTIPART_FLOW)
		return;
	while (at + 2 <= len && get16(m + at) >= 2) {
		at += get16(m + at);
		l->heard.flows++;
	}
	l->heard.is_answered = !(get16(m + 10) & MORE);
}

static void hear(struct link *l, const uint8_t *m, size_t len)
{
	switch (m[1]) {
	case OFL_ERROR:
		if (!l->heard.errors++ && len >= 12) {
			l->heard.error_type = (uint16_t)get16(m + 8);
			l->heard.error_code = (uint16_t)get16(m + 10);
		}
		break;
	case OFL_ECHO_REQUEST:
		if (link_has_room(l))
			link_put(l, OFL_ECHO_REPLY, NULL, 0);
		break;
	case OFL_ECHO_REPLY:
		l->heard.echoes++;
		break;
	case OFL_PACKET_IN:
		l->heard.packet_ins++;
		break;
	case OFL_BARRIER_REPLY:
		l->heard.barriers++;
		break;
	case OFL_MULTIPART_REPLY:
		hear_part(l, m, len);
		break;
	default:
		break;
	}
}

static const char *hear_all(struct link *l)
{
	size_t at = 0;

	while (l->in_len - at >= OFL_HEADER) {
		size_t len = get16(l->in + at + 2);

		if (len < OFL_HEADER)
			return "the switch sent a message that is shorter than its header";
		if (len > l->in_len - at)
			break;
		hear(l, l->in + at, len);
		at += len;
	}
	memmove(l->in, l->in + at, l->in_len - at);
	l->in_len -= at;
	return NULL;
}

static const char *receive(struct link *l)
{
	ssize_t got = recv(l->fd, l->in + l->in_len, OFL_IN_BYTES - l->in_len, MSG_DONTWAIT);

	if (got == 0)
		return "the switch closed the connection";
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
	l->in_len += (size_t)got;
	return hear_all(l);
}

static const char *send_some(struct link *l)
{
	ssize_t sent = send(l->fd, l->out + l->out_at, l->out_len - l->out_at,
			    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
	l->out_at += (size_t)sent;
	if (l->out_at == l->out_len)
		l->out_at = l->out_len = 0;
	return NULL;
}

const char *link_turn(struct link *l, int patience_ms)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	const char *complaint = NULL;

	if (l->out_len)
		p.events |= POLLOUT;
	if (poll(&p, 1, patience_ms) < 0)
		return errno == EINTR ? NULL : strerror(errno);
	if (p.revents & POLLOUT)
		complaint = send_some(l);
	if (!complaint && p.revents & (POLLIN | POLLHUP | POLLERR))
		complaint = receive(l);
	return complaint;
}

/* ---- life --------------------------------------------------------------------------------------- */

const char *link_open(struct link *l, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memset(l, 0, sizeof(*l));
	if (strlen(path) >= sizeof(to.sun_path))
		return "the path of the socket is too long";
	memcpy(to.sun_path, path, strlen(path));
	l->in = malloc(OFL_IN_BYTES);
	l->out = malloc(OFL_OUT_BYTES);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!l->in || !l->out || l->fd < 0)
		return "no memory for a connection";
	if (connect(l->fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) < 0)
		return strerror(errno);
	link_put(l, OFL_HELLO, NULL, 0);
	return NULL;
}

void link_close(struct link *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l->in);
	free(l->out);
}
