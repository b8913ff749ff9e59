/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/sweep.c - time-outs and reports, a little after every burst.
 *
 * All workers move one cursor over the objects in use, so that what one of them opened is swept
 * even while it sleeps.  Together they get round about once a second; a connection that is met
 * again before that is found to be overdue then (judge.c), so no time-out depends on this.
 */
#include "conn/fragment.h"

enum {
	STEP_MIN = 32,   /* objects a call, however little time has passed */
	STEP_MAX = 1024, /* and however much */
	PAUSE_NS = NS_PER_MS,
	AHEAD = 24, /* objects: asked for so much before their turn, and twice that */
};

/* XVS_CONN_...; 0: it lives.  MOVED: the port has gone, so nobody is told. */
static uint16_t cause_to_end(struct conn_table *t, struct conn *c, uint32_t now)
{
	struct conn_port *port = conn_port(t, c);
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);
	uint32_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
	uint32_t opened = atomic_load_explicit(&port->opened, memory_order_relaxed);
	uint64_t idle = conn_idle_stamps(c, now);

	if (opened == 0 || (epoch && (int32_t)(epoch - opened) < 0))
		return XVS_CONN_MOVED;
	if (word & WORD_FLUSHED)
		return XVS_CONN_EVICTED;
	if (idle << STAMP_SHIFT < conn_timeout_ms(t, c) * NS_PER_MS)
		return 0;
	return (word & WORD_STATE) == STATE_TIME_WAIT ? XVS_CONN_FIN : XVS_CONN_IDLE;
}

/* Due, and there is something to report. */
static bool is_report_due(struct conn *c, uint32_t now)
{
	uint32_t since = now - c->halves[0].reported;

	if (!c->report_ms || !c->log ||
	    (uint64_t)since << STAMP_SHIFT < (uint64_t)c->report_ms * NS_PER_MS)
		return false;
	return conn_idle_stamps(c, now) < since;
}

static void report(struct conn_table *t, struct conn *c, uint32_t now, void *arg)
{
	struct xvs_conn view;

	conn_view(c, &view);
	c->halves[0].reported = now;
	t->env.event(arg, &view, c->slots, c->log, 0);
	conn_touch(t, c);
}

static void visit(struct conn_table *t, struct worker *w, struct conn *c, void *arg)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);
	uint32_t now = stamp_of(w->now_ns);
	uint16_t cause;

	/* Whose bit is held is being looked after, and is met again in a second. */
	if ((word & WORD_STATE) == STATE_NONE || word & WORD_LOCK || !conn_lock(c))
		return;
	cause = cause_to_end(t, c, now);
	if (cause) {
		conn_end(t, w, c, cause == XVS_CONN_MOVED ? 0 : cause, arg);
		return;
	}
	if (is_report_due(c, now))
		report(t, c, now, arg);
	conn_unlock(c);
}

/*
 * Most have been out of all caches for a second: 0.3 us each, if nobody asks for them ahead.  Of the
 * dead, of which there are many where connections come and go, nothing but their word is read.
 */
static void fetch(struct conn_table *t, uint32_t at, uint32_t high)
{
	uint32_t soon = at + AHEAD < high ? at + AHEAD : at + AHEAD - high;
	uint32_t later = soon + AHEAD < high ? soon + AHEAD : soon + AHEAD - high;

	__builtin_prefetch(&t->objects[later], 1);
	if (conn_state(&t->objects[soon]) != STATE_NONE)
		conn_fetch(&t->objects[soon]);
}

/* So many that a worker alone gets round in a second. */
static uint32_t step_of(const struct stock *s, const struct worker *w, uint32_t high)
{
	uint64_t passed = w->now_ns - s->swept_ns;
	uint64_t step;

	if (passed > NS_PER_S)
		passed = NS_PER_S;
	step = high * passed / NS_PER_S;
	if (step < STEP_MIN)
		step = STEP_MIN;
	if (step > STEP_MAX)
		step = STEP_MAX;
	return (uint32_t)(step < high ? step : high);
}

static void sweep_objects(struct conn_table *t, struct worker *w, void *arg)
{
	struct stock *s = &t->stocks[w->nr];
	uint32_t high = slab_high(t);
	uint32_t step;
	uint32_t at;

	if (high == 0 || w->now_ns - s->swept_ns < PAUSE_NS)
		return;
	step = step_of(s, w, high);
	s->swept_ns = w->now_ns;
	at = atomic_fetch_add_explicit(&t->cursor, step, memory_order_relaxed) % high;
	for (uint32_t i = 0; i < step; i++) {
		if (high > 2 * AHEAD)
			fetch(t, at, high);
		visit(t, w, &t->objects[at], arg);
		at = at + 1 == high ? 0 : at + 1;
	}
}

void conn_sweep(struct conn_table *t, struct worker *w, void *arg)
{
	sweep_objects(t, w, arg);
	fragment_sweep(t, w, arg);
}
