/* SPDX-License-Identifier: Apache-2.0 */
/* ext/lane.c - one producer and one consumer each way; who sleeps is told of by what it said before. */
#include "ext/lane.h"

#include <stdatomic.h>
#include <string.h>

void lane_open(struct lane *l, struct lane_out *out, struct lane_in *in)
{
	l->out = out;
	l->in = in;
	l->asked = 0;
	l->taken = 0;
}

struct lane_question *lane_room(struct lane *l)
{
	uint64_t answered = atomic_load_explicit(&l->in->answered, memory_order_acquire);

	/* answers that nobody waits for make room by themselves */
	while (l->taken != l->asked && l->taken != answered && !l->tickets[l->taken % LANE_SLOTS])
		l->taken++;
	return l->asked - l->taken < LANE_SLOTS ? &l->out->questions[l->asked % LANE_SLOTS] : NULL;
}

bool lane_send(struct lane *l, uint64_t ticket)
{
	l->tickets[l->asked % LANE_SLOTS] = ticket;
	l->asked++;
	/* in one order with lane_sleep(): one of both sees the other */
	atomic_store_explicit(&l->out->asked, l->asked, memory_order_seq_cst);
	return atomic_load_explicit(&l->in->is_asleep, memory_order_seq_cst) != 0;
}

enum lane_news lane_take(struct lane *l, uint64_t *ticket, struct xvs_flow_verdict *v)
{
	uint64_t answered = atomic_load_explicit(&l->in->answered, memory_order_acquire);

	if (answered - l->taken > l->asked - l->taken)
		return LANE_FORGED;
	while (l->taken != answered) {
		uint64_t slot = l->taken++ % LANE_SLOTS;

		if (!l->tickets[slot])
			continue;
		*ticket = l->tickets[slot];
		memcpy(v, &l->in->verdicts[slot], sizeof(*v));
		return LANE_ANSWER;
	}
	return LANE_NOTHING;
}

uint64_t lane_lose(struct lane *l)
{
	while (l->taken != l->asked) {
		uint64_t ticket = l->tickets[l->taken++ % LANE_SLOTS];

		if (ticket)
			return ticket;
	}
	return 0;
}

const struct lane_question *lane_next(struct lane_out *out, const struct lane_in *in)
{
	struct lane_in *mine = (struct lane_in *)(uintptr_t)in;
	uint64_t done = atomic_load_explicit(&mine->answered, memory_order_relaxed);

	if (atomic_load_explicit(&out->asked, memory_order_acquire) == done)
		return NULL;
	return &out->questions[done % LANE_SLOTS];
}

void lane_answer(struct lane_in *in, const struct xvs_flow_verdict *v)
{
	uint64_t done = atomic_load_explicit(&in->answered, memory_order_relaxed);

	if (v)
		in->verdicts[done % LANE_SLOTS] = *v;
	atomic_store_explicit(&in->answered, done + 1, memory_order_release);
}

bool lane_sleep(struct lane_out *out, struct lane_in *in)
{
	uint64_t done = atomic_load_explicit(&in->answered, memory_order_relaxed);

	atomic_store_explicit(&in->is_asleep, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&out->asked, memory_order_seq_cst) == done)
		return true;
	lane_wake(in);
	return false;
}

void lane_wake(struct lane_in *in)
{
	atomic_store_explicit(&in->is_asleep, 0, memory_order_relaxed);
}
