/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vm/talk/peer.c - the side of the peer: it asks, probes, counts, and says on request, for
 * each line of its standard input, what it has counted, as one line of JSON.  "reset" forgets the longest pauses.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "talk.h"

enum { LINE_MS = 250, PROBE_MS = 5, KNOCKS = 32, LINE_LEN = 16 };
enum { INPUT, TIMER, LINES_LISTENER, LINES, UP_LISTENER, UP, DOWN, ASK, PROBE, FIXED };
enum { FDS = FIXED + KNOCKS };

struct lines {
	uint64_t said, echoed, said_at, longest_us;
	uint32_t unread; /* bytes of the line that is awaited */
	bool has_ended;
};

struct asking {
	struct sockaddr_in guest;
	struct talk_seen *seen;
	uint64_t sent, answered, again, twice, last, last_at, longest_us, longest_lost;
	bool is_known;
};

struct peer {
	struct pollfd fds[FDS];
	struct in_addr guest;
	struct lines lines;
	struct asking asking;
	struct talk_stream up, down;
	uint64_t ticks, probes, answers;
	uint32_t knock;
	bool has_bulk, has_up_ended, has_down_ended;
};

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void raise_to(uint64_t *longest, uint64_t value)
{
	if (value > *longest)
		*longest = value;
}

static void hang_up(struct peer *p, uint32_t which, bool *has_ended)
{
	(void)close(p->fds[which].fd);
	p->fds[which].fd = -1;
	*has_ended = true;
}

/* ---- lines ----------------------------------------------------------------------------------------- */

static void line_say(struct peer *p)
{
	struct lines *l = &p->lines;
	char line[LINE_LEN + 1];

	if (p->fds[LINES].fd < 0 || l->unread)
		return;
	(void)snprintf(line, sizeof(line), "%015" PRIu64 "\n", l->said % 1000000000000000);
	if (send(p->fds[LINES].fd, line, LINE_LEN, MSG_NOSIGNAL) != LINE_LEN) {
		hang_up(p, LINES, &l->has_ended);
		return;
	}
	l->said++;
	l->said_at = now_us();
	l->unread = LINE_LEN;
}

static void line_hear(struct peer *p)
{
	struct lines *l = &p->lines;
	char line[LINE_LEN];
	ssize_t len = recv(p->fds[LINES].fd, line, l->unread ? l->unread : 1, 0);

	if (len <= 0 || !l->unread) {
		hang_up(p, LINES, &l->has_ended);
		return;
	}
	l->unread -= (uint32_t)len;
	if (l->unread)
		return;
	l->echoed++;
	raise_to(&l->longest_us, now_us() - l->said_at);
}

/* ---- questions ------------------------------------------------------------------------------------- */

static void question_ask(struct peer *p)
{
	struct asking *a = &p->asking;
	struct talk_question q = { .number = a->sent + 1 };

	if (a->is_known && sendto(p->fds[ASK].fd, &q, sizeof(q), 0, (struct sockaddr *)&a->guest,
				  sizeof(a->guest)) > 0)
		a->sent++;
}

static void answer_take(struct asking *a, const struct talk_question *q)
{
	uint64_t now = now_us();

	if (talk_saw(a->seen, q->number)) {
		a->again++;
		return;
	}
	a->answered++;
	a->twice += q->seen > 1;
	if (q->number <= a->last)
		return;
	if (a->last) {
		raise_to(&a->longest_us, now - a->last_at);
		raise_to(&a->longest_lost, q->number - a->last - 1);
	}
	a->last = q->number;
	a->last_at = now;
}

static void answer_hear(struct peer *p)
{
	struct asking *a = &p->asking;
	struct sockaddr_in from;
	struct talk_question q;
	socklen_t len = sizeof(from);

	while (recvfrom(p->fds[ASK].fd, &q, sizeof(q), 0, (struct sockaddr *)&from, &len) ==
	       (ssize_t)sizeof(q)) {
		if (q.seen) {
			answer_take(a, &q);
		} else {
			a->guest = from;
			a->is_known = true;
		}
		len = sizeof(from);
	}
}

/* ---- what must not be answered --------------------------------------------------------------------- */

static void probe(struct peer *p)
{
	struct sockaddr_in to = talk_address(p->guest, PORT_CLOSED_UDP);
	struct pollfd *knock = &p->fds[FIXED + p->knock];

	(void)sendto(p->fds[PROBE].fd, "?", 1, 0, (struct sockaddr *)&to, sizeof(to));
	if (knock->fd >= 0)
		(void)close(knock->fd);
	*knock = (struct pollfd){ talk_connect(p->guest, PORT_CLOSED_TCP), POLLOUT, 0 };
	p->knock = (p->knock + 1) % KNOCKS;
	p->probes += 2;
}

/* Whether somebody answered, be it by a refusal. */
static void knock_hear(struct peer *p, struct pollfd *knock)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)getsockopt(knock->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error == 0 || error == ECONNREFUSED)
		p->answers++;
	(void)close(knock->fd);
	knock->fd = -1;
}

static void probe_hear(struct peer *p)
{
	char byte;

	if (recv(p->fds[PROBE].fd, &byte, 1, 0) >= 0)
		p->answers++;
}

/* ---- numbers --------------------------------------------------------------------------------------- */

static void down_connect(struct peer *p)
{
	if (p->has_bulk && p->fds[DOWN].fd < 0 && !p->has_down_ended)
		p->fds[DOWN] = (struct pollfd){ talk_connect(p->guest, PORT_DOWN), POLLOUT, 0 };
}

static void accept_one(struct peer *p, uint32_t listener, uint32_t which)
{
	int fd = accept4(p->fds[listener].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (p->fds[which].fd < 0)
		p->fds[which].fd = fd;
	else if (fd >= 0)
		(void)close(fd);
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static const char *word(bool is)
{
	return is ? "true" : "false";
}

static void report(const struct peer *p)
{
	const struct lines *l = &p->lines;
	const struct asking *a = &p->asking;

	(void)printf("{\"lines\": {\"said\": %" PRIu64 ", \"echoed\": %" PRIu64 ", \"ended\": %s,"
		     " \"longest_ms\": %.3f}, ",
		     l->said, l->echoed, word(l->has_ended), (double)l->longest_us / 1000);
	(void)printf("\"asking\": {\"sent\": %" PRIu64 ", \"answered\": %" PRIu64
		     ", \"again\": %" PRIu64 ", \"twice\": %" PRIu64
		     ", \"longest_ms\": %.3f, \"longest_lost\": %" PRIu64 "}, ",
		     a->sent, a->answered, a->again, a->twice, (double)a->longest_us / 1000,
		     a->longest_lost);
	(void)printf("\"up\": {\"bytes\": %" PRIu64 ", \"bad\": %s, \"ended\": %s}, ", p->up.bytes,
		     word(p->up.is_bad), word(p->has_up_ended));
	(void)printf("\"down\": {\"bytes\": %" PRIu64 ", \"ended\": %s}, ", p->down.bytes,
		     word(p->has_down_ended));
	(void)printf("\"closed\": {\"probes\": %" PRIu64 ", \"answers\": %" PRIu64 "}}\n",
		     p->probes, p->answers);
	(void)fflush(stdout);
}

/* False: whoever started us has gone. */
static bool obey(struct peer *p)
{
	char words[256];
	ssize_t len = read(STDIN_FILENO, words, sizeof(words));

	if (len <= 0)
		return false;
	if (words[0] == 'r' && words[2] == 's') /* reset */
		p->lines.longest_us = p->asking.longest_us = p->asking.longest_lost = 0;
	report(p);
	return true;
}

static void tick(struct peer *p)
{
	uint64_t count;

	if (read(p->fds[TIMER].fd, &count, sizeof(count)) < 0)
		return;
	question_ask(p);
	if (p->ticks % PROBE_MS == 0 && p->asking.is_known)
		probe(p);
	if (p->ticks % LINE_MS == 0)
		line_say(p);
	if (p->ticks % LINE_MS == 0 && p->asking.is_known)
		down_connect(p);
	p->ticks++;
}

static void serve(struct peer *p)
{
	struct pollfd *f = p->fds;

	if (f[TIMER].revents)
		tick(p);
	if (f[LINES_LISTENER].revents)
		accept_one(p, LINES_LISTENER, LINES);
	if (f[UP_LISTENER].revents)
		accept_one(p, UP_LISTENER, UP);
	if (f[LINES].fd >= 0 && f[LINES].revents)
		line_hear(p);
	if (f[UP].fd >= 0 && f[UP].revents && !talk_receive(&p->up, f[UP].fd))
		hang_up(p, UP, &p->has_up_ended);
	if (f[DOWN].fd >= 0 && f[DOWN].revents && !talk_send(&p->down, f[DOWN].fd))
		hang_up(p, DOWN, &p->has_down_ended);
	if (f[ASK].revents)
		answer_hear(p);
	if (f[PROBE].revents)
		probe_hear(p);
	for (uint32_t i = FIXED; i < FDS; i++) {
		if (f[i].fd >= 0 && f[i].revents)
			knock_hear(p, &f[i]);
	}
}

static int ticker(void)
{
	struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	return fd >= 0 && timerfd_settime(fd, 0, &each, NULL) == 0 ? fd : -1;
}

static void set_up(struct peer *p)
{
	struct pollfd *f = p->fds;

	for (uint32_t i = 0; i < FDS; i++)
		f[i] = (struct pollfd){ -1, POLLIN, 0 };
	f[INPUT].fd = STDIN_FILENO;
	f[TIMER].fd = ticker();
	f[LINES_LISTENER].fd = talk_listen(SOCK_STREAM, PORT_LINES);
	f[UP_LISTENER].fd = talk_listen(SOCK_STREAM, PORT_UP);
	f[ASK].fd = talk_listen(SOCK_DGRAM, PORT_ASK);
	f[PROBE].fd = talk_listen(SOCK_DGRAM, 0);
}

int talk_peer(struct in_addr guest, bool has_bulk)
{
	struct peer p = { .guest = guest, .has_bulk = has_bulk };

	p.asking.seen = calloc(1, sizeof(*p.asking.seen));
	if (!p.asking.seen)
		return 1;
	set_up(&p);
	while (poll(p.fds, FDS, -1) >= 0) {
		if (p.fds[INPUT].revents && !obey(&p))
			break;
		serve(&p);
	}
	free(p.asking.seen);
	return 0;
}
