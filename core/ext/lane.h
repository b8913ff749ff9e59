/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/lane.h - questions of one worker to the process of an extension, and its answers: two rings in
 * shared memory, of which each side can write one.
 *
 * The n-th answer is that to the n-th question, so an answer names nothing that could be forged.
 * What the worker has to know is in its own memory: it reads one number of the process, which
 * must lie between what it has taken and what it has asked, and copies an answer before it looks.
 */
#ifndef XVS_EXT_LANE_H
#define XVS_EXT_LANE_H

#include "xvs/extension.h"

enum {
	LANE_SLOTS = 256,   /* questions that have no answer yet */
	LANE_BYTES = 2048,  /* of a packet, at most */
	LANE_HEADERS = 256, /* whatever it asks for */
};

enum lane_kind {
	LANE_JUDGE = 1,
	LANE_ACCOUNT = 2, /* its answer says nothing */
};

struct lane_question {
	uint32_t kind; /* enum lane_kind */
	uint32_t port; /* whose chain */
	uint32_t dest;
	uint16_t stage;
	uint16_t bytes; /* of the packet, that follow */
	uint64_t now_ns;
	uint64_t cookie;
	union {
		struct {
			struct xvs_flow_key key;
			struct xvs_packet packet; /* without pointers */
		} judge;
		struct xvs_flow_stats account; /* without pointers */
	};
	uint8_t data[LANE_BYTES];
};

/* The worker writes. */
struct lane_out {
	_Atomic uint64_t asked __attribute__((aligned(64)));
	struct lane_question questions[LANE_SLOTS] __attribute__((aligned(64)));
};

/* The process writes. */
struct lane_in {
	_Atomic uint64_t answered __attribute__((aligned(64)));
	_Atomic uint32_t is_asleep; /* a question wakes it */
	struct xvs_flow_verdict verdicts[LANE_SLOTS] __attribute__((aligned(64)));
};

/* ---- the worker's side --------------------------------------------------------------------------- */

struct lane {
	struct lane_out *out;
	struct lane_in *in;
	uint64_t asked, taken;
	uint64_t tickets[LANE_SLOTS]; /* 0: nobody waits for this answer */
};

void lane_open(struct lane *l, struct lane_out *out, struct lane_in *in);
/* Where the next question goes; NULL: there is no room.  lane_send(): true, wake the process. */
struct lane_question *lane_room(struct lane *l);
bool lane_send(struct lane *l, uint64_t ticket);

enum lane_news { LANE_NOTHING = 0, LANE_ANSWER = 1, LANE_FORGED = 2 };
/* The next answer that somebody waits for. */
enum lane_news lane_take(struct lane *l, uint64_t *ticket, struct xvs_flow_verdict *v);
/* The next ticket that gets no answer any more; 0: none. */
uint64_t lane_lose(struct lane *l);

/* ---- the process's side -------------------------------------------------------------------------- */

/* The next question; NULL: none. */
const struct lane_question *lane_next(struct lane_out *out, const struct lane_in *in);
/* 'v' NULL: to a question that asks for nothing. */
void lane_answer(struct lane_in *in, const struct xvs_flow_verdict *v);
/* False: there are questions, stay awake. */
bool lane_sleep(struct lane_out *out, struct lane_in *in);
void lane_wake(struct lane_in *in);

#endif /* XVS_EXT_LANE_H */
