/* SPDX-License-Identifier: Apache-2.0 */
/* switch/link.c - from "xvs.link/1", "xvs.class/1" and "xvs.rate/1" to the classes of an uplink. */
#include "switch/link.h"

#include "base/clock.h"
#include "path/link.h"
#include "policy/rate.h"
#include "switch/queue.h"
#include "switch/team.h"

enum { BITS_OF_KBIT = 1000, KBITS_OF_MBIT = 1000, DEPTH_NS = 4 * NS_PER_MS };

const struct policy_link *link_policy(const struct port *p)
{
	if (p->spec.role != PORT_UPLINK || port_is_team(p))
		return NULL;
	return settings_bytes(&team_ruler(p)->settings, builtin_link.id);
}

/* What comes in is limited at the team's port, and waits where it comes in: at its members. */
static void compile_member(const struct port *p, struct port_conf *conf)
{
	struct port_conf ruler = { .rate_kinds = 0 };

	if (!p->is_member)
		return;
	compile_rate(team_ruler(p), &ruler);
	conf->weight = ruler.weight;
	conf->rate_kinds |= ruler.rate_kinds & (1u << RATE_FROM | 1u << RATE_RESERVED);
}

/* 0: nobody knows. */
static uint64_t kbps_of(const struct port *p, const struct policy_link *link)
{
	if (link->kbps)
		return link->kbps;
	return p->backend ? (uint64_t)p->backend->speed_mbps * KBITS_OF_MBIT : 0;
}

void compile_link(const struct port *p, struct port_conf *conf)
{
	const struct policy_link *link = link_policy(p);
	uint64_t kbps;

	compile_member(p, conf);
	kbps = link ? kbps_of(p, link) : 0;
	if (!kbps)
		return;
	conf->rates[RATE_LINK].per_second[RATE_BITS] = kbps * BITS_OF_KBIT;
	conf->rates[RATE_LINK].depth_ns[RATE_BITS] = DEPTH_NS;
	conf->rate_kinds |= 1u << RATE_LINK;
}

static uint16_t class_of(const struct port *p)
{
	const struct policy_class *of = settings_bytes(&p->settings, builtin_class.id);
	const struct policy_rate *rate = settings_bytes(&p->settings, builtin_rate.id);

	if (of && of->name != CLASS_NONE)
		return (uint16_t)(LINK_SYSTEM + of->name - CLASS_MANAGEMENT);
	if (rate && (rate->weight || rate->reserve_kbps))
		return (uint16_t)(LINK_OWN + p->id);
	return LINK_COMMON;
}

static void claim_own(struct link_plan *plan, const struct port *p)
{
	const struct policy_rate *rate = settings_bytes(&p->settings, builtin_rate.id);
	struct link_claim *claim;

	plan->class_of[p->id] = class_of(p);
	if (plan->class_of[p->id] < LINK_OWN)
		return;
	claim = &plan->claims[plan->class_of[p->id]];
	claim->weight = rate_weight(rate);
	claim->reserved = rate->reserve_kbps * BITS_OF_KBIT;
	plan->has_reserved |= claim->reserved != 0;
}

static struct link_plan *plan_of(const struct vswitch *sw, const struct policy_link *link)
{
	struct link_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	plan->queue_ns = (uint64_t)link->queue_ms * NS_PER_MS;
	plan->claims[LINK_COMMON].weight = link->weight;
	for (uint32_t i = 0; i < LINK_SYSTEMS; i++)
		plan->claims[LINK_SYSTEM + i] =
			(struct link_claim){ .weight = link->shares[i].weight,
					     .limit = link->shares[i].kbps * BITS_OF_KBIT };
	for (size_t i = 0; i < sw->port_count; i++)
		if (sw->ports[i]->id != 0)
			claim_own(plan, sw->ports[i]);
	return plan;
}

/* Where queues have gone, what waits in them is let go. */
static bool needs_plan(const struct port *p, const struct vswitch *sw, struct link_plan **plan)
{
	const struct policy_queue *queues = queue_policy(p);
	const struct policy_link *link = link_policy(p);
	bool is_over = path_link_has_queues(p->path_port);

	if (queues)
		*plan = queue_plan(p, queues);
	else if (link)
		*plan = plan_of(sw, link);
	else if (is_over)
		*plan = calloc(1, sizeof(**plan));
	return queues || link || is_over;
}

void link_settle(const struct vswitch *sw)
{
	for (size_t i = 0; i < sw->port_count; i++) {
		struct port *p = sw->ports[i];
		struct link_plan *plan = NULL;

		if (p->path_port && needs_plan(p, sw, &plan) &&
		    (!plan || path_link_plan(p->path_port, plan) < 0))
			log_message(MSG_PORT_WARNING,
				    "port %s: out of memory: packets have the shares that they had "
				    "before",
				    p->full_name);
	}
}

/* ---- teams: a reservation is kept by one link ------------------------------------------------------- */

struct housing {
	struct link_guest guests[PORTS_MAX];
	uint32_t ports[PORTS_MAX]; /* whose they are */
	size_t count;
};

static void add_guest(const struct port *p, const uint8_t *pins, struct housing *h)
{
	const struct policy_rate *rate = settings_bytes(&p->settings, builtin_rate.id);

	if (p->spec.role == PORT_UPLINK || p->id == 0 || !rate || !rate->reserve_kbps)
		return;
	h->guests[h->count] = (struct link_guest){ .kbps = rate->reserve_kbps, .pin = pins[p->id] };
	h->ports[h->count++] = p->id;
}

void link_pins(const struct team *t, uint8_t pins[PORTS_MAX])
{
	const struct policy_link *link =
		t->port ? settings_bytes(&t->port->settings, builtin_link.id) : NULL;
	bool is_kept = link && link->kbps && t->spec.mode == TEAM_PORT;
	struct housing *h = is_kept ? calloc(1, sizeof(*h)) : NULL;
	struct link_room room = { .links = TEAM_MEMBERS };

	if (!h) /* no room for reservations, or none to keep them in: by entry port, as others */
		return;
	room.kbps = link->kbps;
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port && team_place(t, &t->links[m]) == PLACE_ACTIVE)
			room.usual |= 1u << m;
	for (size_t i = 0; i < t->sw->port_count; i++)
		add_guest(t->sw->ports[i], pins, h);
	(void)link_house(&room, h->guests, h->count);
	for (size_t i = 0; i < h->count; i++)
		pins[h->ports[i]] = h->guests[i].home;
	free(h);
}
