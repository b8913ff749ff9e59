/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining: begin [control] -> run [helper thread] -> done [control].
 *
 * begin() notes how far each ring reads now.  So a drain meets only packets of ports and sessions
 * that were there when it began, and an older session whose workers had left it by then has been
 * drained for good when it ends.  Between drains there is a pause, short while much comes.
 */
#include <stdlib.h>

#include "capture.h"

enum { BUSY_NS = 1000000, CALM_NS = 50000000, BUSY_BYTES = RING_BYTES / 8 };

static void begin(struct capture *c)
{
	c->draining = true;
	c->drains++;
	c->drained = c->sessions;
	c->opening = c->active;
	c->moved = 0;
	for (struct session *s = c->sessions; s; s = s->next)
		s->last_drain = s->left;
	for (uint32_t w = 0; w < c->workers; w++)
		c->limits[w] = c->rings[w] ? ring_head(c->rings[w]) : 0;
}

static struct session *session_of(const struct capture *c, uint32_t number)
{
	struct session *s = c->drained;

	while (s && s->number != number)
		s = s->next;
	return s;
}

static void drain_ring(struct capture *c, struct ring *ring, uint64_t limit)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t from = tail;
	const struct record *record;

	while ((record = ring_next(ring, &tail, limit)) != NULL) {
		struct session *s = session_of(c, record->session);

		if (s)
			writer_packet(&s->writer, record);
		ring_release(ring, tail);
	}
	ring_release(ring, tail);
	c->moved += tail - from;
}

/* The oldest first, so that of two with the same name the newest has it in the end. */
static void open_files(struct session *newest)
{
	const struct session *opened = NULL;

	while (opened != newest) {
		struct session *s = newest;

		while (s->next != opened)
			s = s->next;
		writer_open(&s->writer);
		opened = s;
	}
}

/* [helper thread] */
static void run(void *arg, const volatile bool *cancelled)
{
	struct capture *c = arg;

	(void)cancelled; /* bounded by the limits */
	if (c->opening)
		open_files(c->drained);
	for (uint32_t w = 0; w < c->workers; w++) {
		if (c->limits[w] != 0) /* else its ring may be in the making */
			drain_ring(c, c->rings[w], c->limits[w]);
	}
	for (struct session *s = c->drained; s; s = s->next) {
		writer_flush(&s->writer);
		if (s->last_drain)
			writer_finish(&s->writer);
	}
}

static void free_drained_sessions(struct capture *c)
{
	struct session **at = &c->sessions;

	while (*at) {
		struct session *s = *at;

		if (s->last_drain) {
			*at = s->next;
			session_destroy(s);
		} else {
			at = &s->next;
		}
	}
}

/* Of ports that were gone before this drain began. */
static void free_gone_ifaces(struct capture *c)
{
	struct iface **at = &c->ifaces;

	while (*at) {
		struct iface *iface = *at;

		if (iface->gone_at != 0 && iface->gone_at < c->drains) {
			*at = iface->next;
			free(iface);
		} else {
			at = &iface->next;
		}
	}
}

/* Also what there is of a gone port goes with the next drain, capturing or not. */
static bool has_work(const struct capture *c)
{
	for (const struct iface *iface = c->ifaces; iface; iface = iface->next) {
		if (iface->gone_at != 0)
			return true;
	}
	return c->sessions != NULL;
}

static void done(void *arg, bool cancelled)
{
	struct capture *c = arg;

	c->draining = false;
	if (cancelled) {
		for (struct session *s = c->sessions; s; s = s->next)
			s->last_drain = false;
		return;
	}
	free_drained_sessions(c);
	free_gone_ifaces(c);
	if (c->active && has_work(c))
		c->timers->arm(c->host, c->timer, c->moved > BUSY_BYTES ? BUSY_NS : CALM_NS);
}

void drain_timer(void *arg)
{
	static const volatile bool not_cancelled;
	struct capture *c = arg;

	if (c->draining)
		return;
	begin(c);
	if (c->tasks && c->tasks->start(c->host, run, done, c) == 0)
		return;
	run(c, &not_cancelled);
	done(c, false);
}

void drain_arm(struct capture *c)
{
	if (c->active && !c->draining && has_work(c))
		c->timers->arm(c->host, c->timer, BUSY_NS);
}

void drain_finish(struct capture *c)
{
	static const volatile bool not_cancelled;

	begin(c);
	run(c, &not_cancelled);
	for (struct session *s = c->sessions; s; s = s->next)
		writer_finish(&s->writer);
	c->draining = false;
}
