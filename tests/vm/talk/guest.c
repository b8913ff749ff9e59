/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vm/talk/guest.c - the side of the guest: it connects, answers, and listens at ports that a
 * policy keeps closed.  It ends with its connections: the peer sees that.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "talk.h"

enum { HELLO_MS = 200 };
enum { LINES, UP, DOWN_LISTENER, DOWN, CLOSED_TCP, CLOSED_UDP, ASKED, FDS };

struct guest {
	struct pollfd fds[FDS];
	struct in_addr peer;
	struct talk_stream up, down;
	struct talk_seen *seen;
	bool is_asked;
};

static bool lines_echo(int fd)
{
	char line[256];
	ssize_t len = recv(fd, line, sizeof(line), 0);

	return len > 0 && send(fd, line, (size_t)len, MSG_NOSIGNAL) == len;
}

static void question_answer(struct guest *g)
{
	struct talk_question q;

	while (recv(g->fds[ASKED].fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
		g->is_asked = true;
		q.seen = talk_saw(g->seen, q.number) ? 2 : 1;
		(void)send(g->fds[ASKED].fd, &q, sizeof(q), 0);
	}
}

static void closed_udp_answer(int fd)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char byte;

	if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &len) >= 0)
		(void)sendto(fd, "!", 1, 0, (struct sockaddr *)&from, len);
}

static void closed_tcp_answer(int fd)
{
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (peer >= 0)
		(void)close(peer);
}

static void down_accept(struct guest *g)
{
	if (g->fds[DOWN].fd < 0)
		g->fds[DOWN].fd =
			accept4(g->fds[DOWN_LISTENER].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void hello(struct guest *g)
{
	struct talk_question none = { .seen = 0 };

	if (!g->is_asked)
		(void)send(g->fds[ASKED].fd, &none, sizeof(none), 0);
}

static bool serve(struct guest *g)
{
	struct pollfd *f = g->fds;

	if (f[LINES].revents && !lines_echo(f[LINES].fd))
		return false;
	if (f[UP].revents && !talk_send(&g->up, f[UP].fd))
		return false;
	if (f[DOWN].revents && (!talk_receive(&g->down, f[DOWN].fd) || g->down.is_bad))
		return false;
	if (f[DOWN_LISTENER].revents)
		down_accept(g);
	if (f[CLOSED_TCP].revents)
		closed_tcp_answer(f[CLOSED_TCP].fd);
	if (f[CLOSED_UDP].revents)
		closed_udp_answer(f[CLOSED_UDP].fd);
	if (f[ASKED].revents)
		question_answer(g);
	return true;
}

static void set_up(struct guest *g, bool has_bulk)
{
	struct sockaddr_in to = talk_address(g->peer, PORT_ASK);
	struct pollfd *f = g->fds;

	f[LINES] = (struct pollfd){ talk_connect(g->peer, PORT_LINES), POLLIN, 0 };
	f[UP] = (struct pollfd){ has_bulk ? talk_connect(g->peer, PORT_UP) : -1, POLLOUT, 0 };
	f[DOWN_LISTENER] = (struct pollfd){ talk_listen(SOCK_STREAM, PORT_DOWN), POLLIN, 0 };
	f[DOWN] = (struct pollfd){ -1, POLLIN, 0 };
	f[CLOSED_TCP] = (struct pollfd){ talk_listen(SOCK_STREAM, PORT_CLOSED_TCP), POLLIN, 0 };
	f[CLOSED_UDP] = (struct pollfd){ talk_listen(SOCK_DGRAM, PORT_CLOSED_UDP), POLLIN, 0 };
	f[ASKED] = (struct pollfd){ talk_listen(SOCK_DGRAM, PORT_ASKED), POLLIN, 0 };
	(void)connect(f[ASKED].fd, (struct sockaddr *)&to, sizeof(to));
}

int talk_guest(struct in_addr peer, bool has_bulk)
{
	struct guest g = { .peer = peer, .seen = calloc(1, sizeof(*g.seen)) };

	if (!g.seen)
		return 1;
	set_up(&g, has_bulk);
	do {
		hello(&g);
		if (poll(g.fds, FDS, HELLO_MS) < 0)
			break;
	} while (serve(&g));
	(void)fprintf(stderr, "talk: a connection has ended\n");
	free(g.seen);
	return 1;
}
