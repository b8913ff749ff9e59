/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vm/talk/talk.h - what a guest and its peer talk about while the guest is moved.
 *
 *      guest                                   peer
 *      connects        -- PORT_LINES ------->  says a line now and then, which comes back
 *      connects        -- PORT_UP ---------->  numbers, as many as go
 *      says that it is there -- PORT_ASK --->  a question each millisecond, and its answer
 *      PORT_DOWN       <-------------------    numbers, as many as go
 *      PORT_CLOSED_*   <-------------------    attempts that must never be answered
 *
 * The guest lives behind a policy that lets in PORT_DOWN alone: what it has connected itself goes on
 * only where its connections are known.  It listens at the closed ports, so that it would answer.
 */
#ifndef XVS_TALK_H
#define XVS_TALK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	PORT_DOWN = 7001,
	PORT_CLOSED_TCP = 7008,
	PORT_CLOSED_UDP = 7009,
	PORT_LINES = 8001,
	PORT_UP = 8002,
	PORT_ASK = 8003,
	PORT_ASKED = 8004, /* from which the guest speaks to PORT_ASK */
};

/* A question and, with 'seen', its answer: how often the guest has seen it. */
struct talk_question {
	uint64_t number;
	uint32_t seen;
};

/* Numbers, one after another, over TCP. */
struct talk_stream {
	uint64_t bytes; /* that went */
	bool is_bad;
};

/* Whether numbers were seen before, by their places in a ring. */
enum { TALK_SEEN_BITS = 1 << 22 };

struct talk_seen {
	uint8_t bits[TALK_SEEN_BITS / 8];
};

bool talk_saw(struct talk_seen *seen, uint64_t number); /* before; from now on it is */

int talk_listen(int kind, uint16_t port);           /* never waits; ends the program on errors */
int talk_connect(struct in_addr to, uint16_t port); /* the same; comes about later */
struct sockaddr_in talk_address(struct in_addr to, uint16_t port);

/* As much as goes at once.  False: the connection has ended. */
bool talk_send(struct talk_stream *s, int fd);
bool talk_receive(struct talk_stream *s, int fd);

int talk_guest(struct in_addr peer, bool has_bulk);
int talk_peer(struct in_addr guest, bool has_bulk);

#endif /* XVS_TALK_H */
