/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/shed.c - which sources are shed where, for whom and how long; and their numbers.
 *
 * A driver knows a prefix once.  Where several instances name it, one entry is the driver's, with a
 * slot of its counters; the others wait, and one of them takes its place when it ends.
 *
 * A team has no driver: what is named at its port is an entry that no driver has, and one each for
 * its members whose drivers can, also for those that come later.
 *
 * Drivers count by slot, for ever.  What a slot has grown by since it was read last goes to a
 * worker, which alone writes its shard: received there, and dropped for the instance's reason.
 */
#include "path/shed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "path/team.h"
#include "path/worker.h"
#define XVS_USE_DRAFT
#include "xvs/ext/shed.h"

enum { PERIOD_MS = 100, GROW = 64, SLOT_WORDS = BACKEND_SHED_MAX / 64 };

struct entry {
	struct backend_source source;
	const struct instance *instance;
	uint32_t named; /* port at which it was named: of its chain, and of its drops */
	uint32_t port;  /* whose driver is to drop; another one for a member of a team */
	uint32_t asked[TEAM_MEMBERS]; /* of a team: members' ports; 0: none */
	uint16_t reason;
	bool is_driven; /* the driver counts it in 'slot' */
	uint32_t slot;
	uint64_t packets, bytes; /* of the slot, when it was read last */
};

struct shed {
	struct path *path;
	struct loop_timer *timer;
	struct entry *entries;
	uint32_t count, room;
};

/* ---- numbers --------------------------------------------------------------------------------- */

struct count_letter {
	struct letter letter; /* first */
	struct worker *worker;
	uint32_t port;
	uint64_t key, packets, bytes;
};

static void count_on_worker(struct letter *letter)
{
	const struct count_letter *l = (const struct count_letter *)letter;
	struct counter_shard *shard = l->worker->shard;

	counter_add(&shard->ports[l->port].rx_packets, l->packets);
	counter_add(&shard->ports[l->port].rx_bytes, l->bytes);
	counters_drop(shard, l->key, l->packets, l->bytes);
	free(letter);
}

/* Out of memory: the numbers stay in the driver until the next look. */
static void count(struct shed *s, struct entry *e)
{
	const struct path_port *port = s->path->ports[e->port];
	struct count_letter *l;
	uint64_t packets;
	uint64_t bytes;

	if (!e->is_driven)
		return;
	port->backend->ops->shed_counts(port->backend, e->slot, &packets, &bytes);
	if (packets == e->packets)
		return;
	l = malloc(sizeof(*l));
	if (!l)
		return;
	*l = (struct count_letter){
		.worker = s->path->worker_list[0],
		.port = e->port,
		.key = drop_key(e->named, XVS_STAGE_INGRESS, e->instance->nr, e->reason),
		.packets = packets - e->packets,
		.bytes = bytes - e->bytes,
	};
	e->packets = packets;
	e->bytes = bytes;
	worker_post(l->worker, &l->letter, count_on_worker);
}

/* ---- the driver ------------------------------------------------------------------------------ */

static bool is_same_source(const struct entry *a, const struct entry *b)
{
	return a->port == b->port &&
	       memcmp(&a->source.prefix, &b->source.prefix, sizeof(a->source.prefix)) == 0;
}

/* A slot that no entry of the port has, or BACKEND_SHED_MAX. */
static uint32_t free_slot(const struct shed *s, uint32_t port)
{
	uint64_t taken[SLOT_WORDS] = { 0 };
	uint32_t slot = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct entry *e = &s->entries[i];

		if (e->port == port && e->is_driven)
			taken[e->slot / 64] |= UINT64_C(1) << (e->slot % 64);
	}
	while (slot < BACKEND_SHED_MAX && taken[slot / 64] >> (slot % 64) & 1)
		slot++;
	return slot;
}

static int drive(struct shed *s, struct entry *e)
{
	struct backend *b = s->path->ports[e->port]->backend;
	const uint32_t slot = e->is_driven ? e->slot : free_slot(s, e->port);
	int code;

	if (slot == BACKEND_SHED_MAX)
		return -ENOSPC;
	if (!e->is_driven)
		b->ops->shed_counts(b, slot, &e->packets, &e->bytes);
	code = b->ops->shed(b, slot, &e->source);
	if (code)
		return code == -E2BIG ? -ENOSPC : code;
	e->slot = slot;
	e->is_driven = true;
	return 0;
}

static struct entry *driven_twin(const struct shed *s, const struct entry *e)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->entries[i].is_driven && is_same_source(&s->entries[i], e))
			return &s->entries[i];
	}
	return NULL;
}

/* Whoever else named the source goes on with it; else the driver forgets it. */
static void hand_on(struct shed *s, const struct entry *ended)
{
	struct backend *b = s->path->ports[ended->port]->backend;

	for (uint32_t i = 0; i < s->count; i++) {
		if (is_same_source(&s->entries[i], ended) && drive(s, &s->entries[i]) == 0)
			return;
	}
	b->ops->unshed(b, &ended->source);
}

/* ---- entries --------------------------------------------------------------------------------- */

static struct entry *find(const struct shed *s, const struct entry *wanted)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->entries[i].instance == wanted->instance &&
		    s->entries[i].named == wanted->named && is_same_source(&s->entries[i], wanted))
			return &s->entries[i];
	}
	return NULL;
}

/* The last takes its place. */
static void end_entry(struct shed *s, struct entry *e)
{
	struct entry ended;

	count(s, e);
	ended = *e;
	*e = s->entries[--s->count];
	if (ended.is_driven)
		hand_on(s, &ended);
}

static bool has_room(struct shed *s)
{
	struct entry *more;

	if (s->count < s->room)
		return true;
	more = reallocarray(s->entries, s->room + GROW, sizeof(*more));
	if (!more)
		return false;
	s->entries = more;
	s->room += GROW;
	return true;
}

static uint32_t count_of(const struct shed *s, const struct instance *i)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < s->count; k++)
		n += s->entries[k].instance == i && s->entries[k].port == s->entries[k].named;
	return n;
}

static bool is_in_chain(const struct path *path, const struct instance *i, uint32_t id)
{
	const struct path_port *port = id < PORTS_MAX ? path->ports[id] : NULL;
	const struct chain *chain = port && !port->is_leaving ? &port->conf->ingress : NULL;

	for (uint32_t n = 0; chain && n < chain->count; n++) {
		if (chain->places[n].instance == i)
			return true;
	}
	return false;
}

/* ---- teams ----------------------------------------------------------------------------------- */

/* Where members are to drop what is named at this port; NULL: it is no team's. [any] */
static const struct team_table *team_at(const struct path_port *port)
{
	const struct path_team *team = port ? rcu_read(&port->conf)->team : NULL;

	return team && rcu_read(&team->port) == port ? rcu_read(&team->table) : NULL;
}

static bool can_shed(const struct path_port *port)
{
	return port && port->backend && port->backend->ops->shed;
}

static int insert(struct shed *s, struct entry *e);

/* The port is the one at which it was named, or still a member of that one's team. */
static bool is_placed(const struct shed *s, const struct entry *e)
{
	const struct team_table *t = team_at(path_port_of(s->path, e->named));

	for (uint32_t m = 0; t && m < TEAM_MEMBERS; m++) {
		if (t->ports[m] && t->ports[m]->id == e->port)
			return true;
	}
	return e->port == e->named;
}

/* Who is not at its place any more is asked when it comes back. */
static void forget_leavers(struct entry *e, const struct team_table *t)
{
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		if (!t || !t->ports[m] || t->ports[m]->id != e->asked[m])
			e->asked[m] = 0;
	}
}

/* By the drivers of members that were not asked yet; one without room leaves it to the verdict. */
static void share_out(struct shed *s, uint32_t idx)
{
	const struct team_table *t = team_at(path_port_of(s->path, s->entries[idx].port));
	struct entry e;

	forget_leavers(&s->entries[idx], t);
	e = s->entries[idx];
	for (uint32_t m = 0; t && m < TEAM_MEMBERS; m++) {
		struct entry own = e;

		if (!can_shed(t->ports[m]) || e.asked[m] == t->ports[m]->id)
			continue;
		own.port = t->ports[m]->id;
		s->entries[idx].asked[m] = own.port;
		if (!find(s, &own))
			(void)insert(s, &own);
	}
}

/* ---- looking after them ---------------------------------------------------------------------- */

void shed_look(struct shed *s, uint64_t now_ns)
{
	for (uint32_t i = s->count; i-- > 0;) {
		struct entry *e = &s->entries[i];

		if (e->source.until_ns <= now_ns || !is_in_chain(s->path, e->instance, e->named) ||
		    !is_placed(s, e))
			end_entry(s, e);
		else
			count(s, e);
	}
	for (uint32_t i = 0; i < s->count; i++)
		share_out(s, i);
}

static void on_time(void *arg)
{
	struct shed *s = arg;

	shed_look(s, clock_ns());
	if (s->count)
		loop_timer_arm(s->timer, (uint64_t)PERIOD_MS * NS_PER_MS);
}

/* Without the new one: it is to be driven, if nobody else's is. */
static int insert(struct shed *s, struct entry *e)
{
	int code = 0;

	bool is_member = e->port != e->named;
	bool has_driver = can_shed(s->path->ports[e->port]);

	if (!is_member && count_of(s, e->instance) >= XVS_SHED_MAX)
		return -ENOSPC;
	if (!has_room(s))
		return -ENOMEM;
	if (has_driver && !driven_twin(s, e))
		code = drive(s, e);
	if (code)
		return code;
	if (s->count == 0)
		loop_timer_arm(s->timer, (uint64_t)PERIOD_MS * NS_PER_MS);
	s->entries[s->count++] = *e;
	return 0;
}

/* Bits behind the prefix say nothing. */
static void prefix_trim(struct xvs_ip *ip)
{
	for (uint32_t bit = ip->prefix_len; bit < 8 * sizeof(ip->addr); bit++)
		ip->addr[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	memset(ip->pad, 0, sizeof(ip->pad));
}

static struct shed *shed_of(const struct instance_env *env)
{
	return path_of_env(env)->shed;
}

/* It, and what members have of it; the last takes the place of one that ends. */
static void end_all(struct shed *s, const struct entry *wanted)
{
	for (uint32_t n = s->count; n-- > 0;) {
		struct entry *e = &s->entries[n];

		if (e->instance == wanted->instance && e->named == wanted->named &&
		    memcmp(&e->source.prefix, &wanted->source.prefix, sizeof(e->source.prefix)) ==
			    0)
			end_entry(s, e);
	}
}

/* Named again. */
static int renew(struct shed *s, struct entry *e, const struct entry *wanted)
{
	count(s, e); /* for the reason until now */
	e->reason = wanted->reason;
	e->source.until_ns = wanted->source.until_ns;
	return e->is_driven ? drive(s, e) : 0;
}

static int renew_all(struct shed *s, const struct entry *wanted)
{
	int worst = 0;

	for (uint32_t n = 0; n < s->count; n++) {
		struct entry *e = &s->entries[n];
		int code = 0;

		if (e->instance == wanted->instance && e->named == wanted->named &&
		    memcmp(&e->source.prefix, &wanted->source.prefix, sizeof(e->source.prefix)) ==
			    0)
			code = renew(s, e, wanted);
		worst = code ? code : worst;
	}
	return worst;
}

static int add(struct instance *i, const struct xvs_shed_source *from)
{
	struct shed *s = shed_of(i->env);
	struct entry wanted = {
		.source = { .prefix = from->prefix,
			    .until_ns = clock_ns() + (uint64_t)from->ms * NS_PER_MS },
		.instance = i,
		.named = from->port,
		.port = from->port,
		.reason = from->reason,
	};
	int code;

	if (!is_in_chain(s->path, i, from->port))
		return -ENOENT;
	prefix_trim(&wanted.source.prefix);
	if (find(s, &wanted))
		return renew_all(s, &wanted);
	code = insert(s, &wanted);
	if (code == 0)
		share_out(s, s->count - 1);
	return code;
}

static int take_back(struct instance *i, uint32_t port, const struct xvs_ip *prefix)
{
	struct shed *s = shed_of(i->env);
	struct entry wanted = {
		.source.prefix = *prefix, .instance = i, .named = port, .port = port
	};

	prefix_trim(&wanted.source.prefix);
	if (!find(s, &wanted))
		return -ENOENT;
	end_all(s, &wanted);
	return 0;
}

static void forget(struct instance *i)
{
	struct shed *s = shed_of(i->env);

	for (uint32_t n = s->count; n-- > 0;) {
		if (s->entries[n].instance == i)
			end_entry(s, &s->entries[n]);
	}
}

static void forget_asked(struct entry *e, uint32_t port)
{
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		if (e->asked[m] == port)
			e->asked[m] = 0;
	}
}

void shed_forget_port(struct shed *s, uint32_t port)
{
	for (uint32_t n = 0; n < s->count; n++)
		forget_asked(&s->entries[n], port);
	for (uint32_t n = s->count; n-- > 0;) {
		if (s->entries[n].port == port || s->entries[n].named == port)
			end_entry(s, &s->entries[n]);
	}
}

/* [any] On a worker the port stays until the burst has ended. */
static bool can(const struct instance_env *env, uint32_t id)
{
	const struct path_port *port = path_port_of(path_of_env(env), id);
	const struct team_table *t = can_shed(port) ? NULL : team_at(port);
	bool any = can_shed(port);

	for (uint32_t m = 0; t && m < TEAM_MEMBERS; m++)
		any |= can_shed(t->ports[m]);
	return any;
}

void shed_fill(struct instance_env *env)
{
	env->shed_can = can;
	env->shed_add = add;
	env->shed_remove = take_back;
	env->shed_forget = forget;
}

struct shed *shed_create(struct path *path)
{
	struct shed *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->path = path;
	s->timer = loop_timer_create(path->loop, on_time, s);
	if (s->timer)
		return s;
	free(s);
	return NULL;
}

void shed_destroy(struct shed *s)
{
	if (!s)
		return;
	loop_timer_destroy(s->timer);
	free(s->entries);
	free(s);
}
