/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/sweep.c - the end of sessions that were idle for too long, a little at a time.
 *
 * All workers move one cursor, at most one of them each millisecond; together they get round in
 * about a second, whoever sleeps.
 */
#include "nat/table.h"

enum {
	PAUSE_NS = NS_PER_MS,
	STEP_MIN = 32,
	STEP_MAX = 16384, /* after a long sleep */
};

static bool is_over(const struct nat_table *t, struct session *s, uint32_t now)
{
	const struct nat_rules *r = rcu_read(&t->rules);
	uint32_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	uint32_t idle = now - atomic_load_explicit(&s->seen, memory_order_relaxed);

	if (!(atomic_load_explicit(&s->generation, memory_order_acquire) & 1) || !r)
		return false;
	/* a worker whose clock was read a moment earlier has seen a packet of the future */
	if ((int32_t)idle <= 0)
		return false;
	return (uint64_t)idle << STAMP_SHIFT >=
	       nat_session_timeout_ms(&r->timeouts, word) * (uint64_t)NS_PER_MS;
}

static void visit(struct nat_table *t, struct session *s, uint32_t now)
{
	if (!is_over(t, s, now))
		return;
	nat_lock(t);
	if (is_over(t, s, now))
		nat_session_close(t, s);
	nat_unlock(t);
}

static uint32_t step_of(uint32_t high, uint64_t passed)
{
	uint64_t step = passed > NS_PER_S ? high : high * passed / NS_PER_S;

	step = step < STEP_MIN ? STEP_MIN : step > STEP_MAX ? STEP_MAX : step;
	return step < high ? (uint32_t)step : high;
}

void nat_sweep(struct nat_table *t, uint64_t now_ns)
{
	uint64_t last = atomic_load_explicit(&t->swept_ns, memory_order_relaxed);
	uint32_t high = atomic_load_explicit(&t->fresh, memory_order_relaxed);
	uint32_t step;
	uint32_t at;

	if (!high || now_ns < last + PAUSE_NS ||
	    !atomic_compare_exchange_strong_explicit(&t->swept_ns, &last, now_ns,
						     memory_order_relaxed, memory_order_relaxed))
		return;
	step = step_of(high, now_ns - last);
	at = atomic_fetch_add_explicit(&t->cursor, step, memory_order_relaxed) % high;
	for (uint32_t i = 0; i < step; i++) {
		visit(t, &t->sessions[at], stamp_of(now_ns));
		at = at + 1 == high ? 0 : at + 1;
	}
}
