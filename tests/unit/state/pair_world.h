/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/pair_world.h - what two hosts are made of: a clock with its timers, links with what is on its way,
 * calls that answer later.  What happens when is pair.h's.
 */
#ifndef XVS_TEST_STATE_PAIR_WORLD_H
#define XVS_TEST_STATE_PAIR_WORLD_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "state/moves.h"
#include "support/test.h"

enum { HOSTS = 2, LINKS = 64, MESSAGES = 256, TIMERS = 512, CALLS = 64, STATE_BYTES = 3000 };
#define SILENCE_NS (15 * NS_PER_S)

struct pair;

/* What a restart finds, and what forwards now. */
struct host {
	struct pair *p;
	int nr;
	struct moves *m; /* NULL: it is down */
	unsigned life;   /* starts so far; what belongs to an earlier one is void */
	char *kept;
	bool exists, held; /* on disk */
	bool is_open;      /* now */
	bool is_held;
	bool has_departed; /* made anew, it would be closed */
	uint8_t restored[STATE_BYTES * 8];
	size_t restored_len;
	/* ---- as a source ---- */
	bool has_content, is_frozen;
	unsigned slices;                                                /* left of this pass */
	void (*straggler)(void *arg, const uint8_t *frame, size_t len); /* NULL: nobody asks */
	void *straggler_arg;
	/* ---- what the test wants ---- */
	unsigned keeps_until_full; /* 0: never */
	const char *refusal;       /* of admit */
	int restore_code, prepare_code, open_code, freeze_code;
	uint32_t reads_newest; /* format of "xvs.conn"; 0: 1 */
	bool lacks_meter;
	bool may_not_place;
	unsigned opened;        /* how often */
	unsigned delivered;     /* stragglers */
	uint8_t last_delivered; /* its first byte */
	unsigned most_bytes;
};

struct message {
	struct wire_head h;
	uint8_t *body;
};

struct link_end {
	struct link *l;
	struct conn *conn; /* NULL: hung up, lost, or not there */
	int host;
	unsigned life;
	uint64_t sequence;
	size_t count;
	struct message queue[MESSAGES]; /* last: to this end */
};

struct link {
	bool is_used, is_greeted,
		is_closing;      /* one end has hung up: what is queued still arrives */
	uint64_t dead_ns;        /* then both ends hear that it is lost; 0: it lives */
	struct link_end ends[2]; /* 0 dialled */
};

struct fake_timer {
	struct host *host;
	unsigned life;
	uint64_t due_ns; /* 0: not armed */
	void (*fn)(void *arg);
	void *arg;
};

/* Something of the switch that answers later. */
struct call {
	struct host *host;
	unsigned life;
	content_done done;
	void (*frozen)(void *arg, int code);
	void *arg;
	int code;
	void (*effect)(struct host *h);
};

struct pair {
	struct host hosts[HOSTS];
	struct fake_timer *timers[TIMERS];
	size_t timer_count;
	struct call calls[CALLS];
	size_t call_count;
	uint64_t now_ns;
	uint64_t events;
	bool is_cut[HOSTS]; /* what host n sends does not arrive */
	char trace[4096];   /* of message types, for a failure */
	bool (*tamper)(struct pair *p, int to, struct message *m); /* false: it vanishes */
	struct link links[LINKS];                                  /* last: they are large */
};

/* ---- invariants ---------------------------------------------------------------------------------- */

static void check_never_both(struct pair *p)
{
	if (p->hosts[0].is_open && p->hosts[1].is_open)
		fail_msg("open on both hosts at event %llu after %s", (unsigned long long)p->events,
			 p->trace);
}

/* ---- time ---------------------------------------------------------------------------------------- */

static uint64_t fake_now(void *host)
{
	return ((struct host *)host)->p->now_ns;
}

static void *fake_timer_create(void *host, void (*fn)(void *arg), void *arg)
{
	struct host *h = host;
	struct fake_timer *t = calloc(1, sizeof(*t));

	assert_true(h->p->timer_count < TIMERS);
	*t = (struct fake_timer){ .host = h, .life = h->life, .fn = fn, .arg = arg };
	h->p->timers[h->p->timer_count++] = t;
	return t;
}

static void fake_timer_arm(void *timer, uint64_t delay_ns)
{
	struct fake_timer *t = timer;

	t->due_ns = t->host->p->now_ns + delay_ns;
}

static void fake_timer_destroy(void *timer)
{
	struct fake_timer *t = timer;
	struct pair *p = t->host->p;

	for (size_t i = 0; i < p->timer_count; i++)
		if (p->timers[i] == t)
			p->timers[i] = p->timers[--p->timer_count];
	free(t);
}

/* ---- links --------------------------------------------------------------------------------------- */

static void end_clear(struct link_end *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->queue[i].body);
	e->count = 0;
}

static void *fake_dial(void *host, const char *to, struct conn *conn)
{
	struct host *h = host;

	(void)to;
	for (size_t i = 0; i < LINKS; i++) {
		struct link *l = &h->p->links[i];

		if (l->is_used)
			continue;
		memset(l, 0, sizeof(*l));
		l->is_used = true;
		for (int n = 0; n < 2; n++) {
			l->ends[n].l = l;
			l->ends[n].host = n == 0 ? h->nr : 1 - h->nr;
		}
		l->ends[0].conn = conn;
		l->ends[0].life = h->life;
		return &l->ends[0];
	}
	fail_msg("links never end");
	return NULL;
}

static struct link_end *other_end(struct link_end *e)
{
	return &e->l->ends[e == &e->l->ends[0]];
}

static bool fake_send(void *link, const struct wire_head *head, const void *body)
{
	struct link_end *from = link;
	struct link_end *to = other_end(from);
	struct message m = { .h = *head, .body = malloc(head->len + 1) };

	assert_true(to->count < MESSAGES);
	m.h.sequence = ++from->sequence;
	if (head->len)
		memcpy(m.body, body, head->len);
	m.body[head->len] = '\0';
	to->queue[to->count++] = m;
	return true;
}

static size_t fake_queued(void *link)
{
	struct link_end *to = other_end(link);
	size_t bytes = 0;

	for (size_t i = 0; i < to->count; i++)
		bytes += to->queue[i].h.len;
	return bytes;
}

static void fake_hang_up(void *link)
{
	struct link_end *e = link;

	e->conn = NULL;
	e->l->is_closing = true;
	end_clear(e);
}

#endif /* XVS_TEST_STATE_PAIR_WORLD_H */
