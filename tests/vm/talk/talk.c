/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vm/talk/talk.c - the program, and what both sides of it have in common.
 */
#include "talk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 1 << 15 };

static void must(bool is_well, const char *what)
{
	if (is_well)
		return;
	perror(what);
	exit(1);
}

bool talk_saw(struct talk_seen *seen, uint64_t number)
{
	uint64_t bit = number % TALK_SEEN_BITS;
	uint64_t opposite = (number + TALK_SEEN_BITS / 2) % TALK_SEEN_BITS;
	bool was = seen->bits[bit / 8] & 1U << bit % 8;

	seen->bits[bit / 8] |= (uint8_t)(1U << bit % 8);
	seen->bits[opposite / 8] &= (uint8_t) ~(1U << opposite % 8); /* room for the next round */
	return was;
}

struct sockaddr_in talk_address(struct in_addr to, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = to };
}

int talk_listen(int kind, uint16_t port)
{
	struct sockaddr_in at = talk_address((struct in_addr){ 0 }, port);
	int fd = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	must(fd >= 0, "socket");
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0, "SO_REUSEADDR");
	must(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "bind");
	must(kind != SOCK_STREAM || listen(fd, 64) == 0, "listen");
	return fd;
}

int talk_connect(struct in_addr to, uint16_t port)
{
	struct sockaddr_in at = talk_address(to, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	(void)connect(fd, (struct sockaddr *)&at, sizeof(at)); /* who polls hears how it went */
	return fd;
}

static bool goes_on(ssize_t len)
{
	return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

static void fill(const struct talk_stream *s, uint8_t *out)
{
	for (uint32_t i = 0; i < CHUNK; i++) {
		uint64_t at = s->bytes + i;

		out[i] = (uint8_t)((at / 8) >> (8 * (at % 8)));
	}
}

bool talk_send(struct talk_stream *s, int fd)
{
	uint8_t chunk[CHUNK];
	ssize_t len;

	fill(s, chunk);
	len = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
	if (len > 0)
		s->bytes += (uint64_t)len;
	return goes_on(len);
}

bool talk_receive(struct talk_stream *s, int fd)
{
	uint8_t chunk[CHUNK];
	uint8_t wanted[CHUNK];
	ssize_t len = recv(fd, chunk, sizeof(chunk), 0);

	if (len <= 0)
		return goes_on(len);
	fill(s, wanted);
	if (memcmp(chunk, wanted, (size_t)len) != 0)
		s->is_bad = true;
	s->bytes += (uint64_t)len;
	return true;
}

int main(int argc, char **argv)
{
	struct in_addr other;
	bool has_bulk = argc == 4 && strcmp(argv[3], "bulk") == 0;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc < 3 || argc > 4 || inet_pton(AF_INET, argv[2], &other) != 1) {
		(void)fprintf(stderr, "usage: talk guest PEER [bulk] | talk peer GUEST [bulk]\n");
		return 2;
	}
	return strcmp(argv[1], "guest") == 0 ? talk_guest(other, has_bulk)
					     : talk_peer(other, has_bulk);
}
