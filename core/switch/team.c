/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/team.c - a team comes, looks at its links, and says which of them sends.
 *
 * The loss of a link is dealt with here at once, whatever transaction is under way: a new table is
 * published, and that is all that workers need.
 */
#include "switch/team.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"

enum { PARTNER_S = 100 }; /* LACP's long timeout is 90 s: IEEE 802.1AX-2020, 6.4.4 */

static void on_tick(void *arg);

bool port_is_team(const struct port *p)
{
	return strcmp(p->spec.backend.kind, "team") == 0;
}

const struct port *team_ruler(const struct port *p)
{
	return p->is_member && p->sw->team && p->sw->team->port ? p->sw->team->port : p;
}

const char *team_target(const struct team *t)
{
	return t->port ? t->port->full_name : t->sw->name;
}

/* ---- coming and going ---------------------------------------------------------------------------- */

static struct team *team_create(struct vswitch *sw)
{
	struct team *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->w = sw->w;
	t->sw = sw;
	t->path = calloc(1, sizeof(*t->path));
	t->timer = loop_timer_create(sw->w->loop, on_tick, t);
	if (!t->path || !t->timer) {
		free(t->path);
		loop_timer_destroy(t->timer);
		free(t);
		return NULL;
	}
	memset(t->holders, TEAM_NOBODY, sizeof(t->holders));
	memset(t->spread, TEAM_NOBODY, sizeof(t->spread));
	loop_timer_arm(t->timer, NS_PER_S);
	return t;
}

static bool is_empty(const struct team *t)
{
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port)
			return false;
	return !t->port;
}

/* Configurations that name it go a grace period after their ports: so does it. */
static void team_destroy(struct team *t)
{
	announce_end(t);
	loop_timer_destroy(t->timer);
	t->sw->team = NULL;
	rcu_free(t->path->table);
	rcu_free(t->path);
	free(t);
}

static int take_number(struct team *t, struct port *p)
{
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		if (t->links[m].port)
			continue;
		t->links[m] = (struct team_link){ .port = p };
		p->member = (uint8_t)m;
		return 0;
	}
	return -ENOSPC;
}

/* What the team's port is to those who ask for its link. */
static void tell_backend(const struct team *t)
{
	struct backend *b = t->port ? t->port->backend : NULL;
	bool is_first = true;

	if (!b)
		return;
	b->up = false;
	b->speed_mbps = 0;
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		const struct backend *of = t->links[m].port ? t->links[m].port->backend : NULL;

		if (!of)
			continue;
		if (is_first)
			memcpy(b->mac, of->mac, sizeof(b->mac));
		if (is_first || of->mtu < b->mtu)
			b->mtu = of->mtu;
		is_first = false;
		b->up |= t->links[m].is_good;
		b->speed_mbps += t->links[m].is_good ? of->speed_mbps : 0;
	}
}

int team_join(struct port *p)
{
	struct vswitch *sw = p->sw;

	if (!p->is_member && !port_is_team(p))
		return 0;
	if (!sw->team)
		sw->team = team_create(sw);
	if (!sw->team)
		return -ENOMEM;
	if (p->is_member && take_number(sw->team, p) < 0)
		return -ENOSPC;
	if (!p->is_member) {
		sw->team->port = p;
		rcu_publish(&sw->team->path->port, p->path_port);
	}
	tell_backend(sw->team);
	return 0;
}

/* ---- links --------------------------------------------------------------------------------------- */

static void note_link(const struct team *t, struct team_link *l, bool has_link)
{
	if (l->is_known && l->has_link == has_link)
		return;
	l->has_link = has_link;
	if (!l->is_known)
		return;
	l->changes++;
	l->changed_s = (int64_t)time(NULL);
	log_message_at(has_link ? XVS_LOG_INFO : XVS_LOG_WARN, MSG_TEAM_LINK,
		       "team %s: uplink %s: its link is %s", team_target(t), l->port->spec.name,
		       has_link ? "up" : "down");
}

static void look_at(const struct team *t, struct team_link *l)
{
	const struct port *p = l->port;
	bool has_link = p->backend && p->backend->up;

	if (!p->is_open && !l->is_known) /* not published yet */
		return;
	note_link(t, l, has_link);
	l->could_send =
		has_link && !l->is_lost && p->path_port && p->is_open && !port_is_blocked(p);
}

/* One that failed is watched for a while before it is trusted again. */
static void judge(const struct team *t, struct team_link *l, uint64_t now_ns)
{
	bool was_good = l->is_good;

	l->is_good = l->could_send && (!l->fault || t->is_unfit);
	if (l->is_good && !was_good)
		l->usable_ns = l->is_known ? now_ns + t->spec.failback_s * NS_PER_S : now_ns;
	l->is_known |= l->port->is_open;
}

/* Whether faults count hangs on all links, so they are looked at before any is judged. */
static void look_at_all(struct team *t, uint64_t now_ns)
{
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port)
			look_at(t, &t->links[m]);
	team_health_weigh(t);
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port)
			judge(t, &t->links[m], now_ns);
}

/* ---- tables -------------------------------------------------------------------------------------- */

static bool holders_equal(const uint8_t a[TEAM_MEMBERS], const uint8_t b[TEAM_MEMBERS])
{
	return memcmp(a, b, TEAM_MEMBERS) == 0;
}

static void log_holders(const struct team *t)
{
	struct strbuf names = { 0 };

	for (uint32_t s = 0; s < TEAM_MEMBERS; s++) {
		const struct port *p =
			t->holders[s] < TEAM_MEMBERS ? t->links[t->holders[s]].port : NULL;

		if (p)
			strbuf_add(&names, "%s%s", names.len ? ", " : "", p->spec.name);
	}
	if (names.len)
		log_message(MSG_TEAM_PATH, "team %s: packets leave by %s", team_target(t),
			    names.text);
	else
		log_message_at(XVS_LOG_ERROR, MSG_TEAM_PATH, "team %s: no uplink can send",
			       team_target(t));
	strbuf_finish(&names);
}

static void publish(struct team *t, struct team_table *table)
{
	struct team_table *old = t->path->table;

	rcu_publish(&t->path->table, table);
	if (old)
		announce_begin(t, old);
	rcu_free(old);
}

/* False: no memory; the next tick tries again. */
static bool refresh(struct team *t)
{
	struct team_table *table = calloc(1, sizeof(*table));
	uint64_t now_ns = clock_ns();
	uint8_t before[TEAM_MEMBERS];
	struct team_order o;

	if (!table)
		return false;
	look_at_all(t, now_ns);
	memcpy(before, t->holders, sizeof(before));
	team_order(t, now_ns, &o);
	team_choose(&o, t->holders);
	team_fill(&o, t->holders, table);
	if (o.mode == TEAM_BY_LOAD)
		team_spread(t, table);
	memcpy(t->spread, table->spread, sizeof(t->spread));
	if (!holders_equal(before, t->holders)) {
		t->failovers += t->path->table != NULL;
		log_holders(t);
	}
	if (t->path->table && team_equal(t->path->table, table))
		free(table);
	else
		publish(t, table);
	tell_backend(t);
	return true;
}

void team_link_changed(struct port *p)
{
	if (p->is_member && p->sw->team)
		(void)refresh(p->sw->team);
}

void team_settle(struct vswitch *sw, const struct team_spec *spec)
{
	struct team *t = sw->team;

	if (!t)
		return;
	if (spec) {
		t->spec = *spec;
		t->spec.port = (struct port_spec){ .role = PORT_UPLINK };
	}
	(void)refresh(t);
}

void team_leave(struct port *p)
{
	struct team *t = p->sw->team;

	if (!t || (!p->is_member && t->port != p))
		return;
	if (t->port == p) {
		t->port = NULL;
		rcu_publish(&t->path->port, NULL);
	} else if (t->links[p->member].port == p) {
		t->links[p->member] = (struct team_link){ .port = NULL };
		/* better that nobody sends for a while than that one does who is going */
		if (!refresh(t))
			publish(t, NULL);
	}
}

void team_end(struct vswitch *sw)
{
	if (sw->team && is_empty(sw->team))
		team_destroy(sw->team);
}

/* ---- once a second ------------------------------------------------------------------------------- */

static void tell_partner(const struct team *t, const struct team_link *l)
{
	char text[MAC_TEXT];

	log_message(
		MSG_LACP,
		"team %s: uplink %s: the adjacent switch (%s, key %u, port %u) speaks LACP there, but "
		"uplinks of a team are independent of each other; take that port out of its LACP "
		"group",
		team_target(t), l->port->spec.name, mac_print(l->partner.system, text),
		l->partner.key, l->partner.port);
}

/* A partner is told of when it comes, and when it has gone. */
static void read_slow(struct team *t, struct team_link *l, struct team_seen *seen, uint64_t now_ns)
{
	bool is_new = l->partner_ns == 0;

	if (atomic_load_explicit(&seen->slow_state, memory_order_acquire) == SLOW_FULL) {
		bool is_lacp = lacp_read(seen->slow, seen->slow_len, &l->partner);

		atomic_store_explicit(&seen->slow_state, SLOW_EMPTY, memory_order_release);
		if (is_lacp)
			l->partner_ns = now_ns;
	}
	if (is_new && l->partner_ns != 0)
		tell_partner(t, l);
	if (l->partner_ns == 0 || now_ns - l->partner_ns < PARTNER_S * NS_PER_S)
		return;
	l->partner_ns = 0;
	log_message_at(XVS_LOG_INFO, MSG_LACP,
		       "team %s: uplink %s: LACP is not heard there any more", team_target(t),
		       l->port->spec.name);
}

/* Measures are of a second; probes may be more often. */
static uint64_t tick_ns(const struct team *t)
{
	uint64_t probe_ns = (uint64_t)t->spec.probe_ms * NS_PER_MS;

	return t->spec.probe[0] && probe_ns < NS_PER_S ? probe_ns : NS_PER_S;
}

static bool is_second(struct team *t, uint64_t now_ns)
{
	if (now_ns < t->measured_ns)
		return false;
	t->measured_ns = now_ns + NS_PER_S;
	return true;
}

static void on_tick(void *arg)
{
	struct team *t = arg;
	uint64_t now_ns = clock_ns();

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port)
			read_slow(t, &t->links[m], &t->path->seen[m], now_ns);
	if (t->spec.mode == TEAM_LOAD && is_second(t, now_ns))
		(void)team_measure(t);
	probe_tick(t, now_ns);
	team_health_tick(t, now_ns);
	passage_tick(t, now_ns);
	(void)refresh(t);
	announce_tick(t, now_ns);
	loop_timer_arm(t->timer, tick_ns(t));
}
