/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/pair.h - two hosts with a port, links between them, and a clock: everything that happens is an
 * event, one after the other, so that a loss or a crash can be put between any two of them.
 *
 *   host 0 has the port at the beginning; host 1 is where it goes
 */
#ifndef XVS_TEST_STATE_PAIR_H
#define XVS_TEST_STATE_PAIR_H

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
	uint8_t restored[STATE_BYTES * 8];
	size_t restored_len;
	/* ---- as a source ---- */
	bool has_content, is_frozen;
	unsigned slices; /* left of this pass */
	/* ---- what the test wants ---- */
	unsigned keeps_until_full; /* 0: never */
	const char *refusal;       /* of admit */
	int restore_code, prepare_code, open_code, freeze_code;
	uint32_t reads_newest; /* format of "xvs.conn"; 0: 1 */
	bool lacks_meter;
	bool may_not_place;
	unsigned opened; /* how often */
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
	struct message queue[MESSAGES]; /* to this end */
	size_t count;
};

struct link {
	bool is_used, is_greeted,
		is_closing;      /* one end has hung up: what is queued still arrives */
	struct link_end ends[2]; /* 0 dialled */
	uint64_t dead_ns;        /* then both ends hear that it is lost; 0: it lives */
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
	struct link links[LINKS];
	struct fake_timer *timers[TIMERS];
	size_t timer_count;
	struct call calls[CALLS];
	size_t call_count;
	uint64_t now_ns;
	uint64_t events;
	bool is_cut[HOSTS]; /* what host n sends does not arrive */
	char trace[4096];   /* of message types, for a failure */
	bool (*tamper)(struct pair *p, int to, struct message *m); /* false: it vanishes */
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

/* ---- what moves, at the source ------------------------------------------------------------------- */

static int fake_open(void *host, const char *port, struct content **out, uint8_t uuid[WIRE_ID],
		     char target[CONTENT_TARGET], struct xvs_error *err)
{
	struct host *h = host;

	if (!h->exists || h->has_content)
		return error_set(err, -ENOENT, "", "port %s does not exist", port);
	memset(uuid, 0x77, WIRE_ID);
	(void)str_copy(target, CONTENT_TARGET, "lab/vm1");
	h->has_content = true;
	*out = (struct content *)(void *)h;
	return 0;
}

static struct host *host_of(struct content *c)
{
	return (struct host *)(void *)c;
}

static json_t *fake_describe(struct content *c)
{
	(void)c;
	return json_pack("{s:{s:s}, s:{}}", "port", "name", "vm1", "policies");
}

static size_t fake_owners(struct content *c, struct content_owner out[CONTENT_OWNERS])
{
	struct host *h = host_of(c);
	uint64_t limit = h->most_bytes ? h->most_bytes : 1 << 20;

	memset(out, 0, 2 * sizeof(*out));
	out[0] = (struct content_owner){
		.id = "xvs.conn", .oldest = 1, .newest = 2, .is_critical = true, .limit = limit
	};
	out[1] = (struct content_owner){
		.id = "com.example.meter", .oldest = 1, .newest = 1, .limit = 1 << 20
	};
	return 2;
}

static int fake_agree(struct content *c, const struct content_owner *owners, size_t count,
		      struct xvs_error *err)
{
	(void)c;
	(void)owners;
	(void)err;
	return count == 2 ? 0 : -EINVAL;
}

/* Two slices a pass; one record of each owner that has a format. */
static int fake_save(struct content *c, enum content_pass pass, content_sink sink, void *ctx,
		     struct xvs_error *err)
{
	struct host *h = host_of(c);
	static uint8_t bytes[STATE_BYTES];
	struct content_record r = { .owner = "xvs.conn",
				    .format = h->p->hosts[1].reads_newest == 2 ? 2 : 1,
				    .data = bytes,
				    .len = 10 };
	int code;

	assert_true(pass != CONTENT_FINAL || h->is_frozen);
	assert_true(h->has_content);
	memset(bytes, (int)pass, sizeof(bytes));
	if (h->slices == 0)
		h->slices = 2;
	code = sink(ctx, &r, err);
	if (code == 0 && !h->p->hosts[1].lacks_meter) {
		r.owner = "com.example.meter";
		r.format = 1;
		r.len = sizeof(bytes);
		code = sink(ctx, &r, err);
	}
	return code ? code : --h->slices > 0;
}

static uint64_t fake_pending(struct content *c)
{
	(void)c;
	return 1000;
}

static void call_later(struct host *h, const struct call *what)
{
	struct call *c = &h->p->calls[h->p->call_count++];

	assert_true(h->p->call_count < CALLS);
	*c = *what;
	c->host = h;
	c->life = h->life;
}

static void on_freeze(struct host *h)
{
	h->is_frozen = true;
	h->is_open = false;
}

static void fake_freeze(struct content *c, void (*done)(void *arg, int code), void *arg)
{
	struct host *h = host_of(c);
	struct call call = { .frozen = done,
			     .arg = arg,
			     .code = h->freeze_code,
			     .effect = h->freeze_code ? NULL : on_freeze };

	call_later(h, &call);
}

static void fake_close(struct content *c, bool is_moved)
{
	struct host *h = host_of(c);

	h->has_content = false;
	h->is_frozen = false;
	h->slices = 0;
	/* a freeze that was under way answers nobody */
	for (size_t i = 0; i < h->p->call_count; i++)
		if (h->p->calls[i].host == h && h->p->calls[i].frozen)
			h->p->calls[i].life = 0;
	if (!is_moved)
		h->is_open = h->exists;
	check_never_both(h->p);
}

static void on_removed_now(struct host *h)
{
	h->exists = false;
	h->held = false;
	h->is_held = false;
	h->is_open = false;
}

static void fake_remove(void *host, const char *target, content_done done, void *arg)
{
	struct call call = { .done = done, .arg = arg, .effect = on_removed_now };

	assert_string_equal(target, "lab/vm1");
	call_later(host, &call);
}

static int fake_hold(void *host, const char *target)
{
	(void)target;
	((struct host *)host)->is_held = true;
	return 0;
}

static int fake_release(void *host, const char *target, struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	(void)err;
	h->is_held = false;
	h->held = false;
	h->is_open = h->exists;
	check_never_both(h->p);
	return 0;
}

static const struct content_source_ops fake_source = {
	.open = fake_open,
	.describe = fake_describe,
	.owners = fake_owners,
	.agree = fake_agree,
	.save = fake_save,
	.pending = fake_pending,
	.freeze = fake_freeze,
	.close = fake_close,
	.remove = fake_remove,
	.hold = fake_hold,
	.release = fake_release,
};

/* ---- what moves, at the target ------------------------------------------------------------------- */

static void fake_admit(void *host, struct arrival *a, content_done done, void *arg)
{
	struct host *h = host;
	struct call call = { .done = done, .arg = arg };

	a->owners[0].format = h->reads_newest ? h->reads_newest : 1;
	a->owners[1].format = h->lacks_meter ? 0 : 1;
	if (h->exists)
		(void)finding_add(a->findings, "port", "a port of this name is there");
	if (h->refusal)
		(void)finding_add(a->findings, "policy", "%s", h->refusal);
	call_later(h, &call);
}

static void on_prepared(struct host *h)
{
	h->exists = true;
	h->held = true;
	h->is_held = true;
}

static void fake_prepare(void *host, struct arrival *a, content_done done, void *arg)
{
	struct host *h = host;
	struct call call = { .done = done,
			     .arg = arg,
			     .code = h->prepare_code,
			     .effect = h->prepare_code ? NULL : on_prepared };

	assert_true(h->p->tamper || strcmp(a->target, "lab/vm1") == 0);
	call_later(h, &call);
}

static int fake_restore(void *host, const char *target, const struct content_record *r,
			struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	assert_true(h->exists && h->is_held);
	if (h->restore_code)
		return error_set(err, h->restore_code, "", "%s: no good", r->owner);
	if (strcmp(r->owner, "xvs.conn") == 0)
		memcpy(h->restored + h->restored_len, r->data, r->len);
	h->restored_len += strcmp(r->owner, "xvs.conn") == 0 ? r->len : 0;
	return 0;
}

static int fake_open_port(void *host, const char *target, struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	if (h->open_code)
		return error_set(err, h->open_code, "", "it does not open");
	assert_true(h->exists);
	h->is_held = false;
	h->is_open = true;
	h->opened++;
	check_never_both(h->p);
	return 0;
}

static int fake_settle(void *host, const char *target, struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	(void)err;
	h->held = false;
	return 0;
}

static void fake_discard(void *host, const char *target, content_done done, void *arg)
{
	struct call call = { .done = done, .arg = arg, .effect = on_removed_now };

	(void)target;
	call_later(host, &call);
}

static bool fake_may_place(void *host, const char *peer, const char *switch_name)
{
	return !((struct host *)host)->may_not_place && strcmp(peer, "host0") == 0 &&
	       strcmp(switch_name, "lab") == 0;
}

static const struct content_target_ops fake_target = {
	.admit = fake_admit,
	.prepare = fake_prepare,
	.restore = fake_restore,
	.open = fake_open_port,
	.settle = fake_settle,
	.discard = fake_discard,
	.may_place = fake_may_place,
};

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

static bool is_settled(const struct pair *p)
{
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
	return p->call_count == 0;
}

enum { EVENTS_MAX = 3000 };

static void pair_run(struct pair *p)
{
	for (int i = 0; i < EVENTS_MAX && !is_settled(p); i++)
		if (!pair_turn(p))
			break;
}

static void pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
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
