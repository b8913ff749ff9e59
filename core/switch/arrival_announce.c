/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/arrival_announce.c - the network is told that a machine's addresses are reached by this host now:
 * its own and those that were learned behind it, by every uplink, and twice more, since who is told may
 * be busy.  It only helps: whoever hears nothing learns from the machine's next packet.
 *
 * By reverse ARP alone.  Which address belongs to which adapter has not changed, so there is nothing to
 * say by ARP or neighbour discovery that a switch would learn more from.  Who is behind the port is asked
 * which groups it listens to, as after a fail-over (announce.c): its answer is what adjacent switches know
 * that from.
 */
#include "base/clock.h"
#include "packet/igmp.h"
#include "switch/bundle_part.h"
#include "switch/team.h"

enum { ROUNDS = 3, ADDRESSES_MAX = FRAMES_MAX / 2 };
#define ROUND_NS (UINT64_C(200) * NS_PER_MS)

struct arrival_announcement {
	struct port *port;
	struct loop_timer *timer;
	unsigned rounds_left;
	size_t count;
	struct told_address {
		uint32_t segment;
		uint8_t mac[6];
	} addresses[ADDRESSES_MAX];
};

static void on_sent(struct frames *f)
{
	free(f);
}

static struct frame *add_frame(struct frames *all, const struct port *out, const struct port *like,
			       uint32_t segment)
{
	struct frame *f = &all->frames[all->count++];

	*f = (struct frame){ .port = out->id, .like = like->id, .segment = segment };
	return f;
}

/* The member of a team by which packets with this source leave; NULL: none does. */
static const struct port *member_for(const struct team *t, const struct port *p,
				     const uint8_t mac[6])
{
	uint32_t home = t->path->table ? team_home(t->path->table, p->id, mac) : TEAM_MEMBERS;

	return home < TEAM_MEMBERS ? t->links[home].port : NULL;
}

/* By one uplink, and asked in this one's name what it listens to. */
static void tell_by(const struct arrival_announcement *a, const struct port *uplink,
		    struct frames *all)
{
	const struct team *t = uplink->sw->team;
	bool is_team = port_is_team(uplink);
	struct frame *f;

	for (size_t i = 0; i < a->count && all->count < FRAMES_MAX - 1; i++) {
		const struct told_address *told = &a->addresses[i];
		const struct port *out = is_team ? member_for(t, a->port, told->mac) : uplink;

		if (out)
			announce_rarp(add_frame(all, out, uplink, told->segment), told->mac);
	}
	f = add_frame(all, a->port, a->port, port_segment(a->port));
	f->len = igmp_query_write(f->bytes, uplink->backend->mac);
}

static void tell(struct arrival_announcement *a)
{
	const struct vswitch *sw = a->port->sw;

	for (size_t i = 0; i < sw->port_count; i++) {
		const struct port *uplink = sw->ports[i];
		struct frames *all;

		if (uplink->spec.role != PORT_UPLINK || uplink->is_member || !uplink->path_port ||
		    !uplink->backend)
			continue;
		/* without memory it is not told this time */
		all = calloc(1, sizeof(*all));
		if (!all)
			return;
		tell_by(a, uplink, all);
		all->done = on_sent;
		path_send(a->port->w->path, all);
	}
}

static void on_round(void *arg)
{
	struct arrival_announcement *a = arg;

	if (a->port->path_port && a->port->is_open)
		tell(a);
	if (--a->rounds_left)
		loop_timer_arm(a->timer, ROUND_NS);
	else
		arrival_announce_end(a->port);
}

static void add_address(struct arrival_announcement *a, uint32_t segment, const uint8_t mac[6])
{
	struct told_address *told = &a->addresses[a->count];

	if (a->count == ADDRESSES_MAX)
		return;
	told->segment = segment == L2_ANY ? port_segment(a->port) : segment;
	memcpy(told->mac, mac, 6);
	a->count++;
}

void arrival_announce(struct port *p)
{
	struct arrival_announcement *a = calloc(1, sizeof(*a));

	arrival_announce_end(p);
	if (!a)
		return;
	a->port = p;
	a->rounds_left = ROUNDS;
	a->timer = loop_timer_create(p->w->loop, on_round, a);
	if (!a->timer) {
		free(a);
		return;
	}
	if (p->has_static)
		add_address(a, p->static_segment, p->static_mac);
	for (size_t i = 0; p->arrival && i < p->arrival->address_count; i++)
		add_address(a, p->arrival->addresses[i].segment, p->arrival->addresses[i].mac);
	p->announcement = a;
	loop_timer_arm(a->timer, 0);
}

void arrival_announce_end(struct port *p)
{
	if (!p->announcement)
		return;
	loop_timer_destroy(p->announcement->timer);
	free(p->announcement);
	p->announcement = NULL;
}

void bundle_stay_quiet(struct world *w, const char *target)
{
	struct port *p = world_port(w, target);

	if (p)
		arrival_announce_end(p);
}
