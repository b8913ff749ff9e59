/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/pair.h - two hosts with a port, links between them, and a clock: everything that happens is an
 * event, one after the other, so that a loss or a crash can be put between any two of them.
 *
 *   host 0 has the port at the beginning; host 1 is where it goes
 */
#ifndef XVS_TEST_STATE_PAIR_H
#define XVS_TEST_STATE_PAIR_H

#include "state/pair_content.h"

/* ---- memory -------------------------------------------------------------------------------------- */

static int fake_keep(void *host, const char *text, size_t len, struct xvs_error *err)
{
	struct host *h = host;

	if (h->keeps_until_full > 0 && --h->keeps_until_full == 0)
		return error_set(err, -ENOSPC, "", "the disk is full");
	free(h->kept);
	h->kept = strndup(text, len);
	return 0;
}

static void fake_changed(void *host, const uint8_t move[WIRE_ID])
{
	(void)host;
	(void)move;
}

static const struct moves_ops fake_ops = {
	.now = fake_now,
	.timer_create = fake_timer_create,
	.timer_arm = fake_timer_arm,
	.timer_destroy = fake_timer_destroy,
	.dial = fake_dial,
	.send = fake_send,
	.queued = fake_queued,
	.hang_up = fake_hang_up,
	.keep = fake_keep,
	.changed = fake_changed,
	.source = &fake_source,
	.target = &fake_target,
};

/* ---- a host's life ------------------------------------------------------------------------------- */

/* As the daemon does: what moved is held before the configuration is applied. */
static void host_start(struct host *h)
{
	struct xvs_error err = ERROR_INIT;

	h->life++;
	h->has_departed = false;
	h->m = moves_create(&fake_ops, h);
	h->is_held = h->held;
	if (h->kept)
		assert_int_equal(moves_restore(h->m, h->kept, &err), 0);
	h->is_open = h->exists && !h->is_held;
	check_never_both(h->p);
	moves_start(h->m);
}

/* kill -9: nobody is told anything, and connections break; what was sent may still arrive. */
static void host_crash(struct host *h)
{
	struct pair *p = h->p;

	h->life++; /* calls and timers of this life are void */
	moves_destroy(h->m);
	h->m = NULL;
	for (size_t i = 0; i < LINKS; i++) {
		struct link *l = &p->links[i];

		for (int n = 0; l->is_used && n < 2; n++)
			if (l->ends[n].host == h->nr && l->ends[n].conn) {
				free(l->ends[n].conn);
				fake_hang_up(&l->ends[n]);
			}
	}
	h->has_content = false;
	h->is_frozen = false;
	h->straggler = NULL;
	h->slices = 0;
	h->restored_len = 0;
	h->is_open = false;
}

/* ---- events -------------------------------------------------------------------------------------- */

static void link_end_of(struct link *l)
{
	for (int n = 0; n < 2; n++)
		end_clear(&l->ends[n]);
	l->is_used = false;
}

/* Both ends that are still there hear it. */
static void link_break(struct pair *p, struct link *l, const char *why)
{
	for (int n = 0; n < 2; n++) {
		struct conn *c = l->ends[n].conn;

		l->ends[n].conn = NULL;
		if (c && p->hosts[l->ends[n].host].m)
			moves_lost(c, why);
	}
	link_end_of(l);
}

static bool is_cut(const struct pair *p)
{
	return p->is_cut[0] || p->is_cut[1];
}

static const char *const host_names[HOSTS] = { "host0", "host1" };

/* True: something happened. */
static bool link_greet(struct pair *p, struct link *l)
{
	struct host *to = &p->hosts[l->ends[1].host];

	if (is_cut(p) || !to->m) {
		if (l->dead_ns == 0)
			l->dead_ns = p->now_ns + (to->m ? 5 * NS_PER_S : 1);
		return false;
	}
	l->dead_ns = 0;
	l->is_greeted = true;
	l->ends[1].life = to->life;
	l->ends[1].conn = moves_accepted(to->m, &l->ends[1], host_names[l->ends[0].host]);
	assert_non_null(l->ends[1].conn);
	if (l->ends[0].conn)
		moves_connected(l->ends[0].conn, host_names[to->nr]);
	return true;
}

static void trace(struct pair *p, const char *what)
{
	size_t len = strlen(p->trace);

	(void)snprintf(p->trace + len, sizeof(p->trace) - len, " %s", what);
}

static void deliver(struct pair *p, struct link_end *e)
{
	struct message m = e->queue[0];
	struct conn *c = e->conn;

	memmove(&e->queue[0], &e->queue[1], --e->count * sizeof(m));
	trace(p, wire_type_name(m.h.type));
	if (c && (!p->tamper || p->tamper(p, e->host, &m)) && !moves_message(c, &m.h, m.body))
		e->conn = NULL;
	free(m.body);
}

static bool link_turn(struct pair *p, struct link *l)
{
	if (!l->is_greeted && !l->is_closing)
		return link_greet(p, l);
	for (int n = 0; n < 2; n++) {
		struct link_end *e = &l->ends[n];

		if (e->count == 0)
			continue;
		if (!p->is_cut[1 - e->host]) {
			deliver(p, e);
			return true;
		}
		if (l->dead_ns == 0)
			l->dead_ns = p->now_ns + SILENCE_NS;
		return false;
	}
	if (!l->is_closing)
		return false;
	link_break(p, l, "the other side closed the connection");
	return true;
}

static bool call_turn(struct pair *p)
{
	struct xvs_error err = ERROR_INIT;
	struct call c;

	if (p->call_count == 0)
		return false;
	c = p->calls[0];
	memmove(&p->calls[0], &p->calls[1], --p->call_count * sizeof(c));
	if (c.life != c.host->life)
		return true;
	if (c.effect)
		c.effect(c.host);
	(void)error_set(&err, c.code, "", "it was refused");
	if (c.frozen)
		c.frozen(c.arg, c.code);
	else
		c.done(c.arg, c.code, &err);
	return true;
}

/* The next thing that is due later; false: nothing is. */
static bool time_turn(struct pair *p)
{
	struct fake_timer *next = NULL;
	struct link *dead = NULL;
	uint64_t at = UINT64_MAX;

	for (size_t i = 0; i < p->timer_count; i++) {
		struct fake_timer *t = p->timers[i];

		if (t->due_ns && t->life == t->host->life && t->due_ns < at) {
			next = t;
			at = t->due_ns;
		}
	}
	for (size_t i = 0; i < LINKS; i++)
		if (p->links[i].is_used && p->links[i].dead_ns && p->links[i].dead_ns < at) {
			dead = &p->links[i];
			at = dead->dead_ns;
		}
	if (at == UINT64_MAX)
		return false;
	p->now_ns = at > p->now_ns ? at : p->now_ns;
	if (dead) {
		link_break(p, dead, "no answer");
		return true;
	}
	next->due_ns = 0;
	next->fn(next->arg);
	return true;
}

/* One event; false: nothing will ever happen any more. */
static bool pair_turn(struct pair *p)
{
	bool happened = call_turn(p);

	for (size_t i = 0; i < LINKS && !happened; i++)
		happened = p->links[i].is_used && link_turn(p, &p->links[i]);
	if (!happened)
		happened = time_turn(p);
	p->events++;
	check_never_both(p);
	return happened;
}

/* Something is on its way and will arrive; asked first, since lists of moves are dear. */
static bool is_busy(const struct pair *p)
{
	for (size_t i = 0; i < LINKS; i++) {
		const struct link *l = &p->links[i];

		for (int n = 0; l->is_used && n < 2; n++)
			if (l->ends[n].count > 0 && !p->is_cut[1 - l->ends[n].host])
				return true;
	}
	return p->call_count > 0;
}

static bool is_settled(const struct pair *p)
{
	if (is_busy(p))
		return false;
	for (int n = 0; n < HOSTS; n++) {
		const struct host *h = &p->hosts[n];
		json_t *list = h->m ? moves_list(h->m) : NULL;
		bool runs = !h->m;
		json_t *v;
		size_t i;

		json_array_foreach(list, i, v) runs |=
			strcmp(json_string_value(json_object_get(v, "phase")), "ended") != 0;
		json_decref(list);
		if (runs)
			return false;
	}
	return true;
}

enum { EVENTS_MAX = 3000 };

static void pair_run(struct pair *p)
{
	for (int i = 0; i < EVENTS_MAX && !is_settled(p); i++)
		if (!pair_turn(p))
			break;
}

/* What stands in queues is written before it is read: clearing it was a third of the test's time. */
static void pair_clear(struct pair *p)
{
	memset(p, 0, offsetof(struct pair, links));
	for (size_t i = 0; i < LINKS; i++) {
		memset(&p->links[i], 0, offsetof(struct link, ends));
		for (int n = 0; n < 2; n++)
			memset(&p->links[i].ends[n], 0, offsetof(struct link_end, queue));
	}
}

static void pair_init(struct pair *p)
{
	pair_clear(p);
	p->now_ns = NS_PER_S;
	for (int n = 0; n < HOSTS; n++) {
		p->hosts[n].p = p;
		p->hosts[n].nr = n;
	}
	p->hosts[0].exists = true;
	for (int n = 0; n < HOSTS; n++)
		host_start(&p->hosts[n]);
}

static void pair_finish(struct pair *p)
{
	for (int n = 0; n < HOSTS; n++) {
		if (p->hosts[n].m)
			host_crash(&p->hosts[n]);
		free(p->hosts[n].kept);
	}
	for (size_t i = 0; i < LINKS; i++)
		link_end_of(&p->links[i]);
	assert_int_equal(p->timer_count, 0);
}

static void pair_begin(struct pair *p, const struct move_wish *wish, uint8_t id[WIRE_ID])
{
	struct move_wish all = wish ? *wish : (struct move_wish){ .budget_ns = NS_PER_S / 5 };
	struct xvs_error err = ERROR_INIT;

	all.port = "vm1";
	all.to = "host1";
	assert_int_equal(moves_begin(p->hosts[0].m, &all, id, &err), 0);
}

/* The text of a key in the report of a host; "" where there is none.  Lives until the next call. */
static const char *report_of(const struct host *h, const uint8_t id[WIRE_ID], const char *key)
{
	static char text[400];
	json_t *j = moves_show(h->m, id);
	const char *value = json_string_value(json_object_get(j, key));

	(void)snprintf(text, sizeof(text), "%s", value ? value : "");
	json_decref(j);
	return text;
}

#endif /* XVS_TEST_STATE_PAIR_H */
