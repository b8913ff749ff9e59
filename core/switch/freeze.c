/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/freeze.c - a port falls silent before the last of its state is read, and may speak again.
 *
 *   closed -> no packet is under way -> what flows have counted is told -> who holds packets of it gives
 *   them back -> FROZEN is told
 *
 * What is given back meets a closed port.  The order of steps is that of a change (transaction.h), but
 * it is no change: nothing is planned, and nobody's wish waits for it.  A change at the same time does
 * no harm: it compiles the port from the same facts, and drains and detaches by letters that come
 * behind ours.
 */
#include "base/error.h"
#include "switch/bundle_part.h"

int port_republish(struct port *p)
{
	struct port_conf *conf = calloc(1, sizeof(*conf));
	struct reasons *reasons = calloc(1, sizeof(*reasons));

	if (!conf || !reasons) {
		free(conf);
		free(reasons);
		return -ENOMEM;
	}
	(void)port_publish(p, conf, reasons, true);
	return 0;
}

static void end_freeze(struct bundle *b, int code)
{
	void (*done)(void *arg, int code) = b->frozen;

	b->is_freezing = false;
	if (b->is_closed) {
		bundle_free(b);
		return;
	}
	b->is_frozen = code == 0;
	done(b->frozen_arg, code);
}

static void tell_frozen(struct port *p)
{
	for (size_t i = 0; i < p->attached_count; i++)
		port_tell_frozen(p, &p->attached[i]);
}

static void drain_next(struct bundle *b);

static void drained(void *arg, uint32_t left)
{
	(void)left;
	drain_next(arg);
}

static void drain_next(struct bundle *b)
{
	struct port *p = bundle_port(b, NULL);

	if (!p || b->is_closed || !p->is_frozen) {
		end_freeze(b, p ? -ECANCELED : -ENODEV);
		return;
	}
	while (b->drained < p->attached_count) {
		const struct attachment *a = &p->attached[b->drained++];

		if (a->member->state != MEMBER_RUNNING || !a->member->instance->ops.drain)
			continue;
		path_drain(p->w->path, a->member->instance, a->port_state, drained, b);
		return;
	}
	tell_frozen(p);
	end_freeze(b, 0);
}

static void credited(void *arg)
{
	struct bundle *b = arg;

	b->is_crediting = false;
	drain_next(b);
}

static void settled(void *arg, int slow, struct instance *who)
{
	struct bundle *b = arg;

	(void)slow;
	(void)who;
	b->drained = 0;
	if (!b->credit) { /* or it was closed meanwhile */
		drain_next(b);
		return;
	}
	b->is_crediting = true;
	path_credit(b->credit, credited, b);
}

void bundle_freeze(struct bundle *b, void (*done)(void *arg, int code), void *arg)
{
	struct port *p = bundle_port(b, NULL);

	b->frozen = done;
	b->frozen_arg = arg;
	if (!p || b->is_frozen || b->is_freezing) {
		done(arg, !p ? -ENODEV : b->is_frozen ? 0 : -EBUSY);
		return;
	}
	p->is_frozen = true;
	if (port_republish(p) < 0) {
		p->is_frozen = false;
		done(arg, -ENOMEM);
		return;
	}
	b->is_freezing = true;
	path_settle(b->w->path, settled, b);
}

int bundle_relay(struct bundle *b, void (*frame)(void *arg, const uint8_t *frame, size_t len),
		 void *arg)
{
	struct port *p = bundle_port(b, NULL);

	if (!p || b->relay)
		return p ? 0 : -ENODEV;
	b->relay = relay_create(b->w->loop, frame, arg);
	p->relay = b->relay;
	return b->relay ? 0 : -ENOMEM;
}

/* The port forgets it first; where there is no memory for that, it goes with the port. */
void part_end_relay(struct bundle *b, struct port *p)
{
	bool is_named = p && b->relay && p->relay == b->relay;

	if (!b->relay)
		return;
	relay_silence(b->relay);
	if (is_named) {
		p->relay = NULL;
		if (p->path_port && port_republish(p) < 0) {
			p->relay = b->relay;
			return;
		}
	}
	relay_destroy(b->relay);
	b->relay = NULL;
}

void bundle_thaw(struct bundle *b)
{
	struct port *p = bundle_port(b, NULL);

	b->is_frozen = false;
	if (!p || !p->is_frozen)
		return;
	p->is_frozen = false;
	/* Without memory it stays closed until anything else changes it. */
	(void)port_republish(p);
}

bool bundle_is_frozen(const struct bundle *b)
{
	return b->is_frozen;
}
